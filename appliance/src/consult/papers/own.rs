//! What a patient sees of his own: the papers that were signed for him, and who looked at his record.

use serde::Serialize;
use utoipa::ToSchema;

use super::addenda::{self, Addendum};
use super::kept::Papers;
use super::note::Written;
use super::prescription::Prescription;
use super::view::SignedDoc;
use crate::consult::Consult;
use crate::consult::desk::patient;
use crate::consult::kept::{Docs, MOST_VISITS};
use crate::records::access::Actor;
use crate::records::access_log::AccessRow;
use crate::records::error::Error;

/// A signed paper in its patient's list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnPaper {
    /// Of which consultation.
    pub consultation: String,
    /// The paper.
    #[serde(flatten)]
    pub paper: SignedDoc,
}

/// What was added to an own consultation after its end.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnAddendum {
    /// To which consultation.
    pub consultation: String,
    /// What was added.
    #[serde(flatten)]
    pub addendum: Addendum,
}

/// What doctors gave a patient in writing.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnPapers {
    /// What was signed, the newest first.
    pub papers: Vec<OwnPaper>,
    /// What was added after the end of a consultation, the newest first.
    pub addenda: Vec<OwnAddendum>,
}

impl Consult {
    /// What was signed for this patient, and what was added to consultations after their end, each the newest first. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everybody who is not a patient.
    pub fn own_papers(&self, who: &Actor) -> Result<OwnPapers, Error> {
        let own = patient(who).ok_or_else(|| Error::NotFound("this patient".to_owned()))?;
        let snapshot = self.records().vault().snapshot()?;
        let (mut papers, mut added) = (Vec::new(), Vec::new());
        for row in snapshot.rows_of(own.as_str(), MOST_VISITS)? {
            let note = snapshot.paper::<Written>(&row.id)?.map(|paper| paper.signed);
            let prescription = snapshot.paper::<Prescription>(&row.id)?.map(|paper| paper.signed);
            for id in note.into_iter().chain(prescription).flatten() {
                let paper = SignedDoc::of(&snapshot.signed(&id)?);
                papers.push(OwnPaper { consultation: row.id.clone(), paper });
            }
            let found = addenda::of(&snapshot, &row)?.into_iter();
            added.extend(found.map(|addendum| OwnAddendum { consultation: row.id.clone(), addendum }));
        }
        papers.sort_by_key(|one| std::cmp::Reverse(one.paper.at));
        added.sort_by_key(|one| std::cmp::Reverse(one.addendum.at));
        Ok(OwnPapers { papers, addenda: added })
    }

    /// Who looked at this patient's record or changed it, the newest first; what the patient does is left out. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everybody who is not a patient.
    pub fn own_access_log(&self, who: &Actor) -> Result<Vec<AccessRow>, Error> {
        let own = patient(who).ok_or_else(|| Error::NotFound("this patient".to_owned()))?;
        self.records().own_access_log(who, own.as_str())
    }
}
