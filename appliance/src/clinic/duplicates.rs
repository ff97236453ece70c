//! Is this person already here?
//!
//! Owns the score between what is being typed at the desk and one patient already known, with its reasons, as a pure
//! function. A shared phone groups a household and never identifies a person by itself, so it only adds to a name that
//! already sounds alike. How alike two names are is the gateway's judgement. Finding the candidates to compare is left to `people`; the decision is left to a person.

use clinicvault_gateway::fhir::search::people::{self, Shown, judge};
use serde::Serialize;
use utoipa::ToSchema;

use super::identity::{Identity, Sex};

/// What is known of the person at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Newcomer {
    /// Name as typed.
    pub name: String,
    /// The name in another script.
    pub other_name: Option<String>,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; from an age it is the estimated year.
    pub birth: Option<String>,
    /// Whether the year comes from an age alone, so it may be off by one.
    pub estimated: bool,
    /// Sex, when chosen.
    pub sex: Option<Sex>,
    /// Ten digits.
    pub phone: Option<String>,
    /// Village.
    pub village: Option<String>,
    /// ABHA number.
    pub abha: Option<String>,
}

/// How alike two people are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Grade {
    /// Worth showing.
    Medium,
    /// A person must say "same" or "different" before a new record is made.
    High,
}

/// Why two people look alike, or do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// The same ABHA number.
    SameAbha,
    /// The same name, letter for letter after folding.
    SameName,
    /// The names sound alike.
    NameSounds,
    /// One name is part of the other.
    NamePart,
    /// The same phone.
    SamePhone,
    /// The same day of birth.
    SameBirthDate,
    /// The same year of birth, or within the tolerance of an estimate.
    SameBirthYear,
    /// The same village.
    SameVillage,
}

/// Points, chosen so that the examples of the tests come out as a receptionist would judge them.
mod points {
    pub const SAME_NAME: i32 = 50;
    pub const NAME_SOUNDS: i32 = 42;
    pub const NAME_PART: i32 = 28;
    pub const PHONE: i32 = 22;
    pub const BIRTH_DATE: i32 = 30;
    pub const BIRTH_YEAR: i32 = 16;
    pub const VILLAGE: i32 = 8;
    pub const OTHER_SEX: i32 = -30;
    pub const OTHER_YEAR: i32 = -22;
    pub const HIGH: i32 = 72;
    pub const MEDIUM: i32 = 46;
}

/// Compares; `None` when they are not worth showing together. `names` are all names of the known patient.
#[must_use]
pub fn compare(
    new: &Newcomer,
    known: &Identity,
    names: &[String],
    abha: Option<&str>,
) -> Option<(Grade, Vec<Reason>)> {
    if let (Some(a), Some(b)) = (new.abha.as_deref(), abha)
        && digits(a) == digits(b)
        && !digits(a).is_empty()
    {
        return Some((Grade::High, vec![Reason::SameAbha]));
    }
    let (mut score, first) = name_score(new, names)?;
    let mut reasons = vec![first];
    let mut add = |points: i32, reason: Option<Reason>| {
        score += points;
        reasons.extend(reason);
    };
    if new.phone.is_some() && new.phone == known.phone {
        add(points::PHONE, Some(Reason::SamePhone));
    }
    match birth(new, known) {
        Birth::SameDay => add(points::BIRTH_DATE, Some(Reason::SameBirthDate)),
        Birth::SameYear => add(points::BIRTH_YEAR, Some(Reason::SameBirthYear)),
        Birth::Other => add(points::OTHER_YEAR, None),
        Birth::Unknown => {}
    }
    let village =
        |name: &Option<String>| name.as_deref().map(people::folded).filter(|folded| !folded.is_empty());
    if village(&new.village).is_some() && village(&new.village) == village(&known.village) {
        add(points::VILLAGE, Some(Reason::SameVillage));
    }
    if new.sex.is_some_and(|sex| sex != known.sex && sex != Sex::U && known.sex != Sex::U) {
        add(points::OTHER_SEX, None);
    }
    match score {
        points::HIGH.. => Some((Grade::High, reasons)),
        points::MEDIUM.. => Some((Grade::Medium, reasons)),
        _ => None,
    }
}

enum Birth {
    SameDay,
    SameYear,
    Other,
    Unknown,
}

fn birth(new: &Newcomer, known: &Identity) -> Birth {
    let (Some(given), stored) = (new.birth.as_deref(), known.birth_date.as_str()) else {
        return Birth::Unknown;
    };
    let year = |date: &str| date.get(..4).and_then(|year| year.parse::<i32>().ok());
    let (Some(a), Some(b)) = (year(given), year(stored)) else { return Birth::Unknown };
    let tolerance = if new.estimated || stored.len() == 4 { 1 } else { 0 };
    if given.len() >= 10 && given == stored {
        Birth::SameDay
    } else if (a - b).abs() <= tolerance {
        Birth::SameYear
    } else {
        Birth::Other
    }
}

/// The best match of any name given with any name known.
fn name_score(new: &Newcomer, names: &[String]) -> Option<(i32, Reason)> {
    let given = std::iter::once(new.name.as_str()).chain(new.other_name.as_deref());
    given.flat_map(|a| names.iter().filter_map(|b| two_names(a, b))).max_by_key(|(score, _)| *score)
}

