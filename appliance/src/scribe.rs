//! Transcription as this program brings it: the workers that were built into it, the folder of models, and what the settings choose.
//!
//! What hears, and how, is the crate `clinicvault_scribe`. This is where it meets the settings, the calls and the records:
//! `transcriber` is what hears in the open box, `ears` listens to calls, `spool` and `kept` are how speech and transcripts lie in
//! the vault, `last` makes transcripts, `view` is who sees them (0189).

mod ears;
pub(crate) mod kept;
pub mod last;
mod spool;
pub mod transcriber;
pub mod transcript;
mod view;

pub use view::Dictation;

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clinicvault_scribe::audio;
use clinicvault_scribe::engine::Model;
use clinicvault_scribe::model::manifest::VOICE;
use clinicvault_scribe::model::store::Installed;
use clinicvault_scribe::model::{Entry, Store};
use clinicvault_scribe::speech::Samples;
use clinicvault_scribe::worker::{
    Built, Candidate, Chosen, PROBE_LIMIT, Patience, Program, Supervised, probe,
};

use crate::config::Config;

/// The workers of this build.
pub const BUILT: Built = include!(concat!(env!("OUT_DIR"), "/workers.rs"));

/// Two seconds of an invented voice, and what it says. Made with espeak-ng for this test.
pub const CLIP: &[u8] = include_bytes!("scribe/clip.wav");
/// What it says.
pub const CLIP_SAYS: &str = "good morning how are you today";

/// The folder of models.
pub fn store(config: &Config) -> Store {
    Store::at(config.scribe.models(&config.storage.data)).and(&config.scribe.packaged_models_dir)
}

/// A model as the engine wants it.
pub fn model_of(installed: Installed) -> Model {
    Model { name: installed.entry.name, sha256: installed.entry.sha256, path: installed.path }
}

/// The worker that this processor can run: behind the service manager's socket where the settings name one, which it starts from
/// this same build ([`become_worker`]), else a child of this process.
///
/// # Errors
/// When this build has none, or none for it.
pub fn program(config: &Config) -> anyhow::Result<Arc<Program>> {
    let own = built()?;
    let socket = &config.scribe.worker_socket;
    Ok(Arc::new(if socket.as_os_str().is_empty() { own } else { Program::socket(own.name(), socket) }))
}

fn built() -> anyhow::Result<Program> {
    BUILT.choose().map_err(|why| anyhow!("{why}"))
}

/// Makes this process a worker that is spoken with over its standard input and output. Comes back only when that fails.
///
/// # Errors
/// As [`program`], or when the system refuses.
pub fn become_worker() -> anyhow::Result<()> {
    Err(built()?.become_it()).context("the transcription worker does not start")
}

/// A worker with the voice detector, where one is installed.
///
/// # Errors
/// As [`program`].
pub fn worker(config: &Config, store: &Store) -> anyhow::Result<Supervised> {
    let detector = store.find(VOICE).ok().map(model_of);
    Ok(Supervised::new(program(config)?, detector, Patience::default()))
}

/// What hears with this model: a graphics worker that says the same as the processor, or the processor. Takes up to 20 s for each
/// graphics worker that lies in the folder.
///
/// # Errors
/// As [`program`].
pub fn engine(config: &Config, store: &Store, model: &Model) -> anyhow::Result<Chosen> {
    let folder = &config.scribe.graphics_dir;
    let named = |name: &str| {
        let path = folder.join(name);
        let there = !folder.as_os_str().is_empty() && path.is_file();
        there.then(|| Candidate { name: name.to_owned(), program: Arc::new(Program::file(name, path)) })
    };
    let candidates: Vec<Candidate> = ["cuda", "vulkan"].into_iter().filter_map(named).collect();
    Ok(probe(&candidates, worker(config, store)?, model, &clip()?, PROBE_LIMIT))
}

/// The clip of the self-test.
///
/// # Errors
/// Never, as long as the file beside this one is whole.
pub fn clip() -> anyhow::Result<Samples> {
    Ok(audio::wav::read(CLIP)?)
}

/// The model for a language: the one that was asked for, or the first of `preferred` that is installed and speaks it.
///
/// # Errors
/// When it is not installed, or is of no use for the language.
pub fn choose(
    store: &Store,
    asked: Option<&str>,
    preferred: &[&str],
    language: &str,
) -> anyhow::Result<Installed> {
    if let Some(name) = asked {
        let found = store.find(name)?;
        if !found.entry.speaks(language) {
            bail!(
                "{name} is of no use for the language {language}; {}",
                speakers(&store.entries()?, language)
            );
        }
        return Ok(found);
    }
    let mut there: Vec<Installed> = store.installed()?;
    there.retain(|one| one.entry.speaks(language));
    let rank =
        |one: &Installed| preferred.iter().position(|name| *name == one.entry.name).unwrap_or(usize::MAX);
    there.into_iter().min_by_key(rank).with_context(|| {
        format!(
            "no model for the language {language} is installed; {}",
            speakers(&store.entries().unwrap_or_default(), language)
        )
    })
}

fn speakers(entries: &[Entry], language: &str) -> String {
    let names: Vec<&str> =
        entries.iter().filter(|entry| entry.speaks(language)).map(|entry| entry.name.as_str()).collect();
    if names.is_empty() {
        return "none is known that is; bring one with `clinicvault model import`".to_owned();
    }
    format!("these are: {}", names.join(", "))
}
