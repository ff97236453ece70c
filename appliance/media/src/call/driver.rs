//! Performs what the room decides: connections, messages to browsers, taps, meters. Holds no rule of its own.

use super::{Command, Joined, Joining};
use crate::audio;
use crate::engine::{Link, Media, MediaPeer, PeerEvent, PeerId};
use crate::forward::{Sink, Switch};
use crate::quality::{Meter, PeerStats};
use crate::recording::{self, Piece};
use crate::room::{Limits, Output, Refusal, Room, Why};
use crate::signal::{FromPeer, ToPeer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Messages that wait for one browser. A negotiation is a dozen.
const OUTBOX: usize = 256;
/// Reports that wait for the driver; more are dropped, they come again.
const MEASURES: usize = 256;
/// Packets of sound that wait for a tap: a second of them.
const HEARD: usize = 64;
/// Packets that wait for a recording: some seconds of sound and pictures.
const COPIED: usize = 2048;
/// Recordings that wait for a whole picture to be asked for; they ask again.
const WISHES: usize = 16;
/// How often the meter is read.
const METER: Duration = Duration::from_secs(2);

struct Seat {
    outbox: mpsc::Sender<ToPeer>,
    link: watch::Sender<Link>,
    /// None until it is open.
    peer: Option<Arc<dyn MediaPeer>>,
    offer: Option<(u32, String)>,
    measured: PeerStats,
}

/// What a participant's connection says, on its way here.
type Event = (PeerId, PeerEvent);

pub(super) struct Driver {
    media: Arc<dyn Media>,
    room: Room,
    began: Instant,
    seats: BTreeMap<PeerId, Seat>,
    switch: Arc<Switch>,
    /// Taps, and connections on their way out.
    tasks: JoinSet<()>,
    events: (mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<Event>),
    measures: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    /// Whose whole picture a recording needs.
    wishes: (mpsc::Sender<PeerId>, mpsc::Receiver<PeerId>),
    meters: Vec<Meter>,
    metered: Instant,
}

impl Driver {
    pub(super) fn new(media: Arc<dyn Media>, limits: Limits) -> Driver {
        Driver {
            media,
            room: Room::new(limits),
            began: Instant::now(),
            seats: BTreeMap::new(),
            switch: Arc::new(Switch::default()),
            tasks: JoinSet::new(),
            events: mpsc::unbounded_channel(),
            measures: mpsc::channel(MEASURES),
            wishes: mpsc::channel(WISHES),
            meters: Vec::new(),
            metered: Instant::now(),
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let wake = self
                .room
                .wake()
                .map_or(self.metered + METER, |at| (self.began + at).min(self.metered + METER));
            tokio::select! {
                biased;
                Some((id, event)) = self.events.1.recv() => self.happened(id, event),
                command = commands.recv() => match command {
                    Some(Command::End) | None => break,
                    Some(command) => self.command(command),
                },
                Some((id, event)) = self.measures.1.recv() => self.happened(id, event),
                Some(id) = self.wishes.1.recv() => self.room.picture_needed(id, self.now()),
                Some(_) = self.tasks.join_next() => {}
                () = tokio::time::sleep_until(wake) => self.time().await,
            }
            self.perform().await;
        }
        self.end().await;
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Join(joining, reply) => {
                let _ = reply.send(self.join(joining, now));
            }
            Command::Hear(id, said, reply) => {
                let _ = reply.send(self.hear(id, said, now));
            }
            Command::Leave(id) => self.room.leave(id, Why::Left, now),
            Command::Tap(id, to, reply) => {
                let _ = reply.send(self.tap(id, to));
            }
            Command::Record(id, to, reply) => {
                let _ = reply.send(self.record(id, to));
            }
            Command::Meters(reply) => {
                let _ = reply.send(self.meters.clone());
            }
            Command::End => {}
        }
    }

    fn join(&mut self, joining: Joining, now: Duration) -> Result<Joined, Refusal> {
        let others = self.room.seats().collect();
        let id = self.room.join(joining.wants, now)?;
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let (link, stands) = watch::channel(Link::Connecting);
        self.seats.insert(id, Seat { outbox, link, peer: None, offer: None, measured: PeerStats::default() });
        self.tell(id, ToPeer::Welcome { you: id, others, ice_servers: joining.ice_servers });
        Ok(Joined { id, outbox: waiting, link: stands })
    }

    fn hear(&mut self, id: PeerId, said: FromPeer, now: Duration) -> Result<(), Refusal> {
        match said {
            FromPeer::Answer { n, sdp } => self.room.answer(id, n, sdp, now),
            FromPeer::Candidate { candidate } => self.room.candidate(id, candidate, now),
            FromPeer::Muted { muted } => self.room.mute(id, muted, now),
            FromPeer::ReceiveVideo { on } => self.room.receive_video(id, on, now),
            FromPeer::Restart => self.room.restart(id, now),
            FromPeer::Resume => self.room.resume(id, now),
        }
    }

    fn tap(&mut self, id: PeerId, to: Option<mpsc::Sender<audio::Sound>>) -> Result<(), Refusal> {
        if !self.seats.contains_key(&id) {
            return Err(Refusal::NotHere);
        }
        // The one before ends when its channel is dropped.
        let Some(to) = to else {
            self.switch.tap(id, None);
            return Ok(());
        };
        let (copy, heard) = mpsc::channel(HEARD);
        self.tasks.spawn(audio::tap(heard, to));
        self.switch.tap(id, Some(copy));
        Ok(())
    }

    fn record(&mut self, id: PeerId, to: Option<mpsc::Sender<Piece>>) -> Result<(), Refusal> {
        if !self.seats.contains_key(&id) {
            return Err(Refusal::NotHere);
        }
        // The one before ends when its channel is dropped.
        let Some(to) = to else {
            self.switch.record(id, None);
            return Ok(());
        };
        let (copy, copied) = mpsc::channel(COPIED);
        self.tasks.spawn(recording::record(self.began, id, copied, self.wishes.0.clone(), to));
        self.switch.record(id, Some(copy));
        Ok(())
    }

    fn happened(&mut self, id: PeerId, event: PeerEvent) {
        let now = self.now();
        match event {
            PeerEvent::Candidate(candidate) => self.tell(id, ToPeer::Candidate { candidate }),
            PeerEvent::Link(link) => {
                tracing::debug!(op = "media.link", peer = id.0, ?link, "link");
                // Closing a seat closes its connection, which says so too late to matter.
                if let Some(seat) = self.seats.get(&id) {
                    seat.link.send_replace(link);
                }
                if link != Link::Closed || self.seats.contains_key(&id) {
                    self.room.link(id, link, now);
                }
            }
            PeerEvent::TrackOpened(kind) => self.room.track_opened(id, kind, now),
            PeerEvent::KeyframeWanted(track) => self.room.keyframe_wanted(id, track, now),
            PeerEvent::Report { track, lost } => self.room.report(id, track, lost, now),
            PeerEvent::Clock { .. } => {}
        }
    }

    async fn time(&mut self) {
        self.room.tick(self.now());
        let over = self.metered.elapsed();
        if over < METER {
            return;
        }
        self.metered = Instant::now();
        let mut meters = Vec::new();
        let now = self.now();
        for (id, seat) in &mut self.seats {
            let Some(peer) = &seat.peer else { continue };
            let measured = peer.stats().await;
            meters.push(Meter::between(*id, &seat.measured, &measured, over));
            seat.measured = measured;
        }
        for meter in &meters {
            self.room.uplink(meter.who, meter.uplink_lost, now);
        }
        self.meters.clone_from(&meters);
        let all: Vec<PeerId> = self.seats.keys().copied().collect();
        for id in all {
            self.tell(id, ToPeer::Quality { meters: meters.clone() });
        }
    }

    async fn perform(&mut self) {
        while let Some(output) = self.room.poll() {
            self.one(output).await;
        }
    }

    async fn one(&mut self, output: Output) {
        match output {
            Output::Open(id) => self.open(id).await,
            Output::Close { peer, why } => self.close(peer, why),
            Output::Offer { peer, n, restart } => self.offer(peer, n, restart).await,
            Output::OfferAgain { peer, n } => {
                let offer = self.seats.get(&peer).and_then(|s| s.offer.clone()).filter(|o| o.0 == n);
                if let Some((n, sdp)) = offer {
                    self.tell(peer, ToPeer::Offer { n, sdp });
                }
            }
            Output::Answer { peer, sdp } => {
                if let Some(connection) = self.peer(peer)
                    && let Err(error) = connection.answer(sdp).await
                {
                    self.give_up(peer, Why::NoAnswer, &error);
                }
            }
            Output::Candidate { peer, candidate } => {
                if let Some(connection) = self.peer(peer)
                    && let Err(error) = connection.candidate(candidate).await
                {
                    // A name only its own network can resolve, for one: the others may do.
                    tracing::debug!(op = "media.candidate", peer = peer.0, %error, "address not used");
                }
            }
            Output::Subscribe { peer, track } => {
                if let Some(connection) = self.peer(peer)
                    && let Err(error) = connection.subscribe(track).await
                {
                    self.give_up(peer, Why::Box, &error);
                }
            }
            Output::Unsubscribe { peer, track } => {
                self.switch.disconnect(track, peer);
                if let Some(connection) = self.peer(peer)
                    && let Err(error) = connection.unsubscribe(track).await
                {
                    self.give_up(peer, Why::Box, &error);
                }
            }
            Output::Flow { peer, track } => {
                if let Some(connection) = self.peer(peer) {
                    connection.flow(track);
                    self.switch.connect(track, peer, connection);
                }
            }
            Output::AskKeyframe(peer) => {
                if let Some(connection) = self.peer(peer) {
                    connection.ask_keyframe().await;
                }
            }
            Output::TellCap { to, cap } => self.tell(to, ToPeer::Cap { cap }),
            Output::TellAudioOnly { to } => self.tell(to, ToPeer::AudioOnlyAdvised),
            Output::TellJoined { to, seat } => self.tell(to, ToPeer::Joined { seat }),
            Output::TellLeft { to, who, why } => self.tell(to, ToPeer::Left { who, why }),
            Output::TellMuted { to, who, muted } => self.tell(to, ToPeer::Muted { who, muted }),
        }
    }

    fn peer(&self, id: PeerId) -> Option<Arc<dyn MediaPeer>> {
        self.seats.get(&id).and_then(|seat| seat.peer.clone())
    }

    async fn open(&mut self, id: PeerId) {
        let sink = Sink::new(
            id,
            Arc::clone(&self.switch),
            self.events.0.clone(),
            self.measures.0.clone(),
            self.began,
        );
        match self.media.open(id, Arc::new(sink)).await {
            Ok(peer) => {
                if let Some(seat) = self.seats.get_mut(&id) {
                    seat.peer = Some(peer);
                }
            }
            Err(error) => self.give_up(id, Why::Box, &error),
        }
    }

    fn close(&mut self, id: PeerId, why: Why) {
        self.switch.forget(id);
        let Some(seat) = self.seats.remove(&id) else { return };
        let _ = seat.outbox.try_send(ToPeer::Ended { why });
        if let Some(peer) = seat.peer {
            // Beside the call: a connection that is slow to end keeps nobody waiting.
            self.tasks.spawn(async move { peer.close().await });
        }
        tracing::debug!(op = "media.left", peer = id.0, ?why, "left");
    }

    async fn offer(&mut self, id: PeerId, n: u32, restart: bool) {
        let Some(connection) = self.peer(id) else { return };
        match connection.offer(restart).await {
            Ok(sdp) => {
                if let Some(seat) = self.seats.get_mut(&id) {
                    seat.offer = Some((n, sdp.clone()));
                }
                self.tell(id, ToPeer::Offer { n, sdp });
            }
            Err(error) => self.give_up(id, Why::Box, &error),
        }
    }

    fn give_up(&mut self, id: PeerId, why: Why, error: &crate::Error) {
        tracing::warn!(op = "media.give_up", peer = id.0, ?why, %error, "a connection is given up");
        self.room.leave(id, why, self.began.elapsed());
    }

    fn tell(&mut self, id: PeerId, what: ToPeer) {
        let Some(seat) = self.seats.get(&id) else { return };
        if seat.outbox.try_send(what).is_err() {
            // Full or dropped: nobody brings him anything any more.
            self.room.leave(id, Why::Lost, self.began.elapsed());
        }
    }

    async fn end(&mut self) {
        let all: Vec<PeerId> = self.seats.keys().copied().collect();
        for id in all {
            self.close(id, Why::Over);
        }
        // Taps and recordings end with the packets copied to them.
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for Driver {
    /// A call cut off in the middle: the switch and its connections hold each other, and let go here.
    fn drop(&mut self) {
        for id in self.seats.keys() {
            self.switch.forget(*id);
        }
    }
}
