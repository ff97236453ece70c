//! `clinicvault init`: a clinic without a browser.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;

use super::place::{self, How, Place};
use super::{note, say};
use crate::admin::account;
use crate::admin::setup::{self, NewClinic, UnlockBy};
use crate::app::opening::{self, vault_options};
use crate::clock::SystemClock;

#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    place: Place,
    /// Name of the owner; the sign-in name is made from it and printed
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// File whose first line is the owner's password
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Name of the clinic
    #[arg(long, value_name = "NAME", default_value = "Clinic")]
    clinic: String,
    /// Town or quarter of the clinic
    #[arg(long, value_name = "PLACE", default_value = "")]
    place_name: String,
    /// The owner treats patients too
    #[arg(long)]
    also_doctor: bool,
}

/// Makes the vault, prints the recovery key once.
pub fn run(command: &Init) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let unlock = match command.place.unlock.as_ref().unwrap_or(&How::KeyFile) {
        How::KeyFile => UnlockBy::KeyFile,
        How::Credential => UnlockBy::Credential(
            opening::credential()
                .context("no service credential: LoadCredential= of systemd hands one over")?,
        ),
        How::PassphraseFile(file) => UnlockBy::Passphrase(place::first_line(file)?),
        How::RecoveryFile(_) => bail!("init makes the recovery key itself; choose another way for --unlock"),
    };
    let by_file = matches!(unlock, UnlockBy::KeyFile);
    let username = account::username_from(&command.owner);
    let clock = Arc::new(SystemClock);
    let new = NewClinic {
        name: command.clinic.clone(),
        place: command.place_name.clone(),
        phone: String::new(),
        registration: String::new(),
        language: "en".to_owned(),
        owner_name: command.owner.clone(),
        owner_username: username.clone(),
        owner_password: place::first_line(&command.password_file)?,
        also_doctor: command.also_doctor,
        unlock,
        recovery_confirmed: true,
    };
    let made = setup::create(&config, new, vault_options(&config, clock.clone()), clock)
        .with_context(|| format!("cannot set up a clinic in {}", config.storage.data.display()))?;
    say(format_args!("vault made in {}", config.storage.data.display()));
    say(format_args!("the owner signs in as {username}"));
    say("recovery key, shown only now; write it down and keep it away from this machine:");
    for (number, group) in made.recovery.groups().iter().enumerate() {
        say(format_args!("  {:>2}  {group}", number + 1));
    }
    if by_file {
        note(
            "the key file lies beside the vault: whoever takes this disk can read it. Use --unlock \
              passphrase-file:FILE or credential where theft is likely.",
        );
    }
    made.vault.close().context("the vault did not close")
}
