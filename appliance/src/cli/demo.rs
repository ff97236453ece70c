//! `clinicvault demo`: an invented clinic to look at.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use clinicvault_vault::is_initialised;
use indicatif::{ProgressBar, ProgressStyle};
use zeroize::Zeroizing;

use super::place::Place;
use super::{reach, say};
use crate::admin::setup::{self, NewClinic, UnlockBy};
use crate::app::opening::vault_options;
use crate::clock::{Clock, SystemClock};
use crate::demo::{self, house, install};

/// The password of every account of the demo. It is printed, and it guards nothing but invented people.
const PASSWORD: &str = "eleven mangoes on a bicycle";

#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    place: Place,
    /// Another seed makes another year of history for the same people
    #[arg(long, value_name = "NUMBER", default_value_t = demo::SEED)]
    seed: u64,
    /// The day the year of history ends [default: today in the clinic's zone]
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<jiff::civil::Date>,
}

/// Makes a vault with a key file and fills it.
pub fn run(command: &Demo) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let data = config.storage.data.clone();
    if is_initialised(&data) {
        bail!("there is a clinic in {} already; name another folder with --data", data.display());
    }
    let clock = Arc::new(SystemClock);
    let [owner, ..] = house::USERS else { bail!("the demo has no owner") };
    let new = NewClinic {
        name: house::NAME.to_owned(),
        place: house::PLACE.to_owned(),
        phone: house::PHONE.to_owned(),
        registration: house::REGISTRATION.to_owned(),
        language: "en".to_owned(),
        owner_name: owner.name.to_owned(),
        owner_username: owner.username.to_owned(),
        owner_password: Zeroizing::new(PASSWORD.to_owned()),
        also_doctor: owner.roles.contains(&"doctor"),
        unlock: UnlockBy::KeyFile,
        recovery_confirmed: true,
    };
    let made = setup::create(&config, new, vault_options(&config, clock.clone()), clock.clone())
        .with_context(|| format!("cannot set up the demo in {}", data.display()))?;
    made.vault.close().context("the vault did not close")?;
    reach::with_app(&command.place, config, async |app| {
        let now = clock.now().to_zoned(app.zone()).datetime();
        let now = command.today.map_or(now, |today| today.to_datetime(now.time()));
        let bar =
            ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:40} {pos} of {len} people")?);
        let step = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        // Noted while the vault is empty, so that the box need not go through the demo's records when it starts.
        let records = app.rooms()?.records.clone();
        tokio::task::spawn_blocking(move || records.renew_some()).await??;
        install::install(&*app.rooms()?, demo::generate(command.seed, now), PASSWORD, step).await?;
        bar.finish_and_clear();
        app.rooms()?.people.close().await.map_err(anyhow::Error::from)
    })?;
    say(format_args!("{}, {}: an invented clinic in {}", house::NAME, house::PLACE, data.display()));
    say(format_args!("sign in with one of these names and the password: {PASSWORD}"));
    for user in house::USERS {
        say(format_args!("  {:<8}  {} ({})", user.username, user.name, user.roles.join(", ")));
    }
    say("the second factor is left out while the box runs with CLINICVAULT_SESSIONS_SECOND_FACTOR=optional");
    Ok(())
}
