//! Tokens of programs: how they are got, renewed and looked at; `ending` takes them back.
//!
//! Access tokens are opaque, kept as hashes, and live for `sessions.app_minutes`. A refresh token is used once and answered
//! with the next; one that is used again ends everything that came of the same consent (RFC 9700 section 4.14).

use std::net::IpAddr;
use std::sync::Arc;

use clinicvault_gateway::fhir::id::LogicalId;
use clinicvault_vault::{Action, Outcome};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::ask::{Asked, Word};
use super::authorize::verifier_fits;
use super::client::{Client, Sort};
use super::once::Spent;
use super::{Refused, SmartError};
use crate::admin::error::AdminError;
use crate::admin::people::{Book, People};
use crate::admin::secret::{self, Hash};
use crate::admin::store::{Change, Collection, leaf};
use crate::records::access::{Actor, Who};

/// What an access token starts with.
const ACCESS: &str = "cva_";
/// What a refresh token starts with.
const REFRESH: &str = "cvr_";
/// How long a consent with `offline_access` holds: 90 days, in hours.
const OFFLINE_HOURS: i64 = 90 * 24;
/// Life of a token got by an assertion, in seconds (SMART App Launch 2: at most five minutes).
const BACKEND_SECONDS: i64 = 300;
/// Most access tokens at once.
const MOST_ACCESS: usize = 10_000;
/// Most access tokens of one program at once, so that it cannot take the room of all others.
const MOST_OF_ONE: usize = 1_000;
/// An access token as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The program.
    pub client: String,
    /// The account on whose behalf; none for a program of its own.
    pub account: Option<String>,
    /// What it may do.
    pub scope: String,
    /// The patient chosen.
    pub patient: Option<String>,
    /// The consent it came of.
    pub grant: Option<String>,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

impl Access {
    /// Whether it is worth something: neither expired, nor its program or its account taken away.
    pub(in crate::admin) fn holds(&self, book: &Book, now: Timestamp) -> bool {
        let account = self.account.as_ref().map(|id| book.accounts.get(id));
        now < self.expires
            && book.smart.clients.get(&self.client).is_some_and(|client| client.enabled)
            && account.is_none_or(|account| account.is_some_and(|account| !account.disabled))
    }
}

/// A consent that can be refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its name; part of each of its refresh tokens.
    pub id: String,
    /// The program.
    pub client: String,
    /// The account that consented.
    pub account: String,
    /// What was granted.
    pub scope: String,
    /// The patient chosen.
    pub patient: Option<String>,
    /// The session it ends with; none for `offline_access`.
    pub session: Option<Hash>,
    /// SHA-256 of the refresh token that is worth something now.
    pub refresh: Hash,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

/// How a program proves itself at the token endpoint.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// `client_id`, stated or from the header.
    pub client: Option<String>,
    /// `client_secret`.
    pub secret: Option<Zeroizing<String>>,
    /// `client_assertion`.
    pub assertion: Option<String>,
}

/// What the token endpoint answers.
#[derive(Debug, Clone)]
pub struct Given {
    /// The access token.
    pub access: Zeroizing<String>,
    /// The refresh token, if one was granted.
    pub refresh: Option<Zeroizing<String>>,
    /// The id token, if one was granted.
    pub identity: Option<String>,
    /// Seconds that the access token lives.
    pub seconds: i64,
    /// What was granted.
    pub scope: String,
    /// The patient chosen.
    pub patient: Option<String>,
}

/// Where a request at the token endpoint comes from, and the addresses by which the box is known.
#[derive(Debug, Clone)]
pub struct From {
    /// The peer.
    pub address: IpAddr,
    /// Addresses of the token endpoint that an assertion may be for.
    pub audiences: Vec<String>,
    /// Who the box is, for id tokens.
    pub issuer: String,
}

impl From {
    pub(super) fn actor(&self, client: &Client) -> Actor {
        Actor {
            id: client.id.clone(),
            name: client.name.clone(),
            who: Who::Machine { scopes: crate::records::access::Scopes::of(Vec::new()) },
            session: None,
            source: self.address.to_canonical().to_string(),
        }
    }
}

pub(super) fn refused<T>(error: &'static str, description: &str) -> Result<T, SmartError> {
    Err(Refused::new(error, description).into())
}

