//! Seals one record, document or row (security-storage.md, section 3).
//!
//! ```text
//! byte 0      format version (1)
//! byte 1      suite (1 or 2)
//! bytes 2-5   data key generation, u32 LE
//! bytes 6-29  nonce, 24 random bytes
//! bytes 30..  ciphertext of (u32 LE true length | body | zero padding), then 16-byte tag
//! ```
//! The associated data is length-prefixed: domain, clinic id, table number, record id, version, format version,
//! suite, key generation; a value moved to another key, table, clinic or version fails to open.
//! Leaves to keys.rs which key seals what.

use crate::suite::{NONCE, SuiteKey, TAG};
use crate::wire::Encoder;
use zeroize::Zeroizing;

/// Format version of a sealed record.
const FORMAT: u8 = 1;
/// Bytes before the ciphertext.
const HEADER: usize = 6 + NONCE;
/// Bytes a sealed record has beyond the padded body.
const OVERHEAD: usize = HEADER + 4 + TAG;
/// Sealed sizes below one page. 1860 lets two rows with their heads share a page of 4096 bytes.
const SMALL: [usize; 4] = [256, 512, 1024, 1860];
/// What a page keeps for the row's head, its key and the engine's own fields.
const PAGE_SHARE: usize = 256;

/// What a sealed value is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    /// What sort of value, fixed text.
    pub domain: &'static str,
    /// The clinic's id.
    pub clinic: &'a str,
    /// Record kind, collection or queue number.
    pub table: u16,
    /// Record id, document key or row number.
    pub id: &'a [u8],
    /// Version or Tx.
    pub version: u64,
}

impl Binding<'_> {
    fn aad(&self, suite: u8, generation: u32) -> Vec<u8> {
        let mut aad = Encoder::with_capacity(64 + self.domain.len() + self.clinic.len() + self.id.len());
        aad.bytes(self.domain.as_bytes())
            .bytes(self.clinic.as_bytes())
            .bytes(&self.table.to_le_bytes())
            .bytes(self.id)
            .bytes(&self.version.to_le_bytes())
            .bytes(&[FORMAT])
            .bytes(&[suite])
            .bytes(&generation.to_le_bytes());
        aad.done()
    }
}

/// A data key with its generation, made ready.
pub(crate) struct DataKey {
    pub generation: u32,
    pub key: SuiteKey,
}

/// Sealed size of a body of `len` bytes: small buckets, then powers of two pages less the page's share.
fn bucket(len: usize) -> usize {
    let need = len + OVERHEAD;
    if let Some(small) = SMALL.into_iter().find(|size| *size >= need) {
        return small;
    }
    let pages = (need + PAGE_SHARE).div_ceil(4096).next_power_of_two();
    pages * 4096 - PAGE_SHARE
}

/// Seals `body`; `Err` only when the system gives no random bytes or the cipher refuses its length.
pub(crate) fn seal(key: &DataKey, binding: &Binding<'_>, body: &[u8]) -> Result<Vec<u8>, String> {
    let suite = key.key.suite() as u8;
    let total = bucket(body.len());
    let mut out = vec![0u8; total];
    out[0] = FORMAT;
    out[1] = suite;
    out[2..6].copy_from_slice(&key.generation.to_le_bytes());
    crate::chance::fill(&mut out[6..HEADER])?;
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&out[6..HEADER]);
    let text = &mut out[HEADER..total - TAG];
    let len = u32::try_from(body.len()).map_err(|_| "a body of more than 4 GiB".to_owned())?;
    text[..4].copy_from_slice(&len.to_le_bytes());
    text[4..4 + body.len()].copy_from_slice(body);
    let tag = key
        .key
        .seal(&nonce, &binding.aad(suite, key.generation), text)
        .map_err(|_| "the cipher refused".to_owned())?;
    out[total - TAG..].copy_from_slice(&tag);
    Ok(out)
}

/// The generation of the key that sealed `sealed`, if it looks like a sealed value at all.
pub(crate) fn generation(sealed: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(sealed.get(2..6)?.try_into().ok()?))
}

/// Opens a sealed value; `None` when key, bytes or binding are not those it was sealed with.
pub(crate) fn open(key: &DataKey, binding: &Binding<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let suite = key.key.suite() as u8;
    if sealed.len() < OVERHEAD
        || sealed[0] != FORMAT
        || sealed[1] != suite
        || generation(sealed) != Some(key.generation)
    {
        return None;
    }
    let nonce: [u8; NONCE] = sealed[6..HEADER].try_into().ok()?;
    let (text, tag) = sealed[HEADER..].split_at(sealed.len() - HEADER - TAG);
    let mut text = Zeroizing::new(text.to_vec());
    key.key.open(&nonce, &binding.aad(suite, key.generation), &mut text, tag.try_into().ok()?).ok()?;
    let len = usize::try_from(u32::from_le_bytes(text[..4].try_into().ok()?)).ok()?;
    if len > text.len() - 4 {
        return None;
    }
    text.copy_within(4..4 + len, 0);
    text.truncate(len);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key32, Suite};

    fn key(suite: Suite, byte: u8, generation: u32) -> DataKey {
        DataKey { generation, key: SuiteKey::new(suite, &Key32::new([byte; 32])) }
    }

    const HERE: Binding<'_> =
        Binding { domain: "test", clinic: "clinic", table: 3, id: b"record", version: 7 };

    #[test]
    fn bodies_of_any_length_return_unchanged_and_hide_their_length() {
        for suite in [Suite::XChaCha20Poly1305, Suite::Xaes256Gcm] {
            let key = key(suite, 1, 1);
            for len in (0..300).chain([1800, 1809, 1810, 1811, 3000, 4000, 9000, 100_000]) {
                let body: Vec<u8> = (0..len).map(|i| i as u8).collect();
                let sealed = seal(&key, &HERE, &body).unwrap();
                assert_eq!(*open(&key, &HERE, &sealed).unwrap(), body);
                assert_eq!(sealed.len(), bucket(len));
            }
        }
        let sizes: std::collections::BTreeSet<_> = (0..3700).map(bucket).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [256, 512, 1024, 1860, 3840]);
    }

    #[test]
    fn a_moved_value_fails_to_open() {
        let one = key(Suite::XChaCha20Poly1305, 1, 1);
        let sealed = seal(&one, &HERE, b"body").unwrap();
        let elsewhere = [
            Binding { domain: "other", ..HERE },
            Binding { clinic: "other", ..HERE },
            Binding { table: 4, ..HERE },
            Binding { id: b"other", ..HERE },
            Binding { version: 8, ..HERE },
        ];
        for binding in elsewhere {
            assert!(open(&one, &binding, &sealed).is_none());
        }
        assert!(open(&key(Suite::XChaCha20Poly1305, 2, 1), &HERE, &sealed).is_none());
        assert!(open(&key(Suite::XChaCha20Poly1305, 1, 2), &HERE, &sealed).is_none());
        assert!(open(&key(Suite::Xaes256Gcm, 1, 1), &HERE, &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x10;
            assert!(open(&one, &HERE, &changed).is_none(), "byte {at}");
            assert!(open(&one, &HERE, &sealed[..at]).is_none());
        }
    }
}
