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

/// A part of a run that was not visited yet: slots `[low, high)`, of which `head` is the next.
struct Part<'a> {
    run: &'a Run,
    low: usize,
    high: usize,
    head: Waiting<'a>,
    /// Greater for newer runs.
    age: usize,
}

impl<'a> Part<'a> {
    fn new(run: &'a Run, (low, high): (usize, usize), backwards: bool, age: usize) -> Option<Self> {
        if low >= high {
            return None;
        }
        let (low, high, head) =
            if backwards { (low, high - 1, run.row(high - 1)?) } else { (low + 1, high, run.row(low)?) };
        Some(Self { run, low, high, head, age })
    }

    /// The part without its head.
    fn rest(self, backwards: bool) -> Option<Self> {
        Self::new(self.run, (self.low, self.high), backwards, self.age)
    }

    /// Whether it is this part's turn before the other's; of equal keys the newest comes first.
    fn precedes(&self, other: &Self, backwards: bool) -> bool {
        let order = self.head.0.cmp(other.head.0);
        let order = if backwards { order.reverse() } else { order };
        order.then(other.age.cmp(&self.age)) == Ordering::Less
    }
}

/// Rows that wait in memory, newest knowledge of each key once, in order.
pub(crate) struct Cursor<'a> {
    /// The part whose turn is next stands last.
    parts: Vec<Part<'a>>,
    fresh: Option<btree_map::Range<'a, Vec<u8>, Value>>,
    ahead: Option<Waiting<'a>>,
    backwards: bool,
}

impl<'a> Cursor<'a> {
    /// Of runs, oldest first, and of what is fresher than all of them.
    pub fn new(
        runs: impl Iterator<Item = &'a Run>,
        fresh: Option<&'a Fresh>,
        table: T,
        (low, high): (Edge<'_>, Edge<'_>),
        backwards: bool,
    ) -> Self {
        let mut cursor = Self {
            parts: Vec::new(),
            fresh: fresh.map(|fresh| fresh.range(table, low, high)),
            ahead: None,
            backwards,
        };
        for (age, run) in runs.enumerate() {
            cursor.place(Part::new(run, run.range(table, low, high), backwards, age));
        }
        cursor.step_fresh();
        cursor
    }

    fn place(&mut self, part: Option<Part<'a>>) {
        if let Some(part) = part {
            let at = self.parts.partition_point(|other| part.precedes(other, self.backwards));
            self.parts.insert(at, part);
        }
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
        match (self.ahead, self.parts.last().map(|part| part.head)) {
            (Some(fresh), Some(part)) => {
                let order = part.0.cmp(fresh.0);
                let order = if self.backwards { order.reverse() } else { order };
                Some(if order == Ordering::Less { part } else { fresh })
            }
            (fresh, part) => fresh.or(part),
        }
    }

    /// Passes the row with this key, the next one, in all that have it.
    pub fn pass(&mut self, key: &[u8]) {
        if self.ahead.is_some_and(|(ahead, _)| ahead == key) {
            self.step_fresh();
        }
        while let Some(part) = self.parts.pop_if(|part| part.head.0 == key) {
            self.place(part.rest(self.backwards));
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
