//! What the writer's thread, snapshots and handles of one open vault share.
//!
//! Owns health, the queues towards the writer, the last Tx and the watchers. Leaves the work itself to writer.rs and
//! snapshot.rs.

use crate::audit::Leaf;
use crate::barrier::BarrierState;
use crate::datakeys::Keyring;
use crate::disk::{DiskLevel, DiskLimits};
use crate::error::{Fault, Unavailable};
use crate::keys::RootKey;
use crate::model::Tx;
use crate::options::{Clock, StartMode};
use crate::pending::Pending;
use crate::waiting::{Haste, Waiting};
use crate::writer::Work;
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use redb::Database;
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Units that may wait for the writer.
const MAX_UNITS: usize = 4096;
/// Audit-only lines that may wait for the writer.
const MAX_NOTES: usize = 8192;
/// How far behind audit-only lines may be before a further one has to wait.
const NOTES_BEHIND: Duration = Duration::from_millis(100);
/// How long a further audit-only line waits before it is refused.
const NOTES_PATIENCE: Duration = Duration::from_secs(5);

/// Whether the vault works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ready,
    /// An engine fault stopped it; everything fails until it is reopened.
    Latched(Fault),
    /// It was closed.
    Closed,
}

/// A change of the audit log from outside, found when opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAlarm {
    /// The log has fewer lines than a checkpoint kept outside the database: an older state was put back, or
    /// acknowledged work was lost.
    Backwards {
        /// Lines in the database.
        found: u64,
        /// Lines of the checkpoint.
        expected: u64,
    },
    /// The log has enough lines, but not those of the checkpoint.
    Forked {
        /// Size at which they differ.
        size: u64,
    },
    /// The checkpoint kept outside is not signed by this log's key.
    ForeignCheckpoint,
    /// The database's header is not the one left at the clean shutdown.
    HeaderChanged,
}

/// A watcher's number and its callback.
type Watcher = (u64, Arc<dyn Fn(Tx) + Send + Sync>);

pub(crate) struct Shared {
    pub dir: PathBuf,
    pub origin: String,
    pub root: RootKey,
    pub audit: SigningKey,
    pub keys: Arc<Keyring>,
    pub clock: Clock,
    pub start: StartMode,
    pub await_notes: bool,
    pub disk: DiskLimits,
    pub on_disk: bool,
    pub barrier: Arc<BarrierState>,
    pub opened: Instant,
    pub db: RwLock<Option<Arc<Database>>>,
    pub waiting: Mutex<Waiting>,
    /// Wakes the writer.
    pub wake: Condvar,
    /// Wakes those who wait for the queue of audit-only lines to drain.
    pub drained: Condvar,
    health: Mutex<Health>,
    last_tx: AtomicU64,
    last_set_terms: AtomicU64,
    disk_level: AtomicU8,
    watchers: Mutex<(u64, Vec<Watcher>)>,
    checkpoint: Mutex<Option<String>>,
    /// The waiting rows of the last commits, by the number of the commit, oldest first.
    pending: Mutex<VecDeque<(u64, Pending)>>,
    /// Bytes of rows that may wait.
    pub pending_bytes: usize,
    pub alarms: Vec<LogAlarm>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared(tx {}, {:?})", self.last_tx().0, self.health())
    }
}

/// What [`Shared::new`] is made of.
pub(crate) struct Parts {
    pub dir: PathBuf,
    pub origin: String,
    pub root: RootKey,
    pub audit: SigningKey,
    pub keys: Arc<Keyring>,
    pub clock: Clock,
    pub start: StartMode,
    pub await_notes: bool,
    pub disk: DiskLimits,
    pub on_disk: bool,
    pub barrier: Arc<BarrierState>,
    pub db: Database,
    pub tx: u64,
    pub pending: (u64, Pending),
    pub pending_bytes: usize,
    pub checkpoint: Option<String>,
    pub alarms: Vec<LogAlarm>,
}

impl Shared {
    pub fn new(parts: Parts) -> Self {
        Self {
            dir: parts.dir,
            origin: parts.origin,
            root: parts.root,
            audit: parts.audit,
            keys: parts.keys,
            clock: parts.clock,
            start: parts.start,
            await_notes: parts.await_notes,
            disk: parts.disk,
            on_disk: parts.on_disk,
            barrier: parts.barrier,
            opened: Instant::now(),
            db: RwLock::new(Some(Arc::new(parts.db))),
            waiting: Mutex::default(),
            wake: Condvar::new(),
            drained: Condvar::new(),
            health: Mutex::new(Health::Ready),
            last_tx: AtomicU64::new(parts.tx),
            last_set_terms: AtomicU64::new(0),
            disk_level: AtomicU8::new(0),
            watchers: Mutex::default(),
            checkpoint: Mutex::new(parts.checkpoint),
            pending: Mutex::new(VecDeque::from([parts.pending])),
            pending_bytes: parts.pending_bytes,
            alarms: parts.alarms,
        }
    }

    /// Wall clock in microseconds since 1970.
    pub fn now(&self) -> i64 {
        let now: Timestamp = (self.clock)();
        now.as_microsecond()
    }

