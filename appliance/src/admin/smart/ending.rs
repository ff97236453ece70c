//! The end of tokens and consents: taken back by their program, ended by the clinic, gone with an account, expired.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome};

use super::SmartError;
use super::grant::{From, Grant, Proof};
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::secret;
use crate::admin::store::{Change, Collection, leaf};
use crate::records::access::Actor;

impl People {
    /// Takes a token back (RFC 7009): an access token alone, a refresh token with everything of its consent. One that is
    /// not known, or is another's, is no error.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn revoke(&self, proof: &Proof, token: &str, from: &From) -> Result<(), SmartError> {
        let client = self.proven(proof, from, false).await?;
        let who = from.actor(&client);
        let _turn = self.turn().await;
        let hash = secret::hash(token);
        let grant = {
            let book = self.book();
            let own = |grant: &&Grant| grant.refresh == hash && grant.client == client.id;
            book.smart.grants.values().find(own).map(|grant| grant.id.clone())
        };
        if let Some(grant) = grant {
            return Ok(self.end_of_grant(&who, &grant, "revoked").await?);
        }
        let own = self.book().smart.access.get(&hash).is_some_and(|access| access.client == client.id);
        if own {
            self.book_mut().smart.access.remove(&hash);
            let line = leaf(&who, Action::TokenChange, Outcome::Success, Some("revoke".to_owned()));
            let change = Change::drop(Collection::Access, &hash);
            self.store().commit(Arc::new(who), line, vec![change]).await?;
        }
        Ok(())
    }

    /// Forgets every code, token and consent of an account; what is to be dropped from the vault comes back. For when the
    /// account is disabled or its password or second factor is set anew.
    pub(in crate::admin) fn forget_account(&self, id: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut book = self.book_mut();
        let smart = &mut book.smart;
        smart.codes.retain(|_, code| code.account != id);
        let mut keep = |stays: bool, collection, key: &[u8]| {
            if !stays {
                changes.push(Change::drop(collection, key));
            }
            stays
        };
        smart
            .access
            .retain(|hash, access| keep(access.account.as_deref() != Some(id), Collection::Access, hash));
        smart.grants.retain(|name, grant| keep(grant.account != id, Collection::Grants, name.as_bytes()));
        changes
    }

    /// Ends a consent with every token of it. Memory first.
    pub(super) async fn end_of_grant(&self, who: &Actor, id: &str, why: &str) -> Result<(), AdminError> {
        let mut changes = vec![Change::drop(Collection::Grants, id.as_bytes())];
        {
            let mut book = self.book_mut();
            book.smart.grants.remove(id);
            book.smart.access.retain(|hash, access| {
                let stays = access.grant.as_deref() != Some(id);
                if !stays {
                    changes.push(Change::drop(Collection::Access, hash));
                }
                stays
            });
        }
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(format!("end {id}: {why}")));
        self.store().commit(Arc::new(who.clone()), line, changes).await
    }

    /// What has expired, to be taken out of the vault; memory forgets it at once.
    pub(in crate::admin) fn sweep_smart(&self) -> Vec<Change> {
        let (now, mut changes) = (self.now(), Vec::new());
        let mut book = self.book_mut();
        let smart = &mut book.smart;
        smart.codes.retain(|_, code| now < code.expires);
        smart.spent.retain(|_, spent| now < spent.expires);
        smart.pending.retain(|_, pending| now < pending.expires);
        let mut sweep = |stays: bool, collection, key: &[u8]| {
            if !stays {
                changes.push(Change::drop(collection, key));
            }
            stays
        };
        smart.access.retain(|hash, access| sweep(now < access.expires, Collection::Access, hash));
        smart.seen.retain(|hash, seen| sweep(now < seen.expires(), Collection::Assertions, hash));
        smart.grants.retain(|id, grant| sweep(now < grant.expires, Collection::Grants, id.as_bytes()));
        changes
    }
}
