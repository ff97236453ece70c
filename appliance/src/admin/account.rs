//! An account: one member of the clinic, as kept in the vault.
//!
//! Owns the shape, the rules for its names, and which step of signing in comes next. There are no shared accounts.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::recovery_code::Kept;
use crate::config::SecondFactor;
use crate::records::access::Role;

/// Longest name shown, in characters.
const LONGEST_NAME: usize = 100;

/// One member of the clinic.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Never changes, never reused; what the audit trail names.
    pub id: String,
    /// What is typed to sign in; lower case.
    pub username: String,
    /// What others see.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Argon2id hash of the password.
    pub password: String,
    /// Given by somebody else, so it must be changed at the next sign-in.
    pub temporary: bool,
    /// Seed of the authenticator, once enrolled. The vault seals the whole document.
    pub seed: Option<Vec<u8>>,
    /// Last step of a code that counted.
    pub used_step: u64,
    /// Recovery codes that are left.
    pub codes: Vec<Kept>,
    /// May not sign in.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Last successful sign-in.
    pub last_login: Option<Timestamp>,
    /// Registration number with the medical or nursing council.
    pub registration: Option<String>,
    /// Degrees and the like, as printed.
    pub qualification: Option<String>,
    /// Choices for the screen.
    pub looks: Looks,
    /// Argon2id hash of the PIN for signing, once chosen.
    #[serde(default)]
    pub pin: Option<String>,
}

/// How someone likes the screen; what was never chosen is the screen's business.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// Language code, such as `en` or `hi`.
    pub language: Option<String>,
    /// Such as `system`, `light` or `dark`.
    pub theme: Option<String>,
    /// Such as `auto` or `compact`.
    pub density: Option<String>,
}

/// The step of signing in that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Show the second factor.
    SecondFactor,
    /// Replace the temporary password.
    OwnPassword,
    /// Enrol an authenticator.
    Enrolment,
}

impl Account {
    /// Whether a second factor guards (or is about to guard) this account, so that eight characters are enough.
    pub fn has_second_factor(&self, rule: SecondFactor) -> bool {
        self.seed.is_some() || must_have_second_factor(&self.roles, rule)
    }

    /// What still stands between the right password and a session.
    pub fn next_need(&self, rule: SecondFactor, second_shown: bool) -> Option<Need> {
        if self.seed.is_some() && !second_shown {
            Some(Need::SecondFactor)
        } else if self.temporary {
            Some(Need::OwnPassword)
        } else if self.seed.is_none() && must_have_second_factor(&self.roles, rule) {
            Some(Need::Enrolment)
        } else {
            None
        }
    }
}

/// Whether these roles must have a second factor under the clinic's rule.
pub fn must_have_second_factor(roles: &[Role], rule: SecondFactor) -> bool {
    match rule {
        SecondFactor::Required => roles.iter().any(|role| role.wants_second_factor()),
        SecondFactor::Optional => false,
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// Why a name cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadName {
    /// For signing in.
    #[error(
        "A sign-in name has 2 to 32 letters a to z, digits, dots, hyphens or underscores, and starts with a letter."
    )]
    Username,
    /// For showing.
    #[error("A name has 1 to {LONGEST_NAME} characters.")]
    Name,
    /// Everybody has his own account, so that the record says who did what.
    #[error(
        "\"{0}\" is nobody's name. Every person has an account of their own, so that the record says who did what."
    )]
    Shared(&'static str),
}

/// Names that invite sharing (45 CFR 164.312(a)(2)(i): unique user identification). `owner` is one person's office.
const SHARED: [&str; 12] = [
    "admin",
    "administrator",
    "root",
    "guest",
    "user",
    "staff",
    "shared",
    "common",
    "everyone",
    "anyone",
    "test",
    "temp",
];

/// A sign-in name for the owner called `name`: `Asha Rao` signs in as `asha.rao`; a name that gives none (another
/// script, a shared name) as `owner`.
pub fn username_from(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
    let dotted = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    username(&dotted).unwrap_or_else(|_| "owner".to_owned())
}

