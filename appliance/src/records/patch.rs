//! PATCH: changing parts of one record.
//!
//! The new version is made before the writer from the newest one; if another has come since, it is made again inside,
//! so that a patch without `If-Match` applies to what stands and never undoes what others wrote.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, Outcome};
use clinicvault_gateway::fhir::patch::{Budget, Patch, PatchError};
use clinicvault_gateway::fhir::search::Context;
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::Head;

use super::access::{Op, Purpose};
use super::change::{self, By, Expected, Written};
use super::conditional::Whom;
use super::error::Error;
use super::matching;
use super::unit::Work;
use super::write::{Checks, Draft, Sealed};
use super::{Caller, Records};

impl Records {
    /// Applies a patch to the record that is named or matches.
    ///
    /// It is an update and a read: its answer, and the tests that it may hold, tell what the record says.
    pub async fn patch(
        &self,
        from: &Caller,
        kind: ResourceType,
        whom: Whom,
        patch: Patch,
        expected: Option<Expected>,
    ) -> Result<Written, Error> {
        self.patch_within(from, kind, whom, patch, expected, self.patch_budget()).await
    }

    /// The same for one of several patches that share a budget.
    pub async fn patch_within(
        &self,
        from: &Caller,
        kind: ResourceType,
        whom: Whom,
        patch: Patch,
        expected: Option<Expected>,
        budget: Arc<Budget>,
    ) -> Result<Written, Error> {
        let purpose = self.gate(&from.who, Op::Update, kind)?;
        self.gate(&from.who, Op::Read, kind)?;
        if let Whom::Matching(_) = whom {
            self.gate(&from.who, Op::Search, kind)?;
        }
        let (context, checks) = (self.context(from), self.checks_for(&from.who));
        let snapshot = self.vault().snapshot()?;
        let sight = self.sight(&from.who)?;
        let head = match &whom {
            Whom::Named(id) => {
                let head = snapshot.head(clinicvault_vault::Kind(kind.number()), id.as_str())?;
                head.ok_or_else(|| Error::missing(kind, id.as_str()))?
            }
            Whom::Matching(search) => one(matching::only(&snapshot, &sight, kind, search)?)?,
        };
        // Before anything is told of what the record says.
        self.allow_stored(&sight.look(Op::Read, kind), kind, &snapshot, &head)?;
        self.allow_stored(&sight.look(Op::Update, kind), kind, &snapshot, &head)?;
        let head = if let Whom::Named(id) = &whom { standing(Some(head), kind, id)? } else { head };
        let body = snapshot.body(&head)?;
        let prepared = (
            head.rid,
            head.version,
            next(&body, &head, kind, &patch, &Given { context: &context, checks: &checks, budget: &budget }),
        );
        let done = self.unit(from.who.clone(), move |work| {
            let head = match &whom {
                Whom::Named(id) => standing(work.head(kind, id.as_str())?, kind, id)?,
                Whom::Matching(search) => one(change::only(work, kind, search)?)?,
            };
            touch(work, kind, &head)?;
            // Before the result is looked at, so that a stale tag is told as such.
            change::check_expected(Some(&head), expected)?;
            let (rid, version, sealed) = prepared;
            let sealed = if (rid, version) == (head.rid, head.version) {
                sealed?
            } else {
                let given = Given { context: &context, checks: &checks, budget: &budget };
                next(&work.body(&head)?, &head, kind, &patch, &given)?
            };
            put(work, &sealed, purpose)
        });
        Ok(done.await?.0)
    }
}

/// Patches a record inside a unit, for a transaction. `broken` are references of the patch that lead nowhere: a stale
/// tag is told before them. Their places are those within the entry's resource.
pub(super) fn within(
    work: &mut Work<'_, '_>,
    kind: ResourceType,
    id: &LogicalId,
    (patch, broken): (&Patch, Vec<Issue>),
    expected: Option<Expected>,
    given: &Given<'_>,
    purpose: Purpose,
) -> Result<(Written, clinicvault_gateway::json::Value), Error> {
    let head = work.head(kind, id.as_str())?.ok_or_else(|| Error::missing(kind, id.as_str()))?;
    touch(work, kind, &head)?;
    let head = standing(Some(head), kind, id)?;
    change::check_expected(Some(&head), expected)?;
    if !broken.is_empty() {
        return Err(Error::Broken(Outcome::of(broken)).within(&format!("{kind}.resource")));
    }
    let body = work.body(&head)?;
    let sealed = next(&body, &head, kind, patch, given)?;
    let written = put(work, &sealed, purpose)?;
    let value = json::parse(&written.stored.body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("{kind} record {}", head.rid.0)))?;
    Ok((written, value))
}

/// A patch reads and updates what stands; decided before any error tells what that says.
fn touch(work: &mut Work<'_, '_>, kind: ResourceType, head: &Head) -> Result<(), Error> {
    work.may_find(Op::Read, kind, head)?;
    work.may_find(Op::Update, kind, head)?;
    Ok(())
}

fn put(work: &mut Work<'_, '_>, sealed: &Sealed, purpose: Purpose) -> Result<Written, Error> {
    work.may(Op::Update, sealed)?;
    change::put_next(work, sealed, None, purpose, By::Patch)
}

fn standing(head: Option<Head>, kind: ResourceType, id: &LogicalId) -> Result<Head, Error> {
    match head {
        Some(head) if head.deleted => {
            Err(Error::Gone { name: format!("{kind}/{id}"), version: head.version })
        }
        Some(head) => Ok(head),
        None => Err(Error::missing(kind, id.as_str())),
    }
}

fn one(head: Option<Head>) -> Result<Head, Error> {
    head.ok_or_else(|| Error::NotFound("A record that matches the condition".to_owned()))
}

/// What patching depends on beside the record and the patch.
pub(super) struct Given<'a> {
    pub context: &'a Context,
    pub checks: &'a Checks,
    pub budget: &'a Budget,
}

/// Bytes of a record whose reading, checking and sealing is worth a step.
const BYTES_OF_A_STEP: u64 = 8;

/// The patched record, checked and sealed.
fn next(
    body: &[u8],
    head: &Head,
    kind: ResourceType,
    patch: &Patch,
    given: &Given<'_>,
) -> Result<Sealed, Error> {
    let damaged = || Error::Damaged(format!("{kind} record {}", head.rid.0));
    given.budget.take(body.len() as u64 / BYTES_OF_A_STEP)?;
    let stored = json::parse(body, &Limits::bytes(usize::MAX)).map_err(|_| damaged())?;
    let patched = patch.apply_within(&stored, given.budget).map_err(refused)?;
    let id = LogicalId::parse(&head.id).ok_or_else(damaged)?;
    Ok(Draft::of(patched)?.check(given.checks)?.seal(&id, given.context))
}

fn refused(error: PatchError) -> Error {
    match error {
        PatchError::Malformed(outcome) => Error::Unreadable(outcome),
        PatchError::Misfit(outcome) => Error::Broken(outcome),
        PatchError::TestFailed(outcome) => Error::Precondition(outcome),
        PatchError::TooCostly(most) => Error::TooMuch(format!(
            "the patches of one request may take {most} steps together (limits.patch_steps); send fewer at a time"
        )),
    }
}

impl From<PatchError> for Error {
    fn from(error: PatchError) -> Self {
        refused(error)
    }
}
