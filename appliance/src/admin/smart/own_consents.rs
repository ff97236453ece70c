//! What a person has granted to programs, and taking it back: the person's own affair, without an owner's word.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome};
use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::grant::Access;
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::secret::Hash;
use crate::admin::store::{Change, Collection, leaf};
use crate::records::access::Actor;

/// One thing that a person has granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnConsent {
    /// Its name, for taking it back.
    pub id: String,
    /// The program's `client_id`.
    pub client: String,
    /// The program's name.
    pub name: String,
    /// What was granted.
    pub scope: String,
    /// The patient that was chosen.
    pub patient: Option<String>,
    /// Whether the program can ask for new tokens by itself.
    pub renews: bool,
    /// Whether it ends with the session in which it was granted.
    pub with_session: bool,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

impl People {
    /// What this person has granted and still holds: by name of the program, then by end.
    pub fn own_consents(&self, who: &Actor) -> Vec<OwnConsent> {
        let (book, now) = (self.book(), self.now());
        let name = |client: &str| book.smart.clients.get(client).map(|client| client.name.clone());
        let lasting = book.smart.grants.values().filter(|grant| {
            let session = grant.session.is_none_or(|session| book.sessions.find(&session, now).is_some());
            grant.account == who.id && now < grant.expires && session
        });
        let lasting = lasting.map(|grant| OwnConsent {
            id: grant.id.clone(),
            client: grant.client.clone(),
            name: name(&grant.client).unwrap_or_else(|| grant.client.clone()),
            scope: grant.scope.clone(),
            patient: grant.patient.clone(),
            renews: true,
            with_session: grant.session.is_some(),
            expires: grant.expires,
        });
        let short =
            book.smart.access.iter().filter(|(_, access)| single(access, who) && now < access.expires);
        let short = short.map(|(hash, access)| OwnConsent {
            id: short_name(hash),
            client: access.client.clone(),
            name: name(&access.client).unwrap_or_else(|| access.client.clone()),
            scope: access.scope.clone(),
            patient: access.patient.clone(),
            renews: false,
            with_session: false,
            expires: access.expires,
        });
        let mut all: Vec<OwnConsent> = lasting.chain(short).collect();
        all.sort_by(|one, other| {
            (&one.name, one.expires, &one.id).cmp(&(&other.name, other.expires, &other.id))
        });
        all
    }

    /// Takes back what this person granted, with every token of it; the program's next request is refused.
    ///
    /// # Errors
    /// [`AdminError::Missing`] when it is not there, or is another's.
    pub async fn end_own_consent(&self, who: &Actor, id: &str) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        let own = self.book().smart.grants.get(id).is_some_and(|grant| grant.account == who.id);
        if own {
            return self.end_of_grant(who, id, "taken back").await;
        }
        let found = {
            let book = self.book();
            let mut own = book.smart.access.iter().filter(|(_, access)| single(access, who));
            own.find(|(hash, _)| short_name(hash) == id).map(|(hash, access)| (*hash, access.client.clone()))
        };
        let (hash, client) = found.ok_or(AdminError::Missing("consent"))?;
        self.book_mut().smart.access.remove(&hash);
        let reason = format!("end token of {client}: taken back");
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(reason));
        let change = Change::drop(Collection::Access, &hash);
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await
    }
}

/// A token of this person that came of no consent with a refresh token.
fn single(access: &Access, who: &Actor) -> bool {
    access.grant.is_none() && access.account.as_deref() == Some(who.id.as_str())
}

/// What a token without a consent of its own is called; nothing of the token can be told from it.
fn short_name(hash: &Hash) -> String {
    format!("t-{}", HEXLOWER.encode(&hash[..8]))
}
