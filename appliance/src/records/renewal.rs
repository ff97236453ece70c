//! Records that were indexed by an older program are indexed anew, in the background and a few at a time; behind them
//! those that are to be indexed by the clinic's own parameters (`parameters`).
//!
//! How far that is stands in the vault, so a restart goes on where it ended. Until it is done searches say so. Writes are
//! not held up: terms are made outside the writer, and a unit takes a handful of records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Severity};
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::params::INDEX_VERSION;
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_vault::{Action, Head, MAX_TERMS, Rid, Snapshot, Term};
use serde::{Deserialize, Serialize};

use super::Records;
use super::access::{Actor, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::{parameters, terms};
use crate::app::App;
use crate::collections::SETTINGS;
use crate::supervisor::Stop;

/// Key of the document that says how far the index is.
const KEY: &[u8] = b"search index";
/// Records of one unit.
const BATCH: u64 = 64;
/// Most records that could not be indexed whose numbers are kept; more are only counted.
const MOST_NAMED: usize = 1_000;
/// How often an opened vault is looked at when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// How far the index is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// What records are indexed by.
    version: u32,
    /// The first record that has not been looked at.
    next: u64,
    /// Whether all have been.
    done: bool,
    /// Number and version of each record that keeps the terms it had, because it cannot be read or would have too many.
    #[serde(default)]
    skipped: Vec<(u64, u64)>,
    /// How many more there are than [`MOST_NAMED`].
    #[serde(default)]
    skipped_more: u64,
    /// Which words they are indexed by.
    #[serde(default)]
    words: String,
}

impl Progress {
    fn skip(&mut self, rid: Rid, version: u64) {
        if self.skipped.len() < MOST_NAMED {
            self.skipped.push((rid.0, version));
        } else {
            self.skipped_more += 1;
        }
    }

    /// How many of the skipped still stand as they did. Whatever has been written since has its terms.
    fn left_out(&self, snapshot: &Snapshot) -> Result<u64, Error> {
        let mut left = self.skipped_more;
        for (rid, version) in &self.skipped {
            let head = snapshot.head_of(Rid(*rid))?;
            left += u64::from(head.is_some_and(|head| head.version == *version && !head.deleted));
        }
        Ok(left)
    }
}

/// Whether the index holds what searches ask for. Kept in memory, so that a search need not look it up.
#[derive(Debug, Default)]
pub struct Index {
    done: AtomicBool,
    /// That it is, is written down.
    noted: AtomicBool,
    /// How many records keep old terms for good, or until they are written again.
    left_out: AtomicU64,
}

impl Records {
    /// Whether every record is indexed as this program does it.
    pub fn index_is_complete(&self) -> bool {
        self.index().done.load(Ordering::Acquire)
    }

    /// What a search says while records are still being indexed, or while some cannot be.
    pub(super) fn unfinished_index(&self) -> Option<Issue> {
        let message = if !self.index_is_complete() {
            "The search index is being renewed after an update of the box; until that is done, records that it has not \
             reached may be missing from this answer."
        } else if self.index().left_out.load(Ordering::Acquire) > 0 {
            "Some records of the box could not be indexed anew after an update and may be missing from this answer; the \
             log of the box names them."
        } else {
            return None;
        };
        Some(Issue { severity: Severity::Warning, ..Issue::error(IssueCode::Incomplete, message) })
    }

    /// Looks up how far the index is; a vault without records has nothing to renew.
    pub(super) fn look_at_index(&self) -> Result<(), Error> {
        let snapshot = self.vault().snapshot()?;
        let (done, left_out) = match progress(&snapshot)? {
            Some(progress) => (progress.done && self.is_current(&progress), progress.left_out(&snapshot)?),
            None => (snapshot.head_of(Rid(1))?.is_none(), 0),
        };
        self.index().left_out.store(left_out, Ordering::Release);
        self.index().done.store(done, Ordering::Release);
        Ok(())
    }

