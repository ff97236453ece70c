//! What the writer carries from unit to unit, stored as one row with every group.
//!
//! Owns the counters and the compact frontier of the audit tree; a unit works on a copy, so undoing it is dropping
//! the copy.

use crate::audit::tree::Frontier;
use crate::wire::{Decoder, Encoder};

/// Key of the state in the meta table.
pub(crate) const STATE: &[u8] = b"state";
/// Key of the format level in the meta table.
pub(crate) const LEVEL: &[u8] = b"level";
/// Key of the database id in the meta table.
pub(crate) const DATABASE: &[u8] = b"database";

/// Counters and audit frontier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Number of commits; says which waiting rows (pending/) belong to a view of the database.
    pub group: u64,
    /// Last Tx given.
    pub tx: u64,
    /// Last record number given.
    pub rid: u64,
    /// Last queue row number given.
    pub seq: u64,
    /// Number of the last closed term.
    pub closed: u64,
    /// Time of the last unit, microseconds since 1970.
    pub now: i64,
    /// Searches below this Tx are no longer exact: closed terms up to it were pruned.
    pub pruned: u64,
    /// Hash of the last audit leaf.
    pub last_leaf: [u8; 32],
    /// The audit tree in compact form.
    pub frontier: Frontier,
    /// Tree size at the last checkpoint.
    pub checkpoint_size: u64,
    /// Time of the last checkpoint, microseconds since 1970.
    pub checkpoint_time: i64,
}

impl State {
    pub fn encode(&self) -> Vec<u8> {
        let mut row = Encoder::with_capacity(128 + self.frontier.hashes().len() * 32);
        row.u8(2)
            .u64(self.group)
            .u64(self.tx)
            .u64(self.rid)
            .u64(self.seq)
            .u64(self.closed)
            .i64(self.now)
            .u64(self.pruned)
            .raw(&self.last_leaf)
            .u64(self.checkpoint_size)
            .i64(self.checkpoint_time)
            .u64(self.frontier.size());
        for hash in self.frontier.hashes() {
            row.raw(hash);
        }
        row.done()
    }

    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut row = Decoder::new(row);
        // Sort 1 is that of level 1, which knew no groups.
        let group = match row.u8()? {
            1 => 0,
            2 => row.u64()?,
            _ => return None,
        };
        let mut state = Self {
            group,
            tx: row.u64()?,
            rid: row.u64()?,
            seq: row.u64()?,
            closed: row.u64()?,
            now: row.i64()?,
            pruned: row.u64()?,
            last_leaf: row.array()?,
            checkpoint_size: row.u64()?,
            checkpoint_time: row.i64()?,
            frontier: Frontier::default(),
        };
        let size = row.u64()?;
        let hashes = std::iter::from_fn(|| row.array()).collect();
        state.frontier = Frontier::from_parts(size, hashes)?;
        row.is_empty().then_some(state)
    }
}
