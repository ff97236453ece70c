//! Units as analysers write them, in UCUM where it is certain what they mean. The text as sent is always kept.

use crate::json::{Number, Object};

use super::super::codes;

/// A quantity with the digits as sent.
pub(super) fn quantity(value: Number, comparator: Option<&str>, unit: Option<&str>) -> Object {
    let base = Object::new().with("value", value).with_some("comparator", comparator);
    let Some(unit) = unit else { return base };
    let base = base.with("unit", unit);
    match ucum(unit) {
        Some(code) => base.with("system", "http://unitsofmeasure.org").with("code", code),
        None => base,
    }
}

/// The UCUM code of a unit; `None` when it is not certain.
pub(super) fn ucum(unit: &str) -> Option<String> {
    const T: &[(&str, &str)] = &[
        ("IU/L", "[IU]/L"),
        ("mIU/L", "m[IU]/L"),
        ("uIU/mL", "u[IU]/mL"),
        ("K/uL", "10*3/uL"),
        ("M/uL", "10*6/uL"),
        ("mm/hr", "mm/h"),
        ("um3", "um3"),
        ("mEq/L", "meq/L"),
        ("mOsm/kg", "mosm/kg"),
    ];
    let plain: String = unit.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = power(&litres(&plain.replace(['\u{b5}', '\u{3bc}'], "u")));
    let known = T.iter().find(|(sent, _)| *sent == plain).map(|(_, code)| *code);
    if let Some(code) = known {
        return Some(code.to_owned());
    }
    codes::is_common_ucum(&plain).then_some(plain)
}

/// `U/l`, `g/dl` and the like: the litre may be a small letter.
fn litres(unit: &str) -> String {
    for (small, capital) in [("/dl", "/dL"), ("/ml", "/mL"), ("/ul", "/uL"), ("/l", "/L"), ("fl", "fL")] {
        if let Some(head) = unit.strip_suffix(small) {
            return format!("{head}{capital}");
        }
    }
    unit.to_owned()
}

/// `10E3/uL`, `10^3/uL`, `x10^3/uL` are `10*3/uL`.
fn power(unit: &str) -> String {
    let rest = unit.strip_prefix(['x', 'X', '*']).unwrap_or(unit);
    let Some(exponent) = rest.strip_prefix("10").and_then(|r| r.strip_prefix(['E', 'e', '^', '*'])) else {
        return unit.to_owned();
    };
    if exponent.starts_with(|c: char| c.is_ascii_digit()) {
        format!("10*{exponent}")
    } else {
        unit.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_ucum_when_it_is_certain() {
        for (sent, expected) in [
            ("mmol/L", Some("mmol/L")),
            ("mmol/l", Some("mmol/L")),
            ("U/l", Some("U/L")),
            ("g/dl", Some("g/dL")),
            ("\u{b5}mol/L", Some("umol/L")),
            ("10*3/uL", Some("10*3/uL")),
            ("10E3/uL", Some("10*3/uL")),
            ("x10^6/\u{3bc}l", Some("10*6/uL")),
            ("10^9/L", Some("10*9/L")),
            ("IU/L", Some("[IU]/L")),
            ("%", Some("%")),
            ("fl", Some("fL")),
            ("pg", Some("pg")),
            ("S/CO", None),
            ("10E/uL", None),
            ("G/L", None),
        ] {
            assert_eq!(ucum(sent).as_deref(), expected, "{sent}");
        }
        assert!(codes::is_common_ucum("10*3/uL"));
    }
}
