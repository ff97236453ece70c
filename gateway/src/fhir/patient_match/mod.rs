//! How alike two descriptions of a patient are: the scoring core of `Patient/$match`.
//!
//! [`Person`] is what of a Patient counts, [`compare`] weighs two of them against one another. Every part that both
//! state adds to the points or takes from them, what only one of them states does neither, so that a short description
//! is not a wrong one. `names` and `birth` know the mistakes that people make with each. Finding whom to compare, and
//! who may see them, is left to the caller.

mod birth;
mod names;

use std::collections::BTreeSet;

use super::datetime::Moment;
use super::search::people::{folded, full_name, numbers, phone_digits, words};
use crate::json::Value;
use names::Name;

/// Most repetitions of one element that are looked at; a longer list adds nothing that tells people apart.
const MOST: usize = 16;

/// What of a Patient counts.
#[derive(Debug, Clone, Default)]
pub struct Person {
    names: Vec<Name>,
    birth: Option<Moment>,
    gender: Option<Gender>,
    phones: BTreeSet<String>,
    emails: BTreeSet<String>,
    identifiers: BTreeSet<(String, String)>,
    places: BTreeSet<String>,
    lines: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gender {
    Female,
    Male,
}

/// Code of the value set match-grade (R4, Patient/$match).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// The two are taken for different people.
    CertainlyNot,
    /// Worth a look.
    Possible,
    /// Most likely one person.
    Probable,
    /// One person, without a second look.
    Certain,
}

impl Grade {
    /// The code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CertainlyNot => "certainly-not",
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Certain => "certain",
        }
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The sum of what spoke for one person and against; larger is likelier. For the order among equals of [`score`](Self::score).
    pub points: i32,
    /// How the points are to be taken.
    pub grade: Grade,
}

impl Verdict {
    /// `search.score`: hundredths from 0 to 100.
    pub fn score(&self) -> u8 {
        u8::try_from(self.points.clamp(0, 100)).unwrap_or(100)
    }
}

impl Person {
    /// Reads a Patient. What is of another form than R4's is left out.
    pub fn of(patient: &Value) -> Self {
        let each = |key: &str| patient.items(key).iter().take(MOST);
        let mut person = Self {
            names: each("name").filter_map(|name| Name::of(&full_name(name))).collect(),
            birth: patient.str("birthDate").and_then(Moment::date_time),
            gender: match patient.str("gender") {
                Some("female") => Some(Gender::Female),
                Some("male") => Some(Gender::Male),
                _ => None,
            },
            ..Self::default()
        };
        for contact in each("telecom") {
            let Some(value) = contact.str("value") else { continue };
            match contact.str("system") {
                Some("email") => {
                    person.emails.extend(Some(value.trim().to_lowercase()).filter(|v| !v.is_empty()))
                }
                Some("phone" | "sms" | "fax" | "pager") | None => {
                    person
                        .phones
                        .extend(Some(phone_digits(value)).filter(|digits| digits.len() >= SHORTEST_PHONE));
                }
                Some(_) => {}
            }
        }
        for identifier in each("identifier").filter(|identifier| identifier.str("use") != Some("old")) {
            let value = identifier.str("value").and_then(|value| numbers(value).into_iter().next());
            let system = identifier.str("system").unwrap_or_default().to_owned();
            person.identifiers.extend(value.map(|value| (system, value)));
        }
        for address in each("address") {
            let towns = ["city", "district"].into_iter().filter_map(|key| address.str(key));
            person.places.extend(towns.map(folded_whole).filter(|town| !town.is_empty()));
            person.places.extend(address.str("postalCode").and_then(|code| numbers(code).into_iter().next()));
            let lines = address.items("line").iter().take(MOST).filter_map(Value::as_str);
            person.lines.extend(lines.map(folded_whole).filter(|line| !line.is_empty()));
        }
        person
    }

    /// Whether anything is known by which a person can be looked for: a name, a phone number or an identifier.
    pub fn can_be_found(&self) -> bool {
        !self.names.is_empty() || !self.phones.is_empty() || !self.identifiers.is_empty()
    }

    /// Texts to look for in the people search, the promising ones first: identifiers, phone numbers, and every two words
    /// of a name together, or one with the year of birth. At most [`MOST_TEXTS`].
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.identifiers.iter().map(|(_, value)| value.clone()).collect();
        texts.extend(self.phones.iter().cloned());
        for name in &self.names {
            texts.extend(name.pairs());
        }
        if let Some(year) = self.birth.map(|birth| birth.ymd().0) {
            texts.extend(
                self.names.iter().flat_map(|name| name.words()).map(|word| format!("{word} {year:04}")),
            );
        }
        texts.extend(self.names.iter().filter_map(Name::only_word).map(str::to_owned));
        texts.dedup();
        texts.truncate(MOST_TEXTS);
        texts
    }
}

/// Fewer digits are an extension or a mistake.
const SHORTEST_PHONE: usize = 7;

