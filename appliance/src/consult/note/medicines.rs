//! Medicines that are said aloud, as far as the formulary knows them: name, strength, how often, with food, for how long. What
//! is found is written as a line of a prescription, for the doctor to read and take over.

use super::numbers::number;
use super::tokens::Sentence;
use crate::consult::prescribe::amount::Amount;
use crate::consult::prescribe::formulary::{Formulary, Medicine};
use crate::consult::prescribe::parse;
use crate::consult::prescribe::words::{Span, Unit};

/// A medicine in a sentence: where it stands and the line that it makes.
pub(super) struct Found {
    pub line: String,
    pub name: String,
    pub from: usize,
    pub to: usize,
    /// Told not to take it, or allergic to it.
    pub against: bool,
}

/// Words before a medicine that turn it round.
const AGAINST: &[&str] = &[
    "no",
    "not",
    "don't",
    "dont",
    "stop",
    "avoid",
    "never",
    "without",
    "allergic",
    "allergy",
    "मत",
    "बंद",
    "mat",
    "band",
];
/// Words after a medicine that belong to it, at most.
const REACH: usize = 25;
/// Shortest abbreviation that is heard: shorter ones are words of the language.
const SHORTEST: usize = 5;

const FREQUENCIES: &[(&[&str], &str)] = &[
    (&["morning", "and", "night"], "1-0-1"),
    (&["morning", "and", "evening"], "1-0-1"),
    (&["once", "a", "day"], "od"),
    (&["once", "daily"], "od"),
    (&["one", "time", "a", "day"], "od"),
    (&["twice", "a", "day"], "bd"),
    (&["twice", "daily"], "bd"),
    (&["two", "times", "a", "day"], "bd"),
    (&["2", "times", "a", "day"], "bd"),
    (&["three", "times", "a", "day"], "tds"),
    (&["3", "times", "a", "day"], "tds"),
    (&["thrice", "a", "day"], "tds"),
    (&["thrice", "daily"], "tds"),
    (&["four", "times", "a", "day"], "qid"),
    (&["4", "times", "a", "day"], "qid"),
    (&["at", "night"], "hs"),
    (&["at", "bedtime"], "hs"),
    (&["in", "the", "morning"], "mane"),
    (&["once", "a", "week"], "weekly"),
    (&["subah", "shaam"], "1-0-1"),
    (&["raat", "ko"], "hs"),
    (&["din", "mein", "ek", "baar"], "od"),
    (&["din", "mein", "do", "baar"], "bd"),
    (&["din", "mein", "teen", "baar"], "tds"),
    (&["दिन", "में", "एक", "बार"], "od"),
    (&["दिन", "में", "दो", "बार"], "bd"),
    (&["दिन", "में", "तीन", "बार"], "tds"),
    (&["रात", "को"], "hs"),
];
const FOOD: &[(&[&str], &str)] = &[
    (&["after", "food"], "pc"),
    (&["after", "meals"], "pc"),
    (&["after", "eating"], "pc"),
    (&["before", "food"], "ac"),
    (&["before", "meals"], "ac"),
    (&["before", "breakfast"], "ac"),
    (&["on", "an", "empty", "stomach"], "empty"),
    (&["empty", "stomach"], "empty"),
    (&["khane", "ke", "baad"], "pc"),
    (&["khane", "se", "pehle"], "ac"),
    (&["खाने", "के", "बाद"], "pc"),
    (&["खाने", "से", "पहले"], "ac"),
];
const NEED: &[&[&str]] = &[
    &["when", "needed"],
    &["if", "needed"],
    &["as", "needed"],
    &["when", "required"],
    &["if", "required"],
    &["if", "there", "is", "fever"],
    &["if", "there", "is", "pain"],
    &["sos"],
];

/// The medicines of a sentence.
pub(super) fn find(sentence: &Sentence, formulary: &Formulary) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < sentence.tokens.len() {
        let Some((medicine, taken)) = named(sentence, at, formulary) else {
            at += 1;
            continue;
        };
        let next =
            (at + taken..sentence.tokens.len()).find(|place| named(sentence, *place, formulary).is_some());
        let end = next.unwrap_or(sentence.tokens.len()).min(at + taken + REACH);
        let (line, to) = line(sentence, (at + taken, end), medicine, formulary);
        let before = at.saturating_sub(4)..at;
        let against = before.clone().any(|place| AGAINST.contains(&sentence.word(place)));
        found.push(Found { line, name: medicine.name.clone(), from: at, to, against });
        at = to.max(at + taken);
    }
    found
}

/// The medicine whose name stands at a place: in full, or by an abbreviation that is no word of the language.
fn named<'f>(sentence: &Sentence, at: usize, formulary: &'f Formulary) -> Option<(&'f Medicine, usize)> {
    let rest = sentence.tokens.get(at..)?;
    let words: Vec<String> = rest.iter().take(6).map(|token| token.word.clone()).collect();
    (1..=words.len()).rev().find_map(|count| {
        let name = words.get(..count)?.join(" ");
        let medicine = formulary.find(&name)?;
        (medicine.name == name || name.len() >= SHORTEST).then_some((medicine, count))
    })
}

