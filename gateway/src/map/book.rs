//! Reading a message while keeping account: each place that is read is marked, what stays unmarked is reported.

use std::cell::RefCell;

use crate::hl7::datetime::{self, DateError, Fallback, Precision, When};
use crate::hl7::{Message, Part, Presence, Segment};

use super::clinic::Maps;
use super::report::{MappingReport, Unmapped, Warning};

/// Segment position, field, repetition, component, sub-component; 0 for "all of them".
type Key = (u32, u16, u16, u16, u16);

/// The account of one message.
pub(super) struct Book<'a> {
    pub message: &'a Message,
    pub fallback: Fallback,
    /// The clinic's own codes over ours.
    pub maps: &'a Maps,
    /// In the order in which they were read, some more than once.
    used: RefCell<Vec<Key>>,
    report: RefCell<MappingReport>,
    occurrences: Vec<u32>,
}

impl<'a> Book<'a> {
    pub fn new(message: &'a Message, fallback: Fallback, maps: &'a Maps) -> Self {
        let mut counts = std::collections::BTreeMap::new();
        let occurrences = message
            .segments()
            .map(|s| {
                let n = counts.entry(s.name()).or_insert(0u32);
                *n += 1;
                *n
            })
            .collect();
        Self { message, fallback, maps, used: RefCell::default(), report: RefCell::default(), occurrences }
    }

    /// The field of a segment, by the segment's position.
    pub fn field(&'a self, segment: Segment<'a>, field: u16) -> Spot<'a> {
        Spot { book: self, segment, field, rep: 0, comp: 0, sub: 0, part: segment.field(field.into()) }
    }

    /// The segment at a position.
    pub fn segment(&self, index: usize) -> Option<Segment<'a>> {
        self.message.segment(index)
    }

    /// Marks fields that only hold the message together: set ids, separators.
    pub fn structural(&'a self, segment: Segment<'a>, fields: &[u16]) {
        for field in fields {
            self.field(segment, *field).mark();
        }
    }

    pub fn warn(&self, path: String, code: &'static str, text: impl Into<String>) {
        self.report.borrow_mut().warnings.push(Warning { path, code, text: text.into() });
    }

    fn path(&self, at: usize, name: &str, field: usize, rep: usize, comp: usize) -> String {
        let occurrence = self.occurrences.get(at).copied().unwrap_or(1);
        let mut out = name.to_owned();
        if occurrence > 1 {
            out.push_str(&format!("[{occurrence}]"));
        }
        if field > 0 {
            out.push_str(&format!("-{field}"));
        }
        if rep > 1 {
            out.push_str(&format!("[{rep}]"));
        }
        if comp > 0 {
            out.push_str(&format!(".{comp}"));
        }
        out
    }

    /// Closes the account: lists every component with content that nobody read.
    pub fn close(self) -> MappingReport {
        let mut used = self.used.take();
        used.sort_unstable();
        used.dedup();
        let mut report = self.report.take();
        report.used = used.len();
        let mut used = used.as_slice();
        for segment in self.message.segments() {
            let at = u32::try_from(segment.index()).unwrap_or(u32::MAX);
            let name = segment.name();
            let mut empty = true;
            for (number, field) in segment.fields() {
                empty = false;
                let f = u16::try_from(number).unwrap_or(u16::MAX);
                let used = of_field(&mut used, at, f);
                if used.contains(&(at, f, 0, 0, 0)) || !field.has_content() {
                    continue;
                }
                for (r, repeat) in (1u16..).zip(field.repeats()) {
                    if used.contains(&(at, f, r, 0, 0)) {
                        continue;
                    }
                    let single = repeat.components().count() == 1;
                    for (c, component) in (1u16..).zip(repeat.components()) {
                        if !component.has_content() || used.contains(&(at, f, r, c, 0)) {
                            continue;
                        }
                        let path = self.path(
                            segment.index(),
                            &name,
                            number,
                            r.into(),
                            if single { 0 } else { c.into() },
                        );
                        unread(&mut report, component, &path, c, |s| used.contains(&(at, f, r, c, s)));
                    }
                }
            }
            if empty && segment.raw().trim_ascii().len() > name.len() {
                let path = self.path(segment.index(), &name, 0, 0, 0);
                report
                    .unmapped
                    .push(Unmapped { path, value: String::from_utf8_lossy(segment.raw()).into_owned() });
            }
        }
        report
    }
}

