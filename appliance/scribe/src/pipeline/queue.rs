//! What is heard next: committed captions before partial ones before transcripts, and less of everything live when it piles up.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

/// Beyond this lag partial captions come half as often.
const SLOW: Duration = Duration::from_secs(5);
/// Beyond this they stop.
const BARE: Duration = Duration::from_secs(10);
/// Beyond this there are no live captions for a while: the transcript will have what was said.
const PAUSE: Duration = Duration::from_secs(20);
/// How long there are none.
const WHILE: Duration = Duration::from_secs(30);

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An utterance that has ended.
    Committed,
    /// One that goes on.
    Partial,
    /// A part of a transcript.
    Last,
}

/// How much is done live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Everything.
    All,
    /// Partial captions half as often.
    Slow,
    /// Committed captions only.
    Bare,
    /// Captions paused, transcript will follow.
    Paused,
}

/// A job that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Job<T> {
    /// Its class.
    pub class: Class,
    /// Of which track.
    pub track: u64,
    /// Since when.
    pub since: Duration,
    /// What to do.
    pub work: T,
}

/// The jobs that wait. Times are since any fixed moment.
#[derive(Debug)]
pub struct Queue<T> {
    committed: VecDeque<Job<T>>,
    partial: VecDeque<Job<T>>,
    last: VecDeque<Job<T>>,
    /// Since when the live jobs that are being done waited.
    running: Vec<(u64, Duration)>,
    paused_until: Option<Duration>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            committed: VecDeque::new(),
            partial: VecDeque::new(),
            last: VecDeque::new(),
            running: Vec::new(),
            paused_until: None,
        }
    }
}

impl<T> Queue<T> {
    /// Lets a job wait. A partial caption takes the place of an older one of its track. While captions are paused live jobs are given
    /// back: they are not done.
    pub fn offer(&mut self, job: Job<T>) -> Option<Job<T>> {
        match job.class {
            Class::Committed | Class::Partial if self.paused_until.is_some() => return Some(job),
            Class::Committed => self.committed.push_back(job),
            Class::Partial => match self.partial.iter_mut().find(|old| old.track == job.track) {
                // It keeps its turn and its age.
                Some(old) => old.work = job.work,
                None => self.partial.push_back(job),
            },
            Class::Last => self.last.push_back(job),
        }
        None
    }

    /// Takes a track's waiting partial caption away: its utterance has ended.
    pub fn forget_partial(&mut self, track: u64) {
        self.partial.retain(|job| job.track != track);
    }

    /// The next job. `id` names it until [`Queue::done`].
    pub fn next(&mut self, id: u64, live_only: bool) -> Option<Job<T>> {
        let live = self.committed.pop_front().or_else(|| self.partial.pop_front());
        if let Some(job) = live {
            self.running.push((id, job.since));
            return Some(job);
        }
        if live_only { None } else { self.last.pop_front() }
    }

    /// A live job is done, whatever came of it.
    pub fn done(&mut self, id: u64) {
        self.running.retain(|(running, _)| *running != id);
    }

    /// Jobs that wait, of the live classes.
    pub fn waiting(&self) -> usize {
        self.committed.len() + self.partial.len()
    }

    /// Whether a live job of this track waits.
    pub fn has_committed(&self, track: u64) -> bool {
        self.committed.iter().any(|job| job.track == track)
    }

