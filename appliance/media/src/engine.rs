//! What a media engine must be able to do. The rest of the crate knows engines by these two traits only.

use crate::Error;
use crate::quality::PeerStats;
use crate::signal::Candidate;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One participant of one call. Numbers grow and are never given twice in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(pub u32);

/// Sound or picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Opus, 48 kHz.
    Audio,
    /// VP8 or H.264, whichever the box is set to.
    Video,
}

/// What somebody sends: one sound and one picture each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackId {
    /// Who sends it.
    pub of: PeerId,
    /// Sound or picture.
    pub kind: Kind,
}

/// One RTP packet without what belongs to a single leg (SSRC, payload type, header extensions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// RTP sequence number, as the sender chose it.
    pub sequence: u16,
    /// RTP time stamp, as the sender chose it (48 kHz for sound, 90 kHz for pictures).
    pub timestamp: u32,
    /// RTP marker: the last packet of a picture, the first of a talk spurt.
    pub marker: bool,
    /// One Opus packet, or a part of a picture. May be empty: browsers pad with empty packets, which are handed on so
    /// that no gap in the sequence appears.
    pub payload: Bytes,
}

/// How a participant's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Being set up, or set up anew.
    Connecting,
    /// Media can flow.
    Up,
    /// Nothing has come for some seconds; it may recover.
    Disconnected,
    /// Given up by the engine; only a restart helps.
    Failed,
    /// Closed on this side or the other.
    Closed,
}

/// What an engine tells about one connection.
#[derive(Clone, Debug)]
pub enum PeerEvent {
    /// An address of the box, for the browser.
    Candidate(Candidate),
    /// The connection changed its state.
    Link(Link),
    /// The first packet of the participant's sound or picture came.
    TrackOpened(Kind),
    /// The participant's decoder needs a whole picture of the track he watches.
    KeyframeWanted(TrackId),
    /// What the participant received of a track he is sent.
    Report {
        /// The track.
        track: TrackId,
        /// Share of packets lost since the report before, 0 to 1.
        lost: f32,
    },
    /// A sender report: the sender's wall clock at an RTP time stamp.
    Clock {
        /// Which of his tracks.
        kind: Kind,
        /// RTP time stamp.
        rtp: u32,
        /// NTP time, 32.32 fixed point (RFC 3550, section 4).
        ntp: u64,
    },
}

/// Where an engine puts what comes from one participant. Called from the engine's receiving tasks: must not block.
pub trait PeerSink: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: PeerEvent);
    /// A packet of sound or picture came. May come out of order and more than once.
    fn packet(&self, kind: Kind, packet: Packet);
}

/// Opens connections.
#[async_trait]
pub trait Media: Send + Sync + 'static {
    /// A connection for one participant, with places for his sound and picture. It has not been offered yet.
    async fn open(&self, id: PeerId, sink: Arc<dyn PeerSink>) -> Result<Arc<dyn MediaPeer>, Error>;
}

/// One participant's connection. The box always offers.
#[async_trait]
pub trait MediaPeer: Send + Sync + 'static {
    /// A new offer of everything subscribed so far, applied on this side. `restart` finds new ways through the network.
    async fn offer(&self, restart: bool) -> Result<String, Error>;
    /// Applies the browser's answer to the last offer.
    async fn answer(&self, sdp: String) -> Result<(), Error>;
    /// One of the browser's addresses.
    async fn candidate(&self, candidate: Candidate) -> Result<(), Error>;
    /// Adds somebody else's track; takes effect with the next offer.
    async fn subscribe(&self, track: TrackId) -> Result<(), Error>;
    /// Takes it out again; takes effect with the next offer. Nothing happens if it is not there.
    async fn unsubscribe(&self, track: TrackId) -> Result<(), Error>;
    /// From now on packets of this track are wanted: its offer has been answered.
    fn flow(&self, track: TrackId);
    /// Puts a packet of a subscribed track into the participant's own queue, or drops it when the queue is full, the
    /// track does not flow yet or the connection is not up. Never blocks.
    fn send(&self, track: TrackId, packet: &Packet);
    /// Asks the participant's browser for a whole picture.
    async fn ask_keyframe(&self);
    /// What has been measured so far.
    async fn stats(&self) -> PeerStats;
    /// Closes the connection and ends every task and socket of it.
    async fn close(&self);
}
