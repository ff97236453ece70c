//! The audit log served as AuditEvent: each line is told when it is asked for, and nothing is stored twice
//! (`docs/decisions/0122-audit-events-are-the-log-itself.md`).
//!
//! `line` tells one line, `walk` finds lines. Who may look is `sight`'s answer like anywhere else, given to the line's own
//! terms. What looks at the log leaves a line of its own.

mod line;
mod walk;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context, Handling, Summary, Term, Total};
use clinicvault_vault::{Action, AuditEntry, Head, Kind, Owner, Rid, Snapshot};
use serde::{Deserialize, Serialize};

use super::access::{Actor, Op};
use super::audit::{self, About, Detail};
use super::error::Error;
use super::names::Names;
use super::read::Stored;
use super::search::{Field, Page, field};
use super::{Caller, Records};
use walk::{Walk, Wanted};

const LIST: &str = "audit events 1";
const DEFAULT_ROWS: usize = 50;

/// Where a list of events stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    field: String,
    parameters: Vec<(String, String)>,
    /// Lines there were when the list began.
    size: u64,
    /// Number of the last line looked at.
    last: Option<u64>,
    now: i64,
}

/// Which page of a list is wanted.
pub(super) enum WantedPage<'a> {
    /// The first of a query.
    First(&'a [(String, String)], Handling),
    /// The one that a cursor leads to.
    Next(&'a str),
}

/// Whether a list of this field is one of AuditEvents.
pub(super) fn concerns(field: &Field) -> bool {
    field.only() == Some(ResourceType::AUDIT_EVENT)
}

/// The refusal (405) of any change of an AuditEvent.
pub(super) fn fixed() -> Error {
    Error::Fixed(
        "AuditEvents are the box's own record of what was done: it writes each with what it records, nobody else \
         writes any, and none is ever changed or deleted. They can be read and searched."
            .to_owned(),
    )
}

impl Records {
    /// One AuditEvent.
    pub(super) fn audit_event(&self, who: &Actor, op: Op, id: &str) -> Result<Stored, Error> {
        let kind = ResourceType::AUDIT_EVENT;
        let (look, purpose) = self.gated(&self.sight(who)?, op, kind)?;
        let missing = || Error::missing(kind, id);
        let number: u64 =
            id.parse().ok().filter(|number: &u64| number.to_string() == id).ok_or_else(missing)?;
        let snapshot = self.vault().snapshot()?;
        let entry = snapshot.audit(number, 1)?.pop().ok_or_else(missing)?;
        let context = Context::new(self.zone().clone(), self.now());
        let told = Told::new(&entry, self.vault().clinic_id(), &mut Names::new(&snapshot), &context)?;
        if !look.decide(&told.owner(), &told.terms).allowed() {
            return Err(missing());
        }
        let about = About { object: Some((kind, id, 0)), patient: entry.leaf.owner.as_deref() };
        self.vault().note(audit::done(who, Action::Read, purpose, about))?;
        Ok(told.stored(&snapshot))
    }

    /// A page of AuditEvents.
    pub(super) fn audit_events(
        &self,
        from: &Caller,
        field: &Field,
        wanted: &WantedPage<'_>,
        most_rows: usize,
    ) -> Result<Page, Error> {
        let kind = ResourceType::AUDIT_EVENT;
        let (look, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, kind)?;
        let snapshot = self.vault().snapshot()?;
        let mut context = self.context(from);
        let (mut place, handling) = match *wanted {
            WantedPage::First(parameters, handling) => {
                let now = context.now.as_microsecond();
                let parameters = parameters.to_vec();
                let size = snapshot.audit_size();
                (Place { field: field.path(), parameters, size, last: None, now }, handling)
            }
            WantedPage::Next(cursor) => {
                let place: Place = self.links().open(LIST, cursor)?;
                if place.field != field.path() {
                    return Err(Error::NotFound("this page".to_owned()));
                }
                context.now = jiff::Timestamp::from_microsecond(place.now).unwrap_or(context.now);
                (place, Handling::Strict)
            }
        };
        let mut understood = field::understand(field, &place.parameters, handling, &context)?;
        let mut search =
            understood.searches.pop().ok_or_else(|| Error::Fault("a search without a type".to_owned()))?;
        search.applied = understood.applied;
        search.warnings = understood.warnings;
        place.parameters.clone_from(&search.applied);
        let condition = Wanted::of(&search, &context)?;
        let counting = search.count == Some(0) || search.summary == Summary::Count;
        let rows = search.count.map_or(DEFAULT_ROWS, |count| count as usize).min(most_rows);
        let bounds = self.bounds();
        let mut walk =
            Walk { records: self, snapshot: &snapshot, look: &look, wanted: &condition, context: &context };
        let first = place.last.is_none();
        let exact = counting || (first && search.total == Total::Accurate);
        let total = if exact { Some(walk.count(place.size, bounds.count_rows)?) } else { None };
        let mut page =
            Page { total, rows: Vec::new(), included: Vec::new(), search, next: None, tx: snapshot.tx() };
        if !counting {
            let found = walk.page(place.size, place.last, rows, bounds.search_rows)?;
            if found.early {
                page.search.warnings.push(field::early());
            }
            if first && page.total.is_none() && found.last.is_none() && page.search.total != Total::None {
                page.total = Some(found.rows.len() as u64);
            }
            page.rows = found.rows;
            if found.last.is_some() {
                place.last = found.last;
                page.next = Some(self.links().seal(LIST, &place)?);
            }
        }
        let query = Some(query_text(&page.search.applied)).filter(|query| !query.is_empty());
        let detail = Detail { query, touched: Vec::new() };
        let about = About::of_type(kind, None);
        self.vault().note(audit::detailed(&from.who, Action::Search, purpose, about, &detail))?;
        Ok(page)
    }
}

/// Parameters as they stand in an address, for people to read: nothing is escaped.
pub(super) fn query_text(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// A line told as an event, with its search terms.
struct Told {
    seq: u64,
    at: jiff::Timestamp,
    tx: clinicvault_vault::Tx,
    patient: Option<String>,
    body: Vec<u8>,
    terms: Vec<Term>,
}

impl Told {
    fn new(
        entry: &AuditEntry,
        clinic: &str,
        names: &mut Names<'_>,
        context: &Context,
    ) -> Result<Self, Error> {
        let body = line::event(entry, clinic, names).to_vec();
        // What the box itself made is not checked again: a line must never be in the way of the log.
        let resource = Resource::stored(&body)
            .map_err(|outcome| Error::Fault(format!("audit line {} as an event: {outcome}", entry.seq)))?;
        let mut terms = search::terms(&resource, context);
        terms.push(search::terms::last_updated(entry.at));
        let patient = entry.leaf.owner.clone();
        Ok(Self { seq: entry.seq, at: entry.at, tx: entry.tx, patient, body, terms })
    }

    fn owner(&self) -> Owner {
        self.patient.clone().map_or(Owner::Shared, Owner::Patient)
    }

    /// In the form of a stored record; it never was one, so it has no number.
    fn stored(self, _: &Snapshot) -> Stored {
        let head = Head {
            rid: Rid(u64::MAX),
            kind: Kind(ResourceType::AUDIT_EVENT.number()),
            id: self.seq.to_string(),
            version: 1,
            tx: self.tx,
            time: self.at,
            deleted: false,
            mark: 0,
            owner: self.owner(),
            body_len: u32::try_from(self.body.len()).unwrap_or(u32::MAX),
        };
        Stored { head, body: Bytes::from(self.body) }
    }
}

/// A refusal (400) of what a search of the log cannot do.
fn unsupported(text: &str) -> Error {
    Error::Unreadable(Outcome::error(IssueCode::NotSupported, text))
}

#[cfg(test)]
mod tests;
