//! What is kept of a replay: who asked for what, which messages, how far it is.

use clinicvault_vault::Snapshot;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::ReplayAsk;
use crate::collections::{REPLAY_ROWS, REPLAYS};
use crate::jobs::job::Owner;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Replays that are kept, those under way included; the oldest that has ended goes.
pub(super) const MOST: usize = 50;

/// Where a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReplayState {
    /// Under way; after a restart of the box it goes on.
    Running,
    /// Stopped by a person for now.
    Paused,
    /// Through.
    Done,
    /// Ended by a person before it was through.
    Cancelled,
    /// Ended by the box: whoever asked for it may not any more.
    Stopped,
}

impl ReplayState {
    /// Whether there may be something left to do.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// The word in audit lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
        }
    }
}

/// What became of messages so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplayCounts {
    /// In the record now.
    pub applied: u64,
    /// Before a person, as before or anew.
    pub held: u64,
    /// Refused by today's rules too; they stay as they were.
    pub refused: u64,
    /// Passed over by the channel's filter of today.
    pub passed_over: u64,
    /// Left alone: settled by somebody in the meantime, removed, or a question that nobody waits for.
    pub left: u64,
    /// Taken up again, and still waiting for a message before them.
    pub waiting: u64,
}

impl ReplayCounts {
    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.applied + self.held + self.refused + self.passed_over + self.left + self.waiting
    }
}

/// A replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Its number, rising.
    pub id: u64,
    /// Name of the person who asked for it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which messages were asked for.
    pub ask: ReplayAsk,
    /// Where it stands.
    pub state: ReplayState,
    /// Messages of it.
    pub total: u64,
    /// Messages that were taken up so far.
    pub done: u64,
    /// What became of them.
    pub counts: ReplayCounts,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
}

/// [`Replay`] as stored.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub shown: Replay,
    pub owner: Owner,
    /// Rows that were taken up and of which it is not known yet what became.
    pub under_way: Vec<u64>,
    /// Since when these are waited for.
    pub since: Timestamp,
}

impl Kept {
    /// Lays it down.
    pub fn put(&self, work: &mut Work<'_, '_>) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self).map_err(|e| Error::Fault(e.to_string()))?;
        Ok(work.unit().doc_put(REPLAYS, &key(self.shown.id), &bytes)?)
    }
}

/// The stored replay of these bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Kept, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged("a replay".to_owned()))
}

/// One replay.
pub(super) fn get(snapshot: &Snapshot, id: u64) -> Result<Kept, Error> {
    let bytes = snapshot.doc_get(REPLAYS, &key(id))?;
    read(&bytes.ok_or_else(|| Error::NotFound(format!("replay {id}")))?)
}

/// Every replay, newest first.
pub(super) fn all(snapshot: &Snapshot) -> Result<Vec<Kept>, Error> {
    let mut all = Vec::new();
    for (_, bytes) in snapshot.doc_scan(REPLAYS, &[], MOST + 1)? {
        all.push(read(&bytes)?);
    }
    all.sort_by_key(|kept| std::cmp::Reverse(kept.shown.id));
    Ok(all)
}

/// The rows of a replay, oldest first.
pub(super) fn rows(snapshot: &Snapshot, id: u64) -> Result<Vec<u64>, Error> {
    let bytes =
        snapshot.doc_get(REPLAY_ROWS, &key(id))?.ok_or_else(|| Error::Damaged("a replay".to_owned()))?;
    let number = |eight: &[u8]| eight.first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight));
    Ok(bytes.chunks(8).map(number).collect())
}

/// Rows as they are laid down.
pub(super) fn packed(rows: &[u64]) -> Vec<u8> {
    rows.iter().flat_map(|seq| seq.to_be_bytes()).collect()
}

pub(super) fn key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}
