//! What nobody said is dropped, with its reason; what is doubtful and matters is marked.

use serde::Serialize;

use super::agree::plain;
use super::vocabulary::Vocabulary;
use crate::speech::{Segment, Word, line};

/// Least speech in a segment, ms.
const LEAST_SPEECH: u64 = 250;
/// Below this a short segment is a guess.
const UNSURE: f32 = 0.4;
/// A short one, ms.
const SHORT: u64 = 1000;
/// So often the same in a row is the model's own doing.
const OFTEN: usize = 4;
/// Longest run of words that is looked for.
const RUN: usize = 4;
/// Below this a number, a negation or a medicine is marked.
const DOUBTFUL: f32 = 0.6;

/// Why a text is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is a note about sounds, in brackets.
    NotSpeech,
    /// Hardly anything was spoken in its time.
    LittleSpeech,
    /// It is short and the model was not sure.
    Unsure,
    /// It said the same again and again; once is kept.
    Repeated,
    /// It is how videos end, while mostly nothing was spoken.
    SignOff,
}

/// A text that is not shown. It is kept, hidden, for whoever wants to know.
#[derive(Clone, PartialEq, Serialize)]
pub struct Dropped {
    /// Start, ms.
    pub start: u64,
    /// End, ms.
    pub end: u64,
    /// What the model said.
    pub text: String,
    /// Why it is not shown.
    pub reason: Reason,
}

impl std::fmt::Debug for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dropped({}..{} ms, {:?})", self.start, self.end, self.reason)
    }
}

/// Why a word wants a second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// A number or a unit.
    Number,
    /// A word that turns the meaning round.
    Negation,
    /// A medicine or another term of the vocabulary.
    Term,
}

/// What is left of a segment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sifted {
    /// What stays, if anything does.
    pub kept: Option<Segment>,
    /// What goes.
    pub dropped: Vec<Dropped>,
}

/// Sifts a segment; `speech` is the time in it, in ms, in which the detector heard speech.
pub fn sift(segment: Segment, speech: u64) -> Sifted {
    let mut sifted = Sifted::default();
    let length = segment.end - segment.start;
    let drop = |words: &[Word], reason| Dropped {
        start: segment.start,
        end: segment.end,
        text: line(words),
        reason,
    };
    let (words, notes) = without_notes(segment.words.clone());
    if !notes.is_empty() {
        sifted.dropped.push(drop(&notes, Reason::NotSpeech));
    }
    if words.is_empty() {
        return sifted;
    }
    let left = Segment { words: words.clone(), ..segment };
    let reason = if speech < LEAST_SPEECH.min(length / 2) || speech == 0 {
        Some(Reason::LittleSpeech)
    } else if left.probability() < UNSURE && length < SHORT {
        Some(Reason::Unsure)
    } else if is_sign_off(&words) && speech * 2 < length {
        Some(Reason::SignOff)
    } else {
        None
    };
    if let Some(reason) = reason {
        sifted.dropped.push(drop(&words, reason));
        return sifted;
    }
    let (words, repeated) = without_repeats(words);
    if !repeated.is_empty() {
        sifted.dropped.push(drop(&repeated, Reason::Repeated));
    }
    sifted.kept = Some(Segment { words, ..left });
    sifted
}

/// Takes out what stands in brackets or between notes of music, over several words too.
fn without_notes(words: Vec<Word>) -> (Vec<Word>, Vec<Word>) {
    let (mut kept, mut notes, mut inside) = (Vec::new(), Vec::new(), false);
    for word in words {
        if ["♪", "*"].contains(&word.text.as_str()) {
            inside = !inside;
            notes.push(word);
            continue;
        }
        let opens = word.text.starts_with(['[', '(', '♪', '*']);
        let closes = word.text.trim_end_matches(['.', ',', '!', '?']).ends_with([']', ')', '♪', '*']);
        if opens || inside {
            inside = !closes;
            notes.push(word);
        } else {
            kept.push(word);
        }
    }
    (kept, notes)
}

/// Keeps one of four or more equal runs of up to four words.
fn without_repeats(mut words: Vec<Word>) -> (Vec<Word>, Vec<Word>) {
    let mut removed = Vec::new();
    for run in 1..=RUN {
        let mut at = 0;
        while at + run * OFTEN <= words.len() {
            let same = |n: usize| {
                (0..run).all(|k| plain(&words[at + k].text) == plain(&words[at + n * run + k].text))
            };
            let times = (1..).take_while(|n| at + (n + 1) * run <= words.len() && same(*n)).count() + 1;
            if times >= OFTEN {
                removed.extend(words.drain(at + run..at + times * run));
            }
            at += 1;
        }
    }
    (words, removed)
}

/// How videos end: what models learnt to write under silence.
fn is_sign_off(words: &[Word]) -> bool {
    const PHRASES: [&str; 10] = [
        "thank you",
        "thanks",
        "thank you very much",
        "thank you for watching",
        "thanks for watching",
        "thank you so much for watching",
        "please subscribe",
        "like and subscribe",
        "see you next time",
        "bye",
    ];
    let said = words.iter().map(|word| plain(&word.text)).collect::<Vec<_>>().join(" ");
    PHRASES.contains(&said.as_str())
}

/// Which words want a second look: numbers, doses, negations and terms that the model was not sure of.
pub fn doubts(words: &[Word], vocabulary: &Vocabulary) -> Vec<(usize, Doubt)> {
    let kind = |word: &Word| {
        if word.probability >= DOUBTFUL {
            None
        } else if is_number(&word.text) {
            Some(Doubt::Number)
        } else if is_negation(&word.text) {
            Some(Doubt::Negation)
        } else if vocabulary.has(&word.text) || is_medicine(&word.text) {
            Some(Doubt::Term)
        } else {
            None
        }
    };
    words.iter().enumerate().filter_map(|(at, word)| kind(word).map(|doubt| (at, doubt))).collect()
}

