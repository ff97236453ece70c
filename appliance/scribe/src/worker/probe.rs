//! Whether a graphics worker is to be used: it must say of a clip of 2 s what the processor says of it, within 20 s, and once
//! it is warm take about as long for it at most. A card that only pretends to be one takes ten times the time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::program::Program;
use super::supervised::{Facts, Patience, Supervised};
use crate::engine::{Care, Engine, EngineError, Heard, Model, Request};
use crate::speech::{Samples, Word};

/// Longest time for start, loading and the clip together.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A warm worker may take so many times what the processor takes, and so much more: it leaves the processor to others.
const SLOWER: f64 = 1.5;
const SLACK: Duration = Duration::from_millis(100);

/// A worker that might be faster.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Such as `cuda`.
    pub name: String,
    /// What to start.
    pub program: Arc<Program>,
}

/// Why a candidate is not used; for the status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Its name.
    pub worker: String,
    /// A sentence, without a word of what was heard.
    pub reason: String,
}

/// What hears from now on.
#[derive(Debug)]
pub struct Chosen {
    /// First the faster one, where there is one; what it cannot do goes to the processor, job by job.
    fast: Option<(String, Supervised)>,
    processor: Supervised,
    fallbacks: Vec<Fallback>,
}

/// Tries the candidates in order and takes the first that says what the processor says.
pub fn probe(
    candidates: &[Candidate],
    mut processor: Supervised,
    model: &Model,
    clip: &Samples,
    limit: Duration,
) -> Chosen {
    let mut fallbacks = Vec::new();
    if candidates.is_empty() {
        return Chosen { fast: None, processor, fallbacks };
    }
    let request = Request {
        model: model.clone(),
        care: Care::Committed,
        language: "en".to_owned(),
        prompt: String::new(),
        samples: clip.clone(),
        limit,
    };
    let expected = match processor.hear(&request) {
        Ok(heard) => heard,
        Err(error) => {
            let reason = format!("there is nothing to compare it with: {error}");
            fallbacks.extend(
                candidates.iter().map(|one| Fallback { worker: one.name.clone(), reason: reason.clone() }),
            );
            return Chosen { fast: None, processor, fallbacks };
        }
    };
    let mut usual = None;
    for candidate in candidates {
        // One limit for everything: what the start takes is not there for the clip.
        let strict =
            Patience { start: limit, load: limit, grace: limit, quiet: limit, again: 0, whole: Some(limit) };
        let mut fast = Supervised::new(candidate.program.clone(), None, strict);
        let heard = fast.hear(&request);
        let reason = match heard {
            Ok(heard) if said(&heard) == said(&expected) => {
                let usual = *usual.get_or_insert_with(|| warm(&mut processor, &request));
                match slower(warm(&mut fast, &request), usual) {
                    None => {
                        let patience = Patience { again: 0, ..Patience::default() };
                        let fast = Supervised::new(candidate.program.clone(), None, patience);
                        return Chosen { fast: Some((candidate.name.clone(), fast)), processor, fallbacks };
                    }
                    Some(reason) => reason,
                }
            }
            Ok(_) => "it heard something else than the processor".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(worker = candidate.name, reason, "graphics worker not used");
        fallbacks.push(Fallback { worker: candidate.name.clone(), reason });
    }
    Chosen { fast: None, processor, fallbacks }
}

/// How long a worker takes that has been warmed up; nothing is known where it fails.
fn warm(worker: &mut Supervised, request: &Request) -> Option<Duration> {
    let began = Instant::now();
    worker.hear(request).ok().map(|_| began.elapsed())
}

/// Why a worker is too slow, if it is.
fn slower(fast: Option<Duration>, usual: Option<Duration>) -> Option<String> {
    let Some(fast) = fast else { return Some("it failed at the second clip".to_owned()) };
    let most = usual?.mul_f64(SLOWER) + SLACK;
    let ms = |time: Duration| time.as_millis();
    (fast > most).then(|| {
        format!("it takes {} ms where the processor takes {}", ms(fast), ms(usual.unwrap_or_default()))
    })
}

/// The letters and digits alone: punctuation may differ.
fn said(heard: &Heard) -> String {
    let words = heard.segments.iter().flat_map(|segment| &segment.words);
    let plain =
        |word: &Word| word.text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    words.map(plain).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Chosen {
    /// The one that is used.
    pub fn name(&self) -> &str {
        self.fast.as_ref().map_or("processor", |(name, _)| name)
    }

    /// Why others are not.
    pub fn fallbacks(&self) -> &[Fallback] {
        &self.fallbacks
    }

    /// What is known of the processor's worker.
    pub fn facts(&self) -> Arc<Mutex<Facts>> {
        self.processor.facts()
    }

    /// Ends the workers until the next job.
    pub fn rest(&mut self) {
        if let Some((_, fast)) = &mut self.fast {
            fast.rest();
        }
        self.processor.rest();
    }
}

impl Engine for Chosen {
    fn hear(&mut self, request: &Request) -> Result<Heard, EngineError> {
        if let Some((name, fast)) = &mut self.fast {
            match fast.hear(request) {
                Ok(heard) => return Ok(heard),
                Err(error) => {
                    let reason = format!("a job went to the processor: {error}");
                    let worker = name.clone();
                    self.fallbacks.retain(|old| old.worker != worker);
                    self.fallbacks.push(Fallback { worker, reason });
                }
            }
        }
        self.processor.hear(request)
    }

    fn voice(&mut self, samples: &Samples) -> Result<Vec<f32>, EngineError> {
        self.processor.voice(samples)
    }

    fn rest(&mut self) {
        Chosen::rest(self);
    }
}
