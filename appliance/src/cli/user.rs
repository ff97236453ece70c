//! `clinicvault user add | list | disable`

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::place::{Place, first_line};
use super::{reach, say};
use crate::admin::socket::{Answer, Request};
use crate::records::access::Role;

#[derive(Debug, Subcommand)]
pub enum User {
    /// Add an account; its first sign-in asks for a new password
    Add {
        #[command(flatten)]
        place: Place,
        /// Sign-in name
        username: String,
        /// Name that people see [default: the sign-in name]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A role; repeat it for several: owner, doctor, nurse, reception, dispenser, lab, cashier, auditor
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// File whose first line is the temporary password
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Disable an account; its sessions end at once
    Disable {
        #[command(flatten)]
        place: Place,
        /// Sign-in name
        username: String,
    },
}

/// Runs the sub-command.
pub fn run(command: &User) -> anyhow::Result<()> {
    match command {
        User::Add { place, username, name, roles, password_file } => {
            let roles = roles.iter().map(|role| role_of(role)).collect::<anyhow::Result<Vec<_>>>()?;
            let request = Request::UserAdd {
                name: name.clone().unwrap_or_else(|| username.clone()),
                username: username.clone(),
                roles,
                password: first_line(password_file)?.to_string(),
            };
            reach::ask(place, request)?;
            say(format_args!("added {username}"));
        }
        User::List { place } => match reach::ask(place, Request::UserList)? {
            Answer::Users { users } => {
                for user in users {
                    let roles: Vec<&str> = user.roles.iter().map(|role| role.as_str()).collect();
                    let state = if user.disabled { "disabled" } else { "active" };
                    say(format_args!("{}\t{}\t{}\t{state}", user.username, user.name, roles.join(",")));
                }
            }
            other => bail!("the box answered something else: {other:?}"),
        },
        User::Disable { place, username } => {
            reach::ask(place, Request::UserDisable { username: username.clone() })?;
            say(format_args!("disabled {username}"));
        }
    }
    Ok(())
}

fn role_of(text: &str) -> anyhow::Result<Role> {
    serde_json::from_value(serde_json::Value::String(text.to_ascii_lowercase())).ok().with_context(|| {
        format!("{text} is no role: owner, doctor, nurse, reception, dispenser, lab, cashier or auditor")
    })
}
