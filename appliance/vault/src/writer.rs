//! The one writer: gathers units and audit-only lines into groups, commits each group once, then acknowledges.
//!
//! A lone writer never waits: only when the group before had several units does the next one wait up to 2 ms for as
//! many again. Audit-only lines, and units that nobody waits for, wait a little for company (waiting.rs). Any engine
//! fault or panic latches the vault.
//!
//! It also spreads the rows that wait in memory (pending/): a slice with each group once there are too many of them, and
//! slice by slice when there is nothing else to do.

use crate::audit;
use crate::disk::DiskLevel;
use crate::error::{Fault, Refused, Unavailable};
use crate::files;
use crate::model::Tx;
use crate::options::StartMode;
use crate::pending::Pending;
use crate::pending::spread::Spread;
use crate::shared::Shared;
use crate::state::State;
use crate::tables::WriteTables;
use crate::unit::{Finished, Unit};
use crate::waiting::{Look, Taken};
use redb::Database;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often the writer looks up without being woken: for checkpoints that are due by time.
const TICK: Duration = Duration::from_secs(5);
/// How long nothing must have come before waiting rows are spread for want of other work.
const IDLE: Duration = Duration::from_millis(250);
/// Rows spread in a commit of their own.
const IDLE_SLICE: usize = 2048;
/// Rows spread with a group, at least.
const SLICE: usize = 256;
/// Waiting rows that are still spread when the vault is closed.
const CLOSE: usize = 16_384;
/// How often the checkpoint is written outside the database, at most.
const OUTSIDE: Duration = Duration::from_secs(1);

/// What became of a unit, told to [`Work::done`].
#[derive(Clone)]
pub(crate) enum Fate {
    Committed(Tx),
    NoAudit,
    Panicked,
    /// The job said no itself.
    Refused,
    Unavailable(Unavailable),
    Unknown(Fault),
}

/// A job and the one who waits for it.
pub(crate) trait Work: Send {
    /// Runs the job; answers whether it said yes.
    fn run(&mut self, unit: &mut Unit<'_>) -> bool;
    /// Tells the one who waits.
    fn done(self: Box<Self>, fate: Fate);
}

/// A job with its answer and its callback.
pub(crate) struct Job<J, D, T, E> {
    pub job: Option<J>,
    pub done: D,
    pub answer: Option<Result<T, E>>,
}

impl<J, D, T, E> Work for Job<J, D, T, E>
where
    J: FnOnce(&mut Unit<'_>) -> Result<T, E> + Send,
    D: FnOnce(Result<(T, Tx), Refused<E>>) + Send,
    T: Send,
    E: Send,
{
    fn run(&mut self, unit: &mut Unit<'_>) -> bool {
        let answer = self.job.take().map(|job| job(unit));
        let yes = matches!(answer, Some(Ok(_)));
        self.answer = answer;
        yes
    }

    fn done(self: Box<Self>, fate: Fate) {
        let result = match (fate, self.answer) {
            (Fate::Committed(tx), Some(Ok(answer))) => Ok((answer, tx)),
            (Fate::Refused, Some(Err(error))) => Err(Refused::Job(error)),
            (Fate::NoAudit, _) => Err(Refused::NoAudit),
            (Fate::Unavailable(reason), _) => Err(Refused::Unavailable(reason)),
            (Fate::Unknown(fault), _) => Err(Refused::Unknown(fault)),
            (Fate::Panicked | Fate::Committed(_) | Fate::Refused, _) => Err(Refused::Panicked),
        };
        (self.done)(result);
    }
}

/// What is taken from the queues for one commit.
#[derive(Default)]
struct Group {
    taken: Taken,
    /// Sign a checkpoint even if none is due.
    force: bool,
    /// There was nothing to do but to spread what waits.
    idle: bool,
}

/// How much is spread with a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slice {
    /// Beside a group's work, and only when too much waits.
    Beside,
    /// As all that the commit is for.
    Alone,
}

/// What a commit leaves behind.
struct Left {
    state: State,
    note: Option<String>,
    pending: Pending,
    spread: Option<Spread>,
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    db: Arc<Database>,
    state: State,
    /// Rows that wait as of the last commit, and how far they are spread.
    pending: Pending,
    spread: Option<Spread>,
    /// Hasty units of the group before.
    before: usize,
    /// A checkpoint not yet written outside, and when one last was.
    outside: Option<String>,
    outside_at: Option<Instant>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, db: Arc<Database>, state: State, pending: Pending) -> Self {
        Self { shared, db, state, pending, spread: None, before: 0, outside: None, outside_at: None }
    }

