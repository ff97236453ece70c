//! Blocks that the engine wrote and that have not gone down to the file yet.
//!
//! Owns the waiting blocks, in clear, and the order in which they go; leaves encrypting and writing to barrier.rs.
//! While a flush is on its way its blocks can still be read, and reads do not wait for it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Blocks = BTreeMap<u64, Box<[u8]>>;

#[derive(Default)]
struct Inner {
    fresh: Blocks,
    /// What a flush is writing, or failed to write.
    going: Arc<Blocks>,
}

/// Waiting blocks by number.
#[derive(Default)]
pub(crate) struct Gathered {
    inner: Mutex<Inner>,
    /// How many wait, so that reads need not lock when none do.
    count: AtomicUsize,
    /// One flush at a time.
    flushing: Mutex<()>,
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recount(&self, inner: &Inner) {
        self.count.store(inner.fresh.len() + inner.going.len(), Ordering::Release);
    }

    /// Takes blocks of `size` bytes, numbered from `first`; answers how many wait for the next flush.
    pub fn put(&self, first: u64, data: &[u8], size: usize) -> usize {
        let mut inner = self.lock();
        for (block, text) in (first..).zip(data.chunks_exact(size)) {
            inner.fresh.insert(block, text.into());
        }
        self.recount(&inner);
        inner.fresh.len()
    }

    /// Whether any block of a range waits.
    pub fn any(&self, first: u64, last: u64) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let inner = self.lock();
        inner.fresh.range(first..last).next().is_some() || inner.going.range(first..last).next().is_some()
    }

    /// Copies a waiting block to `out`; answers whether there was one.
    pub fn get(&self, block: u64, out: &mut [u8]) -> bool {
        let inner = self.lock();
        match inner.fresh.get(&block).or_else(|| inner.going.get(&block)) {
            Some(text) => {
                out.copy_from_slice(text);
                true
            }
            None => false,
        }
    }

    /// Hands all waiting blocks to `write` as runs of neighbours, in the order of their numbers. What could not be
    /// written goes on waiting.
    pub fn flush(&self, mut write: impl FnMut(u64, &[&[u8]]) -> io::Result<()>) -> io::Result<()> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let going = {
            let mut inner = self.lock();
            let mut blocks = std::mem::take(&mut inner.fresh);
            for (block, text) in inner.going.iter() {
                blocks.entry(*block).or_insert_with(|| text.clone());
            }
            inner.going = Arc::new(blocks);
            Arc::clone(&inner.going)
        };
        let mut run: Vec<&[u8]> = Vec::new();
        let mut first = 0;
        for (block, text) in going.iter() {
            if !run.is_empty() && first + run.len() as u64 != *block {
                write(first, &run)?;
                run.clear();
            }
            if run.is_empty() {
                first = *block;
            }
            run.push(text);
        }
        if !run.is_empty() {
            write(first, &run)?;
        }
        let mut inner = self.lock();
        inner.going = Arc::default();
        self.recount(&inner);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_go_down_together_in_order_and_a_failure_keeps_them() {
        let gathered = Gathered::default();
        for (block, byte) in [(9, 1), (3, 2), (4, 3), (10, 4), (3, 5)] {
            gathered.put(block, &[byte; 4], 4);
        }
        assert!(gathered.flush(|_, _| Err(io::Error::other("no"))).is_err());
        gathered.put(4, &[6; 8], 4);
        assert!(gathered.any(0, 4) && !gathered.any(6, 9));
        let mut out = [0; 4];
        assert!(gathered.get(3, &mut out) && out == [5; 4]);
        let mut runs = Vec::new();
        gathered
            .flush(|first, run| {
                runs.push((first, run.concat()));
                Ok(())
            })
            .unwrap();
        let three = [[5; 4], [6; 4], [6; 4]].concat();
        assert_eq!(runs, [(3, three), (9, [[1; 4], [4; 4]].concat())]);
        assert!(!gathered.any(0, 99) && !gathered.get(3, &mut out));
    }
}
