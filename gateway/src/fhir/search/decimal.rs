//! Decimal numbers as bytes whose order is the order of the numbers; never through binary fractions.
//!
//! Bytes: sign class (0x40 negative, 0x80 zero, 0xC0 positive), decimal exponent biased to u16, digits plus one, 0x00.
//! For negative numbers everything behind the class is complemented. The end mark makes it prefix-free.

/// Significant digits that are kept; what follows is cut.
const MOST_DIGITS: usize = 38;
const BIAS: i64 = 1 << 15;

/// The bytes of a decimal number in JSON's grammar; `None` when it is none.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, saturating(exponent)?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    let leading = digits.iter().take_while(|d| **d == 0).count();
    let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    let significant: Vec<u8> = digits.into_iter().skip(leading).take(MOST_DIGITS).collect();
    Some(assemble(negative, point.saturating_add(exponent), &significant))
}

/// The bytes of `mantissa` times ten to the power of `exponent`.
pub fn encode_scaled(mantissa: i128, exponent: i64) -> Vec<u8> {
    let text = mantissa.unsigned_abs().to_string();
    let digits: Vec<u8> = if mantissa == 0 { Vec::new() } else { text.bytes().map(|b| b - b'0').collect() };
    assemble(mantissa < 0, i64::try_from(text.len()).unwrap_or(0).saturating_add(exponent), &digits)
}

/// The bytes of a computed number.
pub fn encode_decimal(number: crate::decimal::Decimal) -> Vec<u8> {
    encode_scaled(number.mantissa(), -i64::from(number.scale()))
}

/// The bytes of the number that stands first, and what follows it.
pub(super) fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = match bytes.first()? {
        0xC0 => bytes.iter().skip(3).position(|b| *b == 0)? + 4,
        0x40 => bytes.iter().skip(3).position(|b| *b == 0xFF)? + 4,
        _ => 1,
    };
    bytes.split_at_checked(end)
}

/// What a search for a number compares with, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The number itself.
    pub exact: Vec<u8>,
    /// Half a unit of the last digit below and above.
    pub implied: (Vec<u8>, Vec<u8>),
    /// A tenth below and above.
    pub near: (Vec<u8>, Vec<u8>),
}

/// `0.d1d2d3… × 10^exponent`; `digits` without leading zeros.
fn assemble(negative: bool, exponent: i64, digits: &[u8]) -> Vec<u8> {
    let kept = digits.iter().rposition(|d| *d != 0).map_or(0, |n| n + 1);
    if kept == 0 {
        return vec![0x80];
    }
    let biased = u16::try_from((exponent + BIAS).clamp(0, i64::from(u16::MAX))).unwrap_or_default();
    let mut out = vec![if negative { 0x40 } else { 0xC0 }];
    out.extend_from_slice(&biased.to_be_bytes());
    out.extend(digits.iter().take(kept).map(|d| d + 1));
    out.push(0);
    if negative {
        out.iter_mut().skip(1).for_each(|b| *b = !*b);
    }
    out
}

fn saturating(exponent: &str) -> Option<i64> {
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    Some(if exponent.starts_with('-') { -size } else { size })
}

/// A number as a search names it: whole mantissa and power of ten, so that its precision is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    exponent: i64,
}

