//! `clinicvault terminology load`: large code systems become packed files that the box reads in place.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use clinicvault_gateway::fhir::terminology::packed::{Packer, Slab, Summary, Table};
use clinicvault_gateway::fhir::terminology::{Concept, TermError};
use clinicvault_gateway::json::{Limits, Object, Value, parse};
use sha2::{Digest as _, Sha256};

use super::place::Place;
use super::{WrongUse, say};
use crate::records::conformance::{ENDING, OnDisk};

#[derive(Debug, Subcommand)]
pub enum Terminology {
    /// Load a code system from files into the box's folder of terminology
    ///
    /// Takes CodeSystem resources as .json, or as .ndjson with any number of fragments of one system, and tables as .csv
    /// or .tsv whose first line names the columns: code, display, definition, parent (several with ; between them),
    /// inactive, abstract, designation:LANGUAGE; other columns become properties. A table of LOINC is known by its own
    /// column names. All files of one call are one system. A running box uses it at once.
    Load(Load),
}

#[derive(Debug, Args)]
pub struct Load {
    /// Files of one code system
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Canonical address of the system; needed for tables
    #[arg(long, value_name = "URL")]
    system: Option<String>,
    /// Version of the system
    #[arg(long, value_name = "VERSION")]
    system_version: Option<String>,
    /// Name of the system for people
    #[arg(long)]
    name: Option<String>,
    /// The files hold only some of its codes: one that is not there may still exist
    #[arg(long)]
    fragment: bool,
    #[command(flatten)]
    place: Place,
}

/// Longest line of a table or of ndjson, bytes.
const MOST_LINE: u64 = 64 << 20;

/// Runs the sub-command.
pub fn run(command: &Terminology) -> anyhow::Result<()> {
    let Terminology::Load(load) = command;
    let config = load.place.settings()?;
    let folder = config.fhir.terminology(&config.storage.data);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut work = Work::begin(load, &folder)?;
    for file in &load.files {
        work.file(file).with_context(|| file.display().to_string())?;
    }
    let (url, summary) = work.finish(&folder)?;
    let Summary { concepts, links, missing } = summary;
    say(format_args!("{url}: {concepts} concepts, {links} stand below another"));
    if missing > 0 {
        say(format_args!("{missing} times a parent is named that is not there"));
    }
    Ok(())
}

struct Work {
    packer: Packer<Spool>,
    spool: PathBuf,
    head: Object,
}

/// Where concepts wait until all are known: a file that is written, then read.
struct Spool {
    out: BufWriter<File>,
    back: OnDisk,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.back.fmt(f)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Slab for Spool {
    fn read(&self, at: u64, into: &mut [u8]) -> bool {
        self.back.read(at, into)
    }

    fn size(&self) -> u64 {
        self.back.size()
    }
}

impl Work {
    fn begin(load: &Load, folder: &Path) -> anyhow::Result<Self> {
        let spool = folder.join(format!("load-{}.tmp", std::process::id()));
        let out = BufWriter::new(File::create(&spool)?);
        let back = OnDisk(File::open(&spool)?);
        let content = if load.fragment { "fragment" } else { "complete" };
        let head = Object::new()
            .with_some("url", load.system.as_deref())
            .with_some("version", load.system_version.as_deref())
            .with_some("name", load.name.as_deref())
            .with("content", content)
            .with("caseSensitive", true);
        Ok(Self { packer: Packer::new(Spool { out, back }, true), spool, head })
    }

    fn file(&mut self, file: &Path) -> anyhow::Result<()> {
        let mut lines = BufReader::new(File::open(file).context("cannot read the file")?);
        match file.extension().and_then(|e| e.to_str()).unwrap_or_default() {
            "json" => self.resource(&std::fs::read(file)?),
            "ndjson" => {
                let mut number = 0u64;
                while let Some(line) = next_line(&mut lines)? {
                    number += 1;
                    if !line.trim().is_empty() {
                        self.resource(line.as_bytes()).with_context(|| format!("line {number}"))?;
                    }
                }
                Ok(())
            }
            "csv" => self.table(&mut lines, ','),
            "tsv" | "txt" => self.table(&mut lines, '\t'),
            _ => Err(WrongUse("the name of a file ends in .json, .ndjson, .csv or .tsv".to_owned()).into()),
        }
    }