/// What is said of a medicine between two places, as a line, and where it ends.
fn line(
    sentence: &Sentence,
    (from, end): (usize, usize),
    medicine: &Medicine,
    formulary: &Formulary,
) -> (String, usize) {
    let mut parts = Parts::default();
    let mut to = from;
    let mut at = from;
    while at < end {
        match parts.take(sentence, at, at == from) {
            Some(taken) => {
                at += taken;
                to = at.min(sentence.tokens.len());
            }
            None => at += 1,
        }
    }
    // Only what is a line is shown as one; else the name alone.
    for typed in [parts.written(&medicine.name), medicine.name.clone()] {
        if let Ok(line) = parse(&typed, formulary) {
            return (line.written(), to);
        }
    }
    (medicine.name.clone(), to)
}

#[derive(Default)]
struct Parts {
    strength: Option<String>,
    dose: Option<String>,
    frequency: Option<String>,
    food: Option<&'static str>,
    need: bool,
    span: Option<String>,
}

impl Parts {
    /// Takes the part that begins at a place; answers its words.
    fn take(&mut self, sentence: &Sentence, at: usize, first: bool) -> Option<usize> {
        if let Some((phrase, code)) = FREQUENCIES.iter().find(|(phrase, _)| sentence.says(at, phrase)) {
            self.frequency.get_or_insert((*code).to_owned());
            return Some(phrase.len());
        }
        if let Some((phrase, code)) = FOOD.iter().find(|(phrase, _)| sentence.says(at, phrase)) {
            self.food.get_or_insert(code);
            return Some(phrase.len());
        }
        if let Some(phrase) = NEED.iter().find(|phrase| sentence.says(at, phrase)) {
            self.need = true;
            return Some(phrase.len());
        }
        if sentence.word(at) == "every"
            && let Some(hours) = number(sentence, at + 1)
            && matches!(sentence.word(at + 1 + hours.taken), "hour" | "hours")
        {
            self.frequency.get_or_insert(format!("q{}h", hours.written()));
            return Some(2 + hours.taken);
        }
        if let Some((span, taken)) = span(sentence, at) {
            self.span.get_or_insert(span);
            return Some(taken);
        }
        self.amount(sentence, at, first)
    }

    fn amount(&mut self, sentence: &Sentence, at: usize, first: bool) -> Option<usize> {
        let word = sentence.word(at);
        if word.split('-').count() >= 3 && word.split('-').all(|part| Amount::read(part).is_some()) {
            self.frequency.get_or_insert(word.to_owned());
            return Some(1);
        }
        // "650mg" in one word.
        let end = word.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(word.len());
        let (joined, unit) = word.split_at(end);
        if let (Some(amount), Some(unit)) = (Amount::read(joined), Unit::read(unit)) {
            self.counted(amount.to_string(), unit);
            return Some(1);
        }
        let value = number(sentence, at)?;
        let after = at + value.taken;
        if let Some(unit) = Unit::read(sentence.word(after)) {
            self.counted(value.written(), unit);
            return Some(value.taken + 1);
        }
        // A bare number right behind the name is its strength: "paracetamol six fifty".
        let of_time = matches!(
            sentence.word(after),
            "times" | "time" | "day" | "days" | "week" | "weeks" | "baar" | "बार"
        );
        if first && !of_time && value.thousandths >= 2_000 && self.strength.is_none() {
            self.strength = Some(value.written());
            return Some(value.taken);
        }
        None
    }

    fn counted(&mut self, amount: String, unit: Unit) {
        let written = format!("{amount}{}", unit.code());
        if unit.weighs() && self.strength.is_none() {
            self.strength = Some(written);
        } else if !unit.weighs() {
            self.dose.get_or_insert(written);
        }
    }

    fn written(&self, name: &str) -> String {
        let mut words = vec![name.to_owned()];
        words.extend(self.strength.clone());
        words.extend(self.dose.clone());
        words.extend(self.frequency.clone());
        words.extend(self.need.then(|| "sos".to_owned()));
        words.extend(self.food.map(str::to_owned));
        words.extend(self.span.clone());
        words.join(" ")
    }
}

/// "For five days".
fn span(sentence: &Sentence, at: usize) -> Option<(String, usize)> {
    if sentence.word(at) != "for" {
        return None;
    }
    let (count, unit, taken) = time(sentence, at + 1)?;
    let code = Span::of(&count.to_string(), unit)?.code();
    Some((code, taken + 1))
}

/// So many days, weeks or months, and the words it takes: "three days", "a week", "teen din".
pub(super) fn time(sentence: &Sentence, at: usize) -> Option<(u32, &'static str, usize)> {
    let (count, taken) = match number(sentence, at) {
        Some(number) if number.thousandths % 1_000 == 0 && number.thousandths > 0 => {
            (number.thousandths / 1_000, number.taken)
        }
        Some(_) => return None,
        None if matches!(sentence.word(at), "a" | "one") => (1, 1),
        None => return None,
    };
    let unit = match sentence.word(at + taken) {
        "day" | "days" | "din" | "दिन" => "days",
        "week" | "weeks" | "hafte" | "hafta" | "हफ्ते" | "हफ़्ते" => "weeks",
        "month" | "months" | "mahine" | "महीने" => "months",
        _ => return None,
    };
    (count <= 400).then_some((count, unit, taken + 1))
}
