//! Who goes first: a sender that waits for its answer, or the records of what was answered before.
//!
//! An acknowledgement says that a message is kept, not that it is in the record. While messages come, those who wait for
//! an answer go first and the worker rests between its rounds; the longer a row has waited the less it rests, so that no
//! flood keeps the records waiting for ever. Where nothing comes, and where a sender waits for the record itself, it
//! never rests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use clinicvault_vault::Haste;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Rests after a round, in times of what the round took, while the oldest row is younger than this.
const RESTS: [(SignedDuration, u32); 2] =
    [(SignedDuration::from_secs(10), 3), (SignedDuration::from_secs(60), 1)];
/// Longest rest.
const LONGEST: Duration = Duration::from_millis(250);

/// A place at which a row is worked on until it waits for its commit.
pub(super) type Desk = OwnedSemaphorePermit;

/// What the worker paces itself by.
pub(super) struct Pace {
    /// Messages that came, ever.
    came: AtomicU64,
    /// Senders that wait for the record itself.
    awaited: AtomicUsize,
    desks: Arc<Semaphore>,
}

/// What was to be seen at the beginning of a round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance(u64);

/// A sender that waits for the record; it waits until this is dropped.
pub(super) struct Awaited<'a>(&'a Pace);

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.awaited.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Pace {
    fn default() -> Self {
        // One half of the processors is left to those who wait for an answer.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let desks = Arc::new(Semaphore::new((processors / 2).max(1)));
        Self { came: AtomicU64::default(), awaited: AtomicUsize::default(), desks }
    }
}

impl Pace {
    /// A message came.
    pub fn arrived(&self) {
        self.came.fetch_add(1, Ordering::Relaxed);
    }

    /// A sender waits for the record itself.
    pub fn awaited(&self) -> Awaited<'_> {
        self.awaited.fetch_add(1, Ordering::Relaxed);
        Awaited(self)
    }

    /// How soon the records of a message are to be committed.
    pub fn haste(&self) -> Haste {
        if self.awaited.load(Ordering::Relaxed) > 0 { Haste::Now } else { Haste::Patient }
    }

    /// Waits for a place to work at. `None` never happens: the places are not closed.
    pub async fn desk(&self) -> Option<Desk> {
        self.desks.clone().acquire_owned().await.ok()
    }

    pub fn glance(&self) -> Glance {
        Glance(self.came.load(Ordering::Relaxed))
    }

    /// How long to rest after a round that began with `glance`, took so long, and whose oldest row came at `oldest`.
    pub fn rest(&self, glance: Glance, took: Duration, oldest: Timestamp, now: Timestamp) -> Duration {
        if self.came.load(Ordering::Relaxed) == glance.0 || self.haste() == Haste::Now {
            return Duration::ZERO;
        }
        let age = now.duration_since(oldest);
        let times = RESTS.iter().find(|(younger, _)| age < *younger).map_or(0, |(_, times)| *times);
        (took * times).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_rests_while_others_come_and_less_the_longer_it_is_behind() {
        let pace = Pace::default();
        let (then, took) = (Timestamp::UNIX_EPOCH, Duration::from_millis(20));
        let rest = |glance, seconds| pace.rest(glance, took, then, then + SignedDuration::from_secs(seconds));
        let quiet = pace.glance();
        assert_eq!(rest(quiet, 1), Duration::ZERO, "nobody came");
        pace.arrived();
        assert_eq!([1, 10, 60].map(|age| rest(quiet, age)), [took * 3, took, Duration::ZERO]);
        assert_eq!(pace.rest(quiet, took * 100, then, then), LONGEST);
        let waits = pace.awaited();
        assert_eq!((rest(quiet, 1), pace.haste()), (Duration::ZERO, Haste::Now));
        drop(waits);
        assert_eq!(pace.haste(), Haste::Patient);
    }
}
