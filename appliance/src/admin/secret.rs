//! Bearer secrets: 256 random bits as text, of which only the SHA-256 is kept.
//!
//! Used for session cookies and machine tokens. A full-entropy secret needs no slow hash, and a lookup by hash leaks
//! nothing about the secret through its timing.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// SHA-256 of a secret: the key under which it is kept.
pub type Hash = [u8; 32];

/// A new secret and its kept form.
pub fn fresh() -> Result<(Zeroizing<String>, Hash), getrandom::Error> {
    let mut bits = Zeroizing::new([0u8; 32]);
    getrandom::fill(bits.as_mut_slice())?;
    let text = Zeroizing::new(BASE64URL_NOPAD.encode(bits.as_slice()));
    let hash = hash(&text);
    Ok((text, hash))
}

/// The kept form of a shown secret.
pub fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// A short random name for something that is not secret: an account, a session in a list, a token in a list.
pub fn short_id(prefix: &str) -> Result<String, getrandom::Error> {
    let mut bits = [0u8; 8];
    getrandom::fill(&mut bits)?;
    Ok(format!("{prefix}-{}", HEXLOWER.encode(&bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_different_and_found_by_their_hash() {
        let (one, kept) = fresh().unwrap();
        let (two, _) = fresh().unwrap();
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
        assert_eq!(hash(&one), kept);
        assert_ne!(hash(&two), kept);
    }
}
