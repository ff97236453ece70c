//! What a job may change of the rows of durable queues: the row, its state, what lies beside it, what it is found by.

use super::write::limit;
use super::{Unit, as_unit, queue_count};
use crate::datakeys::Holder;
use crate::docs::MAX_DOC_KEY;
use crate::error::UnitError;
use crate::model::{MAX_BODY, MAX_QUEUE_TERM, MAX_QUEUE_TERMS, QueueItem, QueueRow, QueueTerm};
use crate::queue;
use crate::tables::{T, queue_key, queue_ref_prefix, queue_state_key, queue_term_prefix};
use jiff::Timestamp;

impl Unit<'_> {
    /// Adds a row to a queue and answers its number.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] over a limit, [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn enqueue(&mut self, queue: u8, row: &QueueRow) -> Result<u64, UnitError> {
        limit("the row's body", row.body.len(), MAX_BODY)?;
        limit("the row's partition", row.partition.len(), MAX_DOC_KEY)?;
        limit("the row's reference key", row.ref_key.len(), MAX_DOC_KEY)?;
        self.adding()?;
        self.state.seq += 1;
        let seq = self.state.seq;
        self.insert(T::QueueState, &queue_state_key(queue, row.state, seq), &[])?;
        if !row.ref_key.is_empty() {
            let prefix = queue_ref_prefix(queue, &row.ref_key);
            self.insert(T::QueueRef, &[prefix.as_slice(), &seq.to_be_bytes()].concat(), &[])?;
        }
        let item = QueueItem { seq, queue, at: self.now(), tx: self.tx(), row: row.clone() };
        self.store_item(&item)?;
        *self.counts.entry(queue_count(queue, row.state)).or_default() += 1;
        Ok(seq)
    }

    /// Changes a row: its state, when it is due, and its body if one is given.
    ///
    /// # Errors
    /// [`UnitError::Missing`] when there is no such row, [`UnitError::TooLarge`] over a limit,
    /// [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn queue_set(
        &mut self,
        queue: u8,
        seq: u64,
        state: u8,
        due: Option<Timestamp>,
        body: Option<&[u8]>,
    ) -> Result<(), UnitError> {
        limit("the row's body", body.map_or(0, <[u8]>::len), MAX_BODY)?;
        let keys = std::sync::Arc::clone(&self.keys);
        let mut item =
            queue::item(self, &keys, queue, seq).map_err(as_unit)?.ok_or(UnitError::Missing("queue row"))?;
        self.adding()?;
        if item.row.state != state {
            self.delete(T::QueueState, &queue_state_key(queue, item.row.state, seq))?;
            self.insert(T::QueueState, &queue_state_key(queue, state, seq), &[])?;
            *self.counts.entry(queue_count(queue, item.row.state)).or_default() -= 1;
            *self.counts.entry(queue_count(queue, state)).or_default() += 1;
        }
        item.row.state = state;
        item.row.due = due;
        item.tx = self.tx();
        if let Some(body) = body {
            item.row.body = body.to_vec();
        }
        self.store_item(&item)
    }

    /// Lays something large beside a row, which may have no load yet: at most [`MAX_BODY`] bytes that never change.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] over a limit, [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn queue_load_put(&mut self, queue: u8, seq: u64, load: &[u8]) -> Result<(), UnitError> {
        limit("the row's load", load.len(), MAX_BODY)?;
        self.adding()?;
        let (keys, tx, number) = (std::sync::Arc::clone(&self.keys), self.state.tx, seq.to_be_bytes());
        let sealed =
            self.seal(&Holder::queue(queue), &queue::load_binding(&keys.clinic, queue, &number, tx), load)?;
        let row = [&tx.to_le_bytes(), sealed.as_slice()].concat();
        Ok(self.insert(T::QueueLoad, &queue_key(queue, seq), &row)?)
    }

    /// Takes a row's load away; says whether it had one.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn queue_load_drop(&mut self, queue: u8, seq: u64) -> Result<bool, UnitError> {
        let found = self.delete(T::QueueLoad, &queue_key(queue, seq))?;
        self.changes += u64::from(found);
        Ok(found)
    }

    /// Gives a row these terms and no others.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] for a value that is too long, empty or holds a zero, or for too many of them,
    /// [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn queue_terms_set(&mut self, queue: u8, seq: u64, terms: &[QueueTerm]) -> Result<(), UnitError> {
        limit("the row's terms", terms.len(), MAX_QUEUE_TERMS)?;
        for term in terms {
            let bad = term.value.is_empty() || term.value.contains(&0);
            limit("a term of the row", if bad { usize::MAX } else { term.value.len() }, MAX_QUEUE_TERM)?;
        }
        self.adding()?;
        let mut terms = terms.to_vec();
        terms.sort();
        terms.dedup();
        let before = queue::own_terms(self, queue, seq)?;
        if terms == before {
            return Ok(());
        }
        let key = |term: &QueueTerm| {
            [queue_term_prefix(queue, term.field, &term.value).as_slice(), &seq.to_be_bytes()].concat()
        };
        for gone in before.iter().filter(|term| terms.binary_search(term).is_err()) {
            self.delete(T::QueueTerm, &key(gone))?;
        }
        for new in terms.iter().filter(|term| before.binary_search(term).is_err()) {
            self.insert(T::QueueTerm, &key(new), &[])?;
        }
        Ok(self.insert(T::QueueOwn, &queue_key(queue, seq), &queue::encode_terms(&terms))?)
    }

    fn store_item(&mut self, item: &QueueItem) -> Result<(), UnitError> {
        let keys = std::sync::Arc::clone(&self.keys);
        let number = item.seq.to_be_bytes();
        let binding = queue::binding(&keys.clinic, item.queue, &number, item.tx.0);
        let sealed = self.seal(&Holder::queue(item.queue), &binding, &item.row.body)?;
        Ok(self.insert(T::Queue, &queue_key(item.queue, item.seq), &queue::encode(item, &sealed))?)
    }
}
