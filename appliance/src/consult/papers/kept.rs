//! How papers lie in the vault: drafts by consultation and kind, what was signed by its id, and an index of the codes printed
//! on them.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::note::Written;
use super::paper::{Kind, Paper};
use super::prescription::Prescription;
use crate::collections::{PAPERS, SIGNED, VERIFICATIONS};
use crate::consult::kept::Docs;
use crate::consult::note::Extraction;
use crate::records::error::Error;
use crate::records::unit::Work;

/// What a paper holds.
pub(crate) trait Content: Clone + Default + Serialize + DeserializeOwned {
    /// Of which kind it is.
    const KIND: Kind;
}

impl Content for Written {
    const KIND: Kind = Kind::Note;
}

impl Content for Prescription {
    const KIND: Kind = Kind::Prescription;
}

/// Where something signed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = SignedState)]
pub enum Stands {
    /// It holds.
    Signed,
    /// A newer one took its place.
    Superseded,
    /// It was taken back.
    Cancelled,
}

/// Something signed. Its bytes never change.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Signed {
    /// Its id, and that of its records.
    pub id: String,
    /// Note or prescription.
    pub kind: Kind,
    /// Of which consultation.
    pub consultation: String,
    /// Of whom.
    pub patient: String,
    /// Account of the signer.
    pub signer: String,
    /// Name then.
    pub signer_name: String,
    /// Number with the council then.
    pub registration: String,
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// The signed bytes: JSON.
    pub bytes: String,
    /// The code printed on it.
    pub code: String,
    /// Initials of the patient.
    pub initials: String,
    /// Medicines in it.
    pub lines: usize,
    /// Where it stands.
    pub stands: Stands,
    /// Why it was superseded or taken back.
    pub reason: Option<String>,
    /// When it was printed first.
    #[serde(default)]
    pub printed: Option<Timestamp>,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed")
            .field("id", &self.id)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

fn key(consultation: &str, what: &str) -> Vec<u8> {
    format!("{consultation}/{what}").into_bytes()
}

fn written(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Fault(error.to_string()))
}

fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged(what.to_owned()))
}

/// Reading, in a unit of work and from a snapshot alike.
pub(crate) trait Papers: Docs {
    /// The draft of a kind, if there ever was one.
    fn paper<T: Content>(&self, consultation: &str) -> Result<Option<Paper<T>>, Error> {
        let bytes = self.doc(PAPERS, &key(consultation, T::KIND.as_str()))?;
        bytes.map(|bytes| read(&bytes, "a draft")).transpose()
    }

    /// What was found in the transcript.
    fn extraction(&self, consultation: &str) -> Result<Option<Extraction>, Error> {
        let bytes = self.doc(PAPERS, &key(consultation, "found"))?;
        bytes.map(|bytes| read(&bytes, "what was found in a transcript")).transpose()
    }

    /// Something signed.
    fn signed(&self, id: &str) -> Result<Signed, Error> {
        let bytes = self.doc(SIGNED, id.as_bytes())?;
        read(&bytes.ok_or_else(|| Error::NotFound(format!("signed paper {id}")))?, "a signed paper")
    }

    /// Something signed, by the code printed on it.
    fn by_code(&self, code: &str) -> Result<Option<Signed>, Error> {
        let id = self.doc(VERIFICATIONS, code.as_bytes())?;
        id.map(|id| self.signed(&String::from_utf8_lossy(&id))).transpose()
    }
}

impl<D: Docs> Papers for D {}

/// Lays a draft down.
pub(crate) fn put_paper<T: Content>(
    work: &mut Work<'_, '_>,
    consultation: &str,
    paper: &Paper<T>,
) -> Result<(), Error> {
    let bytes = written(paper)?;
    Ok(work.unit().doc_put(PAPERS, &key(consultation, T::KIND.as_str()), &bytes)?)
}

/// Lays down what was found in a transcript.
pub(crate) fn put_extraction(
    work: &mut Work<'_, '_>,
    consultation: &str,
    found: &Extraction,
) -> Result<(), Error> {
    let bytes = written(found)?;
    Ok(work.unit().doc_put(PAPERS, &key(consultation, "found"), &bytes)?)
}

/// Lays something signed down, findable by its code.
pub(crate) fn put_signed(work: &mut Work<'_, '_>, signed: &Signed) -> Result<(), Error> {
    let bytes = written(signed)?;
    work.unit().doc_put(SIGNED, signed.id.as_bytes(), &bytes)?;
    Ok(work.unit().doc_put(VERIFICATIONS, signed.code.as_bytes(), signed.id.as_bytes())?)
}
