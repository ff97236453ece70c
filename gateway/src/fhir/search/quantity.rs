//! Number and quantity parameters: order-preserving decimals, for quantities also under their unit.
//!
//! Values, by their first byte: 1 number; 2 hash of system and code, number; 3 hash of code or unit, number; 4 hash of the
//! UCUM base units, number in them (instead of 2 where the code is UCUM's, so that grams are found by milligrams);
//! 5 one of these heads, then low and high end, for what is a range (an open low end is 0x00, an open high end 0xFF);
//! 6 something that has no number.

use std::ops::Bound;

use super::date::Prefix;
use super::decimal::{self, Bounds, Decimal};
use super::index::{Check, TermRange, after, short_hash};
use super::params::Datatype;
use super::units;
use crate::json::{Number, Value};

const PLAIN: u8 = 1;
const BY_SYSTEM: u8 = 2;
const BY_CODE: u8 = 3;
const BASE_UNITS: u8 = 4;
const RANGE: u8 = 5;
const NONE: u8 = 6;
const OPEN_LOW: u8 = 0x00;
const OPEN_HIGH: u8 = 0xFF;

/// The system of UCUM codes.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// The system of currency codes, which Money implies.
const CURRENCY: &str = "urn:iso:std:iso:4217";

/// Values of an element: a number, a Quantity of any kind, Money, a Range or SampledData.
pub fn values(element: &Value, datatype: Datatype, out: &mut Vec<Vec<u8>>) {
    let before = out.len();
    match datatype {
        Datatype::Range => range_values(element.get("low"), element.get("high"), out),
        Datatype::SampledData => super::sampled::values(element, out),
        _ => single(element, out),
    }
    if out.len() == before && element.as_object().is_some() {
        out.push(vec![NONE]);
    }
}

fn single(element: &Value, out: &mut Vec<Vec<u8>>) {
    let Some(text) = number_of(element).map(Number::as_str) else { return };
    let Some(number) = decimal::encode(text) else { return };
    for head in heads(element) {
        let value = match &head {
            Head::BaseUnits(code) => match units::to_base(text, code) {
                Some((hash, number)) => [&[BASE_UNITS][..], &hash, &number].concat(),
                None => [by_system(UCUM, code).as_slice(), &number].concat(),
            },
            Head::Fixed(head) => [head.as_slice(), &number].concat(),
        };
        out.push(value);
    }
}

