//! `clinicvault model`: the models of transcription, checked before anything uses them.

mod fetch;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use clinicvault_scribe::engine::{Care, Engine as _, Request};
use clinicvault_scribe::model::manifest::VOICE;
use clinicvault_scribe::model::quant::Type;
use clinicvault_scribe::model::{Entry, convert};

use super::place::Place;
use super::{WrongUse, say};
use crate::scribe;

#[derive(Debug, Subcommand)]
pub enum Model {
    /// List the models that are known, and which are installed
    List(Where),
    /// Fetch a model from a mirror; goes on where it was cut short
    Fetch(Fetch),
    /// Bring a model from a file, such as one on a USB stick
    Import(Import),
    /// Delete an installed model
    Remove(Named),
    /// Check an installed model's hash, and let it hear a clip of two seconds
    Test(Named),
    /// Make a model of the weights of a package (CTranslate2, half precision)
    #[command(hide = true)]
    Convert(Convert),
}

#[derive(Debug, Args)]
pub struct Where {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Named {
    /// Name, as `model list` shows it
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// Name, as `model list` shows it
    name: String,
    /// Folder of a mirror [default: the setting scribe.mirror]; the file is looked for there as SHA256.bin, then as ggml-NAME.bin
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Import {
    /// The file
    file: PathBuf,
    /// Name for a model that the program does not know, such as clinic-hi-q8_0
    #[arg(long)]
    name: Option<String>,
    /// Languages that it is good for, such as hi,en
    #[arg(long, value_delimiter = ',')]
    languages: Vec<String>,
    /// Its licence
    #[arg(long, default_value = "unknown")]
    licence: String,
    /// What its sha256 must be
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Convert {
    /// model.bin, or its parts in order
    #[arg(required = true)]
    weights: Vec<PathBuf>,
    /// vocabulary.txt
    #[arg(long, value_name = "FILE")]
    vocabulary: PathBuf,
    /// f16, q8_0 or q5_1
    #[arg(long, default_value = "q8_0")]
    kind: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the sub-command.
pub fn run(command: &Model) -> anyhow::Result<()> {
    match command {
        Model::List(list) => show(list),
        Model::Fetch(fetch) => fetch::run(fetch),
        Model::Import(import) => bring(import),
        Model::Remove(named) => {
            scribe::store(&named.place.settings()?).remove(&named.name)?;
            say(format_args!("{} is gone", named.name));
            Ok(())
        }
        Model::Test(named) => test(named),
        Model::Convert(convert) => make(convert),
    }
}

fn show(list: &Where) -> anyhow::Result<()> {
    let store = scribe::store(&list.place.settings()?);
    say(format_args!("models in {}", store.folder().display()));
    for entry in store.entries()? {
        let there = if store.find(&entry.name).is_ok() { "installed" } else { "not here" };
        let languages = if entry.is_voice() { "finds speech".to_owned() } else { entry.languages.join(" ") };
        say(format_args!(
            "{:<16} {there:<10} {:>5} MiB, {:>4} MiB of memory, {}, {languages}",
            entry.name,
            entry.bytes >> 20,
            entry.memory_mib,
            entry.licence,
        ));
    }
    Ok(())
}

fn bring(import: &Import) -> anyhow::Result<()> {
    let store = scribe::store(&import.place.settings()?);
    let own = match &import.name {
        None => None,
        Some(_) if import.languages.is_empty() => {
            return Err(WrongUse("say with --languages what the model is good for".to_owned()).into());
        }
        Some(name) => Some(Entry {
            name: name.clone(),
            sha256: import.sha256.clone().unwrap_or_default().to_ascii_lowercase(),
            bytes: 0,
            languages: import.languages.clone(),
            licence: import.licence.clone(),
            // A model takes about its size, twice over while it works.
            memory_mib: u32::try_from(fs::metadata(&import.file)?.len() >> 19).unwrap_or(u32::MAX),
        }),
    };
    let installed = store
        .import(&import.file, own)
        .with_context(|| format!("{} was not taken", import.file.display()))?;
    say(format_args!("{} is installed", installed.entry.name));
    Ok(())
}

fn test(named: &Named) -> anyhow::Result<()> {
    let config = named.place.settings()?;
    let store = scribe::store(&config);
    let installed = store.find(&named.name)?;
    store.verify(&installed)?;
    let mut worker = scribe::worker(&config, &store)?;
    if installed.entry.name == VOICE {
        let frames = worker.voice(&scribe::clip()?)?;
        let speech = frames.iter().filter(|share| **share >= 0.5).count();
        if speech * 3 < frames.len() {
            bail!("the voice detector finds no speech in the clip; remove it and fetch it again");
        }
        say(format_args!("{} finds speech: {speech} of {} frames", named.name, frames.len()));
        return Ok(());
    }
    let language = installed.entry.languages.first().cloned().unwrap_or_else(|| "en".to_owned());
    let began = Instant::now();
    let heard = worker.hear(&Request {
        model: scribe::model_of(installed),
        care: Care::Committed,
        language: language.clone(),
        prompt: String::new(),
        samples: scribe::clip()?,
        limit: Duration::from_secs(60),
    })?;
    let text: Vec<String> = heard.segments.iter().map(clinicvault_scribe::speech::Segment::text).collect();
    let plain = plain(&text.join(" "));
    // The clip is English: another language's model is only shown to load and to end.
    if language == "en" && plain != scribe::CLIP_SAYS {
        bail!(
            "{} heard {plain:?} instead of {:?}; remove it and fetch it again",
            named.name,
            scribe::CLIP_SAYS
        );
    }
    say(format_args!("{} heard {plain:?} in {:.1} s", named.name, began.elapsed().as_secs_f64()));
    Ok(())
}

/// Letters and single spaces.
fn plain(text: &str) -> String {
    let kept: String = text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect();
    kept.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn make(command: &Convert) -> anyhow::Result<()> {
    let kind = match command.kind.as_str() {
        "f16" => Type::F16,
        "q8_0" => Type::Q8_0,
        "q5_1" => Type::Q5_1,
        other => return Err(WrongUse(format!("{other} is none of f16, q8_0 and q5_1")).into()),
    };
    let mut weights = Vec::new();
    for part in &command.weights {
        weights.extend(fs::read(part).with_context(|| format!("cannot read {}", part.display()))?);
    }
    let vocabulary = fs::read_to_string(&command.vocabulary)
        .with_context(|| format!("cannot read {}", command.vocabulary.display()))?;
    let mut out = std::io::BufWriter::new(fs::File::create(&command.out)?);
    convert::convert(&weights, &vocabulary, kind, &mut out)?;
    std::io::Write::flush(&mut out)?;
    Ok(())
}
