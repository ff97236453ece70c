//! What those may still do who are not here, on whose behalf the box goes on working: the taker of long work, the owner of a
//! subscription. An account that was switched off or has other roles, a program that was taken out or whose consent has
//! ended, and a token that was taken back give nobody anything any more.
//!
//! Long work ends with the rights that it was taken with ([`People::stands`]); a subscription goes on with those that its
//! owner has today ([`People::standing`]).

use clinicvault_gateway::fhir::id::LogicalId;

use super::people::{People, person};
use super::smart::ask::Asked;
use super::smart::client::Sort as Program;
use super::smart::grant::granted_to;
use crate::records::access::{Actor, Role, Scopes, Who};
use crate::records::watch::{Sort, Standing};

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
            // A patient's session is all that stands for them.
            Who::Patient { .. } => false,
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

impl People {
    /// The actor with the rights it has now, and never more than it had when it wrote the subscription; none when the
    /// account is disabled, the token or the consent is gone, or the program may not ask any more.
    pub fn standing(&self, owner: &Standing, source: &str) -> Option<Actor> {
        match &owner.sort {
            Sort::Person => {
                let book = self.book();
                let account = book.accounts.get(&owner.id).filter(|account| !account.disabled)?;
                Some(person(account, None, source))
            }
            Sort::Machine(scope) => {
                self.machine(&owner.id, source).or_else(|| self.backend(owner, scope, source))
            }
            Sort::App(client, scope, patient) => self.app(owner, client, scope, patient.as_deref(), source),
            Sort::Operator => Some(Actor::operator(source)),
            Sort::Sender => None,
        }
    }

    /// The holder of a token made on the box.
    fn machine(&self, id: &str, source: &str) -> Option<Actor> {
        let (book, now) = (self.book(), self.now());
        book.tokens.values().find(|live| live.token.id == id)?.actor(source, now)
    }

    /// A program of its own. Its access tokens live for minutes; what counts is that it is registered, and for what.
    fn backend(&self, owner: &Standing, scope: &str, source: &str) -> Option<Actor> {
        let book = self.book();
        let client = book.smart.clients.get(&owner.id)?;
        if !client.enabled || client.sort != Program::Backend {
            return None;
        }
        let scopes = Asked::read(scope).ok()?.within(&granted_to(client).ok()?).scopes;
        Some(Actor {
            id: client.id.clone(),
            name: client.name.clone(),
            who: Who::Machine { scopes },
            session: None,
            source: source.to_owned(),
        })
    }

    /// A program on behalf of a person, as long as a consent or a token of it stands.
    fn app(
        &self,
        owner: &Standing,
        client: &str,
        scope: &str,
        patient: Option<&str>,
        source: &str,
    ) -> Option<Actor> {
        let (book, now) = (self.book(), self.now());
        let account = book.accounts.get(&owner.id).filter(|account| !account.disabled)?;
        let program = book.smart.clients.get(client).filter(|client| client.enabled)?;
        let consents = book.smart.grants.values().filter(|grant| {
            let session = grant.session.is_none_or(|session| book.sessions.find(&session, now).is_some());
            grant.client == client
                && grant.account == owner.id
                && grant.patient.as_deref() == patient
                && now < grant.expires
                && session
        });
        let tokens = book.smart.access.values().filter(|access| {
            access.client == client
                && access.account.as_deref() == Some(owner.id.as_str())
                && access.patient.as_deref() == patient
                && now < access.expires
        });
        let granted = consents.map(|grant| &grant.scope).chain(tokens.map(|access| &access.scope));
        // The widest consent that stands decides.
        let mut best: Option<Asked> = None;
        let own = Asked::read(scope).ok()?.within(&granted_to(program).ok()?);
        for text in granted {
            let within = own.within(&Asked::read(text).ok()?);
            if best.as_ref().is_none_or(|best| within.scopes.each().len() > best.scopes.each().len()) {
                best = Some(within);
            }
        }
        let patient = match patient {
            Some(id) => Some(LogicalId::parse(id)?),
            None => None,
        };
        Some(Actor {
            id: account.id.clone(),
            name: account.name.clone(),
            who: Who::App { roles: account.roles.clone(), scopes: best?.scopes, patient },
            session: None,
            source: format!("{source} {client}"),
        })
    }
}