fn number_of(element: &Value) -> Option<&Number> {
    match element {
        Value::Number(number) => Some(number),
        Value::Object(object) => object.get("value").and_then(Value::as_number),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// Under what a number is kept.
enum Head<'a> {
    Fixed(Vec<u8>),
    BaseUnits(&'a str),
}

/// The heads of an element's unit, that of the number alone first.
fn heads(element: &Value) -> Vec<Head<'_>> {
    let mut out = vec![Head::Fixed(vec![PLAIN])];
    let currency = element.str("currency");
    let code = element.str("code").or(currency);
    let system = element.str("system").or(currency.map(|_| CURRENCY));
    match (system, code) {
        (Some(UCUM), Some(code)) => out.push(Head::BaseUnits(code)),
        (Some(system), Some(code)) => out.push(Head::Fixed(by_system(system, code))),
        _ => {}
    }
    let unit = element.str("unit").filter(|unit| Some(*unit) != code);
    out.extend([code, unit].into_iter().flatten().map(|name| Head::Fixed(by_code(name))));
    out
}

/// Values of a range between two quantities, of which one may be missing.
pub(super) fn range_values(low: Option<&Value>, high: Option<&Value>, out: &mut Vec<Vec<u8>>) {
    let Some(unit) = low.or(high) else { return };
    let end = |end: Option<&Value>| {
        let text = end.and_then(number_of).map(Number::as_str)?;
        Some(End { text: text.to_owned(), bytes: decimal::encode(text)? })
    };
    let (low, high) = (end(low), end(high));
    if low.is_none() && high.is_none() {
        return;
    }
    let plain = |end: &End| Some(end.bytes.clone());
    for head in heads(unit) {
        let (head, ends) = match head {
            Head::Fixed(head) => (head, ends(low.as_ref(), high.as_ref(), plain)),
            Head::BaseUnits(code) => {
                let converted = |end: &End| Some(units::to_base(&end.text, code)?.1);
                match (units::head(code), ends(low.as_ref(), high.as_ref(), converted)) {
                    (Some(hash), Some(ends)) => ([&[BASE_UNITS][..], &hash].concat(), Some(ends)),
                    _ => (by_system(UCUM, code), ends(low.as_ref(), high.as_ref(), plain)),
                }
            }
        };
        out.extend(ends.map(|ends| [vec![RANGE], head, ends].concat()));
    }
}

/// One end of a range: as written, and its bytes.
struct End {
    text: String,
    bytes: Vec<u8>,
}

/// Both ends as `convert` makes them, marks where they are open; `None` when one cannot be converted.
fn ends(low: Option<&End>, high: Option<&End>, convert: impl Fn(&End) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let low = low.map_or(Some(vec![OPEN_LOW]), &convert)?;
    let high = high.map_or(Some(vec![OPEN_HIGH]), &convert)?;
    Some([low, high].concat())
}

fn by_system(system: &str, code: &str) -> Vec<u8> {
    [&[BY_SYSTEM][..], &short_hash(&format!("{system}|{code}"))].concat()
}

fn by_code(code: &str) -> Vec<u8> {
    [&[BY_CODE][..], &short_hash(code)].concat()
}

/// Ranges of `[prefix]number`, with `system|code` or `|code` behind it where a unit was named.
pub fn ranges(param: u16, prefix: Prefix, number: Decimal, unit: Option<(&str, &str)>) -> Vec<TermRange> {
    let own = number.bounds();
    match unit {
        None => under(param, &[PLAIN], prefix, &own),
        Some(("", code)) => under(param, &by_code(code), prefix, &own),
        Some((UCUM, code)) => {
            // What could not be converted is kept under its own unit.
            let mut out = under(param, &by_system(UCUM, code), prefix, &own);
            if let (Some(hash), Some(bounds)) = (units::head(code), units::bounds(number, code)) {
                out.extend(under(param, &[&[BASE_UNITS][..], &hash].concat(), prefix, &bounds));
            }
            out
        }
        Some((system, code)) => under(param, &by_system(system, code), prefix, &own),
    }
}

/// Ranges of the numbers, and of the ranges, under one head.
fn under(param: u16, head: &[u8], prefix: Prefix, bounds: &Bounds) -> Vec<TermRange> {
    let mut out = points(param, head, prefix, bounds);
    let spans = TermRange::prefix(param, [&[RANGE], head].concat());
    let within = Within { skip: head.len() + 1, prefix, bounds: bounds.clone() };
    out.push(spans.checked(Check::Span(Box::new(within))));
    out
}

fn points(param: u16, head: &[u8], prefix: Prefix, bounds: &Bounds) -> Vec<TermRange> {
    let key = |number: &[u8]| [head, number].concat();
    let from = |number: &[u8]| TermRange {
        param,
        low: Bound::Included(key(number)),
        high: after(head),
        check: None,
    };
    let behind = |number: &[u8]| match after(&key(number)) {
        Bound::Excluded(next) => {
            TermRange { param, low: Bound::Included(next), high: after(head), check: None }
        }
        Bound::Included(_) | Bound::Unbounded => from(number),
    };
    let until = |number: &[u8]| TermRange::between(param, head.to_vec(), key(number));
    let upto = |number: &[u8]| TermRange {
        param,
        low: Bound::Included(head.to_vec()),
        high: after(&key(number)),
        check: None,
    };
    let exact = &bounds.exact;
    let (low, high) = &bounds.implied;
    match prefix {
        Prefix::Eq => vec![TermRange::between(param, key(low), key(high))],
        Prefix::Ne => vec![until(low), from(high)],
        Prefix::Gt | Prefix::Sa => vec![behind(exact)],
        Prefix::Ge => vec![from(exact)],
        Prefix::Lt | Prefix::Eb => vec![until(exact)],
        Prefix::Le => vec![upto(exact)],
        Prefix::Ap => {
            let (low, high) = &bounds.near;
            vec![TermRange { param, low: Bound::Included(key(low)), high: after(&key(high)), check: None }]
        }
    }
}

/// How a stored range has to lie to what is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// Bytes of a value before its ends.
    skip: usize,
    prefix: Prefix,
    bounds: Bounds,
}

impl Within {
    /// Whether the range of a value compares as the prefix says: the whole of it for `eq`, `sa`, `eb`, a part of it for
    /// the others (R4 search, prefixes).
    pub(super) fn accepts(&self, value: &[u8]) -> bool {
        let ends = value.get(self.skip..).and_then(|ends| {
            let (low, rest) = decimal::take(ends)?;
            Some((low, decimal::take(rest)?.0))
        });
        let Some((low, high)) = ends else { return false };
        let number = self.bounds.exact.as_slice();
        let equal = || low >= self.bounds.implied.0.as_slice() && high < self.bounds.implied.1.as_slice();
        match self.prefix {
            Prefix::Eq => equal(),
            Prefix::Ne => !equal(),
            Prefix::Gt => high > number,
            Prefix::Ge => high >= number,
            Prefix::Lt => low < number,
            Prefix::Le => low <= number,
            Prefix::Sa => low > number,
            Prefix::Eb => high < number,
            Prefix::Ap => low <= self.bounds.near.1.as_slice() && high >= self.bounds.near.0.as_slice(),
        }
    }
}

/// The values to sort by: numbers whatever their unit.
pub fn sorted(param: u16) -> TermRange {
    TermRange::prefix(param, vec![PLAIN])
}
