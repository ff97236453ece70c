//! Records that were indexed by an older program are indexed anew, in the background and a few at a time.
//!
//! How far that is stands in the vault, so a restart goes on where it ended. Until it is done searches say so. Writes are
//! not held up: terms are made outside the writer, and a unit takes a handful of records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Severity};
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::params::INDEX_VERSION;
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_vault::{Action, MAX_TERMS, Rid, Snapshot, Term};
use serde::{Deserialize, Serialize};

use super::Records;
use super::access::{Actor, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::register::SETTINGS;
use super::terms;
use crate::app::App;
use crate::supervisor::Stop;

/// Key of the document that says how far the index is.
const KEY: &[u8] = b"search index";
/// Records of one unit.
const BATCH: u64 = 64;
/// How often an opened vault is looked at when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// What records are indexed by.
    version: u32,
    /// The first record that has not been looked at.
    next: u64,
    /// Whether all have been.
    done: bool,
}

/// Whether the index holds what searches ask for. Kept in memory, so that a search need not look it up.
#[derive(Debug, Default)]
pub struct Index {
    done: AtomicBool,
    /// That it is, is written down.
    noted: AtomicBool,
}

impl Records {
    /// Whether every record is indexed as this program does it.
    pub fn index_is_complete(&self) -> bool {
        self.index().done.load(Ordering::Acquire)
    }

    /// What a search says while records are still being indexed.
    pub(super) fn unfinished_index(&self) -> Option<Issue> {
        let message = "The search index is being renewed after an update of the box; until that is done, records that \
                       it has not reached may be missing from this answer.";
        let issue = Issue { severity: Severity::Warning, ..Issue::error(IssueCode::Incomplete, message) };
        (!self.index_is_complete()).then_some(issue)
    }

    /// Looks up how far the index is; a vault without records has nothing to renew.
    pub(super) fn look_at_index(&self) -> Result<(), Error> {
        let snapshot = self.vault().snapshot()?;
        let done = match progress(&snapshot)? {
            Some(progress) => progress.done && progress.version == INDEX_VERSION,
            None => snapshot.head_of(Rid(1))?.is_none(),
        };
        self.index().done.store(done, Ordering::Release);
        Ok(())
    }

    /// Indexes the next few records anew; answers whether there is more to do. Blocking.
    ///
    /// # Errors
    /// What reading and writing the vault answers; what was done before stays done.
    pub fn renew_some(&self) -> Result<bool, Error> {
        if self.index_is_complete() && self.index().noted.load(Ordering::Acquire) {
            return Ok(false);
        }
        let snapshot = self.vault().snapshot()?;
        let fresh = Progress { version: INDEX_VERSION, next: 1, done: false };
        let at = progress(&snapshot)?.filter(|p| p.version == INDEX_VERSION).unwrap_or(fresh);
        if at.done {
            self.index().noted.store(true, Ordering::Release);
            self.index().done.store(true, Ordering::Release);
            return Ok(false);
        }
        let context = Context::new(self.0.zone.clone(), self.now());
        let mut renewed = Vec::new();
        let mut next = at.next;
        while next < at.next + BATCH && snapshot.head_of(Rid(next))?.is_some() {
            renewed.extend(anew(&snapshot, Rid(next), &context)?);
            next += 1;
        }
        let done = next < at.next + BATCH;
        self.unit_blocking(Arc::new(Actor::operator("index renewal")), move |work| {
            for (rid, version, terms) in renewed {
                // Whoever wrote it since has indexed it as well.
                if work.unit().head_of(rid)?.is_some_and(|head| head.version == version && !head.deleted) {
                    work.unit().set_terms(rid, &terms)?;
                }
            }
            let progress = Progress { next, done, ..at };
            let bytes = serde_json::to_vec(&progress).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().doc_put(SETTINGS, KEY, &bytes)?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
        })?;
        self.index().done.store(done, Ordering::Release);
        Ok(!done)
    }
}

/// Renews the index of an opened vault until it is complete or the box stops.
///
/// # Errors
/// What reading and writing the vault answers; the supervisor starts it again.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    while !stop.is_wanted() {
        // Held only for one round, so that sealing the vault can close it.
        let records = app.rooms().ok().map(|rooms| rooms.records.clone());
        let more = match records {
            Some(records) => tokio::task::spawn_blocking(move || records.renew_some()).await??,
            None => false,
        };
        if more {
            continue;
        }
        tokio::select! {
            () = stop.wanted() => break,
            () = tokio::time::sleep(IDLE) => {}
        }
    }
    Ok(())
}

