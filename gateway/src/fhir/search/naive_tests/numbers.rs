//! Numbers and quantities in whole micrograms and millionths.

use super::Value;

/// Prefix, then what follows.
pub(super) fn prefixed(value: &str) -> (&str, &str) {
    match value.get(..2) {
        Some(p) if ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"].contains(&p) => (p, &value[2..]),
        _ => ("eq", value),
    }
}

/// A decimal in thousandths of `unit`; and half of its last digit's place.
pub(super) fn scaled(text: &str, unit: i128) -> (i128, i128) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    let place = 1_000_000 / 10_i128.pow(u32::try_from(fraction.len()).unwrap());
    (digits * place * unit, place * unit / 2)
}

/// Micrograms of a unit; pieces without one.
pub(super) fn grams(code: &str) -> Option<i128> {
    Some(match code {
        "ug" => 1,
        "mg" => 1_000,
        "g" => 1_000_000,
        _ => return None,
    })
}

pub(super) fn compares(prefix: &str, (asked, half): (i128, i128), (low, high): (i128, i128)) -> bool {
    let equal = asked - half <= low && high < asked + half;
    match prefix {
        "ne" => !equal,
        "gt" => high > asked,
        "ge" => high >= asked,
        "lt" => low < asked,
        "le" => low <= asked,
        "sa" => low > asked,
        "eb" => high < asked,
        "ap" => {
            let by = (asked.abs() / 10).max(half);
            low <= asked + by && high >= asked - by
        }
        _ => equal,
    }
}

/// The ends of an amount as written: an open end is far away.
pub(super) fn ends(element: &Value) -> Option<[(Option<&Value>, i128); 2]> {
    let far = 10_i128.pow(30);
    if element.get("low").is_some() || element.get("high").is_some() {
        return Some([(element.get("low"), -far), (element.get("high"), far)]);
    }
    element.get("value").map(|_| [(Some(element), 0), (Some(element), 0)])
}

pub(super) fn quantity(element: &Value, value: &str) -> bool {
    let (prefix, rest) = prefixed(value);
    let parts: Vec<&str> = rest.split('|').collect();
    let Some(ends) = ends(element) else { return false };
    let unit_of = ends.iter().find_map(|(end, _)| *end).unwrap();
    let code = unit_of.str("code");
    let factors = match parts.as_slice() {
        [_] => (1, 1),
        [_, "", wanted] => {
            if code != Some(*wanted) && unit_of.str("unit") != Some(*wanted) {
                return false;
            }
            (1, 1)
        }
        [_, system, wanted] => {
            let stored = code.and_then(grams).filter(|_| unit_of.str("system") == Some(*system));
            match (stored, grams(wanted)) {
                (Some(stored), Some(asked)) => (asked, stored),
                _ => return false,
            }
        }
        _ => return false,
    };
    let end = |(end, far): &(Option<&Value>, i128)| match end {
        Some(end) => scaled(end.get("value").unwrap().as_number().unwrap().as_str(), factors.1).0,
        None => *far,
    };
    compares(prefix, scaled(parts[0], factors.0), (end(&ends[0]), end(&ends[1])))
}

pub(super) fn number(element: &Value, value: &str) -> bool {
    let (prefix, rest) = prefixed(value);
    match element.as_number() {
        Some(number) => {
            let at = scaled(number.as_str(), 1).0;
            compares(prefix, scaled(rest, 1), (at, at))
        }
        None => quantity(element, value),
    }
}
