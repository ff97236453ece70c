//! Which words of a growing utterance stand: those that two partial captions in a row agree on, and none is taken back before the end.

use crate::speech::Word;

/// The partial captions of one utterance.
#[derive(Debug, Clone, Default)]
pub struct Agreement {
    last: Vec<Word>,
    firm: Vec<Word>,
}

impl Agreement {
    /// Takes the next partial; gives the words to show and how many of them are firm.
    pub fn next(&mut self, words: Vec<Word>) -> (Vec<Word>, usize) {
        let same = self.last.iter().zip(&words).take_while(|(a, b)| plain(&a.text) == plain(&b.text)).count();
        if same > self.firm.len() {
            let from = self.firm.len();
            self.firm.extend_from_slice(&words[from..same]);
        }
        let firm = self.firm.len();
        let mut shown = self.firm.clone();
        shown.extend(words.iter().skip(firm).cloned());
        self.last = words;
        (shown, firm)
    }
}

/// A word without its punctuation and in small letters.
pub fn plain(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<Word> {
        text.split_whitespace().map(|text| Word { text: text.to_owned(), probability: 0.9 }).collect()
    }

    #[test]
    fn what_two_agree_on_stands() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.next(words("I have")).1, 0);
        assert_eq!(agreement.next(words("I have a cuff")).1, 2);
        let (shown, firm) = agreement.next(words("i have, a cough and"));
        assert_eq!((firm, shown.len()), (3, 5));
        let (shown, firm) = agreement.next(words("You"));
        assert_eq!((firm, shown.len()), (3, 3));
    }

    proptest! {
        #[test]
        fn a_firm_word_never_changes(partials in proptest::collection::vec("[ab]( [ab]){0,6}", 1..12)) {
            let mut agreement = Agreement::default();
            let mut before: Vec<Word> = Vec::new();
            for partial in partials {
                let (shown, firm) = agreement.next(words(&partial));
                prop_assert!(firm >= before.len() && firm <= shown.len());
                prop_assert_eq!(&shown[..before.len()], before.as_slice());
                before = shown[..firm].to_vec();
            }
        }
    }
}
