//! One participant as the room sees him.

use super::limits::{Bucket, Limits};
use super::{Muted, Wants, Why};
use crate::engine::{Kind, TrackId};
use crate::quality::Controller;
use crate::signal::Candidate;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An offer that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub n: u32,
    pub since: Duration,
    pub restart: bool,
}

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sub {
    /// In no offer yet.
    New,
    /// In this offer, which is outstanding.
    Offered(u32),
    /// Answered: packets flow.
    Flowing,
}

#[derive(Debug)]
pub(super) struct Member {
    pub wants: Wants,
    pub muted: Muted,
    /// What he sends, as far as packets of it have come.
    pub sends: BTreeSet<Kind>,
    pub subs: BTreeMap<TrackId, Sub>,
    pub offer: Option<Outstanding>,
    pub offers: u32,
    /// Something changed since the last offer.
    pub dirty: bool,
    /// The next offer restarts ICE.
    pub restart: bool,
    pub restarted: Option<Duration>,
    /// An offer has been answered: addresses can be applied.
    pub answered: bool,
    pub held: Vec<Candidate>,
    pub candidates: u32,
    pub bucket: Bucket,
    pub joined: Duration,
    pub up_since: Option<Duration>,
    pub broken_since: Option<Duration>,
    pub keyframe_asked: Option<Duration>,
    pub keyframe_wanted: bool,
    pub quality: Controller,
}

impl Member {
    pub(super) fn new(wants: Wants, now: Duration, limits: &Limits) -> Member {
        Member {
            wants,
            muted: Muted::default(),
            sends: BTreeSet::new(),
            subs: BTreeMap::new(),
            offer: None,
            offers: 0,
            dirty: true,
            restart: false,
            restarted: None,
            answered: false,
            held: Vec::new(),
            candidates: 0,
            bucket: Bucket::new(limits.burst, limits.per_second, now),
            joined: now,
            up_since: None,
            broken_since: None,
            keyframe_asked: None,
            keyframe_wanted: false,
            quality: Controller::new(now),
        }
    }

    /// Whether an address that comes now belongs to a description that is not applied yet.
    pub(super) fn must_hold(&self) -> bool {
        !self.answered || self.offer.is_some_and(|o| o.restart)
    }

    fn unanswered_until(&self, limits: &Limits) -> Option<Duration> {
        self.offer.map(|o| o.since + limits.answer)
    }

    /// Broken, or never up at all.
    fn lost_at(&self, limits: &Limits) -> Option<Duration> {
        match self.up_since {
            Some(_) => None,
            None => Some(self.broken_since.unwrap_or(self.joined) + limits.broken),
        }
    }

    pub(super) fn overdue(&self, now: Duration, limits: &Limits) -> Option<Why> {
        if self.unanswered_until(limits).is_some_and(|at| at <= now) {
            return Some(Why::NoAnswer);
        }
        self.lost_at(limits).filter(|at| *at <= now).map(|_| Why::Lost)
    }

    fn next_restart(&self, limits: &Limits) -> Option<Duration> {
        // A restart that could not be offered yet goes out with the answer of the outstanding offer, not by time.
        (self.offer.is_none() && !self.restart).then_some(())?;
        let broken = self.broken_since?;
        Some(self.restarted.unwrap_or(broken).max(broken) + limits.restart)
    }

    pub(super) fn restart_due(&self, now: Duration, limits: &Limits) -> bool {
        self.next_restart(limits).is_some_and(|at| at <= now)
    }

    /// When a wanted picture may be asked for.
    pub(super) fn keyframe_at(&self, limits: &Limits) -> Option<Duration> {
        self.keyframe_wanted.then(|| self.keyframe_asked.map_or(Duration::ZERO, |at| at + limits.keyframe))
    }

    pub(super) fn wake(&self, limits: &Limits) -> Option<Duration> {
        [
            self.unanswered_until(limits),
            self.lost_at(limits),
            self.next_restart(limits),
            self.keyframe_at(limits),
            self.quality.wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
