//! How many records match: from what is known already, from a sample, or by counting.
//!
//! Counting keeps one bit for a record, so that a million of them take little memory, and is bounded by
//! `limits.count_rows` index rows. What a walk of a whole range found is remembered (`memory`).

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::params::Asked;
use clinicvault_gateway::fhir::search::{Long, Node, Refers, TermRange, params, reference};
use clinicvault_vault::{Dir, Kind, Rid};

use super::super::error::Error;
use super::bits::Bits;
use super::holds::Needs;
use super::memory::Counted;
use super::plan::{Plan, flatten};
use super::rows::Job;
use super::view::{View, too_costly};

/// What opening a record costs, in index rows.
const OPENING: u64 = 64;
/// Candidates that an estimate looks at.
const SAMPLE: usize = 256;

impl<'n> Plan<'n> {
    /// Looks at all candidates when they are few, so that nothing is left to be asked about them.
    pub fn settle(&mut self, view: &View<'_>, kind: ResourceType) -> Result<(), Error> {
        let Some(candidates) = self.candidates.as_mut().filter(|found| found.len() <= view.bounds.few) else {
            return Ok(());
        };
        if self.rest.is_empty() {
            return Ok(());
        }
        let needs = Needs::of(kind, self.rest.iter().copied(), []);
        let mut reader = view.reader(&needs);
        let mut kept = Vec::with_capacity(candidates.len());
        for rid in candidates.drain(..) {
            let own = reader.of(rid)?;
            if view.all_hold(kind, &own, &self.rest)? {
                kept.push(rid);
            }
        }
        *candidates = kept;
        self.rest.clear();
        Ok(())
    }
}

impl View<'_> {
    /// The number of records that match, where it is known without further looking.
    pub fn cheap_total(&self, job: Job<'_>, plan: &Plan<'_>) -> Result<Option<u64>, Error> {
        let mut conditions = Vec::new();
        flatten(job.node, &mut conditions);
        match &plan.candidates {
            Some(candidates) if plan.rest.is_empty() => Ok(Some(candidates.len() as u64)),
            None if conditions.is_empty() && self.at == self.snapshot.tx() => {
                Ok(Some(self.snapshot.count(Kind(job.kind.number()))?))
            }
            _ => Ok(None),
        }
    }

    /// About how many match. Counted where the rights of the caller cut the type, so that nothing else shows through.
    pub fn estimate(&self, job: Job<'_>, plan: &Plan<'_>, cut: bool) -> Result<u64, Error> {
        if let Some(total) = self.cheap_total(job, plan)? {
            return Ok(total);
        }
        let Some(candidates) = plan.candidates.as_ref().filter(|_| !cut) else {
            return self.count(job);
        };
        let step = (candidates.len() / SAMPLE).max(1);
        let (mut seen, mut hits) = (0u64, 0u64);
        for rid in candidates.iter().step_by(step) {
            seen += 1;
            hits += u64::from(self.fulfils(job.kind, *rid, &plan.rest)?);
        }
        Ok((candidates.len() as u64).saturating_mul(hits) / seen.max(1))
    }

    /// Exactly how many match.
    pub fn count(&self, job: Job<'_>) -> Result<u64, Error> {
        let mut conditions = Vec::new();
        flatten(job.node, &mut conditions);
        if conditions.is_empty() && self.at == self.snapshot.tx() {
            return Ok(self.snapshot.count(Kind(job.kind.number()))?);
        }
        let mut counter = Counter { view: self, rows: 0 };
        if let [Node::Is(criterion)] = conditions.as_slice()
            && let ([range], false) = (criterion.alternatives.as_slice(), criterion.negate)
        {
            return Ok(counter.range(job.kind, range)?.rids.len());
        }
        Ok(counter.of(job.kind, job.node)?.len())
    }
}

struct Counter<'a, 'v> {
    view: &'a View<'v>,
    rows: u64,
}

impl Counter<'_, '_> {
    fn of(&mut self, kind: ResourceType, node: &Node) -> Result<Bits, Error> {
        match node {
            Node::Is(criterion) => {
                let found = self.walk(kind, &criterion.alternatives)?;
                if criterion.negate { Ok(self.every(kind)?.without(&found)) } else { Ok(found) }
            }
            Node::Not(node) => {
                let found = self.of(kind, node)?;
                Ok(self.every(kind)?.without(&found))
            }
            Node::Any(nodes) => {
                let mut all = Bits::default();
                for node in nodes {
                    all.join(self.of(kind, node)?);
                }
                Ok(all)
            }
            Node::All(nodes) => {
                let mut found: Option<Bits> = None;
                // What always holds, such as the rights of who may see everything, is not worth a walk of all records.
                for node in nodes.iter().filter(|node| !holds_always(node)) {
                    let more = self.of(kind, node)?;
                    found = Some(match found {
                        Some(found) => found.common(&more),
                        None => more,
                    });
                }
                found.map_or_else(|| self.every(kind), Ok)
            }
            Node::Refers(link) => self.refers(kind, link),
            Node::Long(long) => self.with_long(kind, node, long),
            Node::Referred(link) => {
                let sources = self.seen(link.from, &link.of)?;
                let mut found = Bits::default();
                // Rows of one value follow one another, and lead to the same records.
                let mut last: Option<(Asked, Vec<u8>)> = None;
                self.links(link.from, &link.stored, |counter, asked, source, value| {
                    let known = last.as_ref().is_some_and(|(place, known)| *place == asked && known == value);
                    if !known && asked.counts(kind) && sources.holds(source) {
                        for target in counter.targets(kind, value)? {
                            found.add(target);
                        }
                        last = Some((asked, value.to_vec()));
                    }
                    Ok(())
                })?;
                Ok(found)
            }
        }
    }

