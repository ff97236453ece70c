//! Conversions between FHIRPath's own types: `toX` and `convertsToX`.

use super::super::function::Function as F;
use super::super::item::{Collection, Item, Quantity};
use super::super::temporal::{Temporal, TemporalKind};
use super::super::tree::Call;
use super::{Answer, Evaluator, Scope, call};
use crate::decimal::Decimal;
use crate::ucum;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn conversion(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        let Some(item) = call::one(call, input)? else { return Ok(Vec::new()) };
        let value = item.system();
        let converted = match call.function {
            F::ToBoolean | F::ConvertsToBoolean => value.as_ref().and_then(boolean).map(Item::Boolean),
            F::ToInteger | F::ConvertsToInteger => value.as_ref().and_then(integer).map(Item::Integer),
            F::ToDecimal | F::ConvertsToDecimal => value.as_ref().and_then(decimal).map(Item::Decimal),
            F::ToString | F::ConvertsToString => item.to_text().map(Item::String),
            F::ToDate | F::ConvertsToDate => value.as_ref().and_then(date).map(Item::Temporal),
            F::ToDateTime | F::ConvertsToDateTime => value.as_ref().and_then(date_time).map(Item::Temporal),
            F::ToTime | F::ConvertsToTime => value.as_ref().and_then(time).map(Item::Temporal),
            _ => {
                let unit = self.text_argument(call, 0, scope)?;
                let quantity = value.as_ref().and_then(quantity);
                match (quantity, unit) {
                    (Some(found), Some(unit)) => in_unit(&found, &unit).map(Item::from),
                    (found, _) => found.map(Item::from),
                }
            }
        };
        if call.function.as_str().starts_with("converts") {
            return Ok(vec![Item::Boolean(converted.is_some())]);
        }
        Ok(converted.into_iter().collect())
    }
}

fn boolean(item: &Item<'_>) -> Option<bool> {
    match item {
        Item::Boolean(b) => Some(*b),
        Item::Integer(1) => Some(true),
        Item::Integer(0) => Some(false),
        Item::Decimal(n) if *n == Decimal::ONE => Some(true),
        Item::Decimal(n) if n.is_zero() => Some(false),
        Item::String(text) => match &*text.to_ascii_lowercase() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn integer(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Boolean(b) => Some(i64::from(*b)),
        Item::Integer(n) => Some(*n),
        Item::String(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}

fn decimal(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Boolean(b) => Some(Decimal::from(i64::from(*b))),
        Item::Integer(n) => Some(Decimal::from(*n)),
        Item::Decimal(n) => Some(*n),
        Item::String(text) => Decimal::parse(text).filter(|_| !text.contains(['e', 'E'])),
        _ => None,
    }
}

fn date(item: &Item<'_>) -> Option<Temporal> {
    match item {
        Item::Temporal(value) if value.kind != TemporalKind::Time => Some(value.as_date()),
        Item::String(text) => {
            Temporal::date(text).or_else(|| Temporal::date_time(text).map(Temporal::as_date))
        }
        _ => None,
    }
}

fn date_time(item: &Item<'_>) -> Option<Temporal> {
    match item {
        Item::Temporal(value) if value.kind != TemporalKind::Time => Some(value.as_date_time()),
        Item::String(text) => Temporal::date_time(text),
        _ => None,
    }
}

fn time(item: &Item<'_>) -> Option<Temporal> {
    match item {
        Item::Temporal(value) if value.kind == TemporalKind::Time => Some(*value),
        Item::String(text) => Temporal::time(text.strip_prefix('T').unwrap_or(text)),
        _ => None,
    }
}

fn quantity<'a>(item: &Item<'a>) -> Option<Quantity<'a>> {
    match item {
        Item::Quantity(quantity) => Some((**quantity).clone()),
        Item::Boolean(_) | Item::Integer(_) | Item::Decimal(_) => decimal(item).map(|n| Quantity::of(n, "1")),
        Item::String(text) => parse_quantity(text),
        _ => None,
    }
}

/// `1`, `1.5 'mg'`, `4 days`.
fn parse_quantity(text: &str) -> Option<Quantity<'static>> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-' | '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let value = Decimal::parse(number)?;
    let unit = unit.trim();
    if unit.is_empty() {
        return Some(Quantity::of(value, "1"));
    }
    match unit.strip_prefix('\'').and_then(|u| u.strip_suffix('\'')) {
        Some(code) => {
            (!code.is_empty() && !code.contains('\'')).then(|| Quantity::of(value, code.to_owned()))
        }
        None => Quantity::calendar(value, unit),
    }
}

/// A quantity in another unit, which may be a part of the calendar.
fn in_unit(quantity: &Quantity<'_>, unit: &str) -> Option<Quantity<'static>> {
    let target =
        Quantity::calendar(Decimal::ONE, unit).unwrap_or_else(|| Quantity::of(Decimal::ONE, unit.to_owned()));
    if target.unit == quantity.unit && target.calendar == quantity.calendar {
        return Some(Quantity { value: quantity.value, ..target });
    }
    let value = ucum::convert(quantity.value, quantity.code()?, target.code()?)?;
    Some(Quantity { value, ..target })
}
