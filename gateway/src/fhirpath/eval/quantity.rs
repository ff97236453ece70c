//! Equality and order of quantities, across units that can be converted.

use std::cmp::Ordering;

use super::super::item::Quantity;
use super::super::temporal::Span;
use crate::decimal::{Decimal, Rounding};
use crate::ucum;

/// Order of two quantities; `None` when their units cannot be compared.
pub(super) fn compare(a: &Quantity<'_>, b: &Quantity<'_>) -> Option<Ordering> {
    if a.unit == b.unit && a.calendar == b.calendar {
        return Some(a.value.cmp(&b.value));
    }
    match (a.code(), b.code()) {
        (Some(x), Some(y)) if x == y => Some(a.value.cmp(&b.value)),
        (Some(x), Some(y)) => {
            let ((x, x_unit), (y, y_unit)) = (ucum::canonical(a.value, x)?, ucum::canonical(b.value, y)?);
            (x_unit == y_unit).then(|| x.cmp(&y))
        }
        (None, None) => Some(months(a)?.cmp(&months(b)?)),
        _ => None,
    }
}

/// A calendar's years and months as months.
fn months(quantity: &Quantity<'_>) -> Option<Decimal> {
    match quantity.span()? {
        Span::Year => quantity.value.times(Decimal::from(12)),
        Span::Month => Some(quantity.value),
        _ => None,
    }
}

/// Equal after rounding to the coarser one's precision, in the greater of the two units.
pub(super) fn equivalent(a: &Quantity<'_>, b: &Quantity<'_>) -> bool {
    let (x, y) = (a.nearest_code(), b.nearest_code());
    if x == y {
        return equivalent_numbers(a.value, b.value);
    }
    let size = |unit: &str| ucum::canonical(Decimal::ONE, unit).map(|(size, _)| size);
    let (Some(of_x), Some(of_y)) = (size(x), size(y)) else { return false };
    let converted = if of_x >= of_y {
        ucum::convert(b.value, y, x).map(|b| (a.value, b))
    } else {
        ucum::convert(a.value, x, y).map(|a| (a, b.value))
    };
    converted.is_some_and(|(a, b)| equivalent_numbers(a, b))
}

/// Equal after rounding both to the precision of the less precise one.
pub(super) fn equivalent_numbers(a: Decimal, b: Decimal) -> bool {
    let places = a.scale().min(b.scale()).max(0);
    a.round(places, Rounding::HalfUp) == b.round(places, Rounding::HalfUp)
}
