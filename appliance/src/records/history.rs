//! The history of one record, of a type, or of everything: versions, newest first, deletes included. One audit line a
//! page.

use std::collections::BTreeMap;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_vault::{Action, Head, Kind, Snapshot, Tx};
use jiff::Timestamp;

use super::Records;
use super::access::{Actor, Op, Subject};
use super::audit::{self, About};
use super::error::Error;
use super::read::Stored;
use super::sight::{Look, Sight};

/// Most versions of one record that are looked at.
const MOST_VERSIONS: usize = 100_000;

/// What part of a history is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Most versions of this page.
    pub rows: usize,
    /// Only versions written at or after this time.
    pub since: Option<Timestamp>,
    /// Only the version that was current at this time.
    pub at: Option<Timestamp>,
    /// Only versions below this one (paging).
    pub before: Option<u64>,
}

/// One page of a history.
#[derive(Debug)]
pub struct History {
    /// How many versions fit what is wanted, over all pages.
    pub total: u64,
    /// The versions, newest first.
    pub rows: Vec<Stored>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

impl Records {
    /// One page of the history of a record, which may be deleted.
    pub fn history(
        &self,
        who: &Actor,
        kind: ResourceType,
        id: &str,
        wanted: &Wanted,
    ) -> Result<History, Error> {
        if kind == ResourceType::AUDIT_EVENT {
            let only = self.audit_event(who, Op::History, id)?;
            let fits = !fitting(vec![only.head.clone()], wanted).is_empty();
            let rows: Vec<Stored> =
                Some(only).filter(|_| fits && wanted.before.is_none()).into_iter().collect();
            return Ok(History { total: u64::from(fits), rows, next: None });
        }
        let (look, purpose) = self.gated(&self.sight(who)?, Op::History, kind)?;
        let snapshot = self.vault().snapshot()?;
        let newest = snapshot.head(Kind(kind.number()), id)?.ok_or_else(|| Error::missing(kind, id))?;
        let mut visible = Vec::new();
        for head in snapshot.versions(newest.rid, None, MOST_VERSIONS)? {
            // A record that changed sides (a vital sign that became a result) shows only what may be seen.
            if look.shows(&snapshot, &head)? {
                visible.push(head);
            }
        }
        if visible.is_empty() {
            self.allow_stored(&look, kind, &snapshot, &newest)?;
        }
        let fitting = fitting(visible, wanted);
        let total = fitting.len() as u64;
        let mut page: Vec<Head> = fitting
            .into_iter()
            .filter(|head| wanted.before.is_none_or(|before| head.version < before))
            .collect();
        let more = page.len() > wanted.rows;
        page.truncate(wanted.rows);
        let next = page.last().filter(|_| more).map(|head| head.version);
        let mut rows = Vec::with_capacity(page.len());
        for head in page {
            let body = if head.deleted { Bytes::new() } else { Bytes::from_owner(snapshot.body(&head)?) };
            rows.push(Stored { head, body });
        }
        let about = About::record(kind, id, 0, &newest.owner);
        self.vault().note(audit::done(who, Action::History, purpose, about))?;
        Ok(History { total, rows, next })
    }
}

/// Versions that one page looks at before it ends early.
const MOST_LINES: usize = 100_000;
/// Lines of the log read at once.
const LINES: usize = 1_000;

/// What part of the history of many records is wanted.
#[derive(Debug, Clone)]
pub struct WantedOfMany {
    /// Only this type.
    pub kind: Option<ResourceType>,
    /// Most versions of this page.
    pub rows: usize,
    /// Only versions written at or after this time.
    pub since: Option<Timestamp>,
    /// Only versions that were current at this time.
    pub at: Option<Timestamp>,
    /// Only versions written before this line of the log: unit of work, and number within (paging).
    pub before: Option<(u64, u64)>,
}

/// One page of the history of many records. How many there are in all is not counted.
#[derive(Debug)]
pub struct HistoryOfMany {
    /// The versions, newest first.
    pub rows: Vec<Stored>,
    /// Where the next page begins.
    pub next: Option<(u64, u64)>,
}

/// Name of the list in its page links.
const LIST: &str = "history";

impl Records {
    /// The sealed text of a place in the history of a type, or of everything: how many lines the log has is nobody's
    /// business who may see only some of them.
    pub fn history_link(&self, kind: Option<ResourceType>, place: (u64, u64)) -> Result<String, Error> {
        self.links().seal(LIST, &(kind.map(ResourceType::number), place))
    }

