//! Reading, chunk by chunk, with the answer whether it was all.

use std::fs::File;
use std::io::{self, BufReader, Read};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{BlobError, CONTENT, Chain, END, HEAD, MAGIC, MAX_CHUNK, Sealed};
use crate::suite::{NONCE, TAG};

/// Longest sealed key: one bucket of the record seal.
const MAX_KEY: usize = 4096;

/// How content ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was finished, and all of it was read.
    Whole(Sealed),
    /// It was never finished, by a power cut for example: so many bytes are there.
    Cut(u64),
}

/// Content in the order in which it was appended.
pub struct BlobReader {
    file: BufReader<File>,
    chain: Chain,
    number: u64,
    bytes: u64,
    hash: Sha256,
    /// What was read of the next chunk: what it is, its nonce, its length.
    next: Option<(u8, [u8; NONCE], usize)>,
    /// Some chunk was passed over, so nothing can be said of all of them.
    skipped: bool,
    ending: Option<Ending>,
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobReader({}, {:?})", self.chain.id, self.ending)
    }
}

/// The sealed key at the beginning of the file.
pub(super) fn key_of(file: &mut File) -> Result<Vec<u8>, BlobError> {
    let mut head = [0; 12];
    file.read_exact(&mut head)?;
    let (magic, length) = head.split_at(8);
    let length = length.try_into().map_or(0, |four| u32::from_le_bytes(four) as usize);
    if magic != MAGIC || length == 0 || length > MAX_KEY {
        return Err(BlobError::Damaged);
    }
    let mut key = vec![0; length];
    file.read_exact(&mut key)?;
    Ok(key)
}

impl BlobReader {
    pub(super) fn new(file: File, chain: Chain) -> Self {
        let (hash, file) = (Sha256::new(), BufReader::new(file));
        Self { file, chain, number: 0, bytes: 0, hash, next: None, skipped: false, ending: None }
    }

    /// Bytes of its file: a little more than those of its content.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file.get_ref().metadata().map_or(0, |about| about.len())
    }

    /// The next chunk, or none at the end: then [`BlobReader::ending`] says whether it was all.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] for anything but a whole chunk or a file that stops within its last one.
    pub fn chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, BlobError> {
        if self.ending.is_some() {
            return Ok(None);
        }
        let next = self.next.take();
        let Some((what, nonce, length)) = next.map_or_else(|| self.head(), |next| Ok(Some(next)))? else {
            return Ok(self.cut());
        };
        let mut text = Zeroizing::new(vec![0; length]);
        let mut tag = [0; TAG];
        if fill(&mut self.file, &mut text)? < length || fill(&mut self.file, &mut tag)? < TAG {
            return Ok(self.cut());
        }
        let bound = self.chain.bound(self.number, what);
        if self.chain.key.open(&nonce, &bound, &mut text, &tag).is_err() {
            // A chunk that was being written when the power went: its length is there, not all of its blocks.
            return if self.is_last()? { Ok(self.cut()) } else { Err(BlobError::Damaged) };
        }
        self.number += 1;
        match what {
            CONTENT => {
                self.hash.update(&*text);
                self.bytes += length as u64;
                Ok(Some(text))
            }
            END => self.end(&text),
            _ => Err(BlobError::Damaged),
        }
    }

    /// Passes over the next chunk of content without opening it, if it is no longer than `most`: its length, or none. What is
    /// read after is bound to its place as ever; the end no longer says anything of the content as a whole but its length.
    ///
    /// # Errors
    /// What the disk answers; [`BlobError::Damaged`].
    pub fn skip_within(&mut self, most: u64) -> Result<Option<usize>, BlobError> {
        if self.ending.is_some() {
            return Ok(None);
        }
        if self.next.is_none() {
            self.next = self.head()?;
        }
        match self.next {
            Some((CONTENT, _, length)) if length as u64 <= most => {
                let over = i64::try_from(length + TAG).map_err(|_| BlobError::Length)?;
                self.file.seek_relative(over)?;
                self.next = None;
                self.number += 1;
                self.bytes += length as u64;
                self.skipped = true;
                Ok(Some(length))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// How it ended, once [`BlobReader::chunk`] has given none.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// What comes before a chunk; none where the file ends within it.
    fn head(&mut self) -> Result<Option<(u8, [u8; NONCE], usize)>, BlobError> {
        let mut head = [0; HEAD];
        if fill(&mut self.file, &mut head)? < HEAD {
            return Ok(None);
        }
        let length = [head[0], head[1], head[2], head[3]];
        let length = u32::from_le_bytes(length) as usize;
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&head[5..]);
        if length == 0 || length > MAX_CHUNK {
            return if self.is_last()? { Ok(None) } else { Err(BlobError::Damaged) };
        }
        Ok(Some((head[4], nonce, length)))
    }

    fn cut(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        self.ending = Some(Ending::Cut(self.bytes));
        None
    }

    fn end(&mut self, text: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, BlobError> {
        let said = text.split_first_chunk::<8>().map(|(bytes, hash)| (u64::from_le_bytes(*bytes), hash));
        let mut sha256: [u8; 32] = self.hash.clone().finalize().into();
        if self.skipped {
            // What was passed over was not hashed.
            sha256 = said.and_then(|(_, hash)| hash.try_into().ok()).unwrap_or(sha256);
        }
        let sealed = Sealed { bytes: self.bytes, sha256 };
        if said != Some((sealed.bytes, sealed.sha256.as_slice())) || !self.is_last()? {
            return Err(BlobError::Damaged);
        }
        self.ending = Some(Ending::Whole(sealed));
        Ok(None)
    }

    /// Whether nothing follows.
    fn is_last(&mut self) -> io::Result<bool> {
        Ok(fill(&mut self.file, &mut [0])? == 0)
    }
}

/// Reads until `out` is full or the file ends; answers how much came.
fn fill(file: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match file.read(&mut out[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
