//! `clinicvault hl7`: files of HL7 v2 messages and recorded lines of analysers without a box, and a line to try a peer out: nothing is stored.

mod listen;
mod read;
mod send;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use clinicvault_gateway::json::{Object, Value};
use clinicvault_gateway::map::clinic::Maps;
use clinicvault_gateway::map::meaning::{Label, Row};
use clinicvault_gateway::map::report::{MappingReport, Unmapped};
use jiff::tz::TimeZone;

use super::{WrongUse, note, say};
use read::Found;

#[derive(Debug, Subcommand)]
pub enum Hl7 {
    /// Print the FHIR transaction that the messages of a file become
    ///
    /// Reads HL7 v2 (one message, several, or a batch, with or without MLLP frames) and recorded lines of laboratory
    /// analysers (LIS1-A frames or bare LIS2-A2 records), whichever the file holds. One Bundle a message; of an
    /// analyser's message, one for each order that is stored on its own.
    Convert(File),
    /// Print what was used of each message and what was not, as JSON
    Report(File),
    /// Print what each message says, in words
    Explain(File),
    /// Send each message of a file to a receiver of MLLP and print its acknowledgement
    Send(send::Send),
    /// Print what arrives over MLLP and acknowledge it; nothing is stored
    Listen(listen::Listen),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every message could be read, 1 one could not (the reason is on stderr), 2 wrong usage."
)]
pub struct File {
    /// File to read; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Zone of times that state none
    #[arg(long, value_name = "ZONE", default_value = "Asia/Kolkata")]
    zone: String,
    /// Component of an analyser's specimen id (O-3) that holds the sample number
    #[arg(long, value_name = "N", default_value_t = 1)]
    sample: u16,
    /// The clinic's own codes and rules for Z-segments, in the form of /api/hl7/maps
    #[arg(long, value_name = "FILE")]
    maps: Option<PathBuf>,
}

/// Runs the sub-command.
pub fn run(command: &Hl7) -> anyhow::Result<()> {
    let file = match command {
        Hl7::Convert(file) | Hl7::Report(file) | Hl7::Explain(file) => file,
        Hl7::Send(command) => return send::run(command),
        Hl7::Listen(command) => return listen::run(command),
    };
    let zone = TimeZone::get(&file.zone)
        .map_err(|_| WrongUse(format!("{}: no such time zone; write one like Asia/Kolkata", file.zone)))?;
    let name = file.file.display();
    let mut failed = 0;
    let maps = file.maps.as_deref().map(maps).transpose()?.unwrap_or_default();
    for found in read::file(&file.file, &zone, file.sample, &maps)? {
        match (found, command) {
            (Found::Message(message), Hl7::Convert(_)) => say(message.bundle.pretty()),
            (Found::Message(message), Hl7::Report(_)) => {
                say(report(&message.title, &message.report).pretty())
            }
            (Found::Message(message), Hl7::Explain(_)) => {
                say(&message.title);
                message.rows.iter().for_each(|row| say(words(row)));
                message.report.warnings.iter().for_each(|w| say(format!("  ! {} {}", w.path, w.text)));
            }
            // Done before.
            (_, Hl7::Send(_) | Hl7::Listen(_)) => {}
            (Found::Printout(text), Hl7::Explain(_)) => {
                say("Print-out of an analyser, verified by nothing");
                say(format!("  {text}"));
            }
            (Found::Printout(_), _) => {
                note(format_args!(
                    "{name}: a print-out without a checksum: nothing vouches for its values, so none is converted \
                     (explain shows the text)"
                ));
                failed += 1;
            }
            (Found::Refused(why), _) => {
                note(format_args!("{name}: {why}"));
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} could not be converted");
    }
    Ok(())
}

/// Reads a document of maps.
fn maps(file: &Path) -> anyhow::Result<Maps> {
    let bytes = read::bytes(file)?;
    Maps::read(&bytes).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|f| format!("  {}: {}", f.place, f.reason)).collect();
        WrongUse(format!("{}: these maps cannot be used:\n{}", file.display(), faults.join("\n"))).into()
    })
}

fn report(title: &str, report: &MappingReport) -> Value {
    let places = |all: &[Unmapped]| -> Vec<Value> {
        all.iter()
            .map(|one| Object::new().with("path", one.path.as_str()).with("value", one.value.as_str()).into())
            .collect()
    };
    let warnings: Vec<Value> = report
        .warnings
        .iter()
        .map(|w| {
            Object::new()
                .with("path", w.path.as_str())
                .with("code", w.code)
                .with("text", w.text.as_str())
                .into()
        })
        .collect();
    Object::new()
        .with("message", title)
        .with("used", report.used as u64)
        .with("unmapped", places(&report.unmapped))
        .with("unknownCodes", places(&report.unknown_codes))
        .with("warnings", warnings)
        .into()
}

fn words(row: &Row) -> String {
    let label = match &row.label {
        Label::Key(key) => key,
        Label::Text(text) => text.as_str(),
    };
    let flag = row.flag.as_ref().map_or(String::new(), |flag| format!(", flag {flag}"));
    let range = row.range.as_ref().map_or(String::new(), |range| format!(", range {range}"));
    let value = if row.value.is_empty() { "no value" } else { &row.value };
    format!("  {label}: {value}{flag}{range}")
}
