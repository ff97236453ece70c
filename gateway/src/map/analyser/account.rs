//! Reading records while keeping account: each place that is read is marked, what stays unmarked is reported.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::astm::Message;
use crate::astm::record::{Piece, Record};
use crate::hl7::datetime::{self, DateError, Fallback, When};

use super::super::book::unstorable;
use super::super::report::{MappingReport, Unmapped, Warning};

/// Longest value that the account lists, in characters; the message keeps all of it.
const MOST_VALUE: usize = 200;

/// Record position, field, repeat, component; 0 for "all of them".
type Key = (usize, u16, u16, u16);

/// The account of one message.
pub(super) struct Account<'m> {
    pub message: &'m Message,
    pub fallback: Fallback,
    used: RefCell<BTreeSet<Key>>,
    report: RefCell<MappingReport>,
    occurrences: Vec<u32>,
}

impl<'m> Account<'m> {
    pub fn new(message: &'m Message, fallback: Fallback) -> Self {
        let mut counts: BTreeMap<char, u32> = BTreeMap::new();
        let occurrences = message
            .records()
            .map(|record| {
                let n = counts.entry(record.kind()).or_insert(0);
                *n += 1;
                *n
            })
            .collect();
        Self { message, fallback, used: RefCell::default(), report: RefCell::default(), occurrences }
    }

    pub fn field(&'m self, record: Record<'m>, field: u16) -> Spot<'m> {
        Spot { account: self, record, field, rep: 0, comp: 0, piece: record.field(field.into()) }
    }

    /// Marks fields that only hold the message together.
    pub fn structural(&self, record: Record<'_>, fields: &[u16]) {
        let mut used = self.used.borrow_mut();
        used.extend(fields.iter().map(|field| (record.index(), *field, 0, 0)));
    }

    pub fn warn(&self, path: String, code: &'static str, text: &str) {
        self.report.borrow_mut().warnings.push(Warning { path, code, text: text.to_owned() });
    }

    fn path(&self, record: Record<'_>, field: u16, rep: u16, comp: u16) -> String {
        let mut out = String::from(record.kind());
        match self.occurrences.get(record.index()) {
            Some(n) if *n > 1 => out.push_str(&format!("[{n}]")),
            Some(_) | None => {}
        }
        out.push_str(&format!("-{field}"));
        if rep > 1 {
            out.push_str(&format!("[{rep}]"));
        }
        if comp > 0 {
            out.push_str(&format!(".{comp}"));
        }
        out
    }

    /// Closes the account: lists every component with content that nobody read.
    pub fn close(&self) -> MappingReport {
        let used = self.used.borrow();
        let mut report = self.report.borrow().clone();
        report.used = used.len();
        for record in self.message.records() {
            for (number, field) in record.fields() {
                let f = u16::try_from(number).unwrap_or(u16::MAX);
                let at = record.index();
                if !field.has_content() || used.contains(&(at, f, 0, 0)) {
                    continue;
                }
                for (r, repeat) in (1u16..).zip(field.repeats()) {
                    let single = repeat.components().nth(1).is_none();
                    for (c, component) in (1u16..).zip(repeat.components()) {
                        let read = [(at, f, r, 0), (at, f, r, c)].iter().any(|key| used.contains(key));
                        if component.has_content() && !read {
                            let path = self.path(record, f, r, if single { 0 } else { c });
                            report.unmapped.push(Unmapped { path, value: shortened(&component.text()) });
                        }
                    }
                }
            }
        }
        report
    }
}

fn shortened(text: &str) -> String {
    let mut out: String = text.chars().take(MOST_VALUE).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

/// A place in a message with its account.
#[derive(Clone, Copy)]
pub(super) struct Spot<'m> {
    account: &'m Account<'m>,
    pub record: Record<'m>,
    pub field: u16,
    pub rep: u16,
    pub comp: u16,
    piece: Piece<'m>,
}

impl<'m> Spot<'m> {
    /// The repeats of a field.
    pub fn reps(&self) -> Vec<Self> {
        (1u16..).zip(self.piece.repeats()).map(|(rep, piece)| Spot { rep, piece, ..*self }).collect()
    }

    /// A component of this (first) repeat.
    pub fn c(&self, n: u16) -> Self {
        let repeat = if self.rep > 0 { self.piece } else { self.first() };
        Spot { rep: self.rep.max(1), comp: n, piece: repeat.component(n.into()), ..*self }
    }

    fn first(&self) -> Piece<'m> {
        self.piece.repeats().next().unwrap_or(self.piece)
    }

    /// The text, marking the place as used; `None` when there is none. Control characters that a FHIR string must not
    /// hold stand as U+FFFD.
    pub fn take(&self) -> Option<String> {
        let text = self.peek()?;
        self.mark();
        if text.contains('\u{fffd}') {
            self.warn("controlCharacter", "A character that no record may hold is kept as �.");
        }
        Some(text)
    }

    /// The text, without marking.
    pub fn peek(&self) -> Option<String> {
        let text = self.piece.text();
        (!text.is_empty()).then(|| text.replace(unstorable, "\u{fffd}"))
    }

    /// The components of this (first) repeat, each once: asking for them one by one would walk the field each time.
    fn components(&self) -> impl Iterator<Item = Self> + use<'m> {
        let spot = *self;
        let repeat = if self.rep > 0 { self.piece } else { self.first() };
        let all = (1u16..).zip(repeat.components());
        all.map(move |(comp, piece)| Spot { rep: spot.rep.max(1), comp, piece, ..spot })
    }

    /// The texts of all components, empty ones too, without marking.
    pub fn parts(&self) -> Vec<String> {
        self.components().map(|c| c.peek().unwrap_or_default()).collect()
    }

    /// The texts of all components with content, marking them.
    pub fn all(&self) -> Vec<String> {
        self.components().filter_map(|c| c.take()).collect()
    }

    pub fn mark(&self) {
        let key = (self.record.index(), self.field, self.rep, self.comp);
        self.account.used.borrow_mut().insert(key);
    }

    pub fn has_content(&self) -> bool {
        self.piece.has_content()
    }

    pub fn warn(&self, code: &'static str, text: &str) {
        self.account.warn(self.path(), code, text);
    }

    /// Notes a code that no table here knows; it stays in the record as it was sent.
    pub fn unknown_code(&self, value: &str) {
        let unknown = Unmapped { path: self.path(), value: shortened(value) };
        self.account.report.borrow_mut().unknown_codes.push(unknown);
    }

    fn path(&self) -> String {
        self.account.path(self.record, self.field, self.rep, self.comp)
    }

    /// The time here. One that cannot be read stays unmarked, so it is listed, and is warned about.
    pub fn when(&self) -> Option<When> {
        let spot = if self.comp == 0 { self.c(1) } else { *self };
        match datetime::read(&spot.peek()?, None) {
            Ok(when) => {
                spot.mark();
                Some(when)
            }
            Err(DateError::Zero) => {
                spot.mark();
                None
            }
            Err(error) => {
                spot.warn("badDate", &format!("The time is {error}; it was left out."));
                None
            }
        }
    }

    /// The time here as FHIR `dateTime`.
    pub fn date_time(&self) -> Option<String> {
        self.when().map(|when| when.date_time(&self.account.fallback))
    }

    /// The time here as FHIR `instant`.
    pub fn instant(&self) -> Option<String> {
        self.when().and_then(|when| when.instant(&self.account.fallback))
    }
}
