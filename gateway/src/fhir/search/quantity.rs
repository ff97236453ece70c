//! Number and quantity parameters: order-preserving decimals, for quantities also under their unit.
//!
//! Values, by their first byte: 1 number; 2 hash of system and code, number; 3 hash of code or unit, number.

use std::ops::Bound;

use super::date::Prefix;
use super::decimal::{self, Decimal};
use super::index::{TermRange, after, short_hash};
use crate::json::{Number, Value};

const PLAIN: u8 = 1;
const BY_SYSTEM: u8 = 2;
const BY_CODE: u8 = 3;

/// Values of an element: a number, a Quantity or a Money.
pub fn values(element: &Value, out: &mut Vec<Vec<u8>>) {
    let number = match element {
        Value::Number(number) => Some(number),
        Value::Object(object) => object.get("value").and_then(Value::as_number),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    };
    let Some(number) = number.map(Number::as_str).and_then(decimal::encode) else { return };
    let mut push = |head: Vec<u8>| out.push([head, number.clone()].concat());
    push(vec![PLAIN]);
    let currency = element.str("currency");
    let code = element.str("code").or(currency);
    let system = element.str("system").or(currency.map(|_| CURRENCY));
    if let (Some(system), Some(code)) = (system, code) {
        push(by_system(system, code));
    }
    let unit = element.str("unit").filter(|unit| Some(*unit) != code);
    for name in [code, unit].into_iter().flatten() {
        push(by_code(name));
    }
}

/// The system of currency codes, which Money implies.
const CURRENCY: &str = "urn:iso:std:iso:4217";

fn by_system(system: &str, code: &str) -> Vec<u8> {
    [&[BY_SYSTEM][..], &short_hash(&format!("{system}|{code}"))].concat()
}

fn by_code(code: &str) -> Vec<u8> {
    [&[BY_CODE][..], &short_hash(code)].concat()
}

/// Ranges of `[prefix]number`, with `system|code` or `|code` behind it where a unit was named.
pub fn ranges(param: u16, prefix: Prefix, number: Decimal, unit: Option<(&str, &str)>) -> Vec<TermRange> {
    let head = match unit {
        None => vec![PLAIN],
        Some(("", code)) => by_code(code),
        Some((system, code)) => by_system(system, code),
    };
    let key = |number: &[u8]| [head.as_slice(), number].concat();
    let from = |number: &[u8]| TermRange {
        param,
        low: Bound::Included(key(number)),
        high: after(&head),
        check: None,
    };
    let behind = |number: &[u8]| match after(&key(number)) {
        Bound::Excluded(next) => {
            TermRange { param, low: Bound::Included(next), high: after(&head), check: None }
        }
        Bound::Included(_) | Bound::Unbounded => from(number),
    };
    let until = |number: &[u8]| TermRange::between(param, head.clone(), key(number));
    let upto = |number: &[u8]| TermRange {
        param,
        low: Bound::Included(head.clone()),
        high: after(&key(number)),
        check: None,
    };
    let exact = number.exact();
    match prefix {
        Prefix::Eq => {
            let (low, high) = number.implied();
            vec![TermRange::between(param, key(&low), key(&high))]
        }
        Prefix::Ne => {
            let (low, high) = number.implied();
            vec![until(&low), from(&high)]
        }
        Prefix::Gt | Prefix::Sa => vec![behind(&exact)],
        Prefix::Ge => vec![from(&exact)],
        Prefix::Lt | Prefix::Eb => vec![until(&exact)],
        Prefix::Le => vec![upto(&exact)],
        Prefix::Ap => {
            let (low, high) = number.near();
            vec![TermRange { param, low: Bound::Included(key(&low)), high: after(&key(&high)), check: None }]
        }
    }
}

/// The values to sort by: numbers whatever their unit.
pub fn sorted(param: u16) -> TermRange {
    TermRange::prefix(param, vec![PLAIN])
}
