//! Key material in memory: wiped when dropped, never printed.
//!
//! Pages are not locked in memory: that needs unsafe calls, which the workspace forbids (decision 0012).

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A 256-bit key. `Debug` prints a fixed word.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key32([u8; 32]);

impl Key32 {
    /// Wraps the bytes of a key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A fresh random key.
    pub(crate) fn random() -> Result<Self, String> {
        crate::chance::random().map(Self)
    }

    /// The bytes, for a cipher or another derivation; do not copy them elsewhere.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key32(hidden)")
    }
}
