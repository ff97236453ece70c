//! The history of one record: every version, newest first, deletes included. One audit line a page.

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Action, Head, Kind};
use jiff::Timestamp;

use super::Records;
use super::access::{Actor, Op};
use super::audit::{self, About};
use super::error::Error;
use super::read::Stored;

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
        let mut purpose = self.gate(who, Op::History, kind)?;
        let snapshot = self.vault().snapshot()?;
        let newest = snapshot.head(Kind(kind.number()), id)?.ok_or_else(|| Error::missing(kind, id))?;
        let fitting = fitting(snapshot.versions(newest.rid, None, MOST_VERSIONS)?, wanted);
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
            if !head.deleted {
                // A record that changed sides (a vital sign that became a result) shows only what may be seen.
                purpose = self.allow_body(who, Op::History, kind, &head, &body)?;
            }
            rows.push(Stored { head, body });
        }
        let about = About::record(kind, id, 0, &newest.owner);
        self.vault().note(audit::done(who, Action::History, purpose, about))?;
        Ok(History { total, rows, next })
    }
}

/// Versions within the wanted times; `versions` is newest first.
fn fitting(versions: Vec<Head>, wanted: &Wanted) -> Vec<Head> {
    let mut out: Vec<Head> = Vec::new();
    for head in versions {
        if wanted.since.is_some_and(|since| head.time < since) {
            break;
        }
        match wanted.at {
            Some(at) if head.time > at => {}
            Some(_) => {
                out.push(head);
                break;
            }
            None => out.push(head),
        }
    }
    out
}