    /// The place that such a text names; none was made here for this type otherwise.
    pub fn history_place(&self, kind: Option<ResourceType>, link: &str) -> Result<(u64, u64), Error> {
        let (of, place): (Option<u16>, (u64, u64)) = self.links().open(LIST, link)?;
        let fits = of == kind.map(ResourceType::number);
        fits.then_some(place).ok_or_else(|| Error::NotFound("this page".to_owned()))
    }

    /// One page of the history of a type, or of everything that the caller may see. New versions come in front of the
    /// first page and never move a later one.
    pub fn history_of_many(&self, who: &Actor, wanted: &WantedOfMany) -> Result<HistoryOfMany, Error> {
        let sight = self.sight(who)?;
        if let Some(kind) = wanted.kind {
            self.gated(&sight, Op::History, kind)?;
        }
        if wanted.kind == Some(ResourceType::AUDIT_EVENT) {
            let text = "An AuditEvent has one version only; search for AuditEvents instead.";
            return Err(Error::Unreadable(Outcome::error(IssueCode::NotSupported, text)));
        }
        let snapshot = self.vault().snapshot()?;
        let mut page = HistoryOfMany { rows: Vec::new(), next: None };
        let mut looks = BTreeMap::new();
        let mut before = wanted.before.map(|(tx, line)| (Tx(tx), line));
        let mut seen = 0;
        let mut more = wanted.rows > 0;
        'log: while more {
            let lines = snapshot.log_back(before, LINES)?;
            more = lines.len() == LINES;
            for (line, head) in lines {
                if wanted.since.is_some_and(|since| head.time < since) {
                    break 'log;
                }
                let row = wanted_row(&sight, &mut looks, &snapshot, head, wanted)?;
                // A next page is named only when it shows something: that there are versions which this caller may not
                // see is not told.
                let full = row.is_some() && page.rows.len() == wanted.rows;
                if full || seen == MOST_LINES {
                    page.next = before.map(|(tx, line)| (tx.0, line));
                    break 'log;
                }
                seen += 1;
                before = Some(line);
                page.rows.extend(row);
            }
        }
        let kind = wanted.kind.unwrap_or(ResourceType::BUNDLE);
        let purpose = Subject::of_type(kind.as_str(), false).area().purpose();
        self.vault().note(audit::done(who, Action::History, purpose, About::of_type(kind, None)))?;
        Ok(page)
    }
}

/// The version, if it is wanted and may be seen.
fn wanted_row(
    sight: &Sight,
    looks: &mut BTreeMap<ResourceType, Look>,
    snapshot: &Snapshot,
    head: Head,
    wanted: &WantedOfMany,
) -> Result<Option<Stored>, Error> {
    let Some(kind) = ResourceType::from_number(head.kind.0) else { return Ok(None) };
    let look = looks.entry(kind).or_insert_with(|| sight.look(Op::History, kind));
    if wanted.kind.is_some_and(|only| only != kind) || !look.gate().allowed() {
        return Ok(None);
    }
    if let Some(at) = wanted.at {
        let next = snapshot.version(head.rid, head.version + 1)?;
        if is_after(head.time, at) || next.is_some_and(|next| !is_after(next.time, at)) {
            return Ok(None);
        }
    }
    if !look.shows(snapshot, &head)? {
        return Ok(None);
    }
    let body = if head.deleted { Bytes::new() } else { Bytes::from_owner(snapshot.body(&head)?) };
    Ok(Some(Stored { head, body }))
}

/// Whether a commit came after a moment, to the millisecond that `lastUpdated` tells.
fn is_after(time: Timestamp, at: Timestamp) -> bool {
    time.as_millisecond() > at.as_millisecond()
}

/// Versions within the wanted times; `versions` is newest first.
fn fitting(versions: Vec<Head>, wanted: &Wanted) -> Vec<Head> {
    let mut out: Vec<Head> = Vec::new();
    for head in versions {
        if wanted.since.is_some_and(|since| head.time < since) {
            break;
        }
        match wanted.at {
            Some(at) if is_after(head.time, at) => {}
            Some(_) => {
                out.push(head);
                break;
            }
            None => out.push(head),
        }
    }
    out
}
