//! What a note can take from an accepted transcript: suggestions, each with the passage, the time and the exact words that it
//! comes from. Transparent rules and no model (decision 0204); nothing here enters a record, a doctor takes a suggestion over
//! or leaves it.

mod extract;
mod medicines;
mod numbers;
mod tokens;
mod vitals;

pub use extract::{Passage, extract, passages};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NoteSpeaker)]
pub enum Speaker {
    /// The consultation's doctor.
    Doctor,
    /// The patient, or who speaks for him.
    Patient,
    /// Anybody else, or a microphone of the room.
    Other,
}

/// A suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NoteSuggestion)]
pub struct Suggestion {
    /// Its name within one finding: `x1`.
    pub id: String,
    /// Where it belongs: a section, `vital.bp` and the like, `medicine`, `duration`, `followUp`, `allergy`.
    pub field: String,
    /// What it says: for a section its words, for a medicine a line of a prescription.
    pub value: String,
    /// UCUM unit of a vital sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Number of the transcript's line, from 0.
    pub passage: usize,
    /// Start of that line, ms.
    pub start: u64,
    /// Its end, ms.
    pub end: u64,
    /// Who said it.
    pub speaker: Speaker,
    /// The exact words.
    pub words: String,
}

/// Everything that was found in a transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = NoteExtraction)]
pub struct Extraction {
    /// In the order in which it was said.
    pub suggestions: Vec<Suggestion>,
    /// Whether more was said than is looked at.
    pub cut: bool,
}
