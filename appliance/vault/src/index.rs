//! Ordered search terms, exact at any Tx of the last hour.
//!
//! Key: kind u16 | param u16 | value | rid u64, big-endian. Value: the intervals of Tx in which the record has the
//! term, as u64 LE `from, to, from, to ...`; an odd count means the last is still open. Closed intervals are kept for
//! an hour so that a search that was begun goes on with the same answers; older ones are pruned, and searches that
//! would need them are refused.

use crate::error::{Fault, UnitError};
use crate::model::{Dir, Kind, MAX_TERM, MAX_TERMS, Rid, Term, TermRange, Tx};
use crate::tables::{Get, T, after, name};
use crate::wire::{Decoder, Encoder};
use std::ops::Bound;
use std::time::Duration;

/// How long closed terms are kept.
pub(crate) const KEEP_CLOSED: Duration = Duration::from_secs(3600);

/// Bytes of a key before the value.
const PREFIX: usize = 4;
/// Bytes of a key after the value.
const SUFFIX: usize = 8;

fn damaged() -> Fault {
    Fault::row(name(T::Terms))
}

fn prefix(kind: Kind, param: u16) -> [u8; PREFIX] {
    let (k, p) = (kind.0.to_be_bytes(), param.to_be_bytes());
    [k[0], k[1], p[0], p[1]]
}

/// Key of one term of one record.
pub(crate) fn term_key(kind: Kind, term: &Term, rid: Rid) -> Vec<u8> {
    [&prefix(kind, term.param), term.value.as_slice(), &rid.0.to_be_bytes()].concat()
}

/// Value and record number in a key.
pub(crate) fn parts(key: &[u8]) -> Option<(&[u8], Rid)> {
    let (front, rid) = key.split_last_chunk::<SUFFIX>()?;
    Some((front.get(PREFIX..)?, Rid(u64::from_be_bytes(*rid))))
}

/// The smallest span of keys that holds every term of the range.
pub(crate) fn span(kind: Kind, range: &TermRange) -> (Vec<u8>, Option<Vec<u8>>) {
    let prefix = prefix(kind, range.param);
    let low = match &range.low {
        Bound::Included(low) | Bound::Excluded(low) => [&prefix, low.as_slice()].concat(),
        Bound::Unbounded => prefix.to_vec(),
    };
    let high = match &range.high {
        Bound::Excluded(high) => Some([&prefix, high.as_slice()].concat()),
        // Every key of the value itself starts with it; longer values are filtered by the range afterwards.
        Bound::Included(high) => after(&[&prefix, high.as_slice()].concat()),
        Bound::Unbounded => after(&prefix),
    };
    (low, high)
}

/// The intervals of a row.
pub(crate) fn intervals(row: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let number = |bytes: &[u8]| bytes.try_into().map_or(u64::MAX, u64::from_le_bytes);
    row.chunks(16).map(move |pair| {
        let (from, to) = pair.split_at(pair.len().min(8));
        (number(from), number(to))
    })
}

/// Whether the term holds at `at`.
pub(crate) fn holds(row: &[u8], at: Tx) -> bool {
    intervals(row).any(|(from, to)| from <= at.0 && at.0 < to)
}

/// Whether the term holds now.
pub(crate) fn is_open(row: &[u8]) -> bool {
    row.len() % 16 == 8
}

/// Opens an interval at `tx`; one that was closed at the same `tx` goes on as if it never had been.
pub(crate) fn open_at(row: Option<Vec<u8>>, tx: u64) -> Vec<u8> {
    let mut row = row.unwrap_or_default();
    if is_open(&row) {
        return row;
    }
    if row.last_chunk::<8>() == Some(&tx.to_le_bytes()) {
        row.truncate(row.len() - 8);
    } else {
        row.extend_from_slice(&tx.to_le_bytes());
    }
    row
}

