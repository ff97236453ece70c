//! A participant made of the same library: answers what the box offers, sends marked packets, notes what he receives.

use clinicvault_media::call::{Call, Joined, Joining};
use clinicvault_media::engine::{Kind, PeerId};
use clinicvault_media::room::{Refusal, Wants, Why};
use clinicvault_media::signal::{Candidate, FromPeer, ToPeer};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSessionDescription, Registry,
    register_default_interceptors,
};

/// What somebody received: packets by sender and kind, and how long each took (both ends share a clock).
#[derive(Default)]
pub struct Received {
    pub counts: BTreeMap<(u32, Kind), u64>,
    #[allow(dead_code)] // read by the bench
    pub delays: Vec<Duration>,
    /// The stream ids of the tracks packets came on, by sender.
    pub streams: BTreeMap<u32, String>,
    pub extensions: u64,
}

/// What the box said, besides negotiation.
#[derive(Default)]
pub struct Said {
    pub offers: u32,
    pub others: Vec<ToPeer>,
    pub ended: Option<Why>,
    /// How the connection stood, one after the other.
    pub states: Vec<String>,
}

#[derive(Clone)]
struct Handler {
    events: mpsc::UnboundedSender<Local>,
}

enum Local {
    Candidate(RTCIceCandidateInit),
    Track(Arc<dyn TrackRemote>),
    State(RTCPeerConnectionState),
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(init) = event.candidate.to_json() {
            let _ = self.events.send(Local::Candidate(init));
        }
    }
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.events.send(Local::Track(track));
    }
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = self.events.send(Local::State(state));
    }
}

pub struct Person {
    pub id: PeerId,
    pub received: Arc<Mutex<Received>>,
    pub said: Arc<Mutex<Said>>,
    pub connection: Arc<dyn PeerConnection>,
    tasks: JoinSet<()>,
}

pub fn joining() -> Joining {
    Joining { wants: Wants { video: true }, ice_servers: vec![] }
}

/// All packets carry the time since this.
fn clock() -> Instant {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BEGAN.get_or_init(Instant::now)
}

fn local_track(kind: RtpCodecKind, mime: &str, rate: u32, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: RTCRtpCodec {
            mime_type: mime.into(),
            clock_rate: rate,
            channels: if rate == 48_000 { 2 } else { 0 },
            sdp_fmtp_line: String::new(),
            rtcp_feedback: vec![],
        },
        ..Default::default()
    };
    let id = format!("own-{mime}-{ssrc}");
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "own".into(),
        id.clone(),
        id,
        kind,
        vec![coding],
    )))
}

impl Person {
    /// Comes in and sends sound (50 packets a second) and pictures (`video` a second).
    pub async fn join(call: &Call, video: u32) -> Result<Person, Refusal> {
        let joined = call.join(joining()).await?;
        Ok(Person::with(call, joined, video).await)
    }

