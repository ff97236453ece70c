//! What a program was given and holds now, for whoever looks after the register: consents of people, tokens that live,
//! when it came last; a new secret, and the end of all it holds.
//!
//! Of a consent for one patient it is told that there is one and not who: the register is no list of patients.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::client::{Client, Sort};
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::secret;
use crate::records::access::Actor;

/// How long something that a program holds lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasts {
    /// Until its end, whether or not the person is signed in.
    Offline,
    /// Until the session ends in which it was given.
    Session,
    /// One token without another to follow.
    Once,
}

/// Something that a program holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The person who gave it, by name; none for a program of its own.
    pub person: Option<String>,
    /// What it may do.
    pub scope: String,
    /// Whether it is about one patient.
    pub one_patient: bool,
    /// How long it lasts.
    pub lasts: Lasts,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

/// When each program showed a token last, since the box started.
#[derive(Default)]
pub struct Uses(BTreeMap<String, AtomicI64>);

impl Uses {
    /// Watches these programs.
    pub(super) fn of<'a>(clients: impl Iterator<Item = &'a String>) -> Uses {
        Uses(clients.map(|id| (id.clone(), AtomicI64::new(0))).collect())
    }

    /// Watches one more.
    pub(super) fn watch(&mut self, client: &str) {
        self.0.entry(client.to_owned()).or_default();
    }

    /// Watches it no longer.
    pub(super) fn forget(&mut self, client: &str) {
        self.0.remove(client);
    }

    /// A token of it was shown.
    pub(super) fn note(&self, client: &str, now: Timestamp) {
        if let Some(used) = self.0.get(client) {
            used.store(now.as_second(), Ordering::Relaxed);
        }
    }

    fn last(&self, client: &str) -> Option<Timestamp> {
        let second = self.0.get(client)?.load(Ordering::Relaxed);
        if second == 0 { None } else { Timestamp::from_second(second).ok() }
    }
}

impl People {
    /// When a program showed a token last; none when it did not since the box started.
    pub fn client_last_used(&self, id: &str) -> Option<Timestamp> {
        self.book().smart.uses.last(id)
    }

    /// What a program holds, the lasting first, then by person.
    ///
    /// # Errors
    /// [`AdminError::Missing`].
    pub fn held(&self, id: &str) -> Result<Vec<Held>, AdminError> {
        self.client(id)?;
        let (book, now) = (self.book(), self.now());
        let name = |account: &String| book.accounts.get(account).map(|account| account.name.clone());
        let mut all: Vec<Held> = Vec::new();
        for grant in book.smart.grants.values().filter(|grant| grant.client == id && now < grant.expires) {
            if grant.session.is_some_and(|session| book.sessions.find(&session, now).is_none()) {
                continue;
            }
            all.push(Held {
                person: name(&grant.account),
                scope: grant.scope.clone(),
                one_patient: grant.patient.is_some(),
                lasts: if grant.session.is_some() { Lasts::Session } else { Lasts::Offline },
                expires: grant.expires,
            });
        }
        let single =
            book.smart.access.values().filter(|access| access.client == id && access.grant.is_none());
        for access in single.filter(|access| now < access.expires) {
            all.push(Held {
                person: access.account.as_ref().and_then(name),
                scope: access.scope.clone(),
                one_patient: access.patient.is_some(),
                lasts: Lasts::Once,
                expires: access.expires,
            });
        }
        let order = |held: &Held| (held.lasts, held.person.clone(), held.scope.clone(), held.one_patient);
        all.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| b.expires.cmp(&a.expires)));
        // A program that asks every few minutes has several tokens of one kind: the one that lives longest stands for them.
        all.dedup_by(|b, a| a.lasts == Lasts::Once && order(a) == order(b));
        Ok(all)
    }

    /// Ends everything that a program holds; it may ask anew.
    ///
    /// # Errors
    /// [`AdminError::Missing`].
    pub async fn end_held(&self, who: &Actor, id: &str) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        self.client(id)?;
        self.end_of_client(who, id).await
    }

    /// A new secret for a confidential program; the old one is worth nothing from the same commit on. What people have
    /// given it stays (`docs/decisions/0077-a-new-secret-leaves-what-people-gave.md`).
    ///
    /// # Errors
    /// [`AdminError::ProveAgain`], [`AdminError::Missing`], [`AdminError::Invalid`] for a program that has no secret.
    pub async fn new_client_secret(
        &self,
        who: &Actor,
        id: &str,
    ) -> Result<(Client, Zeroizing<String>), AdminError> {
        self.recently_proven(who)?;
        let _turn = self.turn().await;
        let old = self.client(id)?;
        if old.sort != Sort::Confidential || old.keys.is_some() {
            return Err(AdminError::Invalid("secret", "This program proves itself without a secret."));
        }
        let (text, hash) = secret::fresh()?;
        let client = Client { secret: Some(hash), ..old };
        self.keep_client(who, &client, "new secret for").await?;
        Ok((client, text))
    }
}
