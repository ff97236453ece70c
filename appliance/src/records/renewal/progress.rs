//! What the vault keeps of a renewal: by what records are indexed, and how far that is.

use clinicvault_vault::{Rid, Snapshot, Unit};
use serde::{Deserialize, Serialize};

use super::super::error::Error;
use crate::collections::SETTINGS;

/// Key of the document.
const KEY: &[u8] = b"search index 2";
/// Key of the same in programs that did not note that they had taken over. One that opens a vault of ours finds nothing
/// under it, indexes everything its own way and writes it; so it stands there only after such a program.
const KEY_BEFORE: &[u8] = b"search index";
/// Most records that could not be indexed whose numbers are kept; more are only counted.
const MOST_NAMED: usize = 1_000;

/// How far the index is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What records are indexed by, and what the program that had the vault last indexes by.
    pub version: u32,
    /// The first record that has not been looked at.
    pub next: u64,
    /// Whether all have been.
    pub done: bool,
    /// Number and version of each record that keeps the terms it had, because it cannot be read or would have too many.
    #[serde(default)]
    pub skipped: Vec<(u64, u64)>,
    /// How many more there are than [`MOST_NAMED`].
    #[serde(default)]
    pub skipped_more: u64,
    /// Which words they are indexed by.
    #[serde(default)]
    pub words: String,
    /// The unit in which the last record was looked at.
    #[serde(default)]
    pub finished: u64,
}

impl Progress {
    /// What is kept; none when nothing is.
    pub fn read(snapshot: &Snapshot) -> Result<Option<Self>, Error> {
        let Some(bytes) = snapshot.doc_get(SETTINGS, KEY)? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|_| Error::Damaged("the progress of the search index".to_owned()))
    }

    /// Keeps it; what a program from before kept is gone.
    pub fn keep(&self, unit: &mut Unit<'_>) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Fault(error.to_string()))?;
        unit.doc_put(SETTINGS, KEY, &bytes)?;
        if unit.doc_get(SETTINGS, KEY_BEFORE)?.is_some() {
            unit.doc_delete(SETTINGS, KEY_BEFORE)?;
        }
        Ok(())
    }

    /// Notes a record that keeps the terms it had.
    pub fn skip(&mut self, rid: Rid, version: u64) {
        if self.skipped.len() < MOST_NAMED {
            self.skipped.push((rid.0, version));
        } else {
            self.skipped_more += 1;
        }
    }

    /// How many of the skipped still stand as they did. Whatever has been written since has its terms.
    pub fn left_out(&self, snapshot: &Snapshot) -> Result<u64, Error> {
        let mut left = self.skipped_more;
        for (rid, version) in &self.skipped {
            let head = snapshot.head_of(Rid(*rid))?;
            left += u64::from(head.is_some_and(|head| head.version == *version && !head.deleted));
        }
        Ok(left)
    }
}

/// Whether a program that does not note that it has taken over had the vault since.
pub fn is_from_before(snapshot: &Snapshot) -> Result<bool, Error> {
    Ok(snapshot.doc_get(SETTINGS, KEY_BEFORE)?.is_some())
}

/// What a program from before keeps.
#[cfg(test)]
pub fn keep_before(unit: &mut Unit<'_>) -> Result<(), Error> {
    Ok(unit.doc_put(SETTINGS, KEY_BEFORE, br#"{"version":4,"next":9,"done":true}"#)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_indexed_is_named_up_to_a_bound_and_counted_beyond() {
        let old = r#"{"version":3,"next":7,"done":true}"#;
        let mut progress: Progress = serde_json::from_str(old).unwrap();
        for rid in 0..MOST_NAMED as u64 + 2 {
            progress.skip(Rid(rid), 1);
        }
        assert_eq!((progress.skipped.len(), progress.skipped_more), (MOST_NAMED, 2));
    }
}
