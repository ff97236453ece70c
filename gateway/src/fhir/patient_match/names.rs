//! How alike two names are, whatever the script, the spelling and the order of their words.
//!
//! The words of both are put together one to one as well as possible (at most eight of each, so all ways are tried), and
//! the worse-matched name decides. What folding makes equal (Shrivastava and Srivastava, Mohd and Mohammed) is the
//! people search's table, so that whoever is found there is also recognised here.

use crate::fhir::search::people::{folded, sound, words};

/// Alike enough to be the same name in another spelling.
pub const SAME: u32 = 88;
/// Alike enough for a person whom a number already names.
pub const ALIKE: u32 = 75;
/// Less than this is another name.
pub const PART: u32 = 40;

/// A name as words.
#[derive(Debug, Clone)]
pub struct Name {
    words: Vec<Part>,
    /// All letters in one, folded: Ganpat Rao is also written Ganpatrao.
    joined: String,
}

#[derive(Debug, Clone)]
struct Part {
    plain: String,
    spellings: Vec<String>,
}

/// What is said to a person, not what they are called.
const TITLES: [&str; 16] = [
    "mr", "mrs", "ms", "miss", "master", "mst", "dr", "shri", "shree", "sri", "shrimati", "smt", "kumari",
    "kum", "late", "baby",
];

impl Name {
    /// Takes a name apart. None when no word is in it.
    pub fn of(text: &str) -> Option<Self> {
        let read =
            |word: crate::fhir::search::people::Word| Part { plain: word.plain, spellings: word.spellings };
        let mut parts: Vec<Part> = words(text).into_iter().map(read).collect();
        let bare = |part: &Part| !TITLES.contains(&part.plain.as_str());
        if parts.iter().any(bare) {
            parts.retain(bare);
        }
        let joined: String =
            parts.iter().filter_map(|part| part.spellings.first()).map(String::as_str).collect();
        (!parts.is_empty()).then(|| Self { words: parts, joined: folded(&joined) })
    }

    /// Its words as written, in lower case.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|part| part.plain.as_str())
    }

    /// Every two words together.
    pub fn pairs(&self) -> Vec<String> {
        let words: Vec<&str> = self.words().collect();
        let mut out = Vec::new();
        for (at, first) in words.iter().enumerate() {
            out.extend(words.iter().skip(at + 1).map(|second| format!("{first} {second}")));
        }
        out
    }

    /// The word of a name that has only one.
    pub fn only_word(&self) -> Option<&str> {
        match self.words.as_slice() {
            [only] => Some(&only.plain),
            _ => None,
        }
    }
}

/// The best of any name of one with any of the other, 0 to 100. None when one of them has no name.
pub fn alike(ones: &[Name], others: &[Name]) -> Option<u32> {
    ones.iter().flat_map(|one| others.iter().map(|other| two(one, other))).max()
}

/// Points for or against: 45 for the same name, as many against for nothing in common.
pub fn points(alike: Option<u32>) -> i32 {
    alike.map_or(0, |alike| (i32::try_from(alike).unwrap_or(0) - 50) * 9 / 10)
}

fn two(one: &Name, other: &Name) -> u32 {
    let (few, many) = if one.words.len() <= other.words.len() { (one, other) } else { (other, one) };
    let count = few.words.len();
    let words = u32::try_from(count).unwrap_or(1).max(1);
    let share = best_total(&few.words, &many.words, word_alike) / words;
    // A middle name left out, as people do.
    let extra = u32::try_from(many.words.len() - count).unwrap_or(0);
    let by_words = share.saturating_sub((4 * extra).min(12));
    // Brothers and sisters share all but one word, so one that is not the same in some spelling weighs more than its share.
    let sure = |one: &Part, other: &Part| u32::from(word_alike(one, other) >= SPELLED);
    let by_words =
        if best_total(&few.words, &many.words, sure) < words { by_words.min(SAME - 3) } else { by_words };
    let by_letters = if one.joined == other.joined { 97 } else { 0 };
    // A single word is little to go by.
    match (count, extra) {
        (1, 0) => by_words.min(SAME),
        (1, _) if by_letters == 0 => by_words.min(60),
        _ => by_words.max(by_letters),
    }
}

/// The largest sum of grades over all ways to give each word of `few` a word of `many`.
fn best_total(few: &[Part], many: &[Part], grade: impl Fn(&Part, &Part) -> u32) -> u32 {
    let sets = 1_usize << many.len().min(u16::BITS as usize);
    // best[set]: with the words given so far, when `set` of the other words is used up.
    let mut best: Vec<Option<u32>> = vec![None; sets];
    if let Some(empty) = best.first_mut() {
        *empty = Some(0);
    }
    for word in few {
        let mut next: Vec<Option<u32>> = vec![None; sets];
        let grades: Vec<u32> = many.iter().map(|other| grade(word, other)).collect();
        for (set, sum) in best.iter().enumerate() {
            let Some(sum) = sum else { continue };
            for (at, grade) in grades.iter().enumerate().filter(|(at, _)| set & (1 << at) == 0) {
                if let Some(slot) = next.get_mut(set | (1 << at)) {
                    *slot = (*slot).max(Some(sum + grade));
                }
            }
        }
        best = next;
    }
    best.into_iter().flatten().max().unwrap_or(0)
}

/// How alike two words are, 0 to 100; the order does not matter.
fn word_alike(one: &Part, other: &Part) -> u32 {
    if one.plain == other.plain {
        return 100;
    }
    let each = || one.spellings.iter().flat_map(|a| other.spellings.iter().map(move |b| (a, b)));
    if each().any(|(a, b)| a == b) {
        return 96;
    }
    let length = |text: &str| text.chars().count();
    if length(&one.plain) == 1 || length(&other.plain) == 1 {
        return if each().any(|(a, b)| a.chars().next() == b.chars().next()) { 60 } else { 0 };
    }
    each().map(|(a, b)| spelled_alike(a, b)).max().unwrap_or(0)
}

/// The same of two folded spellings that differ.
fn spelled_alike(one: &str, other: &str) -> u32 {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let letters = short.chars().count();
    let slip = one_slip_apart(one, other);
    if letters > 2 && sound(one) == sound(other) {
        // Shaikh and Sheikh are one; Mina and Mona, Rajan and Rajani are two. In a long word a last a is nothing.
        let last = |word: &str| word.chars().last();
        let inside = short.len() != long.len() && last(one) == last(other);
        let ending = letters >= 8 && long.strip_suffix('a') == Some(short);
        return if slip && (inside || ending) { SPELLED } else { 74 };
    }
    if letters >= 5 && slip {
        return if one.chars().next() == other.chars().next() { 74 } else { 60 };
    }
    if letters >= 4 && long.starts_with(short) { 70 } else { 0 }
}

/// From here on two words are one in another spelling.
const SPELLED: u32 = 82;

/// Whether one letter too many, too few or wrong, or two that changed places, make the one into the other.
pub fn one_slip_apart(one: &str, other: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let room = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take(room).take_while(|(x, y)| x == y).count();
    let (a, b) = (a.get(head..a.len() - tail), b.get(head..b.len() - tail));
    match (a.unwrap_or_default(), b.unwrap_or_default()) {
        ([], []) | ([_], [] | [_]) | ([], [_]) => true,
        ([x, y], [v, w]) => x == w && y == v,
        _ => false,
    }
}
