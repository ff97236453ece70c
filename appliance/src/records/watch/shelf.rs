//! Rows and events of subscriptions in the vault. Keys and numbers of the collections are part of the stored format.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::Context;
use clinicvault_gateway::fhir::subscription::header;
use clinicvault_gateway::fhir::subscription::life::{Line, State};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, Leaf};

use super::super::Records;
use super::super::access::{Actor, Purpose};
use super::super::audit::{self, About};
use super::super::error::Error;
use super::super::unit::Work;
use super::super::write::{Checks, Draft};
use super::gate::Plan;
use super::row::{Happened, Row, Standing};
use crate::collections::{SUBSCRIPTION_EVENTS, SUBSCRIPTIONS};

/// More rows than any setting allows.
const MOST: usize = 100_000;
/// Events deleted in one unit.
const AT_ONCE: usize = 500;

/// A change of a row in a unit of its own.
pub struct Change {
    /// The row as it was when the change was decided.
    pub seen: Row,
    /// Events that were found, in order; they get the next numbers.
    pub found: Vec<Happened>,
    /// Events that were taken are kept while there are no more than so many.
    pub keep: u64,
    /// Lines for the audit log.
    pub leaves: Vec<Leaf>,
}

fn damaged() -> Error {
    Error::Damaged("a kept subscription".to_owned())
}

fn read(bytes: &[u8]) -> Result<Row, Error> {
    serde_json::from_slice(bytes).map_err(|_| damaged())
}

fn put(work: &mut Work<'_, '_>, row: &Row) -> Result<(), Error> {
    let text =
        serde_json::to_vec(row).map_err(|_| Error::Fault("a subscription cannot be written".to_owned()))?;
    Ok(work.unit().doc_put(SUBSCRIPTIONS, row.id.as_bytes(), &text)?)
}

/// Keys of the events of one beginning: ids hold no slash.
fn prefix(id: &str, epoch: u64) -> Vec<u8> {
    [id.as_bytes(), b"/", &epoch.to_be_bytes()].concat()
}

fn key(id: &str, epoch: u64, number: u64) -> Vec<u8> {
    [prefix(id, epoch), number.to_be_bytes().to_vec()].concat()
}

fn missing() -> Error {
    Error::NotFound("this subscription".to_owned())
}

/// Writes the row of a Subscription that a client has written, in the same unit.
pub fn begin(work: &mut Work<'_, '_>, id: &LogicalId, plan: &Plan) -> Result<(), Error> {
    let tx = work.unit().tx().0;
    let before = work.unit().doc_get(SUBSCRIPTIONS, id.as_str().as_bytes())?;
    let before = before.as_deref().map(|bytes| read(bytes)).transpose()?;
    let owner = Standing::of(work.who());
    let known = before.as_ref().is_some_and(|row| !row.gone && row.owner.id == owner.id);
    if !known {
        room(work, plan, &owner.id, id.as_str())?;
    }
    let mut row = match before {
        Some(row) if !row.gone => Row { owner, written: tx, ..row },
        Some(gone) => {
            let mut row = Row::new(id.as_str(), tx, owner);
            row.old = [gone.old, vec![gone.epoch]].concat();
            row
        }
        None => Row::new(id.as_str(), tx, owner),
    };
    // A secret stays with the address that it was given for.
    let kept = if row.endpoint == plan.endpoint { std::mem::take(&mut row.headers) } else { Vec::new() };
    row.headers = header::resolve(&plan.headers, &kept).map_err(|name| {
        let text = format!("The value of the header {name} is not known any more; send it again.");
        Error::Broken(Issue::error(IssueCode::Required, text).at("Subscription.channel.header").into())
    })?;
    let line = row.line();
    let goes_on =
        row.criteria == plan.criteria && (line.state != State::Off || line.paused) && row.epoch != tx;
    let mut next = if goes_on { line } else { Line { scanned: tx, delivered: line.numbered, ..line } };
    next.state = if plan.off { State::Off } else { State::Requested };
    (next.paused, next.failures, next.not_before, next.error) = (false, 0, None, None);
    row.set_line(next);
    row.base.clone_from(&plan.base);
    row.criteria.clone_from(&plan.criteria);
    row.channel = plan.channel.to_owned();
    row.endpoint.clone_from(&plan.endpoint);
    row.content = plan.content.to_owned();
    (row.end, row.heartbeat, row.batch, row.strict_check) =
        (plan.end, plan.heartbeat, plan.batch, plan.strict_check);
    put(work, &row)
}

