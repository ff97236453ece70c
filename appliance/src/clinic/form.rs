//! The registration form: what was typed, checked into a Patient.
//!
//! Owns the form as a whole and building the Patient resource; the rules of each field are in `fields`. Giving the
//! clinic number, finding duplicates and storing are left to `records::register`.

use clinicvault_gateway::json::Value;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::duplicates::Newcomer;
use super::identity::{ABHA_SYSTEM, NUMBER_SYSTEM, Sex};
use super::make::{identifier, list, number, obj, text};

mod fields;

use fields::{Birth, MOST_LINE, MOST_NAME, abha, birth_missing, line, name, optional, phone, wrong};

/// What the desk sends to register a patient.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPatient {
    /// Full name in any script.
    pub name: String,
    /// The name in another script.
    pub other_name: Option<String>,
    /// Birth date or age.
    pub birth: Option<BirthForm>,
    /// F, M, O or U.
    pub sex: Option<Sex>,
    /// Ten digits, or a number with its country code.
    pub phone: Option<String>,
    /// True when the patient has no phone.
    #[serde(default)]
    pub no_phone: bool,
    /// Village or town.
    pub village: Option<String>,
    /// Street lines.
    pub address: Option<String>,
    /// Parent or caregiver.
    pub guardian: Option<String>,
    /// ABHA number, 14 digits.
    pub abha: Option<String>,
    /// What the person decided about people who look alike.
    #[serde(default)]
    pub decisions: Vec<Different>,
    /// A value made once per form: sending the same form twice registers once.
    pub key: String,
}

/// Exactly one member.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BirthForm {
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.
    pub date: Option<String>,
    /// Whole years.
    pub age_years: Option<i64>,
    /// Whole months, for small children.
    pub age_months: Option<i64>,
    /// Whole weeks, for newborns.
    pub age_weeks: Option<i64>,
}

/// "This is another person", with the reason.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Different {
    /// The patient already known.
    pub patient_id: String,
    /// Always false: "same person" means opening that record instead of registering.
    pub same: bool,
    /// Why they are different people.
    pub reason: String,
}

/// What the duplicate panel sends while the form is being filled; everything may still be missing.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sketch {
    /// Name so far.
    #[serde(default)]
    pub name: String,
    /// The name in another script.
    pub other_name: Option<String>,
    /// Birth date or age so far.
    pub birth: Option<BirthForm>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Phone so far.
    pub phone: Option<String>,
    /// Village.
    pub village: Option<String>,
    /// ABHA number.
    pub abha: Option<String>,
}

/// Why a field is not taken. The code is for the screen's language, the message for everybody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Field of the form.
    pub field: &'static str,
    /// camelCase code.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// A form that keeps every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    name: String,
    other_name: Option<String>,
    birth: Birth,
    sex: Sex,
    phone: Option<String>,
    village: Option<String>,
    address: Option<String>,
    guardian: Option<String>,
    abha: Option<String>,
}

/// URL of the extension that keeps the age as it was told.
const AGE_STATED: &str = "urn:clinicvault:age-stated";

impl NewPatient {
    /// Checks every field; the first broken rule in the order of the form.
    ///
    /// # Errors
    /// [`Wrong`] with the field and a sentence.
    pub fn check(&self, today: Date) -> Result<Filled, Wrong> {
        let filled = Filled {
            name: name("name", &self.name)?,
            other_name: optional(self.other_name.as_deref(), |value| name("otherName", value))?,
            birth: self.birth.as_ref().ok_or_else(birth_missing).and_then(|birth| birth.check(today))?,
            sex: self.sex.ok_or_else(|| wrong("sex", "required", "Choose female, male or other."))?,
            phone: phone(self.phone.as_deref(), self.no_phone)?,
            village: optional(self.village.as_deref(), |value| line("village", value))?,
            address: optional(self.address.as_deref(), |value| line("address", value))?,
            guardian: optional(self.guardian.as_deref(), |value| line("guardian", value))?,
            abha: optional(self.abha.as_deref(), abha)?,
        };
        for decision in &self.decisions {
            if decision.same {
                return Err(wrong(
                    "decisions",
                    "samePerson",
                    "This person is already registered. Open that record.",
                ));
            }
            line("decisions", &decision.reason)?;
        }
        Ok(filled)
    }

    /// The idempotency key, when it has the form of one.
    ///
    /// # Errors
    /// [`Wrong`] for a key that is too short to be unique, too long, or not plain letters, digits and hyphens.
    pub fn key(&self) -> Result<&str, Wrong> {
        let plain = self.key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if plain && (8..=64).contains(&self.key.len()) {
            Ok(&self.key)
        } else {
            Err(wrong("key", "badKey", "The form carries no valid key. Load the page again."))
        }
    }
}

