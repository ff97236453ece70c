//! Sets of records for counting: a bit each, so that a million of them take little memory.

use std::collections::BTreeMap;

use clinicvault_vault::Rid;

/// A set of record numbers, a bit each, in blocks.
#[derive(Debug, Clone, Default)]
pub struct Bits(BTreeMap<u64, Box<[u64; WORDS]>>);

/// Words of a block: 4,096 records.
const WORDS: usize = 64;

impl Bits {
    pub fn add(&mut self, rid: Rid) {
        let (block, word, bit) = place(rid);
        let words = self.0.entry(block).or_insert_with(|| Box::new([0; WORDS]));
        if let Some(word) = words.get_mut(word) {
            *word |= bit;
        }
    }

    /// Takes a number out, if it is there.
    pub fn remove(&mut self, rid: Rid) {
        let (block, word, bit) = place(rid);
        if let Some(word) = self.0.get_mut(&block).and_then(|words| words.get_mut(word)) {
            *word &= !bit;
        }
    }

    /// Blocks of memory taken, of half a KiB each.
    pub fn blocks(&self) -> usize {
        self.0.len()
    }

    pub fn holds(&self, rid: Rid) -> bool {
        let (block, word, bit) = place(rid);
        self.0.get(&block).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
    }

    pub fn len(&self) -> u64 {
        self.0.values().flat_map(|words| words.iter()).map(|word| u64::from(word.count_ones())).sum()
    }

    pub fn join(&mut self, other: Self) {
        for (block, words) in other.0 {
            match self.0.get_mut(&block) {
                Some(own) => own.iter_mut().zip(words.iter()).for_each(|(own, other)| *own |= other),
                None => {
                    self.0.insert(block, words);
                }
            }
        }
    }

    pub fn common(mut self, other: &Self) -> Self {
        self.0.retain(|block, words| {
            let Some(others) = other.0.get(block) else { return false };
            words.iter_mut().zip(others.iter()).for_each(|(own, other)| *own &= other);
            true
        });
        self
    }

    pub fn without(mut self, other: &Self) -> Self {
        for (block, words) in &mut self.0 {
            if let Some(others) = other.0.get(block) {
                words.iter_mut().zip(others.iter()).for_each(|(own, other)| *own &= !other);
            }
        }
        self
    }
}

const fn place(rid: Rid) -> (u64, usize, u64) {
    let within = rid.0 % (WORDS as u64 * 64);
    (rid.0 / (WORDS as u64 * 64), (within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn bits_are_a_set(a in prop::collection::btree_set(0u64..20_000, 0..60), b in prop::collection::btree_set(0u64..20_000, 0..60)) {
            let bits = |set: &BTreeSet<u64>| {
                let mut bits = Bits::default();
                set.iter().for_each(|n| bits.add(Rid(*n)));
                bits
            };
            let check = |bits: &Bits, set: BTreeSet<u64>| {
                bits.len() == set.len() as u64 && set.iter().all(|n| bits.holds(Rid(*n)))
            };
            prop_assert!(check(&bits(&a), a.clone()));
            prop_assert!(check(&bits(&a).common(&bits(&b)), &a & &b));
            prop_assert!(check(&bits(&a).without(&bits(&b)), &a - &b));
            let mut joined = bits(&a);
            joined.join(bits(&b));
            prop_assert!(check(&joined, &a | &b));
            let mut fewer = bits(&a);
            b.iter().for_each(|n| fewer.remove(Rid(*n)));
            prop_assert!(check(&fewer, &a - &b));
        }
    }
}
