//! What a caller sees: the one filter that every path which returns data obeys.
//!
//! A [`Sight`] is made once for a request, by [`Records::sight`], and asked for a [`Look`]: what this caller may do of
//! one operation to one type. A path uses a look in one of two ways, and both give the same answer:
//!
//! - **by the index**: [`Look::reach`] says nothing, everything, or any of some conjunctions of search criteria. A
//!   search plans with them, so that totals, sorting and paging know only what may be seen.
//! - **by the record**: [`Look::stored`] decides about one version that was found some other way (read, history, an
//!   include, a link of a chain, an event). It opens the record's terms only where the type alone does not decide
//!   ([`Look::looks_inside`]), and its body never but for a version that is not the newest.
//!
//! What is not visible is treated as not there: not returned, not counted, not followed, not told of in an error. The
//! refusal in a [`Decision`] is for the audit log, and for an answer only where the type alone is refused.
//!
//! Left to others: the policy itself (`access`), the audit line (`read`, `unit`), walking the index (`search`).

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context, Criterion, Handling, Term, query};
use clinicvault_vault::{Head, Owner};

use super::Records;
use super::access::{Actor, Decision, Op, Refusal, Subject, Who, decide};
use super::error::Error;
use super::matching::Rows;

/// What one caller sees, for the length of one request. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Sight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    who: Actor,
    context: Context,
}

/// How much of a type is within reach, in terms of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing of the type, for this reason.
    Nothing(Refusal),
    /// All of it.
    Everything,
    /// What fulfils all criteria of at least one of these lists; none of the lists is empty. Every criterion is about
    /// a record's own terms: no chains.
    Any(Vec<Vec<Criterion>>),
}

/// What one caller may do of one operation to one type.
#[derive(Clone, Debug)]
pub struct Look {
    sight: Sight,
    kind: ResourceType,
    op: Op,
    reach: Reach,
    vital: Option<Vec<Criterion>>,
}

impl Records {
    /// What this caller sees. Made once for a request.
    ///
    /// # Errors
    /// Whatever reading the vault answers.
    pub fn sight(&self, who: &Actor) -> Result<Sight, Error> {
        let context = Context::new(self.0.zone.clone(), self.now());
        Ok(Sight(Arc::new(Inner { who: who.clone(), context })))
    }
}

impl Sight {
    /// What the caller may do of `op` to `kind`.
    pub fn look(&self, op: Op, kind: ResourceType) -> Look {
        let vital = if halves(&self.0.who, kind) { self.criteria(kind, "category") } else { None };
        let reach = self.reach(op, kind, vital.as_deref());
        Look { sight: self.clone(), kind, op, reach, vital }
    }

    /// Who it is that sees.
    pub fn who(&self) -> &Actor {
        &self.0.who
    }

    fn decide(&self, op: Op, kind: ResourceType, vital: bool) -> Decision {
        decide(&self.0.who, op, &Subject::of_type(kind.as_str(), vital))
    }

    /// A role may be allowed one half of Observation, vital signs or results.
    fn reach(&self, op: Op, kind: ResourceType, vital: Option<&[Criterion]>) -> Reach {
        let result = self.decide(op, kind, false);
        let measured = if halves(&self.0.who, kind) { self.decide(op, kind, true) } else { result };
        let half = match (measured, result) {
            (Decision::Allow(_), Decision::Allow(_)) => return Reach::Everything,
            (Decision::Refuse(why), Decision::Refuse(_)) => return Reach::Nothing(why),
            (Decision::Allow(_), Decision::Refuse(_)) => vital.map(<[Criterion]>::to_vec),
            (Decision::Refuse(_), Decision::Allow(_)) => self.criteria(kind, "category:not"),
        };
        // Without the index to tell the halves apart neither is shown.
        half.map_or(Reach::Nothing(Refusal::NoGrant), |half| Reach::Any(vec![half]))
    }

    /// The criteria of `name=vital-signs`, if the type has them.
    fn criteria(&self, kind: ResourceType, name: &str) -> Option<Vec<Criterion>> {
        let pairs = [(name.to_owned(), VITAL_SIGNS.to_owned())];
        let search = query::parse(kind, &pairs, Handling::Strict, &self.0.context).ok()?;
        Some(search.criteria).filter(|criteria| !criteria.is_empty())
    }
}

