//! Asking the box: over the control socket while it runs, else by opening the vault here.

use std::io;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::place::Place;
use crate::admin::socket::{self, Answer, Request};
use crate::app::{App, Slot};
use crate::clock::SystemClock;
use crate::config::Config;

/// Sends `request` to the box that runs on the data folder; opens the vault and does the same here when none runs.
pub fn ask(place: &Place, request: Request) -> anyhow::Result<Answer> {
    let config = place.settings()?;
    if let Some(answer) = ask_running(&config, &request)? {
        return accepted(answer);
    }
    with_app(place, config, async |app| {
        let rooms = app.rooms()?;
        let answer = socket::change(&rooms.people, request).await?;
        rooms.people.close().await?;
        accepted(answer)
    })
}

/// Asks the running box only; none when no box runs on the data folder.
pub fn ask_running(config: &Config, request: &Request) -> anyhow::Result<Option<Answer>> {
    let data = &config.storage.data;
    if !data.is_dir() {
        bail!("there is no folder {}; say where the vault is with --data", data.display());
    }
    match socket::ask(data, request) {
        Ok(answer) => Ok(answer),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            bail!("a box runs on {} but belongs to another user; run this as that user", data.display())
        }
        Err(error) => Err(error).context("the running box did not answer"),
    }
}

/// Opens the vault, runs `work` with the rooms around it, closes it again.
pub fn with_app<T>(
    place: &Place,
    config: Config,
    work: impl AsyncFnOnce(App) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let vault = place.open(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::new(config, Arc::new(SystemClock), Slot::Sealed)?;
        app.enter(vault.clone())?;
        let done = work(app.clone()).await;
        app.seal();
        tokio::task::spawn_blocking(move || vault.close()).await?.context("the vault did not close")?;
        done
    })
}

fn accepted(answer: Answer) -> anyhow::Result<Answer> {
    match answer {
        Answer::Refused { message } => bail!("{message}"),
        other => Ok(other),
    }
}
