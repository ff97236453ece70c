//! `clinicvault ca`: the certificate of the clinic's own authority.

use anyhow::{Context as _, bail};
use clap::Args;

use super::place::Place;
use super::{note, reach, say};
use crate::admin::socket::{Answer, Request};

#[derive(Debug, Args)]
pub struct Ca {
    #[command(flatten)]
    place: Place,
}

/// Prints the certificate as PEM. Without a running box it is read from the data folder: it is no secret.
pub fn run(command: &Ca) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    match reach::ask_running(&config, &Request::Ca)? {
        Some(Answer::Ca { pem, fingerprint }) => {
            note(format_args!("SHA-256 {fingerprint}"));
            say(pem.trim_end());
            Ok(())
        }
        Some(Answer::Refused { message }) => bail!("{message}"),
        Some(other) => bail!("the box answered something else: {other:?}"),
        None => {
            let path = config.storage.data.join("tls").join("ca.crt");
            let pem = std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "there is no certificate in {}; start the box once with clinicvault serve",
                    path.display()
                )
            })?;
            say(pem.trim_end());
            Ok(())
        }
    }
}
