//! A text taken apart into words, with the place of every letter.

use super::script::{self, Syllable};
use super::spelling;
use crate::fhir::search::fold::fold;

/// One word of a name.
#[derive(Debug, Clone)]
pub struct Word {
    /// Place of the first character, UTF-16 units.
    pub start: usize,
    /// Place behind the last.
    pub end: usize,
    /// Lower case, marks removed, not folded: to tell equal from similar.
    pub plain: String,
    /// Folded spellings, the word's own first.
    pub spellings: Vec<String>,
    pieces: Vec<Syllable>,
}

impl Word {
    /// End of the shortest beginning whose folding starts with `folded`; the whole word when there is none.
    pub fn end_of(&self, folded: &str) -> usize {
        let mut latin = String::new();
        let mut at = self.start;
        for piece in &self.pieces {
            latin.push_str(&piece.latin);
            at += piece.width;
            if !piece.joined && spelling::folded(&latin).starts_with(folded) {
                return at;
            }
        }
        self.end
    }
}

impl Word {
    /// Whether each piece is one character, as in Latin names; syllables of other scripts are not.
    pub fn pieces_are_letters(&self) -> bool {
        self.pieces.iter().all(|p| p.latin.chars().count() <= 1)
    }

    /// End of the beginning that is written as `plain`, which the word's plain form starts with.
    pub fn end_of_literal(&self, plain: &str) -> usize {
        let wanted = plain.chars().count();
        let (mut seen, mut at) = (0, self.start);
        for piece in &self.pieces {
            if seen >= wanted {
                return at;
            }
            seen += fold(&piece.latin).chars().count();
            at += piece.width;
        }
        self.end
    }
}

/// Most words of one text that are looked at.
const MOST_WORDS: usize = 8;
/// Longest word that is looked at, characters.
const LONGEST: usize = 40;

/// Words of a text: runs of letters, digits and marks; everything else separates.
pub fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut current: Option<(usize, String)> = None;
    let mut at = 0;
    for c in text.chars().chain(std::iter::once(' ')) {
        let inside = c.is_alphanumeric()
            || script::is_indic(c)
            || super::super::fold::is_mark(c)
            || matches!(c, '\'' | '’');
        match (&mut current, inside) {
            (Some((_, word)), true) => word.push(c),
            (None, true) => current = Some((at, c.to_string())),
            (Some(_), false) => out.extend(current.take().and_then(|(start, word)| make(start, &word))),
            (None, false) => {}
        }
        at += c.len_utf16();
        if out.len() == MOST_WORDS {
            break;
        }
    }
    out
}

fn make(start: usize, word: &str) -> Option<Word> {
    let width = word.chars().map(char::len_utf16).sum::<usize>();
    let kept: String = word.chars().take(LONGEST).collect();
    let indic = kept.chars().any(script::is_indic);
    let pieces = if indic { script::syllables(&kept) } else { single_letters(&kept) };
    let latin: String = pieces.iter().map(|p| p.latin.as_str()).collect();
    let mut spellings = spelling::spellings(&latin);
    if indic {
        let other = script::other_tamil_beginning(&kept, &latin);
        spellings.extend(other.iter().flat_map(|other| spelling::spellings(other)));
    }
    if spellings.is_empty() {
        return None;
    }
    let plain = if indic { kept } else { fold(&kept) };
    Some(Word { start, end: start + width, plain, spellings, pieces })
}

fn single_letters(word: &str) -> Vec<Syllable> {
    word.chars().map(|c| Syllable { width: c.len_utf16(), latin: c.to_string(), joined: false }).collect()
}
