//! Order of values.

use std::cmp::Ordering;

use super::super::item::Item;
use super::{Evaluator, quantity};
use crate::decimal::Decimal;

impl<'a> Evaluator<'a, '_> {
    /// Order of two values of FHIRPath's own types. `None` for types that have no order together, `Some(None)` where it
    /// is not known.
    pub(super) fn compare(&self, left: &Item<'a>, right: &Item<'a>) -> Option<Option<Ordering>> {
        match (left, right) {
            (Item::String(a), Item::String(b)) => Some(Some(a.cmp(b))),
            (Item::Temporal(a), Item::Temporal(b)) => a.compare(b),
            (Item::Quantity(a), Item::Quantity(b)) => Some(quantity::compare(a, b)),
            _ => Some(Some(number(left)?.cmp(&number(right)?))),
        }
    }
}

/// The number that an item is.
pub(super) fn number(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(n) => Some(Decimal::from(*n)),
        Item::Decimal(n) => Some(*n),
        _ => None,
    }
}
