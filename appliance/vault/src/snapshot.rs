//! A consistent view of the vault as of one commit.
//!
//! Owns reading; the same functions serve units of work. A snapshot pins old pages, so it expires after 30 s
//! (security-storage.md, section 5).

use crate::as_of;
use crate::audit::{self, AuditEntry, Proof};
use crate::datakeys::{Holder, KeySet};
use crate::docs::{self, Doc};
use crate::error::{Fault, ReadError};
use crate::index;
use crate::model::{Change, Dir, Head, Kind, Rid, Term, TermRange, Tx};
use crate::remember;
use crate::scan::Scan;
use crate::shared::Shared;
use crate::state::{STATE, State};
use crate::tables::{Get, ReadTables, T, name, pair_key};
use crate::unit::kind_count;
use redb::ReadableDatabase;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

mod queues;

/// Longest life of a snapshot.
const LIFE: Duration = Duration::from_secs(30);

/// A consistent view; cheap to take, to be dropped soon.
pub struct Snapshot {
    tables: ReadTables,
    shared: Arc<Shared>,
    state: State,
    until: Option<Instant>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot(tx {})", self.state.tx)
    }
}

impl Snapshot {
    pub(crate) fn take(shared: &Arc<Shared>, capped: bool) -> Result<Self, ReadError> {
        let (tables, state) = Self::consistent(shared)?;
        let until = capped.then(|| Instant::now() + LIFE);
        Ok(Self { tables, shared: Arc::clone(shared), state, until })
    }

    /// The data keys of a holder, if it has any.
    pub(crate) fn key_set(&self, holder: &Holder) -> Result<Option<Arc<KeySet>>, ReadError> {
        self.shared.ready()?;
        Ok(self.shared.keys.keys(&self.tables, holder)?)
    }

    /// A read transaction with its state, under the rows that waited as of its commit.
    fn consistent(shared: &Arc<Shared>) -> Result<(ReadTables, State), ReadError> {
        loop {
            shared.ready()?;
            let txn = {
                let db = shared.db.read().unwrap_or_else(PoisonError::into_inner);
                let db = db.as_ref().ok_or(crate::Unavailable::Closed)?;
                run(shared, || db.begin_read().map_err(Fault::from))?
            };
            let tables = ReadTables::new(txn);
            let state = run(shared, || tables.with(T::Meta, STATE, State::decode))?
                .flatten()
                .ok_or_else(|| ReadError::Fault(Fault::row(name(T::Meta))))?;
            // Not there when a commit came between the two lines above: then a newer view serves as well.
            if let Some(pending) = shared.pending_of(state.group) {
                return Ok((tables.under(pending), state));
            }
        }
    }

    fn run<'a, R, E: Into<ReadError>>(
        &'a self,
        work: impl FnOnce(&'a ReadTables) -> Result<R, E>,
    ) -> Result<R, ReadError> {
        self.run_within(true, work)
    }

    /// The same; the clock is looked at when `due`.
    pub(crate) fn run_within<'a, R, E: Into<ReadError>>(
        &'a self,
        due: bool,
        work: impl FnOnce(&'a ReadTables) -> Result<R, E>,
    ) -> Result<R, ReadError> {
        if due && self.until.is_some_and(|until| Instant::now() > until) {
            return Err(ReadError::Expired);
        }
        run(&self.shared, || work(&self.tables))
    }

    /// The last unit of work this view contains.
    #[must_use]
    pub fn tx(&self) -> Tx {
        Tx(self.state.tx)
    }

    /// The last record number that this view knows; numbers are dense from 1.
    #[must_use]
    pub fn last_rid(&self) -> Rid {
        Rid(self.state.rid)
    }

    /// Newest version of a record by kind and id, deleted ones included.
    ///
    /// # Errors
    /// [`ReadError::Fault`] when the engine fails, [`ReadError::Expired`] after 30 s; the same for all reads.
    pub fn head(&self, kind: Kind, id: &str) -> Result<Option<Head>, ReadError> {
        self.run(|from| as_of::head(from, kind, id))
    }

