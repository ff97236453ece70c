//! A row of the outbox as it is stored: what is known of a message and what came of each attempt.
//!
//! The bytes to send are the row's load and never change: what is sent again is what was sent before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exchange::body;

/// Attempts that a row lists, the newest; all are counted.
const MOST_ATTEMPTS: usize = 50;

/// Where a row is on its way. Numbers are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be sent, or to be sent again.
    Waiting,
    /// The receiver has it; what came of it is to be told later (enhanced mode).
    Accepted,
    /// Done.
    Sent,
    /// The receiver does not want it: a person has to look.
    Failed,
    /// Put aside by a person.
    Discarded,
    /// Another version of it was sent in its place.
    Replaced,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Waiting, Self::Accepted, Self::Sent, Self::Failed, Self::Discarded, Self::Replaced];

    /// The stored number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Accepted => 1,
            Self::Sent => 2,
            Self::Failed => 3,
            Self::Discarded => 4,
            Self::Replaced => 5,
        }
    }

    /// The state of a stored number.
    pub fn of(number: u8) -> Self {
        Self::ALL.into_iter().find(|state| state.number() == number).unwrap_or(Self::Discarded)
    }

    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Discarded => "discarded",
            Self::Replaced => "replaced",
        }
    }

    /// The state of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What a row holds. Names are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// A message of HL7 v2.
    #[default]
    Er7,
    /// A FHIR transaction bundle.
    Bundle,
    /// A FHIR notification bundle.
    Notice,
    /// A FHIR record.
    Record,
}

impl Form {
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Er7 => "application/hl7-v2",
            Self::Bundle | Self::Notice | Self::Record => "application/fhir+json",
        }
    }

    /// In words for a person.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Er7 => "a message of HL7 v2",
            Self::Bundle => "a FHIR transaction",
            Self::Notice => "a FHIR notification",
            Self::Record => "a FHIR record",
        }
    }
}

/// The lane of messages about two patients: after all that came before, and before all that comes later.
pub const FENCE: &str = "*";

/// One attempt to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `taken`, `accepted`, `refused` (AE, CE; a status 3xx or 4xx), `rejected` (AR, CR; a status 408, 425, 429 or 5xx),
    /// `notSent`, `noAnswer`, `unfit` (the destination cannot take it), `loop` (it has gone there before).
    pub outcome: String,
    /// MSA-1, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the answer said, or what stood in the way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// What is known of a message.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Facts {
    /// Channel and destination: `to-hospital/his`.
    pub destination: String,
    /// Whose messages keep their order.
    pub lane: String,
    /// The other names under which its patient is known: it waits for what came before it under any of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// MSH-9, such as `ADT^A08`; the type of a FHIR record.
    pub kind: String,
    /// What it is.
    pub form: Form,
    /// MSH-10, or what names it in its place.
    pub control_id: String,
    /// The patient it is about, by logical id.
    pub patient: Option<String>,
    /// What caused it: a version of a record, `Patient/p1/_history/2`, or a row of the inbox, `inbox/7`.
    pub cause: String,
    /// Attempts so far.
    pub count: u32,
    /// The newest of them.
    pub attempts: Vec<Attempt>,
    /// Who put it aside or replaced it, and why.
    pub settled: Option<(String, String)>,
    /// The row that it stands in for.
    pub replaces: Option<u64>,
    /// The row that stands in for it.
    pub replaced_by: Option<u64>,
}

/// Shows the shape only.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Facts({} to {}, {} attempts)", self.kind, self.destination, self.count)
    }
}

impl Facts {
    /// Adds an attempt.
    pub fn tried(&mut self, attempt: Attempt) {
        self.count = self.count.saturating_add(1);
        self.attempts.push(attempt);
        let over = self.attempts.len().saturating_sub(MOST_ATTEMPTS);
        self.attempts.drain(..over);
    }
}

/// The stored body of a row; the message is its load.
pub fn encode(facts: &Facts) -> Result<Vec<u8>, serde_json::Error> {
    body::encode(facts, &[])
}

/// The facts of a stored body; `None` when it is of no known form.
pub fn decode(body: &[u8]) -> Option<Facts> {
    body::decode(body).map(|(facts, _)| facts)
}
