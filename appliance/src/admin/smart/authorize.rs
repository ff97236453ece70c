//! From an authorisation request to a one-time code, by way of a person who is signed in and says yes.
//!
//! A request is checked in two steps, as RFC 6749 section 4.1.2.1 wants: while program and address are not certain, the
//! person is told; from then on, the program. PKCE with S256 is asked of everybody (RFC 7636).

use std::collections::BTreeSet;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_vault::{Action, Kind, Outcome};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Refused;
use super::ask::Asked;
use super::client::{Client, Sort};
use super::grant::granted_to;
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::secret::{self, Hash};
use crate::admin::store::leaf;
use crate::records::access::{Actor, Op};

/// Life of a code in seconds.
const CODE_SECONDS: i64 = 60;
/// How long a person may think, in seconds.
const CONSENT_SECONDS: i64 = 600;
/// Most requests and codes at once.
const MOST_OPEN: usize = 1_000;
/// Longest `state` and `nonce`.
const LONGEST_TEXT: usize = 1_000;

/// What a program sends to the authorisation endpoint.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `client_id`
    pub client: String,
    /// `redirect_uri`
    pub redirect: String,
    /// `response_type`
    pub response: String,
    /// `scope`
    pub scope: String,
    /// `state`
    pub state: Option<String>,
    /// `code_challenge`
    pub challenge: String,
    /// `code_challenge_method`
    pub method: String,
    /// `nonce`
    pub nonce: Option<String>,
    /// `aud`: the FHIR address that the token is for.
    pub audience: Option<String>,
}

/// A request that waits for a person.
#[derive(Debug, Clone)]
pub struct Pending {
    pub(super) client: String,
    redirect: String,
    state: Option<String>,
    challenge: String,
    nonce: Option<String>,
    asked: Asked,
    session: Hash,
    pub(super) expires: Timestamp,
}

/// A one-time code.
#[derive(Debug, Clone)]
pub struct Code {
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) account: String,
    pub(super) session: Hash,
    pub(super) asked: Asked,
    pub(super) patient: Option<String>,
    pub(super) expires: Timestamp,
}

/// What the person is shown.
#[derive(Debug)]
pub struct Question {
    /// The program's name.
    pub program: String,
    /// Whom to ask about it.
    pub contact: String,
    /// Where the person is sent back to.
    pub redirect: String,
    /// What it asks for, as far as it may have it.
    pub asked: Asked,
    /// Names the request when it is answered.
    pub handle: Zeroizing<String>,
}

/// What is not certain about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// The program is not registered, is switched off, or asks nobody.
    Program,
    /// The address is not one of the program's.
    Address,
}

/// Why a request is not shown to the person.
#[derive(Debug)]
pub enum Unasked {
    /// It is not certain to whom an answer would go: told to the person.
    Here(Stranger),
    /// Told to the program, at its address.
    There { redirect: String, state: Option<String>, refused: Refused },
    /// The box cannot do it.
    Box(AdminError),
}

/// What the person says.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Names the request.
    pub handle: String,
    /// Yes or no.
    pub yes: bool,
    /// The scopes that are left.
    pub keep: BTreeSet<String>,
    /// The patient chosen.
    pub patient: Option<String>,
}

/// Whether a verifier fits its challenge (RFC 7636 section 4.6).
pub fn verifier_fits(verifier: &str, challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let legal = (43..=128).contains(&verifier.len()) && verifier.bytes().all(plain);
    let made = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
    legal && bool::from(made.as_bytes().ct_eq(challenge.as_bytes()))
}

