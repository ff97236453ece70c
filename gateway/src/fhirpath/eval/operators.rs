//! Arithmetic and the collection operators.

use std::borrow::Cow;

use super::super::error::Error;
use super::super::item::{Collection, Item, Quantity};
use super::super::tree::Operator;
use super::{Answer, Evaluator, equality};
use crate::decimal::{Decimal, Rounding};
use crate::ucum;

/// A collection as a truth value: empty is `None`, one item that is not a truth value is true.
pub(super) fn truth(value: &[Item<'_>], at: u32) -> Result<Option<bool>, Error> {
    match value {
        [] => Ok(None),
        [one] => Ok(Some(one.as_bool().unwrap_or(true))),
        many => Err(Error::execution(at, format!("a truth value is one item, not {}", many.len()))),
    }
}

/// A collection as a whole number.
pub(super) fn whole(value: &[Item<'_>], at: u32) -> Result<Option<i64>, Error> {
    match value {
        [] => Ok(None),
        [one] => match one.system() {
            Some(Item::Integer(number)) => Ok(Some(number)),
            _ => Err(Error::execution(at, "a whole number is asked for")),
        },
        many => Err(Error::execution(at, format!("one whole number is asked for, not {}", many.len()))),
    }
}

/// The one item of an operand. A primitive element without a value (extensions alone, or a text that is not of its
/// type) is empty.
fn operand<'a>(value: &[Item<'a>], operator: Operator, at: u32) -> Result<Option<Item<'a>>, Error> {
    match value {
        [] => Ok(None),
        [one] => match one.system() {
            None if one.as_node().is_some_and(|node| node.primitive().is_some()) => Ok(None),
            None => Err(mismatch(operator, at)),
            found => Ok(found),
        },
        many => {
            let message =
                format!("\"{}\" takes one item on each side, not {}", operator.as_str(), many.len());
            Err(Error::execution(at, message))
        }
    }
}

fn mismatch(operator: Operator, at: u32) -> Error {
    Error::execution(at, format!("\"{}\" does not go with values of these types", operator.as_str()))
}

/// The one item that `in` and `contains` look for.
pub(super) fn sought<'i, 'a>(
    one: &'i [Item<'a>],
    operator: Operator,
    at: u32,
) -> Result<Option<&'i Item<'a>>, Error> {
    match one {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        _ => {
            let message = format!("\"{}\" looks for one item, not {}", operator.as_str(), one.len());
            Err(Error::execution(at, message))
        }
    }
}

/// A sign before a value.
pub(super) fn sign<'a>(minus: bool, value: Collection<'a>, at: u32) -> Answer<'a> {
    let wrong = || Error::execution(at, "a sign goes with one number or quantity");
    match value.as_slice() {
        [] => Ok(value),
        [one] => {
            let item = match one.system().ok_or_else(wrong)? {
                Item::Integer(n) if minus => Item::Integer(n.checked_neg().ok_or_else(wrong)?),
                Item::Decimal(n) if minus => Item::Decimal(-n),
                Item::Quantity(q) if minus => Item::from(Quantity { value: -q.value, ..*q }),
                number @ (Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_)) => number,
                _ => return Err(wrong()),
            };
            Ok(vec![item])
        }
        _ => Err(wrong()),
    }
}