fn two_names(a: &str, b: &str) -> Option<(i32, Reason)> {
    // Ganpat Rao is also written Ganpatrao.
    let joined = |name: &str| people::folded(&name.split_whitespace().collect::<String>());
    if joined(a) == joined(b) && !joined(a).is_empty() {
        return Some((points::SAME_NAME, Reason::SameName));
    }
    let count = |name: &str| name.split_whitespace().count();
    let (few, many) = if count(a) <= count(b) { (a, b) } else { (b, a) };
    // Every word of the shorter name must be in the longer one.
    let score = judge(&people::query(few), &Shown { name: many, ..Shown::default() })?.score;
    match (count(few), count(many), score) {
        (x, y, SAME..) if x == y => Some((points::SAME_NAME, Reason::SameName)),
        (x, y, ALIKE..) if x == y => Some((points::NAME_SOUNDS, Reason::NameSounds)),
        // A middle name left out, as people do; a single word is too little to go by.
        (2.., _, ALIKE..) => Some((points::NAME_SOUNDS - 4, Reason::NameSounds)),
        (1.., _, PART..) => Some((points::NAME_PART, Reason::NamePart)),
        _ => None,
    }
}

/// The gateway's score of names that differ at most in common spellings.
const SAME: u32 = 900;
/// The gateway's score of names whose words sound alike.
const ALIKE: u32 = 450;
/// The gateway's score where initials stand for words.
const PART: u32 = 300;

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinic::identity::Precision;

    fn known(name: &str, birth: &str, sex: Sex, phone: Option<&str>, village: &str) -> Identity {
        Identity {
            id: "x".into(),
            name: name.into(),
            name_lang: "en".into(),
            other_name: None,
            sex,
            birth_date: birth.into(),
            birth_precision: Precision::Day,
            number: "NC-000001".into(),
            phone: phone.map(str::to_owned),
            village: Some(village.to_owned()),
            deceased: None,
        }
    }

    fn newcomer(name: &str, birth: &str, estimated: bool, sex: Sex, phone: Option<&str>) -> Newcomer {
        Newcomer {
            name: name.into(),
            birth: Some(birth.into()).filter(|b: &String| !b.is_empty()),
            estimated,
            sex: Some(sex),
            phone: phone.map(str::to_owned),
            ..Newcomer::default()
        }
    }

    fn grade(new: &Newcomer, known: &Identity) -> Option<Grade> {
        compare(new, known, std::slice::from_ref(&known.name), None).map(|(grade, _)| grade)
    }

    #[test]
    fn what_a_receptionist_would_say() {
        let phone = Some("7000041207");
        let lakshmi = known("Lakshmi Devi Pawar", "1968-03-14", Sex::F, phone, "Talegaon");
        for (new, expected) in [
            (newcomer("Laxmi Pawar", "1968", true, Sex::F, phone), Some(Grade::High)),
            (newcomer("Pawar Lakshmi Devi", "1968-03-14", false, Sex::F, None), Some(Grade::High)),
            (newcomer("Lakshmi Devi Pawar", "", false, Sex::F, None), Some(Grade::Medium)),
            (newcomer("Lakshmi Devi Pawar", "1968", true, Sex::F, None), Some(Grade::Medium)),
            // The daughter-in-law with the same phone and a name that sounds alike, a generation younger.
            (newcomer("Laxmi Suresh Pawar", "1995", true, Sex::F, phone), None),
            // Same household, another person.
            (newcomer("Suresh Tukaram Pawar", "1990-08-09", false, Sex::M, phone), None),
            (newcomer("Lakshmi Devi Pawar", "2001-01-01", false, Sex::F, None), None),
            (newcomer("Asha Kale", "1968-03-14", false, Sex::F, phone), None),
        ] {
            assert_eq!(grade(&new, &lakshmi), expected, "{}", new.name);
        }
    }

    #[test]
    fn spellings_of_one_name_meet() {
        let irfan = known("Mohammed Irfan Ansari", "1988", Sex::M, Some("7000051190"), "Sangamner");
        let new = newcomer("Md. Irfan Ansari", "1988", true, Sex::M, Some("7000051190"));
        assert_eq!(grade(&new, &irfan), Some(Grade::High));
        let ganpat = known("Ganpat Rao Thorat", "1955-12-02", Sex::M, Some("7000040871"), "Nimgaon");
        assert!(
            grade(&newcomer("Ganpatrao Thorat", "1955", true, Sex::M, Some("7000040871")), &ganpat).is_some()
        );
    }

    #[test]
    fn the_same_abha_number_is_the_same_person_whatever_the_name() {
        let person = known("A B", "", Sex::U, None, "");
        let new = Newcomer {
            name: "Someone Else".into(),
            abha: Some("91-1234-5678-9012".into()),
            ..Newcomer::default()
        };
        let found = compare(&new, &person, &["A B".into()], Some("91123456789012"));
        assert_eq!(found, Some((Grade::High, vec![Reason::SameAbha])));
    }
}
