//! Half-open sign-ins: the right password was shown, something is still missing.
//!
//! Kept in memory only, for ten minutes, each under its own token; a new token for every step.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::secret::Hash;
use super::totp::SEED_BYTES;

/// Time to finish: installing an authenticator app takes a while.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Half-open sign-ins at once; beyond it the oldest is dropped.
const MOST: usize = 1000;

/// One half-open sign-in.
#[derive(Clone)]
pub struct Half {
    /// The account.
    pub account: String,
    /// The second factor was shown.
    pub second_shown: bool,
    /// What is asked for now.
    pub step: Step,
    /// When the password was shown.
    pub begun: Timestamp,
}

/// What a half-open sign-in waits for.
#[derive(Clone)]
pub enum Step {
    /// A code of the authenticator, or a recovery code.
    SecondFactor,
    /// A password of the person's own.
    OwnPassword,
    /// The first code of the authenticator that gets this seed.
    Enrolment(Zeroizing<[u8; SEED_BYTES]>),
}

/// All of them.
#[derive(Default)]
pub struct Halves {
    by_hash: HashMap<Hash, Half>,
}

impl Halves {
    /// Keeps one.
    pub fn keep(&mut self, hash: Hash, half: Half) {
        let now = half.begun;
        self.by_hash.retain(|_, each| now.duration_since(each.begun) < PATIENCE);
        let oldest = self.by_hash.iter().min_by_key(|(_, each)| each.begun).map(|(hash, _)| *hash);
        if let Some(oldest) = oldest.filter(|_| self.by_hash.len() >= MOST) {
            self.by_hash.remove(&oldest);
        }
        self.by_hash.insert(hash, half);
    }

    /// Looks at one that is still open.
    pub fn find(&self, hash: &Hash, now: Timestamp) -> Option<&Half> {
        self.by_hash.get(hash).filter(|half| now.duration_since(half.begun) < PATIENCE)
    }

    /// Ends one.
    pub fn end(&mut self, hash: &Hash) {
        self.by_hash.remove(hash);
    }

    /// Ends all of an account.
    pub fn end_account(&mut self, account: &str) {
        self.by_hash.retain(|_, half| half.account != account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_open_sign_in_ends_by_itself() {
        let at = |minute: i64| Timestamp::from_second(1_700_000_000 + minute * 60).unwrap();
        let mut halves = Halves::default();
        let half = |minute| Half {
            account: "p-1".into(),
            second_shown: false,
            step: Step::SecondFactor,
            begun: at(minute),
        };
        halves.keep([1; 32], half(0));
        assert!(halves.find(&[1; 32], at(9)).is_some());
        assert!(halves.find(&[1; 32], at(10)).is_none());
        halves.keep([2; 32], half(20));
        assert_eq!(halves.by_hash.len(), 1);
        halves.end_account("p-1");
        assert!(halves.find(&[2; 32], at(20)).is_none());
    }
}
