//! Every table of the database, and writing them; reading them at one commit is in tables/read.rs, the layout of every key in
//! tables/keys.rs.
//!
//! All tables map bytes to bytes, ordered by the bytes of the key; numbers in keys are big-endian so that they order.
//! Values are laid out where they are used: heads and versions in as_of.rs, terms in index.rs, rows in queue.rs,
//! documents in docs.rs, idempotency in remember.rs, data keys in datakeys.rs, leaves in audit/, state in state.rs.
//! Rows of some tables wait in memory and in a log before they come to their tables (pending/); reading here shows them
//! as if they were there.

mod keys;
mod read;

pub(crate) use keys::{
    doc_key, id_key, last_number, owner_prefix, pair_key, queue_key, queue_ref_prefix, queue_state_key,
    queue_term_prefix, rid_key, time_key, time_of_key,
};
pub(crate) use read::ReadTables;

use crate::error::Fault;
use crate::pending::fresh::{Born, Value};
use crate::pending::rows::Rows;
use crate::pending::spread::Spread;
use crate::pending::{Fresh, Pending, log, waits};
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use std::cell::OnceCell;
use std::ops::Bound;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The tables.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum T { $($(#[$doc])* $name,)* }

        const DEFINITIONS: &[(T, &str)] = &[$((T::$name, $text),)*];
        /// All tables, in the order of their declaration.
        pub(crate) const ALL: [T; TABLES] = [$(T::$name,)*];
    };
}

tables! {
    /// Short names -> format level, state of the writer.
    Meta = "meta",
    /// kind, id -> rid.
    Ids = "ids",
    /// rid -> head of the newest version.
    Heads = "heads",
    /// rid, version -> head and sealed body; kept for ever.
    Versions = "versions",
    /// rid -> terms of the newest version.
    Own = "own_terms",
    /// kind, param, value, rid -> intervals of Tx in which the term holds.
    Terms = "terms",
    /// time, number -> key of a closed term, for pruning.
    Closed = "closed_terms",
    /// tx, number -> what changed.
    Log = "log",
    /// sort, number -> how many.
    Counts = "counts",
    /// collection, key -> sealed document.
    Docs = "documents",
    /// queue, seq -> row.
    Queue = "queue",
    /// queue, state, seq -> nothing.
    QueueState = "queue_state",
    /// queue, ref key, seq -> nothing.
    QueueRef = "queue_ref",
    /// queue, seq -> sealed load.
    QueueLoad = "queue_load",
    /// queue, field, value, seq -> nothing.
    QueueTerm = "queue_term",
    /// queue, seq -> terms of the row.
    QueueOwn = "queue_own_terms",
    /// scope -> sealed answer.
    Answers = "answers",
    /// until, scope -> nothing.
    AnswersDue = "answers_due",
    /// owner -> wrapped data key.
    DataKeys = "data_keys",
    /// seq -> leaf.
    Leaves = "audit_leaves",
    /// seq -> sealed detail of a leaf.
    Details = "audit_details",
    /// level, index -> hash of a complete subtree of 256 leaves or more.
    Tree = "audit_tree",
    /// patient, seq -> nothing.
    LeavesOf = "audit_of",
    /// size -> checkpoint.
    Checkpoints = "checkpoints",
    /// group, number -> rows of other tables that wait to be spread.
    Pending = "pending",
}

/// Number of tables.
pub(crate) const TABLES: usize = DEFINITIONS.len();

fn definition(table: T) -> Definition {
    TableDefinition::new(name(table))
}

/// Name of a table as stored.
pub(crate) fn name(table: T) -> &'static str {
    DEFINITIONS.get(table as usize).map_or("unknown", |(_, name)| name)
}

/// A row found by a range.
pub(crate) type Row = (Vec<u8>, Vec<u8>);
/// Shown key and value of a row; answers whether to go on.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<bool, Fault>;
/// A bound on keys.
pub(crate) type Edge<'a> = Bound<&'a [u8]>;

/// Reading, common to the writer's tables and a snapshot's.
pub(crate) trait Get {
    /// Runs `with` on the value at `key`, if there is one.
    fn with<R>(&self, table: T, key: &[u8], with: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Fault>;

    /// Visits rows between `low` and `high`, from the low end or from the high end, until `visit` says stop
    /// (answers `false`).
    fn visit(
        &self,
        table: T,
        low: Edge<'_>,
        high: Edge<'_>,
        backwards: bool,
        visit: Visit<'_>,
    ) -> Result<(), Fault>;

    /// The value at `key`, copied.
    fn get(&self, table: T, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.with(table, key, <[u8]>::to_vec)
    }

    /// At most `limit` rows whose key starts with `prefix`, copied.
    fn prefixed(&self, table: T, prefix: &[u8], backwards: bool, limit: usize) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        let end = after(prefix);
        let high = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        if limit > 0 {
            self.visit(table, Bound::Included(prefix), high, backwards, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                Ok(rows.len() < limit)
            })?;
        }
        Ok(rows)
    }
}

