//! Passwords: what is accepted, and the slow hash that is kept.
//!
//! Owns the rules (length, blocklist) and Argon2id with the pepper of the vault. Waiting in line for a hash and counting
//! wrong attempts belong to `people` and `throttle`.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::blocklist;

/// Shortest password of someone who also shows a second factor (security-storage.md section 7).
pub const WITH_SECOND_FACTOR: usize = 8;
/// Shortest password that stands alone (security-storage.md section 7).
pub const ALONE: usize = 15;
/// Longest password, in characters: enough for any sentence, small enough to hash.
pub const LONGEST: usize = 256;
/// Argon2id never goes below 19 MiB and two passes (security-storage.md section 7).
pub const FLOOR: Cost = Cost { memory_mib: 19, passes: 2 };

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Weak {
    /// Too few characters; the number that is needed.
    #[error("The password needs at least {0} characters.")]
    Short(usize),
    /// Too many characters.
    #[error("The password may have at most {LONGEST} characters.")]
    Long,
    /// Among the first that a thief tries.
    #[error("This password is among the first that a thief tries; choose another.")]
    Common,
}

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// Passes over it.
    pub passes: u32,
}

/// Makes and checks hashes. `Debug` shows nothing of the pepper.
pub struct Hasher {
    pepper: Zeroizing<[u8; 32]>,
    params: Params,
    decoy: String,
}

/// The hash could not be made or read; never holds the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the password could not be hashed")]
pub struct Unhashable;

/// Checks a new password against the rules. `username` guards against using the name as the secret.
pub fn acceptable(password: &str, username: &str, second_factor: bool) -> Result<(), Weak> {
    let length = normal(password).chars().count();
    let needed = if second_factor { WITH_SECOND_FACTOR } else { ALONE };
    if length > LONGEST {
        return Err(Weak::Long);
    }
    if length < needed {
        return Err(Weak::Short(needed));
    }
    if blocklist::is_common(password, username) {
        return Err(Weak::Common);
    }
    Ok(())
}

impl Hasher {
    /// A hasher with the vault's pepper; a cost below [`FLOOR`] is raised to it.
    pub fn new(pepper: Zeroizing<[u8; 32]>, cost: Cost) -> Result<Hasher, Unhashable> {
        let memory = cost.memory_mib.max(FLOOR.memory_mib).saturating_mul(1024);
        let params =
            Params::new(memory, cost.passes.max(FLOOR.passes), 1, Some(32)).map_err(|_| Unhashable)?;
        let mut hasher = Hasher { pepper, params, decoy: String::new() };
        // Somebody unknown is checked against this, at the same cost as somebody known.
        hasher.decoy = hasher.hash("nobody has this password")?;
        Ok(hasher)
    }

    /// The hash to keep, as a PHC string with its own salt and cost.
    pub fn hash(&self, password: &str) -> Result<String, Unhashable> {
        let mut salt = [0u8; 16];
        getrandom::fill(&mut salt).map_err(|_| Unhashable)?;
        let hash = self
            .engine()?
            .hash_password_with_salt(normal(password).as_bytes(), &salt)
            .map_err(|_| Unhashable)?;
        Ok(hash.to_string())
    }

    /// Whether the password fits the kept hash. Without a kept hash the decoy is checked, and the answer is no.
    pub fn fits(&self, password: &str, kept: Option<&str>) -> bool {
        let against = kept.unwrap_or(&self.decoy);
        let (Ok(engine), Ok(hash)) = (self.engine(), PasswordHash::new(against)) else { return false };
        let fits = engine.verify_password(normal(password).as_bytes(), &hash).is_ok();
        fits && kept.is_some()
    }

    /// Whether a kept hash was made at another cost and should be made anew now that the password is at hand.
    pub fn is_dated(&self, kept: &str) -> bool {
        let Ok(hash) = PasswordHash::new(kept) else { return true };
        Params::try_from(&hash)
            .map(|p| p.m_cost() != self.params.m_cost() || p.t_cost() != self.params.t_cost())
            .unwrap_or(true)
    }

    fn engine(&self) -> Result<Argon2<'_>, Unhashable> {
        Argon2::new_with_secret(
            self.pepper.as_slice(),
            Algorithm::Argon2id,
            Version::V0x13,
            self.params.clone(),
        )
        .map_err(|_| Unhashable)
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

/// One spelling for one password, whichever keyboard composed its letters (NFC, as RFC 8265 section 4.2 asks).
fn normal(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> Hasher {
        Hasher::new(Zeroizing::new([7; 32]), FLOOR).unwrap()
    }

    #[test]
    fn length_depends_on_the_second_factor() {
        let check = |password: &str, second: bool, expected: Result<(), Weak>| {
            assert_eq!(acceptable(password, "asha", second), expected, "{password}");
        };
        check("river-7x", true, Ok(()));
        check("river-7x", false, Err(Weak::Short(15)));
        check("river7x", true, Err(Weak::Short(8)));
        check("a river in spate", false, Ok(()));
        check("नदी में पानी बहुत", false, Ok(()));
        check(&"long ".repeat(60), true, Err(Weak::Long));
        check("password123", true, Err(Weak::Common));
        check("ashaasha", true, Err(Weak::Common));
    }

    #[test]
    fn a_hash_fits_its_password_only() {
        let hasher = hasher();
        let kept = hasher.hash("a river in spate").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(hasher.fits("a river in spate", Some(&kept)));
        assert!(!hasher.fits("a river in Spate", Some(&kept)));
        assert!(!hasher.fits("nobody has this password", None));
        assert!(!hasher.fits("a river in spate", Some("not a hash")));
        assert!(!hasher.is_dated(&kept));
        let dearer = Hasher::new(Zeroizing::new([7; 32]), Cost { memory_mib: 20, passes: 2 }).unwrap();
        assert!(dearer.is_dated(&kept) && dearer.fits("a river in spate", Some(&kept)));
    }

    #[test]
    fn another_pepper_makes_the_hash_worthless() {
        let kept = hasher().hash("a river in spate").unwrap();
        let other = Hasher::new(Zeroizing::new([8; 32]), FLOOR).unwrap();
        assert!(!other.fits("a river in spate", Some(&kept)));
    }

    #[test]
    fn a_letter_composed_in_two_ways_is_one_letter() {
        let hasher = hasher();
        let kept = hasher.hash("Zoe\u{308} by the river").unwrap();
        assert!(hasher.fits("Zo\u{eb} by the river", Some(&kept)));
    }
}
