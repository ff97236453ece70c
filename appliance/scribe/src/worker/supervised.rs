//! An engine whose worker is started when it is needed, started again when it is lost, and let go when it rests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::process::Process;
use super::program::Program;
use crate::engine::{Engine, EngineError, Heard, Model, Request};
use crate::speech::Samples;
use crate::wire::{Answer, MOST_SAMPLES, Order};

/// Samples of a frame of the voice detector.
const FRAME: usize = 512;

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a new worker greets.
    pub start: Duration,
    /// Until a model is loaded.
    pub load: Duration,
    /// Beyond a job's own limit, at which the worker gives up by itself.
    pub grace: Duration,
    /// Without a sign of life.
    pub quiet: Duration,
    /// How often a job is given to a new worker.
    pub again: u32,
    /// For a whole job, start and loading included; without it they have their own times.
    pub whole: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(5),
            load: Duration::from_secs(60),
            grace: Duration::from_secs(2),
            quiet: Duration::from_secs(60),
            again: 1,
            whole: None,
        }
    }
}

/// What the status page says of a worker.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How it was built.
    pub variant: String,
    /// Its process, while there is one.
    pub process: Option<u32>,
    /// How often one was lost.
    pub lost: u64,
    /// Why the last one was.
    pub fault: Option<String>,
    /// The most memory that one has had, bytes.
    pub peak_memory: u64,
}

/// A worker that is looked after.
#[derive(Debug)]
pub struct Supervised {
    program: Arc<Program>,
    patience: Patience,
    /// The voice detector's file, when it is to detect.
    detector: Option<Model>,
    process: Option<Process>,
    places: [Option<Model>; 2],
    detecting: bool,
    /// The place that was used last: the other one is given to a new model.
    last: u8,
    next: u64,
    /// Losses without an answer in between.
    row: u32,
    not_before: Option<Instant>,
    facts: Arc<Mutex<Facts>>,
}

/// So many losses in a row, and the next start waits.
const ROW: u32 = 6;
const PAUSE: Duration = Duration::from_secs(10);

impl Supervised {
    /// Looks after a worker of this program. `detector` is the file for [`Engine::voice`].
    pub fn new(program: Arc<Program>, detector: Option<Model>, patience: Patience) -> Self {
        Self {
            program,
            patience,
            detector,
            process: None,
            places: [None, None],
            detecting: false,
            last: 1,
            next: 1,
            row: 0,
            not_before: None,
            facts: Arc::default(),
        }
    }

    /// What is known of it, kept up to date.
    pub fn facts(&self) -> Arc<Mutex<Facts>> {
        self.facts.clone()
    }

