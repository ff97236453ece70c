//! The register of programs: adding, changing, looking, and taking away. Every change has its audit line and needs a
//! fresh proof (`docs/decisions/0055-a-fresh-proof-for-dangerous-changes.md`); taking away does not.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome};
use zeroize::Zeroizing;

use super::ask::Asked;
use super::client::{Client, Sort, Terms};
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::secret;
use crate::admin::store::{Change, Collection, leaf};
use crate::config::Validation;
use crate::records::access::Actor;

/// Most programs registered.
const MOST_CLIENTS: usize = 200;

impl People {
    /// Every program, by name.
    pub fn clients(&self) -> Vec<Client> {
        let mut all: Vec<Client> = self.book().smart.clients.values().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.id.cmp(&other.id)));
        all
    }

    /// Whether a program that may ask sends people back to an address of which `is` holds.
    pub fn sends_back_to(&self, is: &dyn Fn(&str) -> bool) -> bool {
        let book = self.book();
        book.smart.clients.values().any(|client| client.enabled && client.redirects.iter().any(|to| is(to)))
    }

    /// Registers a program. A confidential one without a key gets a secret, which is shown this once.
    ///
    /// # Errors
    /// [`AdminError::ProveAgain`], and what [`Terms::checked`] says.
    pub async fn add_client(
        &self,
        who: &Actor,
        terms: Terms,
    ) -> Result<(Client, Option<Zeroizing<String>>), AdminError> {
        self.recently_proven(who)?;
        let terms = terms.checked()?;
        self.store().judge(&Asked::read(&terms.scope)?.scopes)?;
        let _turn = self.turn().await;
        if self.book().smart.clients.len() >= MOST_CLIENTS {
            return Err(AdminError::Invalid("name", "There are 200 programs; take one away first."));
        }
        let secret = match terms.sort {
            Sort::Confidential if terms.keys.is_none() => Some(secret::fresh()?),
            Sort::Public | Sort::Confidential | Sort::Backend => None,
        };
        let client = Client {
            id: secret::short_id("c")?,
            name: terms.name,
            sort: terms.sort,
            redirects: terms.redirects,
            scope: terms.scope,
            keys: terms.keys,
            secret: secret.as_ref().map(|(_, hash)| *hash),
            contact: terms.contact,
            validation: terms.validation,
            enabled: true,
            created: self.now(),
            by: who.id.clone(),
        };
        self.keep_client(who, &client, "add client").await?;
        Ok((client, secret.map(|(text, _)| text)))
    }

    /// Changes a program, or switches it on or off. What it holds stays valid only as far as it is still within what the
    /// program may have: its tokens end.
    ///
    /// # Errors
    /// As [`People::add_client`]; the sort stays.
    pub async fn change_client(
        &self,
        who: &Actor,
        id: &str,
        change: impl FnOnce(&mut Terms, &mut bool),
    ) -> Result<Client, AdminError> {
        self.recently_proven(who)?;
        let _turn = self.turn().await;
        let old = self.client(id)?;
        let mut enabled = old.enabled;
        let mut terms = Terms {
            name: old.name.clone(),
            sort: old.sort,
            redirects: old.redirects.clone(),
            scope: old.scope.clone(),
            keys: old.keys.clone(),
            contact: old.contact.clone(),
            validation: old.validation,
        };
        change(&mut terms, &mut enabled);
        terms.sort = old.sort;
        let terms = terms.checked()?;
        self.store().judge(&Asked::read(&terms.scope)?.scopes)?;
        let client = Client {
            name: terms.name,
            redirects: terms.redirects,
            scope: terms.scope,
            keys: terms.keys,
            contact: terms.contact,
            validation: terms.validation,
            enabled,
            ..old
        };
        self.end_of_client(who, &client.id).await?;
        self.keep_client(who, &client, "change client").await?;
        Ok(client)
    }

    /// Takes a program away with every token that it holds.
    ///
    /// # Errors
    /// [`AdminError::Missing`].
    pub async fn drop_client(&self, who: &Actor, id: &str) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        self.client(id)?;
        self.end_of_client(who, id).await?;
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(format!("drop client {id}")));
        let change = Change::drop(Collection::Clients, id.as_bytes());
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await?;
        self.store().check_writes_of(id, None);
        let mut book = self.book_mut();
        book.smart.clients.remove(id);
        book.smart.uses.forget(id);
        Ok(())
    }

    /// A program by its id.
    pub(super) fn client(&self, id: &str) -> Result<Client, AdminError> {
        self.book().smart.clients.get(id).cloned().ok_or(AdminError::Missing("program"))
    }

    pub(super) async fn keep_client(
        &self,
        who: &Actor,
        client: &Client,
        what: &str,
    ) -> Result<(), AdminError> {
        let reason = format!("{what} {} {}", client.id, client.scope);
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(reason));
        let change = Change::put(Collection::Clients, client.id.as_bytes(), client)?;
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await?;
        self.store().check_writes_of(&client.id, client.validation.map(Validation::level));
        let mut book = self.book_mut();
        book.smart.uses.watch(&client.id);
        book.smart.clients.insert(client.id.clone(), client.clone());
        Ok(())
    }

    /// Ends everything that a program holds. Memory first, so that it is over whatever the disk does.
    pub(super) async fn end_of_client(&self, who: &Actor, id: &str) -> Result<(), AdminError> {
        let mut changes = Vec::new();
        {
            let mut book = self.book_mut();
            let smart = &mut book.smart;
            smart.codes.retain(|_, code| code.client != id);
            smart.pending.retain(|_, pending| pending.client != id);
            smart.access.retain(|hash, access| {
                let stays = access.client != id;
                if !stays {
                    changes.push(Change::drop(Collection::Access, hash));
                }
                stays
            });
            smart.grants.retain(|key, grant| {
                let stays = grant.client != id;
                if !stays {
                    changes.push(Change::drop(Collection::Grants, key.as_bytes()));
                }
                stays
            });
        }
        if changes.is_empty() {
            return Ok(());
        }
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(format!("end tokens of {id}")));
        self.store().commit(Arc::new(who.clone()), line, changes).await
    }
}
