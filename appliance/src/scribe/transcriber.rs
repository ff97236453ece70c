//! Transcription of the open box: what hears is found once, started once, and told of.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_scribe::engine::{Engine, Model};
use clinicvault_scribe::pipeline::queue::Level;
use clinicvault_scribe::service::{Engines, Scribe, workers};
use clinicvault_scribe::worker::{Facts, Fallback};
use serde::Serialize;
use tokio::sync::Notify;
use utoipa::ToSchema;

use super::{choose, engine, model_of, program, store, worker};
use crate::config::Config;
use crate::records::Records;

/// A worker for every processor is too slow for captions; its speech is heard afterwards.
const TOO_SLOW_LIVE: &str = "baseline";

/// Transcription. A clone is another handle to it.
#[derive(Clone)]
pub struct Transcriber(Arc<Inner>);

struct Inner {
    records: Records,
    config: Config,
    state: Mutex<State>,
    /// Blobs that somebody is speaking into now.
    speaking: Mutex<HashSet<String>>,
    /// Transcripts that are being made, by id: percent.
    making: Mutex<std::collections::HashMap<String, u8>>,
    wake: Notify,
}

enum State {
    Starting,
    Off(String),
    Ready(Arc<Ready>),
}

/// What hears.
pub(super) struct Ready {
    pub scribe: Scribe,
    /// The model for captions; none where the processor is too slow for them.
    pub live: Option<Model>,
    /// Languages that it speaks.
    pub speaks: Box<dyn Fn(&str) -> bool + Send + Sync>,
    worker: String,
    program: String,
    detector: bool,
    fallbacks: Vec<Fallback>,
    facts: Arc<Mutex<Facts>>,
}

/// A graphics worker that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotUsed {
    /// Its name.
    pub worker: String,
    /// Why not.
    pub reason: String,
}

/// What the status page says of transcription. Nothing in it was said by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TranscriptionStatus {
    /// `starting`, `off` or `ready`.
    pub state: &'static str,
    /// Why it is off, and what to do.
    pub reason: Option<String>,
    /// What hears: `processor`, or the name of a graphics worker.
    pub worker: Option<String>,
    /// Which of the built-in programs this processor runs: `avx2` or `baseline`.
    pub program: Option<String>,
    /// The model for captions; none where the processor is too slow for them.
    pub live_model: Option<String>,
    /// Whether a voice detector is there; without one nothing is heard live.
    pub detector: bool,
    /// Graphics workers that are not used.
    pub not_used: Vec<NotUsed>,
    /// How much is done live: `all`, `slow`, `bare`, `paused`.
    pub level: Option<String>,
    /// People who are heard now.
    pub speakers: usize,
    /// Transcripts that are being made.
    pub transcripts: usize,
    /// How often the processor's worker was lost.
    pub lost: u64,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// The most memory that the processor's worker has had, bytes.
    pub peak_memory: u64,
}

impl Transcriber {
    /// Transcription for these records; it is started by its task.
    pub fn new(records: Records, config: Config) -> Self {
        Self(Arc::new(Inner {
            records,
            config,
            state: Mutex::new(State::Starting),
            speaking: Mutex::default(),
            making: Mutex::default(),
            wake: Notify::new(),
        }))
    }

    pub(super) fn records(&self) -> &Records {
        &self.0.records
    }

    pub(super) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Is told when there may be something to hear.
    pub(super) fn wake(&self) -> &Notify {
        &self.0.wake
    }

    /// Blobs that grow now.
    pub(super) fn speaking(&self) -> &Mutex<HashSet<String>> {
        &self.0.speaking
    }

    /// Notes how much of a transcript is heard; none when it is over.
    pub(super) fn progress(&self, id: &str, percent: Option<u8>) {
        let mut making = self.0.making.lock().unwrap_or_else(PoisonError::into_inner);
        match percent {
            Some(percent) => making.insert(id.to_owned(), percent),
            None => making.remove(id),
        };
    }

