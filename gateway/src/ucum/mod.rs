//! UCUM, the Unified Code for Units of Measure (case-sensitive): reading unit codes, and converting amounts.
//!
//! The whole grammar is read: prefixes, exponents, products and quotients, annotations, powers of ten. Factors are
//! exact where the standard's are. Temperatures with a zero of their own (`Cel`, `[degF]`, `[degRe]`) are converted by
//! function. Logarithmic units (`B`, `Np`, `[pH]` …) and arbitrary ones (`[iU]` …) are compared with themselves only.

mod parse;
mod table;

use crate::decimal::Decimal;
use parse::{Scale, Unit};

/// Whether a text is a unit code.
pub fn is_valid(code: &str) -> bool {
    Unit::parse(code).is_some()
}

/// An amount in the base units of its dimension, and those units written in one fixed way: `1 L` is `0.001 m3`.
/// Amounts of the same kind have the same unit here, whatever they were written in. `None` for what is no unit code.
pub fn canonical(value: Decimal, code: &str) -> Option<(Decimal, String)> {
    let unit = Unit::parse(code)?;
    Some((unit.to_base(value)?, unit.dimension()))
}

/// A unit that has been read, for many amounts of it.
#[derive(Debug, Clone)]
pub struct Reading {
    unit: Unit,
    dimension: String,
}

impl Reading {
    /// Reads a unit code; `None` for what is none.
    pub fn of(code: &str) -> Option<Self> {
        let unit = Unit::parse(code)?;
        let dimension = unit.dimension();
        Some(Self { unit, dimension })
    }

    /// The base units, written in one fixed way.
    pub fn dimension(&self) -> &str {
        &self.dimension
    }

    /// An amount in the base units; `None` when it cannot be held exactly enough.
    pub fn to_base(&self, value: Decimal) -> Option<Decimal> {
        self.unit.to_base(value)
    }
}

/// Whether amounts of two units can be compared; `None` when one of them is no unit code.
pub fn comparable(one: &str, other: &str) -> Option<bool> {
    Some(Unit::parse(one)?.dimension() == Unit::parse(other)?.dimension())
}

/// An amount in another unit; `None` when the two cannot be compared.
pub fn convert(value: Decimal, from: &str, to: &str) -> Option<Decimal> {
    if from == to {
        return Some(value);
    }
    let (from, to) = (Unit::parse(from)?, Unit::parse(to)?);
    if from.dimension() != to.dimension() {
        return None;
    }
    if from.scale == Scale::Ratio && to.scale == Scale::Ratio {
        // One division at the end, so that whole factors stay whole.
        let top = value.times(from.numerator)?.times(to.denominator)?;
        return top.over(from.denominator.times(to.numerator)?).map(|n| keep_scale(value, n));
    }
    to.of_base(from.to_base(value)?)
}

/// A conversion by powers of ten keeps the precision that the value was written with.
fn keep_scale(written: Decimal, converted: Decimal) -> Decimal {
    let (from, to) = (written.normalized(), converted.normalized());
    if from.mantissa() != to.mantissa() {
        return converted;
    }
    let zeros = written.scale() - from.scale();
    converted.with_scale((to.scale() + zeros).max(0)).unwrap_or(converted)
}

/// The code of the product of two units; `None` when one of them is no unit code or the result is too long.
pub fn product(one: &str, other: &str) -> Option<String> {
    let code = match (one, other) {
        ("1", other) => other.to_owned(),
        (one, "1") => one.to_owned(),
        (one, other) if other.contains('/') => format!("{one}.({other})"),
        (one, other) => format!("{one}.{other}"),
    };
    plain(code)
}

/// The code of the quotient of two units; `None` when one of them is no unit code or the result is too long.
pub fn quotient(one: &str, other: &str) -> Option<String> {
    let code = match (one, other) {
        (one, "1") => one.to_owned(),
        (one, other) if other.contains(['/', '.']) => format!("{one}/({other})"),
        (one, other) => format!("{one}/{other}"),
    };
    plain(code)
}

/// `1` for units that cancel each other.
fn plain(code: String) -> Option<String> {
    let unit = Unit::parse(&code)?;
    let cancelled = unit.dimension() == "1" && unit.numerator == unit.denominator;
    Some(if cancelled { "1".to_owned() } else { code })
}

#[cfg(test)]
mod tests;
