//! Jobs and their files in the vault: sealed documents, written in units of work with an audit line.
//!
//! The only file of this room that touches storage. Numbers of the collections and the form of the keys are part of the
//! stored format.

use std::sync::Arc;

use bytes::Bytes;
use clinicvault_vault::{Action, Leaf};

use super::JobError;
use super::job::{Job, State, Work as What};
use super::pages::{self, BLOCK, Block, Pages};
use crate::collections::{BLOCKS, JOBS};
use crate::config;
use crate::records::access::{Actor, Purpose};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::unit::Work;
use crate::records::{Caller, Records};

/// More jobs than any setting allows.
const MOST: usize = 100_000;
/// Blocks deleted in one unit.
const BLOCKS_AT_ONCE: u32 = 200;

/// The shelf.
pub struct Shelf {
    records: Records,
}

/// A new id of a job.
pub fn new_id() -> Result<String, Error> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
    Ok(data_encoding::HEXLOWER.encode(&random))
}

fn block_key(id: &str, file: usize, block: u32) -> Vec<u8> {
    let file = u16::try_from(file).unwrap_or(u16::MAX);
    [id.as_bytes(), &file.to_be_bytes(), &block.to_be_bytes()].concat()
}

fn damaged() -> Error {
    Error::Damaged("a kept job".to_owned())
}

fn read(bytes: &[u8]) -> Result<Job, Error> {
    serde_json::from_slice(bytes).map_err(|_| damaged())
}

/// Writes a job inside a unit.
fn put(work: &mut Work<'_, '_>, job: &Job, blocks: &[Block]) -> Result<(), Error> {
    for (file, block, packed) in blocks {
        work.unit().doc_put(BLOCKS, &block_key(&job.id, *file, *block), packed)?;
    }
    let text = serde_json::to_vec(job).map_err(|_| Error::Fault("a job cannot be written".to_owned()))?;
    Ok(work.unit().doc_put(JOBS, job.id.as_bytes(), &text)?)
}

/// Changes a job inside a unit; refused when it has been ended meanwhile.
pub fn change(
    work: &mut Work<'_, '_>,
    id: &str,
    blocks: &[Block],
    edit: impl FnOnce(&mut Job),
) -> Result<Job, Error> {
    let bytes = work.unit().doc_get(JOBS, id.as_bytes())?;
    let mut job = bytes.as_deref().map(|bytes| read(bytes)).transpose()?.ok_or_else(ended)?;
    if job.state == State::Dropped {
        return Err(ended());
    }
    edit(&mut job);
    put(work, &job, blocks)?;
    Ok(job)
}

fn ended() -> Error {
    Error::NotFound("this job".to_owned())
}

impl Shelf {
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    pub fn get(&self, id: &str) -> Result<Option<Job>, Error> {
        if id.len() != 32 {
            return Ok(None);
        }
        let bytes = self.records.vault().snapshot()?.doc_get(JOBS, id.as_bytes())?;
        bytes.map(|bytes| read(&bytes)).transpose()
    }

    pub fn all(&self) -> Result<Vec<Job>, Error> {
        let documents = self.records.vault().snapshot()?.doc_scan(JOBS, &[], MOST)?;
        documents.iter().map(|(_, bytes)| read(bytes)).collect()
    }

    /// Takes a job, unless there are too many. Its own unit of work is the state that it sees.
    pub fn create(
        &self,
        from: &Caller,
        mut job: Job,
        mut pages: Pages,
        rules: &config::Jobs,
    ) -> Result<Job, JobError> {
        let (files, blocks) = pages.take()?;
        job.files = files;
        let (per_caller, most) = (rules.per_caller, rules.most);
        let leaf = begun(&from.who, &job);
        let (taken, _) = self.records.unit_blocking(from.who.clone(), move |work| {
            let kept = work.unit().doc_scan(JOBS, &[], MOST)?;
            let kept = kept.iter().map(|(_, bytes)| read(bytes)).collect::<Result<Vec<_>, _>>()?;
            let kept: Vec<&Job> = kept.iter().filter(|kept| kept.state != State::Dropped).collect();
            let own = kept.iter().filter(|kept| kept.owner.id == work.who().id).count();
            if own >= per_caller {
                work.audit(leaf)?;
                return Ok(Err(JobError::TooMany(own, "jobs.per_caller")));
            }
            if kept.len() >= most {
                work.audit(leaf)?;
                return Ok(Err(JobError::TooMany(kept.len(), "jobs.most")));
            }
            job.created = work.now();
            job.tx = work.unit().tx().0;
            job.finished = (!job.state.is_open()).then_some(job.created);
            work.audit(leaf)?;
            put(work, &job, &blocks)?;
            Ok(Ok(job))
        })?;
        taken
    }

