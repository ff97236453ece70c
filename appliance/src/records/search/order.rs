//! Sorting what matched. Records without a value for a key come last; ties are broken by record number.

use std::cmp::Ordering;
use std::collections::HashSet;

use clinicvault_gateway::fhir::search::{SortKey, Term};
use clinicvault_vault::{Dir, Rid};

use super::super::error::Error;
use super::View;

/// Up to so many records are sorted by their own terms; for more, the key's index is walked.
const FEW: usize = 4_000;

/// `found` in the order of `keys`.
pub fn sorted(view: &View<'_>, found: Vec<Rid>, keys: &[SortKey]) -> Result<Vec<Rid>, Error> {
    match keys {
        [] => Ok(found),
        [key] if found.len() > FEW => by_index(view, found, key),
        _ => by_own_terms(view, found, keys),
    }
}

/// Walks the index of the key and keeps what was found, each at its first appearance.
fn by_index(view: &View<'_>, found: Vec<Rid>, key: &SortKey) -> Result<Vec<Rid>, Error> {
    let mut wanted: HashSet<Rid> = found.iter().copied().collect();
    let direction = if key.descending { Dir::Descending } else { Dir::Ascending };
    let mut rows: Vec<Rid> = Vec::with_capacity(found.len());
    let mut group: Vec<Rid> = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    for row in view.scan(&key.range, direction)? {
        let (value, rid) = row?;
        if !wanted.remove(&rid) {
            continue;
        }
        if last.as_ref() != Some(&value) {
            // A descending walk meets equal values in falling order of records.
            group.sort_unstable();
            rows.append(&mut group);
            last = Some(value);
        }
        group.push(rid);
    }
    group.sort_unstable();
    rows.append(&mut group);
    rows.extend(found.into_iter().filter(|rid| wanted.contains(rid)));
    Ok(rows)
}

fn by_own_terms(view: &View<'_>, found: Vec<Rid>, keys: &[SortKey]) -> Result<Vec<Rid>, Error> {
    let mut rows = Vec::with_capacity(found.len());
    for rid in found {
        let own = view.terms(rid)?;
        let values: Vec<Option<Vec<u8>>> = keys.iter().map(|key| value(&own, key)).collect();
        rows.push((values, rid));
    }
    rows.sort_by(|(a, a_rid), (b, b_rid)| {
        let by_keys =
            keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| compare(key, a.as_ref(), b.as_ref()));
        by_keys.fold(Ordering::Equal, Ordering::then).then(a_rid.cmp(b_rid))
    });
    Ok(rows.into_iter().map(|(_, rid)| rid).collect())
}

/// The value to sort by: the least when ascending, the greatest when descending.
fn value(own: &[Term], key: &SortKey) -> Option<Vec<u8>> {
    let values = own.iter().filter(|term| key.range.contains(term)).map(|term| &term.value);
    if key.descending { values.max().cloned() } else { values.min().cloned() }
}

fn compare(key: &SortKey, a: Option<&Vec<u8>>, b: Option<&Vec<u8>>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if key.descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