impl People {
    /// Who shows this access token.
    pub(in crate::admin) fn by_access(&self, token: &str, source: &str) -> Option<Actor> {
        if !token.starts_with(ACCESS) {
            return None;
        }
        let (book, now) = (self.book(), self.now());
        let access = book.smart.access.get(&secret::hash(token)).filter(|access| now < access.expires)?;
        let client = book.smart.clients.get(&access.client).filter(|client| client.enabled)?;
        book.smart.uses.note(&client.id, now);
        let scopes = Asked::read(&access.scope).ok()?.scopes;
        let Some(account) = &access.account else {
            return Some(Actor {
                id: client.id.clone(),
                name: client.name.clone(),
                who: Who::Machine { scopes },
                session: None,
                source: source.to_owned(),
            });
        };
        let account = book.accounts.get(account).filter(|account| !account.disabled)?;
        let patient = match &access.patient {
            Some(id) => Some(LogicalId::parse(id)?),
            None => None,
        };
        Some(Actor {
            id: account.id.clone(),
            name: account.name.clone(),
            who: Who::App { roles: account.roles.clone(), scopes, patient },
            session: None,
            source: format!("{source} {}", client.id),
        })
    }

    /// Which program it is that proves itself so. Guessing is slowed (`docs/decisions/0054-guessing-is-slowed.md`).
    pub(super) async fn proven(
        &self,
        proof: &Proof,
        from: &From,
        by_key_only: bool,
    ) -> Result<Client, SmartError> {
        let unknown = || Refused::new("invalid_client", "The program is not known, or did not prove itself.");
        let Some(id) = proof.client.as_deref().filter(|id| id.len() <= 64) else {
            return Err(unknown().into());
        };
        // A program's secret cannot be guessed; whoever shows wrong ones shuts out only their own address.
        let counter = format!("client {id} {}", from.address.to_canonical());
        self.gate().attempt(&counter, from.address, self.now())?;
        let client = self.client(id).ok().filter(|client| client.enabled).ok_or_else(unknown)?;
        match (&client.keys, &client.secret, &proof.assertion, &proof.secret) {
            (Some(keys), _, Some(assertion), None) => self.assertion(&client, keys, assertion, from).await?,
            (None, Some(kept), None, Some(given)) if !by_key_only => {
                if !bool::from(secret::hash(given).ct_eq(kept)) {
                    return Err(unknown().into());
                }
            }
            (None, None, None, None) if client.sort == Sort::Public && !by_key_only => {}
            _ => return Err(unknown().into()),
        }
        self.gate().passed(&counter, from.address);
        Ok(client)
    }

    /// Reads what a program asks for; refused (`invalid_scope`) where it cannot be honoured.
    pub(super) fn asked(&self, text: &str) -> Result<Asked, Refused> {
        let read = Asked::read(text).and_then(|asked| self.store().judge(&asked.scopes).map(|()| asked));
        read.map_err(|why| Refused::new("invalid_scope", why.to_string()))
    }

    /// A token for a program of its own (`client_credentials`).
    ///
    /// # Errors
    /// `invalid_client`, `unauthorized_client`, `invalid_scope`.
    pub async fn by_assertion(&self, proof: &Proof, scope: &str, from: &From) -> Result<Given, SmartError> {
        let client = self.proven(proof, from, true).await?;
        if client.sort != Sort::Backend {
            return refused("unauthorized_client", "This program acts for people only.");
        }
        let asked = self.asked(scope)?;
        let granted = asked.within(&granted_to(&client)?);
        if granted.scopes.each().is_empty() {
            return refused("invalid_scope", "None of this was granted to the program.");
        }
        let access = Access {
            client: client.id.clone(),
            account: None,
            scope: granted.scopes.as_str().to_owned(),
            patient: None,
            grant: None,
            expires: self.after(BACKEND_SECONDS),
        };
        let _turn = self.turn().await;
        self.give(&from.actor(&client), access, None, BACKEND_SECONDS).await
    }

