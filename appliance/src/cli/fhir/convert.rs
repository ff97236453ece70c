//! `clinicvault fhir convert`: JSON, XML and ndjson into one another.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use clinicvault_gateway::fhir::outcome::Outcome;
use clinicvault_gateway::fhir::xml::{self, Style};
use clinicvault_gateway::fhir::{ndjson, validate};
use clinicvault_gateway::json::{self, Limits, Value};

use super::super::{note, say};

/// Largest file that is read, bytes.
const MOST_BYTES: usize = 1 << 30;

/// A form to write.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum To {
    Json,
    Xml,
    Ndjson,
}

#[derive(Debug, Args)]
pub struct Convert {
    /// File to read
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Form to write; without it XML becomes JSON and JSON becomes XML
    #[arg(long, value_enum)]
    to: Option<To>,
}

/// Reads the file and prints it in the other form. What breaks a rule of R4 is said on stderr and written all the same.
pub fn run(command: &Convert) -> anyhow::Result<()> {
    let shown = command.file.display();
    let bytes = std::fs::read(&command.file).with_context(|| format!("{shown} cannot be read"))?;
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_start();
    let is_xml = start.first() == Some(&b'<');
    let limits = Limits { max_bytes: MOST_BYTES, max_depth: Limits::bytes(0).max_depth };
    let resources = read(&bytes, is_xml, &limits).with_context(|| format!("{shown} is not FHIR"))?;
    for resource in &resources {
        for issue in validate::structure(resource) {
            note(format_args!("{shown}: {issue}"));
        }
    }
    let to = command.to.unwrap_or(if is_xml { To::Json } else { To::Xml });
    match (to, resources.as_slice()) {
        (To::Xml, [one]) => {
            let text = xml::write(one, Style::Pretty).map_err(|outcome| anyhow::anyhow!("{outcome}"))?;
            say(String::from_utf8_lossy(&text).trim_end());
        }
        (To::Xml, several) => bail!("an XML document holds one resource, the file holds {}", several.len()),
        (To::Json, all) => all.iter().for_each(|resource| say(resource.pretty())),
        (To::Ndjson, all) => all.iter().for_each(say),
    }
    Ok(())
}

fn read(bytes: &[u8], is_xml: bool, limits: &Limits) -> anyhow::Result<Vec<Value>> {
    if is_xml {
        return Ok(vec![xml::read(bytes, limits)?]);
    }
    match json::parse(bytes, limits) {
        Ok(resource) => Ok(vec![resource]),
        // Several lines, each a resource: then every line reads on its own, the first one too.
        Err(whole) => {
            let mut lines = ndjson::lines(bytes, limits).peekable();
            if lines.peek().is_none_or(|(_, first)| first.is_err()) {
                return Err(whole.into());
            }
            let named = |(n, line): (usize, Result<Value, json::JsonError>)| {
                line.map_err(|error| anyhow::anyhow!("line {n}: {}", Outcome::from(error)))
            };
            lines.map(named).collect()
        }
    }
}
