//! One participant's connection.

use super::engine;
use super::handler::{Shared, lock};
use super::setup::Codecs;
use crate::Error;
use crate::engine::{Kind, MediaPeer, Packet, PeerId, TrackId};
use crate::quality::PeerStats;
use crate::signal::Candidate;
use async_trait::async_trait;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    PeerConnection, RTCIceCandidateInit, RTCSdpType, RTCSessionDescription, RTCStatsReportEntry,
    StatsSelector,
};
use webrtc::rtp_transceiver::RtpSender;

/// Packets that wait for a participant. One picture is about ten, so this is half a second of five people's; what is
/// older is of no use to him.
const QUEUE: usize = 512;

/// A track he is sent.
struct Outlet {
    local: Arc<TrackLocalStaticRTP>,
    sender: Arc<dyn RtpSender>,
    ssrc: u32,
    payload_type: u8,
    flows: bool,
}

type Queued = (Arc<TrackLocalStaticRTP>, rtp::Packet);

/// The connection, his queue, and what he is sent.
pub(super) struct Leg {
    id: PeerId,
    connection: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    codecs: Codecs,
    outlets: RwLock<BTreeMap<TrackId, Outlet>>,
    queue: mpsc::Sender<Queued>,
    dropped: AtomicU64,
}

impl Leg {
    /// Takes the built connection and gives it places for his sound and picture.
    pub(super) async fn start(
        id: PeerId,
        connection: Arc<dyn PeerConnection>,
        shared: Arc<Shared>,
        codecs: Codecs,
    ) -> Result<Leg, Error> {
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            let init = direction(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(kind, Some(init)).await.map_err(engine)?;
        }
        let (queue, waiting) = mpsc::channel(QUEUE);
        shared.run(write(waiting, Arc::clone(&shared)));
        Ok(Leg {
            id,
            connection,
            shared,
            codecs,
            outlets: RwLock::default(),
            queue,
            dropped: AtomicU64::new(0),
        })
    }

    /// A local track for somebody else's, with an SSRC of its own. The stream's id tells the browser whose it is.
    fn local(&self, track: TrackId, ssrc: u32) -> (Arc<TrackLocalStaticRTP>, u8) {
        let (codec, kind, name) = match track.kind {
            Kind::Audio => (&self.codecs.audio, RtpCodecKind::Audio, "audio"),
            Kind::Video => (&self.codecs.video, RtpCodecKind::Video, "video"),
        };
        let stream = format!("p{}", track.of.0);
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..RTCRtpCodingParameters::default()
            },
            codec: codec.rtp_codec.clone(),
            ..RTCRtpEncodingParameters::default()
        };
        let id = format!("{stream}-{name}");
        let media = MediaStreamTrack::new(stream, id.clone(), id, kind, vec![coding]);
        (Arc::new(TrackLocalStaticRTP::new(media)), codec.payload_type)
    }
}

/// Empties his queue into the library, which waits while its own is full.
async fn write(mut waiting: mpsc::Receiver<Queued>, shared: Arc<Shared>) {
    while let Some((track, packet)) = waiting.recv().await {
        let bytes = packet.payload.len() as u64;
        // Fails only for a track that was just taken out.
        if track.write_rtp(packet).await.is_ok() {
            lock(&shared.stats).bytes_out += bytes;
        }
    }
}

fn direction(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() }
}

#[async_trait]
impl MediaPeer for Leg {
    async fn offer(&self, restart: bool) -> Result<String, Error> {
        let options = RTCOfferOptions { ice_restart: restart };
        let offer = self.connection.create_offer(Some(options)).await.map_err(engine)?;
        self.connection.set_local_description(offer).await.map_err(engine)?;
        // As applied: with the addresses that are known already.
        self.connection.local_description().await.map(|d| d.sdp).ok_or(Error::Closed)
    }

    async fn answer(&self, sdp: String) -> Result<(), Error> {
        let answer = RTCSessionDescription::answer(sdp).map_err(|e| Error::Unusable(e.to_string()))?;
        debug_assert_eq!(answer.sdp_type, RTCSdpType::Answer);
        self.connection.set_remote_description(answer).await.map_err(|e| Error::Unusable(e.to_string()))
    }