    /// Tokens for a one-time code (`authorization_code`).
    ///
    /// # Errors
    /// `invalid_client`; `invalid_grant` when the code is not known, used, too old, another program's, for another
    /// address, or the verifier does not fit.
    pub async fn by_code(
        &self,
        proof: &Proof,
        (code, redirect, verifier): (&str, &str, &str),
        from: &From,
    ) -> Result<Given, SmartError> {
        let client = self.proven(proof, from, false).await?;
        let _turn = self.turn().await;
        // Looked at once, right or wrong: a code that was shown with a wrong verifier is worth nothing any more.
        let name = secret::hash(code);
        let (found, spent) = {
            let smart = &mut self.book_mut().smart;
            (smart.codes.remove(&name), smart.spent.remove(&name))
        };
        if let Some(spent) = spent {
            self.end_of_code(&from.actor(&client), spent).await?;
        }
        let wrong = || {
            Refused::new(
                "invalid_grant",
                "The code is not known, was used, is too old, or is for another request.",
            )
        };
        let code = found.ok_or_else(wrong)?;
        let fits = code.client == client.id
            && code.redirect == redirect
            && self.now() < code.expires
            && verifier_fits(verifier, &code.challenge);
        if !fits {
            return Err(wrong().into());
        }
        let account =
            self.account(&code.account).ok().filter(|account| !account.disabled).ok_or_else(wrong)?;
        if self.book().sessions.find(&code.session, self.now()).is_none() {
            return Err(wrong().into());
        }
        let who = Actor { id: account.id.clone(), name: account.name.clone(), ..from.actor(&client) };
        let words = &code.asked.words;
        let refreshes = words.contains(&Word::Offline) || words.contains(&Word::Online);
        let seconds = self.app_seconds();
        let grant = if refreshes { Some(secret::short_id("g")?) } else { None };
        let access = Access {
            client: client.id.clone(),
            account: Some(account.id.clone()),
            scope: code.asked.to_string(),
            patient: code.patient.clone(),
            grant: grant.clone(),
            expires: self.after(seconds),
        };
        let grant = grant.map(|id| Grant {
            id,
            client: client.id.clone(),
            account: account.id.clone(),
            scope: code.asked.to_string(),
            patient: code.patient.clone(),
            session: (!words.contains(&Word::Offline)).then_some(code.session),
            refresh: [0; 32],
            expires: self.after(OFFLINE_HOURS * 3600),
        });
        let of = grant.as_ref().map(|grant| grant.id.clone());
        let mut given = self.give(&who, access, grant, seconds).await?;
        let spent = Spent { access: secret::hash(&given.access), grant: of, expires: code.expires };
        self.book_mut().smart.spent.insert(name, spent);
        if words.contains(&Word::OpenId) {
            let nonce = code.nonce.as_deref();
            given.identity =
                Some(self.id_token(&from.issuer, &account.id, &client.id, nonce, seconds).await?);
        }
        Ok(given)
    }

    /// The proof of a program that refreshes. One without a secret need not say again which it is (RFC 6749 section 6):
    /// its refresh token does. One with a secret or a key still has to prove itself.
    fn stated(&self, proof: &Proof, token: &str) -> Proof {
        let mut proof = proof.clone();
        if proof.client.is_none() {
            let id = token.strip_prefix(REFRESH).and_then(|rest| rest.split_once('.')).map(|(id, _)| id);
            proof.client = id.and_then(|id| Some(self.book().smart.grants.get(id)?.client.clone()));
        }
        proof
    }

