//! Files of a job, in blocks that are packed, sealed and written with the progress that made them.
//!
//! Every block of a file but the last holds the same number of plain bytes, so the block of any place is known without
//! a table; the last is written anew as it grows. Each block is a whole gzip member, so the blocks one after the other
//! are the file as a client takes it that understands gzip.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::records::error::Error;

/// Plain bytes of a block.
pub const BLOCK: usize = 128 * 1024;
/// Name of the file that holds the body of a kept request.
pub const BODY: &str = "body";
/// Name of the file that holds uploaded lines.
pub const UPLOAD: &str = "upload.ndjson";

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Records given out.
    Output,
    /// Records deleted.
    Deleted,
    /// What went wrong, as OperationOutcome.
    Error,
    /// The answer of a request.
    Answer,
    /// For the job itself.
    Inner,
}

impl Role {
    /// Whether the caller may fetch it by its name.
    pub fn is_fetched(self) -> bool {
        matches!(self, Self::Output | Self::Deleted | Self::Error)
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its name, such as `Patient.ndjson`.
    pub name: String,
    /// Type of the records in it.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// Records, or lines.
    pub count: u64,
    /// Length.
    pub plain: u64,
    /// Length of all blocks, packed.
    pub packed: u64,
    /// Packed length of the last block while it is not full.
    tail: u64,
}

impl File {
    /// Number of blocks.
    pub fn blocks(&self) -> u32 {
        u32::try_from(self.plain.div_ceil(BLOCK as u64)).unwrap_or(u32::MAX)
    }

    /// Takes up to `most` blocks off its end; answers the numbers that went.
    pub(super) fn shorten(&mut self, most: u32) -> std::ops::Range<u32> {
        let blocks = self.blocks();
        let left = blocks.saturating_sub(most);
        self.plain = self.plain.min(u64::from(left) * BLOCK as u64);
        left..blocks
    }
}

/// A block to be written: number of the file, number of the block, packed bytes.
pub type Block = (usize, u32, Vec<u8>);

/// Files that are being written.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    files: Vec<File>,
    /// The plain bytes of each file's last block, as far as it is filled.
    tails: Vec<Vec<u8>>,
    /// Full blocks that are not written yet.
    full: Vec<(usize, u32, Vec<u8>)>,
    touched: Vec<bool>,
}

impl Pages {
    /// Goes on where `files` end; `tail` reads the plain bytes of a file's last block that is not full.
    pub fn resume(
        files: Vec<File>,
        mut tail: impl FnMut(usize, u32) -> Result<Vec<u8>, Error>,
    ) -> Result<Self, Error> {
        let mut tails = Vec::with_capacity(files.len());
        for (number, file) in files.iter().enumerate() {
            let filled = file.plain % BLOCK as u64;
            tails.push(if filled == 0 { Vec::new() } else { tail(number, file.blocks() - 1)? });
        }
        Ok(Self { touched: vec![false; files.len()], files, tails, full: Vec::new() })
    }

    /// The file of this name, made when it is not there.
    pub fn file(&mut self, name: &str, kind: &str, role: Role) -> usize {
        if let Some(found) = self.files.iter().position(|file| file.name == name && file.role == role) {
            return found;
        }
        let (name, kind) = (name.to_owned(), kind.to_owned());
        self.files.push(File { name, kind, role, count: 0, plain: 0, packed: 0, tail: 0 });
        self.tails.push(Vec::new());
        self.touched.push(true);
        self.files.len() - 1
    }

