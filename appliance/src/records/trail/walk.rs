//! Walking the log from one end, telling each line and keeping those that are wanted and may be seen.
//!
//! The log is in the order of time, so dates are found by halving; everything else is decided line by line, within a
//! bound for each page. A page that reaches it ends early and says so.

use clinicvault_gateway::fhir::datetime::Moment;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Context, Node, Search, params};
use clinicvault_vault::Snapshot;

use super::super::Records;
use super::super::error::Error;
use super::super::names::Names;
use super::super::read::Stored;
use super::super::search::too_costly;
use super::super::sight::Look;
use super::{Told, unsupported};

/// Lines read from the log at once.
const LINES: u64 = 256;
/// What telling a line costs, in the index rows by which searches are bounded.
const COST: u64 = 8;
/// Dates are found by lines' own times; a second more on both sides cannot lose one.
const MARGIN: i64 = 1_000_000;

/// What is wanted of the log.
pub struct Wanted {
    condition: Node,
    ascending: bool,
    /// Only lines from then on, in microseconds; an outline of the condition.
    since: Option<i64>,
    /// Only lines before then.
    until: Option<i64>,
}

impl Wanted {
    /// What a search means, if the log can be searched so.
    pub fn of(search: &Search, context: &Context) -> Result<Self, Error> {
        if !search.includes.is_empty() {
            return Err(unsupported("A search of AuditEvents brings no other records along."));
        }
        let condition = search.condition();
        if !condition.is_local() {
            return Err(unsupported(
                "A search of AuditEvents follows no references; name the records themselves.",
            ));
        }
        let date = params::find(ResourceType::AUDIT_EVENT, "date").map(|param| param.number);
        let ascending = match search.sort.as_slice() {
            [] => false,
            [key] if Some(key.param) == date || key.param == params::LAST_UPDATED => !key.descending,
            _ => return Err(unsupported("AuditEvents are sorted by date or -date, as they were written.")),
        };
        let (since, until) = outline(&search.applied, context);
        Ok(Self { condition, ascending, since, until })
    }
}

/// The stretch of time that dates of a query leave.
fn outline(applied: &[(String, String)], context: &Context) -> (Option<i64>, Option<i64>) {
    let (mut since, mut until): (Option<i64>, Option<i64>) = (None, None);
    for (_, value) in applied.iter().filter(|(name, _)| name == "date" || name == "_lastUpdated") {
        let (prefix, text) = match value.split_at_checked(2) {
            Some((prefix @ ("ge" | "gt" | "sa" | "le" | "lt" | "eb" | "eq"), text)) => (prefix, text),
            _ => ("eq", value.as_str()),
        };
        let Some(moment) = Moment::lenient(text) else { continue };
        let span = moment.span(&context.zone);
        if matches!(prefix, "ge" | "gt" | "sa" | "eq") {
            let low = span.low.saturating_sub(MARGIN);
            since = Some(since.map_or(low, |before| before.max(low)));
        }
        if matches!(prefix, "le" | "lt" | "eb" | "eq") {
            let high = span.high.saturating_add(MARGIN);
            until = Some(until.map_or(high, |before| before.min(high)));
        }
    }
    (since, until)
}

/// What a walk for one page found.
pub struct Found {
    pub rows: Vec<Stored>,
    /// The last line looked at, when there are more.
    pub last: Option<u64>,
    /// Whether the page ended before it was full.
    pub early: bool,
}

/// A walk.
pub struct Walk<'a> {
    pub records: &'a Records,
    pub snapshot: &'a Snapshot,
    pub look: &'a Look,
    pub wanted: &'a Wanted,
    pub context: &'a Context,
}

impl Walk<'_> {
    /// The lines that may matter: from, up to.
    fn stretch(&self, size: u64) -> Result<(u64, u64), Error> {
        let low = match self.wanted.since {
            Some(at) => self.first_at(at, size)?,
            None => 0,
        };
        let high = match self.wanted.until {
            Some(at) => self.first_at(at, size)?,
            None => size,
        };
        Ok((low, high.max(low)))
    }

    /// Number of the first line that was written at this time or later.
    fn first_at(&self, at: i64, size: u64) -> Result<u64, Error> {
        let (mut low, mut high) = (0, size);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.snapshot.audit(middle, 1)?.pop();
            let before = entry.is_some_and(|entry| entry.at.as_microsecond() < at);
            if before { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Goes through the lines behind `last` until `take` has had enough.
    fn each(
        &self,
        size: u64,
        last: Option<u64>,
        mut take: impl FnMut(u64, Option<Told>) -> bool,
    ) -> Result<(), Error> {
        let (mut low, mut high) = self.stretch(size)?;
        match last {
            Some(last) if self.wanted.ascending => low = low.max(last.saturating_add(1)),
            Some(last) => high = high.min(last),
            None => {}
        }
        let mut names = Names::new(self.snapshot);
        let clinic = self.records.vault().clinic_id();
        while low < high {
            let count = LINES.min(high - low);
            let from = if self.wanted.ascending { low } else { high - count };
            let mut entries = self.snapshot.audit(from, count as usize)?;
            if self.wanted.ascending {
                low += count;
            } else {
                high -= count;
                entries.reverse();
            }
            for entry in entries {
                let told = Told::new(&entry, clinic, &mut names, self.context)?;
                let fits = self.wanted.condition.holds(&told.terms).unwrap_or(false)
                    && self.look.decide(&told.owner(), &told.terms).allowed();
                if !take(entry.seq, fits.then_some(told)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// At most `rows` events behind `last`; `bound` is in index rows.
    pub fn page(&mut self, size: u64, last: Option<u64>, rows: usize, bound: u64) -> Result<Found, Error> {
        let mut found = Found { rows: Vec::new(), last: None, early: false };
        let (mut looked, mut at, mut more) = (0, last, false);
        self.each(size, last, |seq, told| {
            // Whether there is a further page is known when there is a further one to show.
            let full = found.rows.len() == rows;
            if full && told.is_some() {
                more = true;
                return false;
            }
            looked += COST;
            if looked > bound && !full {
                (found.early, more) = (true, true);
                return false;
            }
            if looked > bound {
                more = true;
                return false;
            }
            at = Some(seq);
            found.rows.extend(told.map(|told| told.stored(self.snapshot)));
            true
        })?;
        found.last = at.filter(|_| more);
        Ok(found)
    }

    /// How many there are.
    pub fn count(&mut self, size: u64, bound: u64) -> Result<u64, Error> {
        let (mut count, mut looked, mut tired) = (0, 0, false);
        self.each(size, None, |_, told| {
            looked += COST;
            tired = looked > bound;
            count += u64::from(told.is_some());
            !tired
        })?;
        if tired {
            return Err(too_costly(
                "Counting looks at too many lines of the audit log (limits.count_rows); name a shorter time by date.",
            ));
        }
        Ok(count)
    }
}
