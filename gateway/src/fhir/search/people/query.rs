//! What was typed -> ranges to look at, the promising ones first.

use super::super::index::{Check, TermRange};
use super::terms::{self, Pair};
use super::words::{Word, words};
use super::{numbers, phone_digits};

/// What somebody typed, understood.
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) words: Vec<Word>,
    /// Words that are digits only, as typed.
    pub(super) digits: Vec<String>,
    /// The whole text as one number or address (`name@abdm`): letters and digits in lower case.
    pub(super) number: String,
    /// Typed without a space, as identifiers are.
    unbroken: bool,
    /// Digits of the whole text when it looks like a phone number.
    pub(super) phone: String,
    /// Where to look, in order; stop when there are enough hits.
    pub probes: Vec<Probe>,
}

/// One place to look: records with a term in the range (whose check must hold) are worth judging.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Where.
    pub range: TermRange,
    /// Stop after so many records.
    pub limit: usize,
}

/// Records worth judging of one probe.
const LIMIT: usize = 200;

/// Understands what was typed. No probes when there is nothing to search for.
pub fn query(text: &str) -> Query {
    let typed: String = text.chars().take(120).collect();
    let all = words(&typed);
    let (digits, words): (Vec<Word>, Vec<Word>) =
        all.into_iter().partition(|w| w.plain.bytes().all(|b| b.is_ascii_digit()));
    let digits: Vec<String> = digits.into_iter().map(|w| w.plain).collect();
    let letters = typed.chars().any(char::is_alphabetic);
    let named = |n: &String| typed.contains('@') || n.bytes().any(|b| b.is_ascii_digit());
    let number = numbers(&typed).into_iter().next().filter(named).unwrap_or_default();
    let phone = if letters { String::new() } else { phone_digits(&typed) };
    let unbroken = !typed.trim().contains(char::is_whitespace);
    let mut query = Query { words, digits, number, unbroken, phone, probes: Vec::new() };
    query.probes = probes(&query);
    query
}

fn probes(query: &Query) -> Vec<Probe> {
    let mut out = Vec::new();
    if query.words.is_empty() || query.unbroken {
        for_numbers(query, &mut out);
    }
    let mut ranked: Vec<&Word> = query.words.iter().collect();
    // The longest words say most; a single letter is an initial and says least.
    ranked.sort_by_key(|w| std::cmp::Reverse(w.plain.chars().count()));
    match (ranked.as_slice(), query.digits.as_slice()) {
        ([], _) => {}
        ([word], []) => for_one_word(word, &mut out),
        ([first, ..], [digits, ..]) => out.extend(first.spellings.iter().map(|s| pair(s, digits))),
        ([first, second, ..], []) => {
            // Whichever is complete: the other may still be being typed.
            for (a, b) in [(first, second), (second, first)] {
                for a in &a.spellings {
                    out.extend(beginnings(b).iter().map(|b| pair(a, b)));
                }
            }
            for (a, b) in [(first, second), (second, first)] {
                out.extend(a.spellings.iter().filter_map(|a| initial(a, b)));
            }
        }
    }
    out.into_iter().map(|range| Probe { range, limit: LIMIT }).collect()
}

/// Whole words stand before longer ones in the index, so one range serves both.
fn for_one_word(word: &Word, out: &mut Vec<TermRange>) {
    let beginnings = beginnings(word);
    out.extend(beginnings.iter().map(|spelling| starting(terms::WORD, spelling)));
    for spelling in word.spellings.iter().filter(|s| s.chars().count() > 2) {
        out.push(starting(terms::SOUND, &format!("{}\u{1}", super::sound(spelling))));
    }
    out.extend(beginnings.iter().map(|spelling| starting(terms::VILLAGE, spelling)));
}

fn for_numbers(query: &Query, out: &mut Vec<TermRange>) {
    if !query.number.is_empty() {
        out.push(starting(terms::NUMBER, &query.number));
    }
    if query.phone.len() == 4 {
        out.push(starting(terms::PHONE_END, &query.phone));
    }
    if query.phone.len() >= 3 {
        out.push(starting(terms::PHONE, &query.phone));
    }
}

fn starting(param: u16, text: &str) -> TermRange {
    TermRange::prefix(param, text.as_bytes().to_vec())
}

fn pair(first: &str, second: &str) -> TermRange {
    TermRange::prefix(terms::PAIR, Pair::prefix(first, second))
        .checked(Check::SecondOfPair(second.to_owned()))
}

/// Pairs whose second word is only the initial of what was typed.
fn initial(first: &str, second: &Word) -> Option<TermRange> {
    let letter = second.spellings.first()?.chars().next()?.to_string();
    let prefix = [Pair::prefix(first, &letter), vec![1]].concat();
    Some(TermRange::prefix(terms::PAIR, prefix).checked(Check::SecondOfPair(letter)))
}

/// Spellings of the beginning of a word: a last p may become ph, a last c ch.
pub(super) fn beginnings(word: &Word) -> Vec<String> {
    let mut out = word.spellings.clone();
    for (typed, last, other) in [('p', 'p', 'f'), ('c', 'k', 'c')] {
        if word.plain.ends_with(typed)
            && let Some(head) = word.spellings.first().and_then(|s| s.strip_suffix(last))
        {
            out.push(format!("{head}{other}"));
        }
    }
    out
}
