//! Rows that wait in memory before they are spread over their tables.
//!
//! The rows of some tables (search terms, ids, data keys ...) fall on pages without pattern: writing them with each
//! commit would dirty a page for nearly every row. Those of others (heads, feed, counts, audit lines) are small and
//! each table costs a commit a page and the path to it. Instead a commit logs them, many in one row of `pending`, and
//! keeps them in memory; the writer spreads them later, many at once and in order, so that rows that share a page share
//! its writing.
//!
//! ```text
//! fresh   rows of the group being worked on      log     their rows in the database, read back at opening
//! run     sorted rows, never changed             rows    table and memory, merged in order
//! spread  moves frozen runs to their tables, a slice with each commit
//! ```
//! Whoever reads through [`crate::tables::Get`] sees the tables as if every row were in its place. A view of commit N
//! is the tables of N under the runs of N: both never change.

pub(crate) mod fresh;
pub(crate) mod log;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod spread;

pub(crate) use fresh::Fresh;

use crate::tables::{ALL, T};
use rows::Cursor;
use run::Run;
use std::ops::Bound;
use std::sync::Arc;

/// Runs of one level that are merged into one.
const FAN: usize = 4;
/// Level from which on runs are left as they are: merging them would hold up a commit.
const HIGHEST: u32 = 7;

/// The waiting rows as of one commit. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Pending {
    /// Oldest first; a later run knows better.
    runs: Arc<[Arc<Run>]>,
    /// How many of the oldest are being spread.
    frozen: usize,
}

/// Whether rows of a table wait before they are spread: the tables that the log knows.
pub(crate) fn waits(table: T) -> bool {
    log::code(table).is_some()
}

impl Pending {
    pub fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    /// The runs that are being spread.
    pub fn frozen(&self) -> &[Arc<Run>] {
        self.runs.get(..self.frozen).unwrap_or_default()
    }

    /// Number of rows, counting a key once for each run that knows it.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.len()).sum()
    }

    /// Memory taken.
    pub fn size(&self) -> usize {
        self.runs.iter().map(|run| run.size()).sum()
    }

    /// What is known of a key, if anything.
    pub fn get(&self, table: T, key: &[u8]) -> Option<Option<&[u8]>> {
        self.runs.iter().rev().find_map(|run| run.get(table, key))
    }

    /// Adds a run on top of the others and merges where enough of a level have come together.
    pub fn push(&mut self, run: Run) {
        let mut runs = self.runs.to_vec();
        runs.push(Arc::new(run));
        while let Some(level) = runs.last().map(|run| run.level).filter(|level| *level < HIGHEST) {
            let young = runs.get(self.frozen..).unwrap_or_default();
            let alike = young.iter().rev().take_while(|run| run.level <= level).count();
            if alike < FAN {
                break;
            }
            let joined = runs.split_off(runs.len() - alike);
            let mut merged = merge(&joined);
            merged.level = merged.level.max(level + 1);
            runs.push(Arc::new(merged));
        }
        self.runs = runs.into();
    }

    /// Marks all that waits now as being spread.
    pub fn freeze(&mut self) {
        self.frozen = self.runs.len();
    }

    /// Lets go of the runs that were spread.
    pub fn thaw(&mut self) {
        self.runs = self.runs.get(self.frozen..).unwrap_or_default().into();
        self.frozen = 0;
    }
}

/// One run that knows what several know.
fn merge(runs: &[Arc<Run>]) -> Run {
    let all = (Bound::Unbounded, Bound::Unbounded);
    let rows = ALL.iter().flat_map(|table| {
        Cursor::new(runs.iter().map(AsRef::as_ref), None, *table, all, false).map(move |row| (*table, row))
    });
    Run::build(rows)
}

#[cfg(test)]
mod tests;
