//! A unit of work on the writer's thread: reads, changes, and the journal that undoes them.
//!
//! One `Unit` serves a whole group of jobs, one after the other: `begin`, the job, then `finish` or `undo`. Every
//! change goes through [`Unit::insert`] or [`Unit::delete`], which note what was there before; so a refused job leaves
//! nothing while its neighbours commit. Records, documents, rows and answers are written in `unit/write.rs`.
//! Leaves committing and acknowledging to writer.rs.

mod queues;
mod write;

pub(crate) use write::{clip, cut_log};

use crate::as_of;
use crate::audit::{self, Leaf, Written};
use crate::datakeys::{Holder, KeySet, Keyring};
use crate::docs;
use crate::error::{Fault, ReadError, UnitError};
use crate::index;
use crate::model::{Dir, Head, Kind, QueueItem, Rid, Term, TermRange, Tx};
use crate::pending::Pending;
use crate::pending::spread::Spread;
use crate::queue;
use crate::remember;
use crate::state::State;
use crate::tables::{Edge, Get, T, Undo, Visit, WriteTables};
use jiff::Timestamp;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Key of a row of counts.
pub(crate) type CountKey = [u8; 3];

/// Count of live records of a kind.
pub(crate) fn kind_count(kind: Kind) -> CountKey {
    let k = kind.0.to_be_bytes();
    [0, k[0], k[1]]
}

/// Count of rows of a queue in a state.
pub(crate) fn queue_count(queue: u8, state: u8) -> CountKey {
    [1, queue, state]
}

/// A unit of work. Reads see what earlier units of the group and this one changed.
pub struct Unit<'txn> {
    tables: WriteTables<'txn>,
    keys: Arc<Keyring>,
    state: State,
    before: State,
    journal: Vec<Undo>,
    leaves: Vec<Leaf>,
    writes: Vec<Written>,
    counts: BTreeMap<CountKey, i64>,
    group_counts: BTreeMap<CountKey, i64>,
    new_keys: Vec<Holder>,
    changes: u64,
    /// Something of the group is to be committed.
    changed: bool,
    low_disk: bool,
    /// The last unit of the group that gave records other terms without writing them.
    pub(crate) set_terms: Option<Tx>,
    monotonic: u64,
    inside: Cell<bool>,
    fault: OnceCell<Fault>,
}

impl fmt::Debug for Unit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unit(tx {}, {} changes)", self.state.tx, self.changes)
    }
}

/// What became of a job's changes.
pub(crate) enum Finished {
    /// They are part of the group.
    Kept(Tx),
    /// It changed something and left no audit line; undone.
    NoAudit,
}

impl<'txn> Unit<'txn> {
    pub(crate) fn new(tables: WriteTables<'txn>, keys: Arc<Keyring>, state: State, low_disk: bool) -> Self {
        Self {
            tables,
            keys,
            before: state.clone(),
            state,
            journal: Vec::new(),
            leaves: Vec::new(),
            writes: Vec::new(),
            counts: BTreeMap::new(),
            group_counts: BTreeMap::new(),
            new_keys: Vec::new(),
            changes: 0,
            changed: false,
            low_disk,
            set_terms: None,
            monotonic: 0,
            inside: Cell::new(false),
            fault: OnceCell::new(),
        }
    }

    /// Starts a job: the next Tx, at `now`, or at the previous unit's time if that is later.
    pub(crate) fn begin(&mut self, now: i64, monotonic: u64) {
        self.before.clone_from(&self.state);
        self.state.tx += 1;
        self.state.now = self.state.now.max(now);
        self.monotonic = monotonic;
        self.changes = 0;
    }

    /// Ends a job that said yes: appends its audit lines.
    pub(crate) fn finish(&mut self) -> Result<Finished, UnitError> {
        if self.leaves.is_empty() {
            if self.changes > 0 {
                self.undo()?;
                return Ok(Finished::NoAudit);
            }
            // Nothing was changed: the Tx is not used up.
            let tx = Tx(self.before.tx);
            self.undo()?;
            return Ok(Finished::Kept(tx));
        }
        self.changed = true;
        let tx = self.state.tx;
        let leaves = std::mem::take(&mut self.leaves);
        let writes = std::mem::take(&mut self.writes);
        for (number, leaf) in leaves.iter().enumerate() {
            let writes = if number == 0 { writes.as_slice() } else { &[] };
            audit::log::append(self, leaf, writes, tx, self.monotonic)?;
        }
        for (key, delta) in std::mem::take(&mut self.counts) {
            *self.group_counts.entry(key).or_default() += delta;
        }
        self.journal.clear();
        self.new_keys.clear();
        Ok(Finished::Kept(Tx(tx)))
    }

    /// Takes back everything since [`Unit::begin`].
    pub(crate) fn undo(&mut self) -> Result<(), Fault> {
        for holder in self.new_keys.drain(..) {
            self.keys.forget(&holder);
        }
        while let Some(undo) = self.journal.pop() {
            self.engine(|tables| tables.undo(undo))?;
        }
        self.leaves.clear();
        self.writes.clear();
        self.counts.clear();
        self.changes = 0;
        self.state.clone_from(&self.before);
        Ok(())
    }

