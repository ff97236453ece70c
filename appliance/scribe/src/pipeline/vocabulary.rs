//! Words that may well come: the patient's medicines and the clinic's formulary, as a short line that the model reads first.

use super::agree::plain;

/// Most words of the line: with more the models say less well what was said.
const MOST: usize = 60;
/// Longest line, bytes.
const LONGEST: usize = 1000;

/// The terms of one consultation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Vocabulary(Vec<String>);

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vocabulary({} terms)", self.0.len())
    }
}

impl Vocabulary {
    /// Terms in order of importance; twice the same, empty ones, and what is beyond 60 words are left out.
    pub fn new<S: AsRef<str>>(terms: impl IntoIterator<Item = S>) -> Self {
        let mut kept: Vec<String> = Vec::new();
        let (mut words, mut bytes) = (0, 0);
        for term in terms {
            let allowed = |letter: char| letter.is_alphanumeric() || " -/.+'".contains(letter);
            let term: String =
                term.as_ref().chars().map(|letter| if allowed(letter) { letter } else { ' ' }).collect();
            let term = term.split_whitespace().collect::<Vec<_>>().join(" ");
            let count = term.split(' ').count();
            if plain(&term).is_empty() || kept.iter().any(|other| plain(other) == plain(&term)) {
                continue;
            }
            if words + count > MOST || bytes + term.len() + 2 > LONGEST {
                break;
            }
            words += count;
            bytes += term.len() + 2;
            kept.push(term);
        }
        Self(kept)
    }

    /// The line; empty without terms.
    pub fn prompt(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!("{}.", self.0.join(", ")) }
    }

    /// Whether a word is part of a term.
    pub fn has(&self, word: &str) -> bool {
        let word = plain(word);
        word.len() > 2 && self.0.iter().any(|term| term.split(' ').any(|part| plain(part) == word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_short_clean_and_says_nothing_twice() {
        let terms = ["Metformin 500 mg", "metformin 500 MG", "\u{0}\n", "Amlo\ndipine", "<|en|>"];
        let vocabulary = Vocabulary::new(terms);
        assert_eq!(vocabulary.prompt(), "Metformin 500 mg, Amlo dipine, en.");
        assert!(vocabulary.has("metformin,") && !vocabulary.has("mg") && !vocabulary.has("cough"));
        let many = Vocabulary::new((0..500).map(|n| format!("medicine{n} forte")));
        assert_eq!(many.prompt().split(' ').count(), 60);
        assert_eq!(Vocabulary::default().prompt(), "");
    }
}
