//! Which records match: small conditions are walked and intersected, large ones only asked about what is left.
//!
//! A glance at each condition tells whether it has few rows; the glance is widened step by step until one has been
//! walked to its end. What was walked to the end is intersected by record number. The rest is never walked: each
//! candidate's own terms are looked at instead (see `holds`).

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Long, Node, Referred, Refers, Term, TermRange, params, reference};
use clinicvault_vault::{Dir, Kind, Rid};

use super::super::error::Error;
use super::holds::{Needs, pointing_at};
use super::view::View;

/// Index rows that cost about as much as the terms of one record.
const ROWS_A_RECORD: usize = 16;

/// So few candidates are asked about every other condition.
const HANDFUL: usize = 16;

/// For so many candidates it is worth to look whether they can be found in an index by leaping.
const LEAPS: usize = 4;

/// Ranges of one condition of which it is remembered how broad they are.
const REMEMBERED: usize = 4;

/// What is known of the records that match.
pub struct Plan<'n> {
    /// All that match are among these, in the order of their numbers; none when no condition has few rows.
    pub candidates: Option<Vec<Rid>>,
    /// What a candidate must fulfil besides.
    pub rest: Vec<&'n Node>,
}

impl View<'_> {
    /// Rows looked at to find out whether a condition has few, step by step.
    fn glances(&self) -> [usize; 3] {
        let few = self.bounds.few;
        [few.div_ceil(16), few, few.saturating_mul(12)]
    }

    /// Looks for the conditions that narrow a search most.
    pub fn plan<'n>(&self, kind: ResourceType, node: &'n Node, most: usize) -> Result<Plan<'n>, Error> {
        let mut open = Vec::new();
        flatten(node, &mut open);
        let mut walked: Vec<Vec<Rid>> = Vec::new();
        for glance in self.glances().into_iter().filter(|glance| *glance <= most.max(self.glances()[0])) {
            let mut left = Vec::new();
            for node in open {
                // Beside a handful of records nothing is worth walking: they are asked.
                let handful = walked.iter().any(|found: &Vec<Rid>| found.len() <= HANDFUL);
                match if handful { None } else { self.walked(kind, node, glance)? } {
                    Some(found) => walked.push(found),
                    None => left.push(node),
                }
            }
            open = left;
            if !walked.is_empty() {
                break;
            }
        }
        walked.sort_by_key(Vec::len);
        let mut walked = walked.into_iter();
        let Some(mut candidates) = walked.next() else { return Ok(Plan { candidates: None, rest: open }) };
        for other in walked {
            candidates.retain(|rid| other.binary_search(rid).is_ok());
        }
        let mut rest = Vec::new();
        for node in open {
            if let Node::Is(criterion) = node
                && candidates.len() >= LEAPS
                && let Some(found) = self.leap(kind, criterion, &candidates)?
            {
                candidates = found;
                continue;
            }
            // A condition that has not many more rows than there are candidates is cheaper to walk than to ask about.
            let worth = candidates.len().saturating_mul(ROWS_A_RECORD);
            let few =
                if candidates.len() > self.glances()[0] { self.walked(kind, node, worth)? } else { None };
            match few {
                Some(other) => candidates.retain(|rid| other.binary_search(rid).is_ok()),
                None => rest.push(node),
            }
        }
        Ok(Plan { candidates: Some(candidates), rest })
    }

    /// The same for a search as a whole: in a type with few records all of them are candidates.
    pub fn plan_all<'n>(&self, kind: ResourceType, node: &'n Node) -> Result<Plan<'n>, Error> {
        let mut plan = self.plan(kind, node, usize::MAX)?;
        let few = self.bounds.few;
        let is_open = plan.candidates.is_none() && !plan.rest.is_empty();
        if is_open && self.snapshot.count(Kind(kind.number()))? <= few as u64 {
            plan.candidates = self.lying_in(kind, &[TermRange::all(params::LAST_UPDATED)], few)?;
        }
        Ok(plan)
    }

    /// Every record that fulfils `node`, in the order of their numbers; none when there may be more than `most`.
    pub fn gather(&self, kind: ResourceType, node: &Node, most: usize) -> Result<Option<Vec<Rid>>, Error> {
        let plan = self.plan(kind, node, most)?;
        let Some(candidates) = plan.candidates.filter(|found| found.len() <= most) else { return Ok(None) };
        if plan.rest.is_empty() {
            return Ok(Some(candidates));
        }
        let needs = Needs::of(kind, plan.rest.iter().copied(), []);
        let mut reader = self.reader(&needs);
        let mut found = Vec::new();
        for rid in candidates {
            let own = reader.of(rid)?;
            if self.all_hold(kind, &own, &plan.rest)? {
                found.push(rid);
            }
        }
        Ok(Some(found))
    }

    /// Whether a candidate fulfils what is left of a plan.
    pub fn fulfils(&self, kind: ResourceType, rid: Rid, rest: &[&Node]) -> Result<bool, Error> {
        if rest.is_empty() {
            return Ok(true);
        }
        let own = self.terms_for(rid, &Needs::of(kind, rest.iter().copied(), []))?;
        self.all_hold(kind, &own, rest)
    }

    /// Whether all of these hold for a record with these terms.
    pub fn all_hold(&self, kind: ResourceType, own: &[Term], nodes: &[&Node]) -> Result<bool, Error> {
        for node in nodes {
            if !self.holds(kind, own, node)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A plan that looks for nothing: every record that is met is asked.
    pub fn open<'n>(&self, node: &'n Node) -> Plan<'n> {
        Plan { candidates: None, rest: unbound(node) }
    }

    /// What the first glance finds.
    pub fn first_glance<'n>(&self, kind: ResourceType, node: &'n Node) -> Result<Plan<'n>, Error> {
        self.plan(kind, node, 0)
    }

    /// The records of one condition, when a walk of at most `most` rows finds them all.
    fn walked(&self, kind: ResourceType, node: &Node, most: usize) -> Result<Option<Vec<Rid>>, Error> {
        match node {
            Node::Is(criterion) if criterion.negate => Ok(None),
            Node::Is(criterion) => self.lying_in(kind, &criterion.alternatives, most),
            Node::Not(_) => Ok(None),
            Node::All(_) => self.gather(kind, node, most),
            Node::Any(nodes) => {
                let mut all = Vec::new();
                for node in nodes {
                    let Some(found) = self.walked(kind, node, most)? else { return Ok(None) };
                    all.extend(found);
                }
                Ok(Some(in_order(all)))
            }
            Node::Refers(link) => self.referring(kind, link, most),
            Node::Referred(link) => self.referred(kind, link, most),
            Node::Long(long) => self.with_long(kind, node, long, most),
        }
    }

    /// Records with a long text of which the whole has what is asked.
    fn with_long(
        &self,
        kind: ResourceType,
        node: &Node,
        long: &Long,
        most: usize,
    ) -> Result<Option<Vec<Rid>>, Error> {
        let Some(cut) = self.lying_in(kind, &long.ranges, most)? else { return Ok(None) };
        let needs = Needs::of(kind, [node], []);
        let mut found = Vec::new();
        for rid in cut {
            if self.long_holds(rid, &self.terms_for(rid, &needs)?, long)? {
                found.push(rid);
            }
        }
        Ok(Some(found))
    }

    fn lying_in(
        &self,
        kind: ResourceType,
        ranges: &[TermRange],
        most: usize,
    ) -> Result<Option<Vec<Rid>>, Error> {
        // Of a few ranges it is worth to remember that they are broad.
        let remembers = ranges.len() <= REMEMBERED;
        if remembers && ranges.iter().map(|range| self.known_rows(kind, range)).sum::<usize>() > most {
            // Paid for as if it had been seen, so that the bounds do not hang on who asked before.
            self.spend(most as u64 + 1)?;
            return Ok(None);
        }
        let mut rids = Vec::new();
        for range in ranges {
            let before = rids.len();
            for row in self.scan(kind, range, Dir::Ascending, None)? {
                rids.push(row?.1);
                if rids.len() > most {
                    if remembers {
                        self.saw_rows(kind, range, rids.len() - before);
                    }
                    return Ok(None);
                }
            }
        }
        Ok(Some(in_order(rids)))
    }

    /// Records of `kind` whose references lead to records that fulfil the link's condition.
    fn referring(&self, kind: ResourceType, link: &Refers, most: usize) -> Result<Option<Vec<Rid>>, Error> {
        let mut ranges = Vec::new();
        for (target, node) in &link.targets {
            let Some(targets) = self.seen(*target, node, most)? else { return Ok(None) };
            for rid in targets {
                ranges.extend(pointing_at(*target, &self.terms(rid)?, &link.stored));
            }
            if ranges.len() > most {
                return Ok(None);
            }
        }
        self.lying_in(kind, &ranges, most)
    }

    /// Records of `kind` that are referred to by records that fulfil the link's condition.
    fn referred(&self, kind: ResourceType, link: &Referred, most: usize) -> Result<Option<Vec<Rid>>, Error> {
        let Some(sources) = self.seen(link.from, &link.of, most)? else { return Ok(None) };
        let mut values = Vec::new();
        for rid in sources {
            let own = self.terms(rid)?;
            let counts =
                |number| link.stored.iter().any(|asked| asked.number == number && asked.counts(kind));
            values.extend(own.into_iter().filter(|term| counts(term.param)).map(|term| term.value));
        }
        values.sort_unstable();
        values.dedup();
        let mut found = Vec::new();
        for value in values {
            match (reference::record_of(&value), reference::uri_of(&value)) {
                (Some((target, id)), _) if target == kind => found.extend(self.find(kind, id)?),
                (None, Some(url)) => found.extend(self.canonical(kind, url)?),
                _ => {}
            }
        }
        Ok(Some(in_order(found)))
    }

    /// Records of `kind` that the caller may see and that fulfil `node`; none when there may be more than `most`.
    fn seen(&self, kind: ResourceType, node: &Node, most: usize) -> Result<Option<Vec<Rid>>, Error> {
        let Some(reach) = self.reach(kind) else { return Ok(Some(Vec::new())) };
        let Some(found) = self.gather(kind, node, most)? else { return Ok(None) };
        let mut seen = Vec::with_capacity(found.len());
        for rid in found {
            if self.fulfils(kind, rid, &unbound(&reach))? {
                seen.push(rid);
            }
        }
        Ok(Some(seen))
    }
}

/// A condition as what is left of a plan; nothing when it always holds.
fn unbound(node: &Node) -> Vec<&Node> {
    let mut nodes = Vec::new();
    flatten(node, &mut nodes);
    nodes
}

/// The conditions that must all hold.
pub fn flatten<'n>(node: &'n Node, out: &mut Vec<&'n Node>) {
    match node {
        Node::All(nodes) => nodes.iter().for_each(|node| flatten(node, out)),
        node => out.push(node),
    }
}

fn in_order(mut rids: Vec<Rid>) -> Vec<Rid> {
    rids.sort_unstable();
    rids.dedup();
    rids
}
