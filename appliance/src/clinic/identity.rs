//! The four facts that travel together: name, age, sex and clinic number.
//!
//! Owns reading them out of a Patient resource. The age itself is left to the screen, which knows today's date; here a
//! birth is a date with its precision, because nobody's birthday is invented.

use clinicvault_gateway::json::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The identifier system of the clinic's own patient numbers.
pub const NUMBER_SYSTEM: &str = "urn:clinicvault:patient-number";
/// The identifier system of ABHA numbers (National Health Authority of India).
pub const ABHA_SYSTEM: &str = "https://healthid.ndhm.gov.in";

/// A clinic number as people read it: `NC-000001`.
#[must_use]
pub fn number_text(number: u64) -> String {
    format!("NC-{number:06}")
}

/// Who a patient is, as every screen shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Logical id of the Patient.
    pub id: String,
    /// Name as it was given, in the script it was given in; empty when unknown.
    pub name: String,
    /// Language tag for the name's script.
    pub name_lang: String,
    /// The name in another script, where somebody wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_name: Option<String>,
    /// F, M, O or U.
    pub sex: Sex,
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; empty when unknown.
    pub birth_date: String,
    /// How much of the birth date is known.
    pub birth_precision: Precision,
    /// Clinic number; empty when the record has none.
    pub number: String,
    /// Ten digits where the number is Indian, else as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Village or town.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub village: Option<String>,
    /// Date of death, or `true` when only the fact is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deceased: Option<String>,
}

/// Administrative sex in one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sex {
    /// Female.
    F,
    /// Male.
    M,
    /// Other.
    O,
    /// Unknown.
    U,
}

impl Sex {
    /// From the FHIR code; anything else is unknown.
    #[must_use]
    pub fn of(code: Option<&str>) -> Self {
        match code {
            Some("female") => Self::F,
            Some("male") => Self::M,
            Some("other") => Self::O,
            Some(_) | None => Self::U,
        }
    }

    /// The FHIR code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::F => "female",
            Self::M => "male",
            Self::O => "other",
            Self::U => "unknown",
        }
    }
}

/// How much of a birth date is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Precision {
    /// The day.
    Day,
    /// The month.
    Month,
    /// The year, or nothing.
    Year,
}

impl Precision {
    fn of(date: &str) -> Self {
        match date.len() {
            10.. => Self::Day,
            7..10 => Self::Month,
            _ => Self::Year,
        }
    }
}

impl Identity {
    /// Reads the facts from a Patient resource.
    #[must_use]
    pub fn of(patient: &Value) -> Self {
        let names: Vec<&Value> =
            patient.items("name").iter().filter(|name| name.str("use") != Some("old")).collect();
        let texts: Vec<String> =
            names.iter().map(|name| name_text(name)).filter(|name| !name.is_empty()).collect();
        let name = texts.first().cloned().unwrap_or_default();
        let other_name = texts.iter().skip(1).find(|other| script(other) != script(&name)).cloned();
        let birth_date = patient.str("birthDate").unwrap_or_default().to_owned();
        Self {
            id: patient.str("id").unwrap_or_default().to_owned(),
            name_lang: lang(&name).to_owned(),
            name,
            other_name,
            sex: Sex::of(patient.str("gender")),
            birth_precision: Precision::of(&birth_date),
            birth_date,
            number: number_of(patient).unwrap_or_default().to_owned(),
            phone: phone_of(patient),
            village: village_of(patient),
            deceased: deceased(patient),
        }
    }

    /// The four facts and nothing else: what is shown of a patient whose record a consent withholds (0079).
    #[must_use]
    pub fn brief(self) -> Self {
        Self { other_name: None, phone: None, village: None, deceased: None, ..self }
    }

    /// The year of birth.
    #[must_use]
    pub fn birth_year(&self) -> Option<i16> {
        self.birth_date.get(..4)?.parse().ok()
    }
}

/// Every name of a Patient in use, as text.
#[must_use]
pub fn names_of(patient: &Value) -> Vec<String> {
    patient.items("name").iter().map(name_text).filter(|name| !name.is_empty()).collect()
}

/// The clinic's own number of a Patient.
#[must_use]
pub fn number_of(patient: &Value) -> Option<&str> {
    patient.items("identifier").iter().find(|id| id.str("system") == Some(NUMBER_SYSTEM))?.str("value")
}

/// An Indian number as its ten digits; any other as it is.
#[must_use]
pub fn bare_phone(stored: &str) -> String {
    let digits: String = stored.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        12 if digits.starts_with("91") => digits[2..].to_owned(),
        11 if digits.starts_with('0') => digits[1..].to_owned(),
        10 => digits,
        _ => stored.trim().to_owned(),
    }
}

fn name_text(name: &Value) -> String {
    if let Some(text) = name.str("text") {
        return text.trim().to_owned();
    }
    let given = name.items("given").iter().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name.str("family")).collect();
    parts.join(" ")
}

