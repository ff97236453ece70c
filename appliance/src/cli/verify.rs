//! `clinicvault verify`: opens every record, checks the audit log, prints counts.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::place::Place;
use super::{note, say};
use crate::admin::errands::{self, Client, Errand, Report};
use crate::clock::SystemClock;
use crate::records::Records;

#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
}

/// Prints what was found. Exit code 1 when something does not fit.
pub fn run(command: &Verify) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("checking {bar:30} {percent}%") {
        bar.set_style(style);
    }
    let mut progress = |part: f64| bar.set_position((part * 1000.0) as u64);
    let report = match Client::begin(&config.storage.data, Errand::Verify)? {
        Some(mut client) => client.verify(&mut progress)?,
        None => {
            let vault = command.place.open(&config)?;
            let records = Records::new(vault, Arc::new(SystemClock), jiff::tz::TimeZone::UTC);
            let report = errands::verify(&records, &mut progress);
            records.vault().close().context("the vault did not close")?;
            report?
        }
    };
    bar.finish_and_clear();
    tell(&report)
}

fn tell(report: &Report) -> anyhow::Result<()> {
    for (kind, count) in &report.records {
        say(format_args!("{kind} {count}"));
    }
    say(format_args!("records {}", report.records.iter().map(|(_, count)| count).sum::<u64>()));
    say(format_args!("versions {}", report.versions));
    say(format_args!("audit lines {}, checkpoints {}", report.audit_lines, report.checkpoints));
    if report.faults == 0 {
        say("sound: every version opens and the audit log fits");
        return Ok(());
    }
    for fault in &report.listed {
        note(fault);
    }
    bail!("{} faults; restore from a backup and keep this folder for examination", report.faults)
}
