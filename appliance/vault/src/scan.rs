//! Walks over rows of a snapshot: index entries in their order, and the own terms of many records.

use crate::error::{Fault, ReadError};
use crate::index;
use crate::model::{Rid, Term, TermRange, Tx};
use crate::pending::rows::Rows;
use crate::snapshot::Snapshot;
use crate::tables::{Get, T, name, pair_key, rid_key};
use std::fmt;
use std::ops::Bound;

/// Rows of a scan between two looks at the clock, which costs as much as a row.
const GLANCE: u32 = 64;
/// Records so near behind one another are met by stepping over the rows between; for others the row is looked up.
const NEAR: u64 = 6;

/// An iterator over terms; see [`Snapshot::scan`].
pub struct Scan<'a> {
    rows: Option<Rows<'a>>,
    snapshot: &'a Snapshot,
    range: TermRange,
    at: Tx,
    /// Rows handed out: the clock is looked at with the first and with every further [`GLANCE`]th.
    seen: u32,
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(
        rows: Option<Rows<'a>>,
        snapshot: &'a Snapshot,
        range: TermRange,
        at: Tx,
    ) -> Self {
        Self { rows, snapshot, range, at, seen: 0 }
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan({:?})", self.range)
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Vec<u8>, Rid), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { rows, snapshot, range, at, seen } = self;
        let rows_in = rows.as_mut()?;
        let due = seen.is_multiple_of(GLANCE);
        *seen = seen.wrapping_add(1);
        let found = snapshot.run_within(due, |_| {
            loop {
                let next = rows_in.next(|key, row| {
                    let (value, rid) = index::parts(key).ok_or_else(|| Fault::row(name(T::Terms)))?;
                    let wanted = range.contains(value) && index::holds(row, *at);
                    Ok::<_, Fault>(wanted.then(|| (value.to_vec(), rid)))
                })?;
                match next.transpose()? {
                    None => return Ok::<_, Fault>(None),
                    Some(Some(found)) => return Ok(Some(found)),
                    Some(None) => {}
                }
            }
        });
        if found.is_err() {
            *rows = None;
        }
        found.transpose()
    }
}

impl Snapshot {
    /// [`Snapshot::terms_of`] of many records, one after the other: cheapest in the order of their numbers.
    #[must_use]
    pub const fn terms_of_each<'a>(&'a self, params: &'a [u16]) -> OwnTerms<'a> {
        OwnTerms::new(self, params)
    }

    /// Records that units after `from` wrote, each at least once; none when there are more than `most` lines.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn changed_since(&self, from: Tx, most: usize) -> Result<Option<Vec<Rid>>, ReadError> {
        let low = pair_key(from.0.saturating_add(1), 0);
        let mut rids = Vec::new();
        self.run_within(true, |tables| {
            tables.visit(T::Log, Bound::Included(&low), Bound::Unbounded, false, &mut |key, row| {
                let (_, rid, _) = crate::unit::cut_log(key, row).ok_or_else(|| Fault::row(name(T::Log)))?;
                rids.push(rid);
                Ok(rids.len() <= most)
            })
        })?;
        Ok((rids.len() <= most).then_some(rids))
    }

    /// The last unit that gave records other terms without a line in the log ([`crate::Unit::set_terms`]) since the vault
    /// was opened, as far as is known by now: at least of all that this view contains.
    #[must_use]
    pub fn last_set_terms(&self) -> Tx {
        self.shared().last_set_terms()
    }
}

/// Reads the own terms of one record after the other; see [`Snapshot::terms_of_each`].
pub struct OwnTerms<'a> {
    snapshot: &'a Snapshot,
    params: &'a [u16],
    /// Rows behind the last record, when records follow closely.
    rows: Option<Rows<'a>>,
    /// A row that was met and is of a record not asked for yet.
    ahead: Option<(u64, Vec<Term>)>,
    /// The record that was read last.
    last: Option<u64>,
}

impl fmt::Debug for OwnTerms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnTerms({:?})", self.params)
    }
}

impl<'a> OwnTerms<'a> {
    pub(crate) const fn new(snapshot: &'a Snapshot, params: &'a [u16]) -> Self {
        Self { snapshot, params, rows: None, ahead: None, last: None }
    }

    /// The terms of a record that belong to the parameters, as [`Snapshot::terms_of`] answers them.
    ///
    /// # Errors
    /// As [`Snapshot::head`].
    pub fn of(&mut self, rid: Rid) -> Result<Vec<Term>, ReadError> {
        let near = self.last.is_some_and(|last| (1..=NEAR).contains(&rid.0.saturating_sub(last)));
        self.last = Some(rid.0);
        if !near {
            self.rows = None;
            self.ahead = None;
            return self.snapshot.terms_of(rid, self.params);
        }
        let (snapshot, params) = (self.snapshot, self.params);
        let mut rows = match self.rows.take() {
            Some(rows) => rows,
            None => {
                let low = rid_key(rid);
                let low = Bound::Included(low.as_slice());
                snapshot.run_within(true, |from| from.rows(T::Own, low, Bound::Unbounded, false))?
            }
        };
        while self.ahead.as_ref().is_none_or(|(at, _)| *at < rid.0) {
            let next = snapshot.run_within(false, |_| {
                let next = rows.next(|key, row| {
                    let at = key.try_into().map(u64::from_be_bytes).map_err(|_| Fault::row(name(T::Own)))?;
                    let own = if at < rid.0 { Vec::new() } else { index::own_in(row, params)? };
                    Ok::<_, Fault>((at, own))
                })?;
                next.transpose()
            })?;
            // Behind the last row of all stands a record that never will be.
            self.ahead = Some(next.unwrap_or((u64::MAX, Vec::new())));
        }
        self.rows = Some(rows);
        let here = self.ahead.take_if(|(at, _)| *at == rid.0);
        Ok(here.map(|(_, own)| own).unwrap_or_default())
    }
}
