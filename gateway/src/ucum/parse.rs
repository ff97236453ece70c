//! From a unit code to a factor and a dimension.

use super::table;
use crate::decimal::Decimal;

/// Longest unit code, bytes.
const MOST_LENGTH: usize = 256;
/// Deepest brackets.
const MOST_DEPTH: u32 = 16;
/// Greatest exponent.
const MOST_EXPONENT: i32 = 99;

/// Where a unit has its zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// At the zero of its base units, as nearly all.
    Ratio,
    /// Degrees Celsius.
    Celsius,
    /// Degrees Fahrenheit.
    Fahrenheit,
    /// Degrees Réaumur.
    Reaumur,
}

/// A unit: `numerator / denominator` of the base units in `powers`.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub numerator: Decimal,
    pub denominator: Decimal,
    pub scale: Scale,
    /// Base units with their exponents, in the order of the alphabet, none of them 0.
    pub(super) powers: Vec<(&'static str, i32)>,
}

impl Unit {
    /// Reads a whole code.
    pub fn parse(code: &str) -> Option<Self> {
        if code.is_empty() || code.len() > MOST_LENGTH || !code.bytes().all(|b| (33..=126).contains(&b)) {
            return None;
        }
        let mut reader = Reader { rest: code, depth: 0 };
        let unit = reader.main()?;
        reader.rest.is_empty().then_some(unit)
    }

    pub(super) fn number(value: Decimal) -> Self {
        Self { numerator: value, denominator: Decimal::ONE, scale: Scale::Ratio, powers: Vec::new() }
    }

    /// A base unit, or one that is compared with itself only.
    pub(super) fn base(code: &'static str) -> Self {
        Self { powers: vec![(code, 1)], ..Self::number(Decimal::ONE) }
    }

    pub(super) fn with_scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// The base units in one fixed way of writing; `1` for none.
    pub fn dimension(&self) -> String {
        let one = |(code, power): &(&str, i32)| {
            if *power == 1 { (*code).to_owned() } else { format!("{code}{power}") }
        };
        let parts: Vec<String> = self.powers.iter().map(one).collect();
        if parts.is_empty() { "1".to_owned() } else { parts.join(".") }
    }

    /// An amount of this unit in base units.
    pub fn to_base(&self, value: Decimal) -> Option<Decimal> {
        let value = match self.scale {
            Scale::Ratio => return value.times(self.numerator)?.over(self.denominator),
            // The factor is that of a prefix before the degree.
            _ => value.times(self.numerator)?.over(self.denominator)?,
        };
        let (five_fourths, five_ninths) =
            ((Decimal::from(5), Decimal::from(4)), (Decimal::from(5), Decimal::from(9)));
        match self.scale {
            Scale::Ratio => Some(value),
            Scale::Celsius => value.plus(ZERO_CELSIUS?),
            Scale::Fahrenheit => value.plus(ZERO_FAHRENHEIT?)?.times(five_ninths.0)?.over(five_ninths.1),
            Scale::Reaumur => value.times(five_fourths.0)?.over(five_fourths.1)?.plus(ZERO_CELSIUS?),
        }
    }

    /// An amount of base units in this unit.
    pub fn of_base(&self, value: Decimal) -> Option<Decimal> {
        let value = match self.scale {
            Scale::Ratio => value,
            Scale::Celsius => value.minus(ZERO_CELSIUS?)?,
            Scale::Fahrenheit => {
                value.times(Decimal::from(9))?.over(Decimal::from(5))?.minus(ZERO_FAHRENHEIT?)?
            }
            Scale::Reaumur => value.minus(ZERO_CELSIUS?)?.times(Decimal::from(4))?.over(Decimal::from(5))?,
        };
        value.times(self.denominator)?.over(self.numerator)
    }

    /// In a product a degree of temperature is a difference of temperature.
    fn into_ratio(self) -> Option<Self> {
        let (top, bottom) = match self.scale {
            Scale::Ratio => return Some(self),
            Scale::Celsius => (1, 1),
            Scale::Fahrenheit => (5, 9),
            Scale::Reaumur => (5, 4),
        };
        Some(Self {
            numerator: self.numerator.times(Decimal::from(top))?,
            denominator: self.denominator.times(Decimal::from(bottom))?,
            scale: Scale::Ratio,
            powers: self.powers,
        })
    }

