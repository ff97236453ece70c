//! The encrypted store of a clinic's records.
//!
//! Promises: what was acknowledged survives power cuts; a unit of work is there wholly or not at all, its audit line
//! included; nothing that names a person lies in clear in any file; damage and deliberate edits are noticed, never
//! served. It knows no FHIR, HL7, HTTP or async: it sees kinds (numbers), ids, sealed bytes, ordered terms, queue
//! rows, documents and audit lines.
//!
//! ```text
//! vault     create, open, submit, note, snapshot, close
//!   writer    one thread, group commit        snapshot   consistent reads
//!     unit      reads, changes, undo journal    as_of, index, queue, docs, remember, audit
//!       tables    every table and key           datakeys -> cipher -> suite
//!         pending   rows that wait in memory and a log before they come to their tables
//!         redb      engine
//!           barrier   every page encrypted; below it the file
//! keys, slots, recovery: who may unlock.  start: repair, level, clean marker, outside checkpoint.
//! ```
//! Formats are written down where they are made: barrier.rs (pages), cipher.rs (sealed values), slots.rs (slot file),
//! audit/ (leaves and checkpoints), tables.rs (keys of all tables).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![warn(missing_docs)]

pub mod audit;
pub mod backup;

mod as_of;
mod barrier;
mod blob;
mod chance;
mod cipher;
mod datakeys;
mod disk;
mod docs;
mod error;
mod files;
mod gather;
mod index;
mod keys;
mod migrate;
mod model;
mod options;
mod pending;
mod pulse;
mod queue;
mod recovery;
mod remember;
mod scan;
mod secret;
mod shared;
mod slots;
mod snapshot;
mod start;
mod state;
mod suite;
mod tables;
mod unit;
mod vault;
mod verify;
mod waiting;
mod wire;
mod writer;

pub use audit::{Action, AuditEntry, Leaf, Outcome};
pub use barrier::{Barrier, BarrierState};
pub use blob::{BlobError, BlobId, BlobReader, BlobWriter, Ending, MAX_BLOB, MAX_CHUNK, Sealed};
pub use disk::{DiskLevel, DiskLimits, DiskProbe, DiskSpace, DiskStats};
pub use docs::{Doc, MAX_DOC_KEY};
pub use error::{CreateError, Fault, OpenError, ReadError, Refused, SlotError, Unavailable, UnitError};
pub use model::{
    Change, Dir, Head, Kind, MAX_BODY, MAX_ID, MAX_QUEUE_TERM, MAX_QUEUE_TERMS, MAX_TERM, MAX_TERMS, Owner,
    Put, QueueAsk, QueueFound, QueueItem, QueueRange, QueueRow, QueueTerm, Rid, Term, TermRange, Tx,
};
pub use options::{
    Below, Clock, NewVault, OpenOptions, PassphraseCost, Progress, StartMode, Unlock, UnlockSlot,
};
pub use pulse::NoPulse;
pub use recovery::{RECOVERY_GROUPS, RecoveryKey, RecoveryKeyError};
pub use remember::MAX_SCOPE;
pub use scan::{OwnTerms, Scan};
pub use secret::Key32;
pub use shared::{Health, LogAlarm};
pub use slots::SlotKind;
pub use snapshot::Snapshot;
pub use suite::Suite;
pub use unit::Unit;
pub use vault::{Vault, is_initialised, slot_kinds};
pub use verify::VerifyReport;
pub use waiting::Haste;