    /// Ends the worker; the next job starts one. Gives all its memory back.
    pub fn rest(&mut self) {
        self.note();
        self.process = None;
        self.places = [None, None];
        self.detecting = false;
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).process = None;
    }

    fn note(&mut self) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = &self.process {
            facts.peak_memory = facts.peak_memory.max(process.peak_memory().unwrap_or(0));
            facts.process = process.id();
            process.variant().clone_into(&mut facts.variant);
        }
    }

    fn lose(&mut self, why: &EngineError) {
        tracing::warn!(worker = self.program.name(), %why, "transcription worker lost");
        self.rest();
        self.row += 1;
        if self.row >= ROW {
            self.not_before = Some(Instant::now() + PAUSE);
        }
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.lost += 1;
        facts.fault = Some(why.to_string());
    }

    /// Does a job, with a new worker where one is lost on the way.
    fn with<T>(
        &mut self,
        whole: Duration,
        mut job: impl FnMut(&mut Self, Instant) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut left = self.patience.again;
        loop {
            let deadline = Instant::now() + whole;
            let error = match self.started(deadline).and_then(|()| job(self, deadline)) {
                Ok(done) => {
                    self.row = 0;
                    self.note();
                    return Ok(done);
                }
                Err(refused @ EngineError::Refused(_)) => {
                    self.row = 0;
                    return Err(refused);
                }
                Err(error) => error,
            };
            self.lose(&error);
            if left == 0 {
                return Err(error);
            }
            left -= 1;
        }
    }

    fn started(&mut self, deadline: Instant) -> Result<(), EngineError> {
        if self.process.is_some() {
            return Ok(());
        }
        if self.not_before.is_some_and(|time| Instant::now() < time) {
            return Err(EngineError::Absent(
                "it was lost again and again; it is tried again soon".to_owned(),
            ));
        }
        let patience = self.patience.start.min(deadline.saturating_duration_since(Instant::now()));
        self.process = Some(Process::start(&self.program, patience)?);
        self.note();
        Ok(())
    }

    fn ask(&mut self, order: Order, deadline: Instant) -> Result<Answer, EngineError> {
        let process =
            self.process.as_mut().ok_or_else(|| EngineError::Absent("it is not running".to_owned()))?;
        match process.ask(order, deadline, self.patience.quiet)? {
            Answer::Refused { why } => Err(EngineError::Refused(why)),
            answer => Ok(answer),
        }
    }

    /// The place of a model, loaded.
    fn place(&mut self, model: &Model, deadline: Instant) -> Result<u8, EngineError> {
        for place in [0, 1] {
            if self.places[usize::from(place)].as_ref() == Some(model) {
                self.last = place;
                return Ok(place);
            }
        }
        let place = 1 - self.last;
        self.places[usize::from(place)] = None;
        let path = model.path.to_string_lossy().into_owned();
        let deadline = deadline.min(Instant::now() + self.patience.load);
        match self.ask(Order::Load { place, path }, deadline)? {
            Answer::Loaded => {
                self.places[usize::from(place)] = Some(model.clone());
                self.last = place;
                Ok(place)
            }
            _ => Err(EngineError::Broken("another answer than to the order".to_owned())),
        }
    }

    fn order(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn bounded(samples: &Samples) -> Result<(), EngineError> {
    if samples.len() > MOST_SAMPLES || samples.iter().any(|sample| !sample.is_finite()) {
        return Err(EngineError::Refused("that is more than 31 s of sound, or none".to_owned()));
    }
    Ok(())
}

impl Engine for Supervised {
    fn hear(&mut self, request: &Request) -> Result<Heard, EngineError> {
        bounded(&request.samples)?;
        let parts = self.patience.load + request.limit + self.patience.grace;
        let whole = self.patience.whole.unwrap_or(parts);
        let length = request.samples.millis();
        self.with(whole, |this, deadline| {
            let place = this.place(&request.model, deadline)?;
            let id = this.order();
            let order = Order::Hear {
                id,
                place,
                care: request.care,
                language: request.language.clone(),
                prompt: request.prompt.clone(),
                limit: request.limit,
                samples: request.samples.clone(),
            };
            let deadline = deadline.min(Instant::now() + request.limit + this.patience.grace);
            match this.ask(order, deadline)? {
                Answer::Heard { id: same, heard } if same == id => {
                    if heard.segments.iter().any(|segment| segment.end > length) {
                        return Err(EngineError::Broken("it heard something after the end".to_owned()));
                    }
                    Ok(heard)
                }
                _ => Err(EngineError::Broken("another answer than to the order".to_owned())),
            }
        })
    }

    fn voice(&mut self, samples: &Samples) -> Result<Vec<f32>, EngineError> {
        bounded(samples)?;
        let Some(detector) = self.detector.clone() else {
            return Err(EngineError::Absent("no voice detector is installed".to_owned()));
        };
        let whole = self.patience.load;
        self.with(whole, |this, deadline| {
            if !this.detecting {
                let path = detector.path.to_string_lossy().into_owned();
                match this.ask(Order::LoadVoice { path }, deadline)? {
                    Answer::Loaded => this.detecting = true,
                    _ => return Err(EngineError::Broken("another answer than to the order".to_owned())),
                }
            }
            let id = this.order();
            let order = Order::Voice { id, samples: samples.clone() };
            match this.ask(order, deadline)? {
                Answer::Voice { id: same, frames }
                    if same == id && frames.len() == samples.len().div_ceil(FRAME) =>
                {
                    Ok(frames)
                }
                _ => Err(EngineError::Broken("another answer than to the order".to_owned())),
            }
        })
    }

    fn rest(&mut self) {
        Supervised::rest(self);
    }
}