    /// Changes a job in a unit of its own, on behalf of its owner.
    pub fn change(
        &self,
        who: Arc<Actor>,
        id: &str,
        blocks: Vec<Block>,
        leaves: Vec<Leaf>,
        edit: impl FnOnce(&mut Job, jiff::Timestamp) + Send + 'static,
    ) -> Result<Job, Error> {
        let id = id.to_owned();
        let (job, _) = self.records.unit_blocking(who, move |work| {
            for leaf in leaves {
                work.audit(leaf)?;
            }
            if work.unit().audit_lines() == 0 {
                work.audit(audit::done(work.who(), Action::Execute, Purpose::Operations, About::default()))?;
            }
            let now = work.now();
            change(work, &id, &blocks, |job| edit(job, now))
        })?;
        Ok(job)
    }

    /// Marks a job as ended. What it has made is deleted by the worker, part by part.
    pub fn drop_job(&self, who: &Actor, id: &str) -> Result<(), Error> {
        self.change(Arc::new(who.clone()), id, Vec::new(), Vec::new(), |job, _| job.state = State::Dropped)?;
        Ok(())
    }

    /// Deletes some of what an ended job has made, and at last the job; answers whether that was all.
    pub fn clear(&self, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        let who = Arc::new(Actor::operator("jobs"));
        let (done, _) = self.records.unit_blocking(who, move |work| {
            work.audit(audit::done(work.who(), Action::Delete, Purpose::Operations, About::default()))?;
            let Some(bytes) = work.unit().doc_get(JOBS, id.as_bytes())? else { return Ok(true) };
            let mut job = read(&bytes)?;
            job.state = State::Dropped;
            let mut left = BLOCKS_AT_ONCE;
            while left > 0 {
                let number = job.files.len().saturating_sub(1);
                let Some(file) = job.files.last_mut() else { break };
                let gone = file.shorten(left);
                left -= gone.end - gone.start;
                for block in gone {
                    work.unit().doc_delete(BLOCKS, &block_key(&id, number, block))?;
                }
                if file.blocks() > 0 {
                    break;
                }
                job.files.pop();
            }
            if job.files.is_empty() {
                work.unit().doc_delete(JOBS, id.as_bytes())?;
                return Ok(true);
            }
            put(work, &job, &[])?;
            Ok(false)
        })?;
        Ok(done)
    }

    /// A block as it is kept, packed.
    pub fn packed(&self, id: &str, file: usize, block: u32) -> Result<Option<Vec<u8>>, Error> {
        let found = self.records.vault().snapshot()?.doc_get(BLOCKS, &block_key(id, file, block))?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    /// Plain bytes from `at` to the end of their block; none behind the end.
    pub fn plain(&self, id: &str, file: usize, at: u64) -> Result<Bytes, Error> {
        let block = u32::try_from(at / BLOCK as u64).unwrap_or(u32::MAX);
        let Some(packed) = self.packed(id, file, block)? else { return Ok(Bytes::new()) };
        let plain = Bytes::from(pages::unpack(&packed)?);
        let from = usize::try_from(at % BLOCK as u64).unwrap_or(usize::MAX).min(plain.len());
        Ok(plain.slice(from..))
    }

    /// A whole file of the job itself.
    pub fn whole(&self, job: &Job, file: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        for block in 0..job.files.get(file).map_or(0, pages::File::blocks) {
            let packed = self.packed(&job.id, file, block)?.ok_or_else(damaged)?;
            all.extend(pages::unpack(&packed)?);
        }
        Ok(all)
    }

    /// The files of a job, to go on writing.
    pub fn pages(&self, job: &Job) -> Result<Pages, Error> {
        Pages::resume(job.files.clone(), |file, block| {
            pages::unpack(&self.packed(&job.id, file, block)?.ok_or_else(damaged)?)
        })
    }

    pub fn note_download(&self, who: &Actor, job: &Job) -> Result<(), Error> {
        Ok(self.records.vault().note(begun(who, job))?)
    }
}

/// The line of a job's beginning, and of each file of it that is handed out.
fn begun(who: &Actor, job: &Job) -> Leaf {
    let action = match job.work {
        What::Export(_) => Action::Export,
        What::Import(_) | What::Upload(_) => Action::Import,
        What::Later(_) => Action::Execute,
    };
    audit::done(who, action, Purpose::Operations, About::default())
}
