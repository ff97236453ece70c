//! Which medicines may be prescribed at a distance: lists O, A, B and what is prohibited, as a pack of data in which each
//! entry names where it stands (clinic-workflow.md section 7.1).
//!
//! The rule itself is [`allowed`]; a newer pack replaces the data and not the rule.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::line::Line;
use super::words::Form;
use crate::consult::ask::Mode;

/// Largest pack that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// Months after a visit in person within which a consultation for the same condition follows it up (Telemedicine Practice
/// Guidelines, 25 March 2020, section 1.1 and 3.4).
const MONTHS: i64 = 6;

/// A list of the guidelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = TelemedicineList)]
pub enum List {
    /// Any mode, first or follow-up.
    O,
    /// First by video; on follow-up any mode.
    A,
    /// Follow-up only.
    B,
    /// Never at a distance.
    #[serde(rename = "prohibited")]
    Prohibited,
}

/// One medicine of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    list: List,
    cite: String,
    /// Only in these forms; none for all.
    #[serde(default)]
    forms: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Citation {
    key: String,
    text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: String,
    #[serde(default)]
    note: String,
    citations: Vec<Citation>,
    entries: Vec<Entry>,
}

/// Why a pack is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the lists of telemedicine: {0}")]
pub struct BadPack(String);

/// The lists.
#[derive(Debug, Clone)]
pub struct Pack {
    version: String,
    citations: HashMap<String, String>,
    entries: Vec<Entry>,
}

static OWN: LazyLock<Pack> = LazyLock::new(|| {
    let none = Pack { version: "none".to_owned(), citations: HashMap::new(), entries: Vec::new() };
    Pack::read(include_bytes!("telemedicine.json")).unwrap_or(none)
});

impl Pack {
    /// The lists that the box brings.
    pub fn own() -> &'static Pack {
        &OWN
    }

    /// Reads lists.
    ///
    /// # Errors
    /// [`BadPack`] when they cannot be read, name a form that does not exist, or an entry names no source.
    pub fn read(bytes: &[u8]) -> Result<Pack, BadPack> {
        if bytes.len() > LARGEST {
            return Err(BadPack("they are larger than 1 MiB".to_owned()));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|error| BadPack(error.to_string()))?;
        let citations: HashMap<String, String> =
            written.citations.into_iter().map(|citation| (citation.key, citation.text)).collect();
        for entry in &written.entries {
            if !citations.contains_key(&entry.cite) {
                return Err(BadPack(format!("\"{}\" names no source", entry.name)));
            }
            if entry.forms.iter().any(|form| Form::read(form).is_none()) {
                return Err(BadPack(format!("a form of \"{}\" is not known", entry.name)));
            }
        }
        Ok(Pack { version: written.version, citations, entries: written.entries })
    }

    /// Which lists they are.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// On which list a line's medicine stands in its form, and where that is written. Only the very medicine counts: a
    /// combination with another one is another medicine.
    pub fn find(&self, line: &Line) -> Option<(List, &str)> {
        let name = line.generic.to_lowercase();
        let fits = |entry: &&Entry| {
            let form = |form: &String| Form::read(form) == line.form;
            entry.name == name && (entry.forms.is_empty() || entry.forms.iter().any(form))
        };
        let entry = self.entries.iter().find(fits)?;
        Some((entry.list, self.citations.get(&entry.cite).map(String::as_str).unwrap_or_default()))
    }

    /// On which list a medicine stands in any of its forms, for those who choose.
    pub fn any_form(&self, name: &str) -> Option<List> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.list)
    }

    /// Whether a substance must never be given at a distance; a combination is as prohibited as what is in it.
    pub fn prohibits(&self, substance: &str) -> Option<&str> {
        let prohibited = |entry: &&Entry| entry.list == List::Prohibited && entry.name == substance;
        let entry = self.entries.iter().find(prohibited)?;
        self.citations.get(&entry.cite).map(String::as_str)
    }
}

/// A consultation at a distance, as far as the lists depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// How they meet; none of them in person.
    pub mode: Mode,
    /// Whether it follows up a visit in person for the same condition.
    pub follow_up: bool,
}

/// Whether a medicine of a list may be prescribed.
pub fn allowed(list: List, distance: Distance) -> bool {
    match list {
        List::O => true,
        List::A => distance.follow_up || distance.mode == Mode::Video,
        List::B => distance.follow_up,
        List::Prohibited => false,
    }
}

/// Whether a visit in person was recent enough for this consultation to follow it up, if the condition is the same.
pub fn recent(visit: Timestamp, now: Timestamp, zone: &TimeZone) -> bool {
    let then = visit.to_zoned(zone.clone());
    let end = then.checked_add(jiff::Span::new().months(MONTHS));
    visit <= now && end.is_ok_and(|end| now <= end.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::formulary::Formulary;
    use super::super::parse;
    use super::*;

    fn list(line: &str) -> Option<List> {
        Pack::own().find(&parse(line, Formulary::own()).unwrap()).map(|(list, _)| list)
    }

    #[test]
    fn the_own_pack_is_whole_and_names_its_sources() {
        let pack = Pack::read(include_bytes!("telemedicine.json")).unwrap();
        for entry in &pack.entries {
            assert!(Formulary::own().find(&entry.name).is_some(), "{}", entry.name);
            assert!(pack.citations[&entry.cite].contains("Telemedicine Practice Guidelines"));
        }
        assert_eq!(list("para 500 od"), Some(List::O));
        assert_eq!(list("cream clotrimazole 1% bd"), Some(List::A));
        assert_eq!(list("pessary clotrimazole 100mg hs"), None, "only for the skin and the ear");
        assert_eq!(list("sitagliptin 100 od"), Some(List::B));
        assert_eq!(list("alprazolam 0.25 hs"), Some(List::Prohibited));
        assert_eq!(list("amox 500 tds"), None);
        assert!(pack.prohibits("morphine").is_some() && pack.prohibits("paracetamol").is_none());
    }

    #[test]
    fn mode_and_nature_decide() {
        let check = |list, mode, follow_up, expected| {
            assert_eq!(
                allowed(list, Distance { mode, follow_up }),
                expected,
                "{list:?} {mode:?} {follow_up}"
            );
        };
        for mode in [Mode::Video, Mode::Audio, Mode::Chat] {
            for follow_up in [true, false] {
                check(List::O, mode, follow_up, true);
                check(List::A, mode, follow_up, follow_up || mode == Mode::Video);
                check(List::B, mode, follow_up, follow_up);
                check(List::Prohibited, mode, follow_up, false);
            }
        }
    }

    #[test]
    fn six_months_end_on_the_same_day() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let zone = TimeZone::UTC;
        let visit = at("2026-03-31T10:00:00Z");
        assert!(recent(visit, at("2026-09-30T10:00:00Z"), &zone));
        assert!(!recent(visit, at("2026-09-30T10:00:01Z"), &zone));
        assert!(!recent(visit, at("2026-03-31T09:59:59Z"), &zone));
    }

    #[test]
    fn a_pack_that_names_no_source_is_refused() {
        let text = br#"{"version":"1","citations":[],"entries":[{"name":"x","list":"O","cite":"y"}]}"#;
        assert!(Pack::read(text).is_err());
    }
}