/// A sign-in name in its kept form.
pub fn username(given: &str) -> Result<String, BadName> {
    let name = given.trim().to_ascii_lowercase();
    let legal = (2..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
    if !legal {
        return Err(BadName::Username);
    }
    match SHARED.iter().find(|shared| **shared == name) {
        Some(shared) => Err(BadName::Shared(shared)),
        None => Ok(name),
    }
}

/// A name for showing, without surplus spaces and control characters.
pub fn shown_name(given: &str) -> Result<String, BadName> {
    let name = given.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) { Ok(name) } else { Err(BadName::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(roles: &[Role]) -> Account {
        Account {
            id: "p-1".into(),
            username: "asha".into(),
            name: "Asha".into(),
            roles: roles.to_vec(),
            password: String::new(),
            temporary: false,
            seed: None,
            used_step: 0,
            codes: Vec::new(),
            disabled: false,
            created: Timestamp::UNIX_EPOCH,
            last_login: None,
            registration: None,
            qualification: None,
            looks: Looks::default(),
            pin: None,
        }
    }

    #[test]
    fn an_owner_gets_a_sign_in_name_from_any_name() {
        for (name, expected) in [
            ("owner", "owner"),
            ("Asha Rao", "asha.rao"),
            ("Dr. Imran  Shaikh", "dr.imran.shaikh"),
            ("admin", "owner"),
            ("आशा राव", "owner"),
        ] {
            assert_eq!(username_from(name), expected, "{name}");
        }
    }

    #[test]
    fn the_steps_of_signing_in_come_in_order() {
        use Need::{Enrolment, OwnPassword, SecondFactor as Second};
        use SecondFactor::{Optional, Required};
        let check = |roles: &[Role], seed: bool, temporary: bool, rule, shown, expected| {
            let mut account = account(roles);
            account.seed = seed.then(|| vec![1; 20]);
            account.temporary = temporary;
            assert_eq!(
                account.next_need(rule, shown),
                expected,
                "{roles:?} {seed} {temporary} {rule:?} {shown}"
            );
        };
        check(&[Role::Doctor], false, true, Required, false, Some(OwnPassword));
        check(&[Role::Doctor], false, false, Required, false, Some(Enrolment));
        check(&[Role::Doctor], true, true, Required, false, Some(Second));
        check(&[Role::Doctor], true, true, Required, true, Some(OwnPassword));
        check(&[Role::Doctor], true, false, Required, true, None);
        check(&[Role::Reception], false, false, Required, false, None);
        check(&[Role::Reception], true, false, Required, false, Some(Second));
        check(&[Role::Reception, Role::Nurse], false, false, Required, false, Some(Enrolment));
        check(&[Role::Owner], false, false, Optional, false, None);
        check(&[Role::Owner], true, false, Optional, false, Some(Second));
        check(&[Role::Owner], false, true, Optional, false, Some(OwnPassword));
    }

    #[test]
    fn names_are_checked() {
        for (given, expected) in [
            ("Asha", Ok("asha")),
            (" dr.rao_2 ", Ok("dr.rao_2")),
            ("owner", Ok("owner")),
            ("a", Err(BadName::Username)),
            ("2asha", Err(BadName::Username)),
            ("asha rao", Err(BadName::Username)),
            ("आशा", Err(BadName::Username)),
            ("admin", Err(BadName::Shared("admin"))),
            ("Staff", Err(BadName::Shared("staff"))),
        ] {
            assert_eq!(username(given), expected.map(str::to_owned), "{given}");
        }
        assert_eq!(shown_name("  Dr  Asha   Rao "), Ok("Dr Asha Rao".to_owned()));
        assert_eq!(shown_name("डॉ. आशा राव"), Ok("डॉ. आशा राव".to_owned()));
        assert_eq!(shown_name(" \n "), Err(BadName::Name));
        assert_eq!(shown_name(&"x".repeat(101)), Err(BadName::Name));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut account = account(&[Role::Owner]);
        account.password = "hash-of-it".into();
        account.seed = Some(vec![77; 20]);
        let shown = format!("{account:?}");
        assert!(!shown.contains("hash-of-it") && !shown.contains("77") && !shown.contains("Asha"), "{shown}");
    }
}
