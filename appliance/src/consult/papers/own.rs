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
use crate::consult::kept::Docs;
use crate::records::access::Actor;
use crate::records::access_log::AccessRow;
use crate::records::error::Error;

/// Consultations that are looked through for papers.
const MOST_VISITS: usize = 200;

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

impl Consult {
    /// What was signed for this patient, the newest first. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everybody who is not a patient.
    pub fn own_papers(&self, who: &Actor) -> Result<Vec<OwnPaper>, Error> {
        let own = patient(who).ok_or_else(|| Error::NotFound("this patient".to_owned()))?;
        let snapshot = self.records().vault().snapshot()?;
        let mut papers = Vec::new();
        for row in snapshot.rows_of(own.as_str(), MOST_VISITS)? {
            let note = snapshot.paper::<Written>(&row.id)?.map(|paper| paper.signed);
            let prescription = snapshot.paper::<Prescription>(&row.id)?.map(|paper| paper.signed);
            for id in note.into_iter().chain(prescription).flatten() {
                let paper = SignedDoc::of(&snapshot.signed(&id)?);
                papers.push(OwnPaper { consultation: row.id.clone(), paper });
            }
        }
        papers.sort_by_key(|one| std::cmp::Reverse(one.paper.at));
        Ok(papers)
    }

    /// What was added to consultations of this patient after their end, the newest first. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everybody who is not a patient.
    pub fn own_addenda(&self, who: &Actor) -> Result<Vec<OwnAddendum>, Error> {
        let own = patient(who).ok_or_else(|| Error::NotFound("this patient".to_owned()))?;
        let snapshot = self.records().vault().snapshot()?;
        let mut all = Vec::new();
        for row in snapshot.rows_of(own.as_str(), MOST_VISITS)? {
            let found = addenda::of(&snapshot, &row)?.into_iter();
            all.extend(found.map(|addendum| OwnAddendum { consultation: row.id.clone(), addendum }));
        }
        all.sort_by_key(|one| std::cmp::Reverse(one.addendum.at));
        Ok(all)
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
