//! Checks the audit log with nothing but the public key: for `audit verify` on another machine and for tests.

use super::leaf::{self, AuditEntry};
use super::note::Checkpoint;
use super::tree::{self, Frontier, Hash};
use ed25519_dalek::VerifyingKey;
use thiserror::Error;

/// What is wrong with an audit log.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AuditFault {
    /// A leaf's bytes are not a leaf.
    #[error("audit line {0} cannot be read")]
    Malformed(u64),
    /// A leaf carries another number than its place.
    #[error("audit line {expected} is missing or out of order")]
    Order {
        /// The number that belongs here.
        expected: u64,
    },
    /// A leaf does not follow the one before it.
    #[error("audit line {0} does not follow the line before it")]
    Chain(u64),
    /// The tree does not match a signed checkpoint.
    #[error("the audit log does not match the checkpoint at size {0}")]
    Checkpoint(u64),
    /// A checkpoint covers more lines than there are.
    #[error("the audit log has {found} lines, a checkpoint was signed over {signed}: it went backwards")]
    Backwards {
        /// Lines present.
        found: u64,
        /// Lines signed.
        signed: u64,
    },
    /// A checkpoint is malformed or signed by another key.
    #[error("a checkpoint is not signed by this log's key")]
    Unsigned,
}

/// An inclusion proof: that a leaf is in the log of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The leaf's canonical bytes.
    pub leaf: Vec<u8>,
    /// Its number.
    pub index: u64,
    /// Size of the tree the path leads to.
    pub size: u64,
    /// Sibling hashes, nearest first.
    pub path: Vec<Hash>,
    /// The signed checkpoint of that size.
    pub checkpoint: String,
}

/// Checks an inclusion proof and answers the leaf it proves.
///
/// # Errors
/// Says what does not fit.
pub fn verify_inclusion(proof: &Proof, key: &VerifyingKey) -> Result<AuditEntry, AuditFault> {
    let checkpoint = Checkpoint::verify(&proof.checkpoint, key).map_err(|_| AuditFault::Unsigned)?;
    let root = tree::root_from_path(proof.index, proof.size, tree::leaf_hash(&proof.leaf), &proof.path);
    if checkpoint.size != proof.size || root != Some(checkpoint.root) {
        return Err(AuditFault::Checkpoint(checkpoint.size));
    }
    let entry = leaf::decode(&proof.leaf).ok_or(AuditFault::Malformed(proof.index))?;
    if entry.seq != proof.index { Err(AuditFault::Order { expected: proof.index }) } else { Ok(entry) }
}

/// Checks a whole log: order, chain, tree, and every checkpoint. Answers size and root.
///
/// `leaves` are canonical bytes from number 0 on; `checkpoints` are signed notes in any order.
///
/// # Errors
/// Names the first line or checkpoint that does not fit.
pub fn verify_log<L: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = L>,
    checkpoints: &[String],
    key: &VerifyingKey,
) -> Result<(u64, Hash), AuditFault> {
    let mut signed = checkpoints
        .iter()
        .map(|note| Checkpoint::verify(note, key).map_err(|_| AuditFault::Unsigned))
        .collect::<Result<Vec<_>, _>>()?;
    signed.sort_by_key(|checkpoint| checkpoint.size);
    let mut signed = signed.into_iter().peekable();
    let mut check = Walk::default();
    let mut at_size = |walk: &Walk| {
        while let Some(checkpoint) = signed.next_if(|next| next.size <= walk.size()) {
            if checkpoint.root != walk.root() {
                return Err(AuditFault::Checkpoint(checkpoint.size));
            }
        }
        Ok(())
    };
    at_size(&check)?;
    for bytes in leaves {
        check.push(bytes.as_ref())?;
        at_size(&check)?;
    }
    match signed.next_back() {
        Some(last) => Err(AuditFault::Backwards { found: check.size(), signed: last.size }),
        None => Ok((check.size(), check.root())),
    }
}

/// Follows a log leaf by leaf.
#[derive(Default)]
pub(crate) struct Walk {
    frontier: Frontier,
    previous: Hash,
}

impl Walk {
    pub fn push(&mut self, bytes: &[u8]) -> Result<AuditEntry, AuditFault> {
        let expected = self.frontier.size();
        let entry = leaf::decode(bytes).ok_or(AuditFault::Malformed(expected))?;
        if entry.seq != expected {
            return Err(AuditFault::Order { expected });
        }
        if entry.previous != self.previous {
            return Err(AuditFault::Chain(expected));
        }
        self.previous = tree::leaf_hash(bytes);
        self.frontier.push(self.previous, |_, _, _| ());
        Ok(entry)
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    pub fn last(&self) -> Hash {
        self.previous
    }

    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}
