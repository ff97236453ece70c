//! Note and prescription of a consultation: written as drafts, signed by the consultation's doctor, kept as they were signed.
//!
//! `paper` is what a draft is and how it moves, pure; `note` and `prescription` what stands in one; `kept` how they lie in the
//! vault; `desk` reads and keeps them, `sign` signs in one unit of work, `picture` says what that is in FHIR, `view` what a
//! screen gets, `addenda` what was added afterwards, `own` what the patient gets, `page` and `words` what is printed, `printing`
//! hands it out and verifies it. The grammar and the checks are `consult::prescribe`'s (decision 0203), what is found in a
//! transcript is `consult::note`'s (0204).

pub mod addenda;
pub mod desk;
pub(crate) mod kept;
pub mod note;
pub mod own;
mod page;
pub mod paper;
mod picture;
pub mod prescription;
pub mod printing;
pub mod sign;
pub mod view;
pub mod words;

pub use kept::Stands;
pub use page::Paper;

use super::Drafts;
use super::kept::Within;
use crate::records::error::Error;
use crate::records::unit::Work;
use kept::Papers;
use note::Written;
use prescription::Prescription;

/// Counts what is neither signed nor discarded.
pub(super) struct Unsigned;

impl Drafts for Unsigned {
    fn open(&self, work: &Work<'_, '_>, consultation: &str) -> Result<usize, Error> {
        let reader = Within(work);
        let note = reader.paper::<Written>(consultation)?.is_some_and(|paper| paper.is_open());
        let lines = reader.paper::<Prescription>(consultation)?.is_some_and(|paper| paper.is_open());
        Ok(usize::from(note) + usize::from(lines))
    }
}
