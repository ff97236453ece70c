//! The command line. One file a sub-command; `anyhow` lives here and nowhere below.

mod ca;
mod channel;
mod config;
mod demo;
mod export;
mod fhir;
mod hl7;
mod import;
mod init;
mod model;
mod place;
mod reach;
mod serve;
mod setup_code;
mod status;
mod terminology;
mod token;
mod transcribe;
mod user;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code when the command was understood but did not succeed. (clap itself exits with 2 on wrong usage.)
const FAILED: u8 = 1;
/// Exit code of wrong usage, as clap has it.
const WRONG: u8 = 2;

/// What was asked for cannot be done with what was given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// ClinicVault: a clinic's own record box.
///
/// Keeps FHIR records encrypted on this machine, takes in HL7 v2 messages and FHIR bundles, and serves the clinic's
/// web application. Start with `clinicvault serve` and open the address that it prints.
#[derive(Debug, Parser)]
#[command(name = "clinicvault", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 not done (the reason is on stderr), 2 wrong usage.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a clinic without a browser and print its recovery key once
    Init(init::Init),
    /// Run the box
    ///
    /// Prints `listening https|http|mllp ADDR:PORT` for each listener and then `ready`. Without a vault in the data
    /// folder it prints one address and a one-time setup code. Stops cleanly on SIGTERM.
    Serve(serve::Serve),
    /// Print where a new box is reached and the one-time code that sets it up
    SetupCode(setup_code::SetupCode),
    /// Make a bearer token for a machine client
    ///
    /// Works while the box runs and while it does not. The token is printed alone on one line, this once.
    Token(token::Token),
    /// Add, list or disable accounts
    #[command(subcommand)]
    User(user::User),
    /// Look at the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Say whether a box runs on the data folder and how it is
    Status(status::Status),
    /// Take in FHIR bundles and ndjson files
    ///
    /// A file that was imported before is passed over, and an import that was cut short goes on where it stopped. A
    /// bad record is reported with its file, line and reason; the rest goes in. Transaction and batch bundles are
    /// taken as they say; other bundles and bare resources are stored under the ids they have.
    Import(import::Import),
    /// Write every record as ndjson, one file a type
    Export(export::Export),
    /// Open every record, check the audit log, print counts
    Verify(verify::Verify),
    /// Work on FHIR files without a box
    #[command(subcommand)]
    Fhir(fhir::Fhir),
    /// Work on files of HL7 v2 messages and of laboratory analysers without a box
    #[command(subcommand)]
    Hl7(hl7::Hl7),
    /// Check and write documents of channels
    #[command(subcommand)]
    Channel(channel::Command),
    /// Load large code systems, such as LOINC or ICD-10, from files
    #[command(subcommand)]
    Terminology(terminology::Terminology),
    /// Fetch, bring, list and test the models of transcription
    #[command(subcommand)]
    Model(model::Model),
    /// Say what was said in a recording, without a box
    Transcribe(transcribe::Transcribe),
    /// Be a transcription worker, for a service manager that hands over a connection as standard input and output
    #[command(hide = true)]
    ScribeWorker,
    /// Print the certificate of the clinic's own authority
    Ca(ca::Ca),
    /// Print the interface of the screens as an OpenAPI document (JSON)
    Openapi,
    /// Make an invented clinic with a year of history to look at
    ///
    /// Some fifty people who do not exist, their visits, results, medicines and documents, messages in the inbox, and
    /// accounts for each role. Prints the names and the password to sign in with. Never mix it with real records.
    Demo(demo::Demo),
}

/// Parses the arguments of this process and runs the command; errors go to stderr with their chain.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Init(command) => init::run(command),
        Command::Serve(command) => serve::run(command),
        Command::SetupCode(command) => setup_code::run(command),
        Command::Token(command) => token::run(command),
        Command::User(command) => user::run(command),
        Command::Config(command) => config::run(command),
        Command::Status(command) => status::run(command),
        Command::Import(command) => import::run(command),
        Command::Export(command) => export::run(command),
        Command::Verify(command) => verify::run(command),
        Command::Fhir(command) => fhir::run(command),
        Command::Hl7(command) => hl7::run(command),
        Command::Channel(command) => channel::run(command),
        Command::Terminology(command) => terminology::run(command),
        Command::Model(command) => model::run(command),
        Command::Transcribe(command) => transcribe::run(command),
        Command::ScribeWorker => crate::scribe::become_worker(),
        Command::Ca(command) => ca::run(command),
        Command::Openapi => openapi(),
        Command::Demo(command) => demo::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("clinicvault: {error:#}"));
            ExitCode::from(if error.is::<WrongUse>() { WRONG } else { FAILED })
        }
    }
}

fn openapi() -> anyhow::Result<()> {
    say(crate::http::openapi::document()?);
    Ok(())
}

/// Prints one line to stdout. A reader that has gone is no reason to fail.
fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// Prints one line to stderr.
fn note(line: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
