//! Merkle arithmetic of RFC 9162, section 2.1: leaf and node hashes, the compact frontier, inclusion proofs.
//!
//! Pure functions; knows nothing of tables or leaves' content.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// SHA-256(0x00 | leaf).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// SHA-256(0x01 | left | right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Root of the tree of no leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Root over leaf hashes, by the recursive definition; for checking, not for appending.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [only] => *only,
        more => {
            let (left, right) = more.split_at(split(more.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Largest power of two below `size`, for `size` > 1.
#[must_use]
pub fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The roots of the complete subtrees that make up a tree, largest first: enough to append and to tell the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// From a stored size and its hashes; `None` when their number does not fit the size.
    #[must_use]
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() as u32 == size.count_ones()).then_some(Self { size, hashes })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Appends a leaf hash; `complete` is told of each subtree it completes: level (1 = two leaves), index at that
    /// level, hash.
    pub fn push(&mut self, leaf: Hash, mut complete: impl FnMut(u8, u64, &Hash)) {
        let mut hash = leaf;
        let mut level = 0u8;
        while self.size >> level & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            complete(level, self.size >> level, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut from_right = self.hashes.iter().rev();
        match from_right.next() {
            None => empty_root(),
            Some(last) => from_right.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// The path that proves leaf `index` in a tree of `size` leaves, nearest sibling first (RFC 9162, section 2.1.3.1).
/// `subtree` answers the root of the leaves `[from, to)`.
///
/// # Errors
/// Passes on what `subtree` reports.
pub fn inclusion_path<E>(
    index: u64,
    size: u64,
    subtree: &mut dyn FnMut(u64, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(subtree(middle, to)?);
            to = middle;
        } else {
            path.push(subtree(from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The root that a leaf hash and its path lead to; `None` when the path has the wrong length
/// (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn root_from_path(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut root = leaf;
    for hash in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(hash, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn the_frontier_agrees_with_the_recursive_definition() {
        let all = leaves(70);
        let mut frontier = Frontier::default();
        let mut seen = Vec::new();
        for (n, leaf) in all.iter().enumerate() {
            assert_eq!(frontier.root(), root_of(&all[..n]));
            frontier.push(*leaf, |level, index, hash| seen.push((level, index, *hash)));
        }
        for (level, index, hash) in seen {
            let from = (index << level) as usize;
            assert_eq!(hash, root_of(&all[from..from + (1 << level)]));
        }
        assert_eq!(Frontier::from_parts(70, frontier.hashes().to_vec()), Some(frontier));
    }

    #[test]
    fn every_leaf_is_proved_and_no_other_passes() {
        for size in 1..34 {
            let all = leaves(size);
            let root = root_of(&all);
            for index in 0..size {
                let path = inclusion_path(index, size, &mut |from, to| {
                    Ok::<_, Infallible>(root_of(&all[from as usize..to as usize]))
                })
                .unwrap();
                let leaf = all[index as usize];
                assert_eq!(root_from_path(index, size, leaf, &path), Some(root));
                assert_ne!(root_from_path(index, size, leaf_hash(b"other"), &path), Some(root));
                if size > 1 {
                    assert_ne!(root_from_path((index + 1) % size, size, leaf, &path), Some(root));
                    assert_eq!(root_from_path(index, size, leaf, &path[1..]), None);
                }
            }
        }
    }

    /// Known answers of the certificate transparency test suite (RFC 6962 / 9162 use the same hashing).
    #[test]
    fn known_answers() {
        let hex = |hash: Hash| data_encoding::HEXLOWER.encode(&hash);
        assert_eq!(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let two = root_of(&[leaf_hash(b""), leaf_hash(b"\0")]);
        assert_eq!(hex(two), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
