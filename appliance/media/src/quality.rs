//! How much each participant should send, from what arrives, and the figures of the quality meter. Pure.
//!
//! Nothing in the box re-encodes, so the sender is what can adapt. Two measures come in: what the box misses of what he
//! sends (his uplink), and what each viewer misses of it (their downlinks). A bad uplink takes his picture away step by
//! step down to sound alone at 40 kbit/s; a bad downlink of one viewer lowers everybody's view of him only to the
//! smallest picture, and beyond that the viewer is advised to do without pictures.

use crate::engine::PeerId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How much to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cap {
    /// Bits a second of sound.
    pub audio_bps: u32,
    /// Bits a second of picture; 0: send none.
    pub video_bps: u32,
}

/// From the best to sound alone. Opus speech is good at 40 kbit/s and stays whole under loss with in-band correction.
const STEPS: [Cap; 6] = [
    Cap { audio_bps: 64_000, video_bps: 1_200_000 },
    Cap { audio_bps: 64_000, video_bps: 700_000 },
    Cap { audio_bps: 48_000, video_bps: 400_000 },
    Cap { audio_bps: 48_000, video_bps: 220_000 },
    Cap { audio_bps: 40_000, video_bps: 120_000 },
    Cap { audio_bps: 40_000, video_bps: 0 },
];
/// The smallest picture: as far as a viewer's line alone takes it down.
const SMALLEST_PICTURE: usize = STEPS.len() - 2;
/// Share lost that is too much: above it speech suffers and pictures freeze.
const TOO_MUCH: f32 = 0.10;
/// Share lost that does not matter: retransmission makes up for it.
const FINE: f32 = 0.02;
/// A step down needs this long to show in the reports, which come once a second.
const SETTLE: Duration = Duration::from_secs(3);
/// How long all must be well before a step up; doubles with each step up that did not last.
const PATIENCE: Duration = Duration::from_secs(8);
const MOST_PATIENCE: Duration = Duration::from_secs(64);
/// A report counts this long.
const FRESH: Duration = Duration::from_secs(6);

/// What follows from the measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// He should send this much.
    Cap(Cap),
    /// This viewer's line does not carry even the smallest picture.
    ViewerTooSlow(PeerId),
}

/// Decides for one sender.
#[derive(Debug)]
pub struct Controller {
    step: usize,
    changed: Duration,
    well_since: Duration,
    patience: Duration,
    rose: Option<Duration>,
    uplink: Option<(f32, Duration)>,
    viewers: BTreeMap<PeerId, (f32, Duration)>,
}

impl Controller {
    /// Starts with the best.
    pub fn new(now: Duration) -> Controller {
        Controller {
            step: 0,
            changed: now,
            well_since: now,
            patience: PATIENCE,
            rose: None,
            uplink: None,
            viewers: BTreeMap::new(),
        }
    }

    /// The cap that holds.
    pub fn cap(&self) -> Cap {
        STEPS.get(self.step).copied().unwrap_or(STEPS[0])
    }

    /// The box missed this share of what he sent.
    pub fn uplink(&mut self, lost: f32, now: Duration) -> Option<Advice> {
        self.uplink = Some((share(lost), now));
        self.decide(now)
    }

    /// A viewer missed this share of what he sent.
    pub fn viewer(&mut self, who: PeerId, lost: f32, now: Duration) -> Option<Advice> {
        self.viewers.insert(who, (share(lost), now));
        self.decide(now)
    }

    /// A viewer left.
    pub fn forget(&mut self, who: PeerId) {
        self.viewers.remove(&who);
    }

    /// Time passed.
    pub fn tick(&mut self, now: Duration) -> Option<Advice> {
        self.decide(now)
    }

    /// When a step up may be due.
    pub fn wake(&self) -> Option<Duration> {
        (self.step > 0).then_some(self.well_since + self.patience)
    }

