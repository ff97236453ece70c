//! Accounts of others, by whoever may change settings; and a person's own account and sessions.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::account::{self, Account, Looks};
use super::error::AdminError;
use super::people::{People, person};
use super::secret::{self, Hash};
use super::sign_in::{Origin, SignedIn};
use super::store::leaf;
use super::{password, session};
use crate::records::access::{Actor, Role};

/// Letters of a temporary password, without look-alikes; it is read out or written on paper.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz4";
/// Longest registration number or qualification.
const LONGEST_DETAIL: usize = 200;
/// Accounts at most.
const MOST: usize = 2000;

/// A new member of the clinic.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Name shown.
    pub name: String,
    /// Name for signing in.
    pub username: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Registration number with a council.
    pub registration: Option<String>,
    /// Degrees.
    pub qualification: Option<String>,
}

/// What may change of an account.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// Name shown.
    pub name: Option<String>,
    /// Roles.
    pub roles: Option<Vec<Role>>,
    /// May not sign in.
    pub disabled: Option<bool>,
    /// Registration number.
    pub registration: Option<String>,
    /// Degrees.
    pub qualification: Option<String>,
}

/// An account in the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The account.
    pub account: Account,
    /// The last thing done in any session that lives, else the last sign-in.
    pub last_seen: Option<Timestamp>,
}

/// Checks a new account and gives it an id. The password's hash is the caller's.
pub fn draft(new: NewAccount, hash: String, temporary: bool, now: Timestamp) -> Result<Account, AdminError> {
    Ok(Account {
        id: secret::short_id("p")?,
        username: account::username(&new.username)?,
        name: account::shown_name(&new.name)?,
        roles: roles(new.roles)?,
        password: hash,
        temporary,
        seed: None,
        used_step: 0,
        codes: Vec::new(),
        disabled: false,
        created: now,
        last_login: None,
        registration: detail(new.registration)?,
        qualification: detail(new.qualification)?,
        looks: Looks::default(),
        pin: None,
    })
}

impl People {
    /// Everybody, by name.
    pub fn accounts(&self) -> Vec<Listed> {
        let now = self.now();
        let book = self.book();
        let mut all: Vec<Listed> = book
            .accounts
            .values()
            .map(|account| {
                let seen =
                    book.sessions.of(&account.id, now).into_iter().map(|(_, session)| session.seen).max();
                Listed { account: account.clone(), last_seen: seen.max(account.last_login) }
            })
            .collect();
        all.sort_by(|one, other| one.account.name.cmp(&other.account.name));
        all
    }

    /// Adds an account with a temporary password, or (for the command line) a lasting one.
    pub async fn add_account(
        &self,
        who: &Actor,
        new: NewAccount,
        password: &str,
        temporary: bool,
    ) -> Result<Account, AdminError> {
        self.recently_proven(who)?;
        let username = account::username(&new.username)?;
        let second = temporary || account::must_have_second_factor(&new.roles, self.settings().second_factor);
        password::acceptable(password, &username, second)?;
        let hash = self.hashed(password).await?;
        let _turn = self.turn().await;
        self.is_free(&username)?;
        if self.book().accounts.len() >= MOST {
            return Err(AdminError::Invalid("username", "This box holds as many accounts as it can."));
        }
        let account = draft(new, hash, temporary, self.now())?;
        let reason = format!("added as {}", names(&account.roles));
        self.commit_account(who, &account, Action::UserChange, &reason).await?;
        Ok(account)
    }

