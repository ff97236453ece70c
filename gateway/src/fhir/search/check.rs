//! Conditions on a stored value, where a range alone says too much. All are decided from the value itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::index::{TermRange, word_begins};
use super::{composite, date, near, people, quantity, reference, text, token};
use crate::fhir::id::ResourceType;

/// A condition on an encoded value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The end of a stored date span is at most this.
    EndsBy(i64),
    /// The end of a stored date span is beyond this.
    EndsAfter(i64),
    /// The folded text of a stored string has this in it.
    Contains(String),
    /// The folded text of a stored string, kept whole, ends with this.
    EndsWith(String),
    /// The folded text of a stored string is not, or perhaps not, kept whole.
    Cut,
    /// A word of the folded text of a stored string begins with this.
    Word(String),
    /// A word of a stored string has this sound key.
    Sound(String),
    /// The second word of a pair of the people search begins with this, or sounds like it.
    SecondOfPair(String),
    /// What is written about a code has a word that begins with this.
    TokenText(String),
    /// The type of an identifier has the coding with this hash.
    OfType([u8; 8]),
    /// The code, lower case, is this one.
    CodeAnyCase(String),
    /// System and code are one of these.
    OneOf(Arc<BTreeSet<Vec<u8>>>),
    /// A reference to a record of this type, or by an identifier.
    RefersTo(ResourceType),
    /// A range of numbers lies to the one asked for as its prefix says.
    Span(Box<quantity::Within>),
    /// Each part of a composite lies in one of its ranges.
    Composite(Vec<Vec<TermRange>>),
    /// A rule holds for the parts of a composite.
    Row(Box<composite::Rule>),
    /// A place is near another.
    Near(near::Circle),
}

impl Check {
    /// Whether a term's value (without anything a store appended) fulfils the condition.
    pub fn accepts(&self, value: &[u8]) -> bool {
        match self {
            Self::EndsBy(limit) => date::stored_end(value).is_some_and(|end| end <= *limit),
            Self::EndsAfter(limit) => date::stored_end(value).is_some_and(|end| end > *limit),
            Self::Contains(part) => text::stored_text(value).is_some_and(|text| text.contains(part.as_str())),
            Self::EndsWith(part) => text::whole_text(value).is_some_and(|text| text.ends_with(part.as_str())),
            Self::Cut => text::is_cut(value),
            Self::Word(word) => text::stored_text(value).is_some_and(|text| word_begins(text, word)),
            Self::Sound(key) => text::sounds_like(value, key),
            Self::SecondOfPair(wanted) => people::Pair::second_is_like(value, wanted),
            Self::TokenText(wanted) => token::has_text(value, wanted),
            Self::OfType(hash) => token::has_type(value, hash),
            Self::CodeAnyCase(code) => token::is_code_any_case(value, code),
            Self::OneOf(values) => values.contains(token::code_part(value)),
            Self::RefersTo(kind) => reference::refers_to(value, *kind),
            Self::Span(within) => within.accepts(value),
            Self::Composite(parts) => composite::accepts(value, parts),
            Self::Row(rule) => rule.accepts(value),
            Self::Near(circle) => circle.holds(value),
        }
    }
}
