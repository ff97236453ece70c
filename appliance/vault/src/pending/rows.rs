//! Rows of a table in order, from either end: what lies in the table, overlaid by what waits in memory.

use super::fresh::Value;
use super::run::{Run, Waiting};
use super::{Fresh, Pending};
use crate::error::Fault;
use crate::tables::{Edge, T};
use redb::AccessGuard;
use std::cmp::Ordering;
use std::collections::btree_map;

type Bytes = &'static [u8];
type Stored<'a> = redb::Range<'a, Bytes, Bytes>;

/// A part of a run that was not visited yet: slots `[low, high)`.
struct Part<'a> {
    run: &'a Run,
    low: usize,
    high: usize,
}

impl<'a> Part<'a> {
    fn peek(&self, backwards: bool) -> Option<Waiting<'a>> {
        if self.low >= self.high {
            return None;
        }
        self.run.row(if backwards { self.high - 1 } else { self.low })
    }

    fn step(&mut self, backwards: bool) {
        if backwards { self.high -= 1 } else { self.low += 1 }
    }
}

/// Rows that wait in memory, newest knowledge of each key once, in order.
pub(crate) struct Cursor<'a> {
    /// Newest first.
    parts: Vec<Part<'a>>,
    fresh: Option<btree_map::Range<'a, Vec<u8>, Value>>,
    ahead: Option<Waiting<'a>>,
    backwards: bool,
}

impl<'a> Cursor<'a> {
    pub fn new(
        runs: impl DoubleEndedIterator<Item = &'a Run>,
        fresh: Option<&'a Fresh>,
        table: T,
        (low, high): (Edge<'_>, Edge<'_>),
        backwards: bool,
    ) -> Self {
        let parts = runs
            .rev()
            .map(|run| {
                let (low, high) = run.range(table, low, high);
                Part { run, low, high }
            })
            .filter(|part| part.low < part.high)
            .collect();
        let mut cursor =
            Self { parts, fresh: fresh.map(|fresh| fresh.range(table, low, high)), ahead: None, backwards };
        cursor.step_fresh();
        cursor
    }

    fn step_fresh(&mut self) {
        let next = match &mut self.fresh {
            None => None,
            Some(range) if self.backwards => range.next_back(),
            Some(range) => range.next(),
        };
        self.ahead = next.map(|(key, value)| (key.as_slice(), value.row()));
    }

    /// The next row, which is not taken.
    pub fn peek(&self) -> Option<Waiting<'a>> {
        let mut first = self.ahead;
        for part in &self.parts {
            let Some(here) = part.peek(self.backwards) else { continue };
            let better = first.is_none_or(|(key, _)| {
                let order = here.0.cmp(key);
                order == if self.backwards { Ordering::Greater } else { Ordering::Less }
            });
            if better {
                first = Some(here);
            }
        }
        first
    }

    /// Passes the row with this key, the next one, in all that have it.
    pub fn pass(&mut self, key: &[u8]) {
        if self.ahead.is_some_and(|(ahead, _)| ahead == key) {
            self.step_fresh();
        }
        for part in &mut self.parts {
            if part.peek(self.backwards).is_some_and(|(here, _)| here == key) {
                part.step(self.backwards);
            }
        }
    }
}

impl<'a> Iterator for Cursor<'a> {
    type Item = Waiting<'a>;

    fn next(&mut self) -> Option<Waiting<'a>> {
        let row = self.peek()?;
        self.pass(row.0);
        Some(row)
    }
}

/// Rows of a table between two keys, stored and waiting.
pub(crate) struct Rows<'a> {
    stored: Option<Stored<'a>>,
    ahead: Option<(AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>)>,
    waiting: Cursor<'a>,
    backwards: bool,
}

impl<'a> Rows<'a> {
    pub fn new(stored: Option<Stored<'a>>, waiting: Cursor<'a>, backwards: bool) -> Self {
        Self { stored, ahead: None, waiting, backwards }
    }

    /// Shows the next row to `show`; `None` after the last one.
    pub fn next<R>(&mut self, show: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>, Fault> {
        loop {
            if self.ahead.is_none()
                && let Some(range) = &mut self.stored
            {
                let next = if self.backwards { range.next_back() } else { range.next() };
                match next {
                    Some(row) => self.ahead = Some(row?),
                    None => self.stored = None,
                }
            }
            let waiting = self.waiting.peek();
            let order = match (&waiting, &self.ahead) {
                (None, None) => return Ok(None),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((key, _)), Some((stored, _))) => {
                    let order = (*key).cmp(stored.value());
                    if self.backwards { order.reverse() } else { order }
                }
            };
            if order == Ordering::Greater {
                return Ok(self.ahead.take().map(|(key, value)| show(key.value(), value.value())));
            }
            if order == Ordering::Equal {
                self.ahead = None;
            }
            if let Some((key, value)) = waiting {
                self.waiting.pass(key);
                if let Some(value) = value {
                    return Ok(Some(show(key, value)));
                }
            }
        }
    }
}

impl Pending {
    /// The waiting rows of a table between two keys.
    pub fn cursor<'a>(
        &'a self,
        fresh: Option<&'a Fresh>,
        table: T,
        range: (Edge<'_>, Edge<'_>),
        backwards: bool,
    ) -> Cursor<'a> {
        Cursor::new(self.runs().iter().map(AsRef::as_ref), fresh, table, range, backwards)
    }
}
