//! A box without calls: rooms are for writing.

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use super::ears::Ear;
use super::line::{FromCall, NotDone, Seated};
use super::protocol::Muted;
use super::reel::{Closing, Piece};
use crate::config;

/// Whether this box carries calls.
pub const CARRIES: bool = false;

/// Nothing.
#[derive(Clone)]
pub struct Calls;

/// Nothing can be said of pieces that only calls make.
pub fn mend(_: impl Iterator<Item = Vec<u8>>) -> Option<Closing> {
    None
}

/// A call that is never there.
pub struct Line {
    /// Never.
    pub began: Timestamp,
}

impl Calls {
    /// Takes any settings: nothing is done with them.
    ///
    /// # Errors
    /// Never.
    pub fn new(_: &config::Calls) -> Result<Calls, String> {
        Ok(Calls)
    }

    /// A call in which nobody can be.
    pub fn begin(&self, now: Timestamp) -> Line {
        Line { began: now }
    }
}

#[allow(clippy::unused_async)] // As the one with calls.
impl Line {
    /// Nobody comes in.
    ///
    /// # Errors
    /// Always.
    pub async fn seat(&mut self, _: &str, _: bool, _: bool, _: Timestamp) -> Result<Seated, NotDone> {
        Err(NotDone("this box carries no calls; write instead".to_owned()))
    }

    /// Nobody is in.
    pub async fn unseat(&mut self, _: &str) {}

    /// Always.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Nobody is in.
    ///
    /// # Errors
    /// Always.
    pub async fn signal(&self, _: &str, _: Value) -> Result<(), NotDone> {
        Err(NotDone("this box carries no calls".to_owned()))
    }

    /// Nobody is in.
    ///
    /// # Errors
    /// Never.
    pub async fn mute(&self, _: &str, _: Muted) -> Result<(), NotDone> {
        Ok(())
    }

    /// Nobody is in.
    pub async fn record(&mut self, _: &str, _: Option<mpsc::Sender<Piece>>) {}

    /// Nobody is in.
    pub async fn tap(&mut self, _: &str, _: Option<Box<dyn Ear>>) {}

    /// Nothing is ever said.
    pub async fn next(&mut self) -> Option<FromCall> {
        std::future::pending().await
    }

    /// Nobody is in.
    pub fn forget(&mut self, _: &str, _: u32) {}

    /// Nothing to end.
    pub async fn end(self) {}
}
