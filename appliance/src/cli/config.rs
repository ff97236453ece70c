//! `clinicvault config show`: the effective settings.

use std::path::PathBuf;

use clap::Subcommand;

use super::say;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the effective settings as a commented TOML file: defaults, then the file, then CLINICVAULT_SECTION_KEY
    /// variables.
    Show {
        /// Settings file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Runs the sub-command.
pub fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Show { config } = command;
    say(Config::load(config.as_deref(), environment())?.show().trim_end());
    Ok(())
}

/// The environment as pairs; variables that are not text cannot be settings and are left out.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
}
