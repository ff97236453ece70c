//! Large content beside the database: speech, recordings, files. Sealed in chunks, each durable before it is reported.
//!
//! ```text
//! blobs/<32 hex digits of a random id>
//!   "cvblob1\n" | u32 LE length | the blob's own key, sealed under its patient's data key (cipher.rs)
//!   chunk: u32 LE n | u8 what (0 content, 1 end) | nonce 24 | ciphertext of n bytes | tag 16
//! ```
//! The associated data of a chunk is length-prefixed: domain, clinic id, blob id, number of the chunk, what it is; so
//! chunks cannot be moved, repeated, left out before others or taken from another blob. The last chunk holds the count
//! and the SHA-256 of the content. A blob without one was cut short: what was reported durable is there, and nothing else.
//! Whoever destroys the patient's data key destroys what can be read of the blob.
//!
//! Owns the files; which record a blob belongs to, and when it goes, is its owner's business.

mod read;
mod write;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

pub use read::{BlobReader, Ending};
pub use write::{BlobWriter, Sealed};

use crate::cipher::{self, Binding};
use crate::datakeys::{Holder, KeySet};
use crate::error::ReadError;
use crate::files;
use crate::secret::Key32;
use crate::suite::SuiteKey;
use crate::vault::Vault;
use crate::wire::Encoder;

/// Most bytes of one chunk.
pub const MAX_CHUNK: usize = 1 << 20;
/// Most bytes of content: six hours of speech at 16 kHz are 691 MB.
pub const MAX_BLOB: u64 = 4 << 30;

const MAGIC: &[u8; 8] = b"cvblob1\n";
const DOMAIN: &str = "clinicvault/blob";
const KEY_DOMAIN: &str = "clinicvault/blob-key";
/// Bytes of a chunk before its ciphertext.
const HEAD: usize = 4 + 1 + crate::suite::NONCE;
/// Content, or the end.
const CONTENT: u8 = 0;
const END: u8 = 1;

/// The name of a blob: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; 16]);

impl BlobId {
    /// Reads the 32 hex digits that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// Why content could not be kept or read.
#[derive(Debug, Error)]
pub enum BlobError {
    /// Nothing of that name lies here.
    #[error("there is no such content")]
    NotFound,
    /// The vault has no record of the patient yet, so no key.
    #[error("the patient has no record in the vault yet")]
    NoPatient,
    /// Bytes changed, a chunk is missing, or it is another patient's.
    #[error("stored content is damaged or not this patient's; restore it from a backup")]
    Damaged,
    /// A chunk or the whole would be too long, or a chunk is empty.
    #[error("content is kept in chunks of 1 byte to 1 MiB and up to 4 GiB in all")]
    Length,
    /// No room.
    #[error("the disk is full; free some space")]
    Full,
    /// Any other answer of the disk.
    #[error("the disk reported an error: {0}")]
    Io(io::Error),
    /// The vault cannot be read.
    #[error(transparent)]
    Vault(#[from] ReadError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Chance(String),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}

impl Vault {
    /// Begins new content of a patient. Blocking: makes a file and waits for the disk.
    ///
    /// # Errors
    /// [`BlobError::NoPatient`] when nothing of the patient was ever stored; disk and vault as they answer.
    pub fn new_blob(&self, patient: &str) -> Result<BlobWriter, BlobError> {
        let holder = self.holder(patient)?;
        let id = BlobId(crate::chance::random().map_err(BlobError::Chance)?);
        let key = Key32::random().map_err(BlobError::Chance)?;
        let newest = holder.newest().ok_or(BlobError::NoPatient)?;
        let sealed = cipher::seal(newest, &key_binding(self.clinic_id(), &id), key.expose());
        let sealed = sealed.map_err(BlobError::Chance)?;
        let folder = self.blob_folder();
        make_folder(&folder)?;
        let chain =
            Chain { clinic: self.clinic_id().to_owned(), id, key: SuiteKey::new(newest.key.suite(), &key) };
        BlobWriter::create(&folder.join(id.to_string()), chain, &sealed)
    }

    /// Opens a patient's content for reading. Blocking.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::Damaged`] also when it is another patient's.
    pub fn blob(&self, patient: &str, id: &BlobId) -> Result<BlobReader, BlobError> {
        let holder = self.holder(patient)?;
        let suite = holder.newest().ok_or(BlobError::NoPatient)?.key.suite();
        let mut file = std::fs::File::open(self.blob_folder().join(id.to_string()))?;
        let sealed = read::key_of(&mut file)?;
        let plain = holder.open(&key_binding(self.clinic_id(), id), &sealed).ok_or(BlobError::Damaged)?;
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| BlobError::Damaged)?;
        let key = SuiteKey::new(suite, &Key32::new(key));
        Ok(BlobReader::new(file, Chain { clinic: self.clinic_id().to_owned(), id: *id, key }))
    }

    /// Removes content so that it stays removed; nothing happens when it is not there. Blocking.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn remove_blob(&self, id: &BlobId) -> Result<(), BlobError> {
        let path = self.blob_folder().join(id.to_string());
        if path.exists() { Ok(files::remove(&path)?) } else { Ok(()) }
    }

    /// Every blob that lies here, in no order; for finding those that nothing refers to.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn blobs(&self) -> Result<Vec<BlobId>, BlobError> {
        let entries = match std::fs::read_dir(self.blob_folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let named = |entry: io::Result<std::fs::DirEntry>| match entry {
            Ok(entry) => Ok(entry.file_name().to_str().and_then(BlobId::parse)),
            Err(error) => Err(BlobError::from(error)),
        };
        entries.filter_map(|entry| named(entry).transpose()).collect()
    }

    fn holder(&self, patient: &str) -> Result<Arc<KeySet>, BlobError> {
        self.snapshot()?.key_set(&Holder::patient(patient))?.ok_or(BlobError::NoPatient)
    }

    fn blob_folder(&self) -> PathBuf {
        self.dir().join("blobs")
    }
}

fn key_binding<'a>(clinic: &'a str, id: &'a BlobId) -> Binding<'a> {
    Binding { domain: KEY_DOMAIN, clinic, table: 0, id: &id.0, version: 0 }
}

fn make_folder(folder: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    files::sync_folder(folder)
}

/// What the chunks of one blob are sealed with and bound to.
struct Chain {
    clinic: String,
    id: BlobId,
    key: SuiteKey,
}

impl Chain {
    fn bound(&self, number: u64, what: u8) -> Vec<u8> {
        let mut aad = Encoder::with_capacity(96);
        aad.bytes(DOMAIN.as_bytes())
            .bytes(self.clinic.as_bytes())
            .bytes(&self.id.0)
            .bytes(&number.to_le_bytes())
            .bytes(&[what]);
        aad.done()
    }
}
