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
//! Consents of patients narrow both ways alike: `consents` says what they withhold from a caller.
//!
//! Left to others: the policy itself (`access`), the audit line (`read`, `unit`), walking the index (`search`).

use std::sync::Arc;

use clinicvault_gateway::fhir::audit::ACCOUNT;
use clinicvault_gateway::fhir::compartment;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{
    self, Context, Criterion, Handling, Node, Term, params, query, reference, uri,
};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Head, Owner};

use super::Records;
use super::access::{
    About, Actor, Area, Decision, Op, Purpose, Refusal, Role, Scopes, Subject, Who, decide, roles_allow,
};
use super::consents::Withheld;
use super::error::Error;
use super::matching::Rows;

/// What one caller sees, for the length of one request. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Sight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    who: Actor,
    context: Context,
    /// Whether every record has the terms that criteria are about.
    indexed: bool,
    /// What patients' consents withhold; none when none does.
    withheld: Option<Withheld>,
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
    /// Whether consents are asked, too.
    consented: bool,
    /// Whether a record names another whose rights hold for it (a Binary), and not all of these may be seen anyway.
    by_context: bool,
}

impl Records {
    /// What this caller sees. Made once for a request.
    ///
    /// # Errors
    /// [`Error::Indexing`] while an own search parameter that restricts a scope of the caller does not know every record;
    /// whatever reading the vault answers.
    pub fn sight(&self, who: &Actor) -> Result<Sight, Error> {
        let context = self.reading();
        if let Some(issue) = who.scopes().and_then(|scopes| scopes.unready(&context)) {
            return Err(Error::Indexing(issue.into()));
        }
        let withheld = self.consents().withheld(self.vault(), who, &context)?;
        Ok(Sight(Arc::new(Inner { who: who.clone(), context, indexed: self.index_is_complete(), withheld })))
    }
}

impl Sight {
    /// What the caller may do of `op` to `kind`: what the roles and the scopes allow, where it has both.
    pub fn look(&self, op: Op, kind: ResourceType) -> Look {
        let reach = self.reach(op, kind);
        let by_context = kind == ResourceType::BINARY
            && !matches!(reach, Reach::Nothing(_))
            && contexts().any(|kind| {
                let op = context_op(op);
                self.reach(op, kind) != Reach::Everything || self.consented(op, kind).is_some()
            });
        let consented = self.consented(op, kind).is_some();
        Look { sight: self.clone(), kind, op, reach, consented, by_context }
    }

    fn reach(&self, op: Op, kind: ResourceType) -> Reach {
        let reach = match &self.0.who.who {
            Who::Person { roles } => self.by_roles(roles, op, kind),
            Who::App { roles, scopes, patient } => {
                let scoped = self.by_scopes(scopes, patient.as_ref(), op, kind);
                scoped.and(|| self.by_roles(roles, op, kind))
            }
            Who::Machine { scopes } => self.by_scopes(scopes, None, op, kind),
            Who::Patient { .. } | Who::Sender | Who::Operator => {
                match decide(&self.0.who, op, &Subject::of_type(kind.as_str(), false)) {
                    Decision::Allow(_) => Reach::Everything,
                    Decision::Refuse(why) => Reach::Nothing(why),
                }
            }
        };
        match (self.0.indexed, self.consented(op, kind)) {
            (true, _) => reach,
            // What a record lacks only because its terms are old must not be taken for consent.
            (false, Some(withheld)) if withheld.trusts_terms() => Reach::Nothing(Refusal::NoConsent),
            (false, _) => reach.without_negations(),
        }
    }

    /// What patients' consents withhold of a type, when they are asked.
    fn consented(&self, op: Op, kind: ResourceType) -> Option<&Withheld> {
        self.0.withheld.as_ref().filter(|withheld| withheld.concerns(op, kind))
    }

    /// The state of the own search parameters that the caller's scopes were read by, if one is restricted by any.
    pub fn own_epoch(&self) -> Option<u64> {
        self.known_since().map(|_| self.0.context.own.epoch())
    }

    /// The transaction since which the own search parameters that restrict the caller's scopes know every record.
    pub fn known_since(&self) -> Option<u64> {
        self.0.who.scopes().and_then(|scopes| scopes.known_since(&self.0.context))
    }

