//! One line of the audit log and its canonical encoding.
//!
//! ```text
//! version 1 | seq | tx | wall us | monotonic us | previous leaf hash
//! | actor | role | session? | source | action | object? (kind, id, version) | owner? | outcome | purpose
//! | reason? | detail hash? | writes (rid, version, SHA-256 of the stored version)*
//! ```
//! Numbers are little-endian, texts carry a u32 length, `?` is a presence byte. `writes` binds every record version of
//! the unit to the log, so that an older value put back into the file is noticed.

use super::tree::Hash;
use crate::model::{Kind, Tx};
use crate::wire::{Decoder, Encoder};
use jiff::Timestamp;
use std::fmt;

/// What was done. Numbers are part of the stored format and never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Action {
    Read = 1,
    Search = 2,
    Create = 3,
    Update = 4,
    Delete = 5,
    History = 6,
    Transaction = 7,
    Login = 8,
    LoginFailed = 9,
    Logout = 10,
    Denied = 11,
    BreakGlass = 12,
    Export = 13,
    Print = 14,
    Import = 15,
    Configure = 16,
    UserChange = 17,
    TokenChange = 18,
    KeyChange = 19,
    Setup = 20,
    Unlock = 21,
    Start = 22,
    Stop = 23,
    Verify = 24,
    Backup = 25,
    Restore = 26,
    MessageIn = 27,
    MessageApplied = 28,
    MessageHeld = 29,
    MessageRefused = 30,
    MessageSettled = 31,
    Execute = 32,
    Alarm = 33,
}

impl Action {
    /// Every action, in the order of their numbers.
    pub const ALL: [Self; 33] = [
        Self::Read,
        Self::Search,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::History,
        Self::Transaction,
        Self::Login,
        Self::LoginFailed,
        Self::Logout,
        Self::Denied,
        Self::BreakGlass,
        Self::Export,
        Self::Print,
        Self::Import,
        Self::Configure,
        Self::UserChange,
        Self::TokenChange,
        Self::KeyChange,
        Self::Setup,
        Self::Unlock,
        Self::Start,
        Self::Stop,
        Self::Verify,
        Self::Backup,
        Self::Restore,
        Self::MessageIn,
        Self::MessageApplied,
        Self::MessageHeld,
        Self::MessageRefused,
        Self::MessageSettled,
        Self::Execute,
        Self::Alarm,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

/// How it ended. Numbers are part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// It was done.
    Success = 0,
    /// It was not allowed.
    Refused = 1,
    /// It was allowed and failed.
    Failed = 2,
}

/// One audit line as the caller gives it; the vault adds number, times, Tx and hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Id of the user or machine that acted.
    pub actor: String,
    /// The role it acted in.
    pub role: String,
    /// Hash of the session token, if there was one.
    pub session: Option<[u8; 32]>,
    /// Address or channel it came from.
    pub source: String,
    /// What was done.
    pub action: Action,
    /// The object: kind, id, version (0 when no version applies).
    pub object: Option<(Kind, String, u64)>,
    /// The patient whose access log shows this line.
    pub owner: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Purpose of use, a code.
    pub purpose: String,
    /// A reason given by a person, or a reference to it.
    pub reason: Option<String>,
    /// Anything that may name a patient: sealed under the owner's key, only its hash enters the leaf.
    pub detail: Option<Vec<u8>>,
}

/// Prints action and outcome only.
impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({:?}, {:?})", self.action, self.outcome)
    }
}

/// A record version bound to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Dense record number.
    pub rid: u64,
    /// Version written.
    pub version: u64,
    /// SHA-256 of the stored row: head and sealed body.
    pub hash: Hash,
}

/// One audit line as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Number of the leaf, from 0.
    pub seq: u64,
    /// The unit of work; for a read, the newest Tx when the line was written.
    pub tx: Tx,
    /// Wall clock, to the microsecond.
    pub at: Timestamp,
    /// Microseconds since the vault was opened.
    pub monotonic: u64,
    /// Hash of the leaf before, zeros for the first.
    pub previous: Hash,
    /// What the caller gave; `detail` is filled in when it could be opened.
    pub leaf: Leaf,
    /// Hash of the sealed detail, if there is one.
    pub detail_hash: Option<Hash>,
    /// Record versions written by the unit (on its first line).
    pub writes: Vec<Written>,
}

