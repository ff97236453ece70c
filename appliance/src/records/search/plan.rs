//! Which records match: the most selective criterion drives, the others only check what it found.
//!
//! A glance at each criterion tells how many rows it has. Small ones are walked and intersected by record number; a
//! large one is never walked for a few candidates, their own terms are looked at instead.

use clinicvault_gateway::fhir::search::{Criterion, Search, TermRange, params};
use clinicvault_vault::{Dir, Rid};

use super::super::error::Error;
use super::View;

/// Rows looked at to find out how selective a criterion is.
const GLANCE: usize = 256;
/// Candidates whose own terms are looked at instead of walking a large criterion.
const FEW: usize = 2_000;

/// Every record of the view that fulfils all criteria in the order of their numbers.
pub fn matching(view: &View<'_>, search: &Search) -> Result<Vec<Rid>, Error> {
    let mut small: Vec<Vec<Rid>> = Vec::new();
    let mut large: Vec<&Criterion> = Vec::new();
    let mut negated: Vec<&Criterion> = Vec::new();
    for criterion in &search.criteria {
        if criterion.negate {
            negated.push(criterion);
            continue;
        }
        let seen = walk(view, &criterion.alternatives, GLANCE)?;
        if seen.len() < GLANCE { small.push(seen) } else { large.push(criterion) }
    }
    small.sort_by_key(Vec::len);
    let mut small = small.into_iter();
    let mut found = match (small.next(), large.is_empty()) {
        (Some(first), _) => first,
        (None, true) => walk(view, &[TermRange::all(params::LAST_UPDATED)], usize::MAX)?,
        (None, false) => walk(view, &large.remove(0).alternatives, usize::MAX)?,
    };
    for other in small {
        found.retain(|rid| other.binary_search(rid).is_ok());
    }
    for criterion in large.into_iter().chain(negated) {
        retain(view, &mut found, criterion)?;
    }
    Ok(found)
}

fn retain(view: &View<'_>, found: &mut Vec<Rid>, criterion: &Criterion) -> Result<(), Error> {
    if found.len() > FEW {
        let rows = walk(view, &criterion.alternatives, usize::MAX)?;
        found.retain(|rid| rows.binary_search(rid).is_ok() != criterion.negate);
        return Ok(());
    }
    let mut kept = Vec::with_capacity(found.len());
    for rid in found.drain(..) {
        if criterion.matches(&view.terms(rid)?) {
            kept.push(rid);
        }
    }
    *found = kept;
    Ok(())
}

/// Records with a term in one of the ranges, each once, in the order of their numbers; stops after about
/// `limit` rows.
fn walk(view: &View<'_>, ranges: &[TermRange], limit: usize) -> Result<Vec<Rid>, Error> {
    let mut rids = Vec::new();
    for range in ranges {
        for row in view.scan(range, Dir::Ascending)? {
            let (value, rid) = row?;
            if range.check.as_ref().is_none_or(|check| check.accepts(&value)) {
                rids.push(rid);
            }
            if rids.len() >= limit {
                break;
            }
        }
    }
    rids.sort_unstable();
    rids.dedup();
    Ok(rids)
}
