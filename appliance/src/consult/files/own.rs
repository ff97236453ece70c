//! What a patient's own page shows of files: those of all consultations, with who handed each over.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::kept;
use super::record;
use crate::consult::Consult;
use crate::consult::desk::patient;
use crate::consult::kept::{Docs, MOST_VISITS};
use crate::consult::room::protocol::ChatFile;
use crate::records::access::Actor;
use crate::records::error::Error;

/// A file in its patient's list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnFile {
    /// Of which consultation.
    pub consultation: String,
    /// When it was handed over.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The patient handed it over, not the clinic.
    pub own: bool,
    /// The file.
    #[serde(flatten)]
    pub file: ChatFile,
}

impl Consult {
    /// The files of this patient's consultations, the newest first. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everybody who is not a patient.
    pub fn own_files(&self, who: &Actor) -> Result<Vec<OwnFile>, Error> {
        let own = patient(who).ok_or_else(|| Error::NotFound("this patient".to_owned()))?;
        let snapshot = self.records().vault().snapshot()?;
        let mut all = Vec::new();
        for row in snapshot.rows_of(own.as_str(), MOST_VISITS)? {
            let found = kept::all(&snapshot, &row.id)?;
            all.extend(found.iter().map(|file| OwnFile {
                consultation: row.id.clone(),
                at: file.at,
                own: file.by == row.patient,
                file: record::told(file),
            }));
        }
        all.sort_by_key(|one| std::cmp::Reverse(one.at));
        Ok(all)
    }
}
