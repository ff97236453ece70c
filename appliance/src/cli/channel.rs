//! `clinicvault channel`: documents of channels, as TOML or JSON files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use clinicvault_gateway::fhir::outcome::Outcome;

use super::place::Place;
use super::{reach, say};
use crate::admin::socket::{self, Answer, Request};
use crate::exchange::channels::document::Channel;
use crate::records::access::Actor;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a document without a box; says every place that is wrong
    Check(Check),
    /// Write a document into the box; a running box starts the channel at once
    Put(Put),
    /// Print the JSON Schema of documents
    Schema,
}

#[derive(Debug, Args)]
pub struct Check {
    /// A document: NAME.toml or NAME.json
    file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    place: Place,
    /// A document: NAME.toml or NAME.json
    file: PathBuf,
    /// Change the channel only if this is its version
    #[arg(long, value_name = "NUMBER")]
    expect: Option<u64>,
}

/// Carries a command out.
pub fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check(check) => {
            let channel = read(&check.file)?;
            say(format_args!("{}: the document of channel {} is right", check.file.display(), channel.name));
            Ok(())
        }
        Command::Put(put) => {
            let channel = read(&put.file)?;
            let request = Request::ChannelPut { document: channel.to_value(), version: put.expect };
            let config = put.place.settings()?;
            let answer = match reach::ask_running(&config, &request)? {
                Some(answer) => answer,
                None => reach::with_app(&put.place, config, async |app| {
                    let channels = app.rooms()?.exchange.channels().clone();
                    let who = Arc::new(Actor::operator("command line"));
                    Ok(tokio::task::spawn_blocking(move || socket::put_channel(&channels, &who, request))
                        .await?)
                })?,
            };
            match answer {
                Answer::Channel { name, version } => {
                    say(format_args!("channel {name} is at version {version}"));
                    Ok(())
                }
                Answer::Refused { message } => bail!("{message}"),
                other => bail!("the box answered something else: {other:?}"),
            }
        }
        Command::Schema => {
            say(serde_json::to_string_pretty(&crate::exchange::channels::schema::document())?);
            Ok(())
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Channel> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let read = if file.extension().is_some_and(|ending| ending == "json") {
        Channel::from_json(text.as_bytes())
    } else {
        Channel::from_toml(&text)
    };
    read.map_err(|outcome| anyhow::anyhow!("{}: {}", file.display(), told(&outcome)))
}

/// Every place with what is wrong there, one a line.
fn told(outcome: &Outcome) -> String {
    let line = |issue: &clinicvault_gateway::fhir::outcome::Issue| match issue.expression.first() {
        Some(place) => format!("{place}: {}", issue.diagnostics),
        None => issue.diagnostics.clone(),
    };
    outcome.issues.iter().map(line).collect::<Vec<_>>().join("\n")
}
