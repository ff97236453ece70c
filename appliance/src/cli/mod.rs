//! The command line. One file a sub-command; `anyhow` lives here and nowhere below.

mod config;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code when the command was understood but did not succeed. (clap itself exits with 2 on wrong usage.)
const FAILED: u8 = 1;

/// ClinicVault: a clinic's record box.
#[derive(Debug, Parser)]
#[command(name = "clinicvault", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at the settings.
    #[command(subcommand)]
    Config(config::Command),
}

/// Parses the arguments of this process and runs the command; errors go to stderr with their chain.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Config(command) => config::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(FAILED)
        }
    }
}

#[allow(clippy::print_stderr)]
fn complain(error: &anyhow::Error) {
    eprintln!("clinicvault: {error:#}");
}

/// Prints one line to stdout.
#[allow(clippy::print_stdout)]
fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
