//! Index entries and ranges over them.
//!
//! A term's value is prefix-free: no value is the beginning of another, so a store may append a record number. Ranges
//! are always `[low, high)` over such values and hold for values with something appended, too.

use std::hash::{Hash, Hasher};
use std::ops::Bound;

pub use super::check::Check;

/// One index entry of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Number of the search parameter.
    pub param: u16,
    /// The encoded value, prefix-free within the parameter.
    pub value: Vec<u8>,
}

/// A range of values of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRange {
    /// Number of the search parameter.
    pub param: u16,
    /// Lower end, always included.
    pub low: Bound<Vec<u8>>,
    /// Upper end, always excluded.
    pub high: Bound<Vec<u8>>,
    /// What a value in the range must fulfil besides, where the range alone says too much.
    pub check: Option<Check>,
}

/// By the bounds alone: few ranges differ in nothing but their condition.
impl Hash for TermRange {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.param, &self.low, &self.high).hash(state);
    }
}

impl TermRange {
    /// All values that start with `prefix`.
    pub fn prefix(param: u16, prefix: Vec<u8>) -> Self {
        let high = after(&prefix);
        Self { param, low: Bound::Included(prefix), high, check: None }
    }

    /// Values from `low` up to, not including, `high`.
    pub const fn between(param: u16, low: Vec<u8>, high: Vec<u8>) -> Self {
        Self { param, low: Bound::Included(low), high: Bound::Excluded(high), check: None }
    }

    /// Every value of a parameter.
    pub const fn all(param: u16) -> Self {
        Self { param, low: Bound::Unbounded, high: Bound::Unbounded, check: None }
    }

    /// The same range with a condition.
    #[must_use]
    pub fn checked(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }

    /// Whether a term lies in the range and fulfils its condition.
    pub fn contains(&self, term: &Term) -> bool {
        term.param == self.param && self.holds(&term.value)
    }

    /// Whether a value lies in the range and fulfils its condition, whatever parameter it is of.
    pub fn holds(&self, value: &[u8]) -> bool {
        let above = match &self.low {
            Bound::Included(low) => value >= low.as_slice(),
            Bound::Excluded(low) => value > low.as_slice(),
            Bound::Unbounded => true,
        };
        let below = match &self.high {
            Bound::Included(high) => value <= high.as_slice(),
            Bound::Excluded(high) => value < high.as_slice(),
            Bound::Unbounded => true,
        };
        above && below && self.check.as_ref().is_none_or(|c| c.accepts(value))
    }
}

/// The bound behind every value that starts with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Bound<Vec<u8>> {
    match successor(prefix) {
        Some(next) => Bound::Excluded(next),
        None => Bound::Unbounded,
    }
}

/// The first byte string behind everything that starts with `prefix`; `None` when there is none.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b < 0xff)?;
    let mut next = prefix.get(..=last)?.to_vec();
    if let Some(byte) = next.last_mut() {
        *byte += 1;
    }
    Some(next)
}

/// First eight bytes of the SHA-256 of a text: a fixed width stand-in for systems, units and exact strings.
pub(crate) fn short_hash(text: &str) -> [u8; 8] {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(text.as_bytes());
    let mut out = [0; 8];
    out.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    out
}

/// Longest text that stands in a key as it is, bytes.
pub(crate) const MOST_TEXT: usize = 200;

/// Appends a text that must be kept apart from every other, with its end mark. A long one is cut and completed with a
/// hash; a NUL, which FHIR strings cannot hold, becomes U+FFFD.
pub(crate) fn push_exact(text: &str, out: &mut Vec<u8>) {
    if text.len() <= MOST_TEXT {
        push_clean(text, out);
    } else {
        push_clean(cut(text), out);
        out.push(1);
        for byte in short_hash(text) {
            out.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
    }
    out.push(0);
}

/// Appends a text without end mark, NUL replaced.
pub(crate) fn push_clean(text: &str, out: &mut Vec<u8>) {
    if text.contains('\0') {
        out.extend_from_slice(text.replace('\0', "\u{fffd}").as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// The beginning of a text, at most [`MOST_TEXT`] bytes, whole characters.
pub(crate) fn cut(text: &str) -> &str {
    cut_to(text, MOST_TEXT)
}

/// The beginning of a text, at most so many bytes, whole characters.
pub(crate) fn cut_to(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Whether a word of a folded text begins with a folded text, which may have several words.
pub(crate) fn word_begins(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successors_end_a_prefix() {
        assert_eq!(successor(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(successor(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(successor(&[0xff]), None);
        assert_eq!(successor(&[]), None);
    }

    #[test]
    fn long_texts_stay_apart() {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        push_exact(&("é".repeat(200) + "a"), &mut a);
        push_exact(&("é".repeat(200) + "b"), &mut b);
        assert!(a != b && a.len() < 230 && a.ends_with(&[0]));
    }
}
