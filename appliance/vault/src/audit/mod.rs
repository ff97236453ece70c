//! The audit log (security-storage.md, section 6): leaves chained by hash, gathered in an RFC 9162 tree, signed.
//!
//! `leaf` is the canonical encoding, `tree` the Merkle arithmetic, `note` the signed checkpoint, `log` what lies in
//! the tables, `offline` the verifier that needs only the public key.

pub mod leaf;
pub(crate) mod log;
pub mod note;
pub mod offline;
pub mod tree;

pub use leaf::{Action, AuditEntry, Leaf, Outcome, Written};
pub use note::{Checkpoint, NoteError};
pub use offline::{AuditFault, Proof, verify_inclusion, verify_log};
