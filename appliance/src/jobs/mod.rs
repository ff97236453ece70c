//! Long work: exports, imports, and requests that are answered later (fhir-server reference, section 8).
//!
//! A job is a sealed document in the vault and so survives a restart; what it makes is sealed there too, in blocks
//! (`pages`). `job` says what is kept, `shelf` keeps it, `worker` carries jobs on in small steps: `export` and `import`
//! drive the records room, `later` hands a kept request to whoever answers requests. What an export holds and how a
//! record is imported is the records room's knowledge; addresses and headers are the HTTP face's.

mod export;
mod import;
pub mod job;
pub mod later;
pub mod pages;
pub mod place;
mod shelf;
pub mod worker;

use std::sync::Arc;

use bytes::Bytes;
use clinicvault_gateway::fhir::bulk::export::{self as bulk_export, Level};
use clinicvault_gateway::fhir::bulk::import as bulk_import;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::json::Value;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error as ThisError;
use tokio::sync::Notify;

use crate::config;
use crate::records::access::{Actor, Op, Subject, decide};
use crate::records::error::Error;
use crate::records::export::Wanted;
use crate::records::{Caller, Records};
use job::{Export, Import, Job, Later, Owner, State, Upload, Work};
use pages::{Pages, Role};
use shelf::Shelf;

/// Whether somebody, as they were when a job was taken, may still do what they might do then.
pub type Standing = Arc<dyn Fn(&Actor) -> bool + Send + Sync>;

/// The jobs of an open vault. A clone is another handle to the same room.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    shelf: Shelf,
    rules: config::Jobs,
    /// Longest line of an import, in bytes.
    longest_line: usize,
    standing: Standing,
    wake: Notify,
}

/// Why a job is not taken or not shown.
#[derive(Debug, Clone, ThisError)]
pub enum JobError {
    /// The records room says no.
    #[error(transparent)]
    Records(#[from] Error),
    /// A limit on the number of jobs; the caller may delete one, or wait.
    #[error(
        "you have {0} jobs, as many as {1} allows; delete one that has ended, or wait until the oldest expires"
    )]
    TooMany(usize, &'static str),
}

/// What every kick-off says.
#[derive(Debug, Clone)]
pub struct KickOff {
    /// On whose behalf; its base is the one that the peer uses.
    pub caller: Caller,
    /// Method of the request.
    pub method: String,
    /// Address of the request, absolute.
    pub address: String,
}

/// What an export was asked to do.
#[derive(Debug, Clone)]
pub struct ExportKickOff {
    /// Whose records.
    pub level: Level,
    /// The group of a group's export.
    pub group: Option<LogicalId>,
    /// Names and values, decoded.
    pub pairs: Vec<(String, String)>,
    /// Whether parameters that are not served are passed over.
    pub lenient: bool,
    /// Whether the request was a POST.
    pub posted: bool,
}

impl Jobs {
    /// The room on top of `records`. `longest_line` bounds a line of an import, in bytes; `standing` is asked before each
    /// step and each part of a file.
    pub fn new(records: Records, rules: &config::Jobs, longest_line: usize, standing: Standing) -> Self {
        let (shelf, rules) = (Shelf::new(records), rules.clone());
        Self(Arc::new(Inner { shelf, rules, longest_line, standing, wake: Notify::new() }))
    }

    fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    fn records(&self) -> &Records {
        self.shelf().records()
    }

    /// The settings of this room.
    pub fn rules(&self) -> &config::Jobs {
        &self.0.rules
    }

    /// Takes an export. Blocking.
    pub fn export(&self, from: &KickOff, asked: ExportKickOff) -> Result<Job, JobError> {
        let wanted = wanted(&from.caller, &asked)?.0;
        self.records().may_export(&from.caller, &wanted)?;
        let ExportKickOff { level, group, pairs, lenient, posted } = asked;
        let group = group.map(|group| group.as_str().to_owned());
        let work = Export { level: level.into(), group, pairs, lenient, posted, prepared: false, after: 0 };
        self.take(from, Work::Export(work), None)
    }

    /// Takes an import. Blocking.
    pub fn import(&self, from: &KickOff, manifest: &Value) -> Result<Job, JobError> {
        let ask = bulk_import::read(manifest).map_err(Error::Unreadable)?;
        let mut inputs = Vec::with_capacity(ask.inputs.len());
        for (index, input) in ask.inputs.iter().enumerate() {
            for op in [Op::Create, Op::Update] {
                self.records().may_begin(&from.caller, op, input.kind)?;
            }
            inputs.push(self.input(&from.caller, index, input)?);
        }
        let work = Import { source: ask.source, inputs, ..Import::default() };
        self.take(from, Work::Import(work), None)
    }

    /// Takes a request that is to be answered later. Blocking.
    pub fn later(&self, from: &KickOff, request: Later, body: &Bytes) -> Result<Job, JobError> {
        self.take(from, Work::Later(request), Some((pages::BODY, "", Role::Inner, body.clone(), 0)))
    }