    /// Microseconds since the vault was opened.
    pub fn monotonic(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops everything for good because of `fault`; the first one is kept.
    pub fn latch(&self, fault: &Fault) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if *health == Health::Ready {
            *health = Health::Latched(fault.clone());
        }
        drop(health);
        self.wake.notify_all();
        self.drained.notify_all();
    }

    pub fn set_closed(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if *health == Health::Ready {
            *health = Health::Closed;
        }
    }

    pub fn ready(&self) -> Result<(), Unavailable> {
        match self.health() {
            Health::Ready => Ok(()),
            Health::Latched(fault) => Err(Unavailable::Latched(fault)),
            Health::Closed => Err(Unavailable::Closed),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a unit to the writer, or gives it back with the reason why not.
    pub fn submit(&self, work: Box<dyn Work>, haste: Haste) -> Result<(), (Box<dyn Work>, Unavailable)> {
        if let Err(reason) = self.ready() {
            return Err((work, reason));
        }
        let mut waiting = self.lock();
        if waiting.stop {
            return Err((work, Unavailable::Closed));
        }
        if waiting.len() >= MAX_UNITS {
            return Err((work, Unavailable::Busy));
        }
        waiting.push(work, haste);
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    /// Queues an audit-only line. Returns at once unless the queue is more than 100 ms behind; then it waits for the
    /// writer, and refuses when that takes too long.
    pub fn note(&self, leaf: Leaf) -> Result<(), Unavailable> {
        self.ready()?;
        let started = Instant::now();
        let mut waiting = self.lock();
        loop {
            if waiting.stop {
                return Err(Unavailable::Closed);
            }
            let behind = waiting.oldest_note().is_some_and(|since| since.elapsed() > NOTES_BEHIND);
            if !behind && waiting.notes.len() < MAX_NOTES {
                let first = waiting.notes.is_empty();
                waiting.notes.push_back((leaf, Instant::now()));
                drop(waiting);
                if first {
                    self.wake.notify_one();
                }
                return Ok(());
            }
            let Some(left) = NOTES_PATIENCE.checked_sub(started.elapsed()) else {
                return Err(Unavailable::Busy);
            };
            waiting = self.drained.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
            drop(waiting);
            self.ready()?;
            waiting = self.lock();
        }
    }

    pub fn last_tx(&self) -> Tx {
        Tx(self.last_tx.load(Ordering::Acquire))
    }

    /// The last unit since the opening that gave records other terms without writing them.
    pub fn last_set_terms(&self) -> Tx {
        Tx(self.last_set_terms.load(Ordering::Acquire))
    }

    /// Says that a unit gives records other terms without writing them; to be called before its commit.
    pub fn sets_terms(&self, tx: Tx) {
        self.last_set_terms.fetch_max(tx.0, Ordering::AcqRel);
    }

    /// Publishes the newest Tx and tells the watchers.
    pub fn committed(&self, tx: Tx) {
        if self.last_tx.swap(tx.0, Ordering::AcqRel) == tx.0 {
            return;
        }
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        for (_, watcher) in watchers {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watcher(tx)));
        }
    }

    pub fn watch(&self, watcher: Arc<dyn Fn(Tx) + Send + Sync>) -> u64 {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.0 += 1;
        let number = watchers.0;
        watchers.1.push((number, watcher));
        number
    }

    pub fn unwatch(&self, number: u64) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).1.retain(|(it, _)| *it != number);
    }

    fn versions(&self) -> MutexGuard<'_, VecDeque<(u64, Pending)>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the waiting rows of a commit; to be called before it, so that whoever sees the commit finds them.
    pub fn keep_pending(&self, group: u64, pending: Pending) {
        self.versions().push_back((group, pending));
    }

    /// Lets go of the waiting rows of commits before this one, which is done: they may be megabytes that were spread
    /// since. A view that is just being opened on an older commit is opened anew.
    pub fn forget_pending(&self, before: u64) {
        self.versions().retain(|(of, _)| *of >= before);
    }

    /// The waiting rows as of a commit: of the newest, or of one that is just being made.
    pub fn pending_of(&self, group: u64) -> Option<Pending> {
        self.versions().iter().rev().find(|(of, _)| *of == group).map(|(_, pending)| pending.clone())
    }

    pub fn disk_level(&self) -> DiskLevel {
        match self.disk_level.load(Ordering::Relaxed) {
            0 => DiskLevel::Plenty,
            1 => DiskLevel::Warn,
            _ => DiskLevel::Refuse,
        }
    }

    /// Looks at the disk; a probe that fails leaves the level as it was.
    pub fn look_at_disk(&self) -> DiskLevel {
        if let Ok((_, level)) = self.disk.look(&self.dir) {
            let number = match level {
                DiskLevel::Plenty => 0,
                DiskLevel::Warn => 1,
                DiskLevel::Refuse => 2,
            };
            self.disk_level.store(number, Ordering::Relaxed);
        }
        self.disk_level()
    }

    pub fn checkpoint(&self) -> Option<String> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_checkpoint(&self, note: String) {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
    }
}
