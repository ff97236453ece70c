//! From a sender's receiving task straight to the queues of those who are sent his tracks: no hop over the driver.

use crate::engine::{Kind, MediaPeer, Packet, PeerEvent, PeerId, PeerSink, TrackId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::mpsc;

/// Which sequence numbers have come lately: duplicates are found over the last 128 packets.
#[derive(Debug, Default)]
pub struct Recent {
    newest: Option<u16>,
    seen: u128,
    /// What would follow the last number that was far behind.
    stray: Option<u16>,
}

impl Recent {
    /// Whether this one is new. What is older than the window counts as known: it would come seconds late. Two such in
    /// a row are a sender who began anew (RFC 3550, appendix A.1), and so does the window.
    pub fn is_new(&mut self, sequence: u16) -> bool {
        let Some(newest) = self.newest else {
            (self.newest, self.seen) = (Some(sequence), 1);
            return true;
        };
        let ahead = sequence.wrapping_sub(newest);
        if ahead != 0 && ahead < 0x8000 {
            self.seen = if ahead < 128 { self.seen << ahead | 1 } else { 1 };
            self.newest = Some(sequence);
            return true;
        }
        let behind = newest.wrapping_sub(sequence);
        if behind >= 128 {
            let anew = self.stray == Some(sequence);
            self.stray = Some(sequence.wrapping_add(1));
            if anew {
                (self.newest, self.seen, self.stray) = (Some(sequence), 1, None);
            }
            return anew;
        }
        let bit = 1u128 << behind;
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

/// A packet of sound for the tap, and how far into the call it came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The packet.
    pub packet: Packet,
    /// When it came.
    pub at: std::time::Duration,
}

/// A packet of either sort for a recording, as it came.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Sound or picture.
    pub kind: Kind,
    /// It, and when it came.
    pub heard: Heard,
}

/// Those who are sent a track.
type Watchers = Vec<(PeerId, Arc<dyn MediaPeer>)>;

/// Who is sent what.
#[derive(Default)]
pub struct Switch {
    legs: RwLock<BTreeMap<TrackId, Watchers>>,
    taps: RwLock<BTreeMap<PeerId, mpsc::Sender<Heard>>>,
    untapped: AtomicU64,
    copies: RwLock<BTreeMap<PeerId, mpsc::Sender<Copied>>>,
    uncopied: AtomicU64,
}

impl Switch {
    /// From now on packets of the track go to him.
    pub fn connect(&self, track: TrackId, to: PeerId, peer: Arc<dyn MediaPeer>) {
        let mut legs = self.legs.write().unwrap_or_else(PoisonError::into_inner);
        let watchers = legs.entry(track).or_default();
        watchers.retain(|(id, _)| *id != to);
        watchers.push((to, peer));
    }

    /// No longer.
    pub fn disconnect(&self, track: TrackId, from: PeerId) {
        let mut legs = self.legs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(watchers) = legs.get_mut(&track) {
            watchers.retain(|(id, _)| *id != from);
            if watchers.is_empty() {
                legs.remove(&track);
            }
        }
    }

    /// Everything from and to him ends.
    pub fn forget(&self, id: PeerId) {
        let mut legs = self.legs.write().unwrap_or_else(PoisonError::into_inner);
        legs.retain(|track, watchers| {
            watchers.retain(|(to, _)| *to != id);
            track.of != id && !watchers.is_empty()
        });
        drop(legs);
        self.tap(id, None);
        self.record(id, None);
    }

    /// His packets of sound are copied there, or no longer.
    pub fn tap(&self, id: PeerId, to: Option<mpsc::Sender<Heard>>) {
        let mut taps = self.taps.write().unwrap_or_else(PoisonError::into_inner);
        match to {
            Some(to) => taps.insert(id, to),
            None => taps.remove(&id),
        };
    }

    /// All his packets are copied there, unchanged, or no longer.
    pub fn record(&self, id: PeerId, to: Option<mpsc::Sender<Copied>>) {
        let mut copies = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        match to {
            Some(to) => copies.insert(id, to),
            None => copies.remove(&id),
        };
    }

    /// How many packets a recording had no room for.
    pub fn uncopied(&self) -> u64 {
        self.uncopied.load(Ordering::Relaxed)
    }

    /// How many packets a tap had no room for.
    pub fn untapped(&self) -> u64 {
        self.untapped.load(Ordering::Relaxed)
    }

    fn forward(&self, track: TrackId, packet: &Packet) {
        let legs = self.legs.read().unwrap_or_else(PoisonError::into_inner);
        for (_, peer) in legs.get(&track).into_iter().flatten() {
            peer.send(track, packet);
        }
    }

    fn copy_all(&self, of: PeerId, kind: Kind, packet: &Packet, at: std::time::Duration) {
        let copies = self.copies.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(copy) = copies.get(&of)
            && copy.try_send(Copied { kind, heard: Heard { packet: packet.clone(), at } }).is_err()
        {
            self.uncopied.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn copy(&self, of: PeerId, packet: Packet, at: std::time::Duration) {
        let taps = self.taps.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tap) = taps.get(&of)
            && tap.try_send(Heard { packet, at }).is_err()
        {
            self.untapped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Events of one connection on their way to the driver.
pub struct Sink {
    of: PeerId,
    switch: Arc<Switch>,
    /// What must not be lost: few by nature.
    events: mpsc::UnboundedSender<(PeerId, PeerEvent)>,
    /// What may be lost, because it comes again: reports and wishes for whole pictures, which a browser can send in any
    /// number.
    measures: mpsc::Sender<(PeerId, PeerEvent)>,
    began: tokio::time::Instant,
    recent: [Mutex<Recent>; 2],
}

impl Sink {
    /// For one participant.
    pub fn new(
        of: PeerId,
        switch: Arc<Switch>,
        events: mpsc::UnboundedSender<(PeerId, PeerEvent)>,
        measures: mpsc::Sender<(PeerId, PeerEvent)>,
        began: tokio::time::Instant,
    ) -> Sink {
        Sink { of, switch, events, measures, began, recent: Default::default() }
    }
}

impl PeerSink for Sink {
    fn event(&self, event: PeerEvent) {
        match event {
            PeerEvent::KeyframeWanted(_) | PeerEvent::Report { .. } | PeerEvent::Clock { .. } => {
                let _ = self.measures.try_send((self.of, event));
            }
            PeerEvent::Candidate(_) | PeerEvent::Link(_) | PeerEvent::TrackOpened(_) => {
                let _ = self.events.send((self.of, event));
            }
        }
    }

    fn packet(&self, kind: Kind, packet: Packet) {
        let recent = &self.recent[usize::from(kind == Kind::Video)];
        if !recent.lock().unwrap_or_else(PoisonError::into_inner).is_new(packet.sequence) {
            return;
        }
        self.switch.forward(TrackId { of: self.of, kind }, &packet);
        self.switch.copy_all(self.of, kind, &packet, self.began.elapsed());
        if kind == Kind::Audio && !packet.payload.is_empty() {
            self.switch.copy(self.of, packet, self.began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_new_once_also_over_the_wrap() {
        let mut recent = Recent::default();
        let all = [65_534, 65_535, 0, 2, 1, 65_535, 0, 2, 300, 2, 299];
        let new: Vec<bool> = all.iter().map(|n| recent.is_new(*n)).collect();
        assert_eq!(new, [true, true, true, true, true, false, false, false, true, false, true]);
    }

    #[test]
    fn a_sender_who_begins_anew_is_heard_from_his_second_packet_on() {
        let mut recent = Recent::default();
        assert!(recent.is_new(40_000));
        let new: Vec<bool> = (20_000..20_005).map(|n| recent.is_new(n)).collect();
        assert_eq!(new, [false, true, true, true, true]);
    }

    proptest! {
        #[test]
        fn nothing_passes_twice(start in any::<u16>(), steps in prop::collection::vec(8u16..40, 1..400)) {
            // A walk with repeats and small jumps back, short enough that no number comes round again.
            let mut recent = Recent::default();
            let mut passed = std::collections::BTreeSet::new();
            let mut at = start;
            for step in steps {
                at = at.wrapping_add(step).wrapping_sub(10);
                if recent.is_new(at) {
                    prop_assert!(passed.insert(at), "{at} passed twice");
                }
            }
        }
    }
}
