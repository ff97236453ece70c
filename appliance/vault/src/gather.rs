//! Blocks that the engine wrote and that have not gone down to the file yet.
//!
//! Owns the waiting blocks, in clear, and the order in which they go; leaves encrypting and writing to barrier.rs.
//! While a flush is on its way its blocks can still be read, and reads do not wait for it. The memory of a flush is
//! kept for the next one: blocks come by the thousand a second.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Blocks one behind the other, and which is where.
#[derive(Default)]
struct Blocks {
    bytes: Vec<u8>,
    /// Number of a block -> where it begins.
    at: BTreeMap<u64, usize>,
}

impl Blocks {
    fn put(&mut self, block: u64, text: &[u8]) {
        let next = self.bytes.len();
        let start = *self.at.entry(block).or_insert(next);
        match self.bytes.get_mut(start..start + text.len()) {
            Some(place) => place.copy_from_slice(text),
            None => self.bytes.extend_from_slice(text),
        }
    }

    fn get(&self, block: u64, size: usize) -> Option<&[u8]> {
        let start = *self.at.get(&block)?;
        self.bytes.get(start..start + size)
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.at.clear();
    }
}

#[derive(Default)]
struct Inner {
    fresh: Blocks,
    /// What a flush is writing, or failed to write.
    going: Arc<Blocks>,
}

/// Waiting blocks by number.
pub(crate) struct Gathered {
    /// Bytes of a block.
    size: usize,
    inner: Mutex<Inner>,
    /// How many wait, so that reads need not lock when none do.
    count: AtomicUsize,
    /// One flush at a time.
    flushing: Mutex<()>,
}

impl Gathered {
    /// Nothing yet, of blocks of `size` bytes.
    pub fn new(size: usize) -> Self {
        Self { size, inner: Mutex::default(), count: AtomicUsize::new(0), flushing: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recount(&self, inner: &Inner) {
        self.count.store(inner.fresh.at.len() + inner.going.at.len(), Ordering::Release);
    }

    /// Takes blocks numbered from `first`; answers how many wait for the next flush.
    pub fn put(&self, first: u64, data: &[u8]) -> usize {
        let mut inner = self.lock();
        for (block, text) in (first..).zip(data.chunks_exact(self.size)) {
            inner.fresh.put(block, text);
        }
        self.recount(&inner);
        inner.fresh.at.len()
    }

    /// Whether any block of a range waits.
    pub fn any(&self, first: u64, last: u64) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let inner = self.lock();
        inner.fresh.at.range(first..last).next().is_some()
            || inner.going.at.range(first..last).next().is_some()
    }

    /// Copies a waiting block to `out`; answers whether there was one.
    pub fn get(&self, block: u64, out: &mut [u8]) -> bool {
        let inner = self.lock();
        match inner.fresh.get(block, self.size).or_else(|| inner.going.get(block, self.size)) {
            Some(text) => {
                out.copy_from_slice(text);
                true
            }
            None => false,
        }
    }

    /// Hands all waiting blocks to `write`, in the order of their numbers. What could not be written goes on waiting.
    pub fn flush(&self, write: impl FnOnce(&[(u64, &[u8])]) -> io::Result<()>) -> io::Result<()> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let going = {
            let mut inner = self.lock();
            let mut blocks = std::mem::take(&mut inner.fresh);
            for (block, start) in &inner.going.at {
                if !blocks.at.contains_key(block)
                    && let Some(text) = inner.going.bytes.get(*start..start + self.size)
                {
                    blocks.put(*block, text);
                }
            }
            inner.going = Arc::new(blocks);
            Arc::clone(&inner.going)
        };
        let order: Vec<(u64, &[u8])> = going
            .at
            .iter()
            .filter_map(|(block, start)| Some((*block, going.bytes.get(*start..start + self.size)?)))
            .collect();
        if !order.is_empty() {
            write(&order)?;
        }
        drop(order);
        drop(going);
        let mut inner = self.lock();
        let done = std::mem::take(&mut inner.going);
        if inner.fresh.at.is_empty()
            && let Ok(mut blocks) = Arc::try_unwrap(done)
        {
            blocks.clear();
            inner.fresh = blocks;
        }
        self.recount(&inner);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_down_in_order_once_and_a_failure_keeps_them() {
        let gathered = Gathered::new(4);
        for (block, byte) in [(9, 1), (3, 2), (4, 3), (10, 4), (3, 5)] {
            gathered.put(block, &[byte; 4]);
        }
        assert!(gathered.flush(|_| Err(io::Error::other("no"))).is_err());
        assert_eq!(gathered.put(4, &[6; 8]), 2);
        assert!(gathered.any(0, 4) && !gathered.any(6, 9));
        let mut out = [0; 4];
        assert!(gathered.get(3, &mut out) && out == [5; 4]);
        for again in 0..2 {
            let mut seen = Vec::new();
            gathered
                .flush(|blocks| {
                    assert!(gathered.any(0, 99), "still to be read while it is on its way");
                    seen = blocks.iter().map(|(block, text)| (*block, text[0])).collect();
                    Ok(())
                })
                .unwrap();
            let expected: &[(u64, u8)] =
                if again == 0 { &[(3, 5), (4, 6), (5, 6), (9, 1), (10, 4)] } else { &[] };
            assert_eq!(seen, expected);
        }
        assert!(!gathered.any(0, 99) && !gathered.get(3, &mut out));
        assert_eq!(gathered.put(7, &[7; 4]), 1);
        assert!(gathered.get(7, &mut out) && out == [7; 4] && !gathered.any(0, 7));
    }
}
