//! Changing one record: create (also conditional), update, delete.
//!
//! Conditions (`If-Match`, `If-None-Exist`) are decided inside the writer, where nothing can come between the check
//! and the change: of several clients racing with one tag, exactly one wins.
//!
//! A PUT that says what is already stored makes no new version and answers the one that is there
//! (`docs/decisions/0041-an-update-that-changes-nothing.md`).

use std::sync::Arc;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::fhir::search::Search;
use clinicvault_vault::{Action, Head};

use super::access::{Op, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::matching;
use super::read::Stored;
use super::unit::Work;
use super::write::{Draft, Sealed, same_id};
use super::{Caller, Records};

/// What `If-Match` expects of the record as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Some version exists (`*`).
    Any,
    /// This version is the newest.
    Version(u64),
    /// No version exists (`If-None-Match: *`): only to create.
    Nothing,
}

/// By what a version is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A create: the id is the box's.
    Create,
    /// An update of a record with this id, or its bringing into being under an id that the caller chose.
    Named,
    /// A patch of a record that stands.
    Patch,
    /// A conditional update, for which the box chose the id where none was stated.
    Condition,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// A record came into being, or came back after a delete.
    Created,
    /// A new version of an existing record.
    Updated,
    /// Nothing: what was asked for was already so.
    Nothing,
}

/// The answer to a write: what it did and the version that stands now.
#[derive(Debug, Clone)]
pub struct Written {
    /// What it did.
    pub did: Did,
    /// The version that stands now.
    pub stored: Stored,
}

impl Records {
    /// Creates a record under a new id. With `unless`, only if no record of the type matches it: one match answers
    /// that record, several are a refusal (412).
    pub async fn create(
        &self,
        from: &Caller,
        draft: Draft,
        unless: Option<Search>,
    ) -> Result<Written, Error> {
        let kind = draft.kind();
        self.gate(&from.who, Op::Create, kind)?;
        let checked = draft.check(&self.checks_for(&from.who))?;
        let context = self.context(from);
        let id = self.new_id()?;
        let sealed = checked.seal(&id, &context);
        let purpose = self.allow(from, Op::Create, &sealed)?;
        if unless.as_ref().is_some_and(|search| search.criteria.is_empty()) {
            return Err(Error::precondition("If-None-Exist needs at least one criterion."));
        }
        if unless.is_some() {
            self.gate(&from.who, Op::Search, kind)?;
        }
        let done = self.unit(from.who.clone(), move |work| {
            if let Some(search) = &unless
                && let Some(head) = only(work, kind, search)?
            {
                work.may_find(Op::Read, kind, &head)?;
                let about = About::record(kind, &head.id, head.version, &head.owner);
                let leaf = audit::done(work.who(), Action::Search, purpose, about);
                work.audit(leaf)?;
                return standing(work, head, Did::Nothing);
            }
            work.put(&sealed, purpose).map(|stored| Written { did: Did::Created, stored })
        });
        Ok(done.await?.0)
    }

    /// Writes the next version of a record; creates it under this id if there is none.
    pub async fn update(
        &self,
        from: &Caller,
        id: &LogicalId,
        draft: Draft,
        expected: Option<Expected>,
    ) -> Result<Written, Error> {
        let kind = draft.kind();
        self.gate(&from.who, Op::Update, kind)?;
        same_id(&draft, id)?;
        let checked = draft.check(&self.checks_for(&from.who))?;
        let context = self.context(from);
        let sealed = checked.seal(id, &context);
        let purpose = self.allow(from, Op::Update, &sealed)?;
        let done =
            self.unit(from.who.clone(), move |work| put_next(work, &sealed, expected, purpose, By::Named));
        Ok(done.await?.0)
    }

    /// Deletes a record. Repeating it is not an error; a record that never was is [`Error::NotFound`].
    pub async fn delete(
        &self,
        from: &Caller,
        kind: ResourceType,
        id: &LogicalId,
        expected: Option<Expected>,
    ) -> Result<Head, Error> {
        let purpose = self.gate(&from.who, Op::Delete, kind)?;
        let id = id.clone();
        let done = self.unit(from.who.clone(), move |work| delete(work, kind, &id, expected, purpose));
        Ok(done.await?.0)
    }

    /// Decides on the type alone whether long work of one kind may begin; a refusal gets its line.
    pub fn may_begin(&self, from: &Caller, op: Op, kind: ResourceType) -> Result<(), Error> {
        self.gate(&from.who, op, kind).map(|_| ())
    }

    /// Decides about content that was sent in.
    pub(super) fn allow(&self, from: &Caller, op: Op, sealed: &Sealed) -> Result<Purpose, Error> {
        sealed.decide(&self.sight(&from.who)?, op).check().map_err(|why| {
            self.deny(&from.who, op, why, About::of_type(sealed.kind, None));
            Error::Refused(why)
        })
    }

