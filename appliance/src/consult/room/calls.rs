//! The calls of the box: one of `clinicvault-media` for each room while somebody is in it.
//!
//! Owns the tasks of a call: its driver, one for each participant that brings what the call says, one for each ear and
//! each reel. Leaves
//! to others who may be in, and when somebody may be heard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clinicvault_media::audio::Sound;
use clinicvault_media::call::{Call, Joined, Joining};
use clinicvault_media::engine::{Link, Media, PeerId};
use clinicvault_media::ice::Servers;
use clinicvault_media::peer::{Config, VideoCodec, WebRtc};
use clinicvault_media::recording;
use clinicvault_media::room::{Limits, Muted as Off, Wants};
use clinicvault_media::signal::{FromPeer, ToPeer};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ears::Ear;
use super::line::{FromCall, NotDone, Seated};
use super::protocol::Muted;
use super::reel::{Closing, Piece};
use crate::config;

/// Whether this box carries calls.
pub const CARRIES: bool = true;
/// Things from a call that wait for its room.
const WAITING: usize = 256;
/// Pieces of sound that wait for an ear: five seconds.
const SOUNDS: usize = 256;
/// Pieces of a recording that wait to be kept: half a minute.
const PIECES: usize = 64;
/// How long a call may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How calls are carried.
#[derive(Clone)]
pub struct Calls {
    media: Arc<dyn Media>,
    servers: Servers,
    limits: Limits,
    relay_seconds: u64,
}

impl Calls {
    /// By these settings; a sentence when they cannot work.
    ///
    /// # Errors
    /// The sentence.
    pub fn new(settings: &config::Calls) -> Result<Calls, String> {
        let servers = Servers::new(settings.stun.clone(), settings.turn.clone(), &settings.secret()?)
            .map_err(|error| error.to_string())?;
        let config = Config {
            addresses: settings.own_addresses(),
            ports: settings.range()?,
            video: VideoCodec::Vp8,
            servers: Vec::new(),
        };
        let media = WebRtc::new(config).map_err(|error| error.to_string())?;
        let limits =
            Limits { people: settings.people.clamp(2, Limits::default().people), ..Limits::default() };
        Ok(Calls { media: Arc::new(media), servers, limits, relay_seconds: settings.relay_seconds })
    }

    /// A call in which nobody is.
    pub fn begin(&self, now: Timestamp) -> Line {
        let (call, driving) = Call::new(self.media.clone(), self.limits);
        let mut tasks = JoinSet::new();
        tasks.spawn(driving);
        let (told, events) = mpsc::channel(WAITING);
        Line { call, calls: self.clone(), began: now, seats: BTreeMap::new(), tasks, told, events }
    }
}

/// One call. Dropping it ends it.
pub struct Line {
    call: Call,
    calls: Calls,
    /// When it began: the time 0 of what is heard.
    pub began: Timestamp,
    seats: BTreeMap<String, PeerId>,
    tasks: JoinSet<()>,
    told: mpsc::Sender<FromCall>,
    events: mpsc::Receiver<FromCall>,
}

impl Line {
    /// Brings somebody in, or on when he is in: then his browser is told what it missed.
    ///
    /// # Errors
    /// When the call is full.
    pub async fn seat(&mut self, id: &str, video: bool, up: bool, now: Timestamp) -> Result<Seated, NotDone> {
        if let Some(peer) = self.seats.get(id).copied() {
            // What was said while his line was lost is lost: an offer that waits is said again, and a connection that is not
            // up looks for its way anew.
            if self.call.hear(peer, FromPeer::Resume).await.is_ok() {
                if !up {
                    let _ = self.call.hear(peer, FromPeer::Restart).await;
                }
                let _ = self.call.hear(peer, FromPeer::ReceiveVideo { on: video }).await;
                return Ok(Seated { peer: peer.0, fresh: false });
            }
            self.seats.remove(id);
        }
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        // The label stands in the relay's log and names nobody.
        let ice_servers = self.calls.servers.for_participant("seat", seconds, self.calls.relay_seconds);
        let joining = Joining { wants: Wants { video }, ice_servers };
        let joined = self.call.join(joining).await.map_err(|refusal| NotDone(refusal.to_string()))?;
        let peer = joined.id;
        self.seats.insert(id.to_owned(), peer);
        self.tasks.spawn(bring(id.to_owned(), joined, self.told.clone()));
        Ok(Seated { peer: peer.0, fresh: true })
    }