/// Closes the open interval at `tx`; one opened at the same `tx` vanishes. Empty when nothing is left.
pub(crate) fn close_at(mut row: Vec<u8>, tx: u64) -> Vec<u8> {
    if !is_open(&row) {
        return row;
    }
    if row.last_chunk::<8>() == Some(&tx.to_le_bytes()) {
        row.truncate(row.len() - 8);
    } else {
        row.extend_from_slice(&tx.to_le_bytes());
    }
    row
}

/// Drops intervals closed at or before `tx`.
pub(crate) fn prune(row: &[u8], tx: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    for (from, to) in intervals(row) {
        if to > tx {
            kept.extend_from_slice(&from.to_le_bytes());
            if to != u64::MAX {
                kept.extend_from_slice(&to.to_le_bytes());
            }
        }
    }
    kept
}

/// Sorts terms, drops repetitions, refuses what is over a limit.
pub(crate) fn checked(terms: &[Term]) -> Result<Vec<&Term>, UnitError> {
    if terms.len() > MAX_TERMS {
        return Err(UnitError::TooLarge { what: "the list of terms", found: terms.len(), limit: MAX_TERMS });
    }
    if let Some(long) = terms.iter().find(|term| term.value.len() > MAX_TERM) {
        return Err(UnitError::TooLarge { what: "a term", found: long.value.len(), limit: MAX_TERM });
    }
    let mut sorted: Vec<&Term> = terms.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    Ok(sorted)
}

/// Row of a record's own terms, sorted: (param u16, length u16, value)*.
pub(crate) fn encode_own(terms: &[&Term]) -> Vec<u8> {
    let mut row = Encoder::with_capacity(terms.iter().map(|term| 4 + term.value.len()).sum());
    for term in terms {
        row.u16(term.param).u16(u16::try_from(term.value.len()).unwrap_or(u16::MAX)).raw(&term.value);
    }
    row.done()
}

/// Reads a row of a record's own terms.
pub(crate) fn decode_own(row: &[u8]) -> Result<Vec<Term>, Fault> {
    decode_own_of(row, u16::MAX, |_| true)
}

fn decode_own_of(row: &[u8], last: u16, wanted: impl Fn(u16) -> bool) -> Result<Vec<Term>, Fault> {
    let mut row = Decoder::new(row);
    let mut terms = Vec::new();
    while !row.is_empty() {
        let term = (|| {
            let (param, len) = (row.u16()?, row.u16()?);
            Some((param, row.raw(usize::from(len))?))
        })();
        let (param, value) = term.ok_or_else(|| Fault::row(name(T::Own)))?;
        if wanted(param) {
            terms.push(Term { param, value: value.to_vec() });
        } else if param > last {
            break;
        }
    }
    Ok(terms)
}

/// Those of the terms in a row of own terms that belong to these parameters.
pub(crate) fn own_in(row: &[u8], params: &[u16]) -> Result<Vec<Term>, Fault> {
    // Terms lie in the order of their parameters.
    let last = params.iter().max().copied().unwrap_or_default();
    decode_own_of(row, last, |param| params.contains(&param))
}

/// The terms of the newest version of a record; none for a record that is deleted or never was.
pub(crate) fn own(from: &impl Get, rid: Rid) -> Result<Vec<Term>, Fault> {
    from.with(T::Own, &crate::tables::rid_key(rid), decode_own)?.unwrap_or_else(|| Ok(Vec::new()))
}

/// Those of these parameters.
pub(crate) fn own_of(from: &impl Get, rid: Rid, params: &[u16]) -> Result<Vec<Term>, Fault> {
    let row = |row: &[u8]| own_in(row, params);
    from.with(T::Own, &crate::tables::rid_key(rid), row)?.unwrap_or_else(|| Ok(Vec::new()))
}

/// Row of `closed_terms`: the Tx of the closing, then the term's key.
pub(crate) fn closed_row(tx: u64, key: &[u8]) -> Vec<u8> {
    [&tx.to_le_bytes(), key].concat()
}

