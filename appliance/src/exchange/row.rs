//! A row of the inbox as it is stored: what is known of a message. The message itself is the row's load.
//! The bytes are kept, so that a message that was read wrongly stays repairable, for ever or as long as its channel says.

use clinicvault_gateway::hl7::Problem;
use clinicvault_gateway::map::MappingReport;
use clinicvault_gateway::map::analyser::TestCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;

/// Most places that a row lists; the message itself keeps all of them.
const MOST_PLACES: usize = 1_000;
/// Longest text of such a place, in characters.
const MOST_TEXT: usize = 500;

/// Where a row is on its way. Numbers are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Committed, not yet applied.
    Received,
    /// In the record.
    Applied,
    /// Waits for a person.
    Held,
    /// Refused by the box; the sender was told.
    Refused,
    /// Put aside by a person.
    Dismissed,
}

impl State {
    /// The stored number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Received => 0,
            Self::Applied => 1,
            Self::Held => 2,
            Self::Refused => 3,
            Self::Dismissed => 4,
        }
    }

    /// The state of a stored number.
    pub const fn of(number: u8) -> Self {
        match number {
            0 => Self::Received,
            1 => Self::Applied,
            2 => Self::Held,
            3 => Self::Refused,
            _ => Self::Dismissed,
        }
    }

    /// The word that the screen translates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Applied => "applied",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Dismissed => "dismissed",
        }
    }
}

/// What is known of a message.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Facts {
    /// The sending facility, or application where there is none.
    pub sender: String,
    /// The channel it came through; empty for the listener of the settings.
    pub through: String,
    /// The wire it came over, such as `mllps`; empty in rows of an older program.
    pub wire: String,
    /// `MSH-3|MSH-4`, as settings name a sender.
    pub channel: String,
    /// MSH-10 as text.
    pub control_id: String,
    /// MSH-9, such as `ORU^R01`; empty when unreadable.
    pub kind: String,
    /// MSH-12.
    pub version: String,
    /// The peer's address.
    pub peer: String,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The connection it came over and when the room that held it was opened; of use only to that room.
    pub connection: (i64, u64),
    /// MSA-1 of the answer, when one was wanted.
    pub answered: Option<String>,
    /// Key of the row's title for the screen.
    pub title: String,
    /// Number of result values, when there are any.
    pub values: Option<u32>,
    /// The patient as the message names it.
    pub person: Option<String>,
    /// The patient's further numbers as keys of order, beside the row's partition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What is odd about it, one sentence each.
    pub warnings: Vec<String>,
    /// Why it was refused.
    pub problem: Option<Fault>,
    /// Why it waits for a person.
    pub held: Option<Held>,
    /// The patient it was applied to.
    pub patient: Option<String>,
    /// What it wrote.
    pub stored: Vec<Written>,
    /// Fields without a place in the record.
    pub unmapped: Vec<(String, String)>,
    /// Codes that no table knew.
    pub unknown_codes: Vec<(String, String)>,
    /// Number of places that were used.
    pub used: usize,
    /// Who settled it, and why if it was put aside.
    pub settled: Option<Settled>,
    /// The application acknowledgement of enhanced mode, and whether the peer was there to hear it.
    pub later: Option<Later>,
    /// What is known of the analyser that it came from; `None` for HL7 v2.
    pub line: Option<LineFacts>,
    /// What happened to it since it came, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub course: Vec<Moment>,
    /// When what it said was removed, because its channel keeps messages no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Timestamp>,
    /// It is a FHIR message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fhir: bool,
    /// The refused row that it was taken up again from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replays: Option<u64>,
    /// The row as which it was taken up again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_as: Option<u64>,
}

impl Facts {
    /// Notes when something happened to it; the last [`MOST_MOMENTS`] are kept.
    pub fn happened(&mut self, what: Happened, at: Timestamp) {
        if self.course.len() >= MOST_MOMENTS {
            self.course.remove(0);
        }
        self.course.push(Moment { what, at });
    }

    /// What stays when the message is removed: where it came from, what was done with it and what it made.
    pub fn without_content(&self, now: Timestamp) -> Self {
        Self {
            person: None,
            also: Vec::new(),
            warnings: Vec::new(),
            unmapped: Vec::new(),
            unknown_codes: Vec::new(),
            problem: self.problem.clone().map(|fault| Fault { reason: String::new(), ..fault }),
            held: self.held.clone().map(|held| Held { detail: None, ..held }),
            removed: Some(now),
            ..self.clone()
        }
    }
}

/// Most moments of a message: one that is held again and again keeps its last ones.
const MOST_MOMENTS: usize = 32;

/// What can happen to a message after it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Happened {
    /// It was put before a person.
    Held,
    /// A person decided.
    Settled,
    /// It is in the record.
    Applied,
    /// Its sender got the answer that waited for the record.
    Answered,
    /// Its sender was there to hear the application's answer.
    Heard,
}

