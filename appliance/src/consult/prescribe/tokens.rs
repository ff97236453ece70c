//! A line cut into words, each with its place: plain ones, names in quotes, brands in brackets, and what stands behind `--`.

use super::parse::{Code, Problem};

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Typed plainly; in lower case.
    Word(String),
    /// In quotes.
    Quoted(String),
    /// In round brackets.
    Bracketed(String),
}

/// A word and where it stands, in bytes of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub at: usize,
    pub length: usize,
}

impl Token {
    /// The plain word, if it is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            Kind::Quoted(_) | Kind::Bracketed(_) => None,
        }
    }
}

/// The words of a line and its instruction.
pub(super) fn tokens(line: &str) -> Result<(Vec<Token>, Option<String>), Problem> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..) {
        let Some(gap) = rest.find(|c: char| !c.is_whitespace()) else { break };
        at += gap;
        let Some(rest) = line.get(at..) else { break };
        let token = match rest.chars().next() {
            Some('"') => enclosed(rest, at, '"', "a name in quotes").map(|(text, length)| Token {
                kind: Kind::Quoted(text),
                at,
                length,
            })?,
            Some('(') => enclosed(rest, at, ')', "a brand in brackets").map(|(text, length)| Token {
                kind: Kind::Bracketed(text),
                at,
                length,
            })?,
            _ => {
                let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                if word == "--" {
                    let text = rest.get(length..).unwrap_or_default();
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    return Ok((found, (!text.is_empty()).then_some(text)));
                }
                Token { kind: Kind::Word(word.to_lowercase()), at, length }
            }
        };
        at += token.length;
        found.push(token);
    }
    Ok((found, None))
}

fn enclosed(rest: &str, at: usize, end: char, what: &str) -> Result<(String, usize), Problem> {
    let inner = rest.get(1..).unwrap_or_default();
    let Some(close) = inner.find(end) else {
        return Err(Problem::new(Code::Unclosed, at, rest.len(), format!("{what} is not closed")));
    };
    let text = inner.get(..close).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.len() > 100 {
        let message = format!("{what} has 1 to 100 bytes");
        return Err(Problem::new(Code::Unclosed, at, close + 2, message));
    }
    Ok((text, close + 2))
}