fn is_number(word: &str) -> bool {
    const NUMBERS: [&str; 52] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "half",
        "quarter",
        "once",
        "twice",
        "thrice",
        "mg",
        "milligram",
        "milligrams",
        "mcg",
        "microgram",
        "micrograms",
        "ml",
        "millilitre",
        "milliliters",
        "gram",
        "grams",
        "units",
        "tablet",
        "tablets",
        "drops",
        "daily",
        "percent",
    ];
    word.chars().any(char::is_numeric) || NUMBERS.contains(&plain(word).as_str())
}

fn is_negation(word: &str) -> bool {
    const NEGATIONS: [&str; 8] = ["no", "not", "never", "none", "without", "nor", "denies", "cannot"];
    let word = plain(word);
    NEGATIONS.contains(&word.as_str())
        || (word.len() > 3 && word.ends_with("nt") && NOT.contains(&word.as_str()))
}

const NOT: [&str; 12] = [
    "dont", "doesnt", "didnt", "isnt", "arent", "wasnt", "werent", "cant", "couldnt", "wont", "hasnt",
    "havent",
];

/// Endings of medicines' names (stems of the WHO's list that hardly occur elsewhere).
fn is_medicine(word: &str) -> bool {
    const ENDINGS: [&str; 20] = [
        "formin",
        "dipine",
        "sartan",
        "statin",
        "olol",
        "pril",
        "cillin",
        "mycin",
        "floxacin",
        "prazole",
        "azole",
        "gliptin",
        "gliflozin",
        "semide",
        "thiazide",
        "profen",
        "fenac",
        "cetamol",
        "parin",
        "cycline",
    ];
    let word = plain(word);
    word.len() > 6 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str, probability: f32) -> Vec<Word> {
        text.split_whitespace().map(|text| Word { text: text.to_owned(), probability }).collect()
    }

    fn segment(text: &str, length: u64, probability: f32) -> Segment {
        Segment { start: 1000, end: 1000 + length, words: words(text, probability) }
    }

    fn check(text: &str, length: u64, probability: f32, speech: u64, kept: &str, reasons: &[Reason]) {
        let sifted = sift(segment(text, length, probability), speech);
        assert_eq!(sifted.kept.map_or(String::new(), |kept| kept.text()), kept, "{text}");
        assert_eq!(sifted.dropped.iter().map(|one| one.reason).collect::<Vec<_>>(), reasons, "{text}");
    }

    #[test]
    fn what_nobody_said_goes_with_its_reason() {
        check("I have a cough.", 2000, 0.9, 1500, "I have a cough.", &[]);
        check("[BLANK_AUDIO]", 2000, 0.9, 1500, "", &[Reason::NotSpeech]);
        check("[ Silence ]", 2000, 0.9, 1500, "", &[Reason::NotSpeech]);
        check("(soft music) Yes. ♪ la la ♪", 2000, 0.9, 1500, "Yes.", &[Reason::NotSpeech]);
        check("Thank you.", 2000, 0.9, 100, "", &[Reason::LittleSpeech]);
        check("Thank you.", 2000, 0.9, 800, "", &[Reason::SignOff]);
        check("Thank you.", 1000, 0.9, 800, "Thank you.", &[]);
        check("Um", 600, 0.2, 500, "", &[Reason::Unsure]);
        check("Um", 1600, 0.2, 900, "Um", &[]);
        check("no no no no no no pain", 2000, 0.9, 1500, "no pain", &[Reason::Repeated]);
        check("I am I am I am I am here", 2000, 0.9, 1500, "I am here", &[Reason::Repeated]);
        check("no no no pain", 2000, 0.9, 1500, "no no no pain", &[]);
    }

    #[test]
    fn a_short_word_of_a_short_segment_is_not_too_little() {
        check("No.", 300, 0.9, 200, "No.", &[]);
    }

    #[test]
    fn what_matters_and_is_doubtful_is_marked() {
        let vocabulary = Vocabulary::new(["Glyciphage SR"]);
        let mut said = words("take metformin 500 mg not Glyciphage with water", 0.3);
        let marked: Vec<(usize, Doubt)> = doubts(&said, &vocabulary);
        let expected = [
            (1, Doubt::Term),
            (2, Doubt::Number),
            (3, Doubt::Number),
            (4, Doubt::Negation),
            (5, Doubt::Term),
        ];
        assert_eq!(marked, expected);
        said.iter_mut().for_each(|word| word.probability = 0.95);
        assert!(doubts(&said, &vocabulary).is_empty());
    }

    proptest! {
        /// Each word is shown or in a dropped text: nothing is lost in silence.
        #[test]
        fn no_word_is_lost(
            text in "[ab\\[\\])](a|b|\\)| ){0,40}",
            speech in 0_u64..3000,
            probability in 0.0_f32..1.0,
            length in 1_u64..3000,
        ) {
            let before = segment(&text, length, probability);
            let count = before.words.len();
            let sifted = sift(before, speech);
            let kept = sifted.kept.as_ref().map_or(0, |kept| kept.words.len());
            let dropped: usize =
                sifted.dropped.iter().map(|one| one.text.split_whitespace().count()).sum();
            prop_assert_eq!(kept + dropped, count);
        }
    }
}
