//! What stands in a note, and what is refused of it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clinic::form::Wrong;
use crate::consult::note::Suggestion;

/// Longest section, in bytes.
const LONGEST: usize = 20_000;
/// Most vital signs, and most suggestions that are taken over.
const MOST_VITALS: usize = 40;
const MOST_ACCEPTED: usize = 500;

/// A vital sign as written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NoteVital)]
pub struct Vital {
    /// `bp`, `pulse`, `temperature`, `spo2`, `weight`, `height`, `respiration` or `glucose`.
    pub kind: String,
    /// A number; for blood pressure two with a slash.
    pub value: String,
    /// UCUM unit.
    #[serde(default)]
    pub unit: String,
}

/// Kinds of vital signs: name, words for print, units that fit (UCUM).
pub const VITALS: [(&str, &str, &[&str]); 8] = [
    ("bp", "BP", &["mm[Hg]"]),
    ("pulse", "Pulse", &["/min"]),
    ("temperature", "Temperature", &["[degF]", "Cel"]),
    ("spo2", "SpO2", &["%"]),
    ("weight", "Weight", &["kg"]),
    ("height", "Height", &["cm"]),
    ("respiration", "Respiration", &["/min"]),
    ("glucose", "Glucose", &["mg/dL", "mmol/L"]),
];

/// A note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = ConsultationNote)]
pub struct Note {
    /// What the patient complains of.
    pub complaint: String,
    /// History.
    pub history: String,
    /// What was found.
    pub examination: String,
    /// Diagnosis, which may be provisional.
    pub assessment: String,
    /// What is to be done.
    pub plan: String,
    /// Tests asked for.
    pub tests: String,
    /// Advice to the patient.
    pub advice: String,
    /// Vital signs.
    pub vitals: Vec<Vital>,
    /// Day of the next visit.
    pub follow_up_on: Option<String>,
    /// First day of the last period, where it matters.
    pub lmp: Option<String>,
    /// Suggestions from the transcript that the doctor took over, by their ids.
    pub accepted: Vec<String>,
}

/// A note as kept: with the words of the transcript that stand behind it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    /// The note.
    pub note: Note,
    /// Where what was taken over was said.
    pub sources: Vec<Suggestion>,
}

impl Note {
    /// The texts with their names, in the order of a page.
    pub fn sections(&self) -> [(&'static str, &'static str, &str); 7] {
        [
            ("complaint", "Complaint", &self.complaint),
            ("history", "History", &self.history),
            ("examination", "Examination", &self.examination),
            ("assessment", "Diagnosis", &self.assessment),
            ("plan", "Plan", &self.plan),
            ("tests", "Tests", &self.tests),
            ("advice", "Advice", &self.advice),
        ]
    }

    /// Whether nothing is written in it.
    pub fn is_empty(&self) -> bool {
        self.vitals.is_empty() && self.sections().iter().all(|(.., text)| text.trim().is_empty())
    }

    /// What is not acceptable in it, if anything.
    ///
    /// # Errors
    /// [`Wrong`] with the field.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |field: &'static str, message: String| Err(Wrong { field, code: "invalid", message });
        for (name, _, text) in self.sections() {
            if text.len() > LONGEST {
                return wrong("note", format!("The section {name} has at most 20000 bytes."));
            }
        }
        if self.vitals.len() > MOST_VITALS || self.accepted.len() > MOST_ACCEPTED {
            return wrong("note", "A note has at most 40 vital signs and 500 suggestions.".to_owned());
        }
        for (at, vital) in self.vitals.iter().enumerate() {
            if let Err(why) = vital.check() {
                return wrong("vitals", format!("Vital sign {}: {why}", at + 1));
            }
        }
        let dates = [("followUpOn", &self.follow_up_on), ("lmp", &self.lmp)];
        for (field, date) in dates {
            if date.as_ref().is_some_and(|date| date.parse::<Date>().is_err() || date.len() != 10) {
                return wrong(field, "A date is written like 2026-11-30.".to_owned());
            }
        }
        if self.accepted.iter().any(|id| id.len() > 20) {
            return wrong("accepted", "This is no id of a suggestion.".to_owned());
        }
        Ok(())
    }
}

impl Vital {
    fn check(&self) -> Result<(), String> {
        let known = VITALS.iter().find(|(kind, ..)| *kind == self.kind);
        let Some((_, _, units)) = known else { return Err("its kind is not known.".to_owned()) };
        if !units.contains(&self.unit.as_str()) {
            return Err(format!("its unit is {}.", units.join(" or ")));
        }
        let number = |text: &str| {
            (1..=7).contains(&text.len())
                && text.starts_with(|c: char| c.is_ascii_digit())
                && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                && text.parse::<f64>().is_ok()
        };
        let fits = match (self.kind.as_str(), self.value.split_once('/')) {
            ("bp", Some((high, low))) => number(high) && number(low),
            ("bp", None) | (_, Some(_)) => false,
            (_, None) => number(&self.value),
        };
        if fits { Ok(()) } else { Err("its value is a number, for bp two like 120/80.".to_owned()) }
    }

    /// As printed: `BP 120/80 mmHg`.
    pub fn printed(&self) -> String {
        let name = VITALS.iter().find(|(kind, ..)| *kind == self.kind).map_or("", |(_, name, _)| *name);
        let unit = match self.unit.as_str() {
            "mm[Hg]" => "mmHg",
            "[degF]" => "°F",
            "Cel" => "°C",
            other => other,
        };
        format!("{name} {} {unit}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_checked() {
        let vital = |kind: &str, value: &str, unit: &str| Note {
            vitals: vec![Vital { kind: kind.into(), value: value.into(), unit: unit.into() }],
            ..Note::default()
        };
        for (note, fits) in [
            (Note::default(), true),
            (vital("bp", "150/95", "mm[Hg]"), true),
            (vital("bp", "150", "mm[Hg]"), false),
            (vital("pulse", "88", "/min"), true),
            (vital("pulse", "88/1", "/min"), false),
            (vital("pulse", "fast", "/min"), false),
            (vital("weight", "61.5", "lb"), false),
            (vital("mood", "1", ""), false),
            (Note { follow_up_on: Some("2026-11-30".into()), ..Note::default() }, true),
            (Note { follow_up_on: Some("soon".into()), ..Note::default() }, false),
            (Note { plan: "x".repeat(20_001), ..Note::default() }, false),
        ] {
            assert_eq!(note.check().is_ok(), fits, "{note:?}");
        }
        assert_eq!(vital("temperature", "99.6", "[degF]").vitals[0].printed(), "Temperature 99.6 °F");
    }
}
