//! Moving waiting rows to their tables, a slice with each commit.
//!
//! A spread takes all runs there are when it begins. Rows written meanwhile wait on top of them, so a row that was
//! spread is never newer than what memory knows, and reading memory over tables stays right at every moment. Only when
//! the last slice is in its tables do the runs and their part of the log go, in the same commit: a crash before that
//! begins the spread anew from the log, which changes nothing that is already in place.

use super::Pending;
use super::rows::Cursor;
use crate::error::Fault;
use crate::tables::{ALL, T, WriteTables, pair_key};
use std::ops::Bound;

/// A spread that has begun.
#[derive(Clone)]
pub(crate) struct Spread {
    /// The last group whose rows are spread.
    group: u64,
    /// The table being filled and the last key spread there.
    table: usize,
    after: Option<Vec<u8>>,
}

impl Spread {
    /// The beginning of a spread of all that waits as of commit `group`.
    pub fn begin(group: u64) -> Self {
        Self { group, table: 0, after: None }
    }

    /// Spreads about `budget` rows; answers whether that was the rest.
    pub fn slice(
        &mut self,
        pending: &mut Pending,
        tables: &mut WriteTables<'_>,
        budget: usize,
    ) -> Result<bool, Fault> {
        let mut left = budget;
        while let Some(table) = ALL.get(self.table) {
            let low = self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let runs = pending.frozen().iter().map(AsRef::as_ref);
            let mut last = None;
            for (key, value) in Cursor::new(runs, None, *table, (low, Bound::Unbounded), false).take(left) {
                tables.settle(*table, key, value)?;
                left -= 1;
                last = Some(key);
            }
            if left == 0 {
                self.after = last.map(<[u8]>::to_vec).or_else(|| self.after.take());
                return Ok(false);
            }
            self.table += 1;
            self.after = None;
        }
        tables.clear(T::Pending, &pair_key(self.group.saturating_add(1), 0))?;
        pending.thaw();
        Ok(true)
    }
}
