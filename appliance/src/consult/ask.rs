//! What a patient asks for, and the colour that its urgency gets from stated rules.
//!
//! Owns the form's bounds and the red flags: a small table of data beside this file, with its sources. The colour sorts the
//! queue and opens the payment gate; it is no diagnosis, and a clinician may always see more urgency than the rules do.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest complaint, in characters.
const LONGEST: usize = 2_000;
/// Red flags at most.
const MOST_FLAGS: usize = 20;

/// How doctor and patient meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConsultationMode)]
pub enum Mode {
    /// Sound and picture.
    Video,
    /// Sound.
    Audio,
    /// Text.
    Chat,
    /// In the clinic.
    InPerson,
}

impl Mode {
    /// The name in answers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Video => "video",
            Mode::Audio => "audio",
            Mode::Chat => "chat",
            Mode::InPerson => "inPerson",
        }
    }
}

/// How soon the one who asks thinks it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Urgency {
    /// Any time.
    Routine,
    /// Today.
    Urgent,
    /// Now.
    Emergency,
}

/// Colour of triage; the order is by urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TriageColour)]
pub enum Colour {
    /// May wait.
    Green,
    /// Soon.
    Yellow,
    /// At once.
    Red,
}

impl Colour {
    /// The name in answers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Colour::Green => "green",
            Colour::Yellow => "yellow",
            Colour::Red => "red",
        }
    }
}

/// A request as it comes in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConsultationWish)]
pub struct Wish {
    /// Whose it is; a patient leaves it out.
    pub patient_id: Option<String>,
    /// What it is about, in the patient's words.
    pub complaint: String,
    /// Such as `general`.
    pub specialty: String,
    /// Language code of the patient.
    pub language: String,
    /// How soon.
    pub urgency: Urgency,
    /// How they meet.
    pub mode: Mode,
    /// Codes of red flags that were ticked.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Chosen by the device, so that a request that is sent twice counts once.
    pub key: String,
}

/// A request that keeps the bounds, with its colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// What it is about.
    pub complaint: String,
    /// Whose field.
    pub specialty: String,
    /// Language code.
    pub language: String,
    /// How soon.
    pub urgency: Urgency,
    /// How they meet.
    pub mode: Mode,
    /// Codes of red flags, ticked or found in the complaint.
    pub flags: Vec<String>,
    /// What follows from them.
    pub colour: Colour,
}

/// A field that cannot be used, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong(pub &'static str, pub &'static str);

impl Wish {
    /// The request within its bounds.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn check(&self) -> Result<Ask, Wrong> {
        let complaint = self.complaint.trim();
        let plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
        if complaint.is_empty() || complaint.chars().count() > LONGEST || !plain(complaint) {
            return Err(Wrong("complaint", "Say what it is about, in at most 2000 characters."));
        }
        if !is_code(&self.specialty) {
            return Err(Wrong("specialty", "Choose one of the clinic's specialties."));
        }
        if !is_code(&self.language) || self.language.len() > 8 {
            return Err(Wrong("language", "Choose a language."));
        }
        if !(8..=64).contains(&self.key.len()) || !self.key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Wrong("key", "Send a key of 8 to 64 characters, new for each request."));
        }
        if self.flags.len() > MOST_FLAGS || self.flags.iter().any(|flag| rule(flag).is_none()) {
            return Err(Wrong("flags", "Choose among the red flags that the clinic asks about."));
        }
        let (flags, colour) = triage(complaint, &self.flags, self.urgency);
        Ok(Ask {
            complaint: complaint.to_owned(),
            specialty: self.specialty.clone(),
            language: self.language.clone(),
            urgency: self.urgency,
            mode: self.mode,
            flags,
            colour,
        })
    }
}

impl Ask {
    /// Whether no payment may stand before it (clinic-workflow.md section 7.1); the reason, in words for the record.
    pub fn emergency(&self) -> Option<String> {
        if self.colour == Colour::Red && !self.flags.is_empty() {
            Some(format!("red flags: {}", self.flags.join(", ")))
        } else if self.urgency == Urgency::Emergency {
            Some("asked for as an emergency".to_owned())
        } else {
            None
        }
    }
}

