//! Carries jobs on: one small step after the other, round the jobs in turn, and deletes what has expired.
//!
//! After each step it rests for as long as the step took, so that a long job has at most half of one processor and
//! everybody else's writes come in between. Requests that are answered later run beside the steps, a few at once. Before
//! each step it is asked whether the rights still hold under which the job was taken; if not, the job is deleted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::Jobs;
use super::export::Exporting;
use super::import::Importing;
use super::job::{Failure, Job, State, Work};
use super::later::{self, Answered, Carrier, Unanswered};
use crate::app::App;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// A look without being woken: for what expires, and for what a crash or an error has left.
const IDLE: Duration = Duration::from_secs(2);
/// Longest rest after a step.
const LONGEST_REST: Duration = Duration::from_millis(200);
/// Requests that are carried out at once.
const REQUESTS: usize = 2;

/// Jobs in memory, by id.
#[derive(Default)]
struct Live {
    exports: HashMap<String, Exporting>,
    imports: HashMap<String, Importing>,
    /// The job that had the last step.
    last: Option<String>,
}

/// What a step did.
enum Did {
    /// There was nothing to do.
    Nothing,
    /// Something was done.
    Something,
    /// The disk is full or the box is busy: try again later.
    Stuck,
}

type Request = BoxFuture<'static, (Job, Result<Answered, Unanswered>)>;

/// Carries jobs on until told to stop, whenever the vault is open.
///
/// # Errors
/// When the vault stops; the supervisor starts the worker again, and every job goes on from what is kept.
pub async fn run(app: App, carrier: Arc<dyn Carrier>, mut stop: Stop) -> anyhow::Result<()> {
    let mut live = Live::default();
    let mut requests: FuturesUnordered<Request> = FuturesUnordered::new();
    let mut running: Vec<String> = Vec::new();
    let mut open: Option<Jobs> = None;
    while !stop.is_wanted() {
        let jobs = app.rooms().ok().map(|rooms| rooms.jobs.clone());
        let same = matches!((&open, &jobs), (Some(a), Some(b)) if Arc::ptr_eq(&a.0, &b.0));
        if !same {
            (live, open) = (Live::default(), jobs.clone());
        }
        let began = Instant::now();
        let mut did = Did::Nothing;
        if let Some(jobs) = &jobs {
            for (job, head) in due_requests(jobs, &running, REQUESTS.saturating_sub(requests.len())).await? {
                let (own, begun) = (jobs.clone(), job.clone());
                let sent =
                    tokio::task::spawn_blocking(move || later::begin(own.shelf(), &begun, &head)).await?;
                match sent {
                    Ok(Some(sent)) => {
                        running.push(job.id.clone());
                        let answering = carrier.carry(sent);
                        requests.push(Box::pin(async move { (job, answering.await) }));
                    }
                    Ok(None) => {}
                    Err(error) => give_up(jobs, &job, error).await?,
                }
            }
            let (own, carried) = (jobs.clone(), std::mem::take(&mut live));
            let mut step = tokio::task::spawn_blocking(move || step(&own, carried));
            let (back, done) = loop {
                tokio::select! {
                    Some((job, answered)) = requests.next(), if !requests.is_empty() => {
                        running.retain(|id| *id != job.id);
                        keep(jobs, job, answered).await?;
                    }
                    done = &mut step => break done?,
                }
            };
            live = back;
            did = done?;
        }
        drop(jobs);
        // Held only for one round, so that sealing the vault can close it.
        let wake = open.clone();
        let rest = match did {
            Did::Something => began.elapsed().min(LONGEST_REST),
            Did::Nothing | Did::Stuck => IDLE,
        };
        let nudged = async {
            match (&wake, &did) {
                (Some(jobs), Did::Nothing) => jobs.0.wake.notified().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.wanted() => break,
            () = nudged => {}
            Some((job, answered)) = requests.next(), if !requests.is_empty() => {
                running.retain(|id| *id != job.id);
                if let Some(jobs) = &wake {
                    keep(jobs, job, answered).await?;
                }
            }
            () = tokio::time::sleep(rest) => {}
        }
        // The room must not be held while there is nothing to do.
        if app.rooms().is_err() {
            (live, open) = (Live::default(), None);
        }
    }
    Ok(())
}

/// The requests that wait, oldest first, and those which a stop of the box has cut off.
async fn due_requests(
    jobs: &Jobs,
    running: &[String],
    most: usize,
) -> anyhow::Result<Vec<(Job, super::job::Later)>> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let (own, running) = (jobs.clone(), running.to_vec());
    let mut waiting = tokio::task::spawn_blocking(move || own.shelf().all()).await??;
    waiting.retain(|job| job.state.is_open() && !running.contains(&job.id) && !jobs.is_over(job));
    waiting.sort_by_key(|job| job.tx);
    let requests = waiting.into_iter().filter_map(|job| match &job.work {
        Work::Later(head) => Some((job.clone(), head.clone())),
        Work::Export(_) | Work::Import(_) | Work::Upload(_) => None,
    });
    Ok(requests.take(most).collect())
}

