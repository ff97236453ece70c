//! Words of the narrative (`_text`) and of all text of a record (`_content`).
//!
//! One term for each distinct folded word, under two numbers of their own, so that they hold from the commit of their
//! record, at every transaction, and are found through the same check of rights as every other term. How far a record is
//! taken apart is a setting, because each word is an index entry of every write.

use std::collections::BTreeSet;

use super::fold::fold;
use super::index::{cut_to, short_hash};
use super::params::{CONTENT_WORDS, NARRATIVE_WORDS};
use super::query::{Criterion, Node};
use super::{Context, Term, TermRange};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::resource::Resource;
use crate::json::Value;

/// Most distinct words of one record under one number.
pub const MOST_WORDS: usize = 1_000;
/// Most terms of a record, those of parameters included, up to which its words add any.
const MOST_IN_ALL: usize = 3_500;
/// Longest word that stands in a term as it is, bytes; a longer one is cut and completed with a hash.
const LONGEST: usize = 40;
/// Most words of one question.
const MOST_ASKED: usize = 20;
/// Longest question, bytes.
const MOST_BYTES: usize = 4 * 1024;

/// Which words are indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Words {
    /// None.
    Off,
    /// Those of narratives.
    #[default]
    Narrative,
    /// Those of narratives and of all other text.
    All,
}

impl Words {
    /// The setting's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Narrative => "narrative",
            Self::All => "all",
        }
    }
}

/// Adds the terms of a record's words. What is too much is left out, and marked, so that searches say so.
pub(super) fn terms(resource: &Resource, context: &Context, out: &mut Vec<Term>) {
    if context.words == Words::Off {
        return;
    }
    let mut narrative = Found::default();
    if let Some(div) = resource.json().get("text").and_then(|text| text.str("div")) {
        narrative.take(&without_tags(div));
    }
    let mut content = (context.words == Words::All).then(|| narrative.clone());
    narrative.put(NARRATIVE_WORDS, out);
    if let Some(content) = &mut content {
        content.written(resource.json());
        content.put(CONTENT_WORDS, out);
    }
}

/// Whether a name asks for words.
pub(super) fn is_asked(name: &str) -> bool {
    matches!(name, "_text" | "_content")
}

/// The condition of `_text` or `_content`: one of the alternatives between commas, all words of it.
///
/// # Errors
/// An issue when the words are not indexed, or when what is asked is more than words.
pub(super) fn node(name: &str, value: &str, context: &Context) -> Result<Node, Issue> {
    let (number, indexed) = match name {
        "_text" => (NARRATIVE_WORDS, context.words != Words::Off),
        _ => (CONTENT_WORDS, context.words == Words::All),
    };
    if !indexed {
        let text = format!("{name} cannot be used: its words are not indexed here (fhir.words).");
        return Err(Issue::error(IssueCode::NotSupported, text));
    }
    let wrong =
        |why: &str| Issue::error(IssueCode::Value, format!("The value of {name} cannot be used: {why}."));
    if value.len() > MOST_BYTES {
        return Err(wrong(&format!("it is longer than {MOST_BYTES} bytes")));
    }
    let operator = |word: &str| matches!(word, "AND" | "OR" | "NOT" | "NEAR");
    if value.contains(['"', '(', ')', '\\', '|']) || value.split_whitespace().any(operator) {
        return Err(wrong(
            "it is a list of words, all of which are looked for, word* for beginnings, and a comma between \
             alternatives; phrases and operators are not served",
        ));
    }
    let mut alternatives = Vec::new();
    let mut asked = 0;
    for alternative in value.split(',') {
        let ranges = ranges(number, alternative).map_err(wrong)?;
        asked += ranges.len();
        if ranges.is_empty() {
            return Err(wrong("there is no word to look for"));
        }
        if asked > MOST_ASKED {
            return Err(wrong("it has more than 20 words"));
        }
        alternatives.push(Node::all(ranges.into_iter().map(|range| Criterion {
            param: number,
            name: name.to_owned(),
            alternatives: vec![range],
            negate: false,
        })));
    }
    Ok(Node::Any(alternatives))
}

