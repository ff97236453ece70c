//! What comes from one connection: its events, and the packets and reports of its tracks.

use crate::engine::{Kind, Link, Packet, PeerEvent, PeerSink, TrackId};
use crate::quality::PeerStats;
use crate::signal::Candidate;
use async_trait::async_trait;
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
};

/// What the connection's tasks and its owner share. Knows the connection only through its tracks, so that nothing keeps
/// itself alive.
pub(super) struct Shared {
    sink: Arc<dyn PeerSink>,
    tasks: Mutex<Option<JoinSet<()>>>,
    pub up: AtomicBool,
    video: Mutex<Option<(Arc<dyn TrackRemote>, u32)>>,
    pub stats: Mutex<PeerStats>,
    pub lost: Mutex<BTreeMap<TrackId, f32>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(sink: Arc<dyn PeerSink>) -> Shared {
        Shared {
            sink,
            tasks: Mutex::new(Some(JoinSet::new())),
            up: AtomicBool::new(false),
            video: Mutex::new(None),
            stats: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    /// Runs until it ends by itself or the connection is closed.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = lock(&self.tasks).as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    /// Ends every task; true the first time.
    pub(super) fn end(&self) -> bool {
        self.up.store(false, Ordering::Relaxed);
        *lock(&self.video) = None;
        lock(&self.tasks).take().is_some()
    }

    /// The track to ask for a whole picture, and its SSRC.
    pub(super) fn video(&self) -> Option<(Arc<dyn TrackRemote>, u32)> {
        lock(&self.video).clone()
    }

    /// Reports and wishes about a track he is sent, until it is taken out.
    pub(super) async fn hear_about(self: Arc<Shared>, track: TrackId, local: Arc<dyn TrackLocal>) {
        while let Some(event) = local.poll().await {
            let TrackLocalEvent::OnRtcpPacket(items) = event else { continue };
            for item in items {
                let any = item.as_any();
                if any.is::<PictureLossIndication>() || any.is::<FullIntraRequest>() {
                    self.sink.event(PeerEvent::KeyframeWanted(track));
                } else if let Some(report) =
                    any.downcast_ref::<ReceiverReport>().and_then(|r| r.reports.first())
                {
                    let lost = f32::from(report.fraction_lost) / 256.0;
                    lock(&self.lost).insert(track, lost);
                    self.sink.event(PeerEvent::Report { track, lost });
                }
            }
        }
    }

    /// Packets of one of his own tracks, until the connection ends.
    async fn receive(self: Arc<Shared>, kind: Kind, track: Arc<dyn TrackRemote>) {
        let mut counted = Counted::default();
        while let Some(event) = track.poll().await {
            match event {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    let missed = counted.missed_after(packet.header.sequence_number);
                    {
                        let mut stats = lock(&self.stats);
                        stats.received += 1;
                        stats.missed = stats.missed.saturating_add_signed(missed);
                        stats.bytes_in += packet.payload.len() as u64;
                    }
                    self.sink.packet(
                        kind,
                        Packet {
                            sequence: packet.header.sequence_number,
                            timestamp: packet.header.timestamp,
                            marker: packet.header.marker,
                            payload: packet.payload,
                        },
                    );
                }
                TrackRemoteEvent::OnRtcpPacket(items) => self.clocks(kind, &items),
                _ => {} // opened anew with each offer: nothing to count
            }
        }
    }

    fn clocks(&self, kind: Kind, items: &[Box<dyn rtcp::Packet>]) {
        for report in items.iter().filter_map(|item| item.as_any().downcast_ref::<SenderReport>()) {
            self.sink.event(PeerEvent::Clock { kind, rtp: report.rtp_time, ntp: report.ntp_time });
        }
    }
}

/// Counts what is missing of a stream: what a gap adds, a late packet takes off again.
#[derive(Default)]
struct Counted {
    next: Option<u16>,
}

/// A jump further than this is a sender who began anew, not a gap.
const LONGEST_GAP: u16 = 3000;

impl Counted {
    fn missed_after(&mut self, sequence: u16) -> i64 {
        let ahead = sequence.wrapping_sub(self.next.unwrap_or(sequence));
        let behind = ahead.wrapping_neg();
        if ahead < LONGEST_GAP {
            self.next = Some(sequence.wrapping_add(1));
            i64::from(ahead)
        } else if behind < LONGEST_GAP {
            -1
        } else {
            self.next = Some(sequence.wrapping_add(1));
            0
        }
    }
}

/// Called by the library on the connection's own task: hands on, waits for nothing.
pub(super) struct Handler {
    shared: Arc<Shared>,
}

impl Handler {
    pub(super) fn new(shared: Arc<Shared>) -> Handler {
        Handler { shared }
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let Ok(init) = event.candidate.to_json() else { return };
        self.shared.sink.event(PeerEvent::Candidate(Candidate {
            candidate: init.candidate,
            sdp_mid: init.sdp_mid,
            sdp_mline_index: init.sdp_mline_index,
            username_fragment: init.username_fragment,
        }));
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let link = match state {
            RTCPeerConnectionState::Connected => Link::Up,
            RTCPeerConnectionState::Disconnected => Link::Disconnected,
            RTCPeerConnectionState::Failed => Link::Failed,
            RTCPeerConnectionState::Closed => Link::Closed,
            _ => Link::Connecting,
        };
        match link {
            Link::Up => self.shared.up.store(true, Ordering::Relaxed),
            Link::Failed | Link::Closed => self.shared.up.store(false, Ordering::Relaxed),
            // Recovers by itself at times; what is sent meanwhile is lost at worst.
            Link::Connecting | Link::Disconnected => {}
        }
        self.shared.sink.event(PeerEvent::Link(link));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let kind = match track.kind().await {
            RtpCodecKind::Audio => Kind::Audio,
            RtpCodecKind::Video => Kind::Video,
            _ => return,
        };
        if kind == Kind::Video {
            let ssrc = track.ssrcs().await.first().copied().unwrap_or_default();
            *lock(&self.shared.video) = Some((Arc::clone(&track), ssrc));
        }
        self.shared.run(Arc::clone(&self.shared).receive(kind, track));
        self.shared.sink.event(PeerEvent::TrackOpened(kind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_count_until_their_packets_come_late() {
        let mut counted = Counted::default();
        let mut missed = 0;
        let mut after = |n: u16| {
            missed += counted.missed_after(n);
            missed
        };
        assert_eq!([65_534, 65_535, 2, 0, 1, 3].map(&mut after), [0, 0, 2, 1, 0, 0]);
        assert_eq!(after(30_000), 0, "a sender who began anew");
        assert_eq!(after(30_001), 0);
    }
}
