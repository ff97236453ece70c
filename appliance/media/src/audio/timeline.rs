//! RTP time stamps as times of the call. A packet is never early, only late by its way through the network, so the
//! least delay seen lately is the anchor; that follows a sender's clock that runs fast or slow, without its jitter.

use std::time::Duration;

/// RTP ticks a second of Opus, whatever was encoded (RFC 7587, section 4.1).
pub const TICKS: u64 = 48_000;
/// How long a least delay counts: a clock that is 100 ppm off moves 1 ms meanwhile.
const WINDOW: Duration = Duration::from_secs(10);

/// The mapping for one stream.
#[derive(Debug)]
pub struct Timeline {
    rate: u64,
    newest: Option<u64>,
    anchors: Option<Anchors>,
}

#[derive(Debug)]
struct Anchors {
    /// Nanoseconds from stream time to call time, least of the window before and of this one.
    before: i64,
    this: i64,
    since: Duration,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline::at_rate(TICKS)
    }
}

impl Timeline {
    /// For a stream with so many ticks a second.
    pub fn at_rate(rate: u64) -> Timeline {
        Timeline { rate: rate.max(1), newest: None, anchors: None }
    }

    /// The time stamp extended over wraps (one a day).
    pub fn extend(&mut self, timestamp: u32) -> u64 {
        let newest = match self.newest {
            None => (1 << 32) | u64::from(timestamp),
            Some(newest) => {
                #[allow(clippy::cast_possible_truncation)]
                let ahead = timestamp.wrapping_sub(newest as u32);
                if ahead < 0x8000_0000 {
                    newest + u64::from(ahead)
                } else {
                    newest.saturating_sub(u64::from(ahead.wrapping_neg()))
                }
            }
        };
        self.newest = self.newest.max(Some(newest));
        newest
    }

    /// A packet with this extended time stamp came then.
    pub fn came(&mut self, ticks: u64, at: Duration) {
        let offset = nanos(at).saturating_sub(self.stream(ticks));
        match &mut self.anchors {
            None => self.anchors = Some(Anchors { before: offset, this: offset, since: at }),
            Some(anchors) if at >= anchors.since + WINDOW => {
                *anchors = Anchors { before: anchors.this, this: offset, since: at };
            }
            Some(anchors) => anchors.this = anchors.this.min(offset),
        }
    }

    /// When a sample with this extended time stamp was spoken, as seen from the box.
    pub fn at(&self, ticks: u64) -> Duration {
        let offset = self.anchors.as_ref().map_or(0, |a| a.before.min(a.this));
        Duration::from_nanos(u64::try_from(self.stream(ticks).saturating_add(offset)).unwrap_or(0))
    }

    fn stream(&self, ticks: u64) -> i64 {
        i64::try_from(u128::from(ticks) * 1_000_000_000 / u128::from(self.rate)).unwrap_or(i64::MAX)
    }
}

fn nanos(at: Duration) -> i64 {
    i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_does_not_move_the_times_and_a_slow_clock_does() {
        let mut line = Timeline::default();
        // 60 s of 20 ms packets over the wrap; the sender's clock is 200 ppm slow, each comes 0-35 ms late.
        let start = u32::MAX - 48_000;
        let mut worst = 0.0f64;
        for i in 0..3000u32 {
            let ticks = line.extend(start.wrapping_add(i * 960));
            let spoken = 5.0 + f64::from(i) * 0.02 * 1.0002;
            let late = f64::from(i * 7919 % 36) / 1000.0;
            line.came(ticks, Duration::from_secs_f64(spoken + late));
            if i > 50 {
                worst = worst.max((line.at(ticks).as_secs_f64() - spoken).abs());
            }
        }
        assert!(worst < 0.006, "off by {worst}");
    }

    #[test]
    fn a_time_stamp_from_before_the_first_is_no_underflow() {
        let mut line = Timeline::default();
        let first = line.extend(5);
        line.came(first, Duration::ZERO);
        let before = line.extend(0u32.wrapping_sub(960));
        assert!(before < first);
        assert_eq!(line.at(before), Duration::ZERO);
    }
}