    async fn candidate(&self, candidate: Candidate) -> Result<(), Error> {
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_mline_index,
            username_fragment: candidate.username_fragment,
            url: None,
        };
        self.connection.add_ice_candidate(init).await.map_err(|e| Error::Unusable(e.to_string()))
    }

    async fn subscribe(&self, track: TrackId) -> Result<(), Error> {
        let ssrc = getrandom::u32().map_err(engine)?;
        let (local, payload_type) = self.local(track, ssrc);
        let init = direction(RTCRtpTransceiverDirection::Sendonly);
        let as_track = Arc::clone(&local) as Arc<dyn TrackLocal>;
        let transceiver = self
            .connection
            .add_transceiver_from_track(Arc::clone(&as_track), Some(init))
            .await
            .map_err(engine)?;
        let sender = transceiver.sender().await.map_err(engine)?.ok_or(Error::Closed)?;
        self.shared.run(Arc::clone(&self.shared).hear_about(track, as_track));
        let outlet = Outlet { local, sender, ssrc, payload_type, flows: false };
        self.outlets.write().unwrap_or_else(PoisonError::into_inner).insert(track, outlet);
        Ok(())
    }

    async fn unsubscribe(&self, track: TrackId) -> Result<(), Error> {
        let outlet = self.outlets.write().unwrap_or_else(PoisonError::into_inner).remove(&track);
        lock(&self.shared.lost).remove(&track);
        match outlet {
            Some(outlet) => self.connection.remove_track(&outlet.sender).await.map_err(engine),
            None => Ok(()),
        }
    }

    fn flow(&self, track: TrackId) {
        if let Some(outlet) = self.outlets.write().unwrap_or_else(PoisonError::into_inner).get_mut(&track) {
            outlet.flows = true;
        }
    }

    fn send(&self, track: TrackId, packet: &Packet) {
        if !self.shared.up.load(Ordering::Relaxed) {
            return;
        }
        let outlets = self.outlets.read().unwrap_or_else(PoisonError::into_inner);
        let Some(outlet) = outlets.get(&track).filter(|o| o.flows) else { return };
        // Without header extensions: the sender's `mid` would put the stream on the wrong line.
        let header = rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: outlet.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: outlet.ssrc,
            ..rtp::Header::default()
        };
        let packet = rtp::Packet { header, payload: packet.payload.clone() };
        if self.queue.try_send((Arc::clone(&outlet.local), packet)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ask_keyframe(&self) {
        if let Some((track, media_ssrc)) = self.shared.video() {
            let wish = PictureLossIndication { sender_ssrc: 0, media_ssrc };
            if let Err(error) = track.write_rtcp(vec![Box::new(wish)]).await {
                tracing::debug!(op = "media.keyframe", peer = self.id.0, %error, "not asked");
            }
        }
    }

    async fn stats(&self) -> PeerStats {
        let report = self.connection.get_stats(Instant::now(), StatsSelector::None).await;
        let round_trip = report
            .iter()
            .filter_map(|entry| match entry {
                RTCStatsReportEntry::IceCandidatePair(pair) if pair.nominated => {
                    Some(pair.current_round_trip_time)
                }
                _ => None,
            })
            .find(|seconds| *seconds > 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let downlink_lost = lock(&self.shared.lost).values().copied().fold(0.0, f32::max);
        let counted = *lock(&self.shared.stats);
        PeerStats { round_trip, downlink_lost, dropped: self.dropped.load(Ordering::Relaxed), ..counted }
    }

    async fn close(&self) {
        if self.shared.end()
            && let Err(error) = self.connection.close().await
        {
            tracing::debug!(op = "media.close", peer = self.id.0, %error, "closed with an error");
        }
        self.outlets.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Leg {
    /// The library's task would live on without its owner: whoever drops a leg unclosed (a call that was cut off in
    /// the middle) has it closed behind him.
    fn drop(&mut self) {
        if self.shared.end()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let connection = Arc::clone(&self.connection);
            runtime.spawn(async move { connection.close().await });
        }
    }
}
