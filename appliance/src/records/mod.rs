//! The only door to stored FHIR.
//!
//! `access` decides who may; `feed` tells live views what was committed.

pub mod access;
pub mod feed;

use std::sync::Arc;

use feed::Feed;

/// The records room of an open vault. A clone is another handle to the same room.
#[derive(Clone)]
pub struct Records(Arc<Inner>);

struct Inner {
    feed: Feed,
}

impl Records {
    /// The room with its own event feed.
    pub fn new() -> Self {
        Self(Arc::new(Inner { feed: Feed::new() }))
    }

    /// Committed changes as they happen.
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::new()
    }
}