    /// Each record with a text that was cut is opened, and paid for as the page would.
    fn with_long(&mut self, kind: ResourceType, node: &Node, long: &Long) -> Result<Bits, Error> {
        let (mut met, mut found) = (Bits::default(), Bits::default());
        let needs = Needs::of(kind, [node], []);
        for range in &long.ranges {
            for row in self.view.scan(kind, range, Dir::Ascending, None)? {
                let (_, rid) = row?;
                self.step()?;
                if met.holds(rid) {
                    continue;
                }
                met.add(rid);
                self.looked(OPENING)?;
                if self.view.long_holds(rid, &self.view.terms_for(rid, &needs)?, long)? {
                    found.add(rid);
                }
            }
        }
        Ok(found)
    }

    fn refers(&mut self, kind: ResourceType, link: &Refers) -> Result<Bits, Error> {
        let mut seen = Vec::with_capacity(link.targets.len());
        for (target, node) in &link.targets {
            seen.push((*target, self.seen(*target, node)?));
        }
        seen.retain(|(_, found)| found.len() > 0);
        let mut found = Bits::default();
        let mut last: Option<(Asked, Vec<u8>, bool)> = None;
        self.links(kind, &link.stored, |counter, asked, source, value| {
            let leads = match &last {
                Some((place, known, leads)) if *place == asked && known == value => *leads,
                _ => {
                    let mut leads = false;
                    for (target, found) in seen.iter().filter(|(target, _)| asked.counts(*target)) {
                        leads = leads || counter.targets(*target, value)?.iter().any(|rid| found.holds(*rid));
                    }
                    last = Some((asked, value.to_vec(), leads));
                    leads
                }
            };
            if leads {
                found.add(source);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Records of `kind` that the caller may see and that fulfil `node`.
    fn seen(&mut self, kind: ResourceType, node: &Node) -> Result<Bits, Error> {
        let Some(reach) = self.view.reach(kind) else { return Ok(Bits::default()) };
        let found = self.of(kind, node)?;
        if holds_always(&reach) {
            return Ok(found);
        }
        Ok(found.common(&self.of(kind, &reach)?))
    }

    fn every(&mut self, kind: ResourceType) -> Result<Bits, Error> {
        self.walk(kind, &[TermRange::all(params::LAST_UPDATED)])
    }

    fn walk(&mut self, kind: ResourceType, ranges: &[TermRange]) -> Result<Bits, Error> {
        let mut found: Option<Bits> = None;
        for range in ranges {
            let more = Arc::unwrap_or_clone(self.range(kind, range)?).rids;
            match &mut found {
                Some(found) => found.join(more),
                None => found = Some(more),
            }
        }
        Ok(found.unwrap_or_default())
    }

    /// The records of one range: those of an earlier walk, brought up to date, or those of a new one.
    fn range(&mut self, kind: ResourceType, range: &TermRange) -> Result<Arc<Counted>, Error> {
        if let Some(known) = self.view.recall(kind, range)? {
            // Paid for as a walk, so that the bound does not hang on who asked before.
            self.looked(known.rows)?;
            return Ok(known);
        }
        let (mut rids, mut rows) = (Bits::default(), 0);
        for row in self.view.scan(kind, range, Dir::Ascending, None)? {
            rids.add(row?.1);
            rows += 1;
            self.step()?;
        }
        Ok(self.view.remember(kind, range, rids, rows))
    }

    /// Every value of a reference parameter with its record.
    fn links(
        &mut self,
        kind: ResourceType,
        stored: &[Asked],
        mut visit: impl FnMut(&mut Self, Asked, Rid, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for asked in stored {
            let range = TermRange::all(asked.number);
            for row in self.view.scan(kind, &range, Dir::Ascending, None)? {
                let (value, rid) = row?;
                self.step()?;
                visit(self, *asked, rid, &value)?;
            }
        }
        Ok(())
    }

    /// Records of `kind` that a reference value leads to.
    fn targets(&mut self, kind: ResourceType, value: &[u8]) -> Result<Vec<Rid>, Error> {
        if let Some((target, id)) = reference::record_of(value) {
            let found = if target == kind { self.view.find(kind, id)? } else { None };
            return Ok(found.into_iter().collect());
        }
        let Some(url) = reference::uri_of(value) else { return Ok(Vec::new()) };
        let found = self.view.canonical(kind, url)?;
        self.looked(found.len() as u64)?;
        Ok(found)
    }

    fn step(&mut self) -> Result<(), Error> {
        self.looked(1)
    }

    fn looked(&mut self, rows: u64) -> Result<(), Error> {
        self.rows += rows;
        // Counting has a bound of its own.
        self.view.refund();
        if self.rows <= self.view.bounds.count_rows {
            return Ok(());
        }
        Err(too_costly(
            "Counting the records that match looks at too many index entries (limits.count_rows); narrow the \
             search, or ask with _total=none.",
        ))
    }
}

/// Whether a condition holds for every record.
fn holds_always(node: &Node) -> bool {
    matches!(node, Node::All(nodes) if nodes.iter().all(holds_always))
}
