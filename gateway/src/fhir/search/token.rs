//! Token parameters: codes with their systems.
//!
//! Values, by their first byte: 1 code in any system, what is written about it (see `about`); 2 hash of the system, code
//! (empty where a system stands alone); 3 code without a system; 4 a concept that is written about, but has no code;
//! 5 an element without code and text. Codes end with 0x00.
//! A concept whose last texts no code carries has a 4 beside its codes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::fold::fold;
use super::index::{self, Check, TermRange};
use super::params::Datatype;
use crate::json::Value;

const ANY_SYSTEM: u8 = 1;
const IN_SYSTEM: u8 = 2;
const NO_SYSTEM: u8 = 3;
const TEXT_ALONE: u8 = 4;
const NOTHING: u8 = 5;

/// Codings of an Identifier's type that are kept.
const MOST_TYPES: usize = 8;
/// So many codes are looked up one by one; among more, all values of their systems are looked through.
const FEW_CODES: usize = 64;

/// Values of an element of a data type; `implied` is the system of a bound code.
pub fn values(element: &Value, datatype: Datatype, implied: Option<&str>, out: &mut Vec<Vec<u8>>) {
    let before = out.len();
    match (element, datatype) {
        (Value::Object(_), Datatype::CodeableConcept) => concept(element, out),
        (Value::Object(_), Datatype::Coding) => {
            let text = element.str("display").map(fold).unwrap_or_default();
            pair(element.str("system"), element.str("code"), &about(&text, &[]), out);
            if !has_code(element) {
                text_alone(&text, out);
            }
        }
        (Value::Object(_), Datatype::Identifier) => identifier(element, out),
        (Value::Object(_), Datatype::ContactPoint) => pair(None, element.str("value"), &about("", &[]), out),
        // A date of death says as much as `true`.
        (Value::String(_), Datatype::Deceased) => flag(true, out),
        (Value::Bool(value), _) => flag(*value, out),
        (Value::String(code), _) => pair(implied, Some(code), &about("", &[]), out),
        (Value::Number(number), _) => pair(None, Some(number.as_str()), &about("", &[]), out),
        _ => return,
    }
    if out.len() == before {
        out.push(vec![NOTHING]);
    }
}

fn flag(value: bool, out: &mut Vec<Vec<u8>>) {
    pair(None, Some(if value { "true" } else { "false" }), &about("", &[]), out);
}

/// The texts of a concept wait for the next code to carry them, those beside it first; at most twice [`index::MOST_TEXT`]
/// bytes wait.
fn concept(element: &Value, out: &mut Vec<Vec<u8>>) {
    let mut text = element.str("text").map(fold).unwrap_or_default();
    for coding in element.items("coding") {
        let display = coding.str("display").map(fold).unwrap_or_default();
        let said = match (display.is_empty(), text.is_empty() || text == display) {
            (_, true) => display,
            (true, false) => std::mem::take(&mut text),
            (false, false) => format!("{}\n{}", index::cut(&display), std::mem::take(&mut text)),
        };
        pair(coding.str("system"), coding.str("code"), &about(&said, &[]), out);
        text = if has_code(coding) { String::new() } else { said };
        text.truncate(index::cut_to(&text, 2 * index::MOST_TEXT).len());
    }
    text_alone(&text, out);
}

fn has_code(coding: &Value) -> bool {
    coding.str("code").is_some_and(|code| !code.is_empty())
}

/// Keeps a text that no code carries.
fn text_alone(text: &str, out: &mut Vec<Vec<u8>>) {
    if !text.is_empty() {
        let mut value = vec![TEXT_ALONE];
        index::push_clean(index::cut_to(text, 2 * index::MOST_TEXT), &mut value);
        value.push(0);
        out.push(value);
    }
}

