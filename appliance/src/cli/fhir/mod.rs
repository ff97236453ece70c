//! `clinicvault fhir`: FHIR files without a box: nothing is stored, no vault is opened.

mod convert;
mod file;
mod path;
mod validate;
mod view;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Fhir {
    /// Write a resource in another form
    ///
    /// Reads JSON, XML or ndjson, whichever the file holds, and writes the result to stdout. XML is pretty; ndjson is
    /// one compact resource a line. A file of several ndjson lines becomes several JSON documents.
    Convert(convert::Convert),
    /// Evaluate a FHIRPath expression over files
    Path(path::Path),
    /// Check files against R4, terminology and profiles
    Validate(validate::Validate),
    /// Show files as a table by a ViewDefinition (SQL on FHIR)
    View(view::View),
}

/// Runs the sub-command.
pub fn run(command: &Fhir) -> anyhow::Result<()> {
    match command {
        Fhir::Convert(command) => convert::run(command),
        Fhir::Path(command) => path::run(command),
        Fhir::Validate(command) => validate::run(command),
        Fhir::View(command) => view::run(command),
    }
}
