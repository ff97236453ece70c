//! Changing the one record that a query names: conditional update and conditional delete.
//!
//! The condition is looked up once before the writer, so that everything slow is done there, and decided inside it.

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::{Context, Handling, Search, query};
use clinicvault_vault::Head;

use super::access::Op;
use super::change::{self, By, Expected, Written};
use super::error::Error;
use super::matching;
use super::unit::Work;
use super::write::Draft;
use super::{Caller, Records};

/// Which record an interaction is about.
#[derive(Debug, Clone)]
pub enum Whom {
    /// The one with this id.
    Named(LogicalId),
    /// The one of the type that matches.
    Matching(Box<Search>),
}

impl Records {
    /// Reads the query of a condition: strictly, since a parameter left out would name other records.
    ///
    /// [`Error::Precondition`] when nothing in it is a criterion: such a condition would match everything.
    pub fn condition(
        &self,
        from: &Caller,
        kind: ResourceType,
        pairs: &[(String, String)],
    ) -> Result<Search, Error> {
        read(kind, pairs, &self.context(from))
    }

    /// Writes the next version of the record that matches, or creates one when none does.
    pub async fn update_matching(
        &self,
        from: &Caller,
        draft: Draft,
        search: Search,
        expected: Option<Expected>,
    ) -> Result<Written, Error> {
        let kind = draft.kind();
        self.gate(&from.who, Op::Update, kind)?;
        self.gate(&from.who, Op::Search, kind)?;
        let own = match draft.id() {
            None => None,
            Some(text) => {
                Some(LogicalId::parse(text).ok_or_else(|| bad_id(kind, "The id in the body is not one."))?)
            }
        };
        let checked = draft.check(&self.checks_for(&from.who))?;
        let context = self.context(from);
        let fresh = match &own {
            Some(own) => own.clone(),
            None => self.new_id()?,
        };
        let sight = self.sight(&from.who)?;
        let standing = matching::only(&self.vault().snapshot()?, &sight, kind, &search)?;
        let sealed = checked.clone().seal(&whose(standing, own.as_ref(), &fresh, kind)?, &context);
        let purpose = self.allow(from, Op::Update, &sealed)?;
        let done = self.unit(from.who.clone(), move |work| {
            let found = change::only(work, kind, &search)?;
            if found.is_none() {
                may_stand(work, kind, &fresh)?;
            }
            let id = whose(found, own.as_ref(), &fresh, kind)?;
            let sealed = if *sealed.id() == id { sealed } else { checked.seal(&id, &context) };
            let by = if own.is_some() { By::Named } else { By::Condition };
            change::put_next(work, &sealed, expected, purpose, by)
        });
        Ok(done.await?.0)
    }

    /// Deletes the record that matches; none when nothing does.
    pub async fn delete_matching(
        &self,
        from: &Caller,
        kind: ResourceType,
        search: Search,
        expected: Option<Expected>,
    ) -> Result<Option<Head>, Error> {
        let purpose = self.gate(&from.who, Op::Delete, kind)?;
        self.gate(&from.who, Op::Search, kind)?;
        let done = self.unit(from.who.clone(), move |work| {
            let Some(head) = change::only(work, kind, &search)? else {
                change::check_expected(None, expected)?;
                return Ok(None);
            };
            let id = LogicalId::parse(&head.id).ok_or_else(|| Error::missing(kind, &head.id))?;
            change::delete(work, kind, &id, expected, purpose).map(Some)
        });
        Ok(done.await?.0)
    }
}

/// As [`Records::condition`].
pub(super) fn read(
    kind: ResourceType,
    pairs: &[(String, String)],
    context: &Context,
) -> Result<Search, Error> {
    let search = query::parse(kind, pairs, Handling::Strict, context).map_err(Error::of_query)?;
    if !search.includes.is_empty() {
        let text = "A condition names one record; _include and _revinclude are for searches.";
        return Err(Error::Unreadable(Issue::error(IssueCode::NotSupported, text).into()));
    }
    if search.criteria.is_empty() {
        return Err(Error::precondition("The condition needs at least one criterion of the record's own."));
    }
    Ok(search)
}

/// The id that a conditional update writes under.
fn whose(
    found: Option<Head>,
    own: Option<&LogicalId>,
    fresh: &LogicalId,
    kind: ResourceType,
) -> Result<LogicalId, Error> {
    let Some(head) = found else { return Ok(fresh.clone()) };
    if own.is_some_and(|own| own.as_str() != head.id) {
        return Err(bad_id(kind, "The id in the body differs from that of the record that matches."));
    }
    LogicalId::parse(&head.id).ok_or_else(|| Error::missing(kind, &head.id))
}

/// Refuses to write a record over another that its condition does not name. To who may not see that other, it is as
/// `put_next` says.
pub(super) fn may_stand(work: &mut Work<'_, '_>, kind: ResourceType, id: &LogicalId) -> Result<(), Error> {
    let Some(head) = work.head(kind, id.as_str())?.filter(|head| !head.deleted) else { return Ok(()) };
    match work.may_find(Op::Update, kind, &head) {
        Err(Error::NotFound(_)) => Err(Error::NotYours(kind)),
        Err(other) => Err(other),
        Ok(_) => Err(stands_unmatched(kind, id)),
    }
}

/// The refusal (409) to write a record over another that its condition does not name.
fn stands_unmatched(kind: ResourceType, id: &LogicalId) -> Error {
    let message = format!("{kind}/{id} exists but does not match the condition.");
    Error::Conflict(Issue::error(IssueCode::Conflict, message).into())
}

fn bad_id(kind: ResourceType, message: &str) -> Error {
    Error::Unreadable(Issue::error(IssueCode::Invalid, message).at(format!("{kind}.id")).into())
}
