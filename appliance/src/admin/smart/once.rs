//! What counts once: the assertions that programs prove themselves by, and codes.
//!
//! An assertion is remembered until it would have expired by itself, also over a restart. A code lives in memory; what was
//! given for one is remembered as long as the code would have lived, to be ended when the code comes again.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::assertion::Keys;
use super::client::Client;
use super::grant::{From, refused};
use super::{Refused, SmartError};
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::secret::Hash;
use crate::admin::store::{Change, Collection, leaf};
use crate::records::access::Actor;

/// Most assertions remembered at once.
const MOST_SEEN: usize = 20_000;
/// Most assertions of one program remembered at once, so that it cannot take the room of all others.
const MOST_SEEN_OF_ONE: usize = 2_000;

/// What was given for a code, for as long as the code would have lived.
#[derive(Debug)]
pub struct Spent {
    pub(super) access: Hash,
    pub(super) grant: Option<String>,
    pub(super) expires: Timestamp,
}

/// An assertion that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Seen {
    /// Whose it was, and until when it would be good.
    Of {
        /// The program.
        client: String,
        /// When it is forgotten.
        expires: Timestamp,
    },
    /// As programs before this one kept it.
    Until(Timestamp),
}

impl Seen {
    /// When it is forgotten.
    pub fn expires(&self) -> Timestamp {
        match self {
            Self::Of { expires, .. } | Self::Until(expires) => *expires,
        }
    }

    fn is_of(&self, other: &str) -> bool {
        matches!(self, Self::Of { client, .. } if client == other)
    }
}

impl People {
    /// Takes an assertion once.
    pub(super) async fn assertion(
        &self,
        client: &Client,
        keys: &serde_json::Value,
        assertion: &str,
        from: &From,
    ) -> Result<(), SmartError> {
        let now = self.now();
        let keys = Keys::read(keys).map_err(|_| AdminError::Damaged("the keys of a program"))?;
        let claims = keys
            .verify(assertion, &client.id, &from.audiences, now)
            .map_err(|why| Refused::new("invalid_client", why))?;
        let name: Hash = Sha256::new()
            .chain_update((client.id.len() as u64).to_be_bytes())
            .chain_update(&client.id)
            .chain_update(&claims.jti)
            .finalize()
            .into();
        let _turn = self.turn().await;
        {
            let book = self.book();
            if book.smart.seen.contains_key(&name) {
                return refused("invalid_client", "This assertion was used already.");
            }
            let own = book.smart.seen.values().filter(|seen| seen.is_of(&client.id)).count();
            if book.smart.seen.len() >= MOST_SEEN || own >= MOST_SEEN_OF_ONE {
                return Err(AdminError::Records(crate::records::error::Error::Busy).into());
            }
        }
        let who = from.actor(client);
        let line = leaf(&who, Action::Login, Outcome::Success, Some("assertion".to_owned()));
        let seen = Seen::Of { client: client.id.clone(), expires: claims.expires };
        let change = Change::put(Collection::Assertions, &name, &seen)?;
        self.store().commit(Arc::new(who), line, vec![change]).await?;
        self.book_mut().smart.seen.insert(name, seen);
        Ok(())
    }

    /// A code that comes again was caught on its way: what was given for it ends (RFC 6749 section 4.1.2).
    pub(super) async fn end_of_code(&self, who: &Actor, spent: Spent) -> Result<(), AdminError> {
        if let Some(grant) = &spent.grant {
            return self.end_of_grant(who, grant, "code used again").await;
        }
        self.book_mut().smart.access.remove(&spent.access);
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some("code used again".to_owned()));
        let change = Change::drop(Collection::Access, &spent.access);
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await
    }
}
