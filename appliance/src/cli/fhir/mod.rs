//! `clinicvault fhir`: FHIR files without a box: nothing is stored, no vault is opened.

pub mod validate;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Fhir {
    /// Check files against R4, terminology and profiles
    Validate(validate::Validate),
}

/// Runs the sub-command.
pub fn run(command: &Fhir) -> anyhow::Result<()> {
    match command {
        Fhir::Validate(command) => validate::run(command),
    }
}