    fn table(&mut self, lines: &mut BufReader<File>, separator: char) -> anyhow::Result<()> {
        let head = next_line(lines)?.context("it is empty")?;
        let table = Table::of(&head, separator).map_err(anyhow::Error::msg)?;
        let mut number = 1u64;
        while let Some(mut line) = next_line(lines)? {
            number += 1;
            while table.goes_on(&line) {
                let more =
                    next_line(lines)?.with_context(|| format!("line {number}: a quote does not end"))?;
                line.push_str(&more);
                if line.len() as u64 > MOST_LINE {
                    bail!("line {number}: a quote does not end");
                }
                number += 1;
            }
            let read = table.concept(&line).map_err(|why| anyhow::anyhow!("line {number}: {why}"))?;
            if let Some((concept, parents)) = read {
                self.packer.add(&concept, &parents).with_context(|| format!("line {number}"))?;
            }
        }
        Ok(())
    }

    fn resource(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let json = parse(text, &Limits::bytes(usize::MAX)).map_err(|error| anyhow::anyhow!("{error}"))?;
        if json.str("resourceType") != Some("CodeSystem") {
            bail!("it holds a {}, not a CodeSystem", json.str("resourceType").unwrap_or("thing"));
        }
        if json.get("supplements").is_some() || json.get("caseSensitive") == Some(&Value::Bool(false)) {
            bail!("supplements and systems without case are stored on the box as resources instead");
        }
        for key in ["url", "version", "name", "title", "property", "valueSet"] {
            let Some(value) = json.get(key) else { continue };
            match self.head.get(key) {
                Some(known) if key == "url" && known != value => bail!("it is of {value}, not of {known}"),
                Some(_) => {}
                None => drop(self.head.insert(key, value.clone())),
            }
        }
        self.concepts(json.items("concept"), None, 0)
    }

    fn concepts(&mut self, list: &[Value], above: Option<&str>, depth: usize) -> anyhow::Result<()> {
        if depth > 64 {
            bail!("the concepts stand in too many levels");
        }
        for json in list {
            let (concept, mut parents) =
                Concept::from_json(json).map_err(|error: TermError| anyhow::anyhow!("{error}"))?;
            parents.extend(above.map(str::to_owned));
            self.packer.add(&concept, &parents)?;
            self.concepts(json.items("concept"), Some(&concept.code), depth + 1)?;
        }
        Ok(())
    }

    fn finish(self, folder: &Path) -> anyhow::Result<(String, Summary)> {
        let done = written(self.packer, self.head, folder);
        std::fs::remove_file(&self.spool)?;
        done
    }
}

fn written(packer: Packer<Spool>, head: Object, folder: &Path) -> anyhow::Result<(String, Summary)> {
    let text = |key| head.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (url, version) = (text("url"), text("version"));
    if url.is_empty() {
        return Err(WrongUse("name the system with --system URL".to_owned()).into());
    }
    let key = Sha256::digest(format!("{url}|{version}").as_bytes());
    let name = data_encoding::HEXLOWER.encode(key.get(..12).unwrap_or_default());
    let (aside, place) = (folder.join(format!("{name}.tmp")), folder.join(format!("{name}.{ENDING}")));
    let mut out = BufWriter::new(File::create(&aside)?);
    let summary = match packer.finish(head, &mut out) {
        Ok(summary) => summary,
        Err(error) => {
            std::fs::remove_file(&aside)?;
            return Err(error.into());
        }
    };
    out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    std::fs::rename(&aside, &place)?;
    File::open(folder)?.sync_all()?;
    Ok((url, summary))
}

/// The next line, with its end; none at the end of the file.
fn next_line(from: &mut BufReader<File>) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    let read = io::Read::take(&mut *from, MOST_LINE).read_line(&mut line)?;
    if read as u64 >= MOST_LINE {
        bail!("a line is longer than {} MiB", MOST_LINE >> 20);
    }
    Ok((read > 0).then_some(line))
}