/// Takes the places of a field from the front of sorted ones; those of fields before it are passed over.
fn of_field<'k>(used: &mut &'k [Key], segment: u32, field: u16) -> &'k [Key] {
    let before = used.iter().take_while(|key| (key.0, key.1) < (segment, field)).count();
    let rest = used.get(before..).unwrap_or_default();
    let own = rest.iter().take_while(|key| (key.0, key.1) == (segment, field)).count();
    let (own, after) = rest.split_at(own);
    *used = after;
    own
}

/// Lists what nobody read of a component: all of it, or those of its sub-components.
fn unread(report: &mut MappingReport, part: Part<'_>, path: &str, comp: u16, used: impl Fn(u16) -> bool) {
    let mut line = |path: String, part: Part<'_>| {
        let text = part.text();
        let raw = || String::from_utf8_lossy(part.raw()).into_owned();
        let value = if text.is_empty() { raw() } else { text.into_owned() };
        report.unmapped.push(Unmapped { path, value });
    };
    let subs: Vec<Part<'_>> = part.subs().collect();
    if (1u16..).zip(&subs).all(|(n, _)| !used(n)) {
        return line(path.to_owned(), part);
    }
    // A field of one component with parts is named like any other: `PID-11.1.2`.
    let whole = if path.ends_with(&format!(".{comp}")) { path.to_owned() } else { format!("{path}.{comp}") };
    for (n, sub) in (1u16..).zip(subs) {
        if sub.has_content() && !used(n) {
            line(format!("{whole}.{n}"), sub);
        }
    }
}

/// A place in the message with its account.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub book: &'a Book<'a>,
    pub segment: Segment<'a>,
    pub field: u16,
    pub rep: u16,
    pub comp: u16,
    sub: u16,
    part: Part<'a>,
}

