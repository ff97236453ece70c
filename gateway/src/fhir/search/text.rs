//! String parameters: folded text for the prefix search, a hash of the exact text behind it.
//!
//! Value: folded text (at most 200 bytes), 0x00, first 8 bytes of the SHA-256 of the exact text.

use super::fold::fold;
use super::index::{self, Check, TermRange};
use super::people;
use crate::json::Value;

/// Values of an element: a string, or the parts of a HumanName or Address.
pub fn values(element: &Value, out: &mut Vec<Vec<u8>>) {
    match element {
        Value::String(text) => out.extend(encode(text)),
        Value::Object(object) => {
            const PARTS: [&str; 11] = [
                "text",
                "family",
                "given",
                "prefix",
                "suffix",
                "line",
                "city",
                "district",
                "state",
                "postalCode",
                "country",
            ];
            for part in PARTS {
                match object.get(part) {
                    Some(Value::String(text)) => out.extend(encode(text)),
                    Some(Value::Array(items)) => {
                        out.extend(items.iter().filter_map(Value::as_str).filter_map(encode))
                    }
                    _ => {}
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

/// The value of one text; `None` when nothing of it can be searched.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let folded = fold(text);
    let mut out = Vec::with_capacity(folded.len() + 9);
    index::push_clean(index::cut(&folded), &mut out);
    out.push(0);
    out.extend_from_slice(&index::short_hash(text));
    (!folded.is_empty()).then_some(out)
}

/// Texts that start with this, without regard to case and marks.
pub fn starting(param: u16, text: &str) -> Option<TermRange> {
    let folded = fold(text);
    let mut prefix = Vec::new();
    index::push_clean(index::cut(&folded), &mut prefix);
    (!folded.is_empty()).then(|| TermRange::prefix(param, prefix))
}

/// Texts that have this in them, without regard to case and marks.
pub fn containing(param: u16, text: &str) -> Option<TermRange> {
    let folded = fold(text);
    (!folded.is_empty()).then(|| TermRange::all(param).checked(Check::Contains(folded)))
}

/// Texts that end with this, without regard to case and marks, as far as their ends are kept.
pub fn ending(param: u16, text: &str) -> Option<TermRange> {
    let folded = fold(text);
    (!folded.is_empty()).then(|| TermRange::all(param).checked(Check::EndsWith(folded)))
}

/// Values of texts that are, or may be, longer than what is kept of them.
pub fn long(param: u16) -> TermRange {
    TermRange::all(param).checked(Check::Cut)
}

/// A text as it is compared; none when nothing of it can be searched.
pub fn folded(text: &str) -> Option<String> {
    Some(fold(text)).filter(|folded| !folded.is_empty())
}

/// Whether one of the texts in a resource of which these values were made fulfils something, folded and whole. Which text that
/// is, the hash of a value tells, wherever it stands.
pub(super) fn any_whole(values: &[&[u8]], json: &Value, fulfils: &impl Fn(&str) -> bool) -> bool {
    match json {
        Value::String(text) => {
            // Folding makes a text at most three times as long.
            text.len().saturating_mul(3) + 4 > index::MOST_TEXT
                && encode(text).is_some_and(|value| values.contains(&value.as_slice()))
                && fulfils(&fold(text))
        }
        Value::Array(items) => items.iter().any(|item| any_whole(values, item, fulfils)),
        Value::Object(object) => object.iter().any(|(_, member)| any_whole(values, member, fulfils)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Exactly this text.
pub fn exact(param: u16, text: &str) -> Option<TermRange> {
    encode(text).map(|value| TermRange::prefix(param, value))
}

/// Texts of which a word begins so (`:text`).
pub fn with_word(param: u16, text: &str) -> Option<TermRange> {
    let folded = fold(text);
    (!folded.is_empty()).then(|| TermRange::all(param).checked(Check::Word(folded)))
}

/// Texts that sound like this (`phonetic`): one of their words has the sound key of the one asked for.
pub fn sounding(param: u16, text: &str) -> Option<TermRange> {
    let key = sound_of(text);
    (!key.is_empty()).then(|| TermRange::all(param).checked(Check::Sound(key)))
}

fn sound_of(word: &str) -> String {
    people::sound(&people::folded(word))
}

/// Whether a word of a stored text has this sound key.
pub(super) fn sounds_like(value: &[u8], key: &str) -> bool {
    stored_text(value).is_some_and(|text| text.split(' ').any(|word| sound_of(word) == key))
}

/// Whether the text of a value was, or may have been, cut.
pub(super) fn is_cut(value: &[u8]) -> bool {
    stored_text(value).is_some() && whole_text(value).is_none()
}

/// The folded text of a value that was certainly not cut.
pub(super) fn whole_text(value: &[u8]) -> Option<&str> {
    // A cut takes up to three bytes of a character with it.
    stored_text(value).filter(|text| text.len() + 4 <= index::MOST_TEXT)
}

/// The folded text of a value.
pub(super) fn stored_text(value: &[u8]) -> Option<&str> {
    let (text, tail) = value.split_at_checked(value.len().checked_sub(9)?)?;
    (tail.first() == Some(&0)).then(|| std::str::from_utf8(text).ok()).flatten()
}
