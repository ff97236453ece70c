//! A run: waiting rows of one commit or of several, sorted by table and key, never changed once built.

use crate::tables::{Edge, T, TABLES};
use std::ops::Bound;

/// Marks a row that is to be deleted.
const GONE: u32 = u32::MAX;

/// Where a row lies in the bytes of a run.
#[derive(Clone, Copy)]
struct Slot {
    at: usize,
    key: u32,
    value: u32,
}

/// A key and what it holds; `None` when it is to be deleted.
pub(crate) type Waiting<'a> = (&'a [u8], Option<&'a [u8]>);

/// Sorted rows in one piece of memory.
pub(crate) struct Run {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    /// For each table where its slots begin, and where the last one's end.
    starts: [usize; TABLES + 1],
    /// Grows by one each time runs are merged.
    pub level: u32,
}

impl Run {
    /// Takes rows in the order of table and key.
    pub fn build<'a>(rows: impl Iterator<Item = (T, Waiting<'a>)>) -> Self {
        let mut run = Self { bytes: Vec::new(), slots: Vec::new(), starts: [0; TABLES + 1], level: 0 };
        let mut table = 0;
        for (of, (key, value)) in rows {
            run.enter(&mut table, of as usize);
            let at = run.bytes.len();
            run.bytes.extend_from_slice(key);
            run.bytes.extend_from_slice(value.unwrap_or_default());
            let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(GONE);
            run.slots.push(Slot { at, key: len(key), value: value.map_or(GONE, len) });
        }
        run.enter(&mut table, TABLES);
        run.level = (run.slots.len() as u64).max(1).ilog2() / 2;
        run
    }

    fn enter(&mut self, table: &mut usize, next: usize) {
        while *table < next {
            *table += 1;
            if let Some(start) = self.starts.get_mut(*table) {
                *start = self.slots.len();
            }
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Memory it takes.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.slots.len() * size_of::<Slot>()
    }

    /// The row of a slot.
    pub fn row(&self, slot: usize) -> Option<Waiting<'_>> {
        let slot = self.slots.get(slot)?;
        let value_at = slot.at + slot.key as usize;
        let value = match slot.value {
            GONE => None,
            len => Some(self.bytes.get(value_at..value_at + len as usize)?),
        };
        Some((self.bytes.get(slot.at..value_at)?, value))
    }

    fn key(&self, slot: &Slot) -> &[u8] {
        self.bytes.get(slot.at..slot.at + slot.key as usize).unwrap_or_default()
    }

    /// The slots of a table whose keys lie between two bounds, `[from, to)`.
    pub fn range(&self, table: T, low: Edge<'_>, high: Edge<'_>) -> (usize, usize) {
        let (start, end) = (self.start(table as usize), self.start(table as usize + 1));
        let slots = self.slots.get(start..end).unwrap_or_default();
        let from = match low {
            Bound::Unbounded => 0,
            Bound::Included(low) => slots.partition_point(|slot| self.key(slot) < low),
            Bound::Excluded(low) => slots.partition_point(|slot| self.key(slot) <= low),
        };
        let to = match high {
            Bound::Unbounded => slots.len(),
            Bound::Included(high) => slots.partition_point(|slot| self.key(slot) <= high),
            Bound::Excluded(high) => slots.partition_point(|slot| self.key(slot) < high),
        };
        (start + from, start + to.max(from))
    }

    /// What the run knows of a key, if anything.
    pub fn get(&self, table: T, key: &[u8]) -> Option<Option<&[u8]>> {
        let (start, end) = (self.start(table as usize), self.start(table as usize + 1));
        let slots = self.slots.get(start..end).unwrap_or_default();
        // Numbers only rise: most records are older than all that waits, and are told apart here.
        if key < self.key(slots.first()?) || key > self.key(slots.last()?) {
            return None;
        }
        let at = slots.binary_search_by(|slot| self.key(slot).cmp(key)).ok()?;
        self.row(start + at).map(|(_, value)| value)
    }

    fn start(&self, table: usize) -> usize {
        self.starts.get(table).copied().unwrap_or_default()
    }
}
