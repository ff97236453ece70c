//! Recordings of calls: kept sealed while they are made, played by the doctors of the consultation, deleted by the owner (0212).
//!
//! Owns the rows ([`kept`]), the writing of files in pieces and the mending of what was cut short (`keep`), and who sees and
//! plays what ([`view`]). Leaves to others: consent and when it runs (`room::recorder`), making the pieces
//! (`clinicvault-media`), ranges and bytes on the wire (`http::recordings`).

mod keep;
pub mod kept;
pub mod view;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clinicvault_vault::Snapshot;
use jiff::Timestamp;

use super::Consult;
use crate::records::error::Error;

pub use keep::Sitting;
pub use kept::Person;

/// What of recordings is known only while the box runs.
#[derive(Debug)]
pub struct Recordings {
    allowed: bool,
    /// Blobs that grow now.
    growing: Mutex<HashSet<String>>,
    /// When somebody last began to play something: actor and recording.
    played: Mutex<HashMap<(String, String), Timestamp>>,
}

impl Recordings {
    /// None yet; whether the clinic lets calls be recorded.
    pub fn new(allowed: bool) -> Recordings {
        Recordings { allowed, growing: Mutex::default(), played: Mutex::default() }
    }

    /// Whether the clinic lets calls be recorded.
    pub fn are_allowed(&self) -> bool {
        self.allowed
    }

    /// Blobs that grow now. Held while one is made, so that whoever holds it sees either neither file nor name, or both.
    fn growing(&self) -> MutexGuard<'_, HashSet<String>> {
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blobs that belong to recordings, for whoever removes those that belong to nobody. No recording begins while it is held.
pub(crate) struct Reels<'a>(MutexGuard<'a, HashSet<String>>);

impl Reels<'_> {
    /// Whether this one does; the snapshot is from after the holding began.
    pub(crate) fn keeps(&self, snapshot: &Snapshot, blob: &str) -> Result<bool, Error> {
        Ok(self.0.contains(blob) || kept::has_blob(snapshot, blob)?)
    }
}

impl Consult {
    /// Holds the blobs of recordings as they are.
    pub(crate) fn reels(&self) -> Reels<'_> {
        Reels(self.recordings().growing())
    }
}
