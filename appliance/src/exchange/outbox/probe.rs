//! How far an attempt got and how long each step of it took: for whoever tries a connection by hand.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

/// A step on the way to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProbeStep {
    /// What the box needs itself: a certificate, a secret, a folder.
    Prepare,
    /// The name of the receiver is looked up.
    Name,
    /// A connection is opened.
    Connect,
    /// Both sides agree on TLS.
    Tls,
    /// The message is sent and its answer is waited for.
    Answer,
}

/// A step that was begun, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProbeTime {
    /// Which.
    step: ProbeStep,
    /// Milliseconds; of the last step until the attempt ended.
    ms: u64,
}

/// The steps of one attempt, noted while it goes on.
#[derive(Debug, Default)]
pub struct Steps(Mutex<Vec<(ProbeStep, Instant)>>);

impl Steps {
    /// Notes that a step begins.
    pub fn begin(&self, step: ProbeStep) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((step, Instant::now()));
    }

    /// The step that was begun last.
    pub fn last(&self) -> Option<ProbeStep> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().map(|(step, _)| *step)
    }

    /// What is known when the attempt has ended.
    pub fn times(&self) -> Vec<ProbeTime> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ends = steps.iter().skip(1).map(|(_, at)| *at).chain([Instant::now()]);
        let time = |((step, began), ended): (&(ProbeStep, Instant), Instant)| {
            let ms = u64::try_from(ended.duration_since(*began).as_millis()).unwrap_or(u64::MAX);
            ProbeTime { step: *step, ms }
        };
        steps.iter().zip(ends).map(time).collect()
    }
}