    pub async fn with(call: &Call, joined: Joined, video: u32) -> Person {
        let (events, happened) = mpsc::unbounded_channel();
        let mut media = MediaEngine::default();
        media.register_default_codecs().unwrap();
        let registry = register_default_interceptors(Registry::new(), &mut media).unwrap();
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(media)
                .with_interceptor_registry(registry)
                .with_handler(Arc::new(Handler { events }))
                .with_udp_addrs(vec!["127.0.0.1:0"])
                .build()
                .await
                .unwrap(),
        );
        let me = joined.id.0;
        let audio = local_track(RtpCodecKind::Audio, "audio/opus", 48_000, 1000 + me);
        let picture = local_track(RtpCodecKind::Video, "video/VP8", 90_000, 2000 + me);
        connection.add_track(audio.clone()).await.unwrap();
        if video > 0 {
            connection.add_track(picture.clone()).await.unwrap();
        }
        let received = Arc::new(Mutex::new(Received::default()));
        let said = Arc::new(Mutex::new(Said::default()));
        let mut tasks = JoinSet::new();
        let up = Arc::new(tokio::sync::Notify::new());
        tasks.spawn(negotiate(call.clone(), joined, connection.clone(), said.clone()));
        tasks.spawn(own_events(
            call.clone(),
            PeerId(me),
            happened,
            (received.clone(), said.clone()),
            up.clone(),
        ));
        tasks.spawn(async move {
            up.notified().await;
            let mut sends = JoinSet::new();
            sends.spawn(send(audio, me, 111, 1000 + me, Duration::from_millis(20), 960));
            if video > 0 {
                sends.spawn(send(picture, me, 96, 2000 + me, Duration::from_secs(1) / video, 90_000 / video));
            }
            sends.join_all().await;
        });
        Person { id: PeerId(me), received, said, connection, tasks }
    }

    pub fn count(&self, from: PeerId, kind: Kind) -> u64 {
        self.received.lock().unwrap().counts.get(&(from.0, kind)).copied().unwrap_or(0)
    }

    /// Waits until the condition holds, or says what it was about.
    pub async fn until(&self, what: &str, holds: impl Fn(&Person) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            if began.elapsed() > Duration::from_secs(20) {
                let (said, received) = (self.said.lock().unwrap(), self.received.lock().unwrap());
                panic!(
                    "never: {what}; {:?}, {} offers, received {:?}",
                    said.states, said.offers, received.counts
                );
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn close(mut self) {
        let _ = self.connection.close().await;
        self.tasks.shutdown().await;
    }
}

pub async fn wait(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn negotiate(
    call: Call,
    mut joined: Joined,
    connection: Arc<dyn PeerConnection>,
    said: Arc<Mutex<Said>>,
) {
    let id = joined.id;
    while let Some(message) = joined.outbox.recv().await {
        match message {
            ToPeer::Offer { n, sdp } => {
                said.lock().unwrap().offers += 1;
                let offer = RTCSessionDescription::offer(sdp).unwrap();
                connection.set_remote_description(offer).await.unwrap();
                let answer = connection.create_answer(None).await.unwrap();
                connection.set_local_description(answer).await.unwrap();
                let sdp = connection.local_description().await.unwrap().sdp;
                // It may have ended, or him been put out, meanwhile.
                match call.hear(id, FromPeer::Answer { n, sdp }).await {
                    Ok(()) | Err(Refusal::NotHere) => {}
                    Err(refusal) => panic!("{refusal}"),
                }
            }
            ToPeer::Candidate { candidate } => {
                let init = RTCIceCandidateInit {
                    candidate: candidate.candidate,
                    sdp_mid: candidate.sdp_mid,
                    sdp_mline_index: candidate.sdp_mline_index,
                    username_fragment: candidate.username_fragment,
                    url: None,
                };
                let _ = connection.add_ice_candidate(init).await;
            }
            ToPeer::Ended { why } => said.lock().unwrap().ended = Some(why),
            other => said.lock().unwrap().others.push(other),
        }
    }
}

async fn own_events(
    call: Call,
    id: PeerId,
    mut happened: mpsc::UnboundedReceiver<Local>,
    (received, said): (Arc<Mutex<Received>>, Arc<Mutex<Said>>),
    up: Arc<tokio::sync::Notify>,
) {
    let mut readers = JoinSet::new();
    while let Some(event) = happened.recv().await {
        match event {
            Local::Candidate(init) => {
                let candidate = Candidate {
                    candidate: init.candidate,
                    sdp_mid: init.sdp_mid,
                    sdp_mline_index: init.sdp_mline_index,
                    username_fragment: init.username_fragment,
                };
                let _ = call.hear(id, FromPeer::Candidate { candidate }).await;
            }
            Local::Track(track) => {
                readers.spawn(read(track, received.clone()));
            }
            Local::State(state) => {
                said.lock().unwrap().states.push(state.to_string());
                if state == RTCPeerConnectionState::Connected {
                    up.notify_one();
                }
            }
        }
    }
}

async fn read(track: Arc<dyn TrackRemote>, received: Arc<Mutex<Received>>) {
    let kind = if track.kind().await == RtpCodecKind::Audio { Kind::Audio } else { Kind::Video };
    let stream = track.stream_id().await;
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        let now = clock().elapsed();
        let Some((from, sent)) = unmark(&packet.payload) else { continue };
        let mut received = received.lock().unwrap();
        *received.counts.entry((from, kind)).or_default() += 1;
        received.streams.insert(from, stream.clone());
        received.extensions += u64::from(packet.header.extension);
        received.delays.push(now.saturating_sub(sent));
    }
}

/// Who sent it, and when.
fn unmark(payload: &[u8]) -> Option<(u32, Duration)> {
    let from = u32::from_be_bytes(payload.get(1..5)?.try_into().ok()?);
    let sent = u64::from_be_bytes(payload.get(5..13)?.try_into().ok()?);
    Some((from, Duration::from_nanos(sent)))
}

async fn send(
    track: Arc<TrackLocalStaticRTP>,
    me: u32,
    payload_type: u8,
    ssrc: u32,
    every: Duration,
    ticks: u32,
) {
    let mut clock_ticks = tokio::time::interval(every);
    let size = if payload_type == 111 { 80 } else { 1100 };
    for n in 0u32.. {
        clock_ticks.tick().await;
        let mut payload = vec![0u8; size];
        payload[0] = 0xfc;
        payload[1..5].copy_from_slice(&me.to_be_bytes());
        payload[5..13].copy_from_slice(&u64::try_from(clock().elapsed().as_nanos()).unwrap().to_be_bytes());
        #[allow(clippy::cast_possible_truncation)]
        let header = rtp::Header {
            version: 2,
            payload_type,
            marker: true,
            // Far from the wrap, as RFC 3711 (section 3.3.1) wants of a sender: who loses the packets before a wrap right
            // at his start can never decipher those behind it.
            sequence_number: (1000 + n) as u16,
            timestamp: n.wrapping_mul(ticks),
            ssrc,
            ..Default::default()
        };
        let _ = track.write_rtp(rtp::Packet { header, payload: payload.into() }).await;
    }
}
