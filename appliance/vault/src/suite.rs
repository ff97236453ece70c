//! The two authenticated ciphers: XChaCha20-Poly1305 and XAES-256-GCM, both with 192-bit random nonces.
//!
//! Each derives a key of its own for every nonce (HChaCha20; AES in counter mode) and seals under it with ring, whose
//! assembly is two to three times as fast as the portable crates: every page passes here (decision 0019).
//! Owns key set-up and in-place sealing with a detached tag; leaves layouts to cipher.rs and barrier.rs.

use crate::secret::Key32;
use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use chacha20::{R20, hchacha};
use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

/// Length of a nonce in bytes, both suites.
pub(crate) const NONCE: usize = 24;
/// Length of a tag in bytes, both suites.
pub(crate) const TAG: usize = 16;

/// Which cipher seals records and pages; chosen at setup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// XChaCha20-Poly1305: fast without AES hardware.
    XChaCha20Poly1305 = 1,
    /// XAES-256-GCM (C2SP): fastest where the processor has AES, and for clinics whose policy says AES.
    Xaes256Gcm = 2,
}

impl Suite {
    /// The faster suite on this processor: AES where it has instructions for it. A vault moves to any other machine
    /// all the same; it is only slower there.
    #[must_use]
    pub fn of_this_processor() -> Self {
        if has_aes() { Self::Xaes256Gcm } else { Self::XChaCha20Poly1305 }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::XChaCha20Poly1305),
            2 => Some(Self::Xaes256Gcm),
            _ => None,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}

/// A key made ready for one suite.
pub(crate) enum SuiteKey {
    XChaCha(Zeroizing<[u8; 32]>),
    Xaes(Box<Xaes>),
}

/// The cipher refused: wrong key, changed bytes or changed binding.
#[derive(Debug)]
pub(crate) struct Rejected;

impl SuiteKey {
    pub fn new(suite: Suite, key: &Key32) -> Self {
        match suite {
            Suite::XChaCha20Poly1305 => Self::XChaCha(Zeroizing::new(*key.expose())),
            Suite::Xaes256Gcm => Self::Xaes(Box::new(Xaes::new(key))),
        }
    }

    pub fn suite(&self) -> Suite {
        match self {
            Self::XChaCha(_) => Suite::XChaCha20Poly1305,
            Self::Xaes(_) => Suite::Xaes256Gcm,
        }
    }

    /// Encrypts `text` in place and answers the tag.
    pub fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG], Rejected> {
        let (key, nonce) = self.derive(nonce)?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text).map_err(|_| Rejected)?;
        tag.as_ref().try_into().map_err(|_| Rejected)
    }

    /// Checks the tag and decrypts `text` in place; `text` is unspecified after a refusal.
    pub fn open(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Rejected> {
        let (key, nonce) = self.derive(nonce)?;
        key.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), text, 0..)
            .map(drop)
            .map_err(|_| Rejected)
    }

    /// The key for one nonce, and what of the nonce is left for the cipher below.
    fn derive(&self, nonce: &[u8; NONCE]) -> Result<(LessSafeKey, Nonce), Rejected> {
        match self {
            Self::XChaCha(key) => {
                let (first, rest) = nonce.split_first_chunk::<16>().ok_or(Rejected)?;
                let mut derived = hchacha::<R20>((&**key).into(), first.into());
                let mut short = [0; 12];
                short[4..].copy_from_slice(rest);
                let made = below(&CHACHA20_POLY1305, &derived, short);
                derived.zeroize();
                made
            }
            Self::Xaes(key) => {
                let mut derived = key.derive(nonce);
                let mut short = [0; 12];
                short.copy_from_slice(&nonce[12..]);
                let made = below(&AES_256_GCM, &derived, short);
                derived.zeroize();
                made
            }
        }
    }
}

fn below(
    algorithm: &'static Algorithm,
    key: &[u8],
    nonce: [u8; 12],
) -> Result<(LessSafeKey, Nonce), Rejected> {
    let key = UnboundKey::new(algorithm, key).map_err(|_| Rejected)?;
    Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
}

/// The key derivation of XAES-256-GCM, as in <https://c2sp.org/XAES-256-GCM>: AES-256-GCM under a key derived from the
/// first half of the nonce.
pub(crate) struct Xaes {
    aes: Aes256,
    k1: [u8; 16],
}

impl Drop for Xaes {
    fn drop(&mut self) {
        self.k1.zeroize();
    }
}

