//! The rows that the group being worked on puts aside, and what undoes them.

use super::run::Run;
use crate::model::{Kind, Rid};
use crate::tables::{ALL, Edge, T, TABLES};
use std::collections::{BTreeMap, btree_map};

/// What waits at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// The row is to be deleted.
    Gone,
    /// The row.
    Row(Vec<u8>),
    /// A term that was opened with its record: known from the record's own terms, so that the log need not hold it.
    Opened([u8; 8]),
}

impl Value {
    pub fn row(&self) -> Option<&[u8]> {
        match self {
            Self::Gone => None,
            Self::Row(row) => Some(row),
            Self::Opened(tx) => Some(tx),
        }
    }
}

/// A record that is new in a group: all its terms hold since one Tx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Born {
    pub rid: Rid,
    pub kind: Kind,
    pub tx: u64,
}

/// Waiting rows of the group that is being worked on.
#[derive(Default)]
pub(crate) struct Fresh {
    tables: [BTreeMap<Vec<u8>, Value>; TABLES],
    pub born: Vec<Born>,
}

impl Fresh {
    /// What is known of a key, if anything.
    pub fn get(&self, table: T, key: &[u8]) -> Option<&Value> {
        self.tables.get(table as usize)?.get(key)
    }

    /// Puts a row aside; answers what was there before.
    pub fn put(&mut self, table: T, key: Vec<u8>, value: Value) -> Option<Value> {
        self.tables.get_mut(table as usize)?.insert(key, value)
    }

    /// Takes back a [`Fresh::put`].
    pub fn restore(&mut self, table: T, key: Vec<u8>, before: Option<Value>) {
        if let Some(rows) = self.tables.get_mut(table as usize) {
            match before {
                Some(before) => drop(rows.insert(key, before)),
                None => drop(rows.remove(&key)),
            }
        }
    }

    pub fn range(&self, table: T, low: Edge<'_>, high: Edge<'_>) -> btree_map::Range<'_, Vec<u8>, Value> {
        static NONE: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
        self.tables.get(table as usize).unwrap_or(&NONE).range::<[u8], _>((low, high))
    }

    /// All rows in the order of table and key.
    pub fn rows(&self) -> impl Iterator<Item = (T, &[u8], &Value)> {
        ALL.iter()
            .zip(&self.tables)
            .flat_map(|(table, rows)| rows.iter().map(|(key, value)| (*table, key.as_slice(), value)))
    }

    pub fn is_empty(&self) -> bool {
        self.born.is_empty() && self.tables.iter().all(BTreeMap::is_empty)
    }

    /// The rows as a run.
    pub fn run(&self) -> Run {
        Run::build(self.rows().map(|(table, key, value)| (table, (key, value.row()))))
    }
}
