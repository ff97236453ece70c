//! Documents of channels in the vault: the newest of each, and every version that there was.
//!
//! A change is one unit of work with its audit line. Deleting keeps the versions: messages that came through a channel
//! are read by its rules for ever.

use std::sync::Arc;

use clinicvault_vault::{Action, Leaf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::Channel;
use super::{check, diff};
use crate::collections::{CHANNEL_VERSIONS, CHANNELS};
use crate::records::Records;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::change::Expected;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Most channels of a box, deleted ones included.
const MOST: usize = 200;
/// Most versions of one channel that a list shows, the newest.
const MOST_VERSIONS: usize = 1_000;

/// What was done to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Done {
    /// It is new, or is there again.
    Created,
    /// Its document is another.
    Changed,
    /// It was turned off.
    Paused,
    /// It was turned on.
    Resumed,
    /// A version of before holds again.
    Restored,
    /// It is no more.
    Deleted,
}

impl Done {
    /// The word in answers and audit lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Restored => "restored",
            Self::Deleted => "deleted",
        }
    }
}

/// A version of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its number, from 1 on.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The account that wrote it, or `operator` for the command line.
    pub by: String,
    /// What was done.
    pub done: Done,
    /// The places of the document that differ from the version before.
    pub changed: Vec<String>,
    /// The document.
    pub document: Channel,
}

impl Kept {
    /// Whether there is a channel; a deleted one is only remembered.
    pub fn is_there(&self) -> bool {
        self.done != Done::Deleted
    }
}

/// A change that is wanted.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// This document.
    Document(Box<Channel>),
    /// On or off.
    On(bool),
    /// The document of this version.
    Version(u64),
    /// Not there.
    Gone,
}

/// All channels, deleted ones included.
///
/// # Errors
/// When a document is damaged or the vault stopped.
pub fn load(records: &Records) -> Result<Vec<Kept>, Error> {
    let snapshot = records.vault().snapshot()?;
    let all = snapshot.doc_scan(CHANNELS, &[], MOST)?;
    all.iter().map(|(key, bytes)| read(bytes, &String::from_utf8_lossy(key))).collect()
}

/// The versions of a channel, newest first; none for one that never was.
///
/// # Errors
/// [`Error::Refused`] for somebody who may not look, and as [`load`].
pub fn versions(records: &Records, who: &Actor, name: &str) -> Result<Vec<Kept>, Error> {
    decide(who, Op::Search, &Subject::area_only(Area::Settings)).check()?;
    let snapshot = records.vault().snapshot()?;
    let all = snapshot.doc_scan(CHANNEL_VERSIONS, &prefix(name), MOST_VERSIONS)?;
    // Keys count down, so that the newest stands first.
    all.iter().map(|(_, bytes)| read(bytes, name)).collect()
}

/// One version.
///
/// # Errors
/// [`Error::NotFound`] when there is none, and as [`versions`].
pub fn version(records: &Records, who: &Actor, name: &str, version: u64) -> Result<Kept, Error> {
    decide(who, Op::Read, &Subject::area_only(Area::Settings)).check()?;
    let bytes = records.vault().snapshot()?.doc_get(CHANNEL_VERSIONS, &key(name, version))?;
    let bytes = bytes.ok_or_else(|| missing_version(name, version))?;
    read(&bytes, name)
}