    /// Adds bytes to a file, which hold `count` more records.
    pub fn push(&mut self, number: usize, mut bytes: &[u8], count: u64) {
        let (Some(file), Some(tail)) = (self.files.get_mut(number), self.tails.get_mut(number)) else {
            return;
        };
        file.count += count;
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(BLOCK - tail.len()));
            let block = u32::try_from(file.plain / BLOCK as u64).unwrap_or(u32::MAX);
            tail.extend_from_slice(now);
            file.plain += now.len() as u64;
            bytes = rest;
            if tail.len() == BLOCK {
                self.full.push((number, block, std::mem::take(tail)));
            }
        }
        if let Some(touched) = self.touched.get_mut(number) {
            *touched = true;
        }
    }

    /// What is to be written now: the files, and the blocks that are new or have grown.
    pub fn take(&mut self) -> Result<(Vec<File>, Vec<Block>), Error> {
        let mut blocks = Vec::new();
        for (number, block, plain) in std::mem::take(&mut self.full) {
            let packed = pack(&plain)?;
            if let Some(file) = self.files.get_mut(number) {
                // The block was there before, not full.
                file.packed = file.packed - std::mem::take(&mut file.tail) + packed.len() as u64;
            }
            blocks.push((number, block, packed));
        }
        for (number, (file, tail)) in self.files.iter_mut().zip(&self.tails).enumerate() {
            let touched = self.touched.get_mut(number).is_some_and(std::mem::take);
            if touched && !tail.is_empty() {
                let packed = pack(tail)?;
                file.packed = file.packed - file.tail + packed.len() as u64;
                file.tail = packed.len() as u64;
                blocks.push((number, file.blocks() - 1, packed));
            }
        }
        Ok((self.files.clone(), blocks))
    }
}

fn pack(plain: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 6), Compression::fast());
    let packed = encoder.write_all(plain).and_then(|()| encoder.finish());
    packed.map_err(|error| Error::Fault(format!("packing a block: {error}")))
}

/// The plain bytes of a block.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut plain = Vec::with_capacity(BLOCK);
    let read = GzDecoder::new(packed).take(BLOCK as u64 + 1).read_to_end(&mut plain);
    match read {
        Ok(read) if read <= BLOCK => Ok(plain),
        Ok(_) | Err(_) => Err(Error::Damaged("a block of a job's file".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Store = BTreeMap<(usize, u32), Vec<u8>>;

    fn write(pages: &mut Pages, store: &mut Store) -> Vec<File> {
        let (files, blocks) = pages.take().unwrap();
        store.extend(blocks.into_iter().map(|(file, block, packed)| ((file, block), packed)));
        files
    }

    fn whole(store: &Store, number: usize, file: &File) -> Vec<u8> {
        (0..file.blocks()).flat_map(|block| unpack(&store[&(number, block)]).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// Pieces of any length to several files, written now and then, resumed now and then, read back the same.
        #[test]
        fn what_is_pushed_is_there(steps in prop::collection::vec((0usize..3, 0usize..90_000, 0u8..4), 1..20)) {
            let (mut pages, mut store, mut expected) = (Pages::default(), Store::new(), vec![Vec::new(); 3]);
            for name in ["a", "b", "c"] {
                pages.file(name, "Patient", Role::Output);
            }
            for (at, (file, length, then)) in steps.into_iter().enumerate() {
                let bytes: Vec<u8> = (0..length).map(|n| (n * 31 + at) as u8).collect();
                pages.push(file, &bytes, 1);
                expected[file].extend(bytes);
                if then > 1 {
                    let files = write(&mut pages, &mut store);
                    if then == 3 {
                        pages = Pages::resume(files, |file, block| unpack(&store[&(file, block)])).unwrap();
                    }
                }
            }
            let files = write(&mut pages, &mut store);
            for (number, file) in files.iter().enumerate() {
                prop_assert_eq!(&whole(&store, number, file), &expected[number]);
                let packed: usize = (0..file.blocks()).map(|block| store[&(number, block)].len()).sum();
                prop_assert_eq!(file.packed, packed as u64);
            }
        }
    }

    #[test]
    fn a_file_is_taken_apart_from_its_end() {
        let (mut pages, mut store) = (Pages::default(), Store::new());
        let file = pages.file("a", "Patient", Role::Output);
        pages.push(file, &vec![7; BLOCK * 2 + 5], 1);
        let mut file = write(&mut pages, &mut store).remove(0);
        assert_eq!(file.shorten(2), 1..3);
        assert_eq!(file.shorten(2), 0..1);
        assert_eq!(file.blocks(), 0);
    }
}