/// Category code of vital signs (code system observation-category).
const VITAL_SIGNS: &str = "vital-signs";

/// Whether the type has two halves for this actor.
fn halves(who: &Actor, kind: ResourceType) -> bool {
    kind == ResourceType::OBSERVATION && matches!(who.who, Who::Person { .. })
}

impl Look {
    /// Who looks.
    pub fn who(&self) -> &Actor {
        self.sight.who()
    }

    /// What for.
    pub fn op(&self) -> Op {
        self.op
    }

    /// How much of the type is within reach.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The best answer that any record of the type may get: refused here, nothing of the type may be touched. To be
    /// asked before anything is looked up, so that a refusal tells nothing.
    pub fn gate(&self) -> Decision {
        match &self.reach {
            Reach::Nothing(why) => Decision::Refuse(*why),
            Reach::Everything | Reach::Any(_) => self.allowed(),
        }
    }

    /// Whether a record's own terms decide, not its type alone.
    pub fn looks_inside(&self) -> bool {
        matches!(self.reach, Reach::Any(_))
    }

    /// Decides about a record with this owner and these terms.
    pub fn decide(&self, _owner: &Owner, terms: &[Term]) -> Decision {
        let Reach::Any(lists) = &self.reach else { return self.gate() };
        if lists.iter().any(|list| list.iter().all(|criterion| criterion.matches(terms))) {
            return self.allowed();
        }
        let vital = self.vital.iter().flatten().any(|criterion| criterion.matches(terms));
        match self.sight.decide(self.op, self.kind, vital) {
            Decision::Refuse(why) => Decision::Refuse(why),
            Decision::Allow(_) => Decision::Refuse(Refusal::OutsideScope),
        }
    }

    /// Decides about one stored version. A version that is a delete is seen by whoever saw the last one before it.
    ///
    /// # Errors
    /// [`Error::Damaged`] when an older version cannot be read, and whatever reading answers.
    pub fn stored(&self, rows: &impl Rows, head: &Head) -> Result<Decision, Error> {
        if !self.looks_inside() {
            return Ok(self.gate());
        }
        if head.deleted {
            let before = head.version.checked_sub(1).filter(|version| *version > 0);
            let before = before.map(|version| rows.version(head.rid, version)).transpose()?.flatten();
            return match before.filter(|before| !before.deleted) {
                Some(before) => Ok(self.decide(&before.owner, &self.terms(rows, &before)?)),
                None => Ok(self.decide(&head.owner, &[])),
            };
        }
        Ok(self.decide(&head.owner, &self.terms(rows, head)?))
    }

    /// Whether the caller sees one stored version.
    ///
    /// # Errors
    /// As [`Look::stored`].
    pub fn shows(&self, rows: &impl Rows, head: &Head) -> Result<bool, Error> {
        Ok(self.stored(rows, head)?.allowed())
    }

    /// The terms of a version. The vault keeps those of the newest beside the record; others are made again.
    fn terms(&self, rows: &impl Rows, head: &Head) -> Result<Vec<Term>, Error> {
        if rows.head_of(head.rid)?.is_some_and(|newest| newest.version == head.version) {
            return rows.terms(head.rid);
        }
        let body = rows.body(head)?;
        let damaged = |_| Error::Damaged(format!("record {} version {}", head.rid.0, head.version));
        let resource = Resource::stored(&body).map_err(damaged)?;
        let mut terms = search::terms(&resource, &self.sight.0.context);
        terms.push(search::terms::last_updated(head.time));
        Ok(terms)
    }

    fn allowed(&self) -> Decision {
        let purpose = Subject::of_type(self.kind.as_str(), false).area().purpose();
        match (self.op, &self.sight.0.who.who) {
            (_, Who::Operator) | (Op::Export, _) => Decision::Allow(super::access::Purpose::Operations),
            _ => Decision::Allow(purpose),
        }
    }
}

#[cfg(test)]
mod tests;
