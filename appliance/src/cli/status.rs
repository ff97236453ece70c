//! `clinicvault status`: does a box run on the data folder, and how is it.

use anyhow::bail;
use clap::Args;
use clinicvault_vault::is_initialised;

use super::place::Place;
use super::{reach, say};
use crate::admin::socket::{Answer, Request};

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    place: Place,
}

/// Prints a few `key value` lines. Exit code 1 when no box runs.
pub fn run(command: &Status) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let data = config.storage.data.display();
    match reach::ask_running(&config, &Request::Status)? {
        Some(Answer::Status { state, version, clinic, tx }) => {
            say(format_args!("running yes\nstate {state}\nversion {version}\ndata {data}"));
            if let Some(clinic) = clinic {
                say(format_args!("clinic {clinic}"));
            }
            if let Some(tx) = tx {
                say(format_args!("tx {tx}"));
            }
            Ok(())
        }
        Some(other) => bail!("the box answered something else: {other:?}"),
        None => {
            let vault = if is_initialised(&config.storage.data) { "present" } else { "none" };
            say(format_args!("running no\nvault {vault}\ndata {data}"));
            bail!("no box runs on {data}; start it with: clinicvault serve --data {data}")
        }
    }
}
