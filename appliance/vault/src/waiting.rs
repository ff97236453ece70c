//! What waits for the writer, and how much of it goes into the next commit.
//!
//! Owns the queues and the rule of who goes first; leaves running and committing to writer.rs. A unit that somebody waits
//! for goes into the very next commit. One that nobody waits for goes when no other is there, with company, so that it
//! does not stand in the way of those; while they do not end, what has waited for [`PATIENT_MOST`] gets a share of each
//! commit ([`SHARE`]).

use crate::audit::Leaf;
use crate::writer::Work;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most units of a group.
const GROUP: usize = 64;
/// How long a group waits for more units when there is concurrency.
const GATHER: Duration = Duration::from_millis(2);
/// How long audit-only lines wait for company.
const NOTES_WAIT: Duration = Duration::from_millis(20);
/// How long a patient unit waits for company while nothing else is to be done.
const PATIENT_WAIT: Duration = Duration::from_millis(10);
/// Patient units that are company enough, and most of them in a group.
const PATIENT_GROUP: usize = 16;
/// How long a patient unit lets others go first.
const PATIENT_MOST: Duration = Duration::from_millis(100);
/// How long those that have let others go first for long enough may run in one commit while others wait.
const SHARE: Duration = Duration::from_millis(4);

/// How soon a unit is to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// Somebody waits for it.
    Now,
    /// Nobody waits for it: others go first, and several share a commit.
    Patient,
}

/// What waits for the writer.
#[derive(Default)]
pub(crate) struct Waiting {
    units: VecDeque<Box<dyn Work>>,
    /// With when each came.
    patient: VecDeque<(Box<dyn Work>, Instant)>,
    pub notes: VecDeque<(Leaf, Instant)>,
    /// When the oldest audit-only line of the group being committed was given.
    pub committing_since: Option<Instant>,
    pub stop: bool,
}

/// What is taken for one commit.
#[derive(Default)]
pub(crate) struct Taken {
    pub units: Vec<Box<dyn Work>>,
    /// How many of them somebody waits for: the first ones.
    pub hasty: usize,
    /// When each of the others came.
    pub came: Vec<Instant>,
    /// How long the others may run although somebody waits.
    share: Duration,
    pub notes: Vec<Leaf>,
}

/// Which units of a group run, decided as they do.
pub(crate) struct Turns {
    hasty: usize,
    share: Duration,
    /// When the first unit that nobody waits for began.
    began: Option<Instant>,
}

impl Taken {
    pub fn turns(&self) -> Turns {
        Turns { hasty: self.hasty, share: self.share, began: None }
    }
}

impl Turns {
    /// Whether the unit at `n` gives way to those that wait. The first one that nobody waits for never does: otherwise it
    /// would not come to run at all.
    pub fn gives_way(&mut self, n: usize, now: Instant, is_pressing: impl FnOnce() -> bool) -> bool {
        if n < self.hasty {
            return false;
        }
        match self.began {
            Some(began) => now - began >= self.share && is_pressing(),
            None => {
                self.began = Some(now);
                false
            }
        }
    }
}

/// Since when the writer has been looking.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// The beginning of this wait.
    pub started: Instant,
    /// When the first unit of it was seen.
    pub first: Option<Instant>,
    /// Hasty units of the group before.
    pub before: usize,
    /// How long to wait when there is nothing at all.
    pub quiet: Duration,
}

impl Waiting {
    /// Number of units.
    pub fn len(&self) -> usize {
        self.units.len() + self.patient.len()
    }

    pub fn push(&mut self, work: Box<dyn Work>, haste: Haste) {
        match haste {
            Haste::Now => self.units.push_back(work),
            Haste::Patient => self.patient.push_back((work, Instant::now())),
        }
    }

    /// When the oldest audit-only line was given.
    pub fn oldest_note(&self) -> Option<Instant> {
        self.committing_since.or_else(|| self.notes.front().map(|(_, since)| *since))
    }

    /// How long to wait for more before the next commit.
    pub fn pause(&self, look: &mut Look, now: Instant) -> Duration {
        if !self.units.is_empty() {
            let since = *look.first.get_or_insert(now);
            let enough = look.before.clamp(1, GROUP);
            return match self.units.len() >= enough {
                true => Duration::ZERO,
                false => GATHER.saturating_sub(now - since),
            };
        }
        let note = self.notes.front().map(|(_, since)| NOTES_WAIT.saturating_sub(now - *since));
        let patient = self.patient.front().map(|(_, since)| match self.patient.len() >= PATIENT_GROUP {
            true => Duration::ZERO,
            false => PATIENT_WAIT.saturating_sub(now - *since),
        });
        let quiet = || look.quiet.saturating_sub(now - look.started);
        note.into_iter().chain(patient).min().unwrap_or_else(quiet)
    }