impl<'a> Spot<'a> {
    /// The repetitions of a field.
    pub fn reps(&self) -> Vec<Spot<'a>> {
        (1u16..).zip(self.part.repeats()).map(|(rep, part)| Spot { rep, part, ..*self }).collect()
    }

    /// A component of this (first) repetition.
    pub fn c(&self, n: u16) -> Spot<'a> {
        Spot { rep: self.rep.max(1), comp: n, sub: 0, part: self.part.component(n.into()), ..*self }
    }

    /// A sub-component of this component.
    pub fn s(&self, n: u16) -> Spot<'a> {
        Spot { rep: self.rep.max(1), comp: self.comp.max(1), sub: n, part: self.part.sub(n.into()), ..*self }
    }

    /// The text without surrounding blanks, marking the place as used; `None` when there is none.
    pub fn take(&self) -> Option<String> {
        let (text, changed) = self.read()?;
        self.mark();
        if changed {
            self.warn("controlCharacter", "A control character that no record may hold is kept as �.");
        }
        Some(text)
    }

    /// The text without surrounding blanks, without marking. Control characters that a FHIR string must not hold
    /// stand as U+FFFD, so that a message with one is still a message.
    pub fn peek(&self) -> Option<String> {
        self.read().map(|(text, _)| text)
    }

    /// The text, and whether a character of it was replaced.
    fn read(&self) -> Option<(String, bool)> {
        let text = self.part.text();
        let text = text.trim();
        if text.is_empty() || self.part.presence() != Presence::Value {
            return None;
        }
        let changed = text.contains(unstorable);
        Some((if changed { text.replace(unstorable, "\u{fffd}") } else { text.to_owned() }, changed))
    }

    /// The first component of a field or repetition, the first sub-component of a component.
    pub fn c1(&self) -> Spot<'a> {
        if self.comp == 0 { self.c(1) } else { self.s(1) }
    }

    /// Marks a coded value of which the code said all: its text and system are those of a known table.
    pub fn mark_code(&self) {
        if self.comp == 0 {
            [1, 2, 3].into_iter().for_each(|n| self.c(n).mark());
        } else {
            self.mark();
        }
    }

    /// All of the place as text, its delimiters included.
    pub fn raw_text(&self) -> String {
        let text = match self.comp {
            0 => String::from_utf8_lossy(self.part.raw()).into_owned(),
            _ => self.part.text().into_owned(),
        };
        text.trim().replace(unstorable, "\u{fffd}")
    }

    /// Marks the place as used.
    pub fn mark(&self) {
        let at = u32::try_from(self.segment.index()).unwrap_or(u32::MAX);
        self.book.used.borrow_mut().push((at, self.field, self.rep, self.comp, self.sub));
    }

    /// True when the sender asks to delete the value; marks the place.
    pub fn deleted(&self) -> bool {
        let deleted = self.part.presence() == Presence::Delete;
        if deleted {
            self.mark();
        }
        deleted
    }

    /// True when there is anything to read.
    pub fn has_content(&self) -> bool {
        self.part.has_content() && self.part.presence() == Presence::Value
    }

    pub fn path(&self) -> String {
        let comp = if self.comp == 1
            && self.part.range().len() == self.segment.field(self.field.into()).range().len()
        {
            0
        } else {
            self.comp
        };
        self.book.path(
            self.segment.index(),
            &self.segment.name(),
            self.field.into(),
            self.rep.into(),
            comp.into(),
        )
    }

    pub fn warn(&self, code: &'static str, text: &str) {
        self.book.warn(self.path(), code, text);
    }

    /// Notes a code that no table here knows; it stays in the record as it was sent.
    pub fn unknown_code(&self, value: &str) {
        let path = self.path();
        self.book.report.borrow_mut().unknown_codes.push(Unmapped { path, value: value.to_owned() });
    }

    /// The timestamp here (first component, old precision in the second). One that cannot be read stays unmarked, so
    /// it is listed as unmapped, and is warned about; zeros mean that the sender does not know.
    pub fn when(&self) -> Option<When> {
        self.when_if(|_| true)
    }

    /// The timestamp here when it is one that the caller can hold; any other stays unmarked and so in the report.
    pub fn when_if(&self, fits: impl Fn(&When) -> bool) -> Option<When> {
        let (main, stated) = if self.comp == 0 { (self.c(1), self.c(2)) } else { (self.s(1), self.s(2)) };
        let text = main.peek()?;
        let letter = stated.peek().filter(|t| t.len() == 1).and_then(|t| t.chars().next());
        match datetime::read(&text, letter) {
            Ok(when) if !fits(&when) => None,
            Ok(when) => {
                main.mark();
                if letter.is_some() {
                    stated.mark();
                }
                Some(when)
            }
            Err(DateError::Zero) => {
                main.mark();
                None
            }
            Err(e) => {
                main.warn("badDate", &format!("The time is {e}; it was left out."));
                None
            }
        }
    }

    /// The timestamp here as FHIR `dateTime`.
    pub fn date_time(&self) -> Option<String> {
        self.when().map(|w| w.date_time(&self.book.fallback))
    }

    /// The timestamp here as FHIR `instant`; a bare date is none.
    pub fn instant(&self) -> Option<String> {
        self.when_if(|w| w.precision > Precision::Day)?.instant(&self.book.fallback)
    }
}

/// FHIR R4, datatype `string`: no control characters but tab, line feed and carriage return (and the second block,
/// which old character sets use for letters).
pub(super) fn unstorable(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{80}'..='\u{9f}')
}