    /// Works until it is told to stop or the vault latches; answers the last state.
    pub fn run(mut self) -> State {
        loop {
            let (group, stop) = self.gather();
            self.before = group.taken.hasty;
            let unsigned = self.state.frontier.size() > self.state.checkpoint_size;
            let due = (group.force && unsigned) || audit::log::is_due(&self.state, self.shared.now());
            let work = !group.taken.units.is_empty() || !group.taken.notes.is_empty();
            if !work && group.idle {
                self.commit(group, Slice::Alone);
            } else if work || due {
                self.commit(group, Slice::Beside);
            }
            if stop {
                self.settle();
            }
            self.write_outside(stop);
            {
                let mut waiting = self.shared.lock();
                waiting.committing_since = None;
            }
            self.shared.drained.notify_all();
            if let Err(reason) = self.shared.ready() {
                self.refuse_all(&reason);
                return self.state;
            }
            if stop {
                self.refuse_all(&Unavailable::Closed);
                return self.state;
            }
        }
    }

    /// Whether there is something to spread when nothing else is to be done.
    fn spreads_when_idle(&self) -> bool {
        let much = self.pending.size() > self.shared.pending_bytes / 4;
        (self.spread.is_some() || much) && self.shared.disk_level() != DiskLevel::Refuse
    }

    /// Spreads what waits before the vault is closed, if that is quickly done; what is left is read back at opening.
    fn settle(&mut self) {
        while (1..=CLOSE).contains(&self.pending.len())
            && self.shared.disk_level() != DiskLevel::Refuse
            && self.shared.ready().is_ok()
        {
            self.commit(Group::default(), Slice::Alone);
        }
    }

    /// Waits for work and takes a group's worth of it.
    fn gather(&self) -> (Group, bool) {
        let shared = &self.shared;
        let quiet = match &self.spread {
            _ if !self.spreads_when_idle() => None,
            Some(_) if self.before == 0 => Some(Duration::ZERO),
            _ => Some(IDLE),
        };
        let mut look =
            Look { started: Instant::now(), first: None, before: self.before, quiet: quiet.unwrap_or(TICK) };
        let mut waiting = shared.lock();
        while !waiting.stop && shared.ready().is_ok() {
            let pause = waiting.pause(&mut look, Instant::now());
            if pause.is_zero() {
                break;
            }
            waiting = shared.wake.wait_timeout(waiting, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        let stop = waiting.stop;
        let taken = waiting.take(Instant::now());
        let last = stop && waiting.len() == 0;
        (Group { taken, force: last, idle: quiet.is_some() && !stop }, last)
    }

    fn refuse_all(&self, reason: &Unavailable) {
        let units = {
            let mut waiting = self.shared.lock();
            waiting.stop = true;
            waiting.clear()
        };
        for work in units {
            tell(work, Fate::Unavailable(reason.clone()));
        }
        self.shared.drained.notify_all();
    }

    fn commit(&mut self, group: Group, slice: Slice) {
        let Group { mut taken, force, .. } = group;
        if let Err(reason) = self.shared.ready() {
            for work in taken.units {
                tell(work, Fate::Unavailable(reason.clone()));
            }
            return;
        }
        let low_disk = self.shared.look_at_disk() == DiskLevel::Refuse;
        let mut fates: Vec<Option<Fate>> = vec![None; taken.units.len()];
        // An engine panic unwinds to here: nothing of the group was committed unless the commit itself panicked,
        // and the vault takes no more work either way.
        let work = || self.work(&mut taken, &mut fates, force, low_disk, slice);
        let result = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Trouble::Commit(Fault::Engine("the storage engine panicked".into()))));
        match result {
            Ok(Left { state, note, pending, spread }) => {
                (self.state, self.pending, self.spread) = (state, pending, spread);
                if let Some(note) = note {
                    self.shared.set_checkpoint(note.clone());
                    self.outside = Some(note);
                }
                self.shared.forget_pending(self.state.group);
                self.shared.committed(Tx(self.state.tx));
                let mut left = Vec::new();
                for (work, fate) in taken.units.into_iter().zip(fates) {
                    match fate {
                        Some(fate) => tell(work, fate),
                        None => left.push(work),
                    }
                }
                self.shared.lock().put_back(left, taken.came);
            }
            Err(trouble) => {
                let (fault, fate) = match trouble {
                    Trouble::Before(fault) => (fault.clone(), Fate::Unavailable(Unavailable::Latched(fault))),
                    Trouble::Commit(fault) => (fault.clone(), Fate::Unknown(fault)),
                };
                self.shared.latch(&fault);
                for (work, own) in taken.units.into_iter().zip(fates) {
                    // A job that said no itself gets its own answer; nothing of it remains in any case.
                    tell(
                        work,
                        own.filter(|own| matches!(own, Fate::Refused)).unwrap_or_else(|| fate.clone()),
                    );
                }
            }
        }
    }