    /// Who it is that sees.
    pub fn who(&self) -> &Actor {
        &self.0.who
    }

    /// Whether every record was indexed as this program does it when the request began.
    pub fn is_indexed(&self) -> bool {
        self.0.indexed
    }

    /// A role may be allowed one half of Observation, vital signs or results.
    fn by_roles(&self, roles: &[Role], op: Op, kind: ResourceType) -> Reach {
        let may = |vital| roles_allow(roles, op, &Subject::of_type(kind.as_str(), vital));
        let result = may(false);
        let measured = if kind == ResourceType::OBSERVATION { may(true) } else { result };
        let half = match (measured, result) {
            (Decision::Allow(_), Decision::Allow(_)) => return Reach::Everything,
            (Decision::Refuse(why), Decision::Refuse(_)) => {
                return self.own(roles, op, kind).unwrap_or(Reach::Nothing(why));
            }
            (Decision::Allow(_), Decision::Refuse(_)) => self.category(kind, "category"),
            (Decision::Refuse(_), Decision::Allow(_)) => self.category(kind, "category:not"),
        };
        // Without the index to tell the halves apart neither is shown.
        half.map_or(Reach::Nothing(Refusal::NoGrant), |half| Reach::Any(vec![half]))
    }

    /// Of the audit trail a role may be allowed what this person did: not what they were refused, whose lines name what
    /// is there and hidden from them.
    fn own(&self, roles: &[Role], op: Op, kind: ResourceType) -> Option<Reach> {
        let own = Subject::of_type(kind.as_str(), false).theirs(true);
        if kind != ResourceType::AUDIT_EVENT || !roles_allow(roles, op, &own).allowed() {
            return None;
        }
        let who = format!("{ACCOUNT}|{}", self.0.who.id);
        let mut own = self.asked(kind, "agent:identifier", &who)?;
        own.extend(self.asked(kind, "outcome", DONE)?);
        Some(Reach::Any(vec![own]))
    }

    /// The criteria of `name=vital-signs`, if the type has them.
    fn category(&self, kind: ResourceType, name: &str) -> Option<Vec<Criterion>> {
        self.asked(kind, name, VITAL_SIGNS)
    }

    /// The criteria of a query of one parameter, if the type has it.
    fn asked(&self, kind: ResourceType, name: &str, value: &str) -> Option<Vec<Criterion>> {
        let pairs = [(name.to_owned(), value.to_owned())];
        let search = query::parse(kind, &pairs, Handling::Strict, &self.0.context).ok()?;
        Some(search.criteria).filter(|criteria| !criteria.is_empty())
    }

    /// Every letter that the operation needs must be covered by some scope.
    fn by_scopes(&self, scopes: &Scopes, patient: Option<&LogicalId>, op: Op, kind: ResourceType) -> Reach {
        let each = op.letters().chars().map(|letter| self.by_letter(scopes, patient, letter, kind));
        each.reduce(|one, two| one.and(|| two)).unwrap_or(Reach::Nothing(Refusal::OutsideScope))
    }

    fn by_letter(
        &self,
        scopes: &Scopes,
        patient: Option<&LogicalId>,
        letter: char,
        kind: ResourceType,
    ) -> Reach {
        let mut lists = Vec::new();
        for scope in scopes.each().iter().filter(|scope| scope.covers(kind.as_str(), letter)) {
            let Some(mut list) = scope.criteria(&self.0.context) else { continue };
            if scope.about() == About::Patient {
                match patient.and_then(|id| compartment::membership(ResourceType::PATIENT, id, kind)) {
                    Some(criterion) => list.push(criterion),
                    // Who treats and where belongs to nobody; an app may look at it, not change it.
                    None if patient.is_some() && is_directory(kind) && matches!(letter, 'r' | 's') => {}
                    None => continue,
                }
            }
            if list.is_empty() {
                return Reach::Everything;
            }
            lists.push(list);
        }
        if lists.is_empty() { Reach::Nothing(Refusal::OutsideScope) } else { Reach::Any(lists) }
    }
}

