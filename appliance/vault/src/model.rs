//! The values that cross the vault's door: numbers, heads, terms, rows and puts.
//!
//! Owns the plain types; knows nothing of how they are stored (tables.rs) or sealed (cipher.rs).

use jiff::Timestamp;
use std::fmt;
use std::ops::Bound;

/// The transaction number: one per unit of work, rises by one, never reused.
///
/// It orders every version, pins a search page and is the cursor of the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tx(pub u64);

impl fmt::Display for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a record type; the table of meanings is append-only and kept by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

/// Dense record number given by the vault at the first write, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub u64);

/// Whose data key seals a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// Nobody's in particular: sealed under the key of its kind.
    Shared,
    /// A patient's, named by the logical id of the Patient record: sealed under that patient's key.
    Patient(String),
}

/// What is known of one version of a record without opening its body.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// Dense number of the record.
    pub rid: Rid,
    /// Record type.
    pub kind: Kind,
    /// Logical id, unique within the kind; at most [`MAX_ID`] bytes.
    pub id: String,
    /// 1, 2, 3 ... per record; a delete is a version too.
    pub version: u64,
    /// The unit of work that wrote this version.
    pub tx: Tx,
    /// When it was written, to the microsecond; never below an earlier unit's time.
    pub time: Timestamp,
    /// This version is a delete and has no body.
    pub deleted: bool,
    /// The caller's mark on this version, 0 to 3; what it says is the caller's business.
    pub mark: u8,
    /// Whose key seals the body.
    pub owner: Owner,
    /// Length of the body in bytes, unpadded.
    pub body_len: u32,
}

/// Prints type, number and size only: ids and owners may identify a person.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Head(kind {}, rid {}, version {}, tx {}, {} bytes{})",
            self.kind.0,
            self.rid.0,
            self.version,
            self.tx.0,
            self.body_len,
            if self.deleted { ", deleted" } else { "" }
        )
    }
}

/// Longest logical id in bytes (FHIR R4 `id` is at most 64 characters; room is left for other callers).
pub const MAX_ID: usize = 128;
/// Largest body of a record, document or queue row in bytes.
pub const MAX_BODY: usize = 16 << 20;
/// Longest value of a term in bytes.
pub const MAX_TERM: usize = 1024;
/// Most terms of one record.
pub const MAX_TERMS: usize = 4096;

/// One search term of a record. `value` must be prefix-free within its `param`: the caller ends it with a
/// terminator or gives it a fixed width.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Which search parameter, from the caller's append-only table.
    pub param: u16,
    /// Ordered bytes, at most [`MAX_TERM`].
    pub value: Vec<u8>,
}

/// Prints the parameter and the size only: values are names, phones and dates.
impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Term(param {}, {} bytes)", self.param, self.value.len())
    }
}

/// A range over the values of one parameter, in byte order.
#[derive(Clone, PartialEq, Eq)]
pub struct TermRange {
    /// Which search parameter.
    pub param: u16,
    /// Lower bound on the value.
    pub low: Bound<Vec<u8>>,
    /// Upper bound on the value.
    pub high: Bound<Vec<u8>>,
}

impl TermRange {
    /// All values of one parameter.
    #[must_use]
    pub fn all(param: u16) -> Self {
        Self { param, low: Bound::Unbounded, high: Bound::Unbounded }
    }

    /// Exactly one value.
    #[must_use]
    pub fn exact(param: u16, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        Self { param, low: Bound::Included(value.clone()), high: Bound::Included(value) }
    }

    /// All values that start with `prefix`.
    #[must_use]
    pub fn prefix(param: u16, prefix: impl Into<Vec<u8>>) -> Self {
        let prefix = prefix.into();
        let mut next = prefix.clone();
        while let Some(last) = next.pop() {
            if last < u8::MAX {
                next.push(last + 1);
                break;
            }
        }
        let high = if next.is_empty() { Bound::Unbounded } else { Bound::Excluded(next) };
        Self { param, low: Bound::Included(prefix), high }
    }