    /// Indexes the next few records anew; answers whether there is more to do. Blocking.
    ///
    /// # Errors
    /// What reading and writing the vault answers; what was done before stays done.
    pub fn renew_some(&self) -> Result<bool, Error> {
        Ok(self.renew_index()? || self.fill_some()?)
    }

    /// Notes that other words are indexed from now on than those that all records have, so that whoever opens the vault
    /// with the former setting again knows that some have not.
    pub(super) fn begin_other_words(&self) -> Result<(), Error> {
        let before = progress(&self.vault().snapshot()?)?;
        let Some(before) = before.filter(|before| before.words != self.words().as_str()) else {
            return Ok(());
        };
        let words = self.words().as_str().to_owned();
        let anew = Progress { next: 1, done: false, skipped: Vec::new(), skipped_more: 0, words, ..before };
        self.unit_blocking(Arc::new(Actor::operator("index renewal")), move |work| {
            let bytes = serde_json::to_vec(&anew).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().doc_put(SETTINGS, KEY, &bytes)?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
        })?;
        Ok(())
    }

    /// Whether a renewal was for what this program indexes under its settings.
    fn is_current(&self, progress: &Progress) -> bool {
        progress.version == INDEX_VERSION && progress.words == self.words().as_str()
    }

    fn renew_index(&self) -> Result<bool, Error> {
        if self.index_is_complete() && self.index().noted.load(Ordering::Acquire) {
            if self.index().left_out.load(Ordering::Acquire) > 0 {
                self.look_at_index()?;
            }
            return Ok(false);
        }
        let snapshot = self.vault().snapshot()?;
        let fresh = Progress {
            version: INDEX_VERSION,
            next: 1,
            done: false,
            skipped: Vec::new(),
            skipped_more: 0,
            words: self.words().as_str().to_owned(),
        };
        let mut at = progress(&snapshot)?.filter(|p| self.is_current(p)).unwrap_or(fresh);
        if at.done {
            self.index().noted.store(true, Ordering::Release);
            self.index().done.store(true, Ordering::Release);
            return Ok(false);
        }
        let own = self.own_parameters();
        let mut context = Context::new(self.0.zone.clone(), self.now());
        context.own = own.clone();
        context.words = self.words();
        let mut renewed = Vec::new();
        let mut next = at.next;
        let end = at.next + BATCH;
        while next < end
            && let Some(head) = snapshot.head_of(Rid(next))?
        {
            match anew(&snapshot, &head, &context) {
                Ok(Anew::Same) => {}
                Ok(Anew::Terms(terms)) => renewed.push((head.rid, head.version, terms)),
                Ok(Anew::Skipped(why)) => skip(&mut at, &head, &why),
                // One damaged record must not keep the others from being found.
                Err(Error::Damaged(why)) => skip(&mut at, &head, &why),
                Err(other) => return Err(other),
            }
            next += 1;
        }
        let done = next < end;
        let left_out = if done { at.left_out(&snapshot)? } else { 0 };
        let (taken, _) = self.unit_blocking(Arc::new(Actor::operator("index renewal")), move |work| {
            // A search parameter was written meanwhile: these terms are none of its.
            if !parameters::is_current(work.unit(), &own)? {
                return Ok(false);
            }
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
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))?;
            Ok(true)
        })?;
        if !taken {
            self.parameters().changed();
            return Ok(true);
        }
        self.index().left_out.store(left_out, Ordering::Release);
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

/// What becomes of a record's terms.
enum Anew {
    /// They stay: it is deleted, or has them already.
    Same,
    /// These are they.
    Terms(Vec<Term>),
    /// They stay although they should not, for this reason.
    Skipped(String),
}

fn skip(progress: &mut Progress, head: &Head, why: &str) {
    tracing::error!(
        rid = head.rid.0,
        version = head.version,
        why,
        "the search terms of a record stay as they are"
    );
    progress.skip(head.rid, head.version);
}

