//! Blobs that a consultation is writing now: files and recordings whose rows are not there yet. Whoever sweeps leaves them alone.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clinicvault_vault::{BlobError, BlobId, BlobWriter, Snapshot};

use super::{Consult, files, recordings};
use crate::records::error::Error;

/// The names of blobs that grow.
#[derive(Debug, Default)]
pub(super) struct Growing(Mutex<HashSet<String>>);

impl Growing {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this one does.
    pub(super) fn has(&self, blob: &str) -> bool {
        self.lock().contains(blob)
    }

    /// Its row is there, or it is gone.
    pub(super) fn ended(&self, blob: &str) {
        self.lock().remove(blob);
    }
}

/// Knows which blobs belong to consultations. While it is held no new one begins, so whoever sweeps asks for it, and takes the
/// snapshot after it.
pub struct Belongings<'a>(MutexGuard<'a, HashSet<String>>);

impl Belongings<'_> {
    /// Whether this blob is a file's or a recording's.
    ///
    /// # Errors
    /// What reading answers.
    pub fn has(&self, snapshot: &Snapshot, blob: &str) -> Result<bool, Error> {
        Ok(self.0.contains(blob)
            || files::is_kept(snapshot, blob)?
            || recordings::kept::has_blob(snapshot, blob)?)
    }
}

impl Consult {
    /// Which blobs belong to consultations, for whoever sweeps.
    pub fn belongings(&self) -> Belongings<'_> {
        Belongings(self.0.growing.lock())
    }

    /// Begins a blob that a sweep leaves alone until [`Growing::ended`].
    pub(super) fn grow(&self, patient: &str) -> Result<BlobWriter, Error> {
        let mut growing = self.0.growing.lock();
        let blob = self.records().vault().new_blob(patient).map_err(unwritten)?;
        growing.insert(blob.id().to_string());
        Ok(blob)
    }

    /// Takes a blob away that nothing refers to.
    pub(super) fn forget_blob(&self, blob: &BlobId) {
        if let Err(error) = self.records().vault().remove_blob(blob) {
            // The next start sweeps it away.
            tracing::warn!(op = "blob", %error, "content that nothing refers to still lies there");
        }
    }
}

/// Why a blob of a consultation could not be written or read.
pub(super) fn unwritten(error: BlobError) -> Error {
    match error {
        BlobError::Full => Error::NoRoom,
        error => Error::Fault(error.to_string()),
    }
}
