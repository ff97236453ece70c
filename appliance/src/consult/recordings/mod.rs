//! Recordings of calls: kept sealed while they are made, played by the doctors of the consultation, deleted by the owner (0212).
//!
//! Owns the rows ([`kept`]), the writing of files in pieces and the mending of what was cut short (`keep`), and who sees and
//! plays what ([`view`]). Leaves to others: consent and when it runs (`room::recorder`), making the pieces
//! (`clinicvault-media`), ranges and bytes on the wire (`http::recordings`).

mod keep;
pub mod kept;
pub mod view;

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;

pub use keep::Sitting;
pub use kept::Person;

/// What of recordings is known only while the box runs.
#[derive(Debug)]
pub struct Recordings {
    allowed: bool,
    /// When somebody last began to play something: actor and recording.
    played: Mutex<HashMap<(String, String), Timestamp>>,
}

impl Recordings {
    /// None yet; whether the clinic lets calls be recorded.
    pub fn new(allowed: bool) -> Recordings {
        Recordings { allowed, played: Mutex::default() }
    }

    /// Whether the clinic lets calls be recorded.
    pub fn are_allowed(&self) -> bool {
        self.allowed
    }
}
