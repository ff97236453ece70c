//! Decimal numbers that are computed with: exact up to 38 digits, with their scale kept; never a binary fraction.
//!
//! `1.50` and `1.5` are equal and written differently. What does not fit 38 digits is rounded half away from zero.

mod text;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// `mantissa × 10^-scale`, with at most [`Decimal::MOST_DIGITS`] digits and a scale within ±[`Decimal::MOST_SCALE`].
#[derive(Clone, Copy)]
pub struct Decimal {
    mantissa: i128,
    scale: i32,
}

/// Where rounding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero.
    Truncate,
    /// To the nearest, halves away from zero.
    HalfUp,
    /// To the smaller number.
    Floor,
    /// To the greater number.
    Ceiling,
}

impl Decimal {
    /// Most significant digits of a number.
    pub const MOST_DIGITS: u32 = 38;
    /// Farthest place of the last digit from the point.
    pub const MOST_SCALE: i32 = 1000;
    /// Significant digits that a division that does not end is carried to.
    const QUOTIENT_DIGITS: u32 = 34;
    /// Nothing.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { mantissa: 1, scale: 0 };

    /// `mantissa × 10^-scale`; `None` beyond the limits.
    pub fn new(mantissa: i128, scale: i32) -> Option<Self> {
        let fits = mantissa.unsigned_abs() < power(Self::MOST_DIGITS) && scale.abs() <= Self::MOST_SCALE;
        fits.then_some(Self { mantissa, scale })
    }

    /// A number known when the program is built; `None` for a scale that is out of bounds.
    pub(crate) const fn constant(mantissa: i64, scale: i32) -> Option<Self> {
        if scale < -Self::MOST_SCALE || scale > Self::MOST_SCALE {
            return None;
        }
        Some(Self { mantissa: mantissa as i128, scale })
    }

    /// The digits as a whole number; the value is this times ten to the power of minus [`Decimal::scale`].
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// Digits behind the point; negative for a number such as `1e3`.
    pub const fn scale(self) -> i32 {
        self.scale
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The same value without zeros at the end.
    #[must_use]
    pub fn normalized(self) -> Self {
        if self.mantissa == 0 {
            return Self::ZERO;
        }
        let mut out = self;
        while out.mantissa % 10 == 0 && out.scale > -Self::MOST_SCALE {
            out.mantissa /= 10;
            out.scale -= 1;
        }
        out
    }

    /// The whole number, when it is one and fits.
    pub fn as_i64(self) -> Option<i64> {
        let plain = self.normalized();
        if plain.scale > 0 {
            return None;
        }
        let factor = 10i128.checked_pow(plain.scale.unsigned_abs())?;
        i64::try_from(plain.mantissa.checked_mul(factor)?).ok()
    }

    /// The nearest binary number; for roots and logarithms only.
    pub fn as_f64(self) -> Option<f64> {
        format!("{}e{}", self.mantissa, -self.scale).parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// A binary number to 15 significant digits, which are those it holds for sure.
    pub fn from_f64(number: f64) -> Option<Self> {
        number.is_finite().then(|| Self::parse(&format!("{number:.14e}")).map(Self::normalized)).flatten()
    }

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self { mantissa: self.mantissa.abs(), scale: self.scale }
    }

    /// Sum; `None` beyond the limits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (fine, coarse) = if self.scale >= other.scale { (self, other) } else { (other, self) };
        let by = fine.scale.abs_diff(coarse.scale);
        if let Some(aligned) = 10i128.checked_pow(by).and_then(|f| coarse.mantissa.checked_mul(f)) {
            return Self::rounded(aligned.checked_add(fine.mantissa)?, fine.scale);
        }
        if coarse.is_zero() {
            return Some(fine);
        }
        // The finer number has digits that cannot be kept: it is rounded to the last place the other can have.
        let spare = Self::MOST_DIGITS - 1 - digits(coarse.mantissa.unsigned_abs()).min(Self::MOST_DIGITS - 1);
        let scale = coarse.scale.checked_add(i32::try_from(spare).ok()?)?;
        let shifted = Self::new(coarse.mantissa.checked_mul(10i128.checked_pow(spare)?)?, scale)?;
        let fine = fine.round(scale, Rounding::HalfUp);
        Self::rounded(shifted.mantissa.checked_add(fine.rescaled(scale)?)?, scale)
    }

