//! The barrier: a storage backend for the engine that encrypts every page of the database.
//!
//! Layout (security-storage.md, section 4). The engine's address space is cut into blocks of 4096 bytes. Block 0,
//! the engine's super-header, holds no patient data and passes through in clear. Block `k > 0` lies at
//! `4096 + (k - 1) * 4136` as ciphertext (4096) | nonce (24) | tag (16); the associated data is the database id and
//! the block number. A stored block of zeros was never written and reads as zeros.
//!
//! While the database is being opened a block that fails authentication reads as poison, so that the engine finds a
//! wrong checksum and falls back to the flushed root; afterwards it is an error that latches.
//! Writes are gathered until the engine syncs (or 4 MiB are waiting) and then go down in the order of the file,
//! neighbours in one call, many of them encrypted by several threads: the engine writes page by page in no order, and
//! stored blocks straddle the pages of the disk, so this saves most of the calls. Nothing is promised for writes
//! before a sync, so nothing is lost by it.
//! Leaves to the layer below: files, locks, syncing (any [`StorageBackend`], in tests one that injects faults).

use crate::gather::Gathered;
use crate::suite::{NONCE, SuiteKey, TAG};
use redb::{BackendError, StorageBackend};
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a block as the engine sees it.
const BLOCK: usize = 4096;
/// Bytes of a block as it is stored.
const STORED: usize = BLOCK + NONCE + TAG;
/// What a block that fails authentication reads as while the database is being opened.
const POISON: u8 = 0xEE;
/// From this many blocks on several threads encrypt them; below it starting them costs more.
const PARALLEL: usize = 256;
/// Blocks gathered before they are written without waiting for a sync.
const GATHERED: usize = 1024;

/// What the barrier counts and decides, shared with whoever opens the database.
#[derive(Debug, Default)]
pub struct BarrierState {
    opened: AtomicBool,
    latched: AtomicBool,
    poisoned: AtomicU64,
    partial: AtomicU64,
}

impl BarrierState {
    /// From now on a block that fails authentication is an error, no longer poison.
    pub fn opened(&self) {
        self.opened.store(true, Ordering::Release);
    }

    /// Blocks answered with poison while opening.
    #[must_use]
    pub fn poisoned(&self) -> u64 {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Accesses to a part of a block, each a read-modify-write; the engine asks for whole pages, so this stays 0.
    #[must_use]
    pub fn partial(&self) -> u64 {
        self.partial.load(Ordering::Relaxed)
    }

    fn check(&self) -> io::Result<()> {
        if self.latched.load(Ordering::Acquire) {
            return Err(io::Error::other("the storage stopped after a damaged block"));
        }
        Ok(())
    }
}

/// A storage backend that encrypts what passes to the backend below it.
pub struct Barrier<B> {
    below: B,
    key: SuiteKey,
    database: [u8; 16],
    state: Arc<BarrierState>,
    threads: usize,
    waiting: Gathered,
    /// Where blocks are encrypted before they are written; kept, since it is megabytes and needed at each commit.
    room: Mutex<Vec<u8>>,
}

impl<B> fmt::Debug for Barrier<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Barrier(hidden)")
    }
}

impl<B: StorageBackend> Barrier<B> {
    /// Lays a barrier over `below`, for the database with id `database`, under the page key `key`.
    pub fn new(
        below: B,
        suite: crate::Suite,
        key: &crate::Key32,
        database: [u8; 16],
    ) -> (Self, Arc<BarrierState>) {
        let state = Arc::new(BarrierState::default());
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        let barrier = Self {
            below,
            key: SuiteKey::new(suite, key),
            database,
            state: Arc::clone(&state),
            threads,
            waiting: Gathered::new(BLOCK),
            room: Mutex::default(),
        };
        (barrier, state)
    }

    fn aad(&self, block: u64) -> [u8; 24] {
        let mut aad = [0; 24];
        aad[..16].copy_from_slice(&self.database);
        aad[16..].copy_from_slice(&block.to_le_bytes());
        aad
    }