impl Reach {
    /// The same while records of an older program wait for their new terms: a record that lacks a term for that reason
    /// must not count as one that is not a vital sign. Such callers see less until the index is renewed.
    fn without_negations(self) -> Reach {
        let Reach::Any(mut lists) = self else { return self };
        lists.retain(|list| list.iter().all(|criterion| !criterion.negate));
        if lists.is_empty() { Reach::Nothing(Refusal::NoGrant) } else { Reach::Any(lists) }
    }

    /// What is within both.
    fn and(self, other: impl FnOnce() -> Reach) -> Reach {
        match self {
            Reach::Nothing(why) => Reach::Nothing(why),
            Reach::Everything => other(),
            Reach::Any(lists) => match other() {
                Reach::Nothing(why) => Reach::Nothing(why),
                Reach::Everything => Reach::Any(lists),
                Reach::Any(others) => {
                    let joined = lists.iter().flat_map(|list| {
                        others.iter().map(move |other| {
                            let more = other.iter().filter(|each| !list.contains(each));
                            list.iter().chain(more).cloned().collect()
                        })
                    });
                    Reach::Any(joined.collect())
                }
            },
        }
    }
}

/// Types of records that a Binary may name as its security context. A Binary is not one: its own context would decide.
pub fn contexts() -> impl Iterator<Item = ResourceType> {
    ResourceType::all().filter(|kind| *kind != ResourceType::BINARY)
}

/// What must be allowed of the record that a Binary names: to look at it, whatever is done to the Binary.
const fn context_op(op: Op) -> Op {
    match op {
        Op::Search | Op::Export => op,
        _ => Op::Read,
    }
}

/// Outcome of what was done (code system audit-event-outcome).
const DONE: &str = "0";
/// Category code of vital signs (code system observation-category).
const VITAL_SIGNS: &str = "vital-signs";

