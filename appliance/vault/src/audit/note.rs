//! Signed checkpoints: <https://c2sp.org/tlog-checkpoint> in a <https://c2sp.org/signed-note>, Ed25519.
//!
//! Owns text and signature; leaves when to make one to log.rs.

use super::tree::Hash;
use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Size and root of the log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, also the name of its key.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

/// A note is not a checkpoint of this log.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoteError {
    /// The text does not follow the format.
    #[error("this is not a signed checkpoint")]
    Malformed,
    /// No signature of the key is on it, or the signature is wrong.
    #[error("the checkpoint is not signed by this log's key")]
    Unsigned,
}

/// Key hash of a signed note: the first four bytes of SHA-256(name | 0x0A | 0x01 | public key).
fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([0x0A, 0x01])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The verifier key in the text form of signed notes: `name+hash+key`.
#[must_use]
pub fn verifier_key(origin: &str, key: &VerifyingKey) -> String {
    let hash = data_encoding::HEXLOWER.encode(&key_hash(origin, key));
    let body = BASE64.encode(&[&[0x01], key.as_bytes().as_slice()].concat());
    format!("{origin}+{hash}+{body}")
}

impl Checkpoint {
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let body = self.body();
        let mut signature = key_hash(&self.origin, &key.verifying_key()).to_vec();
        signature.extend_from_slice(&key.sign(body.as_bytes()).to_bytes());
        format!("{body}\n\u{2014} {} {}\n", self.origin, BASE64.encode(&signature))
    }

    /// Reads a signed note and checks its signature; further signatures on the note are ignored.
    ///
    /// # Errors
    /// When the text is not a checkpoint or is not signed by `key`.
    pub fn verify(note: &str, key: &VerifyingKey) -> Result<Self, NoteError> {
        let (body, signatures) = note.split_once("\n\n").ok_or(NoteError::Malformed)?;
        let body = format!("{body}\n");
        let mut lines = body.lines();
        let mut line = || lines.next().ok_or(NoteError::Malformed);
        let origin = line()?.to_owned();
        let size_text = line()?;
        let size: u64 = size_text.parse().map_err(|_| NoteError::Malformed)?;
        let root = BASE64.decode(line()?.as_bytes()).map_err(|_| NoteError::Malformed)?;
        let root: Hash = root.try_into().map_err(|_| NoteError::Malformed)?;
        if size.to_string() != size_text || origin.is_empty() {
            return Err(NoteError::Malformed);
        }
        let expected = key_hash(&origin, key);
        let start = format!("\u{2014} {origin} ");
        let signed = signatures.lines().filter_map(|line| line.strip_prefix(start.as_str())).any(|text| {
            BASE64.decode(text.as_bytes()).ok().is_some_and(|bytes| {
                let Some((hash, signature)) = bytes.split_first_chunk::<4>() else { return false };
                *hash == expected
                    && Signature::from_slice(signature)
                        .is_ok_and(|signature| key.verify_strict(body.as_bytes(), &signature).is_ok())
            })
        });
        if signed { Ok(Self { origin, size, root }) } else { Err(NoteError::Unsigned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_verified_and_any_change_is_noticed() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let checkpoint = Checkpoint { origin: "clinicvault/c1".into(), size: 300, root: [8; 32] };
        let note = checkpoint.sign(&key);
        assert_eq!(Checkpoint::verify(&note, &key.verifying_key()), Ok(checkpoint));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(Checkpoint::verify(&note, &other), Err(NoteError::Unsigned));
        let larger = note.replace("300", "301");
        assert_eq!(Checkpoint::verify(&larger, &key.verifying_key()), Err(NoteError::Unsigned));
        for cut in 0..note.len() - 1 {
            if note.is_char_boundary(cut) {
                assert!(Checkpoint::verify(&note[..cut], &key.verifying_key()).is_err(), "cut {cut}");
            }
        }
        assert!(verifier_key("clinicvault/c1", &other).starts_with("clinicvault/c1+"));
    }
}