    /// Takes what goes into the next commit.
    pub fn take(&mut self, now: Instant) -> Taken {
        let hasty = self.units.len().min(GROUP);
        let mut units: Vec<_> = self.units.drain(..hasty).collect();
        let mut came = Vec::new();
        let overdue = self.patient.front().is_some_and(|(_, since)| now - *since > PATIENT_MOST);
        if hasty == 0 || overdue {
            let patient = self.patient.len().min(PATIENT_GROUP);
            for (work, since) in self.patient.drain(..patient) {
                units.push(work);
                came.push(since);
            }
        }
        let share = if overdue { SHARE } else { Duration::ZERO };
        self.committing_since = self.notes.front().map(|(_, since)| *since);
        let notes = std::mem::take(&mut self.notes).into_iter().map(|(leaf, _)| leaf).collect();
        Taken { units, hasty, came, share, notes }
    }

    /// Whether somebody waits.
    pub fn is_pressing(&self) -> bool {
        !self.units.is_empty()
    }

    /// Takes back the last units of a group, which gave way: before those that came after them, and as old as they are.
    pub fn put_back(&mut self, units: Vec<Box<dyn Work>>, mut came: Vec<Instant>) {
        let came = came.split_off(came.len().saturating_sub(units.len()));
        units.into_iter().zip(came).rev().for_each(|unit| self.patient.push_front(unit));
    }

    /// Takes all units, which nobody will run, and forgets the lines.
    pub fn clear(&mut self) -> Vec<Box<dyn Work>> {
        self.notes.clear();
        self.units.drain(..).chain(self.patient.drain(..).map(|(work, _)| work)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Unit;
    use crate::writer::Fate;

    struct Nothing;

    impl Work for Nothing {
        fn run(&mut self, _: &mut Unit<'_>) -> bool {
            true
        }

        fn done(self: Box<Self>, _: Fate) {}
    }

    fn waiting(hasty: usize, patient: usize) -> Waiting {
        let mut waiting = Waiting::default();
        (0..hasty).for_each(|_| waiting.push(Box::new(Nothing), Haste::Now));
        (0..patient).for_each(|_| waiting.push(Box::new(Nothing), Haste::Patient));
        waiting
    }

    #[test]
    fn who_is_waited_for_goes_first_and_nobody_waits_for_ever() {
        let mut all = waiting(2, 20);
        let now = Instant::now();
        assert_eq!((all.take(now).units.len(), all.len()), (2, 20), "others go first");
        let taken = all.take(now);
        assert_eq!((taken.units.len(), taken.hasty, all.len()), (PATIENT_GROUP, 0, 4));
        all.push(Box::new(Nothing), Haste::Now);
        assert!(all.is_pressing());
        let mut taken = all.take(now + PATIENT_MOST * 2);
        assert_eq!((taken.units.len(), taken.hasty, all.len()), (5, 1, 0), "it has waited long enough");
        assert!(!all.is_pressing());
        all.put_back(taken.units.split_off(2), taken.came);
        assert_eq!(all.take(now).units.len(), 3, "what gave way comes again");
    }

    #[test]
    fn what_is_overdue_has_its_share_however_many_others_come() {
        let now = Instant::now();
        let mut young = waiting(0, 3).take(now).turns();
        assert!(!young.gives_way(0, now, || true), "one of them always runs");
        assert!(young.gives_way(1, now, || true));
        let mut all = waiting(2, 5);
        let late = now + PATIENT_MOST * 2;
        let mut taken = all.take(late);
        let mut turns = taken.turns();
        let runs = |turns: &mut Turns, n, after| !turns.gives_way(n, late + after, || true);
        assert!(runs(&mut turns, 1, SHARE * 9) && runs(&mut turns, 2, Duration::ZERO));
        assert!(runs(&mut turns, 3, SHARE / 2) && !runs(&mut turns, 4, SHARE));
        assert!(!turns.gives_way(4, late + SHARE, || false), "nobody waits for its end");
        all.push(Box::new(Nothing), Haste::Now);
        all.put_back(taken.units.split_off(4), taken.came);
        assert_eq!(
            all.take(late).units.len(),
            4,
            "it is as old as before: its share comes in the next commit"
        );
    }

    #[test]
    fn a_patient_unit_waits_for_company_alone() {
        let started = Instant::now();
        let mut look = Look { started, first: None, before: 0, quiet: Duration::from_secs(5) };
        assert_eq!(waiting(0, 0).pause(&mut look, started), Duration::from_secs(5));
        assert_eq!(waiting(1, 0).pause(&mut look, started), Duration::ZERO);
        look.before = 3;
        assert_eq!(waiting(1, 0).pause(&mut look, started), GATHER);
        assert_eq!(waiting(3, 1).pause(&mut look, started), Duration::ZERO);
        let alone = waiting(0, 1);
        assert!(alone.pause(&mut look, Instant::now()) > Duration::ZERO);
        assert_eq!(alone.pause(&mut look, Instant::now() + PATIENT_WAIT), Duration::ZERO);
        assert_eq!(waiting(0, PATIENT_GROUP).pause(&mut look, started), Duration::ZERO);
    }
}