    /// Percent of a transcript that is being made.
    pub(super) fn percent(&self, id: &str) -> Option<u8> {
        self.0.making.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// What hears, or why nothing does.
    pub(super) fn ready(&self) -> Result<Arc<Ready>, String> {
        match &*self.0.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Ready(ready) => Ok(ready.clone()),
            State::Starting => Err("transcription is starting".to_owned()),
            State::Off(why) => Err(why.clone()),
        }
    }

    /// Whether anything hears.
    pub fn is_ready(&self) -> bool {
        self.ready().is_ok()
    }

    /// Finds and starts what hears, if nothing does yet. Blocking; with graphics workers up to 20 s for each.
    pub(super) fn start(&self) {
        if self.is_ready() {
            return;
        }
        let state = match self.find() {
            Ok(ready) => {
                tracing::info!(worker = ready.worker, program = ready.program, "transcription is ready");
                State::Ready(Arc::new(ready))
            }
            Err(why) => {
                let why = format!("{why:#}");
                let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
                if !matches!(&*state, State::Off(known) if *known == why) {
                    tracing::info!(why, "no transcription");
                }
                *state = State::Off(why);
                return;
            }
        };
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn find(&self) -> anyhow::Result<Ready> {
        let config = &self.0.config;
        let program = program(config)?.name().to_owned();
        let store = store(config);
        let preferred = [config.scribe.live_model.as_str(), config.scribe.final_model.as_str()];
        let installed = choose(&store, None, &preferred, "en").or_else(|why| {
            // A clinic that speaks something else only.
            let first = store.installed()?.into_iter().find(|one| !one.entry.languages.is_empty());
            first.ok_or(why)
        })?;
        store.verify(&installed)?;
        let entry = installed.entry.clone();
        let model = model_of(installed);
        let first = engine(config, &store, &model)?;
        let (name, fallbacks, facts) = (first.name().to_owned(), first.fallbacks().to_vec(), first.facts());
        let mut hearing: Vec<Box<dyn Engine>> = vec![Box::new(first)];
        if name == "processor" {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            for _ in 1..workers(cores) {
                hearing.push(Box::new(worker(config, &store)?));
            }
        }
        let detector = store.find(clinicvault_scribe::model::manifest::VOICE).is_ok();
        let scribe = Scribe::start(Engines {
            detector: Box::new(worker(config, &store)?),
            hearing,
            live: model.clone(),
        })?;
        let live = (detector && program != TOO_SLOW_LIVE).then_some(model);
        Ok(Ready {
            scribe,
            live,
            speaks: Box::new(move |language| entry.speaks(language)),
            worker: name,
            program,
            detector,
            fallbacks,
            facts,
        })
    }

    /// How it is.
    pub fn status(&self) -> TranscriptionStatus {
        let (state, reason) = match &*self.0.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Starting => ("starting", None),
            State::Off(why) => ("off", Some(why.clone())),
            State::Ready(_) => ("ready", None),
        };
        let mut told = TranscriptionStatus {
            state,
            reason,
            worker: None,
            program: None,
            live_model: None,
            detector: false,
            not_used: Vec::new(),
            level: None,
            speakers: 0,
            transcripts: 0,
            lost: 0,
            trouble: None,
            peak_memory: 0,
        };
        let Ok(ready) = self.ready() else { return told };
        let now = ready.scribe.status();
        let facts = ready.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        told.worker = Some(ready.worker.clone());
        told.program = Some(ready.program.clone());
        told.live_model = ready.live.as_ref().map(|model| model.name.clone());
        told.detector = ready.detector;
        told.not_used = ready
            .fallbacks
            .iter()
            .map(|one| NotUsed { worker: one.worker.clone(), reason: one.reason.clone() })
            .collect();
        told.level = Some(level(now.level).to_owned());
        told.speakers = now.tracks;
        told.transcripts = now.transcripts;
        told.lost = facts.lost;
        told.trouble = now.trouble.or(facts.fault);
        told.peak_memory = facts.peak_memory;
        told
    }
}

/// The word for how much is done live.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::All => "all",
        Level::Slow => "slow",
        Level::Bare => "bare",
        Level::Paused => "paused",
    }
}