    /// Runs a group's jobs in one transaction and commits it.
    fn work(
        &self,
        taken: &mut Taken,
        fates: &mut [Option<Fate>],
        force: bool,
        low_disk: bool,
        slice: Slice,
    ) -> Result<Left, Trouble> {
        let mut txn = self.db.begin_write().map_err(|e| Trouble::Before(e.into()))?;
        if self.shared.start == StartMode::Fast {
            txn.set_quick_repair(true);
        }
        let tables = WriteTables::new(&txn, self.pending.clone());
        let mut unit = Unit::new(tables, Arc::clone(&self.shared.keys), self.state.clone(), low_disk);
        let mut turns = taken.turns();
        for (n, (work, fate)) in taken.units.iter_mut().zip(fates.iter_mut()).enumerate() {
            if turns.gives_way(n, Instant::now(), || self.shared.lock().is_pressing()) {
                // Somebody came while those ran that nobody waits for: the rest of them can wait.
                break;
            }
            *fate = Some(self.run_one(&mut unit, work.as_mut())?);
        }
        for leaf in &taken.notes {
            unit.note(leaf, self.shared.now(), self.shared.monotonic())
                .map_err(|error| Trouble::Before(Fault::Engine(error.to_string())))?;
        }
        let due = audit::log::is_due(&self.state, self.shared.now());
        if !unit.is_changed() && !force && !due && slice == Slice::Beside && self.spread.is_none() {
            // Every job said no or only read: there is nothing to commit.
            drop(unit);
            txn.abort().map_err(|error| Trouble::Before(error.into()))?;
            let (state, pending) = (self.state.clone(), self.pending.clone());
            return Ok(Left { state, note: None, pending, spread: None });
        }
        let sign = |state: &State| audit::log::sign(state, &self.shared.origin, &self.shared.audit);
        let note = unit.close_group(self.shared.now(), force, &sign).map_err(Trouble::Before)?;
        let spread = self.spread(&mut unit, slice, low_disk).map_err(Trouble::Before)?;
        if let Some(tx) = unit.set_terms {
            self.shared.sets_terms(tx);
        }
        let (state, pending) = unit.into_parts();
        self.shared.keep_pending(state.group, pending.clone());
        txn.commit().map_err(|error| Trouble::Commit(error.into()))?;
        Ok(Left { state, note, pending, spread })
    }

    /// Spreads a slice of what waits, if it is time to; answers what is left to spread.
    fn spread(&self, unit: &mut Unit<'_>, slice: Slice, low_disk: bool) -> Result<Option<Spread>, Fault> {
        let pending = unit.pending();
        // On a nearly full disk only what must be.
        let limit = self.shared.pending_bytes.saturating_mul(1 + usize::from(low_disk));
        let alone = slice == Slice::Alone && !low_disk && pending.len() > 0;
        let begin = alone || pending.size() > limit;
        let fresh = pending.len().saturating_sub(self.pending.len());
        let Some(mut spread) = self.spread.clone().or_else(|| begin.then(|| unit.begin_spread())) else {
            return Ok(None);
        };
        // Twice what came keeps memory within twice its limit; a small limit, as in tests, makes small slices.
        let budget = match slice {
            Slice::Beside => SLICE.max(2 * fresh),
            Slice::Alone => IDLE_SLICE,
        };
        let small = (self.shared.pending_bytes / 256).max(4);
        let done = unit.spread(&mut spread, budget.min(small.max(2 * fresh)))?;
        Ok((!done).then_some(spread))
    }

    fn run_one(&self, unit: &mut Unit<'_>, work: &mut dyn Work) -> Result<Fate, Trouble> {
        unit.begin(self.shared.now(), self.shared.monotonic());
        let ran = catch_unwind(AssertUnwindSafe(|| work.run(unit)));
        if unit.was_inside() {
            return Err(Trouble::Before(Fault::Engine("the storage engine panicked".into())));
        }
        if let Some(fault) = unit.fault() {
            return Err(Trouble::Before(fault.clone()));
        }
        match ran {
            Ok(true) => match unit.finish() {
                Ok(Finished::Kept(tx)) => Ok(Fate::Committed(tx)),
                Ok(Finished::NoAudit) => Ok(Fate::NoAudit),
                Err(error) => {
                    Err(Trouble::Before(unit.fault().cloned().unwrap_or(Fault::Engine(error.to_string()))))
                }
            },
            Ok(false) => unit.undo().map(|()| Fate::Refused).map_err(Trouble::Before),
            Err(_) => unit.undo().map(|()| Fate::Panicked).map_err(Trouble::Before),
        }
    }

    /// Writes the newest checkpoint beside the database, at most once a second. A failure is not fatal: the file is
    /// an outside witness, the checkpoint itself is in the database.
    fn write_outside(&mut self, stop: bool) {
        let due = stop || self.outside_at.is_none_or(|at| at.elapsed() >= OUTSIDE);
        if due && let Some(note) = self.outside.take() {
            let _ = files::replace(&self.shared.dir.join(files::CHECKPOINT), note.as_bytes());
            self.outside_at = Some(Instant::now());
        }
    }
}

/// Where a group failed.
enum Trouble {
    /// Before the commit: nothing of it is in the file.
    Before(Fault),
    /// In the commit: it is there wholly or not at all.
    Commit(Fault),
}

/// Tells the one who waits; a callback that panics harms nobody else.
fn tell(work: Box<dyn Work>, fate: Fate) {
    let _ = catch_unwind(AssertUnwindSafe(|| work.done(fate)));
}
