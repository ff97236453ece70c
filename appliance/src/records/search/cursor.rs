//! The opaque link to the next page: what was asked, at which `Tx`, and the last record shown.
//!
//! It is encrypted, not only signed: the parameters of a search are names and phone numbers and must not stand in an
//! address that a browser or a proxy may keep. It needs nothing stored and survives a restart.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use clinicvault_vault::Tx;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::access::Actor;
use super::super::error::Error;
use super::page::Begin;

/// Longest cursor that is looked at, in characters.
const LONGEST: usize = 64 * 1024;
const NONCE: usize = 24;

/// Where a search stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Where it looks, as its address says.
    pub field: String,
    pub parameters: Vec<(String, String)>,
    pub at: Tx,
    /// What has been shown; none before the first page.
    pub begin: Option<Begin>,
    /// How many match, when the first page knew.
    pub total: Option<u64>,
    /// The time that the first page took as now.
    pub zone_now: Timestamp,
    /// For whom it was made, see [`whose`].
    pub whose: String,
}

/// Names a caller with the rights they have: a page is turned only by whom it was given to, for its total is theirs.
pub fn whose(who: &Actor) -> String {
    let rights = Sha256::digest(format!("{} {:?}", who.id, who.who));
    BASE64URL_NOPAD.encode(rights.get(..16).unwrap_or_default())
}

#[derive(Serialize, Deserialize)]
struct Wire {
    f: String,
    p: Vec<(String, String)>,
    t: u64,
    b: Option<Begin>,
    c: Option<u64>,
    n: i64,
    w: String,
}

/// Makes and opens cursors under a key of the vault.
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// A sealer under `key`.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// The cursor of a place.
    pub fn seal(&self, place: &Place) -> Result<String, Error> {
        let wire = Wire {
            f: place.field.clone(),
            p: place.parameters.clone(),
            t: place.at.0,
            b: place.begin.clone(),
            c: place.total,
            n: place.zone_now.as_microsecond(),
            w: place.whose.clone(),
        };
        let fault = |what: String| Error::Fault(format!("a page link could not be made: {what}"));
        let plain = serde_json::to_vec(&wire).map_err(|e| fault(e.to_string()))?;
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| fault(e.to_string()))?;
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: b"cursor 3" });
        let sealed = sealed.map_err(|e| fault(e.to_string()))?;
        let text = BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat());
        if text.len() > LONGEST {
            return Err(Error::TooMuch(super::super::page_link::too_long()));
        }
        Ok(text)
    }

    /// The place of a cursor; none when it was not made here.
    pub fn open(&self, cursor: &str) -> Option<Place> {
        if cursor.len() > LONGEST {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let plain = self.0.decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: b"cursor 3" }).ok()?;
        let wire: Wire = serde_json::from_slice(&plain).ok()?;
        Some(Place {
            field: wire.f,
            parameters: wire.p,
            at: Tx(wire.t),
            begin: wire.b,
            total: wire.c,
            zone_now: Timestamp::from_microsecond(wire.n).ok()?,
            whose: wire.w,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::Spot;
    use super::*;

    #[test]
    fn a_cursor_opens_only_under_its_key_and_shows_nothing() {
        let place = Place {
            field: "Patient".to_owned(),
            parameters: vec![("name".to_owned(), "Zebedee".to_owned())],
            at: Tx(7),
            begin: Some((0, Some(Spot::Sorted(vec![Some(vec![1, 2]), None], 3)))),
            total: Some(9),
            zone_now: Timestamp::from_second(1).unwrap(),
            whose: "x".to_owned(),
        };
        let sealer = Sealer::new(&[1; 32]);
        let cursor = sealer.seal(&place).unwrap();
        assert_eq!(sealer.open(&cursor), Some(place));
        assert_eq!(Sealer::new(&[2; 32]).open(&cursor), None);
        let mut bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).unwrap();
        assert!(!bytes.windows(7).any(|w| w == b"Zebedee"));
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(sealer.open(&BASE64URL_NOPAD.encode(&bytes)), None);
        assert_eq!(sealer.open("nonsense"), None);
    }
}