async fn keep(jobs: &Jobs, job: Job, answered: Result<Answered, Unanswered>) -> anyhow::Result<()> {
    let own = jobs.clone();
    let again = job.clone();
    let kept = tokio::task::spawn_blocking(move || later::finish(own.shelf(), &job, answered)).await?;
    match kept {
        Ok(()) => Ok(()),
        Err(error) => give_up(jobs, &again, error).await,
    }
}

async fn give_up(jobs: &Jobs, job: &Job, error: Error) -> anyhow::Result<()> {
    let (own, job) = (jobs.clone(), job.clone());
    Ok(tokio::task::spawn_blocking(move || fail(&own, &job, error)).await??)
}

/// One step of the next export or import, or the deletion of some of what is over. Blocking.
fn step(jobs: &Jobs, mut live: Live) -> (Live, anyhow::Result<Did>) {
    let did = stepped(jobs, &mut live);
    (live, did.map_err(anyhow::Error::from))
}

fn stepped(jobs: &Jobs, live: &mut Live) -> Result<Did, Error> {
    let mut all = jobs.shelf().all()?;
    if let Some(over) = all.iter().find(|job| jobs.is_over(job)) {
        live.forget(&over.id);
        jobs.shelf().clear(&over.id)?;
        return Ok(Did::Something);
    }
    all.retain(|job| job.state.is_open() && matches!(job.work, Work::Export(_) | Work::Import(_)));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let next = all.iter().find(|job| live.last.as_ref().is_none_or(|last| job.id > *last));
    let Some(job) = next.or_else(|| all.first()) else { return Ok(Did::Nothing) };
    live.last = Some(job.id.clone());
    let done = match &job.work {
        Work::Export(export) => {
            let known =
                live.exports.remove(&job.id).map_or_else(|| Exporting::begin(jobs.shelf(), job, export), Ok);
            known.and_then(|mut exporting| {
                let job = exporting.step(jobs.shelf(), job)?;
                live.exports.insert(job.id.clone(), exporting);
                Ok(job)
            })
        }
        Work::Import(import) => {
            let importing = live.imports.entry(job.id.clone()).or_default();
            importing.step(jobs.shelf(), job, import, jobs.0.longest_line)
        }
        Work::Later(_) | Work::Upload(_) => return Ok(Did::Nothing),
    };
    match done {
        Ok(job) => {
            tracing::debug!(
                op = "job",
                job = job.id,
                percent = job.progress.percent(),
                outcome = job.state.as_str()
            );
            if !job.state.is_open() {
                tracing::info!(
                    op = "job",
                    kind = job.work.name(),
                    job = job.id,
                    outcome = job.state.as_str()
                );
                live.forget(&job.id);
            }
            Ok(Did::Something)
        }
        Err(error) => {
            // What is in memory may be ahead of what is kept.
            live.forget(&job.id);
            match error {
                Error::Stopped(_) => Err(error),
                Error::Busy | Error::NoRoom | Error::Unknown => Ok(Did::Stuck),
                error => fail(jobs, job, error).map(|()| Did::Something),
            }
        }
    }
}

impl Live {
    fn forget(&mut self, id: &str) {
        self.exports.remove(id);
        self.imports.remove(id);
    }
}

/// Ends a job that cannot go on, with the reason for its caller.
fn fail(jobs: &Jobs, job: &Job, error: Error) -> Result<(), Error> {
    if matches!(&error, Error::NotFound(what) if what == "this job") {
        return Ok(());
    }
    tracing::warn!(op = "job", kind = job.work.name(), job = job.id, %error, "failed");
    let (status, code) = match &error {
        Error::Refused(_) => (403, "forbidden"),
        Error::Fixed(_) => (405, "not-supported"),
        Error::Unreadable(_) => (400, "invalid"),
        Error::Broken(_) | Error::Conflict(_) | Error::Precondition(_) => (422, "processing"),
        Error::NotFound(_) | Error::NotYours(_) | Error::Gone { .. } => (404, "not-found"),
        Error::TooMuch(_) => (413, "too-costly"),
        Error::PageExpired => (503, "timeout"),
        Error::NoRoom
        | Error::Busy
        | Error::Renewing
        | Error::Indexing(_)
        | Error::Stopped(_)
        | Error::Unknown => (503, "transient"),
        Error::Damaged(_) | Error::Fault(_) => (500, "exception"),
    };
    let text = match &error {
        Error::PageExpired => {
            "The search of _typeFilter came more than an hour after the request; send it again.".to_owned()
        }
        Error::Damaged(_) | Error::Fault(_) => {
            "The box could not carry this out; its log holds the reason.".to_owned()
        }
        error => error.to_string(),
    };
    let failure = Failure { status, code: code.to_owned(), text };
    let who = job.owner.actor()?;
    let done = jobs.shelf().change(who.into(), &job.id, Vec::new(), Vec::new(), move |job, now| {
        job.state = State::Failed;
        job.finished = Some(now);
        job.failure = Some(failure);
    });
    match done {
        Err(Error::NotFound(_)) => Ok(()),
        done => done.map(|_| ()),
    }
}