    /// Difference; `None` beyond the limits.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(-other)
    }

    /// Product; `None` beyond the limits.
    pub fn times(self, other: Self) -> Option<Self> {
        let scale = self.scale.checked_add(other.scale)?;
        if let Some(mantissa) = self.mantissa.checked_mul(other.mantissa) {
            return Self::rounded(mantissa, scale);
        }
        let (magnitude, dropped) = wide_product(self.mantissa.unsigned_abs(), other.mantissa.unsigned_abs());
        let magnitude = i128::try_from(magnitude).ok()?;
        let negative = self.is_negative() != other.is_negative();
        Self::rounded(if negative { -magnitude } else { magnitude }, scale.checked_sub(dropped)?)
    }

    /// Quotient, to [`Decimal::QUOTIENT_DIGITS`] digits where it does not end; `None` for a division by zero.
    pub fn over(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        // Room for ten times a remainder, which is smaller than the divisor.
        let other = if digits(other.mantissa.unsigned_abs()) >= Self::MOST_DIGITS {
            other.round(other.scale - 2, Rounding::HalfUp).normalized()
        } else {
            other
        };
        let divisor = other.mantissa.unsigned_abs();
        let mut scale = self.scale.checked_sub(other.scale)?;
        let mut quotient = self.mantissa.unsigned_abs() / divisor;
        let mut rest = self.mantissa.unsigned_abs() % divisor;
        while rest != 0 && digits(quotient) < Self::QUOTIENT_DIGITS {
            rest *= 10;
            quotient = quotient * 10 + rest / divisor;
            rest %= divisor;
            scale += 1;
        }
        if rest >= divisor.div_ceil(2) {
            quotient += 1;
        }
        let quotient = i128::try_from(quotient).ok()?;
        let negative = self.is_negative() != other.is_negative();
        let out = Self::rounded(if negative { -quotient } else { quotient }, scale)?;
        // Digits that the division did not need are not kept, down to a whole number.
        let plain = out.normalized();
        if plain.scale >= 0 {
            Some(plain)
        } else {
            out.rescaled(0).map(|m| Self { mantissa: m, scale: 0 }).or(Some(plain))
        }
    }

    /// To a number of digits behind the point (before it, when negative). A number that has fewer is left as it is.
    #[must_use]
    pub fn round(self, places: i32, rounding: Rounding) -> Self {
        let Ok(drop) = u32::try_from(self.scale.saturating_sub(places)) else { return self };
        if drop == 0 {
            return self;
        }
        let (kept, rest, half) = match 10i128.checked_pow(drop) {
            Some(unit) => (self.mantissa / unit, self.mantissa % unit, unit / 2),
            None => (0, self.mantissa, i128::MAX),
        };
        let away = match rounding {
            Rounding::Truncate => false,
            Rounding::HalfUp => rest.abs() >= half,
            Rounding::Floor => rest < 0,
            Rounding::Ceiling => rest > 0,
        };
        let step = if rest < 0 { -1 } else { 1 };
        Self {
            mantissa: kept + if away && rest != 0 { step } else { 0 },
            scale: places.clamp(-Self::MOST_SCALE, Self::MOST_SCALE),
        }
    }

    /// The same value with exactly `places` digits behind the point; `None` when digits would be lost or do not fit.
    pub fn with_scale(self, places: i32) -> Option<Self> {
        Self::new(self.rescaled(places)?, places)
    }

    /// Square root, exact where it ends; `None` for a negative number.
    pub fn sqrt(self) -> Option<Self> {
        if self.is_negative() {
            return None;
        }
        let plain = self.normalized();
        let spare = i32::try_from(37u32.saturating_sub(digits(plain.mantissa.unsigned_abs()))).ok()?;
        let by = if (plain.scale + spare) % 2 == 0 { spare } else { spare - 1 };
        let (mantissa, scale) = match u32::try_from(by) {
            Ok(by) => {
                (plain.mantissa.checked_mul(10i128.checked_pow(by)?)?, plain.scale + i32::try_from(by).ok()?)
            }
            Err(_) => (plain.mantissa / 10, plain.scale - 1),
        };
        Self::new(mantissa.isqrt(), scale / 2).map(Self::normalized)
    }

    /// To the power of a whole number; `None` beyond the limits.
    pub fn powi(self, exponent: i32) -> Option<Self> {
        let mut out = Self::ONE;
        let mut base = self;
        let mut left = exponent.unsigned_abs();
        while left > 0 {
            if left & 1 == 1 {
                out = out.times(base)?;
            }
            left >>= 1;
            if left > 0 {
                base = base.times(base)?;
            }
        }
        if exponent < 0 { Self::ONE.over(out) } else { Some(out) }
    }

    /// The mantissa at another scale; `None` when digits would be lost or do not fit.
    fn rescaled(self, scale: i32) -> Option<i128> {
        let by = scale.checked_sub(self.scale)?;
        let factor = 10i128.checked_pow(by.unsigned_abs());
        match by.cmp(&0) {
            Ordering::Equal => Some(self.mantissa),
            Ordering::Greater if self.is_zero() => Some(0),
            Ordering::Greater => self.mantissa.checked_mul(factor?),
            Ordering::Less if self.is_zero() => Some(0),
            Ordering::Less => factor.filter(|f| self.mantissa % f == 0).map(|f| self.mantissa / f),
        }
    }

    /// Rounded until it fits the most digits.
    fn rounded(mantissa: i128, scale: i32) -> Option<Self> {
        let over = digits(mantissa.unsigned_abs()).saturating_sub(Self::MOST_DIGITS);
        if over == 0 {
            return Self::new(mantissa, scale);
        }
        let unit = 10i128.checked_pow(over)?;
        let (kept, rest) = (mantissa / unit, mantissa % unit);
        let kept = if rest.abs() >= unit / 2 { kept + rest.signum() } else { kept };
        if kept.unsigned_abs() == power(Self::MOST_DIGITS) {
            return Self::new(kept / 10, scale - i32::try_from(over).ok()? - 1);
        }
        Self::new(kept, scale - i32::try_from(over).ok()?)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self { mantissa: i128::from(number), scale: 0 }
    }
}

