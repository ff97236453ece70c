//! How many records match: from what is known already, from a sample, or by counting.
//!
//! Counting keeps one bit for a record, so that a million of them take little memory, and is bounded by
//! `limits.count_rows` index rows.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::params::Asked;
use clinicvault_gateway::fhir::search::{Node, Refers, TermRange, params, reference};
use clinicvault_vault::{Dir, Kind, Rid};

use super::super::error::Error;
use super::plan::{Plan, flatten};
use super::rows::Job;
use super::view::{View, too_costly};

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
        let mut kept = Vec::with_capacity(candidates.len());
        for rid in candidates.drain(..) {
            if view.fulfils(kind, rid, &self.rest)? {
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
                for node in nodes {
                    let more = self.of(kind, node)?;
                    found = Some(match found {
                        Some(found) => found.common(&more),
                        None => more,
                    });
                }
                found.map_or_else(|| self.every(kind), Ok)
            }
            Node::Refers(link) => self.refers(kind, link),
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
        if matches!(&*reach, Node::All(nodes) if nodes.is_empty()) {
            return Ok(found);
        }
        Ok(found.common(&self.of(kind, &reach)?))
    }

    fn every(&mut self, kind: ResourceType) -> Result<Bits, Error> {
        self.walk(kind, &[TermRange::all(params::LAST_UPDATED)])
    }

    fn walk(&mut self, kind: ResourceType, ranges: &[TermRange]) -> Result<Bits, Error> {
        let mut found = Bits::default();
        for range in ranges {
            for row in self.view.scan(kind, range, Dir::Ascending, None)? {
                found.add(row?.1);
                self.step()?;
            }
        }
        Ok(found)
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

/// A set of record numbers, a bit each, in blocks.
#[derive(Default)]
struct Bits(BTreeMap<u64, Box<[u64; WORDS]>>);

/// Words of a block: 4,096 records.
const WORDS: usize = 64;

impl Bits {
    fn add(&mut self, rid: Rid) {
        let (block, word, bit) = place(rid);
        let words = self.0.entry(block).or_insert_with(|| Box::new([0; WORDS]));
        if let Some(word) = words.get_mut(word) {
            *word |= bit;
        }
    }

    fn holds(&self, rid: Rid) -> bool {
        let (block, word, bit) = place(rid);
        self.0.get(&block).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
    }

    fn len(&self) -> u64 {
        self.0.values().flat_map(|words| words.iter()).map(|word| u64::from(word.count_ones())).sum()
    }

    fn join(&mut self, other: Self) {
        for (block, words) in other.0 {
            match self.0.get_mut(&block) {
                Some(own) => own.iter_mut().zip(words.iter()).for_each(|(own, other)| *own |= other),
                None => {
                    self.0.insert(block, words);
                }
            }
        }
    }

    fn common(mut self, other: &Self) -> Self {
        self.0.retain(|block, words| {
            let Some(others) = other.0.get(block) else { return false };
            words.iter_mut().zip(others.iter()).for_each(|(own, other)| *own &= other);
            true
        });
        self
    }

    fn without(mut self, other: &Self) -> Self {
        for (block, words) in &mut self.0 {
            if let Some(others) = other.0.get(block) {
                words.iter_mut().zip(others.iter()).for_each(|(own, other)| *own &= !other);
            }
        }
        self
    }
}

const fn place(rid: Rid) -> (u64, usize, u64) {
    let within = rid.0 % (WORDS as u64 * 64);
    (rid.0 / (WORDS as u64 * 64), (within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn bits_are_a_set(a in prop::collection::btree_set(0u64..20_000, 0..60), b in prop::collection::btree_set(0u64..20_000, 0..60)) {
            let bits = |set: &BTreeSet<u64>| {
                let mut bits = Bits::default();
                set.iter().for_each(|n| bits.add(Rid(*n)));
                bits
            };
            let check = |bits: &Bits, set: BTreeSet<u64>| {
                bits.len() == set.len() as u64 && set.iter().all(|n| bits.holds(Rid(*n)))
            };
            prop_assert!(check(&bits(&a), a.clone()));
            prop_assert!(check(&bits(&a).common(&bits(&b)), &a & &b));
            prop_assert!(check(&bits(&a).without(&bits(&b)), &a - &b));
            let mut joined = bits(&a);
            joined.join(bits(&b));
            prop_assert!(check(&joined, &a | &b));
        }
    }
}