    /// Appends an audit line outside any job: a read's.
    pub(crate) fn note(&mut self, leaf: &Leaf, now: i64, monotonic: u64) -> Result<(), UnitError> {
        self.changed = true;
        self.state.now = self.state.now.max(now);
        let tx = self.state.tx;
        audit::log::append(self, leaf, &[], tx, monotonic)?;
        self.journal.clear();
        self.new_keys.clear();
        Ok(())
    }

    /// Writes the mark of a pulse: it is committed with the group, and is no change of any unit.
    pub(crate) fn mark(&mut self, mark: u64) -> Result<(), Fault> {
        self.changed = true;
        self.engine(|tables| tables.insert(T::Meta, crate::pulse::MARK, &mark.to_be_bytes(), None))
    }

    /// Whether the group has anything to commit.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Ends the group: counts, pruning, a checkpoint when due, the state. Answers the new checkpoint.
    pub(crate) fn close_group(
        &mut self,
        now: i64,
        force: bool,
        sign: &dyn Fn(&State) -> String,
    ) -> Result<Option<String>, Fault> {
        for (key, delta) in std::mem::take(&mut self.group_counts) {
            let old = self.count(key)?;
            self.engine(|tables| tables.insert(T::Counts, &key, &(old + delta).to_le_bytes(), None))?;
        }
        if !self.low_disk {
            self.prune(now)?;
        }
        let fresh = self.state.frontier.size() > self.state.checkpoint_size;
        let note = (audit::log::is_due(&self.state, now) || (force && fresh)).then(|| sign(&self.state));
        if let Some(note) = &note {
            self.state.checkpoint_size = self.state.frontier.size();
            self.state.checkpoint_time = now;
            let size = self.state.checkpoint_size.to_be_bytes();
            self.engine(|tables| tables.insert(T::Checkpoints, &size, note.as_bytes(), None))?;
        }
        self.state.group += 1;
        let group = self.state.group;
        self.engine(|tables| tables.log(group))?;
        let row = self.state.encode();
        self.engine(|tables| tables.insert(T::Meta, crate::state::STATE, &row, None))?;
        Ok(note)
    }

    /// The rows that wait, those of the group that was closed included.
    pub(crate) fn pending(&self) -> &Pending {
        self.tables.pending()
    }

    /// Begins to spread all that waits.
    pub(crate) fn begin_spread(&mut self) -> Spread {
        self.tables.begin_spread(self.state.group)
    }

    /// Brings about `budget` waiting rows to their tables; answers whether that was the rest.
    pub(crate) fn spread(&mut self, spread: &mut Spread, budget: usize) -> Result<bool, Fault> {
        self.engine(|tables| tables.spread(spread, budget))
    }

    /// The stored count, without this group's changes.
    fn count(&self, key: CountKey) -> Result<i64, Fault> {
        Ok(self
            .with(T::Counts, &key, |row| row.try_into().map_or(0, i64::from_le_bytes))?
            .unwrap_or_default())
    }

    /// State and waiting rows, for the writer after the group.
    pub(crate) fn into_parts(self) -> (State, Pending) {
        (self.state, self.tables.into_pending())
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    pub(crate) fn clinic(&self) -> &str {
        &self.keys.clinic
    }

    /// The engine's fault, if one happened, whatever the job made of it.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }

    /// Whether a panic happened inside the engine.
    pub(crate) fn was_inside(&self) -> bool {
        self.inside.get()
    }

    fn engine<R>(
        &mut self,
        work: impl FnOnce(&mut WriteTables<'txn>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        self.inside.set(true);
        let result = work(&mut self.tables);
        self.inside.set(false);
        self.keep_fault(result)
    }

    fn keep_fault<R>(&self, result: Result<R, Fault>) -> Result<R, Fault> {
        if let Err(fault) = &result {
            let _ = self.fault.set(fault.clone());
        }
        result
    }

    /// Works on the tables with the journal at hand.
    fn journaled<R>(
        &mut self,
        work: impl FnOnce(&mut WriteTables<'txn>, &mut Vec<Undo>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        self.inside.set(true);
        let result = work(&mut self.tables, &mut self.journal);
        self.inside.set(false);
        self.keep_fault(result)
    }

    /// Writes a row, noting what was there.
    pub(crate) fn insert(&mut self, table: T, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.journaled(|tables, journal| tables.insert(table, key, value, Some(journal)))
    }

    /// Deletes a row, noting what was there; answers whether there was one.
    pub(crate) fn delete(&mut self, table: T, key: &[u8]) -> Result<bool, Fault> {
        self.journaled(|tables, journal| tables.remove(table, key, Some(journal)))
    }

    /// The data keys of a holder, made now if it has none.
    pub(crate) fn keys_for(&mut self, holder: &Holder) -> Result<Arc<KeySet>, UnitError> {
        let keys = Arc::clone(&self.keys);
        if let Some(found) = keys.keys(self, holder)? {
            return Ok(found);
        }
        let (made, row) = keys.make(holder).map_err(|_| UnitError::Chance)?;
        self.new_keys.push(holder.clone());
        self.insert(T::DataKeys, holder.bytes(), &row)?;
        Ok(made)
    }
}

impl Get for Unit<'_> {
    fn with<R>(&self, table: T, key: &[u8], with: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Fault> {
        self.inside.set(true);
        let result = self.tables.with(table, key, with);
        self.inside.set(false);
        self.keep_fault(result)
    }

    fn visit(
        &self,
        table: T,
        low: Edge<'_>,
        high: Edge<'_>,
        backwards: bool,
        visit: Visit<'_>,
    ) -> Result<(), Fault> {
        self.inside.set(true);
        let result = self.tables.visit(table, low, high, backwards, visit);
        self.inside.set(false);
        self.keep_fault(result)
    }
}

fn as_unit(error: ReadError) -> UnitError {
    match error {
        ReadError::Damaged { kind, rid, version } => UnitError::Damaged { kind, rid, version },
        ReadError::Fault(fault) => UnitError::Fault(fault),
        ReadError::Unavailable(_) | ReadError::Expired | ReadError::TooOld => {
            UnitError::Invalid("the vault is not available")
        }
    }
}

/// What a job may read.
impl Unit<'_> {
    /// The number of this unit of work.
    #[must_use]
    pub fn tx(&self) -> Tx {
        Tx(self.state.tx)
    }

    /// The time of this unit, to the microsecond, never below an earlier unit's.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.state.now).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Newest version of a record by kind and id, deleted ones included.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn head(&self, kind: Kind, id: &str) -> Result<Option<Head>, UnitError> {
        Ok(as_of::head(self, kind, id)?)
    }

    /// Newest version of a record by its number.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn head_of(&self, rid: Rid) -> Result<Option<Head>, UnitError> {
        Ok(as_of::head_of(self, rid)?)
    }