impl Sketch {
    /// What can be compared already; fields that are not yet valid are left out.
    #[must_use]
    pub fn newcomer(&self, today: Date) -> Newcomer {
        let birth = self.birth.as_ref().and_then(|birth| birth.check(today).ok());
        Newcomer {
            name: self.name.trim().chars().take(MOST_NAME).collect(),
            other_name: self.other_name.clone().filter(|name| name.chars().count() <= MOST_NAME),
            estimated: birth.as_ref().is_some_and(|birth| birth.stated.is_some()),
            birth: birth.map(|birth| birth.date),
            sex: self.sex,
            phone: self.phone.as_deref().and_then(|value| phone(Some(value), false).ok()).flatten(),
            village: self.village.clone().filter(|village| village.chars().count() <= MOST_LINE),
            abha: self.abha.as_deref().and_then(|value| abha(value).ok()),
        }
    }
}

impl Filled {
    /// What the duplicate score compares.
    #[must_use]
    pub fn newcomer(&self) -> Newcomer {
        Newcomer {
            name: self.name.clone(),
            other_name: self.other_name.clone(),
            birth: Some(self.birth.date.clone()),
            estimated: self.birth.stated.is_some(),
            sex: Some(self.sex),
            phone: self.phone.clone(),
            village: self.village.clone(),
            abha: self.abha.clone(),
        }
    }

    /// The Patient, with the clinic number it was given and the day it was registered.
    #[must_use]
    pub fn patient(&self, clinic_number: &str, today: Date) -> Value {
        let abha = self.abha.as_deref().map(|abha| identifier(ABHA_SYSTEM, abha));
        let mut fields = vec![
            ("resourceType", text("Patient")),
            ("active", Value::Bool(true)),
            ("identifier", list(std::iter::once(identifier(NUMBER_SYSTEM, clinic_number)).chain(abha))),
            ("name", list(names(&self.name, self.other_name.as_deref()))),
        ];
        if let Some(phone) = &self.phone {
            let full = if phone.starts_with('+') { phone.clone() } else { format!("+91{phone}") };
            let contact = obj([("system", text("phone")), ("value", text(full)), ("use", text("mobile"))]);
            fields.push(("telecom", list([contact])));
        }
        fields.push(("gender", text(self.sex.code())));
        fields.push(("birthDate", text(&self.birth.date)));
        if let Some((value, unit)) = self.birth.stated {
            fields.push(("_birthDate", age_stated(value, unit, today)));
        }
        if self.village.is_some() || self.address.is_some() {
            fields.push(("address", list([self.address()])));
        }
        if let Some(guardian) = &self.guardian {
            let contact = obj([("name", obj([("text", text(guardian))]))]);
            fields.push(("contact", list([contact])));
        }
        obj(fields)
    }

    fn address(&self) -> Value {
        let mut fields = vec![("use", text("home"))];
        if let Some(line) = &self.address {
            fields.push(("line", list([text(line)])));
        }
        if let Some(village) = &self.village {
            fields.push(("city", text(village)));
        }
        fields.push(("country", text("IN")));
        obj(fields)
    }
}

/// HumanNames: the official one in parts as far as spaces tell, and the one in the other script.
pub fn names<'a>(name: &'a str, other: Option<&'a str>) -> impl Iterator<Item = Value> + 'a {
    std::iter::once(human_name(name, "official")).chain(other.map(|name| human_name(name, "usual")))
}

fn human_name(name: &str, kind: &str) -> Value {
    let mut fields = vec![("use", text(kind)), ("text", text(name))];
    if let Some((given, family)) = name.rsplit_once(' ') {
        fields.push(("family", text(family)));
        fields.push(("given", list(given.split(' ').map(text))));
    } else {
        fields.push(("given", list([text(name)])));
    }
    obj(fields)
}