/// Carries out a change. Answers the version that holds now and whether it is new. Blocking.
///
/// # Errors
/// [`Error::Refused`], [`Error::NotFound`], [`Error::Precondition`] when the channel is not as expected,
/// [`Error::Broken`] for a document that cannot be used, [`Error::TooMuch`] for too many channels.
pub fn change(
    records: &Records,
    who: &Actor,
    name: &str,
    expected: Option<Expected>,
    wanted: Wanted,
) -> Result<(Kept, bool), Error> {
    let op = if matches!(wanted, Wanted::Gone) { Op::Delete } else { Op::Update };
    decide(who, op, &Subject::area_only(Area::Settings)).check()?;
    let name = name.to_owned();
    let done = records.unit_blocking(Arc::new(who.clone()), move |work| {
        let before = work.unit().doc_get(CHANNELS, name.as_bytes())?;
        let before = before.map(|bytes| read(&bytes, &name)).transpose()?;
        let there = before.as_ref().filter(|kept| kept.is_there());
        check_expected(there, expected, &wanted)?;
        let Some((document, done)) = next(work, &name, there, wanted)? else {
            return there.cloned().map(|kept| (kept, false)).ok_or_else(|| missing(&name));
        };
        if before.is_none() && work.unit().doc_scan(CHANNELS, &[], MOST)?.len() >= MOST {
            return Err(Error::TooMuch(format!("a box has at most {MOST} channels, deleted ones included")));
        }
        let places = there.map(|kept| diff::places(&kept.document.to_value(), &document.to_value()));
        let kept = Kept {
            version: before.as_ref().map_or(1, |kept| kept.version + 1),
            at: work.now(),
            by: work.who().id.clone(),
            done,
            changed: places.unwrap_or_default(),
            document,
        };
        let bytes = serde_json::to_vec(&kept).map_err(|e| Error::Fault(e.to_string()))?;
        work.unit().doc_put(CHANNELS, name.as_bytes(), &bytes)?;
        work.unit().doc_put(CHANNEL_VERSIONS, &key(&name, kept.version), &bytes)?;
        let line = leaf(work.who(), &kept);
        work.audit(line)?;
        Ok((kept, true))
    });
    done.map(|(answer, _)| answer)
}

/// The document that shall hold, and what that is; none when it holds already.
fn next(
    work: &mut Work<'_, '_>,
    name: &str,
    there: Option<&Kept>,
    wanted: Wanted,
) -> Result<Option<(Channel, Done)>, Error> {
    let current = there.ok_or_else(|| missing(name));
    let (document, done) = match wanted {
        Wanted::Document(document) => {
            (*document, if there.is_some() { Done::Changed } else { Done::Created })
        }
        Wanted::On(on) => {
            let document = Channel { on, ..current?.document.clone() };
            (document, if on { Done::Resumed } else { Done::Paused })
        }
        Wanted::Version(version) => {
            let bytes = work.unit().doc_get(CHANNEL_VERSIONS, &key(name, version))?;
            let kept = read(&bytes.ok_or_else(|| missing_version(name, version))?, name)?;
            // What was right once may not be any more.
            check::all(&kept.document).map_err(Error::Broken)?;
            (kept.document, Done::Restored)
        }
        Wanted::Gone => return Ok(Some((current?.document.clone(), Done::Deleted))),
    };
    Ok(there.is_none_or(|kept| kept.document != document).then_some((document, done)))
}

fn check_expected(there: Option<&Kept>, expected: Option<Expected>, wanted: &Wanted) -> Result<(), Error> {
    let tag = |kept: &Kept| format!("W/\"{}\"", kept.version);
    match (there, expected) {
        (Some(kept), Some(Expected::Version(version))) if version != kept.version => {
            Err(Error::precondition(format!(
                "The channel has been changed in the meantime: it is at {} now.",
                tag(kept)
            )))
        }
        (None, Some(Expected::Version(_) | Expected::Any)) => {
            Err(Error::precondition("There is no such channel to change."))
        }
        (Some(_), Some(Expected::Nothing)) => Err(Error::precondition("There is such a channel already.")),
        (Some(kept), None) if matches!(wanted, Wanted::Document(_)) => Err(Error::precondition(format!(
            "There is such a channel already: send If-Match: {} to change it.",
            tag(kept)
        ))),
        (Some(_) | None, _) => Ok(()),
    }
}

fn leaf(who: &Actor, kept: &Kept) -> Leaf {
    let places =
        if kept.changed.is_empty() { String::new() } else { format!(": {}", kept.changed.join(", ")) };
    let reason = format!("channel {} {} as {}{places}", kept.document.name, kept.done.as_str(), kept.version);
    let mut line = audit::done(who, Action::Configure, Purpose::Operations, About::default());
    line.reason = Some(reason);
    line
}

fn read(bytes: &[u8], name: &str) -> Result<Kept, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged(format!("channel {name}")))
}

fn missing(name: &str) -> Error {
    Error::NotFound(format!("channel {name}"))
}

fn missing_version(name: &str, version: u64) -> Error {
    Error::NotFound(format!("version {version} of channel {name}"))
}

fn prefix(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

/// Versions count down in keys: the newest is read first.
fn key(name: &str, version: u64) -> Vec<u8> {
    [prefix(name).as_slice(), &(u64::MAX - version).to_be_bytes()].concat()
}
