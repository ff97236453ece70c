//! Records that were indexed by an older program are indexed anew, in the background and a few at a time; behind them
//! those that are to be indexed by the clinic's own parameters (`parameters`).
//!
//! How far that is stands in the vault, so a restart goes on where it ended. Until it is done searches say so. Writes are
//! not held up: terms are made outside the writer, and a unit takes a handful of records.

mod progress;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Severity};
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::params::INDEX_VERSION;
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_vault::{Action, Head, MAX_TERMS, Rid, Snapshot, Term};

use super::Records;
use super::access::{Actor, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::{parameters, terms};
use crate::app::App;
use crate::supervisor::Stop;
use progress::Progress;

/// Records of one unit.
const BATCH: u64 = 64;
/// How often an opened vault is looked at when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// Whether the index holds what searches ask for. Kept in memory, so that a search need not look it up.
#[derive(Debug, Default)]
pub struct Index {
    done: AtomicBool,
    /// That it is, is written down.
    noted: AtomicBool,
    /// The unit that ended the last renewal.
    finished: AtomicU64,
    /// How many records keep old terms for good, or until they are written again.
    left_out: AtomicU64,
}

/// How far the index is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStanding {
    /// Records that were looked at, deleted ones included.
    pub next: u64,
    /// Records there are.
    pub of: u64,
    /// Whether it is whole.
    pub done: bool,
    /// Records that keep the terms they had.
    pub left_out: u64,
    /// Which words are indexed.
    pub words: &'static str,
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

    /// Whether what was found at transaction `at` can no longer be found the same: records were indexed anew since. While
    /// that is still going on, searches say so instead.
    pub(super) fn was_renewed_since(&self, at: u64) -> bool {
        self.index_is_complete() && at < self.index().finished.load(Ordering::Acquire)
    }

    /// How far the index is. Blocking.
    ///
    /// # Errors
    /// What reading the vault answers.
    pub fn index_standing(&self) -> Result<IndexStanding, Error> {
        let snapshot = self.vault().snapshot()?;
        let (of, words) = (snapshot.last_rid().0, self.words().as_str());
        let progress = Progress::read(&snapshot)?.filter(|progress| self.is_current(progress));
        let (next, left_out) = match &progress {
            Some(progress) => (progress.next, progress.left_out(&snapshot)?),
            None => (1, 0),
        };
        let done = self.index_is_complete();
        let next = if done { of } else { next.saturating_sub(1).min(of) };
        Ok(IndexStanding { next, of, done, left_out, words })
    }

    /// Looks up how far the index is; a vault without records has nothing to renew.
    pub(super) fn look_at_index(&self) -> Result<(), Error> {
        let snapshot = self.vault().snapshot()?;
        let (done, finished, left_out) = match Progress::read(&snapshot)? {
            Some(progress) => {
                let done = progress.done && self.is_current(&progress);
                (done, progress.finished, progress.left_out(&snapshot)?)
            }
            None => (snapshot.head_of(Rid(1))?.is_none(), 0, 0),
        };
        self.index().left_out.store(left_out, Ordering::Release);
        self.index().finished.store(finished, Ordering::Release);
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

    /// Notes by what records are indexed from now on, before this program writes any: whoever opens the vault after it, with
    /// another program or other settings, knows that some records may have been indexed otherwise, and renews them.
    pub(super) fn take_over_index(&self) -> Result<(), Error> {
        let snapshot = self.vault().snapshot()?;
        let standing = Progress::read(&snapshot)?.filter(|progress| self.is_current(progress));
        if standing.is_some() && !progress::is_from_before(&snapshot)? {
            return Ok(());
        }
        let anew = Progress { done: snapshot.head_of(Rid(1))?.is_none(), ..self.begin() };
        self.unit_blocking(Arc::new(Actor::operator("index renewal")), move |work| {
            anew.keep(work.unit())?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
        })?;
        Ok(())
    }

    /// A renewal that has done nothing yet.
    fn begin(&self) -> Progress {
        Progress {
            version: INDEX_VERSION,
            words: self.words().as_str().to_owned(),
            next: 1,
            ..Progress::default()
        }
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
        let standing = Progress::read(&snapshot)?.filter(|progress| self.is_current(progress));
        let mut at = standing.unwrap_or_else(|| self.begin());
        if at.done {
            self.index().noted.store(true, Ordering::Release);
            self.index().done.store(true, Ordering::Release);
            return Ok(false);
        }
        let own = self.own_parameters();
        let mut context = self.reading();
        context.own = own.clone();
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
        let (taken, tx) = self.unit_blocking(Arc::new(Actor::operator("index renewal")), move |work| {
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
            let finished = if done { work.unit().tx().0 } else { at.finished };
            Progress { next, done, finished, ..at }.keep(work.unit())?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))?;
            Ok(true)
        })?;
        if !taken {
            self.parameters().changed();
            return Ok(true);
        }
        self.index().left_out.store(left_out, Ordering::Release);
        self.index().finished.store(tx.0, Ordering::Release);
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
            Progress { version: INDEX_VERSION - 1, done: true, ..Progress::default() }.keep(work.unit())?;
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
            let progress = Progress { skipped: vec![(1, version)], ..records.begin() };
            move || {
                let noted = records.unit_blocking(operator, move |work| {
                    progress.keep(work.unit())?;
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

    #[tokio::test(flavor = "multi_thread")]
    async fn what_another_program_may_have_indexed_is_renewed_by_the_next() {
        let room = Room::with(&[4218]).await;
        let records = room.records.clone();
        let whole = search(&records, "status=final").total;
        let stamped = |version: u32| {
            let records = records.clone();
            move || {
                let other = Progress { version, ..records.begin() };
                records.keep_for_test(move |unit| other.keep(unit));
            }
        };
        let settled = |records: Records| move || while records.renew_some().unwrap() {};
        let taken_over = |records: Records| {
            move || {
                records.take_over_index().unwrap();
                records.look_at_index().unwrap();
            }
        };
        tokio::task::spawn_blocking(settled(records.clone())).await.unwrap();
        tokio::task::spawn_blocking(taken_over(records.clone())).await.unwrap();
        assert!(records.index_is_complete(), "nobody else was here");

        // Another program took over, wrote, and stopped before it had renewed anything.
        for version in [INDEX_VERSION - 1, INDEX_VERSION + 1] {
            tokio::task::spawn_blocking(stamped(version)).await.unwrap();
            tokio::task::spawn_blocking(taken_over(records.clone())).await.unwrap();
            assert!(!records.index_is_complete());
            tokio::task::spawn_blocking(settled(records.clone())).await.unwrap();
            assert!(records.index_is_complete());
        }

        // One from before such notes: it found no progress of its own and wrote one.
        let aged = records.clone();
        tokio::task::spawn_blocking(move || {
            age(&aged);
            aged.keep_for_test(|unit| {
                Progress { version: INDEX_VERSION, done: true, ..aged_progress() }.keep(unit)?;
                progress::keep_before(unit)
            });
            aged.take_over_index().unwrap();
            aged.look_at_index().unwrap();
        })
        .await
        .unwrap();
        assert!(!records.index_is_complete());
        assert!(!progress::is_from_before(&records.vault().snapshot().unwrap()).unwrap());
        tokio::task::spawn_blocking(settled(records.clone())).await.unwrap();
        assert_eq!(search(&records, "status=final").total, whole);
    }

    /// As a program with the same words left it.
    fn aged_progress() -> Progress {
        Progress { words: "narrative".to_owned(), next: 1, ..Progress::default() }
    }

    impl Records {
        fn keep_for_test(
            &self,
            keep: impl FnOnce(&mut clinicvault_vault::Unit<'_>) -> Result<(), Error> + Send + 'static,
        ) {
            let kept = self.unit_blocking(Arc::new(Actor::operator("test")), move |work| {
                keep(work.unit())?;
                let who = work.who().clone();
                work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
            });
            kept.unwrap();
        }
    }
}