/// The age as it was told and the day it was told, so that the estimate can be judged later.
fn age_stated(value: i64, unit: &str, on: Date) -> Value {
    let age = obj([
        ("value", number(&value.to_string())),
        ("system", text("http://unitsofmeasure.org")),
        ("code", text(unit)),
    ]);
    obj([(
        "extension",
        list([obj([
            (
                "extension",
                list([
                    obj([("url", text("age")), ("valueAge", age)]),
                    obj([("url", text("on")), ("valueDate", text(on.to_string()))]),
                ]),
            ),
            ("url", text(AGE_STATED)),
        ])]),
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 21);

    fn form(change: &str) -> NewPatient {
        let mut form: serde_json::Value = serde_json::from_str(
            r#"{"name":"Lata  Shinde","birth":{"ageYears":44},"sex":"F","phone":"70000 50156","key":"0f0e-aaaa-1"}"#,
        )
        .unwrap();
        let change: serde_json::Value = serde_json::from_str(change).unwrap();
        for (key, value) in change.as_object().unwrap() {
            form[key] = value.clone();
        }
        serde_json::from_value(form).unwrap()
    }

    fn refused(change: &str) -> Option<(&'static str, &'static str)> {
        form(change).check(TODAY).err().map(|wrong| (wrong.field, wrong.code))
    }

    #[test]
    fn a_form_becomes_a_patient() {
        let filled = form(r#"{"village":"Rahata","abha":"91123456789012","otherName":"लता शिंदे"}"#)
            .check(TODAY)
            .unwrap();
        let patient = String::from_utf8(filled.patient("NC-000007", TODAY).to_vec()).unwrap();
        for part in [
            r#""value":"NC-000007""#,
            r#""value":"91-1234-5678-9012""#,
            r#""text":"Lata Shinde","family":"Shinde","given":["Lata"]"#,
            r#""text":"लता शिंदे""#,
            r#""value":"+917000050156""#,
            r#""gender":"female","birthDate":"1982","_birthDate":"#,
            r#""valueAge":{"value":44,"system":"http://unitsofmeasure.org","code":"a"}"#,
            r#""city":"Rahata""#,
        ] {
            assert!(patient.contains(part), "{part} in {patient}");
        }
    }

    #[test]
    fn every_rule_names_its_field() {
        for (change, expected) in [
            ("{}", None),
            (r#"{"name":"  "}"#, Some(("name", "required"))),
            (r#"{"name":"123"}"#, Some(("name", "noLetters"))),
            (r#"{"name":"a\u0007b"}"#, Some(("name", "control"))),
            (r#"{"birth":null}"#, Some(("birth", "required"))),
            (r#"{"birth":{}}"#, Some(("birth", "required"))),
            (r#"{"birth":{"ageYears":4,"ageMonths":4}}"#, Some(("birth", "required"))),
            (r#"{"birth":{"ageYears":130}}"#, Some(("birth", "ageOutOfRange"))),
            (r#"{"birth":{"ageYears":-1}}"#, Some(("birth", "ageOutOfRange"))),
            (r#"{"birth":{"date":"2026-11-22"}}"#, Some(("birth", "future"))),
            (r#"{"birth":{"date":"1968-02-30"}}"#, Some(("birth", "badDate"))),
            (r#"{"birth":{"date":"1800-01-01"}}"#, Some(("birth", "tooOld"))),
            (r#"{"birth":{"date":"1968"}}"#, None),
            (r#"{"sex":null}"#, Some(("sex", "required"))),
            (r#"{"phone":null}"#, Some(("phone", "required"))),
            (r#"{"phone":null,"noPhone":true}"#, None),
            (r#"{"noPhone":true}"#, Some(("phone", "both"))),
            (r#"{"phone":"700005015"}"#, Some(("phone", "length"))),
            (r#"{"phone":"+44 20 7946 0000"}"#, None),
            (r#"{"phone":"call me"}"#, Some(("phone", "notDigits"))),
            (r#"{"abha":"12"}"#, Some(("abha", "length"))),
            (
                r#"{"decisions":[{"patientId":"x","same":true,"reason":"y"}]}"#,
                Some(("decisions", "samePerson")),
            ),
            (
                r#"{"decisions":[{"patientId":"x","same":false,"reason":" "}]}"#,
                Some(("decisions", "required")),
            ),
        ] {
            assert_eq!(refused(change), expected, "{change}");
        }
        assert_eq!(
            form(r#"{"phone":"700005015"}"#).check(TODAY).unwrap_err().message,
            "Phone has 9 digits. It needs 10."
        );
    }

    #[test]
    fn an_age_never_becomes_a_birthday() {
        for (birth, expected) in [
            (r#"{"ageYears":58}"#, "1968"),
            (r#"{"ageMonths":7}"#, "2026-04"),
            (r#"{"ageWeeks":3}"#, "2026-10"),
            (r#"{"date":"1968-03-14"}"#, "1968-03-14"),
        ] {
            let filled = form(&format!(r#"{{"birth":{birth}}}"#)).check(TODAY).unwrap();
            assert_eq!(filled.birth.date, expected, "{birth}");
        }
    }

    #[test]
    fn a_half_filled_form_can_be_compared() {
        let sketch: Sketch =
            serde_json::from_str(r#"{"name":"Lax","phone":"70000","birth":{"ageYears":31}}"#).unwrap();
        let newcomer = sketch.newcomer(TODAY);
        assert_eq!(
            (newcomer.birth.as_deref(), newcomer.estimated, newcomer.phone),
            (Some("1995"), true, None)
        );
    }
}