    /// How long the oldest live job waits or runs.
    pub fn lag(&self, now: Duration) -> Duration {
        let waiting = self.committed.iter().chain(&self.partial).map(|job| job.since);
        let oldest = waiting.chain(self.running.iter().map(|(_, since)| *since)).min();
        oldest.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// What may be done live now, and the live jobs that are given up because captions begin to pause.
    pub fn level(&mut self, now: Duration) -> (Level, Vec<Job<T>>) {
        let lag = self.lag(now);
        if let Some(until) = self.paused_until {
            if now < until || lag > SLOW {
                return (Level::Paused, Vec::new());
            }
            self.paused_until = None;
        }
        if lag > PAUSE {
            self.paused_until = Some(now + WHILE);
            let shed = self.committed.drain(..).chain(self.partial.drain(..)).collect();
            return (Level::Paused, shed);
        }
        if lag > BARE {
            // What waits is given up, too: it is the work that the lag is made of.
            self.partial.clear();
            return (Level::Bare, Vec::new());
        }
        (if lag > SLOW { Level::Slow } else { Level::All }, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job(class: Class, track: u64, since: u64) -> Job<u64> {
        Job { class, track, since: Duration::from_millis(since), work: since }
    }

    #[test]
    fn the_most_urgent_goes_first_and_a_partial_never_piles_up() {
        let mut queue = Queue::default();
        queue.offer(job(Class::Last, 9, 0));
        for since in 1..50 {
            queue.offer(job(Class::Partial, 1, since));
        }
        queue.offer(job(Class::Partial, 2, 50));
        queue.offer(job(Class::Committed, 2, 60));
        let order: Vec<(Class, u64, u64)> = (0..9)
            .filter_map(|id| queue.next(id, false))
            .map(|job| (job.class, job.track, job.work))
            .collect();
        let expected = [
            (Class::Committed, 2, 60),
            (Class::Partial, 1, 49),
            (Class::Partial, 2, 50),
            (Class::Last, 9, 0),
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn what_piles_up_is_shed_step_by_step() {
        let mut queue = Queue::default();
        queue.offer(job(Class::Committed, 1, 0));
        queue.offer(job(Class::Partial, 2, 0));
        queue.offer(job(Class::Last, 3, 0));
        let at = Duration::from_secs;
        assert_eq!(queue.level(at(4)).0, Level::All);
        assert_eq!(queue.level(at(6)).0, Level::Slow);
        assert_eq!(queue.level(at(11)).0, Level::Bare);
        assert_eq!(queue.waiting(), 1, "partial captions are given up");
        let (level, shed) = queue.level(at(21));
        assert_eq!((level, shed.len(), queue.waiting()), (Level::Paused, 1, 0));
        assert!(
            queue.offer(job(Class::Committed, 1, 22_000)).is_some(),
            "nothing live is taken while paused"
        );
        assert!(queue.offer(job(Class::Last, 1, 22_000)).is_none());
        assert_eq!(queue.level(at(40)).0, Level::Paused);
        assert_eq!(queue.level(at(52)).0, Level::All);
        assert!(queue.offer(job(Class::Committed, 1, 52_000)).is_none());
        assert_eq!(queue.next(1, true).map(|job| job.class), Some(Class::Committed));
        assert_eq!(queue.next(2, true), None, "a transcript waits for its own turn");
    }

    proptest! {
        /// However the calls come, no track has two partial captions waiting, and classes keep their order.
        #[test]
        fn the_queue_keeps_its_promises(steps in proptest::collection::vec((0_u8..5, 0_u64..4, 0_u64..3000), 1..120)) {
            let mut queue = Queue::default();
            let mut now = Duration::ZERO;
            for (id, (step, track, wait)) in steps.into_iter().enumerate() {
                now += Duration::from_millis(wait);
                let class = [Class::Committed, Class::Partial, Class::Last].get(usize::from(step)).copied();
                if let Some(class) = class {
                    queue.offer(Job { class, track, since: now, work: 0 });
                } else if step == 3 {
                    let urgent = queue.committed.front().is_some();
                    if let Some(job) = queue.next(id as u64, false) {
                        prop_assert!(!urgent || job.class == Class::Committed);
                        prop_assert!(job.class != Class::Last || queue.waiting() == 0);
                    }
                    queue.done(id as u64);
                } else {
                    let (level, shed) = queue.level(now);
                    prop_assert!(shed.is_empty() || level == Level::Paused);
                    prop_assert!(level != Level::Paused || queue.waiting() == 0);
                }
                let mut tracks: Vec<u64> = queue.partial.iter().map(|job| job.track).collect();
                tracks.sort_unstable();
                let before = tracks.len();
                tracks.dedup();
                prop_assert_eq!(tracks.len(), before);
            }
        }
    }
}
