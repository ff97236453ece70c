//! The rows of one page of one type: as little of the index as they need is walked.
//!
//! Few candidates are looked at one by one; many are met in the order of an index that is walked until the page is full.
//! A walk that meets too little ends the page early rather than the search.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Node, SortKey, Term, TermRange, params};
use clinicvault_vault::{Dir, Rid};

use std::ops::Bound;

use super::super::error::Error;
use super::holds::Needs;
use super::leap::Values;
use super::order::{self, Keys, Spot};
use super::plan::Plan;
use super::view::{View, too_costly};

/// Most records with one value of the first sort key that are put in order by the other keys.
const GROUP: usize = 20_000;

/// What is searched in one type.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub kind: ResourceType,
    /// What must hold, the caller's rights among it.
    pub node: &'a Node,
    pub sort: &'a [SortKey],
}

/// A record of a page.
#[derive(Debug)]
pub struct Row {
    pub kind: ResourceType,
    pub rid: Rid,
    pub spot: Spot,
}

/// Rows in their order.
#[derive(Debug, Default)]
pub struct Rows {
    pub rows: Vec<Row>,
    /// Where to go on, when the walk was ended before it had found as many as wanted.
    pub early: Option<Spot>,
}

impl View<'_> {
    /// Rows found by a short walk in the order of an index, which for a broad search fills the page at once; none when
    /// it met too few in its time, or when a page that was planned otherwise goes on.
    ///
    /// A page that ended in an index goes on in that index, however long.
    pub fn rows_met(&self, job: Job<'_>, after: Option<&Spot>, want: usize) -> Result<Option<Rows>, Error> {
        let plan = self.open(job.node);
        match (after, job.sort) {
            (Some(Spot::Index(..)), []) => self.by_index(job, &plan, after, want).map(Some),
            (Some(_), []) => Ok(None),
            (None, []) => {
                let rows = self.briefly(self.bounds.brief, || self.by_index(job, &plan, after, want))?;
                Ok(Some(rows).filter(|rows| rows.early.is_none()))
            }
            (_, [_]) => {
                let rows = self.briefly(self.bounds.brief, || self.by_sort_index(job, &plan, after, want))?;
                Ok(Some(rows).filter(|rows| rows.early.is_none()))
            }
            // One value of the first key may be that of very many.
            (_, [_, _, ..]) => Ok(None),
        }
    }

    /// At most `want` rows behind `after`.
    pub fn rows(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        after: Option<&Spot>,
        want: usize,
    ) -> Result<Rows, Error> {
        match (&plan.candidates, job.sort) {
            (Some(candidates), []) => self.by_number(job, plan, candidates, after, want),
            (None, []) => self.by_index(job, plan, after, want),
            (Some(candidates), _) if candidates.len() <= self.bounds.few => {
                self.by_sorting(job, plan, candidates, after, want)
            }
            _ => self.by_sort_index(job, plan, after, want),
        }
    }

    fn by_number(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        candidates: &[Rid],
        after: Option<&Spot>,
        want: usize,
    ) -> Result<Rows, Error> {
        let start = match after {
            None => 0,
            Some(Spot::Number(last)) => candidates.partition_point(|rid| rid.0 <= *last),
            Some(Spot::Index(..) | Spot::Sorted(..)) => return Err(Error::PageExpired),
        };
        let mut found = Rows::default();
        for rid in candidates.get(start..).unwrap_or_default() {
            if found.rows.len() == want {
                break;
            }
            let spot = Spot::Number(rid.0);
            if self.fulfils(job.kind, *rid, &plan.rest)? {
                found.rows.push(Row { kind: job.kind, rid: *rid, spot });
            } else if self.is_tired() {
                found.early = Some(spot);
                break;
            }
        }
        Ok(found)
    }

    /// Walks the index of a condition, or that of all records.
    fn by_index(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        after: Option<&Spot>,
        want: usize,
    ) -> Result<Rows, Error> {
        let every = [TermRange::all(params::LAST_UPDATED)];
        let ranges = plan.rest.iter().find_map(|node| match node {
            Node::Is(criterion) if !criterion.negate => Some(criterion.alternatives.as_slice()),
            _ => None,
        });
        let ranges = ranges.unwrap_or(&every);
        let (start, mut last) = match after {
            None => (0, None),
            Some(Spot::Index(range, value, rid)) => (*range, Some((value.as_slice(), Rid(*rid)))),
            Some(Spot::Number(_) | Spot::Sorted(..)) => return Err(Error::PageExpired),
        };
        let needs = Needs::of(job.kind, plan.rest.iter().copied(), ranges);
        // Entries of the only condition, all of one value: each record is met once, and nothing is left to ask it.
        let settled = match (plan.rest.as_slice(), ranges) {
            ([], _) => true,
            ([Node::Is(criterion)], [range]) if !criterion.negate => {
                !matches!(self.values(job.kind, range)?, Values::Many)
            }
            _ => false,
        };
        let mut reader = self.reader(&needs);
        let mut found = Rows::default();
        for (at, range) in ranges.iter().enumerate().skip(start) {
            for row in self.scan(job.kind, range, Dir::Ascending, last.take())? {
                if found.rows.len() == want {
                    return Ok(found);
                }
                let (value, rid) = row?;
                let spot = Spot::Index(at, value, rid.0);
                let fits = settled || {
                    let own = reader.of(rid)?;
                    is_first(&own, ranges, &spot) && self.fits(job.kind, &own, plan)?
                };
                if fits {
                    found.rows.push(Row { kind: job.kind, rid, spot });
                } else if self.is_tired() {
                    found.early = Some(spot);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    fn by_sorting(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        candidates: &[Rid],
        after: Option<&Spot>,
        want: usize,
    ) -> Result<Rows, Error> {
        let needs = needs(job, plan);
        let mut reader = self.reader(&needs);
        let mut sorted: Vec<(Keys, Rid)> = Vec::with_capacity(candidates.len());
        for rid in candidates {
            let own = reader.of(*rid)?;
            if self.fits(job.kind, &own, plan)? {
                sorted.push((order::keys_of(&own, job.sort), *rid));
            }
        }
        let mut found = Rows::default();
        self.put_in_order(job, sorted, after_keys(after)?, want, &mut found);
        Ok(found)
    }

    /// Puts the first of some rows behind `after` on the page, in their order.
    fn put_in_order(
        &self,
        job: Job<'_>,
        mut sorted: Vec<(Keys, Rid)>,
        after: Option<(&Keys, Rid)>,
        want: usize,
        found: &mut Rows,
    ) {
        if let Some(last) = after {
            sorted.retain(|(keys, rid)| order::compare(job.sort, (keys, *rid), last).is_gt());
        }
        sorted.sort_by(|(a, a_rid), (b, b_rid)| order::compare(job.sort, (a, *a_rid), (b, *b_rid)));
        let left = want - found.rows.len();
        let rows = sorted.into_iter().take(left);
        found.rows.extend(rows.map(|(keys, rid)| Row {
            kind: job.kind,
            rid,
            spot: Spot::Sorted(keys, rid.0),
        }));
    }

    /// Walks the index of the first key, then, among the records that have no value there, that of the next, and at
    /// last all records.
    fn by_sort_index(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        after: Option<&Spot>,
        want: usize,
    ) -> Result<Rows, Error> {
        let after = after_keys(after)?;
        let start = after.map_or(0, |(keys, _)| order::phase(keys, job.sort));
        let mut found = Rows::default();
        for phase in start..=job.sort.len() {
            let after = after.filter(|_| phase == start);
            // Behind the last key that is walked nothing is left to sort by.
            if phase + 1 >= job.sort.len() {
                self.by_last_key(job, plan, phase, after, want, &mut found)?;
            } else {
                self.by_groups(job, plan, phase, after, want, &mut found)?;
            }
            if found.rows.len() == want || found.early.is_some() {
                break;
            }
        }
        Ok(found)
    }

    fn by_last_key(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        phase: usize,
        after: Option<(&Keys, Rid)>,
        want: usize,
        found: &mut Rows,
    ) -> Result<(), Error> {
        let (range, direction) = walk_of(job.sort, phase);
        let needs = needs(job, plan);
        let last = after.and_then(|(keys, rid)| Some((keys.get(phase)?.as_deref()?, rid)));
        for row in self.scan(job.kind, &range, direction, last)? {
            if found.rows.len() == want {
                return Ok(());
            }
            let (value, rid) = row?;
            let keys = self.keys_if_due(job, plan, &needs, (phase, &value), rid)?;
            match keys {
                Some(keys) => {
                    found.rows.push(Row { kind: job.kind, rid, spot: Spot::Sorted(keys, rid.0) });
                }
                None if self.is_tired() => {
                    let mut keys: Keys = vec![None; phase];
                    keys.push(Some(value));
                    keys.resize(keys.len().max(job.sort.len()), None);
                    found.early = Some(Spot::Sorted(keys, rid.0));
                    return Ok(());
                }
                None => {}
            }
        }
        Ok(())
    }

    fn by_groups(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        phase: usize,
        after: Option<(&Keys, Rid)>,
        want: usize,
        found: &mut Rows,
    ) -> Result<(), Error> {
        let (mut range, direction) = walk_of(job.sort, phase);
        if let Some(value) = after.and_then(|(keys, _)| keys.get(phase)?.clone()) {
            // The group in which the last page ended is met once more, unless it had been shown to its end.
            let own = TermRange::prefix(range.param, value);
            let ended = after.is_some_and(|(_, rid)| rid == end_of(direction));
            match (direction, ended) {
                (Dir::Ascending, false) => range.low = own.low,
                (Dir::Ascending, true) => range.low = turned(own.high),
                (Dir::Descending, false) => range.high = own.high,
                (Dir::Descending, true) => range.high = turned(own.low),
            }
        }
        let needs = needs(job, plan);
        let mut group: Vec<(Keys, Rid)> = Vec::new();
        let mut value: Option<Vec<u8>> = None;
        for row in self.scan(job.kind, &range, direction, None)? {
            let (next, rid) = row?;
            if value.as_ref().is_some_and(|value| *value != next) {
                self.put_in_order(job, std::mem::take(&mut group), after, want, found);
                if found.rows.len() == want {
                    return Ok(());
                }
                if self.is_tired() {
                    found.early = value.map(|value| behind(job.sort, phase, value));
                    return Ok(());
                }
            }
            if let Some(keys) = self.keys_if_due(job, plan, &needs, (phase, &next), rid)? {
                if group.len() == GROUP {
                    let text = "Too many records have one value of the first sort key to be sorted by the \
                                others; narrow the search or sort by fewer keys.";
                    return Err(too_costly(text));
                }
                group.push((keys, rid));
            }
            value = Some(next);
        }
        self.put_in_order(job, group, after, want, found);
        Ok(())
    }

    /// The sort keys of a record, when it matches and this value of this key is the place to show it at.
    fn keys_if_due(
        &self,
        job: Job<'_>,
        plan: &Plan<'_>,
        needs: &Needs,
        (phase, value): (usize, &[u8]),
        rid: Rid,
    ) -> Result<Option<Keys>, Error> {
        if plan.candidates.as_ref().is_some_and(|found| found.binary_search(&rid).is_err()) {
            return Ok(None);
        }
        let own = self.terms_for(rid, needs)?;
        let keys = order::keys_of(&own, job.sort);
        let here = order::phase(&keys, job.sort) == phase
            && keys.get(phase).is_some_and(|key| key.as_deref() == Some(value));
        Ok((here && self.fits(job.kind, &own, plan)?).then_some(keys))
    }

    fn fits(&self, kind: ResourceType, own: &[Term], plan: &Plan<'_>) -> Result<bool, Error> {
        self.all_hold(kind, own, &plan.rest)
    }
}

/// What a record is asked for, and what it is sorted by.
fn needs(job: Job<'_>, plan: &Plan<'_>) -> Needs {
    let updated = TermRange::all(params::LAST_UPDATED);
    let ranges = job.sort.iter().map(|key| &key.range).chain([&updated]);
    Needs::of(job.kind, plan.rest.iter().copied(), ranges)
}

/// The index to walk for a key, and from which end.
fn walk_of(sort: &[SortKey], phase: usize) -> (TermRange, Dir) {
    match sort.get(phase) {
        Some(key) if key.descending => (key.range.clone(), Dir::Descending),
        Some(key) => (key.range.clone(), Dir::Ascending),
        None => (TermRange::all(params::LAST_UPDATED), Dir::Ascending),
    }
}

/// The end of a group of records with one value of a key.
fn behind(sort: &[SortKey], phase: usize, value: Vec<u8>) -> Spot {
    let mut keys: Keys = vec![None; phase];
    keys.push(Some(value));
    keys.resize(sort.len(), None);
    let (_, direction) = walk_of(sort, phase);
    Spot::Sorted(keys, end_of(direction).0)
}

/// A number behind that of every record.
const fn end_of(direction: Dir) -> Rid {
    match direction {
        Dir::Ascending => Rid(u64::MAX),
        Dir::Descending => Rid(0),
    }
}

/// One end of a range as the other end of the range beside it: what was included is not, and the other way round.
fn turned(bound: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match bound {
        Bound::Included(value) => Bound::Excluded(value),
        Bound::Excluded(value) => Bound::Included(value),
        Bound::Unbounded => Bound::Unbounded,
    }
}

fn after_keys(after: Option<&Spot>) -> Result<Option<(&Keys, Rid)>, Error> {
    match after {
        None => Ok(None),
        Some(Spot::Sorted(keys, rid)) => Ok(Some((keys, Rid(*rid)))),
        Some(Spot::Number(_) | Spot::Index(..)) => Err(Error::PageExpired),
    }
}

/// Whether a walk of the ranges meets a record with these terms here for the first time.
fn is_first(own: &[Term], ranges: &[TermRange], spot: &Spot) -> bool {
    let Spot::Index(here, value, _) = spot else { return true };
    let before = |at: usize, term: &Term| at < *here || (at == *here && term.value < *value);
    let met = |at: usize, range: &TermRange| own.iter().any(|term| range.contains(term) && before(at, term));
    !ranges.iter().enumerate().take(here + 1).any(|(at, range)| met(at, range))
}