/// Refuses one subscription more than the clinic allows.
fn room(work: &mut Work<'_, '_>, plan: &Plan, owner: &str, id: &str) -> Result<(), Error> {
    let rows = work.unit().doc_scan(SUBSCRIPTIONS, &[], MOST)?;
    let rows = rows.iter().map(|(_, bytes)| read(bytes)).collect::<Result<Vec<_>, _>>()?;
    let others: Vec<&Row> = rows.iter().filter(|row| !row.gone && row.id != id).collect();
    let own = others.iter().filter(|row| row.owner.id == owner).count();
    let over = if own >= plan.gate.per_owner {
        Some((own, "subscriptions.per_owner"))
    } else if others.len() >= plan.gate.most {
        Some((others.len(), "subscriptions.most"))
    } else {
        None
    };
    match over {
        None => Ok(()),
        Some((count, setting)) => {
            let text = format!("There are {count} subscriptions already, as many as {setting} allows.");
            Err(Error::Broken(Issue::error(IssueCode::TooCostly, text).into()))
        }
    }
}

/// Lets go of the row of a Subscription that is deleted, in the same unit.
pub fn end(work: &mut Work<'_, '_>, id: &str) -> Result<(), Error> {
    let Some(bytes) = work.unit().doc_get(SUBSCRIPTIONS, id.as_bytes())? else { return Ok(()) };
    let mut row = read(&bytes)?;
    row.gone = true;
    row.headers = Vec::new();
    put(work, &row)
}

impl Records {
    /// Every subscription, those included whose record is deleted and whose events are not swept away yet.
    pub fn watches(&self) -> Result<Vec<Row>, Error> {
        let rows = self.vault().snapshot()?.doc_scan(SUBSCRIPTIONS, &[], MOST)?;
        rows.iter().map(|(_, bytes)| read(bytes)).collect()
    }

    /// One subscription.
    pub fn watch(&self, id: &str) -> Result<Option<Row>, Error> {
        let Some(id) = LogicalId::parse(id) else { return Ok(None) };
        let bytes = self.vault().snapshot()?.doc_get(SUBSCRIPTIONS, id.as_str().as_bytes())?;
        let row = bytes.map(|bytes| read(&bytes)).transpose()?;
        Ok(row.filter(|row| !row.gone))
    }

    /// Its record as it stands, whoever asks; for the box itself.
    pub fn watch_record(&self, id: &str) -> Result<Value, Error> {
        let snapshot = self.vault().snapshot()?;
        let kind = ResourceType::SUBSCRIPTION;
        let head = snapshot.head(clinicvault_vault::Kind(kind.number()), id)?.filter(|head| !head.deleted);
        let head = head.ok_or_else(missing)?;
        json::parse(&snapshot.body(&head)?, &Limits::bytes(usize::MAX)).map_err(|_| damaged())
    }

    /// Kept events with these numbers, both included, each with its number.
    pub fn happened(&self, row: &Row, from: u64, to: u64) -> Result<Vec<(u64, Happened)>, Error> {
        let snapshot = self.vault().snapshot()?;
        let mut events = Vec::new();
        for number in from.max(1)..=to {
            if let Some(bytes) = snapshot.doc_get(SUBSCRIPTION_EVENTS, &key(&row.id, row.epoch, number))? {
                events.push((number, serde_json::from_slice(&bytes).map_err(|_| damaged())?));
            }
        }
        Ok(events)
    }

