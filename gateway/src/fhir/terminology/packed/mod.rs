//! Large code systems as one file that is read in place: a concept is found by a few short reads, and no more of the
//! file is in memory than what the operating system keeps of it.
//!
//! ```text
//! "CVTERMS1"                         eight bytes
//! length of the head, u32            all numbers little endian
//! head                               JSON: address, version, name, content, how many concepts
//! starts                             a u64 for each concept: where its record begins; in the order of the codes
//! records                            code, flags, texts, properties, numbers of those above and below
//! ```
//! Codes are in byte order; those of a system that does not mind case are ordered in lower case. The number of a concept
//! is its place in that order. [`Packer`] writes such a file, [`Packed`] reads it. Where the bytes are is left to
//! [`Slab`]: a file, or memory in a test.

mod read;
mod record;
mod table;
mod write;

pub use read::{Packed, open};
pub use table::Table;
pub use write::{Packer, Summary};

use std::fmt::Debug;

/// Bytes that are read in pieces.
pub trait Slab: Send + Sync + Debug {
    /// Fills `into` from `at`; false when there is not as much, or it cannot be read.
    fn read(&self, at: u64, into: &mut [u8]) -> bool;
    /// How many bytes there are.
    fn size(&self) -> u64;
}

impl Slab for Vec<u8> {
    fn read(&self, at: u64, into: &mut [u8]) -> bool {
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..at.checked_add(into.len())?));
        from.is_some_and(|from| {
            into.copy_from_slice(from);
            true
        })
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// The first eight bytes: what it is, and in which form.
const MAGIC: &[u8; 8] = b"CVTERMS1";
/// Longest record of one concept, bytes.
const MOST_RECORD: usize = 1 << 20;
/// Longest head, bytes.
const MOST_HEAD: usize = 1 << 20;

#[cfg(test)]
mod tests;
