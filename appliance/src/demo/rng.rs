//! Chance that can be repeated.
//!
//! Owns the small generator behind the demo clinic: the same seed gives the same clinic on every machine, so a
//! screenshot, a test and a newcomer's first look show the same people. Never used for keys, tokens or ids of real
//! records; those come from the operating system.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea and Flood, 2014): one 64-bit word of state, every seed is a good one.
/// The state sits in a cell so that several draws fit in one expression.
#[derive(Debug, Clone)]
pub struct Rng(Cell<u64>);

impl Rng {
    /// A generator that repeats itself for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// A generator of its own for one named part, so that adding a patient does not change the others.
    #[must_use]
    pub fn fork(&self, name: &str) -> Self {
        let mut state = self.0.get();
        for byte in name.bytes() {
            state = mix(state ^ u64::from(byte)).wrapping_add(STEP);
        }
        Self(Cell::new(state))
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(STEP));
        mix(self.0.get())
    }

    /// A whole number in `low..=high`; `low` when the range is empty.
    pub fn between(&self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let width = high.abs_diff(low).saturating_add(1);
        let offset = (u128::from(self.next_u64()) * u128::from(width)) >> 64;
        low.saturating_add(i64::try_from(offset).unwrap_or(0))
    }

    /// One of the items; `None` for an empty slice.
    pub fn pick<'a, T>(&self, items: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(items.len()).ok()?.checked_sub(1)?;
        let at = self.between(0, last);
        items.get(usize::try_from(at).ok()?)
    }

    /// True about `percent` times in a hundred.
    pub fn chance(&self, percent: u8) -> bool {
        self.between(0, 99) < i64::from(percent)
    }

    /// A small spread around zero in `-reach..=reach`, the middle likelier than the ends.
    pub fn wobble(&self, reach: i64) -> i64 {
        (self.between(-reach, reach) + self.between(-reach, reach)) / 2
    }

    /// A version 4 UUID in text, repeatable like everything here.
    pub fn uuid(&self) -> String {
        let (a, b) = (self.next_u64(), self.next_u64());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            ((b >> 48) & 0x3fff) | 0x8000,
            b & 0xffff_ffff_ffff
        )
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (a, b) = (Rng::new(7), Rng::new(7));
        assert_eq!(
            (0..50).map(|_| a.next_u64()).collect::<Vec<_>>(),
            (0..50).map(|_| b.next_u64()).collect::<Vec<_>>()
        );
        assert_ne!(Rng::new(7).next_u64(), Rng::new(8).next_u64());
    }

    #[test]
    fn published_first_numbers_of_splitmix64() {
        let rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn between_reaches_both_ends_and_never_leaves_them() {
        let rng = Rng::new(1);
        let seen: std::collections::BTreeSet<i64> = (0..400).map(|_| rng.between(-2, 2)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
        assert_eq!(rng.between(5, 5), 5);
    }

    #[test]
    fn a_uuid_has_the_version_and_variant_bits() {
        let rng = Rng::new(3);
        for _ in 0..100 {
            let id = rng.uuid();
            assert_eq!(id.len(), 36, "{id}");
            assert_eq!(&id[14..15], "4");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }
}
