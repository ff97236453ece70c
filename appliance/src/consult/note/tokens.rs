//! A passage cut into words and sentences, each with its place in the text, so that what is found can show the exact words.

/// Longest passage that is looked at, in bytes, and most words of it.
const LONGEST: usize = 4_000;
const MOST: usize = 600;

/// A word: without the signs around it, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub word: String,
    /// Bytes of the text that it covers, signs around it included.
    pub start: usize,
    pub end: usize,
    /// Whether a comma, semicolon or the like follows.
    pub pause: bool,
}

/// A sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    pub tokens: Vec<Token>,
    pub question: bool,
}

impl Sentence {
    /// The word at a place.
    pub fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word.as_str())
    }

    /// Whether these words stand at a place.
    pub fn says(&self, at: usize, phrase: &[&str]) -> bool {
        phrase.iter().enumerate().all(|(ahead, word)| self.word(at + ahead) == *word)
    }

    /// Whether these words stand anywhere.
    pub fn has(&self, phrase: &[&str]) -> bool {
        (0..self.tokens.len()).any(|at| self.says(at, phrase))
    }

    /// The exact words from one place up to before another, without signs at their ends.
    pub fn exact<'t>(&self, text: &'t str, from: usize, to: usize) -> &'t str {
        let start = self.tokens.get(from).map_or(0, |token| token.start);
        let end = to.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.end);
        let words = text.get(start..end).unwrap_or_default();
        words.trim_matches(|c: char| c.is_whitespace() || ",;:.!?।\"'()".contains(c))
    }
}

/// The sentences of a passage.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let text = text.get(..end).unwrap_or_default();
    let mut all = Vec::new();
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut count = 0;
    for piece in text.split_whitespace() {
        let Some(gap) = text.get(at..).and_then(|rest| rest.find(piece)) else { break };
        let start = at + gap;
        at = start + piece.len();
        count += 1;
        if count > MOST {
            break;
        }
        let last = piece.chars().next_back().unwrap_or(' ');
        let signs = |c: char| !(c.is_alphanumeric() || is_mark(c) || c == '%');
        let word = piece.trim_matches(signs).to_lowercase();
        if !word.is_empty() {
            tokens.push(Token { word, start, end: at, pause: ",;:".contains(last) });
        }
        if ".?!।".contains(last) && !tokens.is_empty() {
            all.push(Sentence { tokens: std::mem::take(&mut tokens), question: last == '?' });
        }
    }
    if !tokens.is_empty() {
        all.push(Sentence { tokens, question: false });
    }
    all
}

/// Vowel signs and the like, which are no letters of their own.
fn is_mark(c: char) -> bool {
    ('\u{0900}'..='\u{0DFF}').contains(&c) && c != '।' && c != '॥'
}