fn anew(snapshot: &Snapshot, head: &Head, context: &Context) -> Result<Anew, Error> {
    if head.deleted {
        return Ok(Anew::Same);
    }
    let body = snapshot.body(head)?;
    let Ok(resource) = Resource::stored(&body) else {
        return Ok(Anew::Skipped("it cannot be read".to_owned()));
    };
    let old = snapshot.terms(head.rid)?;
    let known: Vec<search::Term> = old.iter().cloned().map(terms::back).collect();
    let new = terms::all(search::terms::renewed(&resource, context, &known));
    if new.len() > MAX_TERMS {
        return Ok(Anew::Skipped(format!("it has {} terms, more than one may have", new.len())));
    }
    Ok(if new == old { Anew::Same } else { Anew::Terms(new) })
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
            let old = Progress {
                version: INDEX_VERSION - 1,
                next: 0,
                done: true,
                skipped: Vec::new(),
                skipped_more: 0,
                words: String::new(),
            };
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

    #[tokio::test(flavor = "multi_thread")]
    async fn conditions_wait_for_the_index_and_what_is_left_out_of_it_is_told() {
        let room = Room::with(&[4218]).await;
        let records = room.records.clone();
        let operator = caller(Who::Operator);
        let kind = ResourceType::OBSERVATION;
        let pairs = [("status".to_owned(), "cancelled".to_owned())];
        let condition = || records.condition(&operator, kind, &pairs).unwrap();
        let removed = || records.delete_matching(&operator, kind, condition(), None);
        assert!(removed().await.unwrap().is_none());
        let first = search(&records, "_count=1");
        assert!(first.search.warnings.is_empty());
        let link = first.next.unwrap();
        let aged = records.clone();
        tokio::task::spawn_blocking(move || age(&aged)).await.unwrap();
        assert!(matches!(removed().await, Err(Error::Renewing)));
        let further = records.next_page(&operator, kind, &link, 1).unwrap();
        assert_eq!(further.search.warnings.first().map(|issue| issue.code), Some(IssueCode::Incomplete));
        // A renewal that is nearly through, with a record that it had to leave out.
        let damaged = |version| {
            let records = records.clone();
            let operator = Arc::new(Actor::operator("test"));
            let progress = Progress {
                version: INDEX_VERSION,
                next: 1,
                done: false,
                skipped: vec![(1, version)],
                skipped_more: 0,
                words: records.words().as_str().to_owned(),
            };
            move || {
                let noted = records.unit_blocking(operator, move |work| {
                    work.unit().doc_put(SETTINGS, KEY, &serde_json::to_vec(&progress).unwrap())?;
                    let who = work.who().clone();
                    work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
                });
                noted.unwrap();
                records.index().noted.store(false, Ordering::Release);
                records.look_at_index().unwrap();
                while records.renew_some().unwrap() {}
            }
        };
        tokio::task::spawn_blocking(damaged(1)).await.unwrap();
        assert!(records.index_is_complete());
        assert_eq!(search(&records, "status=final").search.warnings.len(), 1);
        assert!(removed().await.unwrap().is_none(), "a condition does not wait for what cannot be indexed");
        // The version that was left out is no longer the newest: it was written again.
        tokio::task::spawn_blocking(damaged(99)).await.unwrap();
        assert!(search(&records, "status=final").search.warnings.is_empty());
    }

    #[test]
    fn what_cannot_be_indexed_is_named_up_to_a_bound_and_counted_beyond() {
        let old = r#"{"version":3,"next":7,"done":true}"#;
        let mut progress: Progress = serde_json::from_str(old).unwrap();
        for rid in 0..MOST_NAMED as u64 + 2 {
            progress.skip(Rid(rid), 1);
        }
        assert_eq!((progress.skipped.len(), progress.skipped_more), (MOST_NAMED, 2));
    }
}
