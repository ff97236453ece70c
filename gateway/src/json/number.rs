//! A JSON number as its own text: `72.50` stays `72.50`.

use std::fmt;

/// A number kept as the text it was written in. Equality is equality of text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// Takes a text that is a JSON number; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        (length_at(text.as_bytes(), 0) == Some(text.len())).then(|| Self(text.into()))
    }

    /// Takes a text that the caller has matched against the grammar.
    pub(super) fn of(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, exactly as it was read.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value when it is written as a whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The value when it is written as a whole number, not negative, that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The nearest binary number. For drawing and sorting on a screen only, never for storing or comparing.
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|v: &f64| v.is_finite())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! from_whole {
    ($($t:ty),*) => {$(
        impl From<$t> for Number {
            fn from(value: $t) -> Self {
                Self(value.to_string().into())
            }
        }
    )*};
}
from_whole!(i32, i64, u16, u32, u64, usize);

/// End of the number that starts at `start`, by RFC 8259 section 6; `None` when none starts there.
pub(super) fn length_at(bytes: &[u8], start: usize) -> Option<usize> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let digits = |mut at: usize| {
        let from = at;
        while digit(at) {
            at += 1;
        }
        (at > from).then_some(at)
    };
    let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if digit(at) {
        return None;
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    Some(at)
}