    /// Newest version of a record by its number.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn head_of(&self, rid: Rid) -> Result<Option<Head>, ReadError> {
        self.run(|from| as_of::head_of(from, rid))
    }

    /// The version of a record that was newest at `tx`; `None` when it did not exist yet.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn as_of(&self, rid: Rid, tx: Tx) -> Result<Option<Head>, ReadError> {
        self.run(|from| as_of::as_of(from, rid, tx))
    }

    /// One version of a record.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn version(&self, rid: Rid, version: u64) -> Result<Option<Head>, ReadError> {
        self.run(|from| as_of::version(from, rid, version))
    }

    /// Versions of a record, newest first, below version `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn versions(&self, rid: Rid, before: Option<u64>, limit: usize) -> Result<Vec<Head>, ReadError> {
        self.run(|from| as_of::versions(from, rid, before, limit))
    }

    /// Opens the body of a version; empty for a delete.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when it fails to open, and as [`Snapshot::head`].
    pub fn body(&self, head: &Head) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        self.run(|from| as_of::body(from, &self.shared.keys, head))
    }

    /// The terms of the newest version of a record, to check it without walking ranges; none when it is deleted.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn terms(&self, rid: Rid) -> Result<Vec<Term>, ReadError> {
        self.run(|from| index::own(from, rid))
    }

    /// Those of them that belong to one of these parameters.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn terms_of(&self, rid: Rid, params: &[u16]) -> Result<Vec<Term>, ReadError> {
        self.run(|from| index::own_of(from, rid, params))
    }

    /// Values and records with a term in the range at `at`, by value and then number, from either end. A record
    /// appears once for each of its terms in the range. Exact at any `at` of the last hour.
    ///
    /// # Errors
    /// [`ReadError::TooOld`] when `at` is before the closed terms still kept; items as [`Snapshot::head`].
    pub fn scan(&self, kind: Kind, range: &TermRange, dir: Dir, at: Tx) -> Result<Scan<'_>, ReadError> {
        self.scan_behind(kind, range, dir, at, None)
    }

    /// The same walk, begun behind one value of one record: the last one that was seen.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn scan_behind(
        &self,
        kind: Kind,
        range: &TermRange,
        dir: Dir,
        at: Tx,
        last: Option<(&[u8], Rid)>,
    ) -> Result<Scan<'_>, ReadError> {
        if at.0 < self.state.pruned {
            return Err(ReadError::TooOld);
        }
        let (mut low, mut high) = index::span(kind, range);
        if let Some((value, rid)) = last {
            let key = index::term_key(kind, &Term { param: range.param, value: value.to_vec() }, rid);
            match dir {
                // The first key behind it is the same with a zero behind.
                Dir::Ascending => low = low.max([key.as_slice(), &[0]].concat()),
                Dir::Descending => {
                    high = Some(high.map_or_else(|| key.clone(), |high| high.min(key.clone())))
                }
            }
        }
        let empty = high.as_ref().is_some_and(|high| low >= *high);
        let rows = if empty {
            None
        } else {
            let high = high.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let low = Bound::Included(low.as_slice());
            Some(self.run(|from| from.rows(T::Terms, low, high, dir == Dir::Descending))?)
        };
        Ok(Scan::new(rows, self, range.clone(), at))
    }

    /// Number of records of a kind that are not deleted.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn count(&self, kind: Kind) -> Result<u64, ReadError> {
        self.run(|from| count(from, &kind_count(kind)))
    }

    /// Number of live records of every kind that has any.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn counts(&self) -> Result<BTreeMap<Kind, u64>, ReadError> {
        let rows = self.run(|from| from.prefixed(T::Counts, &[0], false, usize::MAX))?;
        Ok(rows
            .iter()
            .filter_map(|(key, row)| {
                Some((Kind(u16::from_be_bytes(key.get(1..3)?.try_into().ok()?)), number(row)?))
            })
            .filter(|(_, n)| *n > 0)
            .collect())
    }

    /// Changes after `from`, oldest first: at least all of the next unit, then whole units up to about `limit`
    /// lines.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn log(&self, from: Tx, limit: usize) -> Result<Vec<Change>, ReadError> {
        self.run(|tables| {
            let mut lines = Vec::new();
            let low = pair_key(from.0.saturating_add(1), 0);
            tables.visit(T::Log, Bound::Included(&low), Bound::Unbounded, false, &mut |key, row| {
                let line = crate::unit::cut_log(key, row).ok_or_else(|| Fault::row(name(T::Log)))?;
                let same = lines.last().is_some_and(|last: &(Tx, Rid, u64)| last.0 == line.0);
                if lines.len() >= limit && !same {
                    return Ok(false);
                }
                lines.push(line);
                Ok(true)
            })?;
            lines
                .into_iter()
                .map(|(tx, rid, version)| {
                    let head =
                        as_of::version(tables, rid, version)?.ok_or_else(|| Fault::row(name(T::Log)))?;
                    let Head { kind, id, deleted, owner, .. } = head;
                    Ok::<_, Fault>(Change { tx, rid, kind, id, version, deleted, owner })
                })
                .collect()
        })
    }

    /// Versions in the order in which they were written, newest first, below the line `before`, at most `limit`; each
    /// with its line, which is its unit and its number within.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn log_back(&self, before: Option<LogLine>, limit: usize) -> Result<Vec<(LogLine, Head)>, ReadError> {
        self.run(|tables| {
            let high = before.map(|(tx, line)| pair_key(tx.0, line));
            let high = high.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(&key[..]));
            let mut lines = Vec::new();
            if limit > 0 {
                tables.visit(T::Log, Bound::Unbounded, high, true, &mut |key, row| {
                    let line = crate::unit::cut_log(key, row).ok_or_else(|| Fault::row(name(T::Log)))?;
                    let number = key.get(8..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
                    lines.push((number.ok_or_else(|| Fault::row(name(T::Log)))?, line));
                    Ok(lines.len() < limit)
                })?;
            }
            lines
                .into_iter()
                .map(|(number, (tx, rid, version))| {
                    let head = as_of::version(tables, rid, version)?;
                    Ok::<_, Fault>(((tx, number), head.ok_or_else(|| Fault::row(name(T::Log)))?))
                })
                .collect()
        })
    }

    /// The mark of the last pulse.
    pub(crate) fn mark(&self) -> Result<Option<u64>, ReadError> {
        let row = self.run(|from| from.get(T::Meta, crate::pulse::MARK))?;
        Ok(row.and_then(|row| row.try_into().ok()).map(u64::from_be_bytes))
    }

    /// A document.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when it fails to open, and as [`Snapshot::head`].
    pub fn doc_get(&self, collection: u16, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
        self.run(|from| docs::doc(from, &self.shared.keys, collection, key))
    }

    /// Documents whose key starts with `prefix`, in the order of keys, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::doc_get`].
    pub fn doc_scan(&self, collection: u16, prefix: &[u8], limit: usize) -> Result<Vec<Doc>, ReadError> {
        self.run(|from| docs::docs(from, &self.shared.keys, collection, prefix, limit))
    }

    /// The answer remembered for `scope`, if it has not expired at the clock's time.
    ///
    /// # Errors
    /// As [`Snapshot::doc_get`].
    pub fn recall(&self, scope: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
        self.run(|from| remember::recall(from, &self.shared.keys, scope, self.shared.now()))
    }

    /// Number of audit lines.
    #[must_use]
    pub fn audit_size(&self) -> u64 {
        self.state.frontier.size()
    }

    /// Audit lines by number, from `from` on, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, ReadError> {
        let until = from.saturating_add(limit as u64).min(self.audit_size());
        self.run(|tables| {
            (from..until)
                .filter_map(|seq| audit::log::entry(tables, &self.shared.keys, seq).transpose())
                .collect::<Result<Vec<_>, _>>()
        })
    }

    /// Audit lines on a patient's access log, newest first, below number `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn audit_of(
        &self,
        patient: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        self.run(|tables| {
            audit::log::numbers_of(tables, patient, before, limit)?
                .into_iter()
                .filter_map(|seq| audit::log::entry(tables, &self.shared.keys, seq).transpose())
                .collect::<Result<Vec<_>, _>>()
        })
    }

    /// Canonical bytes of audit lines, from `from` on, at most `limit`: for [`crate::audit::verify_log`] elsewhere.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn audit_bytes(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let until = from.saturating_add(limit as u64).min(self.audit_size());
        self.run(|tables| {
            (from..until)
                .filter_map(|seq| audit::log::bytes(tables, seq).transpose())
                .collect::<Result<Vec<_>, Fault>>()
        })
    }

    /// Signed checkpoints of at least `size` lines, smallest first, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn checkpoints(&self, size: u64, limit: usize) -> Result<Vec<String>, ReadError> {
        self.run(|tables| audit::log::checkpoints(tables, size, limit))
    }

    /// Proof that an audit line is under the first checkpoint that covers it; `None` when none does yet.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn prove(&self, seq: u64) -> Result<Option<Proof>, ReadError> {
        self.run(|tables| audit::log::prove(tables, seq))
    }

    /// Rows of search terms, ids and keys that waited in memory for their place in the tables as of this view.
    #[must_use]
    pub fn waiting_rows(&self) -> usize {
        self.tables.pending().len()
    }

    pub(crate) fn tables(&self) -> &ReadTables {
        &self.tables
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

fn number(row: &[u8]) -> Option<u64> {
    row.try_into().map(i64::from_le_bytes).ok().and_then(|count| u64::try_from(count).ok())
}

fn count(from: &ReadTables, key: &[u8]) -> Result<u64, Fault> {
    Ok(from.with(T::Counts, key, number)?.flatten().unwrap_or(0))
}

/// Runs engine work; a fault or a panic latches the vault.
fn run<R, E: Into<ReadError>>(shared: &Shared, work: impl FnOnce() -> Result<R, E>) -> Result<R, ReadError> {
    let result = catch_unwind(AssertUnwindSafe(work)).map_or_else(
        |_| Err(Fault::Engine("the storage engine panicked".into()).into()),
        |r| r.map_err(Into::into),
    );
    if let Err(ReadError::Fault(fault)) = &result {
        shared.latch(fault);
    }
    result
}

/// A line of the log of changes: its unit, and its number within.
pub type LogLine = (Tx, u64);
