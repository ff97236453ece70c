//! Whether those still stand on whose behalf long work goes on: an account that was switched off or has other roles, a
//! program that was taken out or whose consent has ended, and a token that was taken back give nobody anything any more.

use super::people::People;
use super::smart::grant::granted_to;
use crate::records::access::{Actor, Role, Scopes, Who};

impl People {
    /// Whether this actor, as it was some time ago, may still do what it might do then.
    pub fn stands(&self, who: &Actor) -> bool {
        match &who.who {
            Who::Person { roles } => self.has_roles(&who.id, roles),
            Who::App { roles, patient, .. } => {
                // The source of a program's actor ends in the program's id.
                let client = who.source.rsplit(' ').next().unwrap_or_default();
                let patient = patient.as_ref().map(|patient| patient.as_str());
                self.has_roles(&who.id, roles) && self.consents(&who.id, client, patient)
            }
            Who::Machine { scopes } => self.has_token(&who.id) || self.may_have(&who.id, scopes),
            Who::Sender | Who::Operator => true,
        }
    }

    fn has_roles(&self, account: &str, roles: &[Role]) -> bool {
        let book = self.book();
        book.accounts.get(account).is_some_and(|account| !account.disabled && account.roles == roles)
    }

    /// Whether anything of a consent of this account for this program and patient is left.
    fn consents(&self, account: &str, client: &str, patient: Option<&str>) -> bool {
        let (book, now) = (self.book(), self.now());
        let smart = &book.smart;
        let enabled = smart.clients.get(client).is_some_and(|client| client.enabled);
        let given = smart.access.values().any(|access| {
            access.client == client
                && access.account.as_deref() == Some(account)
                && access.patient.as_deref() == patient
                && now < access.expires
        });
        let kept = || {
            smart.grants.values().any(|grant| {
                grant.client == client
                    && grant.account == account
                    && grant.patient.as_deref() == patient
                    && now < grant.expires
            })
        };
        enabled && (given || kept())
    }

    fn has_token(&self, id: &str) -> bool {
        let (book, now) = (self.book(), self.now());
        book.tokens.values().any(|live| live.token.id == id && now < live.token.expires)
    }

    /// Whether a program of its own is still registered for this much. Its tokens live for minutes, its work for longer.
    fn may_have(&self, client: &str, scopes: &Scopes) -> bool {
        let book = self.book();
        let client = book.smart.clients.get(client).filter(|client| client.enabled);
        let granted = client.and_then(|client| granted_to(client).ok());
        granted.is_some_and(|granted| scopes.within(&granted.scopes).as_str() == scopes.as_str())
    }
}
