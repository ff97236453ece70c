//! An amount of medicine: exact, in thousandths, written so that nobody misreads it.
//!
//! Printing follows the safe form of clinic-workflow.md section 7.2: no zero behind the point that says nothing (5, never
//! 5.0), a zero before it (0.5, never .5).

use std::fmt;

/// Largest amount: no dose and no strength comes near it.
const LARGEST: u64 = 99_999_999;

/// Thousandths of something. Never 0 where [`Amount::read`] made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// One.
    pub const ONE: Amount = Amount(1_000);
    /// Twenty.
    pub const TWENTY: Amount = Amount(20_000);
    /// Nothing, as in the middle of 1-0-1.
    pub const ZERO: Amount = Amount(0);

    /// So many thousandths; none beyond what is ever given.
    pub fn thousandths(count: u64) -> Option<Amount> {
        (count <= LARGEST * 1_000).then_some(Amount(count))
    }

    /// Reads `5`, `0.5`, `.5`, `2.50`, `½`, `1½`, `1/2`; none for anything else, for more than three places and for
    /// amounts of eight digits and more.
    pub fn read(text: &str) -> Option<Amount> {
        if let Some((whole, part)) = fraction(text) {
            let whole = if whole.is_empty() { 0 } else { digits(whole)? };
            return Amount::thousandths(whole * 1_000 + part);
        }
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let dotted = text.contains('.');
        if part.len() > 3 || (dotted && part.is_empty()) || (whole.is_empty() && !dotted) {
            return None;
        }
        let whole = if whole.is_empty() { 0 } else { digits(whole)? };
        let mut thousandths = 0;
        for place in 0..3 {
            let digit = match part.as_bytes().get(place) {
                None => 0,
                Some(byte) if byte.is_ascii_digit() => u64::from(byte - b'0'),
                Some(_) => return None,
            };
            thousandths = thousandths * 10 + digit;
        }
        Amount::thousandths(whole * 1_000 + thousandths)
    }

    /// In thousandths.
    pub fn in_thousandths(self) -> u64 {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whole units that hold it.
    pub fn rounded_up(self) -> Amount {
        Amount(self.0.div_ceil(1_000) * 1_000)
    }
}

fn digits(text: &str) -> Option<u64> {
    let fits = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// What stands before a fraction, and the fraction.
fn fraction(text: &str) -> Option<(&str, u64)> {
    const SIGNS: [(&str, u64); 5] = [("½", 500), ("¼", 250), ("¾", 750), ("1/2", 500), ("1/4", 250)];
    SIGNS.iter().find_map(|(sign, part)| {
        let whole = text.strip_suffix(sign)?;
        // 11/2 is no mixed number: only the signs of one letter may follow a digit.
        (whole.is_empty() || !sign.contains('/')).then_some((whole, *part))
    })
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000, self.0 % 1_000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{part:03}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_written_so_that_nobody_misreads_them() {
        for (given, expected) in [
            ("5", Some("5")),
            ("5.0", Some("5")),
            ("2.50", Some("2.5")),
            (".5", Some("0.5")),
            ("0.125", Some("0.125")),
            ("½", Some("0.5")),
            ("1½", Some("1.5")),
            ("1/2", Some("0.5")),
            ("11/2", None),
            ("0.0625", None),
            ("5.", None),
            (".", None),
            ("", None),
            ("-1", None),
            ("123456789", None),
            ("1e3", None),
        ] {
            assert_eq!(Amount::read(given).map(|amount| amount.to_string()).as_deref(), expected, "{given}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same(count in 0_u64..=LARGEST * 1_000) {
            let amount = Amount::thousandths(count).unwrap();
            let printed = amount.to_string();
            prop_assert_eq!(Amount::read(&printed), Some(amount));
            let surplus = printed.contains('.') && printed.ends_with('0');
            prop_assert!(!printed.starts_with('.') && !surplus);
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,12}") {
            let _ = Amount::read(&text);
        }
    }
}