    /// Encrypts `text` under `nonce` into `stored`.
    fn seal(&self, block: u64, text: &[u8], nonce: &[u8], stored: &mut [u8]) -> io::Result<()> {
        let (place, rest) = stored.split_at_mut(BLOCK);
        let (nonce_place, tag) = rest.split_at_mut(NONCE);
        place.copy_from_slice(text);
        nonce_place.copy_from_slice(nonce);
        let nonce: &[u8; NONCE] = nonce.try_into().map_err(io::Error::other)?;
        let made = self
            .key
            .seal(nonce, &self.aad(block), place)
            .map_err(|_| io::Error::other("a page could not be encrypted"))?;
        tag.copy_from_slice(&made);
        Ok(())
    }

    /// Decrypts the stored block into `out`.
    fn open(&self, block: u64, stored: &[u8], out: &mut [u8]) -> io::Result<()> {
        let (text, rest) = stored.split_at(BLOCK);
        let (nonce, tag) = rest.split_at(NONCE);
        let never_written = || stored.iter().all(|byte| *byte == 0);
        if tag.iter().all(|byte| *byte == 0) && never_written() {
            out.fill(0);
            return Ok(());
        }
        let nonce: &[u8; NONCE] = nonce.try_into().map_err(io::Error::other)?;
        let tag: &[u8; TAG] = tag.try_into().map_err(io::Error::other)?;
        out.copy_from_slice(text);
        if self.key.open(nonce, &self.aad(block), out, tag).is_ok() {
            return Ok(());
        }
        if self.state.opened.load(Ordering::Acquire) {
            self.state.latched.store(true, Ordering::Release);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("block {block} of the database fails authentication"),
            ));
        }
        self.state.poisoned.fetch_add(1, Ordering::Relaxed);
        out.fill(POISON);
        Ok(())
    }

    /// Takes whole blocks, the first of them number `first` > 0, to be written at the next sync.
    fn gather(&self, first: u64, data: &[u8]) -> io::Result<()> {
        if self.waiting.put(first, data) >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn flush(&self) -> io::Result<()> {
        self.waiting.flush(|blocks| self.write_blocks(blocks))
    }

    /// Encrypts blocks, in the order of their numbers, and writes neighbours with one call below.
    fn write_blocks(&self, blocks: &[(u64, &[u8])]) -> io::Result<()> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.resize(blocks.len() * STORED, 0);
        let stored = room.as_mut_slice();
        let seal_all = |blocks: &[(u64, &[u8])], stored: &mut [u8]| -> io::Result<()> {
            let mut nonces = vec![0u8; blocks.len() * NONCE];
            crate::chance::fill(&mut nonces).map_err(io::Error::other)?;
            blocks
                .iter()
                .zip(stored.chunks_exact_mut(STORED))
                .zip(nonces.chunks_exact(NONCE))
                .try_for_each(|(((block, text), slot), nonce)| self.seal(*block, text, nonce, slot))
        };
        if blocks.len() < PARALLEL || self.threads < 2 {
            seal_all(blocks, stored)?;
        } else {
            let share = blocks.len().div_ceil(self.threads);
            std::thread::scope(|scope| {
                let running: Vec<_> = blocks
                    .chunks(share)
                    .zip(stored.chunks_mut(share * STORED))
                    .map(|(blocks, stored)| scope.spawn(move || seal_all(blocks, stored)))
                    .collect();
                running.into_iter().try_for_each(|thread| {
                    thread.join().map_err(|_| io::Error::other("a page could not be encrypted"))?
                })
            })?;
        }
        let mut rest: &[u8] = stored;
        for run in blocks.chunk_by(|(one, _), (next, _)| one + 1 == *next) {
            let (here, after) = rest.split_at(run.len() * STORED);
            rest = after;
            if let Some((first, _)) = run.first() {
                self.below.write(place(*first), here)?;
            }
        }
        Ok(())
    }

    /// Reads whole blocks, the first of them number `first` > 0; what waits is newer than what lies below.
    fn read_blocks(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        if self.waiting.any(first, first + (out.len() / BLOCK) as u64) {
            return (first..).zip(out.chunks_exact_mut(BLOCK)).try_for_each(|(block, out)| {
                if self.waiting.get(block, out) { Ok(()) } else { self.read_below(block, out) }
            });
        }
        self.read_below(first, out)
    }

    /// Reads whole blocks from below with one call.
    fn read_below(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        if out.len() == BLOCK {
            let mut stored = [0u8; STORED];
            self.below.read(place(first), &mut stored)?;
            return self.open(first, &stored, out);
        }
        let mut stored = vec![0u8; out.len() / BLOCK * STORED];
        self.below.read(place(first), &mut stored)?;
        (first..)
            .zip(stored.chunks_exact(STORED))
            .zip(out.chunks_exact_mut(BLOCK))
            .try_for_each(|((block, stored), out)| self.open(block, stored, out))
    }
}

