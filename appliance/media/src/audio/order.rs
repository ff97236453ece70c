//! Puts packets in the order they were sent in. What is next goes on at once: a listener that only writes needs no
//! even pace. Behind a gap packets wait a little for the late one.

use crate::forward::Heard;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a late packet is waited for. Twice the jitter of a bad mobile line; captions are slower than that anyway.
const HOLD: Duration = Duration::from_millis(120);
/// The most packets behind a gap: HOLD of the shortest packets (2.5 ms) and some.
const MOST: usize = 64;

/// A packet with its sequence number extended over wraps.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Grows by one for each packet sent.
    pub sequence: u64,
    /// The packet.
    pub heard: Heard,
}

/// Packets that wait behind a gap.
#[derive(Debug)]
pub struct Order {
    hold: Duration,
    most: usize,
    newest: Option<u64>,
    next: Option<u64>,
    waiting: BTreeMap<u64, (Heard, Duration)>,
}

impl Default for Order {
    fn default() -> Order {
        Order::waiting(HOLD, MOST)
    }
}

impl Order {
    /// Waits so long for a late packet, with at most so many behind the gap.
    pub fn waiting(hold: Duration, most: usize) -> Order {
        Order { hold, most, newest: None, next: None, waiting: BTreeMap::new() }
    }

    /// Takes a packet. One that was given out or given up already is dropped.
    pub fn push(&mut self, heard: Heard, now: Duration) {
        let sequence = extend(self.newest, heard.packet.sequence);
        self.newest = self.newest.max(Some(sequence));
        if *self.next.get_or_insert(sequence) <= sequence {
            self.waiting.entry(sequence).or_insert((heard, now));
        }
    }

    /// The next packet, if it is there or its forerunners have been waited for long enough.
    pub fn pop(&mut self, now: Duration) -> Option<Ordered> {
        let first = self.waiting.first_entry()?;
        let due = self.next == Some(*first.key()) || first.get().1 + self.hold <= now;
        if !due && self.waiting.len() <= self.most {
            return None;
        }
        let (sequence, (heard, _)) = self.waiting.pop_first()?;
        self.next = Some(sequence + 1);
        Some(Ordered { sequence, heard })
    }

    /// When [`Order::pop`] gives one out by time.
    pub fn wake(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|(_, (_, came))| *came + self.hold)
    }
}

/// The full number nearest to the newest one.
fn extend(newest: Option<u64>, sequence: u16) -> u64 {
    // Begins behind one wrap, so that a packet from before the first one has a number too.
    let Some(newest) = newest else { return 0x1_0000 | u64::from(sequence) };
    #[allow(clippy::cast_possible_truncation)]
    let ahead = sequence.wrapping_sub(newest as u16);
    if ahead < 0x8000 {
        newest + u64::from(ahead)
    } else {
        newest.saturating_sub(u64::from(ahead.wrapping_neg()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Packet;
    use proptest::prelude::*;

    fn heard(sequence: u16) -> Heard {
        let packet = Packet { sequence, timestamp: 0, marker: false, payload: bytes::Bytes::new() };
        Heard { packet, at: Duration::ZERO }
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn out(order: &mut Order, now: Duration) -> Vec<u16> {
        std::iter::from_fn(|| order.pop(now)).map(|o| o.heard.packet.sequence).collect()
    }

    #[test]
    fn a_late_packet_is_waited_for_and_a_lost_one_given_up() {
        let mut order = Order::default();
        order.push(heard(65_535), at(0));
        assert_eq!(out(&mut order, at(0)), [65_535]);
        order.push(heard(1), at(20));
        assert_eq!(out(&mut order, at(139)), [] as [u16; 0]);
        assert_eq!(order.wake(), Some(at(140)));
        order.push(heard(0), at(139));
        assert_eq!(out(&mut order, at(139)), [0, 1]);
        order.push(heard(3), at(150));
        assert_eq!(out(&mut order, at(270)), [3], "2 is given up");
        order.push(heard(2), at(271));
        assert_eq!(out(&mut order, at(999)), [] as [u16; 0], "and not taken when it comes after all");
    }

    proptest! {
        #[test]
        fn numbers_only_grow_and_nothing_that_came_in_time_is_missing(
            start in any::<u16>(),
            moves in prop::collection::vec(0usize..5, 50),
            lost in prop::collection::btree_set(0usize..50, 0..10),
        ) {
            // 50 packets at 20 ms, each late by up to four places (80 ms), some never.
            let mut arrivals: Vec<(u64, u16)> = (0..50)
                .filter(|i| *i == 0 || !lost.contains(i))
                .map(|i| (20 * (i + if i == 0 { 0 } else { moves[i] }) as u64, start.wrapping_add(i as u16)))
                .collect();
            let expected: Vec<u16> = arrivals.iter().map(|a| a.1).collect();
            arrivals.sort();
            let mut order = Order::default();
            let mut got = Vec::new();
            for (ms, sequence) in arrivals {
                got.extend(out(&mut order, at(ms)));
                order.push(heard(sequence), at(ms));
                got.extend(out(&mut order, at(ms)));
                prop_assert!(order.waiting.len() <= MOST + 1);
            }
            got.extend(out(&mut order, at(10_000)));
            prop_assert_eq!(got, expected);
        }
    }
}
