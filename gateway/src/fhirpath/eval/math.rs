//! Functions on numbers, and the boundaries and precision of values. Roots and powers of whole numbers are exact;
//! logarithms, exponentials and other powers are right to 15 digits.

use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::{Collection, Item, Quantity};
use super::super::tree::Call;
use super::{Answer, Evaluator, Scope, call, compare};
use crate::decimal::{Decimal, Rounding};
use crate::ucum;

/// Digits behind the point that a boundary has when none are asked for, and the most it can have.
const BOUNDARY_DIGITS: i64 = 8;
const MOST_BOUNDARY_DIGITS: i64 = 28;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn math(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        let Some(item) = call::one(call, input)? else { return Ok(Vec::new()) };
        let Some(item) = item.system() else { return Err(call::mismatch(call, "a number")) };
        let out = match call.function {
            F::LowBoundary | F::HighBoundary => {
                let digits = self.whole_argument(call, 0, scope)?;
                boundary(call, item, digits, call.function == F::HighBoundary)?
            }
            F::Precision => match item {
                Item::Integer(_) => Some(Item::Integer(0)),
                Item::Decimal(n) => Some(Item::Integer(i64::from(n.scale().max(0)))),
                Item::Temporal(value) => Some(Item::Integer(value.precision())),
                _ => return Err(call::mismatch(call, "a number, a date or a time")),
            },
            F::Comparable => {
                let other = self.argument(call, 0, scope)?;
                let Some(other) = call::one(call, other)? else { return Ok(Vec::new()) };
                let (Item::Quantity(a), Some(b)) = (item, other.as_quantity()) else {
                    return Err(call::mismatch(call, "quantities"));
                };
                let fits =
                    a.unit == b.unit || ucum::comparable(a.nearest_code(), b.nearest_code()) == Some(true);
                Some(Item::Boolean(fits))
            }
            F::Log | F::Power => {
                let by = self.argument(call, 0, scope)?;
                let Some(by) = call::one(call, by)? else { return Ok(Vec::new()) };
                let by = by.system().ok_or_else(|| call::mismatch(call, "a number"))?;
                match (call.function, &item, &by) {
                    (F::Power, Item::Integer(base), Item::Integer(by)) if *by >= 0 => {
                        let by = u32::try_from(*by).ok();
                        by.and_then(|by| base.checked_pow(by)).map(Item::Integer)
                    }
                    (F::Power, _, Item::Integer(by)) => {
                        let by = i32::try_from(*by).ok().filter(|by| by.abs() <= 4096);
                        by.and_then(|by| number(call, &item).ok()?.powi(by)).map(Item::Decimal)
                    }
                    (F::Power, ..) => {
                        let (base, by) = (number(call, &item)?, number(call, &by)?);
                        through_binary(base, |base| by.as_f64().map(|by| base.powf(by)))
                    }
                    _ => {
                        let (value, base) = (number(call, &item)?, number(call, &by)?);
                        through_binary(value, |value| base.as_f64().map(|base| value.ln() / base.ln()))
                    }
                }
            }
            F::Round => {
                let places = self.whole_argument(call, 0, scope)?.unwrap_or(0);
                let places = i32::try_from(places).ok().filter(|p| *p >= 0);
                let places =
                    places.ok_or_else(|| call::mismatch(call, "a number of digits that is not negative"))?;
                match item {
                    Item::Integer(n) => Some(Item::Integer(n)),
                    other => on_number(call, other, |n| Some(n.round(places, Rounding::HalfUp)))?,
                }
            }
            F::Abs => match item {
                Item::Integer(n) => n.checked_abs().map(Item::Integer),
                other => on_number(call, other, |n| Some(n.abs()))?,
            },
            F::Ceiling => to_whole(call, item, Rounding::Ceiling)?,
            F::Floor => to_whole(call, item, Rounding::Floor)?,
            F::Truncate => to_whole(call, item, Rounding::Truncate)?,
            F::Sqrt => number(call, &item)?.sqrt().map(Item::Decimal),
            F::Exp => through_binary(number(call, &item)?, |n| Some(n.exp())),
            _ => through_binary(number(call, &item)?, |n| Some(n.ln())),
        };
        Ok(out.into_iter().collect())
    }
}

fn number(call: &Call, item: &Item<'_>) -> Result<Decimal, Error> {
    compare::number(item).ok_or_else(|| call::mismatch(call, "a number"))
}

/// On a decimal number or the number of a quantity.
fn on_number<'a>(
    call: &Call,
    item: Item<'a>,
    work: impl Fn(Decimal) -> Option<Decimal>,
) -> Result<Option<Item<'a>>, Error> {
    match item {
        Item::Integer(n) => Ok(work(Decimal::from(n)).map(Item::Decimal)),
        Item::Decimal(n) => Ok(work(n).map(Item::Decimal)),
        Item::Quantity(q) => Ok(work(q.value).map(|value| Item::from(Quantity { value, ..*q }))),
        _ => Err(call::mismatch(call, "a number or a quantity")),
    }
}

fn to_whole<'a>(call: &Call, item: Item<'a>, rounding: Rounding) -> Result<Option<Item<'a>>, Error> {
    match item {
        Item::Integer(n) => Ok(Some(Item::Integer(n))),
        Item::Decimal(n) => Ok(n.round(0, rounding).as_i64().map(Item::Integer)),
        other => on_number(call, other, |n| Some(n.round(0, rounding))),
    }
}

fn through_binary<'a>(value: Decimal, work: impl Fn(f64) -> Option<f64>) -> Option<Item<'a>> {
    value.as_f64().and_then(work).and_then(Decimal::from_f64).map(Item::Decimal)
}

/// The least or greatest value that one of this precision may stand for.
fn boundary<'a>(
    call: &Call,
    item: Item<'a>,
    digits: Option<i64>,
    high: bool,
) -> Result<Option<Item<'a>>, Error> {
    if let Item::Temporal(value) = item {
        return Ok(value.boundary(digits, high).map(Item::Temporal));
    }
    let digits = digits.unwrap_or(BOUNDARY_DIGITS);
    let places = i32::try_from(digits).ok().filter(|_| (0..=MOST_BOUNDARY_DIGITS).contains(&digits));
    let Some(places) = places else {
        // Asking for digits that no number can have has no answer.
        return number_like(call, &item).map(|()| None);
    };
    on_number(call, item, |n| number_boundary(n, places, high))
}

fn number_like(call: &Call, item: &Item<'_>) -> Result<(), Error> {
    match item {
        Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_) => Ok(()),
        _ => Err(call::mismatch(call, "a number, a quantity, a date or a time")),
    }
}

/// Half a unit of the last digit away. Towards zero what is too fine is cut, away from zero it is rounded.
fn number_boundary(value: Decimal, places: i32, high: bool) -> Option<Decimal> {
    let half = Decimal::new(5, value.scale().checked_add(1)?)?;
    let edge = if high { value.plus(half)? } else { value.minus(half)? };
    let outwards = if value.is_zero() { true } else { high != value.is_negative() };
    let rounding = if outwards { Rounding::HalfUp } else { Rounding::Truncate };
    edge.round(places, rounding).with_scale(places)
}