    /// Changes an account. New roles and disabling end its sessions at once.
    pub async fn change_account(
        &self,
        who: &Actor,
        id: &str,
        change: AccountChange,
        from: &Origin,
    ) -> Result<Account, AdminError> {
        self.recently_proven(who)?;
        let (account, ends) = {
            let _turn = self.turn().await;
            let before = self.account(id)?;
            let account = changed(before.clone(), change)?;
            let ends = account.disabled != before.disabled || account.roles != before.roles;
            if is_owner(&before) && !is_owner(&account) && !self.has_other_owner(id) {
                return Err(AdminError::LastOwner);
            }
            let reason = format!(
                "changed to {}{}",
                names(&account.roles),
                if account.disabled { ", disabled" } else { "" }
            );
            self.commit_account(who, &account, Action::UserChange, &reason).await?;
            (account, ends)
        };
        if ends {
            self.end_account(id, None, from, "account changed").await?;
        }
        Ok(account)
    }

    /// Gives a new temporary password, shown this once; with `second_factor`, takes the authenticator away too, for
    /// somebody who lost it. Ends the person's sessions.
    pub async fn reset_account(
        &self,
        who: &Actor,
        id: &str,
        second_factor: bool,
        from: &Origin,
    ) -> Result<Zeroizing<String>, AdminError> {
        self.recently_proven(who)?;
        let password = temporary_password()?;
        let hash = self.hashed(&password).await?;
        {
            let _turn = self.turn().await;
            let mut account = self.account(id)?;
            (account.password, account.temporary) = (hash, true);
            account.pin = None;
            if second_factor {
                (account.seed, account.used_step) = (None, 0);
                account.codes.clear();
            }
            let reason = if second_factor { "password and second factor reset" } else { "password reset" };
            self.commit_account(who, &account, Action::UserChange, reason).await?;
        }
        self.end_account(id, None, from, "account reset").await?;
        Ok(password)
    }

    /// Changes how the person likes the screen.
    pub async fn change_looks(&self, who: &Actor, looks: Looks) -> Result<Account, AdminError> {
        for word in [&looks.language, &looks.theme, &looks.density].into_iter().flatten() {
            let fine = (1..=16).contains(&word.len())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !fine {
                return Err(AdminError::Invalid("language", "This is not a language, theme or density."));
            }
        }
        let _turn = self.turn().await;
        let mut account = self.account(&who.id)?;
        account.looks = Looks {
            language: looks.language.or(account.looks.language),
            theme: looks.theme.or(account.looks.theme),
            density: looks.density.or(account.looks.density),
        };
        self.commit_account(who, &account, Action::UserChange, "own choices").await?;
        Ok(account)
    }

    /// The person's own password. Needs the present one; ends every session and begins a new one.
    pub async fn change_password(
        &self,
        who: &Actor,
        current: &str,
        new: &str,
        from: &Origin,
    ) -> Result<SignedIn, AdminError> {
        self.prove(who, current, from).await?;
        let account = self.account(&who.id)?;
        let hash = self.new_password(&account, new).await?;
        let account = {
            let _turn = self.turn().await;
            let mut account = self.account(&who.id)?;
            account.password = hash;
            self.commit_account(who, &account, Action::UserChange, "own password changed").await?;
            account
        };
        self.end_account(&who.id, None, from, "password changed").await?;
        self.begin(account, from, Vec::new()).await
    }

    /// The account of a signed-in person.
    pub fn own_account(&self, who: &Actor) -> Result<Account, AdminError> {
        self.account(&who.id)
    }

    /// The session of a signed-in person.
    pub fn own_session(&self, who: &Actor) -> Result<session::Session, AdminError> {
        let hash = who.session.ok_or(AdminError::SignedOut)?;
        self.book().sessions.find(&hash, self.now()).cloned().ok_or(AdminError::SignedOut)
    }

    /// The person's own sessions, newest first, and whether each is the one that asks.
    pub fn own_sessions(&self, who: &Actor) -> Vec<(session::Session, bool)> {
        let own = self.book().sessions.of(&who.id, self.now());
        own.into_iter().map(|(hash, session)| (session, who.session == Some(hash))).collect()
    }