    /// Takes somebody out.
    pub async fn unseat(&mut self, id: &str) {
        if let Some(peer) = self.seats.remove(id) {
            self.call.leave(peer).await;
        }
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Hands on what his browser says.
    ///
    /// # Errors
    /// What the call says against it.
    pub async fn signal(&self, id: &str, signal: Value) -> Result<(), NotDone> {
        let Some(peer) = self.seats.get(id) else {
            return Err(NotDone("come into the call first".to_owned()));
        };
        let said: FromPeer = serde_json::from_value(signal)
            .map_err(|_| NotDone("this is no message about a connection".to_owned()))?;
        self.call.hear(*peer, said).await.map_err(|refusal| NotDone(refusal.to_string()))
    }

    /// What he has switched off.
    ///
    /// # Errors
    /// What the call says against it.
    pub async fn mute(&self, id: &str, muted: Muted) -> Result<(), NotDone> {
        let Some(peer) = self.seats.get(id) else { return Ok(()) };
        let muted = Off { audio: muted.audio, video: muted.video };
        let said = FromPeer::Muted { muted };
        self.call.hear(*peer, said).await.map_err(|refusal| NotDone(refusal.to_string()))
    }

    /// Copies his speech to this ear, or to none any more.
    pub async fn tap(&mut self, id: &str, ear: Option<Box<dyn Ear>>) {
        let Some(peer) = self.seats.get(id).copied() else { return };
        let to = ear.map(|ear| {
            let (to, sounds) = mpsc::channel(SOUNDS);
            self.tasks.spawn(hear(sounds, ear));
            to
        });
        let _ = self.call.tap(peer, to).await;
    }

    /// Keeps what he says and shows there, or no longer. Ends early, without its last piece, when pieces are not taken.
    pub async fn record(&mut self, id: &str, to: Option<mpsc::Sender<Piece>>) {
        let Some(peer) = self.seats.get(id).copied() else { return };
        let pieces = to.map(|to| {
            let (pieces, taken) = mpsc::channel(PIECES);
            self.tasks.spawn(hand_on(taken, to));
            pieces
        });
        let _ = self.call.record(peer, pieces).await;
    }

    /// What the call says next. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<FromCall> {
        loop {
            tokio::select! {
                said = self.events.recv() => return said,
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Somebody whom the call put out.
    pub fn forget(&mut self, id: &str, peer: u32) {
        if self.seats.get(id) == Some(&PeerId(peer)) {
            self.seats.remove(id);
        }
    }

    /// Ends it for everybody.
    pub async fn end(mut self) {
        self.call.end().await;
        // What waits for the room waits for nobody any more.
        drop(self.events);
        let over = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(PATIENCE, over).await;
    }
}

/// Brings what the call says to one participant, and how his connection stands, to the room.
async fn bring(id: String, mut joined: Joined, told: mpsc::Sender<FromCall>) {
    let peer = joined.id.0;
    loop {
        let next = tokio::select! {
            said = joined.outbox.recv() => match said {
                None | Some(ToPeer::Ended { .. }) => break,
                Some(said) => serde_json::to_value(&said).ok().map(|signal| FromCall::Signal { id: id.clone(), signal }),
            },
            Ok(()) = joined.link.changed() => {
                let link = *joined.link.borrow_and_update();
                match link {
                    Link::Up => Some(FromCall::Flows { id: id.clone(), up: true }),
                    Link::Disconnected | Link::Failed | Link::Closed => {
                        Some(FromCall::Flows { id: id.clone(), up: false })
                    }
                    Link::Connecting => None,
                }
            }
        };
        if let Some(next) = next
            && told.send(next).await.is_err()
        {
            return;
        }
    }
    let _ = told.send(FromCall::Out { id, peer }).await;
}

/// Hands the pieces of a recording on to whoever keeps them.
async fn hand_on(mut pieces: mpsc::Receiver<recording::Piece>, to: mpsc::Sender<Piece>) {
    while let Some(piece) = pieces.recv().await {
        let piece = match piece {
            recording::Piece::Begin { at, pictures, head } => Piece::Begin { at, pictures, head },
            recording::Piece::Cluster(bytes) => Piece::Cluster(bytes),
            recording::Piece::End { closing, lost } => Piece::End { closing: closing_of(closing), lost },
        };
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

fn closing_of(closing: recording::Closing) -> Closing {
    Closing { head: closing.head, tail: closing.tail, lasts: Duration::from_millis(closing.lasts) }
}

/// What a recording that was cut short would have said of itself; none when nothing of use is there.
pub fn mend(pieces: impl Iterator<Item = Vec<u8>>) -> Option<Closing> {
    recording::mend(pieces).map(closing_of)
}

/// Hands sound to an ear until there is none any more.
async fn hear(mut sounds: mpsc::Receiver<Sound>, mut ear: Box<dyn Ear>) {
    while let Some(sound) = sounds.recv().await {
        let samples: Vec<f32> = sound.samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        ear.hear(u64::try_from(sound.at.as_millis()).unwrap_or(u64::MAX), &samples);
    }
}