impl People {
    /// Checks a request of a program for the person who is signed in, and keeps it until they answer.
    ///
    /// # Errors
    /// See [`Unasked`].
    pub fn ask(&self, who: &Actor, request: Request, audiences: &[String]) -> Result<Question, Unasked> {
        let client = self.client(&request.client).ok().filter(|client| client.enabled);
        let client = client.filter(|client| client.sort != Sort::Backend);
        let client = client.ok_or(Unasked::Here(Stranger::Program))?;
        if !client.redirects.contains(&request.redirect) {
            return Err(Unasked::Here(Stranger::Address));
        }
        let there = |error, why: &str| Unasked::There {
            redirect: request.redirect.clone(),
            state: request.state.clone().filter(|state| state.len() <= LONGEST_TEXT),
            refused: Refused::new(error, why),
        };
        let read = |scope: &str| self.asked(scope);
        let asked = checked(&request, &client, audiences, read).map_err(|refused| Unasked::There {
            redirect: request.redirect.clone(),
            state: request.state.clone().filter(|state| state.len() <= LONGEST_TEXT),
            refused,
        })?;
        let session = who.session.ok_or_else(|| there("access_denied", "Nobody is signed in."))?;
        let (handle, hash) = secret::fresh().map_err(|error| Unasked::Box(error.into()))?;
        let pending = Pending {
            client: client.id.clone(),
            redirect: request.redirect.clone(),
            state: request.state.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            asked: asked.clone(),
            session,
            expires: self.after(CONSENT_SECONDS),
        };
        let now = self.now();
        let mut book = self.book_mut();
        book.smart.pending.retain(|_, pending| now < pending.expires);
        if book.smart.pending.len() >= MOST_OPEN {
            return Err(there("temporarily_unavailable", "Too many requests wait for an answer."));
        }
        book.smart.pending.insert(hash, pending);
        Ok(Question {
            program: client.name,
            contact: client.contact,
            redirect: request.redirect,
            asked,
            handle,
        })
    }

    /// The question once more, for the same session, as long as it waits for its answer.
    ///
    /// # Errors
    /// [`AdminError::LoginOver`] when it is not known, answered, too old, or another session's.
    pub fn asked_again(&self, who: &Actor, handle: &str) -> Result<Question, AdminError> {
        let (hash, now) = (secret::hash(handle), self.now());
        let book = self.book();
        let found = book.smart.pending.get(&hash).filter(|pending| now < pending.expires);
        let pending = found.filter(|pending| Some(pending.session) == who.session);
        let pending = pending.ok_or(AdminError::LoginOver)?;
        let client = book.smart.clients.get(&pending.client).ok_or(AdminError::LoginOver)?;
        Ok(Question {
            program: client.name.clone(),
            contact: client.contact.clone(),
            redirect: pending.redirect.clone(),
            asked: pending.asked.clone(),
            handle: Zeroizing::new(handle.to_owned()),
        })
    }

    /// The person's answer: the address to go back to, with a code or with the refusal.
    ///
    /// # Errors
    /// [`AdminError::LoginOver`] when the request is not known, too old, or another session's;
    /// [`AdminError::Invalid`] when a patient has to be chosen and is not one that the person may see.
    pub async fn answered(&self, who: &Actor, said: Said) -> Result<String, AdminError> {
        let (hash, now) = (secret::hash(&said.handle), self.now());
        let pending = {
            let book = self.book();
            let found = book.smart.pending.get(&hash).filter(|pending| now < pending.expires);
            found
                .filter(|pending| Some(pending.session) == who.session)
                .cloned()
                .ok_or(AdminError::LoginOver)?
        };
        let asked = pending.asked.kept(&said.keep);
        if !said.yes || (asked.scopes.each().is_empty() && !pending.asked.scopes.each().is_empty()) {
            self.book_mut().smart.pending.remove(&hash);
            let line =
                leaf(who, Action::TokenChange, Outcome::Refused, Some(format!("no to {}", pending.client)));
            self.store().commit(std::sync::Arc::new(who.clone()), line, Vec::new()).await?;
            let refused = Refused::new("access_denied", "The person said no.");
            return Ok(back_with_refusal(&pending.redirect, pending.state.as_deref(), &refused));
        }
        let patient = match asked.wants_patient() {
            false => None,
            true => Some(self.chosen(who, said.patient.as_deref())?),
        };
        let (code, code_hash) = secret::fresh()?;
        let reason = format!("consent for {} {asked}", pending.client);
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(reason));
        self.store().commit(std::sync::Arc::new(who.clone()), line, Vec::new()).await?;
        let mut book = self.book_mut();
        // Taken only now, and only once: of two answers to one question the first counts.
        book.smart.pending.remove(&hash).ok_or(AdminError::LoginOver)?;
        book.smart.codes.retain(|_, code| now < code.expires);
        if book.smart.codes.len() >= MOST_OPEN {
            return Err(AdminError::Records(crate::records::error::Error::Busy));
        }
        let expires = self.after(CODE_SECONDS);
        book.smart.codes.insert(
            code_hash,
            Code {
                client: pending.client,
                redirect: pending.redirect.clone(),
                challenge: pending.challenge,
                nonce: pending.nonce,
                account: who.id.clone(),
                session: pending.session,
                asked,
                patient,
                expires,
            },
        );
        Ok(back(&pending.redirect, &[("code", code.as_str())], pending.state.as_deref()))
    }

    /// The patient chosen, if the person may see them.
    fn chosen(&self, who: &Actor, patient: Option<&str>) -> Result<String, AdminError> {
        let unknown =
            || AdminError::Invalid("patient", "Choose a patient of this clinic by the id of their record.");
        let id = patient.map(str::trim).and_then(LogicalId::parse).ok_or_else(unknown)?;
        let records = self.store().records();
        let snapshot = records.vault().snapshot().map_err(crate::records::error::Error::from)?;
        let kind = ResourceType::PATIENT;
        let head =
            snapshot.head(Kind(kind.number()), id.as_str()).map_err(crate::records::error::Error::from)?;
        let head = head.filter(|head| !head.deleted).ok_or_else(unknown)?;
        if !records.sight(who)?.look(Op::Read, kind).shows(&snapshot, &head)? {
            return Err(unknown());
        }
        Ok(id.to_string())
    }
}