    /// Changes a row and, where its state changes, the status of its record, in one unit. [`Error::NotFound`] when the
    /// subscription was written anew or deleted since `change.seen` was read. Blocking.
    pub fn change_watch(
        &self,
        who: Arc<Actor>,
        change: Change,
        next: impl FnOnce(&Row) -> Line + Send + 'static,
    ) -> Result<Row, Error> {
        let (context, checks) = (self.reading(), self.checks().by_the_box());
        let (row, _) = self.unit_blocking(who, move |work| {
            let Change { seen, found, keep, leaves } = change;
            let bytes = work.unit().doc_get(SUBSCRIPTIONS, seen.id.as_bytes())?.ok_or_else(missing)?;
            let mut row = read(&bytes)?;
            if row.gone || (row.epoch, row.written) != (seen.epoch, seen.written) {
                return Err(missing());
            }
            for leaf in leaves {
                work.audit(leaf)?;
            }
            if work.unit().audit_lines() == 0 {
                let about = About { object: Some((ResourceType::SUBSCRIPTION, &row.id, 0)), patient: None };
                work.audit(audit::done(work.who(), Action::Execute, Purpose::Operations, about))?;
            }
            let before = row.line();
            let line = next(&row);
            for (number, event) in (before.numbered + 1..).zip(&found) {
                let text = serde_json::to_vec(event).map_err(|_| damaged())?;
                work.unit().doc_put(SUBSCRIPTION_EVENTS, &key(&row.id, row.epoch, number), &text)?;
            }
            let until =
                line.delivered.saturating_sub(keep).saturating_add(1).min(row.oldest + AT_ONCE as u64);
            for number in row.oldest..until {
                work.unit().doc_delete(SUBSCRIPTION_EVENTS, &key(&row.id, row.epoch, number))?;
            }
            row.oldest = row.oldest.max(until);
            let says =
                before.state != line.state || (line.state == State::Error && before.error != line.error);
            row.set_line(line);
            put(work, &row)?;
            if says {
                say(work, &row, &context, &checks)?;
            }
            Ok(row)
        })?;
        Ok(row)
    }

    /// Deletes some of what is left of subscriptions that are gone; answers whether there may be more. Blocking.
    pub fn sweep_watch(&self, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        let who = Arc::new(Actor::operator("subscriptions"));
        let (more, _) = self.unit_blocking(who, move |work| {
            work.audit(audit::done(work.who(), Action::Delete, Purpose::Operations, About::default()))?;
            let Some(bytes) = work.unit().doc_get(SUBSCRIPTIONS, id.as_bytes())? else { return Ok(false) };
            let mut row = read(&bytes)?;
            if row.gone && !row.old.contains(&row.epoch) {
                row.old.push(row.epoch);
            }
            let Some(epoch) = row.old.last().copied() else { return Ok(false) };
            let events = work.unit().doc_scan(SUBSCRIPTION_EVENTS, &prefix(&id, epoch), AT_ONCE)?;
            for (key, _) in &events {
                work.unit().doc_delete(SUBSCRIPTION_EVENTS, key)?;
            }
            if events.len() < AT_ONCE {
                row.old.pop();
            }
            if row.gone && row.old.is_empty() {
                work.unit().doc_delete(SUBSCRIPTIONS, id.as_bytes())?;
                return Ok(false);
            }
            put(work, &row)?;
            Ok(!row.old.is_empty())
        })?;
        Ok(more)
    }
}

/// Writes the version of the record that says how the subscription is.
fn say(work: &mut Work<'_, '_>, row: &Row, context: &Context, checks: &Checks) -> Result<(), Error> {
    let kind = ResourceType::SUBSCRIPTION;
    let head = work.head(kind, &row.id)?.filter(|head| !head.deleted).ok_or_else(missing)?;
    let mut json = json::parse(&work.body(&head)?, &Limits::bytes(usize::MAX)).map_err(|_| damaged())?;
    let line = row.line();
    if let Some(object) = json.as_object_mut() {
        object.insert("status", line.state.as_str());
        match line.error.filter(|_| line.state == State::Error) {
            None => {
                object.remove("error");
            }
            Some(error) => {
                let at = object.position("channel").unwrap_or(object.len());
                object.insert_at(at, "error", error);
            }
        }
    }
    let id = LogicalId::parse(&row.id).ok_or_else(damaged)?;
    let sealed = Draft::of(json)?.check(checks)?.seal(&id, context);
    work.put(&sealed, Purpose::Operations)?;
    Ok(())
}
