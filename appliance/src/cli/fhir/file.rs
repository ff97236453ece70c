//! The resources of a file on the command line: .json, .xml or .ndjson; `-` is JSON on stdin.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use clinicvault_gateway::fhir::outcome::Outcome;
use clinicvault_gateway::fhir::xml;
use clinicvault_gateway::json::{self, Limits, Value};

/// Largest file that is read.
const MOST_BYTES: usize = 512 * 1024 * 1024;

/// A resource of a file, with its line where there are several.
pub type Read = (Option<usize>, Result<Value, Outcome>);

/// The resources of a file; `comments` in JSON are passed over.
pub fn read(file: &Path, comments: bool) -> anyhow::Result<Vec<Read>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MOST_BYTES as u64)
            .read_to_end(&mut bytes)
            .context("cannot read stdin")?;
    } else {
        bytes = std::fs::read(file).context("cannot read the file")?;
    }
    let limits = Limits::bytes(MOST_BYTES);
    let kind = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if comments && kind != "xml" {
        json::blank_comments(&mut bytes);
    }
    Ok(match kind {
        "xml" => vec![(None, xml::read(&bytes, &limits).map_err(Outcome::from))],
        "ndjson" => bytes
            .split(|b| *b == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .map(|(n, line)| (Some(n + 1), json::parse(line, &limits).map_err(Outcome::from)))
            .collect(),
        _ => vec![(None, json::parse(&bytes, &limits).map_err(Outcome::from))],
    })
}
