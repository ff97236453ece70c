//! What people decide about replays: begin, look, pause, go on, give up. All of it is audited.

use std::sync::Arc;

use clinicvault_vault::{Action, Leaf};
use serde::Serialize;
use utoipa::ToSchema;

use super::ask::ReplayAsk;
use super::job::{self, Kept, MOST, Replay, ReplayCounts, ReplayState};
use crate::collections::{REPLAY_ROWS, REPLAYS};
use crate::exchange::Exchange;
use crate::jobs::job::Owner;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::names::Names;

/// Replays of the box.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayList {
    /// Newest first; at most 50.
    pub replays: Vec<Replay>,
}

impl Exchange {
    /// Every replay that is kept. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not look at messages.
    pub fn replays(&self, who: &Actor) -> Result<ReplayList, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        Ok(ReplayList { replays: job::all(&snapshot)?.into_iter().map(|kept| kept.shown).collect() })
    }

    /// One replay. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn replay(&self, who: &Actor, id: u64) -> Result<Replay, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Inbox)).check()?;
        Ok(job::get(&self.records().vault().snapshot()?, id)?.shown)
    }

    /// Begins a replay; `expect` is the number of messages that a preview named. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not settle messages, [`Error::Precondition`] when there are other messages
    /// than expected, none at all, or a replay is under way, [`Error::TooMuch`].
    pub fn begin_replay(&self, who: &Actor, ask: ReplayAsk, expect: Option<u64>) -> Result<Replay, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let rows = self.replay_rows(&snapshot, &ask)?;
        let total = rows.len() as u64;
        if rows.is_empty() {
            return Err(Error::precondition("There is no such message that waits or was refused."));
        }
        if expect.is_some_and(|expect| expect != total) {
            let why = format!(
                "There are {total} such messages now, not as many as were shown; look at them again."
            );
            return Err(Error::precondition(why));
        }
        let name = Names::new(&snapshot).of(&who.id);
        let (owner, said) = (Owner::of(who), format!("{ask:?}"));
        let (kept, _) = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let mut known = Vec::new();
            for (_, bytes) in work.unit().doc_scan(REPLAYS, &[], MOST + 1)? {
                known.push(job::read(&bytes)?.shown);
            }
            if let Some(open) = known.iter().find(|one| one.state.is_open()) {
                let why = format!("Replay {} is {}; one goes at a time.", open.id, open.state.as_str());
                return Err(Error::precondition(why));
            }
            known.sort_by_key(|one| one.id);
            let over = (known.len() + 1).saturating_sub(MOST);
            for old in known.iter().take(over) {
                work.unit().doc_delete(REPLAYS, &job::key(old.id))?;
                work.unit().doc_delete(REPLAY_ROWS, &job::key(old.id))?;
            }
            let id = known.last().map_or(1, |last| last.id + 1);
            let shown = Replay {
                id,
                by: name,
                at: work.now(),
                ask,
                state: ReplayState::Running,
                total,
                done: 0,
                counts: ReplayCounts::default(),
                ended: None,
            };
            let kept = Kept { shown, owner, under_way: Vec::new(), since: work.now() };
            kept.put(work)?;
            work.unit().doc_put(REPLAY_ROWS, &job::key(id), &job::packed(&rows))?;
            let line = line(work.who(), &format!("replay {id} of {total} messages begins: {said}"));
            work.audit(line)?;
            Ok(kept)
        })?;
        self.replays_changed();
        Ok(kept.shown)
    }

    /// Pauses a replay, lets it go on, or gives it up. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Precondition`] for one that has ended.
    pub fn turn_replay(&self, who: &Actor, id: u64, to: ReplayState) -> Result<Replay, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Inbox)).check()?;
        let (kept, _) = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let bytes = work.unit().doc_get(REPLAYS, &job::key(id))?;
            let mut kept = job::read(&bytes.ok_or_else(|| Error::NotFound(format!("replay {id}")))?)?;
            if !kept.shown.state.is_open() {
                let why = format!("Replay {id} is {} already.", kept.shown.state.as_str());
                return Err(Error::precondition(why));
            }
            kept.shown.state = to;
            kept.shown.ended = (!to.is_open()).then(|| work.now());
            kept.put(work)?;
            let said = format!("replay {id} {} after {} messages", to.as_str(), kept.shown.done);
            let line = line(work.who(), &said);
            work.audit(line)?;
            Ok(kept)
        })?;
        self.replays_changed();
        Ok(kept.shown)
    }
}

/// An audit line about a whole replay.
pub(super) fn line(who: &Actor, said: &str) -> Leaf {
    let mut line = audit::done(who, Action::Execute, Purpose::Operations, About::default());
    line.reason = Some(said.to_owned());
    line
}