/// Whether a word may stand for a specialty or a language.
pub fn is_code(text: &str) -> bool {
    (2..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A sign that makes a request more urgent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RedFlag {
    /// Its code.
    pub code: String,
    /// What follows from it.
    pub colour: Colour,
    /// What is asked, by language.
    pub question: std::collections::BTreeMap<String, String>,
    /// Words of a complaint that stand for it, folded to small letters.
    #[serde(skip_serializing)]
    words: Vec<String>,
    /// Where the rule comes from.
    pub source: String,
}

/// The rules, as kept beside this file.
pub static RED_FLAGS: LazyLock<Vec<RedFlag>> =
    LazyLock::new(|| serde_json::from_str(include_str!("red_flags.json")).unwrap_or_default());

fn rule(code: &str) -> Option<&'static RedFlag> {
    RED_FLAGS.iter().find(|rule| rule.code == code)
}

/// The red flags of a complaint, ticked ones first, and the colour.
fn triage(complaint: &str, ticked: &[String], urgency: Urgency) -> (Vec<String>, Colour) {
    let folded = complaint.to_lowercase();
    let mut flags: Vec<String> = Vec::new();
    for code in ticked {
        if !flags.contains(code) {
            flags.push(code.clone());
        }
    }
    for rule in RED_FLAGS.iter() {
        let found = rule.words.iter().any(|word| folded.contains(word.as_str()));
        if found && !flags.contains(&rule.code) {
            flags.push(rule.code.clone());
        }
    }
    let by_flags = flags.iter().filter_map(|code| rule(code)).map(|rule| rule.colour).max();
    let by_urgency = match urgency {
        Urgency::Routine => Colour::Green,
        Urgency::Urgent => Colour::Yellow,
        Urgency::Emergency => Colour::Red,
    };
    let colour = by_flags.map_or(by_urgency, |colour| colour.max(by_urgency));
    (flags, colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(complaint: &str, flags: &[&str], urgency: Urgency) -> Wish {
        Wish {
            patient_id: None,
            complaint: complaint.to_owned(),
            specialty: "general".to_owned(),
            language: "hi".to_owned(),
            urgency,
            mode: Mode::Video,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            key: "12345678".to_owned(),
        }
    }

    #[test]
    fn every_rule_is_whole_and_cited() {
        assert!(RED_FLAGS.len() >= 10, "the table could not be read");
        for rule in RED_FLAGS.iter() {
            assert!(!rule.source.is_empty() && !rule.words.is_empty(), "{}", rule.code);
            assert!(rule.question.contains_key("en") && rule.question.contains_key("hi"), "{}", rule.code);
            assert!(rule.words.iter().all(|word| *word == word.to_lowercase()), "{}", rule.code);
            assert_ne!(rule.colour, Colour::Green, "{}", rule.code);
        }
    }

    #[test]
    fn the_colour_follows_from_flags_words_and_urgency() {
        let check = |complaint, flags: &[&str], urgency, colour, emergency| {
            let ask = wish(complaint, flags, urgency).check().unwrap();
            assert_eq!((ask.colour, ask.emergency().is_some()), (colour, emergency), "{complaint}");
        };
        check("Cough for three days", &[], Urgency::Routine, Colour::Green, false);
        check("Cough for three days", &[], Urgency::Urgent, Colour::Yellow, false);
        check("Severe CHEST PAIN since morning", &[], Urgency::Routine, Colour::Red, true);
        check("seene me dard", &[], Urgency::Routine, Colour::Red, true);
        check("Not well", &["stroke"], Urgency::Routine, Colour::Red, true);
        check("Not well", &[], Urgency::Emergency, Colour::Red, true);
        check("Vomiting everything", &[], Urgency::Routine, Colour::Yellow, false);
    }

    #[test]
    fn a_request_out_of_bounds_names_its_field() {
        let check = |change: fn(&mut Wish), field| {
            let mut wish = wish("Cough", &[], Urgency::Routine);
            change(&mut wish);
            assert_eq!(wish.check().unwrap_err().0, field);
        };
        check(|wish| wish.complaint = "  ".to_owned(), "complaint");
        check(|wish| wish.complaint = "x".repeat(2_001), "complaint");
        check(|wish| wish.complaint = "a\u{0}b".to_owned(), "complaint");
        check(|wish| wish.specialty = "General Medicine".to_owned(), "specialty");
        check(|wish| wish.language = String::new(), "language");
        check(|wish| wish.key = "short".to_owned(), "key");
        check(|wish| wish.flags = vec!["nonsense".to_owned()], "flags");
    }
}
