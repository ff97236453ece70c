//! The walk of an export: records in the order of their numbers, each as it was at the export's `Tx`.
//!
//! A step looks at a bounded number of records from a snapshot of its own, so that an export of hours holds neither old
//! pages nor the writer. What other people write meanwhile has a later `Tx` and does not appear.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Term;
use clinicvault_gateway::fhir::subset;
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::{Head, Rid, Snapshot};
use jiff::Timestamp;

use super::super::error::Error;
use super::super::matching::Rows;
use super::super::{Caller, Records};
use super::selection::{Selection, Whom};

/// How much one step does at most.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Records looked at.
    pub records: u64,
    /// Bytes given out; the last record may go beyond.
    pub bytes: usize,
}

/// Something that a step gives out.
#[derive(Debug)]
pub enum Out<'a> {
    /// A record, as one line of JSON.
    Record(ResourceType, &'a [u8]),
    /// A record that was deleted since the export before.
    Deleted(ResourceType, &'a str),
    /// A stored record that cannot be opened.
    Damaged(ResourceType, &'a str),
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The last record looked at; the next step goes on behind it.
    pub rid: u64,
    /// The last record there is.
    pub last: u64,
}

impl Reached {
    /// Whether everything has been looked at.
    pub fn is_all(self) -> bool {
        self.rid >= self.last
    }
}

impl Records {
    /// One step of an export: what lies behind record number `after`, as far as `budget` goes. Blocking, and short.
    pub fn export_step(
        &self,
        from: &Caller,
        selection: &Selection,
        after: u64,
        budget: Budget,
        sink: &mut dyn FnMut(Out<'_>) -> Result<(), Error>,
    ) -> Result<Reached, Error> {
        let snapshot = self.vault().snapshot()?;
        let last = snapshot.last_rid().0;
        let mut reached = Reached { rid: after, last };
        let (mut records, mut bytes) = (0, 0);
        while !reached.is_all() && records < budget.records && bytes < budget.bytes {
            let rid = Rid(reached.rid + 1);
            if let Some(head) = snapshot.as_of(rid, selection.at)? {
                bytes += self.give(from, selection, &snapshot, &head, sink)?;
            }
            reached.rid = rid.0;
            records += 1;
        }
        Ok(reached)
    }

    /// Gives out one record if it belongs to the export; answers how many bytes.
    fn give(
        &self,
        from: &Caller,
        selection: &Selection,
        snapshot: &Snapshot,
        head: &Head,
        sink: &mut dyn FnMut(Out<'_>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let Some(kind) = ResourceType::from_number(head.kind.0) else { return Ok(0) };
        let ask = &selection.ask;
        let Some(look) = selection.looks.get(&kind) else { return Ok(0) };
        if ask.since.is_some_and(|since| head.time < since)
            || ask.until.is_some_and(|until| head.time > until)
        {
            return Ok(0);
        }
        if head.deleted {
            return self.give_deleted(from, selection, snapshot, kind, head, sink).map(|()| 0);
        }
        if selection.filtered.get(&kind).is_some_and(|rids| rids.binary_search(&head.rid.0).is_err()) {
            return Ok(0);
        }
        let seen = || {
            Ok(look.shows(snapshot, head)? && self.is_within(from, &selection.whom, snapshot, kind, head)?)
        };
        match seen() {
            Ok(true) => {}
            Ok(false) => return Ok(0),
            Err(error) => return undecided(error),
        }
        let body = match snapshot.body(head) {
            Ok(body) => body,
            Err(error) => return damaged(error.into(), kind, head, sink),
        };
        let names: Vec<String> = ask
            .elements
            .iter()
            .filter(|(only, _)| only.is_none_or(|only| only == kind))
            .map(|(_, name)| name.clone())
            .collect();
        if names.is_empty() {
            sink(Out::Record(kind, &body))?;
            return Ok(body.len());
        }
        let Ok(json) = json::parse(&body, &Limits::bytes(usize::MAX)) else {
            let what = Error::Damaged(format!("{kind} record {}", head.rid.0));
            return damaged(what, kind, head, sink);
        };
        let some = subset::elements(&json, &names).to_vec();
        sink(Out::Record(kind, &some))?;
        Ok(some.len())
    }

    fn is_within(
        &self,
        from: &Caller,
        whom: &Whom,
        snapshot: &Snapshot,
        kind: ResourceType,
        head: &Head,
    ) -> Result<bool, Error> {
        if *whom == Whom::All {
            return Ok(true);
        }
        let is_newest = snapshot.head_of(head.rid)?.is_some_and(|newest| newest.version == head.version);
        let terms = if is_newest {
            Rows::terms(snapshot, head.rid)?
        } else {
            self.terms_of(from, &snapshot.body(head)?, head)?
        };
        Ok(whom.holds(kind, &head.id, &terms))
    }

    /// A delete since the export before, of a record that was there then and that the caller could see.
    fn give_deleted(
        &self,
        from: &Caller,
        selection: &Selection,
        snapshot: &Snapshot,
        kind: ResourceType,
        head: &Head,
        sink: &mut dyn FnMut(Out<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(since) = selection.ask.since else { return Ok(()) };
        let Some(before) = known_at(snapshot, head, since)? else { return Ok(()) };
        let seen = || {
            let look = selection.looks.get(&kind);
            if !look.map_or(Ok(false), |look| look.shows(snapshot, &before))? {
                return Ok(false);
            }
            Ok(match &selection.whom {
                Whom::All => true,
                whom => whom.holds(kind, &head.id, &self.terms_of(from, &snapshot.body(&before)?, &before)?),
            })
        };
        match seen() {
            Ok(true) => sink(Out::Deleted(kind, &head.id)),
            Ok(false) => Ok(()),
            Err(error) => undecided(error).map(|_| ()),
        }
    }

    fn terms_of(&self, from: &Caller, body: &[u8], head: &Head) -> Result<Vec<Term>, Error> {
        let resource = clinicvault_gateway::fhir::resource::Resource::stored(body)
            .map_err(|_| Error::Damaged(format!("record {} version {}", head.rid.0, head.version)))?;
        Ok(clinicvault_gateway::fhir::search::terms(&resource, &self.context(from)))
    }
}

/// The version before a delete, if the record was there at `since`: what came and went after it nobody has seen.
fn known_at(snapshot: &Snapshot, head: &Head, since: Timestamp) -> Result<Option<Head>, Error> {
    let first = snapshot.version(head.rid, 1)?;
    if first.is_none_or(|first| first.time >= since) || head.version < 2 {
        return Ok(None);
    }
    Ok(snapshot.version(head.rid, head.version - 1)?.filter(|before| !before.deleted))
}

/// A record that fails to open before it is known whether the caller may see it: the log names it, the export does not.
fn undecided(error: Error) -> Result<usize, Error> {
    match error {
        Error::Damaged(what) => {
            tracing::error!(what, "a stored record is damaged");
            Ok(0)
        }
        other => Err(other),
    }
}

/// A record that fails to open is told and left out; any other error ends the step.
fn damaged(
    error: Error,
    kind: ResourceType,
    head: &Head,
    sink: &mut dyn FnMut(Out<'_>) -> Result<(), Error>,
) -> Result<usize, Error> {
    match error {
        Error::Damaged(what) => {
            tracing::error!(what, "a stored record is damaged");
            sink(Out::Damaged(kind, &head.id)).map(|()| 0)
        }
        other => Err(other),
    }
}