    fn decide(&mut self, now: Duration) -> Option<Advice> {
        let fresh = |at: Duration| at + FRESH > now;
        self.viewers.retain(|_, (_, at)| fresh(*at));
        self.uplink = self.uplink.filter(|(_, at)| fresh(*at));
        let up = self.uplink.map_or(0.0, |(lost, _)| lost);
        let worst =
            self.viewers.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0)).map(|(who, (lost, _))| (*who, *lost));
        let down = worst.map_or(0.0, |(_, lost)| lost);
        if up > FINE || down > FINE {
            self.well_since = now;
        }
        if up.max(down) > TOO_MUCH {
            return self.worse(up, worst, now);
        }
        if self.step > 0 && self.well_since + self.patience <= now {
            self.step -= 1;
            (self.changed, self.well_since, self.rose) = (now, now, Some(now));
            return Some(Advice::Cap(self.cap()));
        }
        None
    }

    fn worse(&mut self, up: f32, worst: Option<(PeerId, f32)>, now: Duration) -> Option<Advice> {
        if self.changed + SETTLE > now {
            return None;
        }
        let lowest = if up > TOO_MUCH { STEPS.len() - 1 } else { SMALLEST_PICTURE };
        if self.step >= lowest {
            self.changed = now;
            return worst.filter(|(_, lost)| *lost > TOO_MUCH).map(|(who, _)| Advice::ViewerTooSlow(who));
        }
        // A step up that did not last: wait longer before the next.
        if self.rose.is_some_and(|at| at + 2 * PATIENCE > now) {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        self.step += 1;
        (self.changed, self.rose) = (now, None);
        Some(Advice::Cap(self.cap()))
    }
}

/// A share as it should be: what a browser reports is not to be trusted.
fn share(lost: f32) -> f32 {
    if lost.is_finite() { lost.clamp(0.0, 1.0) } else { 0.0 }
}

/// What an engine has measured on one connection since it was opened. Both directions are seen from the box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeerStats {
    /// Packets that came.
    pub received: u64,
    /// Packets that should have come and did not.
    pub missed: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Share of what went out that did not arrive, by his last report, 0 to 1.
    pub downlink_lost: f32,
    /// There and back.
    pub round_trip: Option<Duration>,
    /// Packets dropped because his queue was full.
    pub dropped: u64,
}

/// One participant on the quality meter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meter {
    /// Who.
    pub who: PeerId,
    /// Share of what he sent that did not reach the box, 0 to 1, since the meter before.
    pub uplink_lost: f32,
    /// Share of what he was sent that did not reach him, 0 to 1.
    pub downlink_lost: f32,
    /// Bits a second he sends.
    pub uplink_bps: u32,
    /// Bits a second he is sent.
    pub downlink_bps: u32,
    /// There and back in milliseconds, where measured.
    pub round_trip_ms: Option<u32>,
    /// What the meter shows.
    pub grade: Grade,
}

/// The bars of the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Grade {
    /// Speech breaks up.
    Bad,
    /// Pictures suffer.
    Fair,
    /// As it should be.
    Good,
}