    /// A new logical id: version 7 UUID, so that new records lie together.
    pub(crate) fn new_id(&self) -> Result<LogicalId, Error> {
        let mut random = [0u8; 10];
        getrandom::fill(&mut random).map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
        Ok(LogicalId::generated(self.now(), random))
    }
}

/// The one record that fulfils a condition, as the writer sees it now.
pub(super) fn only(
    work: &mut Work<'_, '_>,
    kind: ResourceType,
    search: &Search,
) -> Result<Option<Head>, Error> {
    let sight = work.sight().clone();
    matching::only(work.unit(), &sight, kind, search)
}

/// Writes the next version inside a unit.
pub(super) fn put_next(
    work: &mut Work<'_, '_>,
    sealed: &Sealed,
    expected: Option<Expected>,
    purpose: Purpose,
    by: By,
) -> Result<Written, Error> {
    let before = work.head(sealed.kind, sealed.id.as_str())?;
    let look = work.sight().look(Op::Update, sealed.kind);
    match &before {
        // The record as it stands decides too, before anything is told of it: a role may not turn what it cannot touch
        // into something it can. One that may not be seen is answered like one that is not there.
        Some(head) if look.looks_inside() => {
            work.may_find(Op::Update, sealed.kind, head).map_err(|error| unseen(error, sealed))?;
        }
        Some(head) => {
            work.may_touch(Op::Update, sealed.kind, head)?;
        }
        // Who sees only a part of a type chooses no ids: whether one is taken would tell what is hidden.
        None if look.sees_part() && by == By::Named => return Err(Error::NotYours(sealed.kind)),
        None => {}
    }
    let before = before.filter(|head| !head.deleted);
    check_expected(before.as_ref(), expected)?;
    let Some(head) = before else {
        // Bringing a record into being is a create, whatever the verb was.
        work.may(Op::Create, sealed)?;
        let stored = match by {
            By::Create => work.put(sealed, purpose)?,
            By::Named | By::Patch | By::Condition => work.put_by_update(sealed, purpose)?,
        };
        return Ok(Written { did: Did::Created, stored });
    };
    // A subscription that is sent again is asked for again, and its headers may have other values.
    if sealed.watch.is_none() && *work.body(&head)? == sealed.template.finish(head.version, head.time) {
        let about = About::record(sealed.kind, &head.id, head.version, &head.owner);
        let leaf = audit::done(work.who(), Action::Read, purpose, about);
        work.audit(leaf)?;
        return standing(work, head, Did::Nothing);
    }
    let stored = match by {
        By::Patch => work.put_by_patch(sealed, purpose)?,
        By::Create | By::Named | By::Condition => work.put(sealed, purpose)?,
    };
    Ok(Written { did: Did::Updated, stored })
}

fn unseen(error: Error, sealed: &Sealed) -> Error {
    match error {
        Error::NotFound(_) => Error::NotYours(sealed.kind),
        other => other,
    }
}

/// Deletes inside a unit.
pub(super) fn delete(
    work: &mut Work<'_, '_>,
    kind: ResourceType,
    id: &LogicalId,
    expected: Option<Expected>,
    purpose: Purpose,
) -> Result<Head, Error> {
    let head = work.head(kind, id.as_str())?.ok_or_else(|| Error::missing(kind, id.as_str()))?;
    work.may_find(Op::Delete, kind, &head)?;
    check_expected(Some(&head).filter(|head| !head.deleted), expected)?;
    if head.deleted {
        return Ok(head);
    }
    work.remove(kind, id.as_str(), purpose)
}

pub(super) fn check_expected(head: Option<&Head>, expected: Option<Expected>) -> Result<(), Error> {
    let version = head.map(|head| head.version);
    match (expected, version) {
        (None, _) | (Some(Expected::Any), Some(_)) => Ok(()),
        (Some(Expected::Version(wanted)), Some(now)) if wanted == now => Ok(()),
        (Some(Expected::Nothing), None) => Ok(()),
        (Some(Expected::Nothing), Some(_)) => {
            let message = "The record exists, and If-None-Match asks that none does.";
            Err(Error::Precondition(Outcome::error(IssueCode::Conflict, message)))
        }
        (Some(_), now) => {
            let now = now.map_or_else(|| "there is none".to_owned(), |now| format!("it is {now}"));
            let message = format!("The record is not at the version that If-Match names; {now}.");
            Err(Error::Precondition(Outcome::error(IssueCode::Conflict, message)))
        }
    }
}

fn standing(work: &mut Work<'_, '_>, head: Head, did: Did) -> Result<Written, Error> {
    let body = Bytes::from_owner(work.body(&head)?);
    Ok(Written { did, stored: Stored { head, body } })
}

/// The caller as an audit line and a job need it.
impl Caller {
    /// Someone who is known by no address of the box: the command line, the HL7 inbox.
    pub fn of(who: super::access::Actor) -> Self {
        Self { who: Arc::new(who), base: None }
    }
}
