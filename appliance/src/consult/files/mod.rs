//! Files of a consultation: photos and documents that patient, doctor and nurse hand each other in its room.
//!
//! Owns who may send and read them, how many, and that each is whole or not there (`docs/decisions/0208-*.md`): its content lies
//! in a sealed blob, its row beside it, and in the same unit of work a DocumentReference and a Communication, so that it stands in
//! the record and in the order of the chat. Leaves to others: what a file is and whether it is taken (`gateway::files`), the bytes
//! of blobs (`vault::blob`), telling whoever is in the room (`room`).

mod desk;
mod kept;
mod record;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clinicvault_vault::Snapshot;

pub use desk::{Given, Sent};
pub use kept::{MOST_FILES, MOST_TOGETHER};
pub(in crate::consult) use record::url;

use super::Consult;
use crate::records::error::Error;

/// Blobs that are being laid down: their rows are not there yet.
#[derive(Default)]
pub struct Coming(Mutex<HashSet<String>>);

impl Coming {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Knows which blobs are files. While it is held no new one begins, so whoever sweeps asks it, and takes its snapshot after it.
pub struct Shelf<'a>(MutexGuard<'a, HashSet<String>>);

impl Shelf<'_> {
    /// Whether this blob is a file's.
    ///
    /// # Errors
    /// What reading answers.
    pub fn keeps(&self, snapshot: &Snapshot, blob: &str) -> Result<bool, Error> {
        Ok(self.0.contains(blob) || kept::is_kept(snapshot, blob)?)
    }
}

impl Consult {
    /// Which blobs are files, for whoever sweeps.
    pub fn shelf(&self) -> Shelf<'_> {
        Shelf(self.0.coming.lock())
    }
}
