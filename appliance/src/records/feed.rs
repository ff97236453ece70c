//! Committed changes, in the order of their `Tx`, for live views and jobs.
//!
//! Events name what changed, never what it says. A listener that falls behind gets `Lagged` from the channel and
//! catches up from the vault's own log.

use std::sync::Arc;

use tokio::sync::broadcast;

/// Events a slow listener may be behind before it has to catch up from the log.
const BACKLOG: usize = 4096;

/// One committed change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The transaction that committed it.
    pub tx: u64,
    /// What changed.
    pub what: What,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A record got a new version (or was deleted).
    Record { kind: u16, id: Arc<str>, version: u64, deleted: bool, patient: Option<Arc<str>> },
    /// A row of the HL7 inbox was added or moved to another state.
    Inbox { seq: u64, state: u8 },
    /// What about channels is worth a look has changed.
    Alerts,
}

/// The sending side; one a records room.
#[derive(Debug, Clone)]
pub struct Feed(broadcast::Sender<Event>);

impl Feed {
    /// A feed without listeners.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    /// Everything committed from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Announces a committed change. Only called after the durable commit.
    pub fn announce(&self, event: Event) {
        // No listener is not an error: nobody is looking.
        let _ = self.0.send(event);
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}
