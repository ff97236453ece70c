//! Patient -> terms of the people search.

use super::super::Term;
use super::super::params::PEOPLE;
use super::spelling::sound;
use super::words::words;
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;
use crate::json::Value;

/// A word of a name. Value: folded spelling, 0x00.
pub const WORD: u16 = PEOPLE;
/// The sound of a word of a name. Value: sound, 0x01, folded spelling, 0x00.
pub const SOUND: u16 = PEOPLE + 1;
/// Two things known of one person, see [`Pair`].
pub const PAIR: u16 = PEOPLE + 2;
/// Digits of a phone number, its last ten. Value: digits, 0x00.
pub const PHONE: u16 = PEOPLE + 3;
/// The last four digits of a phone number. Value: digits, 0x00.
pub const PHONE_END: u16 = PEOPLE + 4;
/// An identifier without punctuation. Value: letters and digits in lower case, 0x00.
pub const NUMBER: u16 = PEOPLE + 5;
/// A word of the village or town. Value: folded spelling, 0x00.
pub const VILLAGE: u16 = PEOPLE + 6;

/// A word of the name together with another word, the village, the birth year or the end of the phone number.
///
/// Value: sound of the first, 0x01, sound of the second (digits as they are), 0x01, folded first, 0x01, folded second, 0x00.
/// So two common names together are found without walking either, and what is found can be judged by its key alone.
pub struct Pair;

impl Pair {
    fn value(first: &str, second: &str) -> Vec<u8> {
        let parts = [&sound(first), &sound_or_digits(second), first, second];
        let mut out = parts.join("\u{1}").into_bytes();
        out.push(0);
        out
    }

    /// Beginning of the values of a first word and the beginning of a second.
    pub fn prefix(first: &str, second: &str) -> Vec<u8> {
        format!("{}\u{1}{}", sound(first), sound_or_digits(second)).into_bytes()
    }

    /// Whether a value's second word begins with a spelling, or sounds like it as a whole.
    pub fn second_is_like(value: &[u8], wanted: &str) -> bool {
        let mut parts = value.split(|b| matches!(b, 0 | 1)).skip(1);
        let (Some(heard), Some(_), Some(second)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        second.starts_with(wanted.as_bytes())
            || heard == sound_or_digits(wanted).as_bytes()
            || (second.len() == 1 && wanted.as_bytes().first() == second.first())
    }
}

fn sound_or_digits(word: &str) -> String {
    if word.bytes().all(|b| b.is_ascii_digit()) { word.to_owned() } else { sound(word) }
}

/// Terms of a Patient; none of anything else.
pub fn terms(resource: &Resource) -> Vec<Term> {
    let mut out = Vec::new();
    if resource.kind() != ResourceType::PATIENT {
        return out;
    }
    let patient = resource.json();
    let mut push = |param, mut value: Vec<u8>| {
        value.push(0);
        out.push(Term { param, value });
    };
    let villages = villages(patient);
    for village in &villages {
        push(VILLAGE, village.clone().into_bytes());
    }
    let phones: Vec<String> = patient.items("telecom").iter().filter_map(phone).collect();
    let ends: Vec<String> =
        phones.iter().filter_map(|p| Some(p.get(p.len().checked_sub(4)?..)?.to_owned())).collect();
    for phone in &phones {
        push(PHONE, phone.clone().into_bytes());
    }
    for end in &ends {
        push(PHONE_END, end.clone().into_bytes());
    }
    for identifier in patient.items("identifier") {
        for number in identifier.str("value").into_iter().flat_map(numbers) {
            push(NUMBER, number.into_bytes());
        }
    }
    let year = patient.str("birthDate").and_then(|d| d.get(..4)).map(str::to_owned);
    let beside: Vec<&String> = villages.iter().chain(&ends).chain(&year).collect();
    for name in patient.items("name") {
        let spelled: Vec<Vec<String>> = words(&full_name(name)).into_iter().map(|w| w.spellings).collect();
        for (n, spellings) in spelled.iter().enumerate() {
            for spelling in spellings {
                push(WORD, spelling.clone().into_bytes());
                push(SOUND, format!("{}\u{1}{spelling}", sound(spelling)).into_bytes());
                let others = spelled.iter().enumerate().filter(|(m, _)| *m != n).flat_map(|(_, s)| s);
                for other in others.chain(beside.iter().copied()) {
                    let mut value = Pair::value(spelling, other);
                    value.pop();
                    push(PAIR, value);
                }
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// A HumanName as one text: `text`, or its parts where there is none.
pub fn full_name(name: &Value) -> String {
    if let Some(text) = name.str("text") {
        return text.to_owned();
    }
    let parts = ["prefix", "given", "family", "suffix"].iter().flat_map(|key| name.items(key));
    parts.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn villages(patient: &Value) -> Vec<String> {
    let parts = patient.items("address").iter().flat_map(|a| ["city", "district"].map(|key| a.str(key)));
    let mut out: Vec<String> =
        parts.flatten().flat_map(words).filter_map(|w| w.spellings.into_iter().next()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn phone(telecom: &Value) -> Option<String> {
    let digits = phone_digits(telecom.str("value")?);
    (!matches!(telecom.str("system"), Some("email" | "url")) && digits.len() >= 4).then_some(digits)
}

/// The last ten digits of a phone number, without country code, zero and punctuation.
pub fn phone_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    digits.get(digits.len().saturating_sub(10)..).unwrap_or_default().to_owned()
}

/// Forms under which an identifier is found: letters and digits only; its last run of digits without leading zeros.
pub fn numbers(value: &str) -> Vec<String> {
    let whole: String =
        value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(60).collect();
    let start = whole
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |n| n + whole.get(n..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8));
    let tail = whole.get(start..).unwrap_or_default().trim_start_matches('0').to_owned();
    let mut out = vec![whole];
    if !tail.is_empty() && !out.contains(&tail) {
        out.push(tail);
    }
    out.retain(|n| !n.is_empty());
    out
}