impl std::ops::Neg for Decimal {
    type Output = Self;
    fn neg(self) -> Self {
        Self { mantissa: -self.mantissa, scale: self.scale }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let sign = self.mantissa.signum().cmp(&other.mantissa.signum());
        if sign != Ordering::Equal || self.mantissa == 0 {
            return sign;
        }
        let (a, b) = (self.mantissa.unsigned_abs(), other.mantissa.unsigned_abs());
        let place = |n: u128, scale: i32| i64::from(digits(n)) - i64::from(scale);
        let size = place(a, self.scale).cmp(&place(b, other.scale)).then_with(|| {
            // The first digits stand at the same place: the shorter one is filled up with zeros.
            let (da, db) = (digits(a), digits(b));
            (a * power(db.saturating_sub(da))).cmp(&(b * power(da.saturating_sub(db))))
        });
        if self.is_negative() { size.reverse() } else { size }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let plain = self.normalized();
        (plain.mantissa, plain.scale).hash(state);
    }
}

/// Ten to a power; at most 38, which fits.
fn power(exponent: u32) -> u128 {
    10u128.checked_pow(exponent).unwrap_or(u128::MAX)
}

fn digits(number: u128) -> u32 {
    number.checked_ilog10().map_or(1, |n| n + 1)
}

/// Product of two magnitudes rounded to what 127 bits hold, and how many digits at the end were dropped for it.
fn wide_product(a: u128, b: u128) -> (u128, i32) {
    const LOW: u128 = u64::MAX as u128;
    let (ah, al, bh, bl) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = al * bl;
    let mid = ah * bl + (low >> 64);
    let cross = al * bh + (mid & LOW);
    let mut high = ah * bh + (mid >> 64) + (cross >> 64);
    let mut low = (cross << 64) | (low & LOW);
    let mut dropped = 0;
    let mut last = 0;
    while high != 0 || low >= power(Decimal::MOST_DIGITS) {
        let mut rest = 0u128;
        let mut limbs = [high >> 64, high & LOW, low >> 64, low & LOW];
        for limb in &mut limbs {
            let value = (rest << 64) | *limb;
            *limb = value / 10;
            rest = value % 10;
        }
        let [h1, h0, l1, l0] = limbs;
        (high, low, last) = ((h1 << 64) | h0, (l1 << 64) | l0, rest);
        dropped += 1;
    }
    (low + u128::from(last >= 5), dropped)
}

#[cfg(test)]
mod tests;