    pub(crate) fn contains(&self, value: &[u8]) -> bool {
        let above = match &self.low {
            Bound::Included(low) => value >= low.as_slice(),
            Bound::Excluded(low) => value > low.as_slice(),
            Bound::Unbounded => true,
        };
        above
            && match &self.high {
                Bound::Included(high) => value <= high.as_slice(),
                Bound::Excluded(high) => value < high.as_slice(),
                Bound::Unbounded => true,
            }
    }
}

/// Prints the parameter only: bounds are names, phones and dates.
impl fmt::Debug for TermRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TermRange(param {})", self.param)
    }
}

/// Which end of a range a scan starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// Smallest value first.
    Ascending,
    /// Largest value first.
    Descending,
}

/// One record to write.
pub struct Put<'a> {
    /// Record type.
    pub kind: Kind,
    /// Logical id, 1 to [`MAX_ID`] bytes.
    pub id: &'a str,
    /// Whose key seals the body.
    pub owner: Owner,
    /// The body, at most [`MAX_BODY`] bytes.
    pub body: &'a [u8],
    /// All search terms of this version; terms of the version before that are absent here are closed.
    pub terms: &'a [Term],
}

/// A row of a durable queue, as given by the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// Rows of one partition are meant to be handled in order, for example one sender.
    pub partition: String,
    /// The caller's state number.
    pub state: u8,
    /// When the row next wants attention, if it does.
    pub due: Option<Timestamp>,
    /// Sealed content, at most [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
    /// A key to find the row again, for example sender and control id; may be empty.
    pub ref_key: Vec<u8>,
}

/// Prints state and size only.
impl fmt::Debug for QueueRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueRow(state {}, {} bytes)", self.state, self.body.len())
    }
}

/// A row of a durable queue, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueItem {
    /// Number of the row, rising over all queues.
    pub seq: u64,
    /// Which queue.
    pub queue: u8,
    /// When the row was queued.
    pub at: Timestamp,
    /// The unit of work that last changed the row.
    pub tx: Tx,
    /// The content.
    pub row: QueueRow,
}

/// What a row of a queue can be found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueTerm {
    /// The caller's number of a field.
    pub field: u8,
    /// 1 to [`MAX_QUEUE_TERM`] bytes, none of them zero.
    pub value: Vec<u8>,
}

/// Longest value of a [`QueueTerm`] in bytes.
pub const MAX_QUEUE_TERM: usize = 64;
/// Most terms of one row of a queue.
pub const MAX_QUEUE_TERMS: usize = 128;

/// Rows of a queue that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueRange {
    /// Rows in a state.
    State(u8),
    /// Rows with any of these terms.
    Any(Vec<QueueTerm>),
}

/// A question to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAsk {
    /// Which queue.
    pub queue: u8,
    /// A row must be in each; none asks for all rows.
    pub all: Vec<QueueRange>,
    /// Only rows below this number.
    pub below: Option<u64>,
    /// Only rows from this number on.
    pub from: Option<u64>,
    /// Most rows to find.
    pub limit: usize,
    /// Most looks into the database.
    pub steps: usize,
}

/// The answer: rows in falling order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFound {
    /// Their numbers.
    pub rows: Vec<u64>,
    /// Where to go on with [`QueueAsk::below`], when the limit or the steps ended the walk before the queue did.
    pub next: Option<u64>,
}

/// One line of the feed of changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The unit of work.
    pub tx: Tx,
    /// Dense number of the record.
    pub rid: Rid,
    /// Record type.
    pub kind: Kind,
    /// Logical id.
    pub id: String,
    /// The version written.
    pub version: u64,
    /// The version is a delete.
    pub deleted: bool,
    /// Whose key seals the record (of this version).
    pub owner: Owner,
}

/// Prints numbers only.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Change(tx {}, kind {}, rid {}, version {})",
            self.tx.0, self.kind.0, self.rid.0, self.version
        )
    }
}
