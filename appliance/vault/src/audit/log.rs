//! The audit log as it lies in the tables: appending within a unit, reading, subtree roots, proofs, checkpoints.
//!
//! Subtrees of 256 leaves and more are stored when they complete; smaller ones are hashed again from the leaves.

use super::leaf::{self, AuditEntry, Leaf, Stamp, Written};
use super::note::Checkpoint;
use super::offline::Proof;
use super::tree::{self, Hash};
use crate::cipher::{self, Binding};
use crate::datakeys::{Holder, Keyring};
use crate::error::{Fault, ReadError, UnitError};
use crate::state::State;
use crate::tables::{Get, T, last_number, name, owner_prefix};
use crate::unit::Unit;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use std::ops::Bound;

const DOMAIN: &str = "clinicvault/audit-detail";
/// Levels of the tree from which on complete subtrees are stored: 2^8 leaves.
const STORED_LEVEL: u8 = 8;
/// A checkpoint is signed after this many leaves ...
pub(crate) const EVERY_LEAVES: u64 = 256;
/// ... or after this many microseconds, whichever comes first.
pub(crate) const EVERY_MICROS: i64 = 60_000_000;

fn tree_key(level: u8, index: u64) -> [u8; 9] {
    let mut key = [level; 9];
    key[1..].copy_from_slice(&index.to_be_bytes());
    key
}

fn holder(leaf: &Leaf) -> Holder {
    leaf.owner.as_deref().map_or_else(Holder::audit, Holder::patient)
}

fn binding<'a>(clinic: &'a str, seq: &'a [u8; 8]) -> Binding<'a> {
    Binding { domain: DOMAIN, clinic, table: 0, id: seq, version: 0 }
}

/// Appends one leaf to the tables and to the unit's state.
pub(crate) fn append(
    unit: &mut Unit<'_>,
    leaf: &Leaf,
    writes: &[Written],
    tx: u64,
    monotonic: u64,
) -> Result<(), UnitError> {
    let seq = unit.state().frontier.size();
    let number = seq.to_be_bytes();
    let detail = match &leaf.detail {
        None => None,
        Some(detail) => {
            let keys = unit.keys_for(&holder(leaf))?;
            let key = keys.newest().ok_or(UnitError::Missing("data key"))?;
            let clinic = unit.clinic().to_owned();
            let sealed =
                cipher::seal(key, &binding(&clinic, &number), detail).map_err(|_| UnitError::Chance)?;
            unit.insert(T::Details, &number, &sealed)?;
            Some(Hash::from(Sha256::digest(&sealed)))
        }
    };
    let stamp = Stamp { seq, tx, wall: unit.state().now, monotonic, previous: unit.state().last_leaf };
    let bytes = leaf::encode(&stamp, leaf, detail.as_ref(), writes);
    unit.insert(T::Leaves, &number, &bytes)?;
    if let Some(patient) = &leaf.owner {
        unit.insert(T::LeavesOf, &[owner_prefix(patient).as_slice(), &number].concat(), &[])?;
    }
    let hash = tree::leaf_hash(&bytes);
    let mut complete = Vec::new();
    let state = unit.state_mut();
    state.last_leaf = hash;
    state.frontier.push(hash, |level, index, hash| {
        if level >= STORED_LEVEL {
            complete.push((tree_key(level, index), *hash));
        }
    });
    for (key, hash) in complete {
        unit.insert(T::Tree, &key, &hash)?;
    }
    Ok(())
}

/// Whether a checkpoint is due.
pub(crate) fn is_due(state: &State, now: i64) -> bool {
    let fresh = state.frontier.size() - state.checkpoint_size.min(state.frontier.size());
    fresh >= EVERY_LEAVES || (fresh > 0 && now - state.checkpoint_time >= EVERY_MICROS)
}

/// The checkpoint of a state, signed.
pub(crate) fn sign(state: &State, origin: &str, key: &SigningKey) -> String {
    Checkpoint { origin: origin.to_owned(), size: state.frontier.size(), root: state.frontier.root() }
        .sign(key)
}

/// Canonical bytes of a leaf.
pub(crate) fn bytes(from: &impl Get, seq: u64) -> Result<Option<Vec<u8>>, Fault> {
    from.get(T::Leaves, &seq.to_be_bytes())
}

