//! Appending: a chunk is on the disk when `append` returns.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{BlobError, BlobId, CONTENT, Chain, END, HEAD, MAGIC, MAX_BLOB, MAX_CHUNK};
use crate::files;
use crate::suite::{NONCE, TAG};

/// What a finished blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Bytes of content.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// Content that grows. Dropping it leaves what was appended, without an end.
pub struct BlobWriter {
    file: File,
    chain: Chain,
    number: u64,
    bytes: u64,
    hash: Sha256,
    /// After an answer of the disk nobody knows what is there: no more is taken.
    broken: bool,
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobWriter({}, {} bytes)", self.chain.id, self.bytes)
    }
}

impl BlobWriter {
    pub(super) fn create(path: &Path, chain: Chain, sealed_key: &[u8]) -> Result<Self, BlobError> {
        let mut file = files::private().open(path)?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(
            &u32::try_from(sealed_key.len()).map_err(|_| BlobError::Length)?.to_le_bytes(),
        );
        head.extend_from_slice(sealed_key);
        file.write_all(&head)?;
        file.sync_all()?;
        files::sync_folder(path)?;
        Ok(Self { file, chain, number: 0, bytes: 0, hash: Sha256::new(), broken: false })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.chain.id
    }

    /// Bytes that are kept so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a chunk and waits until it is on the disk.
    ///
    /// # Errors
    /// [`BlobError::Length`]; [`BlobError::Full`] and [`BlobError::Io`], after which nothing more is taken.
    pub fn append(&mut self, content: &[u8]) -> Result<(), BlobError> {
        let length = content.len() as u64;
        if content.is_empty() || content.len() > MAX_CHUNK || self.bytes + length > MAX_BLOB {
            return Err(BlobError::Length);
        }
        self.put(CONTENT, content)?;
        self.hash.update(content);
        self.bytes += length;
        Ok(())
    }

    /// Closes the content: from now on a reader can tell that it is whole.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn finish(mut self) -> Result<Sealed, BlobError> {
        let sealed = Sealed { bytes: self.bytes, sha256: self.hash.clone().finalize().into() };
        let mut end = sealed.bytes.to_le_bytes().to_vec();
        end.extend_from_slice(&sealed.sha256);
        self.put(END, &end)?;
        Ok(sealed)
    }

    fn put(&mut self, what: u8, content: &[u8]) -> Result<(), BlobError> {
        if self.broken {
            return Err(BlobError::Io(std::io::Error::other("an earlier write failed")));
        }
        let mut chunk = vec![0; HEAD + content.len() + TAG];
        let length = u32::try_from(content.len()).map_err(|_| BlobError::Length)?;
        chunk[..4].copy_from_slice(&length.to_le_bytes());
        chunk[4] = what;
        let mut nonce = [0; NONCE];
        crate::chance::fill(&mut nonce).map_err(BlobError::Chance)?;
        chunk[5..HEAD].copy_from_slice(&nonce);
        let text = &mut chunk[HEAD..HEAD + content.len()];
        text.copy_from_slice(content);
        let tag = self.chain.key.seal(&nonce, &self.chain.bound(self.number, what), text);
        let tag = tag.map_err(|_| BlobError::Length)?;
        chunk[HEAD + content.len()..].copy_from_slice(&tag);
        self.broken = true;
        self.file.write_all(&chunk)?;
        self.file.sync_data()?;
        self.broken = false;
        self.number += 1;
        Ok(())
    }
}
