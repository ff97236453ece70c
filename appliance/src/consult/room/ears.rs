//! What hears the people in a room: the seam between the call and whoever makes captions of speech.
//!
//! The room opens an [`Ear`] for one speaker once everybody who is heard has agreed (0201), hands it what is decoded, and drops
//! it when the speaker goes, somebody takes the consent back, or the call ends. Captions come back as [`CaptionEvent`]s; the room
//! shows them. Keeping transcripts is the matter of whoever hears.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// Samples a second of what an [`Ear`] is given, mono.
pub const RATE: u32 = 16_000;

/// What kind of person speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RoomPart)]
pub enum Part {
    /// The doctor whose consultation it is, or who is asked to take it over.
    Doctor,
    /// Others of the clinic who take part, such as a nurse.
    Staff,
    /// The patient, and whoever sits beside.
    Patient,
}

/// Who is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Account, or the patient's id.
    pub id: String,
    /// Name as shown.
    pub name: String,
    /// In which part.
    pub part: Part,
}

/// In which call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// The consultation, whose id is that of its Encounter.
    pub consultation: String,
    /// Whose it is.
    pub patient: String,
    /// The time at which `at_ms` is 0. A consultation in which nobody was left for a while has calls with other times.
    pub began: Timestamp,
    /// The patient's language, two letters.
    pub language: String,
}

/// Listens to one speaker until it is dropped.
pub trait Ear: Send {
    /// Hears samples whose first was spoken `at_ms` after the call began. Gaps between two calls are silence or losses. Must not
    /// block; who has no room drops what comes.
    fn hear(&mut self, at_ms: u64, samples: &[f32]);
}

/// Opens ears.
pub trait Ears: Send + Sync {
    /// An ear for one speaker. Everybody who is heard has agreed. `vocabulary` are words that may well come, such as names of
    /// medicines. What is heard is told to `told`; when it is full, partial captions may be left out, committed ones not. None
    /// when nothing can be heard now.
    fn open(
        &self,
        of: &Hearing,
        speaker: &Speaker,
        vocabulary: Vec<String>,
        told: mpsc::Sender<CaptionEvent>,
    ) -> Option<Box<dyn Ear>>;
}

/// How far a caption is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CaptionState {
    /// It goes on; the first words are firm.
    Partial,
    /// It stays.
    Committed,
    /// Nothing was heard live; the transcript will have it.
    Later,
}

/// One word of a caption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaptionWord {
    /// The word, with the space or sign before it that belongs to it.
    pub text: String,
    /// Why it wants a second look, as a code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub doubt: Option<String>,
}

/// A caption. A higher revision of the same speaker and id replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Caption {
    /// Who speaks ([`Speaker::id`]).
    pub speaker: String,
    /// One for each utterance of the call. Two ears of one speaker give other ones.
    pub id: u64,
    /// Grows with each change.
    pub revision: u32,
    /// Start, ms of the call.
    pub start_ms: u64,
    /// End so far, ms of the call.
    pub end_ms: u64,
    /// What was said.
    pub words: Vec<CaptionWord>,
    /// So many of the words stand.
    pub firm: usize,
    /// How far it is.
    pub state: CaptionState,
}

/// What whoever hears tells the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptionEvent {
    /// A caption is new or changes.
    Caption(Caption),
    /// Less is done live from now on, or as much as usual again (`all`, `commitsOnly`, `later`); screens say so.
    Level(String),
}
