//! The sealed part of a link to a further page: where a list stands, encrypted under a key of the vault (decision 0042).
//!
//! What stands in it is each list's own business. A link made for one kind of list opens no other.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;

/// Longest link that is looked at, in characters.
const LONGEST: usize = 64 * 1024;
const NONCE: usize = 24;

/// Makes and opens links.
pub struct Links(XChaCha20Poly1305);

impl Links {
    /// Links under `key`.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// The link text of `place` in a list called `list`.
    pub fn seal<T: Serialize>(&self, list: &str, place: &T) -> Result<String, Error> {
        let fault = |what: String| Error::Fault(format!("a page link could not be made: {what}"));
        let plain = serde_json::to_vec(place).map_err(|e| fault(e.to_string()))?;
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| fault(e.to_string()))?;
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: list.as_bytes() });
        let sealed = sealed.map_err(|e| fault(e.to_string()))?;
        let text = BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat());
        if text.len() > LONGEST {
            return Err(Error::TooMuch(too_long()));
        }
        Ok(text)
    }

    /// The place that a link text names. [`Error::NotFound`] when it was not made here for this list.
    pub fn open<T: DeserializeOwned>(&self, list: &str, text: &str) -> Result<T, Error> {
        self.opened(list, text).ok_or_else(|| Error::NotFound("this page".to_owned()))
    }

    fn opened<T: DeserializeOwned>(&self, list: &str, text: &str) -> Option<T> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: list.as_bytes() };
        serde_json::from_slice(&self.0.decrypt(&XNonce::from(nonce), payload).ok()?).ok()
    }
}

/// Why there is no link: it would be refused when it comes back.
pub(super) fn too_long() -> String {
    format!(
        "the link to the next page would be longer than {LONGEST} characters; ask with fewer or shorter parameters"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_only_under_its_key_and_for_its_list() {
        let links = Links::new(&[1; 32]);
        let text = links.seal("a", &(7u64, "Zebedee".to_owned())).unwrap();
        assert!(!text.contains("Zebedee"));
        assert_eq!(links.open::<(u64, String)>("a", &text).unwrap(), (7, "Zebedee".to_owned()));
        assert!(links.open::<(u64, String)>("b", &text).is_err());
        assert!(Links::new(&[2; 32]).open::<(u64, String)>("a", &text).is_err());
        assert!(links.open::<(u64, String)>("a", "nonsense").is_err());
        // None is made that would not be opened.
        assert!(matches!(links.seal("a", &"x".repeat(LONGEST)), Err(Error::TooMuch(_))));
    }
}
