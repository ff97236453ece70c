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

/// Most entries and citations of a pack, and bytes of one text.
const MOST: usize = 5_000;
const LONGEST: usize = 1_000;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TelemedicineEntry)]
pub struct Entry {
    /// Generic name, lower case.
    pub name: String,
    /// On which list.
    pub list: List,
    /// Key of the citation that says so.
    pub cite: String,
    /// Only in these forms; none for all.
    #[serde(default)]
    pub forms: Vec<String>,
}

/// Where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TelemedicineCitation)]
pub struct Citation {
    /// As entries name it.
    pub key: String,
    /// Title, date, section.
    pub text: String,
}

/// Lists as they are handed on: a file that a clinic loads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TelemedicinePack)]
pub struct Written {
    /// Which lists they are, such as the date of the guidelines.
    pub version: String,
    /// What whoever loads them should know.
    #[serde(default)]
    pub note: String,
    /// Where entries are written.
    pub citations: Vec<Citation>,
    /// Medicines and their lists.
    pub entries: Vec<Entry>,
}

/// Why a pack is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("The lists of telemedicine: {0}.")]
pub struct BadPack(String);

/// The lists.
#[derive(Debug, Clone, Default)]
pub struct Pack {
    written: Written,
    citations: HashMap<String, String>,
}

static OWN: LazyLock<Pack> = LazyLock::new(|| {
    let written = serde_json::from_slice(include_bytes!("telemedicine.json")).unwrap_or_default();
    Pack::of(written).unwrap_or_default()
});

impl Pack {
    /// The lists that the box brings.
    pub fn own() -> &'static Pack {
        &OWN
    }

    /// Lists to go by.
    ///
    /// # Errors
    /// [`BadPack`] when there is too much, they name a form that does not exist, or an entry names no source.
    pub fn of(written: Written) -> Result<Pack, BadPack> {
        if written.entries.len() > MOST || written.citations.len() > MOST {
            return Err(BadPack(format!("there are more than {MOST} entries or citations")));
        }
        let texts = written.citations.iter().flat_map(|one| [&one.key, &one.text]);
        let texts = texts.chain(written.entries.iter().flat_map(|one| [&one.name, &one.cite]));
        if texts.chain([&written.version]).any(|text| text.trim().is_empty() || text.len() > LONGEST) {
            return Err(BadPack(format!("a text is empty or longer than {LONGEST} bytes")));
        }
        if written.version.len() > 60 || written.note.len() > LONGEST {
            return Err(BadPack("the version has at most 60 bytes, the note 1000".to_owned()));
        }
        let citations: HashMap<String, String> =
            written.citations.iter().map(|one| (one.key.clone(), one.text.clone())).collect();
        for entry in &written.entries {
            if !citations.contains_key(&entry.cite) {
                return Err(BadPack(format!("\"{}\" names no source", entry.name)));
            }
            if entry.forms.iter().any(|form| Form::read(form).is_none()) {
                return Err(BadPack(format!("a form of \"{}\" is not known", entry.name)));
            }
        }
        Ok(Pack { written, citations })
    }

    /// Which lists they are.
    pub fn version(&self) -> &str {
        &self.written.version
    }

    /// As they are handed on.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// On which list a line's medicine stands in its form, and where that is written. Only the very medicine counts: a
    /// combination with another one is another medicine.
    pub fn find(&self, line: &Line) -> Option<(List, &str)> {
        let name = line.generic.to_lowercase();
        let fits = |entry: &&Entry| {
            let form = |form: &String| Form::read(form) == line.form;
            entry.name == name && (entry.forms.is_empty() || entry.forms.iter().any(form))
        };
        let entry = self.written.entries.iter().find(fits)?;
        Some((entry.list, self.citations.get(&entry.cite).map(String::as_str).unwrap_or_default()))
    }

    /// On which list a medicine stands in any of its forms, for those who choose.
    pub fn any_form(&self, name: &str) -> Option<List> {
        self.written.entries.iter().find(|entry| entry.name == name).map(|entry| entry.list)
    }

    /// Whether a substance must never be given at a distance; a combination is as prohibited as what is in it.
    pub fn prohibits(&self, substance: &str) -> Option<&str> {
        let prohibited = |entry: &&Entry| entry.list == List::Prohibited && entry.name == substance;
        let entry = self.written.entries.iter().find(prohibited)?;
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
        let pack = Pack::of(serde_json::from_slice(include_bytes!("telemedicine.json")).unwrap()).unwrap();
        assert!(pack.written.entries.len() > 40, "{}", pack.written.entries.len());
        for entry in &pack.written.entries {
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
    fn what_is_wrong_with_a_pack_is_said() {
        let fine = r#"{"version":"1","citations":[{"key":"y","text":"Gazette 1"}],
            "entries":[{"name":"x","list":"O","cite":"y","forms":["tab"]}]}"#;
        let of = |text: &str| {
            let written = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Pack::of(written).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(of(fine), Ok(()));
        for (wrong, expected) in [
            (fine.replace("\"cite\":\"y\"", "\"cite\":\"z\""), "no source"),
            (fine.replace("tab", "brick"), "form"),
            (fine.replace("Gazette 1", " "), "empty"),
            (fine.replace("\"O\"", "\"C\""), "unknown variant"),
            (fine.replace("Gazette", &"G".repeat(LONGEST)), "longer"),
        ] {
            assert!(of(&wrong).unwrap_err().contains(expected), "{wrong}");
        }
    }
}