impl Meter {
    /// From two measurements, `over` apart.
    pub fn between(who: PeerId, before: &PeerStats, after: &PeerStats, over: Duration) -> Meter {
        let received = after.received.saturating_sub(before.received);
        let missed = after.missed.saturating_sub(before.missed);
        let expected = received + missed;
        #[allow(clippy::cast_precision_loss)]
        let uplink_lost = if expected == 0 { 0.0 } else { missed as f32 / expected as f32 };
        let rate = |before: u64, after: u64| {
            let bits = u128::from(after.saturating_sub(before)) * 8 * 1000;
            u32::try_from(bits / over.as_millis().max(1)).unwrap_or(u32::MAX)
        };
        let downlink_lost = share(after.downlink_lost);
        let round_trip_ms = after.round_trip.and_then(|t| u32::try_from(t.as_millis()).ok());
        let worst = uplink_lost.max(downlink_lost);
        let slow = |ms| round_trip_ms.is_some_and(|t| t > ms);
        let grade = match worst {
            lost if lost > TOO_MUCH || slow(600) => Grade::Bad,
            lost if lost > FINE || slow(250) => Grade::Fair,
            _ => Grade::Good,
        };
        Meter {
            who,
            uplink_lost,
            downlink_lost,
            uplink_bps: rate(before.bytes_in, after.bytes_in),
            downlink_bps: rate(before.bytes_out, after.bytes_out),
            round_trip_ms,
            grade,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// Feeds one report a second; gives the cap after each.
    fn run(
        control: &mut Controller,
        from: u64,
        reports: impl IntoIterator<Item = (f32, f32)>,
    ) -> Vec<Option<Advice>> {
        let mut at = from;
        let mut all = Vec::new();
        for (up, down) in reports {
            at += 1;
            all.push(control.uplink(up, secs(at)));
            all.push(control.viewer(PeerId(9), down, secs(at)));
        }
        all
    }

    #[test]
    fn a_bad_uplink_ends_with_sound_alone_at_40_kbit() {
        let mut control = Controller::new(secs(0));
        run(&mut control, 0, vec![(0.3, 0.0); 30]);
        assert_eq!(control.cap(), Cap { audio_bps: 40_000, video_bps: 0 });
    }

    #[test]
    fn a_slow_viewer_costs_the_others_the_large_picture_only_and_is_told() {
        let mut control = Controller::new(secs(0));
        let advice = run(&mut control, 0, vec![(0.0, 0.5); 30]);
        assert_eq!(control.cap(), STEPS[SMALLEST_PICTURE]);
        assert!(advice.contains(&Some(Advice::ViewerTooSlow(PeerId(9)))));
        control.forget(PeerId(9));
        for at in 31..120 {
            control.tick(secs(at));
        }
        assert_eq!(control.cap(), STEPS[0], "with him gone it comes back");
    }

    #[test]
    fn a_step_up_that_does_not_last_waits_longer_the_next_time() {
        let mut control = Controller::new(secs(0));
        let mut rises = Vec::new();
        for at in 1..200 {
            // The line carries the third step and no more.
            let lost = if control.step < 2 { 0.2 } else { 0.0 };
            let before = control.step;
            control.uplink(lost, secs(at));
            if control.step < before {
                rises.push(at);
            }
        }
        let waits: Vec<u64> = rises.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(waits.len() >= 2 && waits.windows(2).all(|w| w[1] >= w[0]), "{waits:?}");
        assert!(waits.last().is_some_and(|w| *w >= 32), "{waits:?}");
    }

    #[test]
    fn the_meter_counts_what_happened_between() {
        let before = PeerStats { received: 100, missed: 10, bytes_in: 1000, ..PeerStats::default() };
        let after = PeerStats { received: 190, missed: 20, bytes_in: 26_000, bytes_out: 50_000, ..before };
        let meter = Meter::between(PeerId(1), &before, &after, secs(2));
        assert_eq!((meter.uplink_bps, meter.downlink_bps), (100_000, 200_000));
        assert!((meter.uplink_lost - 0.1).abs() < 1e-6);
        assert_eq!(meter.grade, Grade::Fair);
        assert_eq!(
            Meter::between(PeerId(1), &after, &before, secs(0)).uplink_bps,
            0,
            "a counter that went back"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_reported_the_cap_is_one_of_the_steps(
            reports in prop::collection::vec((any::<f32>(), 0u32..4, 0u64..5), 0..200),
        ) {
            let mut control = Controller::new(secs(0));
            let mut at = 0;
            let mut last = control.cap();
            for (lost, who, later) in reports {
                at += later;
                let advice = if who == 0 { control.uplink(lost, secs(at)) } else { control.viewer(PeerId(who), lost, secs(at)) };
                prop_assert!(STEPS.contains(&control.cap()));
                prop_assert!(control.cap().audio_bps >= 40_000);
                // What holds has been said.
                if let Some(Advice::Cap(cap)) = advice { last = cap; }
                prop_assert_eq!(last, control.cap());
            }
        }
    }
}