/// One range for each word asked for.
fn ranges(number: u16, text: &str) -> Result<Vec<TermRange>, &'static str> {
    let mut out = Vec::new();
    for part in text.split_whitespace() {
        let (part, beginning) = match part.strip_suffix('*') {
            Some(part) => (part, true),
            None => (part, false),
        };
        if part.contains('*') {
            return Err("a star stands only at the end of a word");
        }
        let folded = fold(part);
        let mut words: Vec<&str> = split(&folded).collect();
        if beginning {
            match words.pop() {
                Some(last) if last.len() > LONGEST => {
                    return Err("a beginning of a word has at most 40 bytes");
                }
                Some(last) if folded.ends_with(last) => {
                    out.push(TermRange::prefix(number, last.as_bytes().to_vec()));
                }
                _ => return Err("a star stands behind the beginning of a word"),
            }
        }
        out.extend(words.into_iter().map(|word| TermRange::prefix(number, encode(word))));
    }
    Ok(out)
}

/// The words of a text, and whether they are all.
#[derive(Debug, Clone, Default)]
struct Found {
    words: BTreeSet<String>,
    cut: bool,
}

impl Found {
    /// Adds the folded words of a text.
    fn take(&mut self, text: &str) {
        let folded = fold(text);
        for word in split(&folded) {
            if self.words.contains(word) {
                continue;
            }
            if self.words.len() >= MOST_WORDS {
                self.cut = true;
                return;
            }
            self.words.insert(word.to_owned());
        }
    }

    /// Adds the words of all strings. A checked tree is not deep, so this may call itself.
    fn written(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.take(text),
            Value::Array(items) => items.iter().for_each(|item| self.written(item)),
            Value::Object(object) => {
                for (_, value) in object.iter().filter(|(key, _)| !NOT_WORDS.contains(key)) {
                    self.written(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn put(&self, number: u16, out: &mut Vec<Term>) {
        let room = MOST_IN_ALL.saturating_sub(out.len());
        if self.cut || self.words.len() > room {
            out.push(super::own::undecided_by(number));
        }
        out.extend(self.words.iter().take(room).map(|word| Term { param: number, value: encode(word) }));
    }
}

fn encode(word: &str) -> Vec<u8> {
    let mut out = cut_to(word, LONGEST).as_bytes().to_vec();
    if word.len() > LONGEST {
        out.push(1);
        for byte in short_hash(word) {
            out.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
    }
    out.push(0);
    out
}

/// The words of a folded text: what stands between white space and punctuation. Vowel signs of Indic scripts are no
/// letters to Unicode, but belong to the word, so gaps are named instead of letters.
pub fn split(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(is_gap).filter(|word| !word.is_empty())
}

/// White space, punctuation of ASCII and Latin 1, general and CJK punctuation, danda.
fn is_gap(c: char) -> bool {
    (c.is_ascii() && !c.is_ascii_alphanumeric())
        || c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{a0}'..='\u{bf}' | '\u{d7}' | '\u{f7}' | '\u{2010}'..='\u{206f}' | '\u{3000}'..='\u{303f}'
            | '\u{964}' | '\u{965}')
}

/// The text of a narrative: tags are gaps, the entities that XHTML has of its own are what they stand for.
fn without_tags(div: &str) -> String {
    let mut out = String::with_capacity(div.len());
    let mut rest = div;
    while let Some((text, behind)) = rest.split_once('<') {
        out.push_str(text);
        out.push(' ');
        rest = behind.split_once('>').map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Members whose strings are addresses, names of things or data, not words.
const NOT_WORDS: [&str; 12] = [
    "resourceType",
    "id",
    "meta",
    "div",
    "reference",
    "system",
    "url",
    "data",
    "implicitRules",
    "contentType",
    "fullUrl",
    "linkId",
];

#[cfg(test)]
mod tests;