    /// Keeps lines for an import to come. Blocking.
    pub fn upload(&self, from: &KickOff, body: &Bytes) -> Result<Job, JobError> {
        let who = &from.caller.who;
        let may =
            |kind: ResourceType| decide(who, Op::Create, &Subject::of_type(kind.as_str(), false)).allowed();
        if !ResourceType::all().any(may) {
            // Who may take nothing in has no use for lines; the policy's own words and its line in the log.
            self.records()
                .may_begin(&from.caller, Op::Create, ResourceType::PATIENT)
                .map_err(JobError::from)?;
        }
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let file = (pages::UPLOAD, "", Role::Inner, body.clone(), lines as u64);
        self.take(from, Work::Upload(Upload {}), Some(file))
    }

    fn take(
        &self,
        from: &KickOff,
        work: Work,
        file: Option<(&str, &str, Role, Bytes, u64)>,
    ) -> Result<Job, JobError> {
        let state = if matches!(work, Work::Upload(_)) { State::Done } else { State::Waiting };
        let mut pages = Pages::default();
        if let Some((name, kind, role, bytes, count)) = file {
            let file = pages.file(name, kind, role);
            pages.push(file, &bytes, count);
        }
        let job = Job {
            id: shelf::new_id()?,
            owner: Owner::of(&from.caller.who),
            base: from.caller.base.as_deref().unwrap_or_default().to_owned(),
            method: from.method.clone(),
            request: from.address.clone(),
            created: Timestamp::UNIX_EPOCH,
            tx: 0,
            state,
            finished: None,
            failure: None,
            progress: job::Progress::default(),
            files: Vec::new(),
            work,
        };
        let job = self.shelf().create(&from.caller, job, pages, &self.0.rules)?;
        self.0.wake.notify_one();
        Ok(job)
    }

    /// A job of this caller; nobody else's is ever found. Blocking.
    pub fn of(&self, who: &Actor, id: &str) -> Result<Job, Error> {
        let job = self.shelf().get(id)?.filter(|job| job.owner.is(who) && !self.is_over(job));
        job.ok_or_else(|| Error::NotFound("this job".to_owned()))
    }

    /// Every job that is not over, newest first. Blocking.
    pub fn all(&self) -> Result<Vec<Job>, Error> {
        let mut jobs: Vec<Job> = self.shelf().all()?.into_iter().filter(|job| !self.is_over(job)).collect();
        jobs.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        Ok(jobs)
    }

    /// Ends a job of this caller, done or not, and gives up what it has made. Blocking.
    pub fn end(&self, who: &Actor, id: &str) -> Result<(), Error> {
        let job = self.of(who, id)?;
        self.drop_job(who, &job)
    }

    /// The same for whoever looks after the box. Blocking.
    pub fn end_any(&self, who: &Actor, id: &str) -> Result<(), Error> {
        let job = self.shelf().get(id)?.filter(|job| !self.is_over(job));
        self.drop_job(who, &job.ok_or_else(|| Error::NotFound("this job".to_owned()))?)
    }

    fn drop_job(&self, who: &Actor, job: &Job) -> Result<(), Error> {
        self.shelf().drop_job(who, &job.id)?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// Part of a file that a job has made: plain bytes from `at` on, at most to the end of a block. Blocking.
    pub fn plain(&self, job: &Job, file: usize, at: u64) -> Result<Bytes, Error> {
        self.still(job)?;
        self.shelf().plain(&job.id, file, at)
    }

    /// One block of a file as a member of a gzip stream; none behind the last. Blocking.
    pub fn packed(&self, job: &Job, file: usize, block: u32) -> Result<Option<Bytes>, Error> {
        self.still(job)?;
        Ok(self.shelf().packed(&job.id, file, block)?.map(Bytes::from))
    }

    /// Writes the line that a file was handed out; before it is.
    pub fn note_download(&self, who: &Actor, job: &Job) -> Result<(), Error> {
        self.shelf().note_download(who, job)
    }

    /// When what a job has made is deleted.
    pub fn expires(&self, job: &Job) -> Option<Timestamp> {
        let keep = SignedDuration::from_mins(i64::try_from(self.0.rules.keep_minutes).unwrap_or(i64::MAX));
        job.finished.map(|finished| finished.checked_add(keep).unwrap_or(Timestamp::MAX))
    }

    fn still(&self, job: &Job) -> Result<(), Error> {
        let gone = || Error::NotFound("this job".to_owned());
        self.stands(job).then_some(()).ok_or_else(gone)
    }

    /// Whether somebody, as they were when they asked for long work, may still do what they might do then.
    pub fn may_still(&self, who: &Actor) -> bool {
        (self.0.standing)(who)
    }

    /// Whether the rights under which a job was taken still hold.
    fn stands(&self, job: &Job) -> bool {
        job.owner.actor().is_ok_and(|who| (self.0.standing)(&who))
    }

    fn is_over(&self, job: &Job) -> bool {
        job.state == State::Dropped
            || !self.stands(job)
            || self.expires(job).is_some_and(|expires| expires <= self.records().now())
    }
}

/// What an export is asked, understood anew from what was sent; with the warnings.
fn wanted(
    caller: &Caller,
    asked: &ExportKickOff,
) -> Result<(Wanted, Vec<clinicvault_gateway::fhir::outcome::Issue>), Error> {
    let base = caller.base.as_deref().unwrap_or_default();
    let understood = bulk_export::read(asked.level, &asked.pairs, asked.lenient, asked.posted, &[base])
        .map_err(Error::Unreadable)?;
    let wanted = Wanted { level: asked.level, group: asked.group.clone(), ask: understood.ask };
    Ok((wanted, understood.warnings))
}
