//! Rows of files as they lie in the vault: by consultation and number, and by blob for whoever sweeps.

use clinicvault_vault::Snapshot;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collections::FILES;
use crate::consult::kept::Docs;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Files of one consultation.
pub const MOST_FILES: usize = 50;
/// Bytes of all of them.
pub const MOST_TOGETHER: u64 = 100 << 20;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
    /// From 1 on, in the order in which they were laid down.
    pub no: u64,
    /// Whose record it stands in.
    pub patient: String,
    /// The name, cleaned.
    pub name: String,
    /// The type that its content has.
    pub media_type: String,
    /// Bytes of content.
    pub bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// The blob that holds it.
    pub blob: String,
    /// Who sent it: an account, or the patient.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The sender's own name for it.
    pub key: String,
    /// The number of the message by which it stands in the chat.
    pub chat: u64,
}

/// The key of a row, and the id of its DocumentReference.
pub fn id_of(consultation: &str, no: u64) -> String {
    format!("{consultation}.{no}")
}

fn key_of(blob: &str) -> String {
    format!("blob/{blob}")
}

fn read(bytes: &[u8]) -> Result<FileRow, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged("the row of a file".to_owned()))
}

/// The file whose DocumentReference has this id.
pub fn of_document(reader: &impl Docs, id: &str) -> Result<Option<FileRow>, Error> {
    reader.doc(FILES, id.as_bytes())?.map(|bytes| read(&bytes)).transpose()
}

/// The files of a consultation, the oldest first.
pub fn all(reader: &impl Docs, consultation: &str) -> Result<Vec<FileRow>, Error> {
    let found = reader.docs(FILES, format!("{consultation}.").as_bytes(), MOST_FILES)?;
    let mut files = found.iter().map(|(_, bytes)| read(bytes)).collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(|file| file.no);
    Ok(files)
}

/// Whether a row speaks of this blob.
pub fn is_kept(snapshot: &Snapshot, blob: &str) -> Result<bool, Error> {
    Ok(snapshot.doc_get(FILES, key_of(blob).as_bytes())?.is_some())
}

/// Lays a row down.
pub fn put(work: &mut Work<'_, '_>, consultation: &str, file: &FileRow) -> Result<(), Error> {
    let bytes = serde_json::to_vec(file).map_err(|error| Error::Fault(error.to_string()))?;
    let id = id_of(consultation, file.no);
    work.unit().doc_put(FILES, id.as_bytes(), &bytes)?;
    Ok(work.unit().doc_put(FILES, key_of(&file.blob).as_bytes(), id.as_bytes())?)
}