/// Where block `block` > 0 lies in the file.
fn place(block: u64) -> u64 {
    BLOCK as u64 + (block - 1) * STORED as u64
}

/// Length of the file that holds `len` bytes of the engine's address space.
fn stored_len(len: u64) -> u64 {
    if len <= BLOCK as u64 { len } else { place(len.div_ceil(BLOCK as u64)) }
}

/// Bytes of the engine's address space that a file of length `stored` holds.
fn logical_len(stored: u64) -> u64 {
    match stored.checked_sub(BLOCK as u64) {
        None => stored,
        Some(rest) => BLOCK as u64 + rest / STORED as u64 * BLOCK as u64,
    }
}

/// An access cut where block 0 ends and where blocks begin.
enum Piece {
    /// Within block 0.
    Clear { offset: u64 },
    /// Whole blocks.
    Whole { first: u64 },
    /// A part of one block.
    Part { block: u64, from: usize },
}

/// Cuts `[offset, offset + len)` into pieces, each with its length.
fn pieces(mut offset: u64, mut len: usize) -> impl Iterator<Item = (Piece, usize)> {
    const SIZE: u64 = BLOCK as u64;
    std::iter::from_fn(move || {
        if len == 0 {
            return None;
        }
        let within = (offset % SIZE) as usize;
        let (piece, size) = if offset < SIZE {
            (Piece::Clear { offset }, len.min(BLOCK - within))
        } else if within == 0 && len >= BLOCK {
            (Piece::Whole { first: offset / SIZE }, len - len % BLOCK)
        } else {
            (Piece::Part { block: offset / SIZE, from: within }, len.min(BLOCK - within))
        };
        offset += size as u64;
        len -= size;
        Some((piece, size))
    })
}

