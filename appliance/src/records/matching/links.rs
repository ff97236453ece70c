//! Conditions that follow links (chains, `_has`, `_list`, filters), held against one record: on a snapshot, or inside the
//! writer. Nothing is followed through records that the caller may not see, and what may be looked at is bounded, because
//! everybody waits for the writer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Long, Node, Referred, Refers, Term, params, reference, uri};
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::Rid;

use super::super::access::Op;
use super::super::error::Error;
use super::super::search::{id_of, pointing_at};
use super::super::sight::{Look, Sight};
use super::super::terms;
use super::Rows;

/// Most records and index rows that the links of the conditions of one request lead to.
const MOST: usize = 20_000;

/// What opening a record costs of it.
const OPENING: usize = 16;

/// What the links of one request's conditions may still lead to.
pub struct Reserve(Cell<usize>);

impl Default for Reserve {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl Reserve {
    /// Takes so many rows or records from it.
    pub(super) fn spend(&self, rows: usize) -> Result<(), Error> {
        let left = self.0.get().checked_sub(rows).ok_or_else(|| {
            Error::TooMuch(format!(
                "the links of the request's conditions lead to more than {MOST} records; name the records more closely"
            ))
        })?;
        self.0.set(left);
        Ok(())
    }
}

/// Follows the links of one condition on behalf of one caller.
pub struct Links<'a, R> {
    rows: &'a R,
    sight: &'a Sight,
    looks: RefCell<BTreeMap<ResourceType, Look>>,
    reserve: &'a Reserve,
}

impl<'a, R: Rows> Links<'a, R> {
    pub fn new(rows: &'a R, sight: &'a Sight, reserve: &'a Reserve) -> Self {
        Self { rows, sight, looks: RefCell::default(), reserve }
    }

    /// Whether a condition holds for a record of `kind` with these terms.
    pub fn hold(&self, kind: ResourceType, own: &[Term], node: &Node) -> Result<bool, Error> {
        match node {
            Node::All(nodes) => {
                for node in nodes {
                    if !self.hold(kind, own, node)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Any(nodes) => {
                for node in nodes {
                    if self.hold(kind, own, node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(node) => Ok(!self.hold(kind, own, node)?),
            Node::Is(criterion) => Ok(criterion.matches(own)),
            Node::Refers(link) => self.refers(own, link),
            Node::Referred(link) => self.is_referred(kind, own, link),
            Node::Long(long) => self.long(kind, own, long),
        }
    }

    fn refers(&self, own: &[Term], link: &Refers) -> Result<bool, Error> {
        for term in own {
            let asked = || link.stored.iter().filter(|asked| asked.number == term.param);
            if asked().next().is_none() {
                continue;
            }
            if let Some((kind, id)) = reference::record_of(&term.value) {
                let target = link.targets.iter().find(|(target, _)| *target == kind);
                if let Some((_, node)) = target.filter(|_| asked().any(|asked| asked.counts(kind)))
                    && self.some(kind, &uri::exact(params::ID, id), node)?
                {
                    return Ok(true);
                }
            } else if let Some(url) = reference::uri_of(&term.value) {
                for (kind, node) in &link.targets {
                    if let Some(param) = params::find(*kind, "url")
                        && self.some(*kind, &uri::exact(param.number, url), node)?
                    {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn is_referred(&self, kind: ResourceType, own: &[Term], link: &Referred) -> Result<bool, Error> {
        for range in pointing_at(kind, own, &link.stored) {
            if self.some(link.from, &range, &link.of)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a long text of the record has what is asked: the record itself is looked at.
    fn long(&self, kind: ResourceType, own: &[Term], long: &Long) -> Result<bool, Error> {
        let Some(id) = id_of(own).filter(|_| long.concerns(own)) else { return Ok(false) };
        self.reserve.spend(OPENING)?;
        for rid in self.rows.scan(kind, &terms::range(&uri::exact(params::ID, id)), 1)? {
            let Some(head) = self.rows.head_of(rid)?.filter(|head| !head.deleted) else { continue };
            let json = json::parse(&self.rows.body(&head)?, &Limits::bytes(usize::MAX))
                .map_err(|_| Error::Damaged(format!("{kind} record {}", rid.0)))?;
            return Ok(long.holds(own, &json));
        }
        Ok(false)
    }

    /// Whether some record with a term in the range may be seen and fulfils `node`.
    fn some(
        &self,
        kind: ResourceType,
        range: &clinicvault_gateway::fhir::search::TermRange,
        node: &Node,
    ) -> Result<bool, Error> {
        self.reserve.spend(1)?;
        for rid in self.rows.scan(kind, &terms::range(range), self.reserve.0.get() + 1)? {
            self.reserve.spend(1)?;
            if self.stands(kind, rid, node)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn stands(&self, kind: ResourceType, rid: Rid, node: &Node) -> Result<bool, Error> {
        let Some(head) = self.rows.head_of(rid)?.filter(|head| !head.deleted) else { return Ok(false) };
        let own = self.rows.terms(rid)?;
        let look = self.looks.borrow().get(&kind).cloned();
        let look = look.unwrap_or_else(|| {
            let look = self.sight.look(Op::Search, kind);
            self.looks.borrow_mut().insert(kind, look.clone());
            look
        });
        Ok(look.wholly(self.rows, &head.owner, &own)?.allowed() && self.hold(kind, &own, node)?)
    }
}
