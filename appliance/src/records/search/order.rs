//! The order of a page: sort keys of a record, which of two comes first, and where a page ended.
//!
//! Records without a value for a key come last. Equal ones keep the order of their numbers, which a descending first key
//! turns round, too, so that an index can be walked from either end. Those without any value come by `_lastUpdated`.

use std::cmp::Ordering;

use clinicvault_gateway::fhir::search::{SortKey, Term, params};
use clinicvault_vault::Rid;
use serde::{Deserialize, Serialize};

/// Values to sort by, one for each key, and `_lastUpdated` behind them when none of the keys has one.
pub type Keys = Vec<Option<Vec<u8>>>;

/// Where a page ended: all that come behind it are still to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spot {
    /// By record number.
    #[serde(rename = "n")]
    Number(u64),
    /// By the index: which of the walked ranges, the value, the record.
    #[serde(rename = "i")]
    Index(usize, Vec<u8>, u64),
    /// By sort keys, then the record.
    #[serde(rename = "s")]
    Sorted(Keys, u64),
}

/// The sort keys of a record with these terms.
pub fn keys_of(own: &[Term], sort: &[SortKey]) -> Keys {
    let mut keys: Keys = sort.iter().map(|key| value(own, key)).collect();
    if keys.iter().all(Option::is_none) {
        let updated = own.iter().find(|term| term.param == params::LAST_UPDATED);
        keys.push(updated.map(|term| term.value.clone()));
    }
    keys
}

/// The value to sort by: the least when ascending, the greatest when descending.
pub fn value(own: &[Term], key: &SortKey) -> Option<Vec<u8>> {
    let values = own.iter().filter(|term| key.range.contains(term)).map(|term| &term.value);
    if key.descending { values.max().cloned() } else { values.min().cloned() }
}

/// The first key that has a value; as many as there are keys when none has.
pub fn phase(keys: &Keys, sort: &[SortKey]) -> usize {
    keys.iter().take(sort.len()).position(Option::is_some).unwrap_or(sort.len())
}

/// Which of two records comes first.
pub fn compare(sort: &[SortKey], (a, a_rid): (&Keys, Rid), (b, b_rid): (&Keys, Rid)) -> Ordering {
    for (at, (a, b)) in a.iter().zip(b).enumerate() {
        let descending = sort.get(at).is_some_and(|key| key.descending);
        let order = match (a, b) {
            (Some(a), Some(b)) if descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
    let turned = sort.get(phase(a, sort)).is_some_and(|key| key.descending);
    if turned { b_rid.cmp(&a_rid) } else { a_rid.cmp(&b_rid) }
}
