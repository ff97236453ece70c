//! Vital signs that are said aloud: a name, a few words that mean nothing ("is", "comes to"), then a value that can be one.
//!
//! A value outside what a living body shows is no suggestion. The rule and the lists are all there is.

use super::numbers::{Number, digits, number};
use super::tokens::Sentence;

/// What was found in a sentence: where, and what it says.
pub(super) struct Vital {
    pub kind: &'static str,
    pub value: String,
    pub unit: &'static str,
    pub from: usize,
    pub to: usize,
}

const NAMES: &[(&str, &[&str])] = &[
    ("bp", &["blood", "pressure"]),
    ("bp", &["b", "p"]),
    ("bp", &["bp"]),
    ("bp", &["b.p"]),
    ("bp", &["बीपी"]),
    ("bp", &["रक्तचाप"]),
    ("pulse", &["heart", "rate"]),
    ("pulse", &["pulse"]),
    ("pulse", &["नाड़ी"]),
    ("temperature", &["temperature"]),
    ("temperature", &["temp"]),
    ("temperature", &["fever"]),
    ("temperature", &["bukhar"]),
    ("temperature", &["बुखार"]),
    ("spo2", &["oxygen", "saturation"]),
    ("spo2", &["oxygen", "level"]),
    ("spo2", &["spo2"]),
    ("spo2", &["saturation"]),
    ("spo2", &["oxygen"]),
    ("weight", &["weight"]),
    ("weight", &["wajan"]),
    ("weight", &["वजन"]),
    ("respiration", &["respiratory", "rate"]),
    ("respiration", &["breathing", "rate"]),
    ("respiration", &["respiration"]),
    ("glucose", &["blood", "sugar"]),
    ("glucose", &["blood", "glucose"]),
    ("glucose", &["sugar"]),
    ("glucose", &["glucose"]),
    ("glucose", &["शुगर"]),
];
/// Words between name and value.
const FILLERS: &[&str] = &[
    "is", "was", "of", "at", "to", "the", "rate", "level", "reading", "today", "now", "about", "around",
    "comes", "came", "it's", "hai", "tha", "है", "था", "fasting", "random",
];
const MOST_FILLERS: usize = 4;
/// Words after a value that belong to it.
const UNITS: &[&str] = &[
    "degrees",
    "degree",
    "fahrenheit",
    "celsius",
    "f",
    "percent",
    "kg",
    "kgs",
    "kilo",
    "kilos",
    "kilograms",
    "beats",
    "per",
    "minute",
    "a",
    "mg",
    "डिग्री",
    "किलो",
];
const BETWEEN: &[&str] = &["by", "over", "upon", "slash", "बाई"];

/// The vital signs of a sentence.
pub(super) fn find(sentence: &Sentence) -> Vec<Vital> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < sentence.tokens.len() {
        match one(sentence, at) {
            Some(vital) => {
                at = vital.to;
                found.push(vital);
            }
            None => at += 1,
        }
    }
    found
}

fn one(sentence: &Sentence, from: usize) -> Option<Vital> {
    let (kind, name) = NAMES.iter().find(|(_, name)| sentence.says(from, name))?;
    let mut at = from + name.len();
    let fillers = (0..MOST_FILLERS).take_while(|ahead| FILLERS.contains(&sentence.word(at + ahead))).count();
    at += fillers;
    if *kind == "bp" {
        let (high, low, taken) = pair(sentence, at)?;
        let fits = (50_000..=300_000).contains(&high.thousandths)
            && (20_000..=200_000).contains(&low.thousandths)
            && low.thousandths < high.thousandths;
        let value = format!("{}/{}", high.written(), low.written());
        return fits.then_some(Vital { kind, value, unit: "mm[Hg]", from, to: at + taken });
    }
    let number = number(sentence, at)?;
    at += number.taken;
    // "Fever for 3 days" and "weight 61 5" are not read as values; a range follows a value at most.
    if matches!(sentence.word(at), "day" | "days" | "week" | "weeks" | "month" | "months" | "दिन" | "din")
    {
        return None;
    }
    let unit = unit_of(kind, number)?;
    let units = (0..3).take_while(|ahead| UNITS.contains(&sentence.word(at + ahead))).count();
    Some(Vital { kind, value: number.written(), unit, from, to: at + units })
}

/// Two numbers: `150/95`, "one fifty by ninety five".
fn pair(sentence: &Sentence, at: usize) -> Option<(Number, Number, usize)> {
    if let Some((high, low)) = sentence.word(at).split_once('/') {
        let of = |word: &str| Some(Number { thousandths: digits(word)?, taken: 1 });
        return Some((of(high)?, of(low)?, 1));
    }
    let high = number(sentence, at)?;
    let between = at + high.taken;
    if !BETWEEN.contains(&sentence.word(between)) {
        return None;
    }
    let low = number(sentence, between + 1)?;
    Some((high, low, high.taken + 1 + low.taken))
}

fn unit_of(kind: &str, number: Number) -> Option<&'static str> {
    let within = |low: u32, high: u32, unit| {
        (low * 1_000..=high * 1_000).contains(&number.thousandths).then_some(unit)
    };
    match kind {
        "pulse" => within(20, 300, "/min"),
        "temperature" => within(86, 113, "[degF]").or_else(|| within(30, 45, "Cel")),
        "spo2" => within(30, 100, "%"),
        "weight" => within(1, 400, "kg"),
        "respiration" => within(4, 100, "/min"),
        "glucose" => within(10, 1_000, "mg/dL"),
        _ => None,
    }
}
