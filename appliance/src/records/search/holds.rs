//! Whether a condition holds for one record: by its own terms and, where links are asked for, by those of the records
//! at their other end, or by the record itself where the index keeps only the beginning of a text. Nothing is followed through records that the caller may not see.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::params::Asked;
use clinicvault_gateway::fhir::search::{Node, Referred, Refers, Term, TermRange, params, reference};
use clinicvault_vault::{Dir, Rid};

use super::super::error::Error;
use super::view::{View, id_of, urls_of};

/// The parameters whose terms decide whether conditions hold for a record itself.
#[derive(Debug, Default)]
pub struct Needs(Vec<u16>);

impl Needs {
    /// What these conditions look at in a record of `kind`, and the ranges besides.
    pub fn of<'n>(
        kind: ResourceType,
        nodes: impl IntoIterator<Item = &'n Node>,
        ranges: impl IntoIterator<Item = &'n TermRange>,
    ) -> Self {
        let mut needs = Self::default();
        nodes.into_iter().for_each(|node| needs.node(kind, node));
        ranges.into_iter().for_each(|range| needs.add(range.param));
        needs
    }

    fn node(&mut self, kind: ResourceType, node: &Node) {
        match node {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| self.node(kind, node)),
            Node::Not(node) => self.node(kind, node),
            Node::Is(criterion) => criterion.alternatives.iter().for_each(|range| self.add(range.param)),
            Node::Refers(link) => link.stored.iter().for_each(|asked| self.add(asked.number)),
            Node::Long(long) => {
                self.add(params::ID);
                long.ranges.iter().for_each(|range| self.add(range.param));
            }
            // Links lead to a record by its id or by its canonical address.
            Node::Referred(_) => {
                self.add(params::ID);
                params::find(kind, "url").into_iter().for_each(|param| self.add(param.number));
            }
        }
    }

    fn add(&mut self, param: u16) {
        if !self.0.contains(&param) {
            self.0.push(param);
        }
    }

    pub fn params(&self) -> &[u16] {
        &self.0
    }
}

impl View<'_> {
    /// Whether `node` holds for a record of `kind` with these terms.
    pub fn holds(&self, kind: ResourceType, own: &[Term], node: &Node) -> Result<bool, Error> {
        match node {
            Node::All(nodes) => self.every(kind, own, nodes),
            Node::Any(nodes) => {
                for node in nodes {
                    if self.holds(kind, own, node)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(node) => Ok(!self.holds(kind, own, node)?),
            Node::Is(criterion) => {
                self.compare(criterion.alternatives.len().saturating_mul(own.len()))?;
                Ok(criterion.matches(own))
            }
            Node::Refers(link) => self.refers(own, link),
            Node::Referred(link) => self.is_referred(kind, own, link),
            Node::Long(long) => match id_of(own) {
                Some(id) if long.concerns(own) => match self.find(kind, id)? {
                    Some(rid) => self.long_holds(rid, own, long),
                    None => Ok(false),
                },
                _ => Ok(false),
            },
        }
    }

    fn every(&self, kind: ResourceType, own: &[Term], nodes: &[Node]) -> Result<bool, Error> {
        for node in nodes {
            if !self.holds(kind, own, node)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a record was there, may be seen, and fulfils `node`. What is found out is kept for the whole search.
    pub fn stands(&self, kind: ResourceType, rid: Rid, node: &Node) -> Result<bool, Error> {
        let key = (std::ptr::from_ref(node).addr(), rid);
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(*known);
        }
        let holds = match self.reach(kind) {
            None => false,
            Some(reach) => {
                let own = self.terms(rid)?;
                !own.is_empty() && self.holds(kind, &own, &reach)? && self.holds(kind, &own, node)?
            }
        };
        self.known.borrow_mut().insert(key, holds);
        Ok(holds)
    }

    fn refers(&self, own: &[Term], link: &Refers) -> Result<bool, Error> {
        let counts = |term: &Term, kind| {
            link.stored.iter().any(|asked| asked.number == term.param && asked.counts(kind))
        };
        for term in own.iter().filter(|term| link.stored.iter().any(|asked| asked.number == term.param)) {
            if let Some((kind, id)) =
                reference::record_of(&term.value).filter(|(kind, _)| counts(term, *kind))
            {
                let Some((_, node)) = link.targets.iter().find(|(target, _)| *target == kind) else {
                    continue;
                };
                if let Some(rid) = self.find(kind, id)?
                    && self.stands(kind, rid, node)?
                {
                    return Ok(true);
                }
            } else if let Some(url) = reference::uri_of(&term.value) {
                for (kind, node) in &link.targets {
                    for rid in self.canonical(*kind, url)? {
                        if self.stands(*kind, rid, node)? {
                            return Ok(true);
                        }
                    }
                }
            }
        }
        Ok(false)
    }

    fn is_referred(&self, kind: ResourceType, own: &[Term], link: &Referred) -> Result<bool, Error> {
        if self.reach(link.from).is_none() {
            return Ok(false);
        }
        for range in pointing_at(kind, own, &link.stored) {
            for row in self.scan(link.from, &range, Dir::Ascending, None)? {
                if self.stands(link.from, row?.1, &link.of)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The ranges of reference values that lead to the record with these terms.
pub fn pointing_at(kind: ResourceType, own: &[Term], stored: &[Asked]) -> Vec<TermRange> {
    let by_id = id_of(own).map(|id| reference::record(kind, id));
    let by_url = urls_of(kind, own).map(reference::to_canonical);
    let values: Vec<Vec<u8>> = by_id.into_iter().chain(by_url).collect();
    let places = stored.iter().filter(|asked| asked.counts(kind));
    places
        .flat_map(|asked| values.iter().map(|value| TermRange::prefix(asked.number, value.clone())))
        .collect()
}
