//! Numbers as they are written.

use std::fmt;

use super::Decimal;

impl Decimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`; `None` for anything else and beyond the limits.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                (number, plain.then(|| exponent.parse::<i32>().ok()).flatten()?)
            }
            None => (text, 0),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (number, ""),
        };
        if whole.is_empty() {
            return None;
        }
        let mut mantissa = 0i128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
            mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        Self::new(if negative { -mantissa } else { mantissa }, scale)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Plain digits without an exponent; a number far from the point is written with one.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.is_negative() { "-" } else { "" };
        let Ok(scale) = usize::try_from(self.scale) else {
            let zeros = usize::try_from(self.scale.unsigned_abs()).unwrap_or_default();
            return match (self.is_zero(), digits.len() + zeros <= 38) {
                (true, _) => f.write_str("0"),
                (false, true) => write!(f, "{sign}{digits}{:0<zeros$}", ""),
                (false, false) => write!(f, "{sign}{digits}e{zeros}"),
            };
        };
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        if scale > 80 {
            return write!(f, "{sign}{digits}e-{scale}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at_checked(padded.len() - scale).unwrap_or((&padded, ""));
        write!(f, "{sign}{whole}.{fraction}")
    }
}