/// The smallest key greater than every key that starts with `prefix`; `None` when there is none.
pub(crate) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    low: Edge<'_>,
    high: Edge<'_>,
    backwards: bool,
    visit: Visit<'_>,
) -> Result<(), Fault> {
    let mut range = table.range::<&[u8]>((low, high))?;
    loop {
        let next = if backwards { range.next_back() } else { range.next() };
        let Some(row) = next else { return Ok(()) };
        let (key, value) = row?;
        if !visit(key.value(), value.value())? {
            return Ok(());
        }
    }
}

/// What undoes a change of a row.
pub(crate) enum Undo {
    /// The row of a table as it was.
    Stored(T, Vec<u8>, Option<Vec<u8>>),
    /// What waited at a key.
    Waiting(T, Vec<u8>, Option<Value>),
    /// A record was born.
    Born,
}

/// Rows that wait: those of earlier groups, and those of this one.
struct Memory {
    pending: Pending,
    fresh: Fresh,
}

type Writing<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// The tables of one group of units, each opened when first used.
pub(crate) struct WriteTables<'txn> {
    txn: &'txn WriteTransaction,
    open: [OnceCell<Writing<'txn>>; TABLES],
    /// `None` when every row goes straight to its table.
    memory: Option<Memory>,
}

impl<'txn> WriteTables<'txn> {
    /// Tables without memory: every row goes straight to its place.
    pub fn direct(txn: &'txn WriteTransaction) -> Self {
        Self { txn, open: std::array::from_fn(|_| OnceCell::new()), memory: None }
    }

    /// Tables under the rows that wait.
    pub fn new(txn: &'txn WriteTransaction, pending: Pending) -> Self {
        Self { memory: Some(Memory { pending, fresh: Fresh::default() }), ..Self::direct(txn) }
    }

    fn table(&self, table: T) -> Result<&Writing<'txn>, Fault> {
        let cell = self.open.get(table as usize).ok_or_else(missing)?;
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let opened = self.txn.open_table(definition(table))?;
        Ok(cell.get_or_init(|| opened))
    }

    fn table_mut(&mut self, table: T) -> Result<&mut Writing<'txn>, Fault> {
        self.table(table)?;
        self.open.get_mut(table as usize).and_then(OnceCell::get_mut).ok_or_else(missing)
    }

    /// Writes a row; what was there goes to the journal, if there is one.
    pub fn insert(
        &mut self,
        table: T,
        key: &[u8],
        value: &[u8],
        journal: Option<&mut Vec<Undo>>,
    ) -> Result<(), Fault> {
        if self.memory.is_some() && waits(table) {
            self.put(table, key.to_vec(), Value::Row(value.to_vec()), journal);
            return Ok(());
        }
        let old = self.table_mut(table)?.insert(key, value)?;
        if let Some(journal) = journal {
            journal.push(Undo::Stored(table, key.to_vec(), old.map(|old| old.value().to_vec())));
        }
        Ok(())
    }

    /// Deletes a row; answers whether there was one. What was there goes to the journal, if there is one.
    pub fn remove(&mut self, table: T, key: &[u8], journal: Option<&mut Vec<Undo>>) -> Result<bool, Fault> {
        if self.memory.is_some() && waits(table) {
            let found = self.with(table, key, |_| ())?.is_some();
            if found {
                self.put(table, key.to_vec(), Value::Gone, journal);
            }
            return Ok(found);
        }
        let old = self.table_mut(table)?.remove(key)?;
        let found = old.is_some();
        if let (Some(journal), Some(old)) = (journal, old) {
            journal.push(Undo::Stored(table, key.to_vec(), Some(old.value().to_vec())));
        }
        Ok(found)
    }

    /// Writes the terms of a record that is new, given their keys.
    pub fn bear(&mut self, born: Born, keys: Vec<Vec<u8>>, journal: &mut Vec<Undo>) -> Result<(), Fault> {
        let tx = born.tx.to_le_bytes();
        let Some(memory) = &mut self.memory else {
            return keys.iter().try_for_each(|key| self.insert(T::Terms, key, &tx, Some(journal)));
        };
        memory.fresh.born.push(born);
        journal.push(Undo::Born);
        for key in keys {
            self.put(T::Terms, key, Value::Opened(tx), Some(journal));
        }
        Ok(())
    }

    fn put(&mut self, table: T, key: Vec<u8>, value: Value, journal: Option<&mut Vec<Undo>>) {
        let Some(memory) = &mut self.memory else { return };
        match journal {
            Some(journal) => {
                let before = memory.fresh.put(table, key.clone(), value);
                journal.push(Undo::Waiting(table, key, before));
            }
            None => drop(memory.fresh.put(table, key, value)),
        }
    }

    /// Takes a change back.
    pub fn undo(&mut self, undo: Undo) -> Result<(), Fault> {
        match undo {
            Undo::Stored(table, key, Some(old)) => {
                self.table_mut(table)?.insert(key.as_slice(), old.as_slice())?;
            }
            Undo::Stored(table, key, None) => {
                self.table_mut(table)?.remove(key.as_slice())?;
            }
            Undo::Waiting(table, key, before) => {
                if let Some(memory) = &mut self.memory {
                    memory.fresh.restore(table, key, before);
                }
            }
            Undo::Born => {
                if let Some(memory) = &mut self.memory {
                    memory.fresh.born.pop();
                }
            }
        }
        Ok(())
    }

    /// Logs the group's waiting rows as those of commit `group` and puts them under the next group's.
    pub fn log(&mut self, group: u64) -> Result<(), Fault> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let fresh = std::mem::take(&mut memory.fresh);
        if fresh.is_empty() {
            return Ok(());
        }
        memory.pending.push(fresh.run());
        let rows = log::encode(group, &fresh);
        rows.iter().try_for_each(|(key, row)| self.insert(T::Pending, key, row, None))
    }

    /// The rows of earlier groups and of those that were logged.
    pub fn pending(&self) -> &Pending {
        static NONE: std::sync::LazyLock<Pending> = std::sync::LazyLock::new(Pending::default);
        self.memory.as_ref().map_or(&NONE, |memory| &memory.pending)
    }

    /// Begins to spread all that waits as of commit `group`.
    pub fn begin_spread(&mut self, group: u64) -> Spread {
        if let Some(memory) = &mut self.memory {
            memory.pending.freeze();
        }
        Spread::begin(group)
    }

    /// Spreads about `budget` waiting rows; answers whether that was the rest.
    pub fn spread(&mut self, spread: &mut Spread, budget: usize) -> Result<bool, Fault> {
        let Some(mut pending) = self.memory.as_ref().map(|memory| memory.pending.clone()) else {
            return Ok(true);
        };
        let done = spread.slice(&mut pending, self, budget)?;
        if let Some(memory) = &mut self.memory {
            memory.pending = pending;
        }
        Ok(done)
    }

    /// Brings a row that waited to its table.
    pub fn settle(&mut self, table: T, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let table = self.table_mut(table)?;
        match value {
            Some(value) => drop(table.insert(key, value)?),
            None => drop(table.remove(key)?),
        }
        Ok(())
    }

    /// Deletes all rows of a table whose keys are below `end`.
    pub fn clear(&mut self, table: T, end: &[u8]) -> Result<(), Fault> {
        Ok(self.table_mut(table)?.retain_in::<&[u8], _>(..end, |_, _| false)?)
    }

    /// The rows that wait, with what was logged.
    pub fn into_pending(self) -> Pending {
        self.memory.map(|memory| memory.pending).unwrap_or_default()
    }
}