fn checked(
    request: &Request,
    client: &Client,
    audiences: &[String],
    read: impl FnOnce(&str) -> Result<Asked, Refused>,
) -> Result<Asked, Refused> {
    let wrong = |why: &str| Refused::new("invalid_request", why);
    if request.response != "code" {
        return Err(Refused::new("unsupported_response_type", "response_type is code."));
    }
    let too_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT);
    if request.state.as_deref().unwrap_or_default().is_empty() || too_long(&request.state) {
        return Err(wrong("state is needed, at most 1000 bytes of it."));
    }
    if too_long(&request.nonce) {
        return Err(wrong("nonce is too long."));
    }
    if request.method != "S256"
        || BASE64URL_NOPAD.decode(request.challenge.as_bytes()).map(|b| b.len()) != Ok(32)
    {
        return Err(wrong("code_challenge_method is S256, and code_challenge the SHA-256 of the verifier."));
    }
    if !request.audience.as_ref().is_some_and(|audience| audiences.contains(audience)) {
        return Err(wrong("aud is the FHIR address of this box."));
    }
    let asked = read(&request.scope)?;
    let granted =
        granted_to(client).map_err(|_| Refused::new("server_error", "The program cannot be read."))?;
    let asked = asked.within(&granted);
    if asked.is_empty() {
        return Err(Refused::new("invalid_scope", "None of this was granted to the program."));
    }
    Ok(asked)
}

/// The program's address with a refusal.
pub fn back_with_refusal(redirect: &str, state: Option<&str>, refused: &Refused) -> String {
    back(redirect, &[("error", refused.error), ("error_description", &refused.description)], state)
}

fn back(redirect: &str, pairs: &[(&str, &str)], state: Option<&str>) -> String {
    let mut out = redirect.to_owned();
    let mut first = !redirect.contains('?');
    for (name, value) in pairs.iter().copied().chain(state.map(|state| ("state", state))) {
        out.push(if first { '?' } else { '&' });
        first = false;
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte))
                }
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_fits_only_its_challenge() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(verifier_fits(verifier, challenge));
        assert!(!verifier_fits(&verifier.replace('d', "e"), challenge));
        assert!(!verifier_fits(challenge, challenge) && !verifier_fits("", challenge));
        assert!(!verifier_fits(&"x".repeat(42), challenge) && !verifier_fits(&"x".repeat(129), challenge));
    }

    #[test]
    fn an_answer_goes_back_with_its_signs_escaped() {
        assert_eq!(
            back("https://a/b", &[("code", "x y")], Some("s&=")),
            "https://a/b?code=x%20y&state=s%26%3D"
        );
        assert_eq!(back("https://a/b?c=d", &[("code", "x")], None), "https://a/b?c=d&code=x");
    }
}