    fn times(self, other: Self) -> Option<Self> {
        let (one, other) = (self.into_ratio()?, other.into_ratio()?);
        let mut powers = one.powers;
        for (code, power) in other.powers {
            match powers.binary_search_by(|(c, _)| (*c).cmp(code)) {
                Ok(at) => powers.get_mut(at)?.1 += power,
                Err(at) => powers.insert(at, (code, power)),
            }
        }
        powers.retain(|(_, power)| *power != 0);
        if powers.iter().any(|(_, power)| power.abs() > MOST_EXPONENT * 8) {
            return None;
        }
        Some(Self {
            numerator: one.numerator.times(other.numerator)?,
            denominator: one.denominator.times(other.denominator)?,
            scale: Scale::Ratio,
            powers,
        })
    }

    fn raised(self, power: i32) -> Option<Self> {
        if power == 1 {
            return Some(self);
        }
        let ratio = self.into_ratio()?;
        let (top, bottom) = if power < 0 {
            (ratio.denominator, ratio.numerator)
        } else {
            (ratio.numerator, ratio.denominator)
        };
        let size = power.abs();
        let mut powers = ratio.powers;
        for (_, each) in &mut powers {
            *each = each.checked_mul(power)?;
        }
        powers.retain(|(_, each)| *each != 0);
        Some(Self {
            numerator: top.powi(size)?,
            denominator: bottom.powi(size)?,
            scale: Scale::Ratio,
            powers,
        })
    }

    pub(super) fn prefixed(self, ten_to: i32, two_to: u32) -> Option<Self> {
        let factor = Decimal::new(1, -ten_to)?.times(Decimal::from(1i64.checked_shl(two_to)?))?;
        Some(Self { numerator: self.numerator.times(factor)?, ..self })
    }
}

const ZERO_CELSIUS: Option<Decimal> = Decimal::constant(27_315, 2);
const ZERO_FAHRENHEIT: Option<Decimal> = Decimal::constant(45_967, 2);

struct Reader<'a> {
    rest: &'a str,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn main(&mut self) -> Option<Unit> {
        if self.take('/') {
            let first = self.component()?.raised(-1)?;
            return self.following(first);
        }
        let first = self.component()?;
        self.following(first)
    }

    /// Products and quotients from left to right.
    fn following(&mut self, first: Unit) -> Option<Unit> {
        let mut unit = first;
        loop {
            if self.take('.') {
                let next = self.component()?;
                unit = unit.times(next)?;
            } else if self.take('/') {
                let next = self.component()?.raised(-1)?;
                unit = unit.times(next)?;
            } else {
                return Some(unit);
            }
        }
    }

    fn component(&mut self) -> Option<Unit> {
        if self.take('(') {
            self.depth += 1;
            if self.depth > MOST_DEPTH {
                return None;
            }
            let unit = self.main()?;
            self.depth -= 1;
            return self.take(')').then_some(unit);
        }
        if self.rest.starts_with('{') {
            self.annotation()?;
            return Some(Unit::number(Decimal::ONE));
        }
        let power_of_ten = self.rest.starts_with("10*") || self.rest.starts_with("10^");
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = if power_of_ten {
            self.rest = self.rest.get(3..)?;
            let power = self.exponent()?.unwrap_or(1);
            Unit::number(Decimal::new(1, -power)?)
        } else if digits > 0 {
            let (number, rest) = self.rest.split_at_checked(digits)?;
            self.rest = rest;
            Unit::number(Decimal::parse(number)?)
        } else {
            let unit = table::unit(self.symbol()?)?;
            let power = self.exponent()?.unwrap_or(1);
            unit.raised(power)?
        };
        if self.rest.starts_with('{') {
            self.annotation()?;
        }
        Some(unit)
    }

    /// `{anything but braces}`
    fn annotation(&mut self) -> Option<()> {
        let (text, rest) = self.rest.strip_prefix('{')?.split_once('}')?;
        self.rest = rest;
        (!text.contains('{')).then_some(())
    }

    /// A unit with its prefix; what stands in square brackets belongs together.
    fn symbol(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            match byte {
                b'[' => end += bytes.get(end..)?.iter().position(|b| *b == b']')? + 1,
                b'.' | b'/' | b'(' | b')' | b'{' | b'}' | b'+' | b'-' | b'0'..=b'9' => break,
                _ => end += 1,
            }
        }
        let (symbol, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!symbol.is_empty()).then_some(symbol)
    }

    /// `Some(None)` when there is none, `None` when there is a bad one.
    fn exponent(&mut self) -> Option<Option<i32>> {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        let digits = self.rest.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return (sign == 0).then_some(None);
        }
        let (text, rest) = self.rest.split_at_checked(sign + digits)?;
        self.rest = rest;
        text.parse().ok().filter(|n: &i32| n.abs() <= MOST_EXPONENT).map(Some)
    }
}