    /// Ends one of the person's own sessions.
    pub async fn end_own_session(&self, who: &Actor, id: &str, from: &Origin) -> Result<(), AdminError> {
        let own = self.book().sessions.of(&who.id, self.now());
        let hash = own.into_iter().find(|(_, session)| session.id == id).map(|(hash, _)| hash);
        self.end_sessions(&who.id, &[hash.ok_or(AdminError::Missing("session"))?], from, "ended by its owner")
            .await
    }

    pub(super) async fn end_account(
        &self,
        id: &str,
        keep: Option<&Hash>,
        from: &Origin,
        reason: &str,
    ) -> Result<(), AdminError> {
        let ended = {
            let mut book = self.book_mut();
            book.halves.end_account(id);
            book.sessions.end_account(id, keep)
        };
        let dropped = self.forget_account(id);
        if !dropped.is_empty() {
            let _turn = self.turn().await;
            let who = person(&self.account(id)?, None, &from.address.to_canonical().to_string());
            let line =
                leaf(&who, Action::TokenChange, Outcome::Success, Some(format!("programs end: {reason}")));
            self.store().commit(Arc::new(who), line, dropped).await?;
        }
        if ended.is_empty() {
            return Ok(());
        }
        self.end_sessions(id, &ended, from, reason).await
    }

    fn is_free(&self, username: &str) -> Result<(), AdminError> {
        if self.book().accounts.values().any(|account| account.username == username) {
            Err(AdminError::Taken(username.to_owned()))
        } else {
            Ok(())
        }
    }

    fn has_other_owner(&self, id: &str) -> bool {
        self.book().accounts.values().any(|account| account.id != id && is_owner(account))
    }
}

/// Four groups of three letters: 60 bits, easy to read out.
fn temporary_password() -> Result<Zeroizing<String>, AdminError> {
    let mut random = Zeroizing::new([0u8; 12]);
    getrandom::fill(random.as_mut_slice())?;
    let mut text = Zeroizing::new(String::with_capacity(15));
    for (at, byte) in random.iter().enumerate() {
        if at > 0 && at % 3 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    Ok(text)
}

fn is_owner(account: &Account) -> bool {
    !account.disabled && account.roles.contains(&Role::Owner)
}

fn changed(mut account: Account, change: AccountChange) -> Result<Account, AdminError> {
    if let Some(name) = change.name {
        account.name = account::shown_name(&name)?;
    }
    if let Some(given) = change.roles {
        account.roles = roles(given)?;
    }
    if let Some(disabled) = change.disabled {
        account.disabled = disabled;
    }
    if change.registration.is_some() {
        account.registration = detail(change.registration)?;
    }
    if change.qualification.is_some() {
        account.qualification = detail(change.qualification)?;
    }
    Ok(account)
}

fn roles(mut given: Vec<Role>) -> Result<Vec<Role>, AdminError> {
    given.sort_unstable();
    given.dedup();
    if given.is_empty() { Err(AdminError::NoRole) } else { Ok(given) }
}

/// A registration number or qualification; blank means none.
fn detail(given: Option<String>) -> Result<Option<String>, AdminError> {
    match given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > LONGEST_DETAIL || text.chars().any(char::is_control) => {
            Err(AdminError::Invalid(
                "registration",
                "A registration or qualification has at most 200 characters.",
            ))
        }
        other => Ok(other),
    }
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_passwords_pass_their_own_rules_and_differ() {
        let one = temporary_password().unwrap();
        assert_eq!(one.len(), 15);
        assert!(password::acceptable(&one, "asha", true).is_ok());
        assert_ne!(one, temporary_password().unwrap());
    }

    #[test]
    fn roles_are_a_set_and_never_empty() {
        let check = |given: &[Role], expected: Option<&[Role]>| {
            assert_eq!(roles(given.to_vec()).ok().as_deref(), expected);
        };
        check(&[], None);
        check(&[Role::Doctor, Role::Owner, Role::Doctor], Some(&[Role::Owner, Role::Doctor]));
    }
}