impl<B: StorageBackend> StorageBackend for Barrier<B> {
    fn len(&self) -> io::Result<u64> {
        self.state.check()?;
        self.below.len().map(logical_len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.state.check()?;
        let mut out = out;
        for (piece, size) in pieces(offset, out.len()) {
            let (here, rest) = std::mem::take(&mut out).split_at_mut(size);
            out = rest;
            match piece {
                Piece::Clear { offset } => self.below.read(offset, here)?,
                Piece::Whole { first } => self.read_blocks(first, here)?,
                Piece::Part { block, from } => {
                    self.state.partial.fetch_add(1, Ordering::Relaxed);
                    let mut whole = [0u8; BLOCK];
                    self.read_blocks(block, &mut whole)?;
                    here.copy_from_slice(&whole[from..from + size]);
                }
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state.check()?;
        // Blocks beyond a new end must not come back to life when the file grows again.
        self.flush()?;
        self.below.set_len(stored_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state.check()?;
        self.flush()?;
        self.below.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.state.check()?;
        let mut data = data;
        for (piece, size) in pieces(offset, data.len()) {
            let (here, rest) = data.split_at(size);
            data = rest;
            match piece {
                Piece::Clear { offset } => self.below.write(offset, here)?,
                Piece::Whole { first } => self.gather(first, here)?,
                Piece::Part { block, from } => {
                    self.state.partial.fetch_add(1, Ordering::Relaxed);
                    let mut whole = [0u8; BLOCK];
                    self.read_blocks(block, &mut whole)?;
                    whole[from..from + size].copy_from_slice(here);
                    self.gather(block, &whole)?;
                }
            }
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        // The engine syncs what it wants kept before it closes; after a fault nothing more may be written.
        self.below.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key32, Suite};
    use redb::backends::InMemoryBackend;

    #[derive(Debug, Clone)]
    struct Shared(Arc<InMemoryBackend>);

    impl StorageBackend for Shared {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    fn fresh(suite: Suite) -> (Barrier<Shared>, Arc<BarrierState>, Shared) {
        let below = Shared(Arc::new(InMemoryBackend::new()));
        let (barrier, state) = Barrier::new(below.clone(), suite, &Key32::new([5; 32]), [6; 16]);
        barrier.set_len(4096 * 600).unwrap();
        (barrier, state, below)
    }

    #[test]
    fn what_is_written_is_read_back_at_any_offset_and_length() {
        for suite in [Suite::XChaCha20Poly1305, Suite::Xaes256Gcm] {
            let (barrier, state, below) = fresh(suite);
            let mut model = vec![0u8; 4096 * 600];
            for (turn, (offset, len)) in [
                (0, 4096),
                (4096, 4096),
                (8192, 40960),
                (100, 9000),
                (50_000, 1),
                (4095, 2),
                (65536, 4096 * 300),
            ]
            .into_iter()
            .enumerate()
            {
                let data: Vec<u8> = (0..len).map(|i| (i * 31 + turn * 7) as u8).collect();
                barrier.write(offset as u64, &data).unwrap();
                model[offset..offset + len].copy_from_slice(&data);
                let mut out = vec![0; model.len()];
                barrier.read(0, &mut out).unwrap();
                assert!(out == model, "turn {turn}");
                if turn % 2 == 0 {
                    barrier.sync_data().unwrap();
                    barrier.read(0, &mut out).unwrap();
                    assert!(out == model, "turn {turn}, synced");
                }
            }
            assert!(state.partial() > 0);
            assert_eq!(below.len().unwrap(), 4096 + 599 * 4136);
            assert_eq!(barrier.len().unwrap(), 4096 * 600);
        }
    }

    #[test]
    fn a_changed_or_moved_block_is_poison_while_opening_and_an_error_that_latches_after() {
        let (barrier, state, below) = fresh(Suite::XChaCha20Poly1305);
        barrier.write(4096, &[1; 8192]).unwrap();
        barrier.sync_data().unwrap();
        let mut first = [0; STORED];
        below.read(place(1), &mut first).unwrap();
        below.write(place(2), &first).unwrap();
        let mut out = [0; 4096];
        barrier.read(8192, &mut out).unwrap();
        assert_eq!(out, [POISON; 4096]);
        assert_eq!(state.poisoned(), 1);
        state.opened();
        barrier.read(4096, &mut out).unwrap();
        assert_eq!(out, [1; 4096]);
        assert_eq!(barrier.read(8192, &mut out).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(barrier.read(4096, &mut out).is_err(), "latched");
    }

    #[test]
    fn nothing_but_block_0_is_in_clear() {
        let (barrier, _, below) = fresh(Suite::Xaes256Gcm);
        barrier.write(0, b"clear header").unwrap();
        barrier.write(4096, &b"Planted Name ".repeat(700)[..8192]).unwrap();
        barrier.sync_data().unwrap();
        let mut all = vec![0; below.len().unwrap() as usize];
        below.read(0, &mut all).unwrap();
        assert!(all.windows(7).any(|w| w == b"clear h"));
        assert!(!all.windows(7).any(|w| w == b"Planted"));
    }
}