impl<'a> Evaluator<'a, '_> {
    /// Every operator but the logical ones.
    pub(super) fn apply(
        &mut self,
        operator: Operator,
        left: Collection<'a>,
        right: Collection<'a>,
        at: u32,
    ) -> Answer<'a> {
        let answer = |value: Option<bool>| Ok(value.map(Item::Boolean).into_iter().collect());
        match operator {
            Operator::Equal => answer(self.equal(&left, &right, at)?),
            Operator::NotEqual => answer(self.equal(&left, &right, at)?.map(|e| !e)),
            Operator::Equivalent => answer(Some(self.equivalent(&left, &right, at)?)),
            Operator::NotEquivalent => answer(Some(!self.equivalent(&left, &right, at)?)),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let (a, b) = (operand(&left, operator, at)?, operand(&right, operator, at)?);
                let Some((a, b)) = a.zip(b) else { return Ok(Vec::new()) };
                let order = self.compare(&a, &b).ok_or_else(|| mismatch(operator, at))?;
                answer(order.map(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
            Operator::In => self.membership(&left, &right, operator, at),
            Operator::Contains => self.membership(&right, &left, operator, at),
            Operator::Union => self.union(left, right, at),
            Operator::Concatenate => {
                let text = |value: &[Item<'a>]| match operand(value, operator, at)? {
                    None => Ok(Cow::Borrowed("")),
                    Some(item) => item.as_text().ok_or_else(|| mismatch(operator, at)),
                };
                let joined = format!("{}{}", text(&left)?, text(&right)?);
                self.charge(joined.len() / 8, at)?;
                Ok(vec![Item::from(joined)])
            }
            _ => {
                let (a, b) = (operand(&left, operator, at)?, operand(&right, operator, at)?);
                let Some((a, b)) = a.zip(b) else { return Ok(Vec::new()) };
                let out = self.arithmetic(operator, a, b, at)?;
                Ok(out.into_iter().collect())
            }
        }
    }

    fn membership(&mut self, one: &[Item<'a>], many: &[Item<'a>], operator: Operator, at: u32) -> Answer<'a> {
        let Some(item) = sought(one, operator, at)? else { return Ok(Vec::new()) };
        let mut found = false;
        for other in many {
            found = found || self.same(item, other, at)?;
        }
        Ok(vec![Item::Boolean(found)])
    }

    /// Both sides without repetitions.
    pub(super) fn union(&mut self, left: Collection<'a>, right: Collection<'a>, at: u32) -> Answer<'a> {
        let mut seen = equality::Seen::default();
        let mut out = Vec::with_capacity(left.len() + right.len());
        for item in left.into_iter().chain(right) {
            if self.is_new(&mut seen, &out, &item, at)? {
                out.push(item);
            }
        }
        Ok(out)
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: Item<'a>,
        right: Item<'a>,
        at: u32,
    ) -> Result<Option<Item<'a>>, Error> {
        match (left, right) {
            (Item::Integer(a), Item::Integer(b)) => Ok(integers(operator, a, b)),
            (Item::Integer(a), Item::Decimal(b)) => Ok(decimals(operator, Decimal::from(a), b)),
            (Item::Decimal(a), Item::Integer(b)) => Ok(decimals(operator, a, Decimal::from(b))),
            (Item::Decimal(a), Item::Decimal(b)) => Ok(decimals(operator, a, b)),
            (Item::String(a), Item::String(b)) if operator == Operator::Add => {
                self.charge((a.len() + b.len()) / 8, at)?;
                Ok(Some(Item::from(format!("{a}{b}"))))
            }
            (Item::Temporal(value), Item::Quantity(amount)) => {
                let amount = match operator {
                    Operator::Add => *amount,
                    Operator::Subtract => Quantity { value: -amount.value, ..*amount },
                    _ => return Err(mismatch(operator, at)),
                };
                let span = amount.span().ok_or_else(|| {
                    Error::execution(
                        at,
                        format!("'{}' is no amount of time that can be added to a date", amount.unit),
                    )
                })?;
                Ok(value.plus(amount.value, span).map(Item::Temporal))
            }
            (Item::Quantity(a), Item::Quantity(b)) => Ok(quantities(operator, *a, &b)),
            (Item::Quantity(a), Item::Integer(b)) => scaled(operator, *a, Decimal::from(b), at),
            (Item::Quantity(a), Item::Decimal(b)) => scaled(operator, *a, b, at),
            (Item::Integer(a), Item::Quantity(b)) if operator == Operator::Multiply => {
                scaled(operator, *b, Decimal::from(a), at)
            }
            (Item::Decimal(a), Item::Quantity(b)) if operator == Operator::Multiply => {
                scaled(operator, *b, a, at)
            }
            _ => Err(mismatch(operator, at)),
        }
    }
}

/// Whole numbers; what does not fit is empty.
fn integers(operator: Operator, a: i64, b: i64) -> Option<Item<'static>> {
    match operator {
        Operator::Add => a.checked_add(b).map(Item::Integer),
        Operator::Subtract => a.checked_sub(b).map(Item::Integer),
        Operator::Multiply => a.checked_mul(b).map(Item::Integer),
        Operator::Div => a.checked_div(b).map(Item::Integer),
        Operator::Mod => a.checked_rem(b).map(Item::Integer),
        _ => decimals(operator, Decimal::from(a), Decimal::from(b)),
    }
}

/// Decimal numbers; a division by zero and what does not fit are empty.
fn decimals(operator: Operator, a: Decimal, b: Decimal) -> Option<Item<'static>> {
    let whole = || a.over(b).map(|q| q.round(0, Rounding::Truncate));
    match operator {
        Operator::Add => a.plus(b).map(Item::Decimal),
        Operator::Subtract => a.minus(b).map(Item::Decimal),
        Operator::Multiply => a.times(b).map(Item::Decimal),
        Operator::Divide => a.over(b).map(Item::Decimal),
        Operator::Div => whole()?.as_i64().map(Item::Integer),
        Operator::Mod => a.minus(b.times(whole()?)?).map(Item::Decimal),
        _ => None,
    }
}

fn scaled<'a>(operator: Operator, a: Quantity<'a>, by: Decimal, at: u32) -> Result<Option<Item<'a>>, Error> {
    let value = match operator {
        Operator::Multiply => a.value.times(by),
        Operator::Divide => a.value.over(by),
        _ => return Err(mismatch(operator, at)),
    };
    Ok(value.map(|value| Item::from(Quantity { value, ..a })))
}

/// Quantities; those whose units do not go together are empty.
fn quantities<'a>(operator: Operator, a: Quantity<'a>, b: &Quantity<'a>) -> Option<Item<'a>> {
    let other = || {
        if a.unit == b.unit && a.calendar == b.calendar {
            return Some(b.value);
        }
        ucum::convert(b.value, b.code()?, a.code()?)
    };
    let (value, unit) = match operator {
        Operator::Add => return Some(Item::from(Quantity { value: a.value.plus(other()?)?, ..a })),
        Operator::Subtract => return Some(Item::from(Quantity { value: a.value.minus(other()?)?, ..a })),
        Operator::Multiply => (a.value.times(b.value)?, ucum::product(a.code()?, b.code()?)?),
        Operator::Divide => (a.value.over(b.value)?, ucum::quotient(a.code()?, b.code()?)?),
        _ => return None,
    };
    Some(Item::from(Quantity::of(value, unit)))
}
