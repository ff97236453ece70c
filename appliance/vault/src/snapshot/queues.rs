//! What a snapshot shows of the queues.

use super::{Snapshot, count, number};
use crate::error::ReadError;
use crate::model::{QueueAsk, QueueFound, QueueItem, QueueTerm};
use crate::queue;
use crate::tables::{Get, T};
use crate::unit::queue_count;
use std::collections::BTreeMap;

impl Snapshot {
    /// A row of a queue.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when its body fails to open, and as [`Snapshot::head`].
    pub fn queue_get(&self, queue: u8, seq: u64) -> Result<Option<QueueItem>, ReadError> {
        self.run(|from| queue::item(from, &self.shared.keys, queue, seq))
    }

    /// The load of a row of a queue, if it has one.
    ///
    /// # Errors
    /// As [`Snapshot::queue_get`].
    pub fn queue_load(&self, queue: u8, seq: u64) -> Result<Option<Vec<u8>>, ReadError> {
        self.run(|from| queue::load(from, &self.shared.keys, queue, seq))
    }

    /// Numbers of rows that are in every range asked for, newest first.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn queue_find(&self, ask: &QueueAsk) -> Result<QueueFound, ReadError> {
        self.run(|from| queue::find::find(from, ask))
    }

    /// Values of a field that begin as the term does, in order, at most `most`.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn queue_values(
        &self,
        queue: u8,
        beginning: &QueueTerm,
        most: usize,
    ) -> Result<Vec<Vec<u8>>, ReadError> {
        let within = |value: &[u8]| value.starts_with(&beginning.value);
        self.run(|from| queue::find::values(from, queue, beginning, within, most))
    }

    /// The lowest and the highest number among rows whose value of `low`'s field is from `low` to `high`.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn queue_span(
        &self,
        queue: u8,
        low: &QueueTerm,
        high: &[u8],
    ) -> Result<Option<(u64, u64)>, ReadError> {
        self.run(|from| queue::find::span(from, queue, low, high))
    }

    /// Newest rows of a queue, of one state or of all, below `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::queue_get`].
    pub fn queue_newest(
        &self,
        queue: u8,
        state: Option<u8>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<QueueItem>, ReadError> {
        self.items(queue, &self.run(|from| queue::numbers(from, queue, state, before, true, limit))?)
    }

    /// Oldest rows of a queue in a state, above `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::queue_get`].
    pub fn queue_oldest(
        &self,
        queue: u8,
        state: u8,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<QueueItem>, ReadError> {
        self.items(queue, &self.run(|from| queue::numbers(from, queue, Some(state), after, false, limit))?)
    }

    /// Rows with a reference key, oldest first, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::queue_get`].
    pub fn queue_by_ref(&self, queue: u8, ref_key: &[u8], limit: usize) -> Result<Vec<QueueItem>, ReadError> {
        self.items(queue, &self.run(|from| queue::by_ref(from, queue, ref_key, limit))?)
    }

    fn items(&self, queue: u8, numbers: &[u64]) -> Result<Vec<QueueItem>, ReadError> {
        numbers.iter().filter_map(|seq| self.queue_get(queue, *seq).transpose()).collect()
    }

    /// Number of rows of a queue in one state.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn queue_count(&self, queue: u8, state: u8) -> Result<u64, ReadError> {
        self.run(|from| count(from, &queue_count(queue, state)))
    }

    /// Number of rows of a queue by state.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn queue_counts(&self, queue: u8) -> Result<BTreeMap<u8, u64>, ReadError> {
        let rows = self.run(|from| from.prefixed(T::Counts, &[1, queue], false, usize::MAX))?;
        Ok(rows
            .iter()
            .filter_map(|(key, row)| Some((*key.get(2)?, number(row)?)))
            .filter(|(_, n)| *n > 0)
            .collect())
    }
}