/// Types that are in nobody's compartment and that everybody needs to read anything else.
fn is_directory(kind: ResourceType) -> bool {
    Area::of_type(kind.as_str(), false) == Area::Directory
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

    /// How much of the type is within reach of roles and scopes.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// What a record must fulfil to be seen, roles, scopes and consents together; none when nothing of the type may be.
    pub fn condition(&self) -> Option<Node> {
        let reach = match &self.reach {
            Reach::Nothing(_) => return None,
            Reach::Everything => Node::All(Vec::new()),
            Reach::Any(lists) => {
                Node::Any(lists.iter().map(|list| Node::all(list.iter().cloned())).collect())
            }
        };
        match self.withheld().and_then(|withheld| withheld.given(self.op, self.kind, &self.sight.0.context)) {
            None => Some(reach),
            Some(given) => Some(Node::All(vec![reach, given])),
        }
    }

    fn withheld(&self) -> Option<&Withheld> {
        self.sight.0.withheld.as_ref().filter(|_| self.consented)
    }

    /// Whether consents may withhold something of this patient, so that each record has to be judged.
    pub fn asks_consent_of(&self, patient: &str) -> bool {
        self.withheld().is_some_and(|withheld| withheld.knows(patient))
    }

    /// Whether consents withhold a record; roles are not asked.
    pub fn withholds(&self, resource: &Value) -> bool {
        let Some(withheld) = self.withheld() else { return false };
        let Ok(resource) = Resource::from_value(resource.clone()) else { return true };
        let terms = search::terms(&resource, &self.sight.0.context);
        withheld.withholds(self.op, self.kind, &terms, &self.sight.0.context)
    }

    /// The best answer that any record of the type may get: refused here, nothing of the type may be touched. To be
    /// asked before anything is looked up, so that a refusal tells nothing.
    pub fn gate(&self) -> Decision {
        match &self.reach {
            Reach::Nothing(why) => Decision::Refuse(*why),
            Reach::Everything | Reach::Any(_) => self.allowed(),
        }
    }

    /// Whether the record decides, not its type alone.
    pub fn looks_inside(&self) -> bool {
        let by_consent = self.consented && !matches!(self.reach, Reach::Nothing(_));
        matches!(self.reach, Reach::Any(_)) || by_consent || self.by_context
    }

    /// Whether every record of the type is seen: nothing narrows it, and no consent withholds from this caller.
    pub fn sees_all(&self) -> bool {
        self.reach == Reach::Everything
            && !self.by_context
            && self.condition().is_some_and(|node| node == Node::All(Vec::new()))
    }

    /// Whether only a part of the type is within reach, by its records' own terms.
    pub fn sees_part(&self) -> bool {
        matches!(self.reach, Reach::Any(_))
    }

    /// What a Binary that names a record of this type as its security context is decided by; none where it need not be
    /// looked at. A record of a type that is not among [`contexts`] is within nobody's reach.
    pub fn context(&self, kind: ResourceType) -> Option<Look> {
        self.by_context.then(|| self.sight.look(context_op(self.op), kind))
    }

    /// Decides about a record with this owner and these terms.
    pub fn decide(&self, _owner: &Owner, terms: &[Term]) -> Decision {
        let within = self.within(terms);
        let held = self.withheld().is_some_and(|withheld| {
            within.allowed() && withheld.withholds(self.op, self.kind, terms, &self.sight.0.context)
        });
        if held { Decision::Refuse(Refusal::NoConsent) } else { within }
    }

    /// What roles and scopes say of a record with these terms.
    fn within(&self, terms: &[Term]) -> Decision {
        let Reach::Any(lists) = &self.reach else { return self.gate() };
        if lists.iter().any(|list| list.iter().all(|criterion| criterion.matches(terms))) {
            return self.allowed();
        }
        // For the audit log: who may see the other half of a type is told so, a scope is told that it does not reach.
        let why = match &self.sight.0.who.who {
            Who::Person { roles } => self.of_the_other_half(roles),
            Who::App { .. } | Who::Machine { .. } | Who::Patient { .. } | Who::Sender | Who::Operator => {
                Refusal::OutsideScope
            }
        };
        Decision::Refuse(why)
    }

    /// Why the half of a type that is not within reach is refused.
    fn of_the_other_half(&self, roles: &[Role]) -> Refusal {
        let halves = [true, false].map(|vital| {
            roles_allow(roles, self.op, &Subject::of_type(self.kind.as_str(), vital)).check().err()
        });
        halves.into_iter().flatten().next().unwrap_or(Refusal::NoGrant)
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
                Some(before) => self.wholly(rows, &before.owner, &self.terms(rows, &before)?),
                None => self.wholly(rows, &head.owner, &[]),
            };
        }
        self.wholly(rows, &head.owner, &self.terms(rows, head)?)
    }

    /// Decides about a record with this owner and these terms, and by the record that it names as its security context.
    ///
    /// # Errors
    /// As [`Look::stored`].
    pub fn wholly(&self, rows: &impl Rows, owner: &Owner, terms: &[Term]) -> Result<Decision, Error> {
        let own = self.decide(owner, terms);
        if own.allowed() && self.by_context && !self.context_is_seen(rows, terms)? {
            return Ok(Decision::Refuse(Refusal::OutsideScope));
        }
        Ok(own)
    }

    /// Whether the record that a Binary names may be seen, if it names one. One that is not there is seen by nobody.
    fn context_is_seen(&self, rows: &impl Rows, terms: &[Term]) -> Result<bool, Error> {
        let Some(named) = terms.iter().find(|term| term.param == params::SECURITY_CONTEXT) else {
            // A record of an older program may name one all the same.
            return Ok(self.sight.is_indexed());
        };
        let Some((kind, id)) = reference::record_of(&named.value) else { return Ok(false) };
        if kind == ResourceType::BINARY {
            return Ok(false);
        }
        let range = super::terms::range(&uri::exact(params::ID, id));
        let Some(rid) = rows.scan(kind, &range, 1)?.first().copied() else { return Ok(false) };
        let Some(head) = rows.head_of(rid)?.filter(|head| !head.deleted) else { return Ok(false) };
        self.sight.look(context_op(self.op), kind).shows(rows, &head)
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
            (_, Who::Operator) | (Op::Export, _) => Decision::Allow(Purpose::Operations),
            _ => Decision::Allow(purpose),
        }
    }
}

#[cfg(test)]
mod tests;
