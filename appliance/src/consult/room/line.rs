//! What a room needs of the media of its call. `calls` does it with `clinicvault-media`; a box without the feature `video` has
//! `no_calls` in its place.

use serde_json::Value;

/// What comes from a call.
#[derive(Debug)]
pub enum FromCall {
    /// For the browser of somebody.
    Signal {
        /// Whose.
        id: String,
        /// As `media::signal::ToPeer`.
        signal: Value,
    },
    /// Media of somebody flow, or do not.
    Flows {
        /// Whose.
        id: String,
        /// They do.
        up: bool,
    },
    /// The call put somebody out.
    Out {
        /// Whom.
        id: String,
        /// His number in it.
        peer: u32,
    },
}

/// Somebody is in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seated {
    /// His number.
    pub peer: u32,
    /// It takes a new connection of his browser.
    pub fresh: bool,
}

/// Why something about a call was not done, for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDone(pub String);
