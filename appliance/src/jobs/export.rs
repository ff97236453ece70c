//! One export under way: a step gives out some records and commits them as blocks together with how far it came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clinicvault_gateway::fhir::bulk::manifest;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::ndjson;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_vault::{Action, Leaf, Tx};

use super::job::{self, Job, Progress, State, Work};
use super::pages::{Pages, Role};
use super::shelf::Shelf;
use super::{ExportKickOff, wanted};
use crate::records::Caller;
use crate::records::access::Purpose;
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::export::{Budget, Filtering, Out, Selection};

/// What one step does at most: some ten milliseconds of work, and one commit.
const BUDGET: Budget = Budget { records: 1_000, bytes: 1 << 20 };
/// File of what went wrong.
const ERRORS: &str = "errors.ndjson";

/// An export in memory; made anew from what is kept after a restart.
pub struct Exporting {
    caller: Caller,
    selection: Selection,
    pages: Pages,
    after: u64,
    /// The searches that are still to be answered, and what the caller is told at the beginning.
    filtering: Option<(Filtering, Vec<Issue>)>,
}

impl Exporting {
    /// Takes up an export where it was left. First the searches of its filters are answered, part by part, and what they
    /// found is kept, because the index is exact for an hour only; a restart in between begins them again.
    pub fn begin(shelf: &Shelf, job: &Job, export: &job::Export) -> Result<Self, Error> {
        let caller = job.caller()?;
        let asked = ExportKickOff {
            level: export.level.into(),
            group: export.group.as_deref().and_then(LogicalId::parse),
            pairs: export.pairs.clone(),
            lenient: export.lenient,
            posted: export.posted,
        };
        let (wanted, warnings) = wanted(&caller, &asked)?;
        let selection = shelf.records().selection(&caller, &wanted, Tx(job.tx))?;
        let mut exporting =
            Self { caller, selection, pages: shelf.pages(job)?, after: export.after, filtering: None };
        if export.prepared {
            let kinds: BTreeSet<ResourceType> = wanted.ask.filters.iter().map(|(kind, _)| *kind).collect();
            exporting.load_filters(shelf, &job.id, &kinds)?;
        } else {
            exporting.filtering = Some((Filtering::of(&wanted.ask.filters), warnings));
        }
        Ok(exporting)
    }

    /// Answers some more of the searches; when all are, keeps what they found.
    fn prepare(
        &mut self,
        shelf: &Shelf,
        job: &Job,
        mut filtering: Filtering,
        warnings: Vec<Issue>,
    ) -> Result<Job, Error> {
        shelf.records().export_filter(&self.caller, &mut filtering, Tx(job.tx))?;
        if !filtering.is_done() {
            self.filtering = Some((filtering, warnings));
            return Ok(job.clone());
        }
        for (kind, rids) in filtering.found() {
            let bytes: Vec<u8> = rids.iter().flat_map(|rid| rid.to_be_bytes()).collect();
            let file = self.pages.file(&filter_name(kind), kind.as_str(), Role::Inner);
            self.pages.push(file, &bytes, rids.len() as u64);
            self.selection.filtered.insert(kind, rids);
        }
        for issue in warnings {
            push_issue(&mut self.pages, issue);
        }
        let (files, blocks) = self.pages.take()?;
        shelf.change(self.caller.who.clone(), &job.id, blocks, Vec::new(), move |job, _| {
            job.files = files;
            job.state = State::Running;
            if let Work::Export(export) = &mut job.work {
                export.prepared = true;
            }
        })
    }

    fn load_filters(&mut self, shelf: &Shelf, id: &str, kinds: &BTreeSet<ResourceType>) -> Result<(), Error> {
        let Some(job) = shelf.get(id)? else { return Ok(()) };
        for kind in kinds {
            let name = filter_name(*kind);
            let number = job.files.iter().position(|file| file.role == Role::Inner && file.name == name);
            let number = number.ok_or_else(|| Error::Damaged("the searches of an export".to_owned()))?;
            let bytes = shelf.whole(&job, number)?;
            let rids = bytes.chunks_exact(8).filter_map(|each| each.try_into().ok()).map(u64::from_be_bytes);
            self.selection.filtered.insert(*kind, rids.collect());
        }
        Ok(())
    }

    /// One step; answers the job as it then stands.
    pub fn step(&mut self, shelf: &Shelf, job: &Job) -> Result<Job, Error> {
        if let Some((filtering, warnings)) = self.filtering.take() {
            return self.prepare(shelf, job, filtering, warnings);
        }
        let mut given: BTreeMap<ResourceType, u64> = BTreeMap::new();
        let (pages, selection, caller) = (&mut self.pages, &self.selection, &self.caller);
        let reached = shelf.records().export_step(caller, selection, self.after, BUDGET, &mut |out| {
            match out {
                Out::Record(kind, body) => {
                    let file = pages.file(&format!("{kind}.ndjson"), kind.as_str(), Role::Output);
                    pages.push(file, body, 1);
                    pages.push(file, b"\n", 0);
                    *given.entry(kind).or_default() += 1;
                }
                Out::Deleted(kind, id) => {
                    let mut line = Vec::new();
                    ndjson::write(&manifest::deletion(kind.as_str(), id), &mut line);
                    let file = pages.file("deleted.ndjson", "Bundle", Role::Deleted);
                    pages.push(file, &line, 1);
                    *given.entry(kind).or_default() += 1;
                }
                Out::Damaged(kind, id) => {
                    let text = format!("{kind}/{id} is damaged in the store and was left out.");
                    push_issue(pages, Issue::error(IssueCode::Exception, text));
                }
            }
            Ok(())
        })?;
        self.after = reached.rid;
        let (files, blocks) = self.pages.take()?;
        let leaves = given.keys().map(|kind| self.leaf(*kind)).collect();
        let who = Arc::clone(&self.caller.who);
        shelf.change(who, &job.id, blocks, leaves, move |job, now| {
            job.files = files;
            job.state = State::Running;
            job.progress = Progress { done: reached.rid, total: reached.last };
            if let Work::Export(export) = &mut job.work {
                export.after = reached.rid;
            }
            if reached.is_all() {
                job.state = State::Done;
                job.finished = Some(now);
            }
        })
    }

    /// One line a type and step: what an export took away stands in the log before it can be fetched.
    fn leaf(&self, kind: ResourceType) -> Leaf {
        let about = About::of_type(kind, self.selection.whom.only());
        audit::done(&self.caller.who, Action::Export, Purpose::Operations, about)
    }
}

fn push_issue(pages: &mut Pages, issue: Issue) {
    let mut line = Vec::new();
    ndjson::write(&Outcome::from(issue).to_json(), &mut line);
    let file = pages.file(ERRORS, "OperationOutcome", Role::Error);
    pages.push(file, &line, 1);
}

fn filter_name(kind: ResourceType) -> String {
    format!("filter {kind}")
}