impl Decimal {
    /// Reads a number of at most 30 digits and a power of ten within 1000; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        encode(text)?;
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, saturating(exponent)?),
            None => (text, 0),
        };
        let decimals = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
        let exponent = exponent - i64::try_from(decimals).ok()?;
        (digits.trim_start_matches(['-', '+']).len() <= 30 && exponent.abs() <= 1000)
            .then(|| digits.parse().ok())
            .flatten()
            .map(|mantissa| Self { mantissa, exponent })
    }

    /// The bytes of the number itself.
    pub fn exact(self) -> Vec<u8> {
        encode_scaled(self.mantissa, self.exponent)
    }

    /// Half a unit of the last digit below and above: `100` is `[99.5, 100.5)`, `1e2` is `[50, 150)`.
    pub fn implied(self) -> (Vec<u8>, Vec<u8>) {
        let at = |offset: i128| encode_scaled(self.mantissa * 10 + offset, self.exponent - 1);
        (at(-5), at(5))
    }

    /// The number in tenths of its last digit, moved by `offset` of them.
    fn tenths(self, offset: i128) -> Option<crate::decimal::Decimal> {
        let scale = i32::try_from(1 - self.exponent).ok()?;
        crate::decimal::Decimal::new(self.mantissa * 10 + offset, scale)
    }

    /// The number, the ends of its implied precision and those of its nearness, each as `convert` makes it; `None` when
    /// one of them cannot be converted.
    pub fn converted(
        self,
        convert: impl Fn(crate::decimal::Decimal) -> Option<crate::decimal::Decimal>,
    ) -> Option<Bounds> {
        let at = |offset| Some(encode_decimal(convert(self.tenths(offset)?)?));
        let by = self.nearness();
        Some(Bounds { exact: at(0)?, implied: (at(-5)?, at(5)?), near: (at(-by)?, at(by)?) })
    }

    /// The same ends in the number's own unit.
    pub fn bounds(self) -> Bounds {
        Bounds { exact: self.exact(), implied: self.implied(), near: self.near() }
    }

    const fn nearness(self) -> i128 {
        let size = self.mantissa.abs();
        if size > 5 { size } else { 5 }
    }

    /// A tenth below and above, or the implied precision where that is wider.
    pub fn near(self) -> (Vec<u8>, Vec<u8>) {
        let by = self.nearness();
        let at = |offset: i128| encode_scaled(self.mantissa * 10 + offset, self.exponent - 1);
        (at(-by), at(by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    #[test]
    fn order_of_bytes_is_order_of_numbers() {
        let rising = [
            "-1e99999999999",
            "-1e20",
            "-1000.5",
            "-1000",
            "-999",
            "-2",
            "-1.5",
            "-1.05",
            "-1",
            "-0.1",
            "-0.00001",
            "0",
            "1e-99999999999",
            "0.00000001",
            "0.1",
            "0.12",
            "1",
            "1.05",
            "1.5",
            "2",
            "9.99",
            "10",
            "99",
            "100",
            "1e2000",
        ];
        for pair in rising.windows(2) {
            assert!(encode(pair[0]) < encode(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn spellings_of_one_number_are_one_key() {
        for (a, b) in [
            ("1.0", "1"),
            ("1.00", "1e0"),
            ("100", "1E+2"),
            ("-0", "0.000"),
            ("0.012", "12e-3"),
            ("007", "7"),
        ] {
            assert_eq!(encode(a), encode(b), "{a} {b}");
        }
        for bad in ["", "-", "a", "1e", ".5", "1.2.3", "0x1", "1e5x"] {
            assert_eq!(encode(bad), None, "{bad}");
        }
    }

    #[test]
    fn precision_is_half_a_unit_of_the_last_digit() {
        let check = |text: &str, low: &str, high: &str| {
            let expected = (encode(low).unwrap(), encode(high).unwrap());
            assert_eq!(Decimal::parse(text).unwrap().implied(), expected, "{text}");
        };
        check("100", "99.5", "100.5");
        check("1e2", "50", "150");
        check("5.40", "5.395", "5.405");
        check("-5", "-5.5", "-4.5");
        check("0", "-0.5", "0.5");
        assert_eq!(Decimal::parse("100").unwrap().near(), (encode("90").unwrap(), encode("110").unwrap()));
        assert_eq!(Decimal::parse("1e2000"), None);
        assert_eq!(Decimal::parse(&"9".repeat(31)), None);
    }

    fn compare(a: (i64, u8), b: (i64, u8)) -> Ordering {
        let scale = |(m, e): (i64, u8)| i128::from(m) * 10_i128.pow(u32::from(12 - e));
        scale(a).cmp(&scale(b))
    }

    fn text((m, e): (i64, u8)) -> String {
        format!("{m}e-{e}")
    }

    proptest! {
        #[test]
        fn keys_compare_like_numbers(a in (any::<i64>(), 0u8..12), b in (any::<i64>(), 0u8..12)) {
            let (x, y) = (encode(&text(a)).unwrap(), encode(&text(b)).unwrap());
            prop_assert_eq!(x.cmp(&y), compare(a, b));
            prop_assert!(x == y || !y.starts_with(&x));
            prop_assert_eq!(Decimal::parse(&text(a)).unwrap().exact(), x);
        }
    }
}
