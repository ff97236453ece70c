//! What can hear: a trait, so that another engine can be added, and so that tests need no model.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::speech::{Samples, Segment};

/// A model as an engine is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Model {
    /// Its name, for provenance.
    pub name: String,
    /// Its hash, for provenance.
    pub sha256: String,
    /// Its file, checked.
    pub path: PathBuf,
}

/// How thoroughly to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// A caption that the next one replaces: a short window, no second try.
    Partial,
    /// The caption that stays until the final pass: the whole window, no second try.
    Committed,
    /// The transcript: the whole window, several candidates, other temperatures where the first fails.
    Final {
        /// Candidates; 1 takes the likeliest word each time.
        beam: u8,
    },
}

/// Something to be heard.
#[derive(Clone)]
pub struct Request {
    /// With which model.
    pub model: Model,
    /// How.
    pub care: Care,
    /// Two letters. Never guessed: on short pieces a guess flips.
    pub language: String,
    /// Words that may well come, as one line; empty for none.
    pub prompt: String,
    /// At most 30 s.
    pub samples: Samples,
    /// How long it may take.
    pub limit: Duration,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("model", &self.model.name)
            .field("care", &self.care)
            .field("language", &self.language)
            .field("prompt", &self.prompt.len())
            .field("samples", &self.samples)
            .finish()
    }
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// In order of time.
    pub segments: Vec<Segment>,
    /// Processor time that it took.
    pub cpu: Duration,
}

/// Why nothing was heard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// It took longer than it may.
    #[error("the transcription worker gave no answer in time and was ended")]
    Late,
    /// The worker ended.
    #[error("the transcription worker ended: {0}")]
    Ended(String),
    /// The worker said what it must not.
    #[error("the transcription worker does not keep to the protocol: {0}")]
    Broken(String),
    /// The worker says that it cannot.
    #[error("the transcription worker could not do it: {0}")]
    Refused(String),
    /// There is no worker, or it does not start.
    #[error("there is no transcription worker: {0}")]
    Absent(String),
}

/// Hears.
pub trait Engine: Send {
    /// What was said.
    ///
    /// # Errors
    /// When it could not be heard, after whatever the engine tries by itself.
    fn hear(&mut self, request: &Request) -> Result<Heard, EngineError>;

    /// How likely each frame of 32 ms holds speech; the state of the detector begins anew with each call.
    ///
    /// # Errors
    /// As [`Engine::hear`].
    fn voice(&mut self, samples: &Samples) -> Result<Vec<f32>, EngineError>;

    /// Gives memory back until the next job.
    fn rest(&mut self) {}
}
