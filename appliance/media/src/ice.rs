//! STUN and TURN servers as browsers and the box use them, and credentials that run out by themselves.
//!
//! coturn with `use-auth-secret` knows no users: the name is the second at which it runs out, a colon and a label; the
//! password is the Base64 of the HMAC-SHA-1 of that name under the secret that box and relay share.

use crate::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

/// An element of `RTCPeerConnection`'s `iceServers`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses.
    pub urls: Vec<String>,
    /// For relays.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// For relays.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What the clinic has set.
#[derive(Clone, Default)]
pub struct Servers {
    stun: Vec<String>,
    turn: Vec<String>,
    secret: Vec<u8>,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Servers").field("stun", &self.stun).field("turn", &self.turn).finish_non_exhaustive()
    }
}

/// The longest address of a server.
const MAX_URL: usize = 256;
/// The most addresses of one sort; browsers slow down with many.
const MAX_URLS: usize = 4;
/// The shortest secret: 16 bytes cannot be guessed from a captured name and password.
const MIN_SECRET: usize = 16;

impl Servers {
    /// Checks and keeps the settings. On a LAN all three stay empty.
    pub fn new(stun: Vec<String>, turn: Vec<String>, secret: &str) -> Result<Servers, Error> {
        for (urls, schemes) in [(&stun, &["stun:", "stuns:"][..]), (&turn, &["turn:", "turns:"][..])] {
            if urls.len() > MAX_URLS {
                return Err(Error::Setting(format!(
                    "{} servers are too many: name at most {MAX_URLS}",
                    urls.len()
                )));
            }
            for url in urls {
                let host = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
                let fits = host.is_some_and(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_graphic()));
                if !fits || url.len() > MAX_URL {
                    return Err(Error::Setting(format!(
                        "'{url}' is no address of a server: write {}host:port",
                        schemes[0]
                    )));
                }
            }
        }
        if !turn.is_empty() && secret.len() < MIN_SECRET {
            return Err(Error::Setting(format!(
                "a relay needs the secret it shares with the box (static-auth-secret of coturn), {MIN_SECRET} bytes or more"
            )));
        }
        Ok(Servers { stun, turn, secret: secret.as_bytes().to_vec() })
    }

    /// The servers for one participant. Relay credentials run out `lasts` seconds after `now` (seconds since 1970);
    /// `label` appears in the relay's log, so it must not name anybody.
    pub fn for_participant(&self, label: &str, now: u64, lasts: u64) -> Vec<IceServer> {
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), username: None, credential: None });
        }
        if !self.turn.is_empty() {
            let username = format!("{}:{label}", now.saturating_add(lasts));
            let credential = password(&self.secret, &username);
            servers.push(IceServer { urls: self.turn.clone(), username: Some(username), credential });
        }
        servers
    }
}

/// The password of a name under the shared secret. HMAC takes keys of any length, so there is always one.
fn password(secret: &[u8], username: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(username.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_what_coturn_computes() {
        // printf '1700003600:seat' | openssl dgst -sha1 -hmac 'a secret of twenty b' -binary | base64
        let servers =
            Servers::new(vec![], vec!["turn:relay.example:3478".into()], "a secret of twenty b").unwrap();
        let given = servers.for_participant("seat", 1_700_000_000, 3600);
        assert_eq!(given[0].username.as_deref(), Some("1700003600:seat"));
        assert_eq!(given[0].credential.as_deref(), Some(EXPECTED));
        assert!(!format!("{given:?} {servers:?}").contains(EXPECTED), "credentials stay out of logs");
    }
    const EXPECTED: &str = "J+8oPqEiq3c5vNZE81CbKjkZhDk=";

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let turn = |url: &str, secret: &str| Servers::new(vec![], vec![url.into()], secret).map(|_| ());
        assert!(turn("turn:relay.example", "short").is_err());
        assert!(turn("stun:relay.example", "a secret of twenty b").is_err());
        assert!(turn("turn:", "a secret of twenty b").is_err());
        assert!(turn("turn:relay example", "a secret of twenty b").is_err());
        assert!(turn(&format!("turn:{}", "x".repeat(300)), "a secret of twenty b").is_err());
        assert!(turn("turns:relay.example:443?transport=tcp", "a secret of twenty b").is_ok());
        assert!(Servers::new(vec!["stun:a".into(); 5], vec![], "").is_err());
        assert!(Servers::new(vec![], vec![], "").unwrap().for_participant("x", 0, 60).is_empty());
    }
}