    /// New tokens for a refresh token; `scope` may ask for less.
    ///
    /// # Errors
    /// `invalid_client`, `invalid_scope`; `invalid_grant` when the token is not known, too old, another program's, or was
    /// used already, and then everything of the same consent ends.
    pub async fn by_refresh(
        &self,
        proof: &Proof,
        (token, scope): (&str, Option<&str>),
        from: &From,
    ) -> Result<Given, SmartError> {
        let client = self.proven(&self.stated(proof, token), from, false).await?;
        let wrong =
            || Refused::new("invalid_grant", "The refresh token is not known, was used, or has ended.");
        let _turn = self.turn().await;
        let id = token.strip_prefix(REFRESH).and_then(|rest| rest.split_once('.')).map(|(id, _)| id);
        let grant = id.and_then(|id| self.book().smart.grants.get(id).cloned());
        let grant = grant.filter(|grant| grant.client == client.id).ok_or_else(wrong)?;
        let who = Actor { id: grant.account.clone(), ..from.actor(&client) };
        if !bool::from(secret::hash(token).ct_eq(&grant.refresh)) {
            self.end_of_grant(&who, &grant.id, "refresh token used again").await?;
            return Err(wrong().into());
        }
        let now = self.now();
        let alive = {
            let book = self.book();
            let account = book.accounts.get(&grant.account).is_some_and(|account| !account.disabled);
            let session = grant.session.is_none_or(|session| book.sessions.find(&session, now).is_some());
            now < grant.expires && account && session
        };
        if !alive {
            self.end_of_grant(&who, &grant.id, "refresh after the end").await?;
            return Err(wrong().into());
        }
        let granted = Asked::read(&grant.scope).map_err(|_| AdminError::Damaged("a granted scope"))?;
        let asked = match scope {
            None => granted,
            Some(text) => {
                let asked = self.asked(text)?;
                let less = asked.within(&granted);
                if less.is_empty() {
                    return refused("invalid_scope", "None of this was granted.");
                }
                less
            }
        };
        let seconds = self.app_seconds();
        let access = Access {
            client: client.id.clone(),
            account: Some(grant.account.clone()),
            scope: asked.to_string(),
            patient: grant.patient.clone(),
            grant: Some(grant.id.clone()),
            expires: self.after(seconds),
        };
        self.give(&who, access, Some(grant), seconds).await
    }

    /// What a token is worth, for the program that holds it (RFC 7662); none when it is worth nothing, or is another's.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn introspect(
        &self,
        proof: &Proof,
        token: &str,
        from: &From,
    ) -> Result<Option<Access>, SmartError> {
        let client = self.proven(proof, from, false).await?;
        let (book, now) = (self.book(), self.now());
        let access = book.smart.access.get(&secret::hash(token));
        Ok(access.filter(|access| access.client == client.id && access.holds(&book, now)).cloned())
    }

    /// Commits an access token, and the next refresh token of a grant.
    async fn give(
        &self,
        who: &Actor,
        access: Access,
        grant: Option<Grant>,
        seconds: i64,
    ) -> Result<Given, SmartError> {
        let (all, own) = {
            let book = self.book();
            let own = book.smart.access.values().filter(|kept| kept.client == access.client).count();
            (book.smart.access.len(), own)
        };
        if all >= MOST_ACCESS || own >= MOST_OF_ONE {
            return Err(AdminError::Records(crate::records::error::Error::Busy).into());
        }
        let (bits, _) = secret::fresh()?;
        let text = Zeroizing::new(format!("{ACCESS}{}", *bits));
        let hash = secret::hash(&text);
        let mut changes = vec![Change::put(Collection::Access, &hash, &access)?];
        let mut refresh = None;
        let grant = match grant {
            None => None,
            Some(grant) => {
                let (bits, _) = secret::fresh()?;
                let next = Zeroizing::new(format!("{REFRESH}{}.{}", grant.id, *bits));
                let grant = Grant { refresh: secret::hash(&next), ..grant };
                changes.push(Change::put(Collection::Grants, grant.id.as_bytes(), &grant)?);
                refresh = Some(next);
                Some(grant)
            }
        };
        let patient = access.patient.as_deref().map(|id| format!(" patient {id}")).unwrap_or_default();
        let reason = format!("token for {} {}{patient}", access.client, access.scope);
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(reason));
        self.store().commit(Arc::new(who.clone()), line, changes).await?;
        let given = Given {
            access: text,
            refresh,
            identity: None,
            seconds,
            scope: access.scope.clone(),
            patient: access.patient.clone(),
        };
        let mut book = self.book_mut();
        book.smart.access.insert(hash, access);
        if let Some(grant) = grant {
            book.smart.grants.insert(grant.id.clone(), grant);
        }
        Ok(given)
    }

    fn app_seconds(&self) -> i64 {
        i64::try_from(self.settings().app_minutes).unwrap_or(60).clamp(1, 60) * 60
    }

    pub(super) fn after(&self, seconds: i64) -> Timestamp {
        self.now().checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    }
}

/// What a program may have at most.
pub(in crate::admin) fn granted_to(client: &Client) -> Result<Asked, AdminError> {
    Asked::read(&client.scope).map_err(|_| AdminError::Damaged("the scope of a program"))
}
