//! Tokens for machine clients: an opaque bearer secret, a scope, a name and an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clinicvault_vault::{Action, Outcome};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::account::shown_name;
use super::error::AdminError;
use super::people::People;
use super::secret::{self, Hash};
use super::store::{Change, Collection, leaf};
use crate::records::access::{About, Actor, Scopes, UnreadableScope, Who};

/// Longest life of a token: about five years, in hours.
pub const LONGEST_HOURS: i64 = 5 * 366 * 24;
/// What the text of a token starts with, so that one lying about is recognised.
const PREFIX: &str = "cv_";

/// A token as kept; the secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineToken {
    /// Name in lists and in the audit trail.
    pub id: String,
    /// What the machine is, in words.
    pub name: String,
    /// SMART scopes.
    pub scope: String,
    /// When it was made.
    pub created: Timestamp,
    /// Worth nothing from then on.
    pub expires: Timestamp,
    /// Id of the account or `operator` that made it.
    pub by: String,
}

/// A token in memory.
pub(super) struct Live {
    pub(super) token: MachineToken,
    actor: Actor,
    last_used: AtomicI64,
}

/// A token in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As kept.
    pub token: MachineToken,
    /// Since the box started.
    pub last_used: Option<Timestamp>,
}

impl Live {
    pub(super) fn new(token: MachineToken) -> Result<Live, UnreadableScope> {
        let actor = Actor {
            id: token.id.clone(),
            name: token.name.clone(),
            who: Who::Machine { scopes: Scopes::parse(&token.scope)?.all_about(About::System)? },
            session: None,
            source: String::new(),
        };
        Ok(Live { token, actor, last_used: AtomicI64::new(0) })
    }

    pub(super) fn actor(&self, source: &str, now: Timestamp) -> Option<Actor> {
        if now >= self.token.expires {
            return None;
        }
        self.last_used.store(now.as_second(), Ordering::Relaxed);
        Some(Actor { source: source.to_owned(), ..self.actor.clone() })
    }
}

/// Checks what a new token is asked to be. Answers it and the secret to hand over, which is shown this once.
pub fn mint(
    name: &str,
    scope: &str,
    life: SignedDuration,
    by: &str,
    now: Timestamp,
) -> Result<(Zeroizing<String>, Hash, MachineToken), AdminError> {
    let scopes = Scopes::parse(scope)?.all_about(About::System)?;
    if life < SignedDuration::from_mins(1) || life > SignedDuration::from_hours(LONGEST_HOURS) {
        return Err(AdminError::Invalid("ttlHours", "A token lives between a minute and five years."));
    }
    let (secret, _) = secret::fresh()?;
    let text = Zeroizing::new(format!("{PREFIX}{}", *secret));
    let token = MachineToken {
        id: secret::short_id("m")?,
        name: shown_name(name)?,
        scope: scopes.as_str().to_owned(),
        created: now,
        expires: now.checked_add(life).unwrap_or(Timestamp::MAX),
        by: by.to_owned(),
    };
    let hash = secret::hash(&text);
    Ok((text, hash, token))
}

impl People {
    /// Makes a token; the text is shown this once.
    pub async fn add_token(
        &self,
        who: &Actor,
        name: &str,
        scope: &str,
        life: SignedDuration,
    ) -> Result<(Zeroizing<String>, MachineToken), AdminError> {
        self.recently_proven(who)?;
        self.store().judge(&Scopes::parse(scope)?)?;
        let _turn = self.turn().await;
        let (text, hash, token) = mint(name, scope, life, &who.id, self.now())?;
        let line = leaf(
            who,
            Action::TokenChange,
            Outcome::Success,
            Some(format!("add {} {}", token.id, token.scope)),
        );
        let change = Change::put(Collection::Tokens, &hash, &token)?;
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await?;
        self.book_mut().tokens.insert(hash, Live::new(token.clone())?);
        Ok((text, token))
    }

    /// All tokens, newest first.
    pub fn tokens(&self) -> Vec<Listed> {
        let book = self.book();
        let mut all: Vec<Listed> = book
            .tokens
            .values()
            .map(|live| {
                let used = live.last_used.load(Ordering::Relaxed);
                let last_used = if used == 0 { None } else { Timestamp::from_second(used).ok() };
                Listed { token: live.token.clone(), last_used }
            })
            .collect();
        all.sort_by_key(|listed| std::cmp::Reverse(listed.token.created));
        all
    }

    /// Takes a token back; the next request with it is refused.
    pub async fn drop_token(&self, who: &Actor, id: &str) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        let hash = {
            let book = self.book();
            let found = book.tokens.iter().find(|(_, live)| live.token.id == id).map(|(hash, _)| *hash);
            found.ok_or(AdminError::Missing("token"))?
        };
        let line = leaf(who, Action::TokenChange, Outcome::Success, Some(format!("drop {id}")));
        let change = Change::drop(Collection::Tokens, &hash);
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await?;
        self.book_mut().tokens.remove(&hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_minted_within_bounds() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let hours = SignedDuration::from_hours;
        let (text, hash, token) = mint(" Lab  bridge ", "system/*.cruds", hours(24), "p-1", now).unwrap();
        assert!(text.starts_with("cv_") && text.len() == 46);
        assert_eq!(secret::hash(&text), hash);
        assert_eq!((token.name.as_str(), token.expires), ("Lab bridge", now + hours(24)));
        assert!(mint("x", "system/Patientt.r", hours(24), "p", now).is_err());
        assert!(mint("x", "user/*.r", hours(24), "p", now).is_err());
        assert!(mint("x", "system/*.r", hours(0), "p", now).is_err());
        assert!(mint("x", "system/*.r", hours(LONGEST_HOURS + 1), "p", now).is_err());
        assert!(mint("", "system/*.r", hours(1), "p", now).is_err());
    }

    #[test]
    fn an_expired_token_is_nobody() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let (_, _, token) = mint("x", "system/*.r", SignedDuration::from_hours(1), "p", now).unwrap();
        let live = Live::new(token.clone()).unwrap();
        assert!(live.actor("10.0.0.1", now).is_some());
        assert!(live.actor("10.0.0.1", token.expires).is_none());
    }
}
