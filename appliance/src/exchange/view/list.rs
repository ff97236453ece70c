//! Pages of the inbox: by state, by what a person typed, by day.

use clinicvault_vault::{Action, Outcome, QueueAsk, QueueItem, QueueRange, QueueTerm, Snapshot};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{InboxCounts, InboxPage, row_of};
use crate::exchange::channels::DEFAULT;
use crate::exchange::inbox::leaf;
use crate::exchange::row::{self, Facts, State};
use crate::exchange::terms::{self, DAY, KIND, PATIENT, PEER, SENDER, TYPED};
use crate::exchange::{Exchange, INBOX};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;

/// Rows of one page.
const PAGE: usize = 50;
/// Most rows looked at to count today's.
const MOST_TODAY: usize = 2_000;
/// Looks into the database for one page, some 100 ms of them.
const STEPS: usize = 20_000;
/// Most values of a field that a beginning stands for; with more it stands for itself.
const MOST_VALUES: usize = 64;
/// Most words of a question.
const MOST_WORDS: usize = 8;
/// Longest question, characters.
const LONGEST: usize = 200;

/// Which rows, by where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// Waiting for a person.
    Needs,
    /// Refused.
    Refused,
    /// All.
    #[default]
    All,
}

/// Which rows.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// By where they are.
    pub shown: Shown,
    /// Words, each the beginning of a control id, a kind, a sender, an address, a number or a word of the text.
    pub text: String,
    /// From the beginning of this day in the clinic.
    pub from: Option<Date>,
    /// To the end of this day in the clinic.
    pub to: Option<Date>,
    /// Applied to this patient.
    pub patient: Option<String>,
    /// Through this channel; `default` is the listener of the settings.
    pub channel: Option<String>,
    /// Of this type, such as `ORU^R01`, or `ORU` for all its events.
    pub kind: Option<String>,
    /// From this address.
    pub peer: Option<String>,
    /// Rows below this number.
    pub before: Option<u64>,
}

/// Rows that were found.
#[derive(Default)]
pub(in crate::exchange) struct Rows {
    pub rows: Vec<(QueueItem, Facts)>,
    /// Rows below this number may be more.
    pub next: Option<u64>,
    /// Words that only whole words were looked for.
    pub whole_words: Vec<String>,
}

impl Exchange {
    /// A page of rows, newest first. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not look, [`Error::TooMuch`] for a question that is too long.
    pub fn list(&self, who: &Actor, wanted: &Wanted) -> Result<InboxPage, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let mut page = InboxPage {
            counts: InboxCounts {
                today: self.today(&snapshot)?,
                needs: snapshot.queue_count(INBOX, State::Held.number())?,
                refused: snapshot.queue_count(INBOX, State::Refused.number())?,
            },
            ..InboxPage::default()
        };
        self.fill(&snapshot, wanted, &mut page)?;
        let mut looked = leaf(who, Action::Search, Outcome::Success, 0, wanted.patient.clone(), None);
        looked.reason = Some("inbox".to_owned());
        self.records().vault().note(looked)?;
        Ok(page)
    }

    fn fill(&self, snapshot: &Snapshot, wanted: &Wanted, page: &mut InboxPage) -> Result<(), Error> {
        let found = self.find_rows(snapshot, wanted)?;
        page.rows = found.rows.iter().map(|(item, facts)| row_of(item, facts)).collect();
        (page.next, page.whole_words) = (found.next, found.whole_words);
        Ok(())
    }

    /// A page of rows with what is known of each, newest first.
    ///
    /// # Errors
    /// [`Error::TooMuch`] for a question that is too long.
    pub(in crate::exchange) fn find_rows(&self, snapshot: &Snapshot, wanted: &Wanted) -> Result<Rows, Error> {
        let mut page = Rows::default();
        let mut ask = QueueAsk {
            queue: INBOX,
            all: Vec::new(),
            below: wanted.before,
            from: None,
            limit: PAGE,
            steps: STEPS,
        };
        match wanted.shown {
            Shown::Needs => ask.all.push(QueueRange::State(State::Held.number())),
            Shown::Refused => ask.all.push(QueueRange::State(State::Refused.number())),
            Shown::All => {}
        }
        if let Some(patient) = &wanted.patient {
            ask.all.push(QueueRange::Any(term(PATIENT, patient).into_iter().collect()));
        }
        for (field, text) in [(SENDER, &wanted.channel), (PEER, &wanted.peer)] {
            if let Some(text) = text.as_deref().filter(|text| field != SENDER || *text != DEFAULT) {
                ask.all.push(QueueRange::Any(term(field, text).into_iter().collect()));
            }
        }
        if let Some(kind) = &wanted.kind {
            ask.all.push(QueueRange::Any(of_kind(snapshot, kind)?));
        }
        if wanted.text.chars().count() > LONGEST || wanted.text.split_whitespace().count() > MOST_WORDS {
            return Err(Error::TooMuch(format!(
                "A search of messages has at most {MOST_WORDS} words and {LONGEST} characters."
            )));
        }
        for typed in wanted.text.split_whitespace() {
            typed_ranges(snapshot, typed, &mut page, &mut ask.all)?;
        }
        if wanted.from.is_some() || wanted.to.is_some() {
            let low = terms::day(wanted.from.unwrap_or(Date::MIN));
            let high = terms::day(wanted.to.unwrap_or(Date::MAX));
            let low = QueueTerm { field: DAY, value: low.into_bytes() };
            let Some((first, last)) = snapshot.queue_span(INBOX, &low, high.as_bytes())? else {
                return Ok(page);
            };
            ask.from = Some(first);
            ask.below = Some(wanted.before.unwrap_or(u64::MAX).min(last.saturating_add(1)));
        }
        let found = snapshot.queue_find(&ask)?;
        page.next = found.next;
        for seq in found.rows {
            let Some(item) = snapshot.queue_get(INBOX, seq)? else { continue };
            let Some((facts, _)) = row::decode(&item.row.body) else { continue };
            // A clock that was set back mixes the days of neighbours.
            let day = self.rules().map.zone.to_datetime(item.at).date();
            let through = if facts.through.is_empty() { DEFAULT } else { facts.through.as_str() };
            // A sender may have the name of a channel.
            if wanted.channel.as_deref().is_none_or(|channel| channel == through)
                && wanted.from.is_none_or(|from| day >= from)
                && wanted.to.is_none_or(|to| day <= to)
            {
                page.rows.push((item, facts));
            }
        }
        Ok(page)
    }

    /// Rows since midnight in the clinic; more than [`MOST_TODAY`] are counted as that many.
    fn today(&self, snapshot: &Snapshot) -> Result<u64, Error> {
        let zone = &self.rules().map.zone;
        let day = |at: Timestamp| zone.to_datetime(at).date();
        let today = day(self.records().now());
        let ask = QueueAsk {
            queue: INBOX,
            all: Vec::new(),
            below: None,
            from: None,
            limit: MOST_TODAY,
            steps: STEPS,
        };
        let newest = snapshot.queue_find(&ask)?.rows;
        // Numbers rise with time: the first row of yesterday is found by halving.
        let (mut low, mut high) = (0, newest.len());
        while let Some(seq) = newest.get(low + (high - low) / 2).filter(|_| low < high) {
            let middle = low + (high - low) / 2;
            let fresh = snapshot.queue_get(INBOX, *seq)?.is_some_and(|item| day(item.at) == today);
            if fresh { low = middle + 1 } else { high = middle }
        }
        Ok(low as u64)
    }
}