fn progress(snapshot: &Snapshot) -> Result<Option<Progress>, Error> {
    let Some(bytes) = snapshot.doc_get(SETTINGS, KEY)? else { return Ok(None) };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|_| Error::Damaged("the progress of the search index".to_owned()))
}

/// A record's number and version with its terms as they are to be; nothing for one that is deleted or has them already.
fn anew(snapshot: &Snapshot, rid: Rid, context: &Context) -> Result<Option<(Rid, u64, Vec<Term>)>, Error> {
    let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted) else { return Ok(None) };
    let body = snapshot.body(&head)?;
    let Ok(resource) = Resource::stored(&body) else {
        tracing::error!(
            rid = rid.0,
            version = head.version,
            "a record cannot be read; its search terms stay as they are"
        );
        return Ok(None);
    };
    let old = snapshot.terms(rid)?;
    let known: Vec<search::Term> = old.iter().cloned().map(terms::back).collect();
    let new = terms::all(search::terms::renewed(&resource, context, &known));
    if new.len() > MAX_TERMS {
        tracing::error!(
            rid = rid.0,
            terms = new.len(),
            "a record has more search terms than one may have; they stay as they are"
        );
        return Ok(None);
    }
    Ok((new != old).then_some((rid, head.version, new)))
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::fhir::id::ResourceType;
    use clinicvault_gateway::fhir::search::{Handling, query};

    use super::super::access::Who;
    use super::super::search::{Asked, Page};
    use super::super::testing::{Room, caller};
    use super::*;

    fn search(records: &Records, query: &str) -> Page {
        let parameters = query::decode(query).unwrap();
        let kind = ResourceType::OBSERVATION;
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 1000 };
        records.search(&caller(Who::Operator), &asked).unwrap()
    }

    /// Takes the index of every record down to what an older program might have left.
    fn age(records: &Records) {
        let operator = Arc::new(Actor::operator("test"));
        let work = records.unit_blocking(operator, |work| {
            let mut rid = 1;
            while let Some(head) = work.unit().head_of(Rid(rid))? {
                let few: Vec<Term> =
                    work.unit().terms(head.rid)?.into_iter().filter(|t| t.param < 10).collect();
                if !head.deleted {
                    work.unit().set_terms(head.rid, &few)?;
                }
                rid += 1;
            }
            let old = Progress { version: INDEX_VERSION - 1, next: 0, done: true };
            work.unit().doc_put(SETTINGS, KEY, &serde_json::to_vec(&old).unwrap())?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
        });
        work.unwrap();
        records.index().noted.store(false, Ordering::Release);
        records.look_at_index().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_an_older_program_indexed_is_indexed_anew() {
        let room = Room::with(&[4218]).await;
        let records = room.records.clone();
        let query = "status=final";
        let before = search(&records, query);
        assert!(before.total > Some(3) && before.search.warnings.is_empty() && records.index_is_complete());
        let terms = |records: &Records| {
            let snapshot = records.vault().snapshot().unwrap();
            (1..)
                .map_while(|rid| {
                    snapshot
                        .head_of(Rid(rid))
                        .unwrap()
                        .map(|head| (head.version, snapshot.terms(head.rid).unwrap()))
                })
                .collect::<Vec<_>>()
        };
        let whole = terms(&records);
        let aged = records.clone();
        tokio::task::spawn_blocking(move || age(&aged)).await.unwrap();
        let stale = search(&records, query);
        assert_eq!(stale.total, Some(0));
        assert_eq!(stale.search.warnings.first().map(|issue| issue.code), Some(IssueCode::Incomplete));
        let mut rounds = 0;
        loop {
            let records = records.clone();
            rounds += 1;
            if !tokio::task::spawn_blocking(move || records.renew_some()).await.unwrap().unwrap() {
                break;
            }
        }
        assert!(rounds > 1, "in small units");
        let after = search(&records, query);
        assert_eq!(after.total, before.total);
        assert!(after.search.warnings.is_empty() && records.index_is_complete());
        assert_eq!(terms(&records), whole, "no version was made, and the terms are those of a write");
        assert!(!records.renew_some().unwrap());
        let report = records.vault().verify(&mut |_| {}).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}