/// Most texts that are looked for to find whom to compare.
pub const MOST_TEXTS: usize = 40;

fn folded_whole(text: &str) -> String {
    let parts: Vec<String> = words(text).into_iter().map(|word| folded(&word.plain)).collect();
    parts.join(" ")
}

/// Points of the parts beside name and birth, chosen so that the examples of the tests come out as a clerk of a register
/// would judge them. Name, birth, gender, phone and address together make 100.
mod points {
    pub const SAME_IDENTIFIER: i32 = 50;
    pub const SAME_NUMBER_OF_NO_SYSTEM: i32 = 20;
    pub const OTHER_IDENTIFIER: i32 = -15;
    pub const SAME_GENDER: i32 = 3;
    pub const OTHER_GENDER: i32 = -15;
    pub const SAME_PHONE: i32 = 13;
    pub const OTHER_PHONE: i32 = -3;
    pub const SAME_EMAIL: i32 = 2;
    pub const SAME_PLACE: i32 = 5;
    pub const OTHER_PLACE: i32 = -2;
    pub const SAME_LINE: i32 = 2;
    pub const CERTAIN: i32 = 77;
    pub const PROBABLE: i32 = 60;
    pub const POSSIBLE: i32 = 35;
}

/// Compares two people; the order does not matter.
///
/// `certain` needs more than points: either the same identifier of one system beside a name that is alike, or the same
/// name and day of birth with something else that agrees, and in both cases nothing that contradicts. Twins of one
/// house, and a father and son of one name, are never certain.
pub fn compare(one: &Person, other: &Person) -> Verdict {
    let name = names::alike(&one.names, &other.names);
    let birth = birth::points(one.birth.as_ref(), other.birth.as_ref());
    let gender = match (one.gender, other.gender) {
        (Some(a), Some(b)) if a == b => points::SAME_GENDER,
        (Some(_), Some(_)) => points::OTHER_GENDER,
        _ => 0,
    };
    let identifier = identifiers(&one.identifiers, &other.identifiers);
    let phone = sets(&one.phones, &other.phones, points::SAME_PHONE, points::OTHER_PHONE);
    let email = sets(&one.emails, &other.emails, points::SAME_EMAIL, 0);
    let place = sets(&one.places, &other.places, points::SAME_PLACE, points::OTHER_PLACE)
        + sets(&one.lines, &other.lines, points::SAME_LINE, 0);
    let total = names::points(name) + birth.unwrap_or(0) + gender + identifier + phone + email + place;
    let contradicted =
        birth.is_some_and(birth::contradicts) || gender < 0 || name.is_some_and(|n| n < names::PART);
    let by_number = identifier == points::SAME_IDENTIFIER && name.is_some_and(|n| n >= names::ALIKE);
    let by_all = total >= points::CERTAIN
        && name.is_some_and(|n| n >= names::SAME)
        && birth == Some(birth::SAME_DAY)
        && (phone > 0 || place > 0 || email > 0 || identifier > 0)
        && identifier >= 0;
    let grade = match total {
        points::POSSIBLE.. if !contradicted && (by_number || by_all) => Grade::Certain,
        points::PROBABLE.. if !contradicted => Grade::Probable,
        points::POSSIBLE.. => Grade::Possible,
        _ => Grade::CertainlyNot,
    };
    Verdict { points: total, grade }
}

/// One that agrees counts for all, since people have several; to differ is only to have nothing in common.
fn sets(one: &BTreeSet<String>, other: &BTreeSet<String>, same: i32, differs: i32) -> i32 {
    match (one.is_empty() || other.is_empty(), one.is_disjoint(other)) {
        (true, _) => 0,
        (false, false) => same,
        (false, true) => differs,
    }
}

/// Numbers of one system tell for or against; a number without a system may be of any.
fn identifiers(one: &BTreeSet<(String, String)>, other: &BTreeSet<(String, String)>) -> i32 {
    let named = |set: &BTreeSet<(String, String)>| -> BTreeSet<(String, String)> {
        set.iter().filter(|(system, _)| !system.is_empty()).cloned().collect()
    };
    if !named(one).is_disjoint(&named(other)) {
        return points::SAME_IDENTIFIER;
    }
    let loose = one.iter().any(|(system, value)| {
        value.len() >= SHORTEST_NUMBER
            && other.iter().any(|(their, same)| same == value && (system.is_empty() || their.is_empty()))
    });
    if loose {
        return points::SAME_NUMBER_OF_NO_SYSTEM;
    }
    let systems = |set: &BTreeSet<(String, String)>| -> BTreeSet<String> {
        named(set).into_iter().map(|(system, _)| system).collect()
    };
    if systems(one).is_disjoint(&systems(other)) { 0 } else { points::OTHER_IDENTIFIER }
}

/// A shorter number without a system is somebody else's as well.
const SHORTEST_NUMBER: usize = 5;

#[cfg(test)]
mod tests;