    /// One version of a record.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn version(&self, rid: Rid, version: u64) -> Result<Option<Head>, UnitError> {
        Ok(as_of::version(self, rid, version)?)
    }

    /// Opens the body of a version; empty for a delete.
    ///
    /// # Errors
    /// [`UnitError::Damaged`] when it fails to open.
    pub fn body(&self, head: &Head) -> Result<Zeroizing<Vec<u8>>, UnitError> {
        as_of::body(self, &self.keys, head).map_err(as_unit)
    }

    /// Records that have a term in the range now, ascending by value, at most `limit`; one record may appear for
    /// each of its terms in the range.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn scan(&self, kind: Kind, range: &TermRange, limit: usize) -> Result<Vec<Rid>, UnitError> {
        let mut found = Vec::new();
        if limit > 0 {
            index::scan(self, kind, range, Dir::Ascending, index::is_open, &mut |_, rid| {
                found.push(rid);
                found.len() < limit
            })?;
        }
        Ok(found)
    }

    /// The terms of the newest version of a record; none when it is deleted.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn terms(&self, rid: Rid) -> Result<Vec<Term>, UnitError> {
        Ok(index::own(self, rid)?)
    }

    /// A document.
    ///
    /// # Errors
    /// [`UnitError::Damaged`] when it fails to open.
    pub fn doc_get(&self, collection: u16, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, UnitError> {
        docs::doc(self, &self.keys, collection, key).map_err(as_unit)
    }

    /// Documents whose key starts with `prefix`, in the order of keys, at most `limit`.
    ///
    /// # Errors
    /// [`UnitError::Damaged`] when one fails to open.
    pub fn doc_scan(
        &self,
        collection: u16,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<docs::Doc>, UnitError> {
        docs::docs(self, &self.keys, collection, prefix, limit).map_err(as_unit)
    }

    /// A row of a queue.
    ///
    /// # Errors
    /// [`UnitError::Damaged`] when its body fails to open.
    pub fn queue_get(&self, queue: u8, seq: u64) -> Result<Option<QueueItem>, UnitError> {
        queue::item(self, &self.keys, queue, seq).map_err(as_unit)
    }

    /// The load of a row of a queue, if it has one.
    ///
    /// # Errors
    /// As [`Unit::queue_get`].
    pub fn queue_load(&self, queue: u8, seq: u64) -> Result<Option<Vec<u8>>, UnitError> {
        queue::load(self, &self.keys, queue, seq).map_err(as_unit)
    }

    /// Numbers of the oldest rows of a queue in a state, above `after`, at most `limit`.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn queue_oldest(
        &self,
        queue: u8,
        state: u8,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<u64>, UnitError> {
        Ok(queue::numbers(self, queue, Some(state), after, false, limit)?)
    }

    /// Numbers of rows with a reference key, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn queue_by_ref(&self, queue: u8, ref_key: &[u8], limit: usize) -> Result<Vec<u64>, UnitError> {
        Ok(queue::by_ref(self, queue, ref_key, limit)?)
    }

    /// The answer remembered for `scope`, if it has not expired.
    ///
    /// # Errors
    /// [`UnitError::Damaged`] when it fails to open.
    pub fn recall(&self, scope: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, UnitError> {
        remember::recall(self, &self.keys, scope, self.state.now).map_err(as_unit)
    }
}