fn identifier(element: &Value, out: &mut Vec<Vec<u8>>) {
    let Some(kind) = element.get("type") else {
        return pair(element.str("system"), element.str("value"), &about("", &[]), out);
    };
    let codings = kind.items("coding");
    let displays = codings.iter().filter_map(|c| c.str("display"));
    let mut texts: Vec<String> = Vec::new();
    for text in kind.str("text").into_iter().chain(displays).take(MOST_TYPES).map(fold) {
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    let types: Vec<[u8; 8]> = codings
        .iter()
        .filter_map(|c| Some(type_hash(c.str("system"), c.str("code")?)))
        .take(MOST_TYPES)
        .collect();
    pair(element.str("system"), element.str("value"), &about(&texts.join("\n"), &types), out);
}

/// The hash of a coding of an Identifier's type.
fn type_hash(system: Option<&str>, code: &str) -> [u8; 8] {
    index::short_hash(&format!("{}|{code}", system.unwrap_or_default()))
}

/// What is written about a code: folded texts (lines), 0x00, number of type codings, their hashes.
fn about(text: &str, types: &[[u8; 8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2 + 8 * types.len());
    if text.len() <= 2 * index::MOST_TEXT {
        index::push_clean(text, &mut out);
    } else {
        index::push_clean(index::cut(text), &mut out);
    }
    out.push(0);
    out.push(u8::try_from(types.len()).unwrap_or_default());
    types.iter().for_each(|hash| out.extend_from_slice(hash));
    out
}

fn pair(system: Option<&str>, code: Option<&str>, about: &[u8], out: &mut Vec<Vec<u8>>) {
    let code = code.filter(|c| !c.is_empty());
    if let Some(code) = code {
        let mut value = with_code(&[ANY_SYSTEM], code);
        value.extend_from_slice(about);
        out.push(value);
    }
    match (system.filter(|s| !s.is_empty()), code) {
        (Some(system), code) => out.push(with_code(&tagged(system), code.unwrap_or_default())),
        (None, Some(code)) => out.push(with_code(&[NO_SYSTEM], code)),
        (None, None) => {}
    }
}

fn tagged(system: &str) -> Vec<u8> {
    let mut out = vec![IN_SYSTEM];
    out.extend_from_slice(&index::short_hash(system));
    out
}

fn with_code(head: &[u8], code: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + code.len() + 1);
    out.extend_from_slice(head);
    index::push_exact(code, &mut out);
    out
}

/// The range of `code` (system not named), `system|code`, `|code` (system empty) or `system|` (code empty).
pub fn range(param: u16, system: Option<&str>, code: &str) -> Option<TermRange> {
    let value = match (system, code) {
        (None | Some(""), "") => return None,
        (None, code) => with_code(&[ANY_SYSTEM], code),
        (Some(""), code) => with_code(&[NO_SYSTEM], code),
        (Some(system), "") => tagged(system),
        (Some(system), code) => with_code(&tagged(system), code),
    };
    Some(TermRange::prefix(param, value))
}

/// The range of `system|code` whatever the case of the code's letters, for systems that do not tell them apart.
pub fn any_case(param: u16, system: &str, code: &str) -> TermRange {
    TermRange::prefix(param, tagged(system)).checked(Check::CodeAnyCase(code.to_lowercase()))
}

/// Many codes with their systems, ready to be looked for under any parameter.
#[derive(Debug)]
pub(super) struct Codes {
    values: Arc<BTreeSet<Vec<u8>>>,
    systems: BTreeSet<Vec<u8>>,
}

impl Codes {
    /// Codes, each with its system (empty where none is known).
    pub(super) fn of<'a>(codes: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut values: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut systems: BTreeSet<Vec<u8>> = BTreeSet::new();
        for (system, code) in codes {
            let head = if system.is_empty() { vec![ANY_SYSTEM] } else { tagged(system) };
            values.insert(with_code(&head, code));
            systems.insert(head);
        }
        Self { values: Arc::new(values), systems }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Their ranges under a parameter.
    pub(super) fn ranges(&self, param: u16) -> Vec<TermRange> {
        if self.values.len() <= FEW_CODES {
            return self.values.iter().map(|value| TermRange::prefix(param, value.clone())).collect();
        }
        let among = |head: &Vec<u8>| {
            TermRange::prefix(param, head.clone()).checked(Check::OneOf(Arc::clone(&self.values)))
        };
        self.systems.iter().map(among).collect()
    }
}

/// Ranges of `:text`: what is written about a code has a word that begins so.
pub fn texts(param: u16, text: &str) -> Option<Vec<TermRange>> {
    let folded = fold(text);
    let range = |tag| TermRange::prefix(param, vec![tag]).checked(Check::TokenText(folded.clone()));
    (!folded.is_empty()).then(|| vec![range(ANY_SYSTEM), range(TEXT_ALONE)])
}

/// The range of `:of-type`: an identifier's value whose type has the coding.
pub fn of_type(param: u16, system: &str, code: &str, value: &str) -> TermRange {
    let kind = type_hash((!system.is_empty()).then_some(system), code);
    TermRange::prefix(param, with_code(&[ANY_SYSTEM], value)).checked(Check::OfType(kind))
}

/// The values to sort by: codes.
pub fn sorted(param: u16) -> TermRange {
    TermRange::prefix(param, vec![ANY_SYSTEM])
}

/// The texts written about the code of a value.
fn stored_texts(value: &[u8]) -> Option<Cow<'_, str>> {
    let (tag, rest) = value.split_first()?;
    let text = match *tag {
        ANY_SYSTEM => rest.split(|b| *b == 0).nth(1)?,
        TEXT_ALONE => rest.split(|b| *b == 0).next()?,
        _ => return None,
    };
    Some(String::from_utf8_lossy(text))
}

/// Whether a word of the texts of a value begins with this.
pub(super) fn has_text(value: &[u8], wanted: &str) -> bool {
    stored_texts(value).is_some_and(|texts| texts.split('\n').any(|text| index::word_begins(text, wanted)))
}

/// Whether the type of a stored identifier has this coding.
pub(super) fn has_type(value: &[u8], wanted: &[u8; 8]) -> bool {
    let about = value.iter().position(|b| *b == 0).and_then(|code| value.get(code + 1..));
    let types = about.and_then(|about| about.get(about.iter().position(|b| *b == 0)? + 2..));
    types.is_some_and(|types| types.chunks_exact(8).any(|hash| hash == wanted))
}

/// Whether the code of a value in a system is this one, lower case.
pub(super) fn is_code_any_case(value: &[u8], wanted: &str) -> bool {
    let code = value.get(9..).and_then(|rest| rest.split_last()).map(|(_, code)| code);
    code.is_some_and(|code| String::from_utf8_lossy(code).to_lowercase() == wanted)
}

/// The part of a value that names system and code, without what is written about it.
pub(super) fn code_part(value: &[u8]) -> &[u8] {
    let head = if value.first() == Some(&IN_SYSTEM) { 9 } else { 1 };
    let end = value.iter().skip(head).position(|b| *b == 0).map_or(value.len(), |at| head + at + 1);
    value.get(..end).unwrap_or(value)
}

/// The code of a value in any system, with its end mark.
pub(super) fn any_code(value: &[u8]) -> Option<&[u8]> {
    (value.first() == Some(&ANY_SYSTEM)).then(|| code_part(value).get(1..)).flatten()
}