fn missing() -> Fault {
    Fault::Engine("a table is missing".into())
}

fn visit_all(mut rows: Rows<'_>, visit: Visit<'_>) -> Result<(), Fault> {
    while let Some(go_on) = rows.next(|key, value| visit(key, value))? {
        if !go_on? {
            break;
        }
    }
    Ok(())
}

impl Get for WriteTables<'_> {
    fn with<R>(&self, table: T, key: &[u8], with: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Fault> {
        if let Some(memory) = self.memory.as_ref().filter(|_| waits(table)) {
            let known = match memory.fresh.get(table, key) {
                Some(fresh) => Some(fresh.row()),
                None => memory.pending.get(table, key),
            };
            if let Some(known) = known {
                return Ok(known.map(with));
            }
        }
        Ok(self.table(table)?.get(key)?.map(|found| with(found.value())))
    }

    fn visit(
        &self,
        table: T,
        low: Edge<'_>,
        high: Edge<'_>,
        backwards: bool,
        visit: Visit<'_>,
    ) -> Result<(), Fault> {
        let Some(memory) = self.memory.as_ref().filter(|_| waits(table)) else {
            return scan(self.table(table)?, low, high, backwards, visit);
        };
        let waiting = memory.pending.cursor(Some(&memory.fresh), table, (low, high), backwards);
        let stored = self.table(table)?.range::<&[u8]>((low, high))?;
        visit_all(Rows::new(Some(stored), waiting, backwards), visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn after_a_prefix_comes_everything_else(prefix in prop::collection::vec(any::<u8>(), 0..5), rest in prop::collection::vec(any::<u8>(), 0..5), other in prop::collection::vec(any::<u8>(), 0..8)) {
            let end = after(&prefix);
            let within = [prefix.clone(), rest].concat();
            prop_assert!(end.as_ref().is_none_or(|end| &within < end));
            if !other.starts_with(&prefix) && other > prefix {
                prop_assert!(end.is_some_and(|end| other >= end));
            }
        }
    }

    #[test]
    fn every_table_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = DEFINITIONS.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), DEFINITIONS.len());
        assert!(DEFINITIONS.iter().enumerate().all(|(at, (table, _))| *table as usize == at));
    }
}