/// The terms of a type with all its events, or of one event.
fn of_kind(snapshot: &Snapshot, kind: &str) -> Result<Vec<QueueTerm>, Error> {
    let Some(one) = term(KIND, kind) else { return Ok(Vec::new()) };
    if kind.contains('^') {
        return Ok(vec![one]);
    }
    let values = snapshot.queue_values(INBOX, &one, MOST_VALUES)?;
    let whole = |value: &Vec<u8>| *value == one.value || value.get(one.value.len()) == Some(&b'^');
    Ok(values.into_iter().filter(whole).map(|value| QueueTerm { field: KIND, value }).collect())
}

fn term(field: u8, text: &str) -> Option<QueueTerm> {
    let value = terms::value(text).into_bytes();
    (!value.is_empty()).then_some(QueueTerm { field, value })
}

/// The ranges of one typed word: its own, or, when nothing begins so, those of the words it is made of.
fn typed_ranges(
    snapshot: &Snapshot,
    typed: &str,
    page: &mut Rows,
    all: &mut Vec<QueueRange>,
) -> Result<(), Error> {
    let whole = beginnings(snapshot, typed, page)?;
    let folded = terms::value(typed);
    let parts: Vec<&str> = clinicvault_gateway::fhir::search::words::split(&folded).collect();
    if !whole.is_empty() || parts.len() < 2 {
        all.push(QueueRange::Any(whole));
        return Ok(());
    }
    for part in parts.into_iter().take(MOST_WORDS) {
        all.push(QueueRange::Any(beginnings(snapshot, part, page)?));
    }
    Ok(())
}

/// All terms that begin like a typed word; of a field where those are too many, the one that is the word itself.
fn beginnings(snapshot: &Snapshot, typed: &str, page: &mut Rows) -> Result<Vec<QueueTerm>, Error> {
    let mut out = Vec::new();
    for term in TYPED.into_iter().filter_map(|field| term(field, typed)) {
        let values = snapshot.queue_values(INBOX, &term, MOST_VALUES + 1)?;
        if values.len() <= MOST_VALUES {
            out.extend(values.into_iter().map(|value| QueueTerm { field: term.field, value }));
            continue;
        }
        if !page.whole_words.iter().any(|word| word == typed) {
            page.whole_words.push(typed.to_owned());
        }
        out.push(term);
    }
    Ok(out)
}