/// Takes a row of `closed_terms` apart.
pub(crate) fn cut_closed(row: &[u8]) -> Option<(u64, &[u8])> {
    let (tx, key) = row.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*tx), key))
}

/// Records whose terms hold in the range, at most `limit`, in the order of value and number.
pub(crate) fn scan(
    from: &impl Get,
    kind: Kind,
    range: &TermRange,
    dir: Dir,
    holds: impl Fn(&[u8]) -> bool,
    visit: &mut dyn FnMut(&[u8], Rid) -> bool,
) -> Result<(), Fault> {
    let (low, high) = span(kind, range);
    let high = high.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    if let Bound::Excluded(high) = high
        && low.as_slice() >= high
    {
        return Ok(());
    }
    from.visit(T::Terms, Bound::Included(&low), high, dir == Dir::Descending, &mut |key, row| {
        let (value, rid) = parts(key).ok_or_else(damaged)?;
        Ok(!(range.contains(value) && holds(row)) || visit(value, rid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_open_close_and_prune() {
        let row = open_at(None, 5);
        assert!(is_open(&row) && holds(&row, Tx(5)) && holds(&row, Tx(99)) && !holds(&row, Tx(4)));
        assert_eq!(open_at(Some(row.clone()), 7), row, "open stays open");
        let closed = close_at(row.clone(), 8);
        assert!(holds(&closed, Tx(7)) && !holds(&closed, Tx(8)));
        assert_eq!(open_at(Some(closed.clone()), 8), row, "closed and opened by one unit");
        assert_eq!(close_at(row.clone(), 5), Vec::<u8>::new(), "opened and closed by one unit");
        let again = open_at(Some(closed), 12);
        assert!(holds(&again, Tx(6)) && !holds(&again, Tx(10)) && holds(&again, Tx(12)));
        let pruned = prune(&again, 8);
        assert!(!holds(&pruned, Tx(6)) && holds(&pruned, Tx(12)) && is_open(&pruned));
        assert_eq!(prune(&again, 7), again);
    }

    fn terminated() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(1u8..=255, 0..6).prop_map(|mut value| {
            value.push(0);
            value
        })
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..5).prop_map(Bound::Included),
            prop::collection::vec(any::<u8>(), 0..5).prop_map(Bound::Excluded),
            terminated().prop_map(Bound::Included),
            terminated().prop_map(Bound::Excluded),
            Just(Bound::Unbounded),
        ]
    }

    proptest! {
        #[test]
        fn keys_order_by_parameter_then_value_then_record(
            a in (any::<u16>(), any::<u16>(), terminated(), any::<u64>()),
            b in (any::<u16>(), any::<u16>(), terminated(), any::<u64>()),
        ) {
            let key = |x: &(u16, u16, Vec<u8>, u64)| term_key(Kind(x.0), &Term { param: x.1, value: x.2.clone() }, Rid(x.3));
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            let built = key(&a);
            prop_assert_eq!(parts(&built), Some((a.2.as_slice(), Rid(a.3))));
        }

        #[test]
        fn a_range_spans_every_value_it_contains(low in bound(), high in bound(), value in terminated(), rid in any::<u64>()) {
            let range = TermRange { param: 3, low, high };
            let (from, to) = span(Kind(9), &range);
            let key = term_key(Kind(9), &Term { param: 3, value: value.clone() }, Rid(rid));
            if range.contains(&value) {
                prop_assert!(from <= key && to.is_none_or(|to| key < to));
            }
        }

        #[test]
        fn own_terms_are_read_back(terms in prop::collection::vec((any::<u16>(), terminated()), 0..20)) {
            let terms: Vec<Term> = terms.into_iter().map(|(param, value)| Term { param, value }).collect();
            let sorted = checked(&terms).unwrap();
            let back = decode_own(&encode_own(&sorted)).unwrap();
            prop_assert!(back.iter().eq(sorted.iter().copied()));
        }
    }
}
