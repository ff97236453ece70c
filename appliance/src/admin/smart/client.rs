//! A registered program: what it is, where it may be sent back to, how it proves itself, and the most it may be given.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::Asked;
use super::assertion::Keys;
use crate::admin::account::shown_name;
use crate::admin::error::AdminError;
use crate::config::Validation;
use crate::records::access::About;

/// Most addresses of one program.
const MOST_ADDRESSES: usize = 10;
/// Longest address.
const LONGEST_ADDRESS: usize = 500;
/// Longest contact.
const LONGEST_CONTACT: usize = 200;

/// How a program proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// It runs where it can keep no secret: a browser, a phone. PKCE alone.
    Public,
    /// It runs on a server and has a secret or a key.
    Confidential,
    /// It asks for itself, nobody being there: a key.
    Backend,
}

/// A program as kept. Its secret is kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// What people know it by.
    pub name: String,
    /// How it proves itself.
    pub sort: Sort,
    /// Where a person is sent back to; compared letter by letter.
    pub redirects: Vec<String>,
    /// The most it may be given.
    pub scope: String,
    /// Its public keys, a JWK set.
    pub keys: Option<Value>,
    /// SHA-256 of its secret.
    pub secret: Option<[u8; 32]>,
    /// Whom to ask about it.
    pub contact: String,
    /// How far what it writes is checked; none for as far as everybody's.
    #[serde(default)]
    pub validation: Option<Validation>,
    /// Whether it may ask at all.
    pub enabled: bool,
    /// When it was registered.
    pub created: Timestamp,
    /// Id of the account that did.
    pub by: String,
}

/// What is registered or changed.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What people know it by.
    pub name: String,
    /// How it proves itself.
    pub sort: Sort,
    /// Where a person is sent back to.
    pub redirects: Vec<String>,
    /// The most it may be given.
    pub scope: String,
    /// Its public keys.
    pub keys: Option<Value>,
    /// Whom to ask about it.
    pub contact: String,
    /// How far what it writes is checked; none for as far as everybody's.
    pub validation: Option<Validation>,
}

impl Terms {
    /// Checks everything and puts it into its plain form.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub fn checked(self) -> Result<Terms, AdminError> {
        let asked = Asked::read(&self.scope).map_err(AdminError::Scope)?;
        let about_all = |about: About| asked.scopes.each().iter().all(|scope| scope.about() == about);
        match self.sort {
            Sort::Backend => {
                if !asked.words.is_empty() || asked.scopes.each().is_empty() || !about_all(About::System) {
                    let why = "A program of its own has system/ scopes, and nothing else.";
                    return Err(AdminError::Invalid("scope", why));
                }
                if !self.redirects.is_empty() {
                    return Err(AdminError::Invalid(
                        "redirectUris",
                        "A program of its own sends nobody back.",
                    ));
                }
                if self.keys.is_none() {
                    return Err(AdminError::Invalid("jwks", "A program of its own proves itself by a key."));
                }
            }
            Sort::Public | Sort::Confidential => {
                if asked.scopes.each().iter().any(|scope| scope.about() == About::System) {
                    let why = "A program that acts for a person has patient/ and user/ scopes.";
                    return Err(AdminError::Invalid("scope", why));
                }
                if self.redirects.is_empty() || self.redirects.len() > MOST_ADDRESSES {
                    return Err(AdminError::Invalid(
                        "redirectUris",
                        "Name one to ten addresses to send people back to.",
                    ));
                }
            }
        }
        if self.sort == Sort::Public && self.keys.is_some() {
            return Err(AdminError::Invalid("jwks", "A public program keeps no key."));
        }
        if let Some(keys) = &self.keys
            && Keys::read(keys).is_err()
        {
            let why =
                "This is not a JWK set of public keys, each with a kid: RSA from 2048 bits, or EC on P-384.";
            return Err(AdminError::Invalid("jwks", why));
        }
        if !self.redirects.iter().all(|address| is_address(address)) {
            let why = "An address begins with https://, or http:// on the same machine, and has no fragment.";
            return Err(AdminError::Invalid("redirectUris", why));
        }
        if self.contact.chars().count() > LONGEST_CONTACT || self.contact.chars().any(char::is_control) {
            return Err(AdminError::Invalid(
                "contact",
                "The contact is too long or holds signs that cannot be shown.",
            ));
        }
        Ok(Terms { name: shown_name(&self.name)?, scope: asked.to_string(), ..self })
    }
}

/// Whether people may be sent back to this address: HTTPS, or a program on the same machine (RFC 8252 section 7.3).
fn is_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let plain = text.bytes().all(|byte| {
        (0x21..0x7f).contains(&byte) && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'\\' | b';' | b',')
    });
    let authority = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let scheme = match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => here,
        Some(_) | None => false,
    };
    text.len() <= LONGEST_ADDRESS && plain && authority && scheme && !text.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(sort: Sort, scope: &str, redirects: &[&str]) -> Terms {
        Terms {
            name: "Growth chart".to_owned(),
            sort,
            redirects: redirects.iter().map(|each| (*each).to_owned()).collect(),
            scope: scope.to_owned(),
            keys: None,
            contact: String::new(),
            validation: None,
        }
    }

    #[test]
    fn a_program_is_registered_for_what_fits_its_sort() {
        let app = "https://app.example/back";
        assert!(terms(Sort::Public, "openid launch/patient patient/*.read", &[app]).checked().is_ok());
        assert!(terms(Sort::Public, "patient/*.read", &[]).checked().is_err());
        assert!(terms(Sort::Public, "system/*.read", &[app]).checked().is_err());
        assert!(terms(Sort::Backend, "system/*.read", &[]).checked().is_err(), "without a key");
        assert!(terms(Sort::Backend, "user/*.read", &[]).checked().is_err());
        assert!(terms(Sort::Confidential, "user/Observation.rs?_count=1", &[app]).checked().is_err());
        let kept = terms(Sort::Confidential, "patient/*.read   offline_access", &[app]).checked().unwrap();
        assert_eq!(kept.scope, "offline_access patient/*.rs");
    }

    #[test]
    fn people_are_sent_back_only_to_plain_addresses() {
        for (address, fits) in [
            ("https://app.example/back", true),
            ("https://app.example/back?a=b", true),
            ("http://127.0.0.1:4000/", true),
            ("http://localhost:4000/x", true),
            ("http://app.example/back", false),
            ("https://app.example/#x", false),
            ("https://user@app.example/", false),
            ("javascript:alert(1)", false),
            ("app.example", false),
            ("https://app.example/\"x", false),
            ("https://app.example/ x", false),
            ("", false),
        ] {
            assert_eq!(is_address(address), fits, "{address}");
        }
    }
}
