//! The tables of a read transaction, as of its commit.

use std::cell::OnceCell;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableError};

use super::{Edge, Get, T, TABLES, Visit, definition, scan, visit_all};
use crate::error::Fault;
use crate::pending::rows::Rows;
use crate::pending::{Pending, waits};

/// A table opened for reading.
type Reading = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The tables of a read transaction, each opened when first used, under the rows that waited as of its commit.
pub(crate) struct ReadTables {
    txn: ReadTransaction,
    open: [OnceCell<Option<Reading>>; TABLES],
    pending: Pending,
}

impl ReadTables {
    pub fn new(txn: ReadTransaction) -> Self {
        Self { txn, open: std::array::from_fn(|_| OnceCell::new()), pending: Pending::default() }
    }

    /// Lays the rows that waited over the tables.
    pub fn under(self, pending: Pending) -> Self {
        Self { pending, ..self }
    }

    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The table, or `None` when nothing was ever written to it.
    fn table(&self, table: T) -> Result<Option<&Reading>, Fault> {
        let Some(cell) = self.open.get(table as usize) else { return Ok(None) };
        if let Some(open) = cell.get() {
            return Ok(open.as_ref());
        }
        let opened = match self.txn.open_table(definition(table)) {
            Ok(open) => Some(open),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(cell.get_or_init(|| opened).as_ref())
    }

    /// Rows between two keys, in order, to be taken one by one.
    pub fn rows(&self, table: T, low: Edge<'_>, high: Edge<'_>, backwards: bool) -> Result<Rows<'_>, Fault> {
        let stored = match self.table(table)? {
            Some(open) => Some(ReadableTable::range::<&[u8]>(open, (low, high))?),
            None => None,
        };
        Ok(Rows::new(stored, self.pending.cursor(None, table, (low, high), backwards), backwards))
    }
}

impl Get for ReadTables {
    fn with<R>(&self, table: T, key: &[u8], with: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Fault> {
        if waits(table)
            && let Some(known) = self.pending.get(table, key)
        {
            return Ok(known.map(with));
        }
        let Some(table) = self.table(table)? else { return Ok(None) };
        Ok(ReadableTable::get(table, key)?.map(|found| with(found.value())))
    }

    fn visit(
        &self,
        table: T,
        low: Edge<'_>,
        high: Edge<'_>,
        backwards: bool,
        visit: Visit<'_>,
    ) -> Result<(), Fault> {
        if waits(table) {
            return visit_all(self.rows(table, low, high, backwards)?, visit);
        }
        match self.table(table)? {
            Some(table) => scan(table, low, high, backwards, visit),
            None => Ok(()),
        }
    }
}
