//! SMART App Launch 2: which programs may ask, on whose behalf, and the tokens they get.
//!
//! `client` is a registered program and what is checked of it, `clients` the register; `assertion` verifies a signed
//! assertion, `ask` reads what an authorisation request wants, `authorize` carries it through a person's consent to a
//! one-time code, `grant` turns codes, refresh tokens and assertions into access tokens, `once` sees to it that each counts
//! once, `held` says what a program holds, `own_consents` is what a person sees and ends of it, `identity` signs id tokens.
//! The addresses are `http::smart`'s. See `docs/decisions/0121-programs-of-other-makers.md`.

pub mod ask;
pub mod assertion;
pub mod authorize;
pub mod client;
pub mod clients;
mod ending;
pub mod grant;
pub mod held;
pub mod identity;
pub mod once;
pub mod own_consents;

use std::collections::{BTreeMap, HashMap};

use super::error::AdminError;
use super::secret::Hash;
use super::store::{Collection, Store};
use crate::config::Validation;
use authorize::{Code, Pending};
use client::Client;
use grant::{Access, Grant};
use held::Uses;
use once::{Seen, Spent};

/// A refusal in the words of RFC 6749 section 5.2: what the program is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct Refused {
    /// The code, such as `invalid_grant`.
    pub error: &'static str,
    /// A sentence for the program's developer; it tells nothing of what is stored.
    pub description: String,
}

impl Refused {
    /// A refusal with its code.
    pub fn new(error: &'static str, description: impl Into<String>) -> Refused {
        Refused { error, description: description.into() }
    }
}

/// A refusal, or a failure of the box.
#[derive(Debug, thiserror::Error)]
pub enum SmartError {
    /// The program did something wrong.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too many attempts, or the box cannot do it now.
    #[error(transparent)]
    Box(#[from] AdminError),
}

impl From<getrandom::Error> for SmartError {
    fn from(error: getrandom::Error) -> Self {
        SmartError::Box(error.into())
    }
}

/// Everything of this topic in memory.
#[derive(Default)]
pub struct Smart {
    pub(super) clients: BTreeMap<String, Client>,
    pub(super) access: HashMap<Hash, Access>,
    pub(super) grants: BTreeMap<String, Grant>,
    /// Assertions seen, by hash of client and `jti`, until they expire.
    pub(super) seen: HashMap<Hash, Seen>,
    pub(super) codes: HashMap<Hash, Code>,
    /// What was given for codes, by hash of the code.
    pub(super) spent: HashMap<Hash, Spent>,
    pub(super) pending: HashMap<Hash, Pending>,
    /// When each program came last.
    pub(super) uses: Uses,
}

impl Smart {
    /// Reads clients, tokens and seen assertions; half-done requests are never stored.
    pub fn open(store: &Store) -> Result<Smart, AdminError> {
        fn by_hash<T: serde::de::DeserializeOwned>(
            store: &Store,
            collection: Collection,
        ) -> Result<HashMap<Hash, T>, AdminError> {
            let all = store.load(collection)?.into_iter();
            Ok(all.filter_map(|(key, value)| Some((Hash::try_from(key).ok()?, value))).collect())
        }
        let clients = store.load::<Client>(Collection::Clients)?.into_iter();
        let clients = clients.inspect(|(_, client)| {
            store.check_writes_of(&client.id, client.validation.map(Validation::level));
        });
        let grants = store.load::<Grant>(Collection::Grants)?.into_iter();
        let clients: BTreeMap<String, Client> =
            clients.map(|(_, client)| (client.id.clone(), client)).collect();
        Ok(Smart {
            uses: Uses::of(clients.keys()),
            clients,
            grants: grants.map(|(_, grant)| (grant.id.clone(), grant)).collect(),
            access: by_hash(store, Collection::Access)?,
            seen: by_hash(store, Collection::Assertions)?,
            ..Smart::default()
        })
    }
}