/// What the vault adds to a leaf.
pub(crate) struct Stamp {
    pub seq: u64,
    pub tx: u64,
    pub wall: i64,
    pub monotonic: u64,
    pub previous: Hash,
}

pub(crate) fn encode(stamp: &Stamp, leaf: &Leaf, detail: Option<&Hash>, writes: &[Written]) -> Vec<u8> {
    let mut row = Encoder::with_capacity(256 + writes.len() * 48);
    row.u8(1).u64(stamp.seq).u64(stamp.tx).i64(stamp.wall).u64(stamp.monotonic).raw(&stamp.previous);
    row.bytes(leaf.actor.as_bytes()).bytes(leaf.role.as_bytes());
    row.maybe(leaf.session.as_ref().map(<[u8; 32]>::as_slice));
    row.bytes(leaf.source.as_bytes()).u8(leaf.action as u8);
    match &leaf.object {
        None => row.u8(0),
        Some((kind, id, version)) => row.u8(1).u16(kind.0).bytes(id.as_bytes()).u64(*version),
    };
    row.maybe(leaf.owner.as_deref().map(str::as_bytes));
    row.u8(leaf.outcome as u8).bytes(leaf.purpose.as_bytes());
    row.maybe(leaf.reason.as_deref().map(str::as_bytes));
    row.maybe(detail.map(Hash::as_slice));
    row.u32(u32::try_from(writes.len()).unwrap_or(u32::MAX));
    for written in writes {
        row.u64(written.rid).u64(written.version).raw(&written.hash);
    }
    row.done()
}

/// Reads a stored leaf; `None` when the bytes are not a leaf.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<AuditEntry> {
    let mut row = Decoder::new(bytes);
    if row.u8()? != 1 {
        return None;
    }
    let seq = row.u64()?;
    let tx = Tx(row.u64()?);
    let at = Timestamp::from_microsecond(row.i64()?).ok()?;
    let monotonic = row.u64()?;
    let previous = row.array()?;
    let (actor, role) = (row.text()?, row.text()?);
    let session = row.maybe()?.map(TryInto::try_into).transpose().ok()?;
    let source = row.text()?;
    let action = Action::from_byte(row.u8()?)?;
    let object = match row.u8()? {
        0 => None,
        1 => Some((Kind(row.u16()?), row.text()?, row.u64()?)),
        _ => return None,
    };
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8(b.to_vec())).transpose().ok();
    let owner = text(row.maybe()?)?;
    let outcome = match row.u8()? {
        0 => Outcome::Success,
        1 => Outcome::Refused,
        2 => Outcome::Failed,
        _ => return None,
    };
    let purpose = row.text()?;
    let reason = text(row.maybe()?)?;
    let detail_hash = row.maybe()?.map(TryInto::try_into).transpose().ok()?;
    let writes = (0..row.u32()?)
        .map(|_| Some(Written { rid: row.u64()?, version: row.u64()?, hash: row.array()? }))
        .collect::<Option<Vec<_>>>()?;
    let leaf =
        Leaf { actor, role, session, source, action, object, owner, outcome, purpose, reason, detail: None };
    row.is_empty().then_some(AuditEntry { seq, tx, at, monotonic, previous, leaf, detail_hash, writes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_read_back_and_no_cut_passes() {
        let leaf = Leaf {
            actor: "u1".into(),
            role: "doctor".into(),
            session: Some([3; 32]),
            source: "10.0.0.7".into(),
            action: Action::Alarm,
            object: Some((Kind(9), "p1".into(), 4)),
            owner: Some("p1".into()),
            outcome: Outcome::Refused,
            purpose: "TREAT".into(),
            reason: None,
            detail: None,
        };
        let stamp = Stamp { seq: 5, tx: 8, wall: 1_700_000_000_000_001, monotonic: 77, previous: [9; 32] };
        let writes = [Written { rid: 1, version: 2, hash: [4; 32] }];
        let bytes = encode(&stamp, &leaf, Some(&[1; 32]), &writes);
        let entry = decode(&bytes).unwrap();
        assert_eq!((entry.leaf, entry.seq, entry.tx), (leaf, 5, Tx(8)));
        assert_eq!((entry.writes.as_slice(), entry.detail_hash), (writes.as_slice(), Some([1; 32])));
        assert!((0..bytes.len()).all(|cut| decode(&bytes[..cut]).is_none()));
        assert!(Action::ALL.iter().all(|action| Action::from_byte(*action as u8) == Some(*action)));
    }
}