impl Xaes {
    fn new(key: &Key32) -> Self {
        let aes = Aes256::new(key.expose().into());
        let mut block = [0u8; 16].into();
        aes.encrypt_block(&mut block);
        let l = u128::from_be_bytes(block.into());
        let k1 = ((l << 1) ^ if l >> 127 == 1 { 0x87 } else { 0 }).to_be_bytes();
        Self { aes, k1 }
    }

    fn derive(&self, nonce: &[u8; NONCE]) -> [u8; 32] {
        let mut derived = [0u8; 32];
        for (counter, half) in [1u8, 2].into_iter().zip(derived.chunks_exact_mut(16)) {
            let mut block = [0u8; 16];
            block[..4].copy_from_slice(&[0, counter, b'X', 0]);
            block[4..].copy_from_slice(&nonce[..12]);
            for (byte, mask) in block.iter_mut().zip(&self.k1) {
                *byte ^= mask;
            }
            let mut block = block.into();
            self.aes.encrypt_block(&mut block);
            half.copy_from_slice(&block);
        }
        derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        data_encoding::HEXLOWER.encode(bytes)
    }

    fn xaes(key: u8, aad: &[u8]) -> String {
        let key = SuiteKey::new(Suite::Xaes256Gcm, &Key32::new([key; 32]));
        let mut text = *b"XAES-256-GCM";
        let tag = key.seal(b"ABCDEFGHIJKLMNOPQRSTUVWX", aad, &mut text).unwrap();
        hex(&text) + &hex(&tag)
    }

    /// Vectors of the C2SP specification: one key with each value of the top bit of L.
    #[test]
    fn xaes_agrees_with_the_published_vectors() {
        assert_eq!(xaes(1, b""), "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
        assert_eq!(
            xaes(3, b"c2sp.org/XAES-256-GCM"),
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        );
    }

    #[test]
    fn both_suites_agree_with_the_portable_crates() {
        use chacha20poly1305::aead::AeadInOut;
        let (key, aad) = (Key32::new([0x5C; 32]), b"bound to this");
        for len in [0, 1, 15, 16, 17, 63, 64, 65, 255, 4096, 5000] {
            let nonce: [u8; NONCE] = std::array::from_fn(|at| (at * 11 + len) as u8);
            let text: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
            let mut theirs = text.clone();
            let cipher = chacha20poly1305::XChaCha20Poly1305::new(key.expose().into());
            let tag =
                cipher.encrypt_inout_detached((&nonce).into(), aad, theirs.as_mut_slice().into()).unwrap();
            let mut ours = text.clone();
            let made = SuiteKey::new(Suite::XChaCha20Poly1305, &key).seal(&nonce, aad, &mut ours).unwrap();
            assert_eq!((ours, made), (theirs, tag.into()), "{len} bytes");

            let xaes = Xaes::new(&key);
            let mut theirs = text.clone();
            let cipher = aes_gcm::Aes256Gcm::new((&xaes.derive(&nonce)).into());
            let short: [u8; 12] = nonce[12..].try_into().unwrap();
            let tag =
                cipher.encrypt_inout_detached((&short).into(), aad, theirs.as_mut_slice().into()).unwrap();
            let mut ours = text;
            let made = SuiteKey::new(Suite::Xaes256Gcm, &key).seal(&nonce, aad, &mut ours).unwrap();
            assert_eq!((ours, made), (theirs, tag.into()), "{len} bytes");
        }
    }

    #[test]
    fn any_change_is_refused() {
        for suite in [Suite::XChaCha20Poly1305, Suite::Xaes256Gcm] {
            let key = SuiteKey::new(suite, &Key32::new([7; 32]));
            let mut sealed = *b"a body of some bytes";
            let tag = key.seal(&[9; 24], b"here", &mut sealed).unwrap();
            let open = |nonce: u8, aad: &[u8], flip: usize| {
                let mut text = sealed;
                if let Some(byte) = text.get_mut(flip) {
                    *byte ^= 1;
                }
                key.open(&[nonce; 24], aad, &mut text, &tag).map(|()| text)
            };
            assert_eq!(&open(9, b"here", 99).unwrap(), b"a body of some bytes");
            assert!(open(8, b"here", 99).is_err());
            assert!(open(9, b"there", 99).is_err());
            assert!(open(9, b"here", 3).is_err());
        }
    }
}
