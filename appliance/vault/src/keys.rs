//! The key hierarchy in memory (security-storage.md, section 2): root key, its HKDF children, key wrapping.
//!
//! Owns derivation labels and AES-256 key wrap with padding (RFC 5649); leaves the file of slots to slots.rs and the
//! table of data keys to datakeys.rs.

use crate::secret::Key32;
use aes_kw::{KeyInit, KwpAes256};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroize;

/// Bytes of a wrapped 256-bit key.
pub(crate) const WRAPPED: usize = 40;

/// The root key; everything else is derived from it or wrapped by it.
#[derive(Clone, Debug)]
pub(crate) struct RootKey(Key32);

impl RootKey {
    pub fn random() -> Result<Self, String> {
        Key32::random().map(Self)
    }

    /// The key that authenticates the slot file.
    pub fn slot_mac(&self) -> Key32 {
        derive(&self.0, None, "slotmac")
    }

    /// The key of the barrier.
    pub fn pages(&self) -> Key32 {
        derive(&self.0, None, "pages")
    }

    /// The key that wraps key-encryption keys and the audit key.
    pub fn wrapping(&self) -> Key32 {
        derive(&self.0, None, "wrap")
    }

    /// A key of the box for `label`: pepper, cursor signing, certificate authority ...
    pub fn boxed(&self, label: &str) -> Key32 {
        derive(&derive(&self.0, None, "box"), None, label)
    }

    /// The root key wrapped under a slot's key.
    pub fn wrap(&self, slot: &Key32) -> Option<[u8; WRAPPED]> {
        wrap(slot, &self.0)
    }

    /// Unwraps a root key with a slot's key.
    pub fn unwrap(slot: &Key32, wrapped: &[u8; WRAPPED]) -> Option<Self> {
        unwrap(slot, wrapped).map(Self)
    }
}

/// HKDF-SHA-256 of `secret` for one purpose.
pub(crate) fn derive(secret: &Key32, salt: Option<&[u8]>, label: &str) -> Key32 {
    derive_bytes(secret.expose(), salt, label)
}

/// As [`derive`], from input of any length.
pub(crate) fn derive_bytes(secret: &[u8], salt: Option<&[u8]>, label: &str) -> Key32 {
    let mut out = [0; 32];
    // 32 bytes are always within what HKDF-SHA-256 can expand (RFC 5869: 255 * 32).
    let done =
        Hkdf::<Sha256>::new(salt, secret).expand_multi_info(&[b"clinicvault/", label.as_bytes()], &mut out);
    debug_assert!(done.is_ok());
    let key = Key32::new(out);
    out.zeroize();
    key
}

/// Wraps `key` under `with` by AES-256 key wrap with padding; `None` cannot happen for 32 bytes.
pub(crate) fn wrap(with: &Key32, key: &Key32) -> Option<[u8; WRAPPED]> {
    let mut out = [0; WRAPPED];
    let len = KwpAes256::new(with.expose().into()).wrap_key(key.expose(), &mut out).ok()?.len();
    (len == WRAPPED).then_some(out)
}

/// Unwraps; `None` when the wrapping key or the bytes are wrong.
pub(crate) fn unwrap(with: &Key32, wrapped: &[u8; WRAPPED]) -> Option<Key32> {
    let mut out = [0; WRAPPED];
    let key: Option<[u8; 32]> = KwpAes256::new(with.expose().into())
        .unwrap_key(wrapped, &mut out)
        .ok()
        .and_then(|key| key.try_into().ok());
    out.zeroize();
    key.map(Key32::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_keys_open_only_with_their_key() {
        let (with, key) = (Key32::random().unwrap(), Key32::random().unwrap());
        let wrapped = wrap(&with, &key).unwrap();
        assert_eq!(unwrap(&with, &wrapped).unwrap().expose(), key.expose());
        assert!(unwrap(&Key32::random().unwrap(), &wrapped).is_none());
        let mut changed = wrapped;
        changed[20] ^= 1;
        assert!(unwrap(&with, &changed).is_none());
    }

    #[test]
    fn children_differ_and_debug_hides() {
        let root = RootKey(Key32::new([42; 32]));
        let all = [root.slot_mac(), root.pages(), root.wrapping(), root.boxed("a"), root.boxed("b")];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a.expose() != b.expose()));
        }
        assert_eq!(format!("{root:?}"), "RootKey(Key32(hidden))");
    }
}