fn phone_of(patient: &Value) -> Option<String> {
    let phone = |entry: &&Value| entry.str("system") == Some("phone") && entry.str("use") != Some("old");
    patient.items("telecom").iter().find(phone)?.str("value").map(bare_phone)
}

fn village_of(patient: &Value) -> Option<String> {
    let address = patient.items("address").iter().find(|address| address.str("use") != Some("old"))?;
    address.str("city").or_else(|| address.str("district")).map(str::to_owned)
}

fn deceased(patient: &Value) -> Option<String> {
    if let Some(when) = patient.str("deceasedDateTime") {
        return Some(when.to_owned());
    }
    (patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true)).then(|| "true".to_owned())
}

/// Writing systems that need their own language tag on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Devanagari,
    Bengali,
    Gurmukhi,
    Gujarati,
    Odia,
    Tamil,
    Telugu,
    Kannada,
    Malayalam,
    Arabic,
}

fn script(name: &str) -> Script {
    name.chars()
        .find_map(|c| match c {
            '\u{0900}'..='\u{097f}' => Some(Script::Devanagari),
            '\u{0980}'..='\u{09ff}' => Some(Script::Bengali),
            '\u{0a00}'..='\u{0a7f}' => Some(Script::Gurmukhi),
            '\u{0a80}'..='\u{0aff}' => Some(Script::Gujarati),
            '\u{0b00}'..='\u{0b7f}' => Some(Script::Odia),
            '\u{0b80}'..='\u{0bff}' => Some(Script::Tamil),
            '\u{0c00}'..='\u{0c7f}' => Some(Script::Telugu),
            '\u{0c80}'..='\u{0cff}' => Some(Script::Kannada),
            '\u{0d00}'..='\u{0d7f}' => Some(Script::Malayalam),
            '\u{0600}'..='\u{06ff}' => Some(Script::Arabic),
            _ => None,
        })
        .unwrap_or(Script::Latin)
}

fn lang(name: &str) -> &'static str {
    match script(name) {
        Script::Latin => "en",
        Script::Devanagari => "hi",
        Script::Bengali => "bn",
        Script::Gurmukhi => "pa",
        Script::Gujarati => "gu",
        Script::Odia => "or",
        Script::Tamil => "ta",
        Script::Telugu => "te",
        Script::Kannada => "kn",
        Script::Malayalam => "ml",
        Script::Arabic => "ur",
    }
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::json::{Limits, parse};

    use super::*;

    fn identity(json: &str) -> Identity {
        Identity::of(&parse(json.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn the_facts_of_a_full_patient() {
        let found = identity(
            r#"{"resourceType":"Patient","id":"a","identifier":[{"system":"x","value":"88"},
            {"system":"urn:clinicvault:patient-number","value":"NC-004218"}],
            "name":[{"use":"old","text":"Lakshmi Shinde"},{"text":"Lakshmi Devi Pawar"},{"text":"लक्ष्मी देवी पवार"}],
            "telecom":[{"system":"email","value":"a@b"},{"system":"phone","value":"+91 70000 41207"}],
            "gender":"female","birthDate":"1968-03-14","address":[{"city":"Talegaon"}]}"#,
        );
        assert_eq!(found.name, "Lakshmi Devi Pawar");
        assert_eq!(found.other_name.as_deref(), Some("लक्ष्मी देवी पवार"));
        assert_eq!((found.sex, found.birth_precision), (Sex::F, Precision::Day));
        assert_eq!((found.number.as_str(), found.phone.as_deref()), ("NC-004218", Some("7000041207")));
        assert_eq!((found.village.as_deref(), found.birth_year()), (Some("Talegaon"), Some(1968)));
    }

    #[test]
    fn what_is_unknown_stays_unknown() {
        let found = identity(
            r#"{"resourceType":"Patient","id":"b","name":[{"given":["Devika"]}],"birthDate":"1997"}"#,
        );
        assert_eq!(
            (found.name.as_str(), found.sex, found.birth_precision),
            ("Devika", Sex::U, Precision::Year)
        );
        assert_eq!(
            (found.phone, found.village, found.deceased, found.number.as_str()),
            (None, None, None, "")
        );
        assert_eq!(
            identity(r#"{"resourceType":"Patient","deceasedBoolean":true}"#).deceased.as_deref(),
            Some("true")
        );
    }

    #[test]
    fn phones_lose_the_country_code_only_when_it_is_one() {
        for (stored, expected) in [
            ("+917000041207", "7000041207"),
            ("070000 41207", "7000041207"),
            ("70000-41207", "7000041207"),
            ("9170000412", "9170000412"),
            ("+44 20 7946 0000", "+44 20 7946 0000"),
        ] {
            assert_eq!(bare_phone(stored), expected);
        }
    }

    #[test]
    fn the_name_carries_the_language_of_its_script() {
        for (name, expected) in
            [("Asha", "en"), ("आशा", "hi"), ("முருகன்", "ta"), ("ਹਰਪ੍ਰੀਤ", "pa"), ("", "en")]
        {
            assert_eq!(lang(name), expected);
        }
    }
}