/// A leaf, with its detail where the key is still there.
pub(crate) fn entry(from: &impl Get, keys: &Keyring, seq: u64) -> Result<Option<AuditEntry>, ReadError> {
    let Some(bytes) = bytes(from, seq)? else { return Ok(None) };
    let mut entry = leaf::decode(&bytes).ok_or_else(|| Fault::row(name(T::Leaves)))?;
    if let Some(expected) = entry.detail_hash {
        let number = seq.to_be_bytes();
        let sealed = from.get(T::Details, &number)?.unwrap_or_default();
        if Hash::from(Sha256::digest(&sealed)) == expected
            && let Some(set) = keys.keys(from, &holder(&entry.leaf))?
        {
            entry.leaf.detail =
                set.open(&binding(&keys.clinic, &number), &sealed).map(|detail| detail.to_vec());
        }
    }
    Ok(Some(entry))
}

/// Numbers of leaves on a patient's access log, newest first, below `before`, at most `limit`.
pub(crate) fn numbers_of(
    from: &impl Get,
    patient: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<u64>, Fault> {
    let prefix = owner_prefix(patient);
    let edge = |seq: u64| [prefix.as_slice(), &seq.to_be_bytes()].concat();
    let (low, high) = (edge(0), edge(before.unwrap_or(u64::MAX)));
    let mut found = Vec::new();
    if limit > 0 {
        from.visit(T::LeavesOf, Bound::Included(&low), Bound::Excluded(&high), true, &mut |key, _| {
            found.push(last_number(key).ok_or_else(|| Fault::row(name(T::LeavesOf)))?);
            Ok(found.len() < limit)
        })?;
    }
    Ok(found)
}

/// Root of the leaves `[low, high)`, which must be a subtree of RFC 9162's recursion.
pub(crate) fn subtree(from: &impl Get, low: u64, high: u64) -> Result<Hash, Fault> {
    let size = high - low;
    if size == 0 {
        return Ok(tree::empty_root());
    }
    if size.is_power_of_two() && size.trailing_zeros() >= u32::from(STORED_LEVEL) && low.is_multiple_of(size)
    {
        let level = size.trailing_zeros() as u8;
        let stored = from.with(T::Tree, &tree_key(level, low >> level), |hash| Hash::try_from(hash).ok())?;
        if let Some(hash) = stored {
            return hash.ok_or_else(|| Fault::row(name(T::Tree)));
        }
    }
    if size <= 1 << STORED_LEVEL {
        let mut leaves = Vec::new();
        let (low, high) = (low.to_be_bytes(), high.to_be_bytes());
        from.visit(T::Leaves, Bound::Included(&low), Bound::Excluded(&high), false, &mut |_, bytes| {
            leaves.push(tree::leaf_hash(bytes));
            Ok(true)
        })?;
        if leaves.len() as u64 != size {
            return Err(Fault::row(name(T::Leaves)));
        }
        return Ok(tree::root_of(&leaves));
    }
    let middle = low + tree::split(size);
    Ok(tree::node_hash(&subtree(from, low, middle)?, &subtree(from, middle, high)?))
}

/// Signed notes by size, oldest first, at most `limit`, from a size on.
pub(crate) fn checkpoints(from: &impl Get, size: u64, limit: usize) -> Result<Vec<String>, Fault> {
    let mut notes = Vec::new();
    if limit > 0 {
        let low = size.to_be_bytes();
        from.visit(T::Checkpoints, Bound::Included(&low), Bound::Unbounded, false, &mut |_, note| {
            notes.push(String::from_utf8_lossy(note).into_owned());
            Ok(notes.len() < limit)
        })?;
    }
    Ok(notes)
}

/// Proof that a leaf is under the first checkpoint that covers it; `None` when none does yet.
pub(crate) fn prove(from: &impl Get, index: u64) -> Result<Option<Proof>, Fault> {
    let Some(checkpoint) = checkpoints(from, index + 1, 1)?.pop() else { return Ok(None) };
    let Some(leaf) = bytes(from, index)? else { return Ok(None) };
    let size = checkpoint.lines().nth(1).and_then(|line| line.parse().ok());
    let size: u64 = size.ok_or_else(|| Fault::row(name(T::Checkpoints)))?;
    let path = tree::inclusion_path(index, size, &mut |low, high| subtree(from, low, high))?;
    Ok(Some(Proof { leaf, index, size, path, checkpoint }))
}
