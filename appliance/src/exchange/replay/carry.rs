//! Carries replays on: a few messages at a time, in their order, and waits until it is known what became of them. How far
//! it is lies in the vault with what was done, so that a stop of the box loses nothing and does nothing twice.

use std::sync::Arc;
use std::time::Duration;

use clinicvault_vault::Snapshot;
use jiff::SignedDuration;

use super::again::Again;
use super::desk::line;
use super::job::{self, Kept, ReplayCounts, ReplayState};
use crate::app::App;
use crate::collections::REPLAYS;
use crate::exchange::row::State;
use crate::exchange::{Exchange, INBOX};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// Messages that are taken up in one unit of work.
const TOGETHER: usize = 16;
/// So long it is waited for what becomes of them; then the replay goes on without knowing.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// A look without being woken.
const IDLE: Duration = Duration::from_secs(2);
/// A look at what became of messages.
const SOON: Duration = Duration::from_millis(50);

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Did {
    Nothing,
    Waits,
    Something,
}

/// Carries replays on until told to stop, whenever the vault is open.
///
/// # Errors
/// When the vault stops or what is kept is damaged; the supervisor starts the task again.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    while !stop.is_wanted() {
        let rooms = app.rooms().ok().map(|rooms| (rooms.exchange.clone(), rooms.jobs.clone()));
        let mut pause = IDLE;
        let mut woken: Option<Arc<tokio::sync::Notify>> = None;
        if let Some((exchange, jobs)) = rooms {
            woken = Some(exchange.0.replays.clone());
            let step = move || exchange.replay_step(&|who| jobs.may_still(who));
            match tokio::task::spawn_blocking(step).await? {
                Ok(Did::Something) => continue,
                Ok(Did::Waits) => pause = SOON,
                // It is tried again in a moment.
                Ok(Did::Nothing)
                | Err(Error::NoRoom | Error::Busy | Error::Unknown | Error::Precondition(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let woken = async {
            match &woken {
                Some(woken) => woken.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.wanted() => break,
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}

impl Exchange {
    /// Wakes the one who carries replays on.
    pub(super) fn replays_changed(&self) {
        self.0.replays.notify_one();
    }

    /// One step of the replay that is under way; `may` says whether whoever asked for it still may.
    fn replay_step(&self, may: &dyn Fn(&Actor) -> bool) -> Result<Did, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let Some(mut kept) =
            job::all(&snapshot)?.into_iter().find(|kept| kept.shown.state == ReplayState::Running)
        else {
            return Ok(Did::Nothing);
        };
        let who = kept.owner.actor()?;
        let before = kept.shown.clone();
        let mut became = Vec::new();
        self.look_after(&snapshot, &mut kept, &mut became)?;
        if !kept.under_way.is_empty() {
            return if became.is_empty() { Ok(Did::Waits) } else { self.note(kept, &before.counts) };
        }
        let rows = job::rows(&snapshot, kept.shown.id)?;
        drop(snapshot);
        let done = usize::try_from(kept.shown.done).unwrap_or(usize::MAX);
        let next: Vec<u64> = rows.iter().skip(done).take(TOGETHER).copied().collect();
        let ends = match (next.is_empty(), may(&who)) {
            (true, _) => Some(ReplayState::Done),
            (false, false) => Some(ReplayState::Stopped),
            (false, true) => None,
        };
        let mut prepared = Vec::new();
        if ends.is_none() {
            for seq in &next {
                prepared.push(self.again(*seq)?);
            }
        }
        self.records().unit_blocking(Arc::new(who), move |work| {
            let there = work.unit().doc_get(REPLAYS, &job::key(kept.shown.id))?;
            let there = there.map(|bytes| job::read(&bytes)).transpose()?;
            // A person may have paused it or given it up.
            if there.is_none_or(|there| there.shown.state != ReplayState::Running) {
                return Err(Error::precondition("The replay does not go on."));
            }
            let id = kept.shown.id;
            if let Some(state) = ends {
                kept.shown.state = state;
                kept.shown.ended = Some(work.now());
                let c = kept.shown.counts;
                let said = format!(
                    "replay {id} {}: {} of {} messages taken up: {} applied, {} held, {} refused, {} passed over, {} left alone, {} waiting",
                    state.as_str(), kept.shown.done, kept.shown.total, c.applied, c.held, c.refused, c.passed_over, c.left, c.waiting
                );
                let line = line(work.who(), &said);
                work.audit(line)?;
            }
            for again in prepared {
                kept.shown.done += 1;
                match again.commit(work, id)? {
                    Again::Under(seq) => kept.under_way.push(seq),
                    Again::Refused => kept.shown.counts.refused += 1,
                    Again::PassedOver => kept.shown.counts.passed_over += 1,
                    Again::Left => kept.shown.counts.left += 1,
                }
            }
            kept.since = work.now();
            if ends.is_none() && kept.under_way.is_empty() {
                // Every unit that changes something has a line.
                let line = line(work.who(), &format!("replay {id}: {} of {} messages", kept.shown.done, kept.shown.total));
                work.audit(line)?;
            }
            kept.put(work)
        })?;
        self.nudge();
        self.outbox().nudge();
        Ok(Did::Something)
    }

    /// Counts what became of rows that were under way, and takes them out.
    fn look_after(&self, snapshot: &Snapshot, kept: &mut Kept, became: &mut Vec<u64>) -> Result<(), Error> {
        let late = self.records().now() > kept.since.saturating_add(PATIENCE).unwrap_or(kept.since);
        let mut left = Vec::new();
        for seq in std::mem::take(&mut kept.under_way) {
            let state = snapshot.queue_get(INBOX, seq)?.map(|item| State::of(item.row.state));
            let counts = &mut kept.shown.counts;
            match state {
                Some(State::Received) if !late => {
                    left.push(seq);
                    continue;
                }
                Some(State::Received) => counts.waiting += 1,
                Some(State::Applied) => counts.applied += 1,
                Some(State::Held) => counts.held += 1,
                Some(State::Refused) => counts.refused += 1,
                Some(State::Dismissed) | None => counts.left += 1,
            }
            became.push(seq);
        }
        kept.under_way = left;
        Ok(())
    }

    /// Keeps what is known of those under way, where some are still waited for.
    fn note(&self, kept: Kept, before: &ReplayCounts) -> Result<Did, Error> {
        let many = kept.shown.counts.sum() - before.sum();
        self.records().unit_blocking(Arc::new(kept.owner.actor()?), move |work| {
            let there = work.unit().doc_get(REPLAYS, &job::key(kept.shown.id))?;
            let there = there.map(|bytes| job::read(&bytes)).transpose()?;
            let Some(there) = there else { return Ok(()) };
            let kept = Kept { shown: super::Replay { state: there.shown.state, ..kept.shown }, ..kept };
            let line =
                line(work.who(), &format!("replay {}: {many} more messages are settled", kept.shown.id));
            work.audit(line)?;
            kept.put(work)
        })?;
        Ok(Did::Waits)
    }
}