/// Something that happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moment {
    /// What.
    pub what: Happened,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// How an analyser's records are read: what its channel said when they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LineFacts {
    /// `tcp` or `serial`.
    pub wire: String,
    /// The component of O-3 that holds the sample number, from 1.
    pub sample: u16,
    /// An order is found by its sample number for so many days.
    pub days: u16,
    /// Name of the character set; without one the bytes decide.
    pub charset: Option<String>,
    /// What the test codes in it mean.
    pub codes: Vec<LineCode>,
    /// It is text of a printer's port.
    pub printout: bool,
}

/// What one test code means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCode {
    /// As the analyser sends it.
    pub local: String,
    /// The code system.
    pub system: String,
    /// The code there.
    pub code: String,
    /// Its display.
    pub display: String,
}

impl From<&TestCode> for LineCode {
    fn from(known: &TestCode) -> Self {
        let TestCode { local, system, code, display } = known.clone();
        Self { local, system, code, display }
    }
}

impl From<&LineCode> for TestCode {
    fn from(kept: &LineCode) -> Self {
        let LineCode { local, system, code, display } = kept.clone();
        Self { local, system, code, display }
    }
}

/// Shows the shape only.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Facts({}, {} stored)", self.kind, self.stored.len())
    }
}

/// Why a message was refused, as the sender was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Segment with its occurrence, when one is to blame.
    pub segment: Option<String>,
    /// Field and component.
    pub field: Option<String>,
    /// Table 0357.
    pub code: String,
    /// What is wrong.
    pub reason: String,
}

impl From<&Problem> for Fault {
    fn from(problem: &Problem) -> Self {
        let place = problem.place.as_ref();
        let segment = place.map(|p| match p.occurrence {
            0 | 1 => p.segment.clone(),
            n => format!("{}[{n}]", p.segment),
        });
        let field = place.filter(|p| p.field > 0).map(|p| match p.component {
            0 => p.field.to_string(),
            c => format!("{}.{c}", p.field),
        });
        Self { segment, field, code: problem.code.number().to_owned(), reason: problem.reason.clone() }
    }
}

/// Why a message waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// `unknownPatient`, `unknownSample`, `looksAlike`, `conflict`, `noIdentifier`, `printout` or `cannotStore`.
    pub why: String,
    /// For `cannotStore`: which rule stood in the way.
    pub detail: Option<String>,
}

/// A version of a record that a message wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Type.
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// Version.
    pub version: u64,
    /// The entry of the mapped bundle it came from; links of the map refer to it.
    pub entry: Option<usize>,
}

/// What a person did about a held message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The account.
    pub by: String,
    /// Why it was put aside.
    pub reason: Option<String>,
}

/// An application acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// MSA-1.
    pub code: String,
    /// The peer was connected when it was ready.
    pub heard: bool,
}

impl Facts {
    /// Takes over what the map has to say.
    pub fn report(&mut self, report: &MappingReport) {
        let pairs = |all: &[clinicvault_gateway::map::report::Unmapped]| {
            let shown = |u: &clinicvault_gateway::map::report::Unmapped| {
                (u.path.clone(), u.value.chars().take(MOST_TEXT).collect())
            };
            all.iter().take(MOST_PLACES).map(shown).collect()
        };
        let more = report.unmapped.len().saturating_sub(MOST_PLACES);
        if more > 0 {
            self.warnings
                .push(format!("{more} more places are not used; the message as received shows them."));
        }
        self.unmapped = pairs(&report.unmapped);
        self.unknown_codes = pairs(&report.unknown_codes);
        self.used = report.used;
        for warning in report.warnings.iter().take(MOST_PLACES) {
            let text = format!("{}: {}", warning.path, warning.text);
            if !self.warnings.contains(&text) {
                self.warnings.push(text);
            }
        }
    }
}

/// The stored body of a row; `message` for one that carries its bytes itself.
pub fn encode(facts: &Facts, message: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    body::encode(facts, message)
}

/// The facts and the message of a stored body; `None` when it is of no known form.
pub fn decode(body: &[u8]) -> Option<(Facts, &[u8])> {
    body::decode(body)
}

/// The keys of order that a stored body holds beside its row's partition.
pub fn also(body: &[u8]) -> Vec<String> {
    decode(body).map(|(facts, _)| facts.also).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        let facts = Facts { kind: "ORU^R01".into(), values: Some(3), ..Facts::default() };
        let body = encode(&facts, b"MSH|^~\\&|\xff").unwrap();
        let (back, message) = decode(&body).unwrap();
        assert_eq!(
            (back.kind.as_str(), back.values, message),
            ("ORU^R01", Some(3), b"MSH|^~\\&|\xff".as_slice())
        );
        for cut in 0..body.len() - 10 {
            assert!(decode(&body[..cut]).is_none());
        }
        assert!(decode(&[2, 0, 0, 0, 0]).is_none());
    }
}
