//! The room as a pure state machine: what happens goes in with `now`, what is to be done comes out, in order.
//!
//! Owns who is in, who replaces whom, what everybody is told and in which order, who is heard, and how often somebody may
//! say something; whether sound and pictures are kept is `recorder`'s part of it. Leaves to `driver`: sockets, media, the vault,
//! time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::contact::{Contact, Follows, Sight};
use super::ears::{Caption, CaptionState, Part};
use super::log::Log;
use super::member::{Guest, Member};
use super::protocol::{
    ChatMessage, Code, Event, FromClient, Heard, Mode, Muted, Standing, ToClient, VERSION, Why,
};
use super::recorder::Recorder;
use crate::consult::ask;
use crate::consult::state::State;

/// One socket; never given twice.
pub type Link = u64;

/// How long the seat of somebody whose line is lost is kept: longer than a page takes to reconnect.
pub const KEPT: SignedDuration = SignedDuration::from_secs(20);
/// People in a room: those of a call, and some who only read.
pub const MOST_PEOPLE: usize = 12;

/// To be done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A message for one socket; `may_skip` when newer ones replace it.
    Tell { link: Link, message: Arc<str>, may_skip: bool },
    /// The end of a socket.
    Close { link: Link, code: Code },
    /// Into the call, or on in it after the line was lost.
    Seat { id: String, video: bool },
    /// Out of the call.
    Unseat { id: String },
    /// What his browser says about its connection.
    Signal { id: String, signal: serde_json::Value },
    /// What he has switched off.
    Mute { id: String, muted: Muted },
    /// Words to be written down.
    Write { id: String, key: String, text: String },
    /// His agreement to be written down, or its end.
    Agree { id: String, on: bool },
    /// To be heard by the transcriber, or no longer.
    Ear { id: String, on: bool },
    /// His agreement to be recorded, or its end.
    AgreeRecording { id: String, on: bool },
    /// What he says and shows is to be kept, or no longer.
    Reel { id: String, on: bool },
    /// The recording asked for by this doctor begins or ends: to be written down.
    Recording { by: String, on: bool },
    /// The patient is there.
    Arrived { id: String },
    /// Media are lost, or back.
    Lost(bool),
    /// They are in touch in another way.
    Segment(Option<Mode>),
}

/// What a room knows when it is made.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Its name, unlike any other's.
    pub epoch: String,
    /// Where the consultation stands.
    pub standing: Standing,
    /// How many chat messages there are.
    pub chats: u64,
    /// Who has agreed to being heard.
    pub agreed: BTreeSet<String>,
    /// Doctor and patient were in touch before.
    pub met: bool,
    /// This box carries calls.
    pub calls: bool,
    /// It can hear.
    pub ears: bool,
    /// The clinic lets calls be recorded.
    pub records: bool,
    /// Who has agreed to be recorded.
    pub agreed_recording: BTreeSet<String>,
}

/// The state of one room.
#[derive(Debug)]
pub struct Room {
    pub(super) begin: Begin,
    log: Log,
    pub(super) members: BTreeMap<String, Member>,
    contact: Contact,
    phone: bool,
    /// What each said last about being heard; it counts once it is written down.
    wishes: BTreeMap<String, bool>,
    tapped: BTreeSet<String>,
    told: Heard,
    pub(super) recorder: Recorder,
    pub(super) out: VecDeque<Output>,
}

impl Room {
    /// A room in which nobody is.
    pub fn new(begin: Begin) -> Room {
        Room {
            log: Log::new(begin.epoch.clone()),
            contact: Contact::new(begin.met),
            begin,
            members: BTreeMap::new(),
            phone: false,
            wishes: BTreeMap::new(),
            tapped: BTreeSet::new(),
            told: Heard { open: false, missing: Vec::new() },
            recorder: Recorder::default(),
            out: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the consultation is over.
    pub fn is_over(&self) -> bool {
        self.begin.standing.state.is_over()
    }

    /// Whether sound and pictures are kept now.
    pub fn is_recorded(&self) -> bool {
        self.recorder.is_on()
    }

    /// Who is in, by id.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// How they are in touch, as written down.
    pub fn mode(&self) -> Option<Mode> {
        self.contact.mode()
    }

    /// Where the consultation stands.
    pub fn standing(&self) -> &Standing {
        &self.begin.standing
    }

    /// Somebody comes in over a socket; `seen` is the room he was in before and its last event that he saw. He replaces
    /// himself: another socket of his ends, and with another device its place in the call.
    pub fn enter(&mut self, link: Link, guest: Guest, seen: Option<(&str, u64)>, now: Timestamp) {
        if self.is_over() || !guest.takes_part(&self.begin.standing) {
            let code = if self.is_over() { Code::Over } else { Code::Out };
            return self.out.push_back(Output::Close { link, code });
        }
        let id = guest.id.clone();
        let fresh = !self.members.contains_key(&id);
        if fresh && self.members.len() >= MOST_PEOPLE {
            let told = ToClient::Refused {
                of: "hello",
                key: None,
                code: "full",
                message: "too many people are in this room; somebody has to leave first",
            };
            self.out.push_back(Output::Tell { link, message: told.text(), may_skip: false });
            return self.out.push_back(Output::Close { link, code: Code::Flood });
        }
        let agrees = self.begin.agreed.contains(&id);
        let agrees_recording = self.begin.agreed_recording.contains(&id);
        let arrived = fresh && guest.part == Part::Patient && self.begin.standing.state == State::Waiting;
        let fresh_member = || Member { agrees_recording, ..Member::new(guest.clone(), agrees, now) };
        let member = self.members.entry(id.clone()).or_insert_with(fresh_member);
        if let Some(old) = member.link.replace(link) {
            self.out.push_back(Output::Close { link: old, code: Code::Replaced });
        }
        member.gone = None;
        if member.guest.device != guest.device && member.peer.take().is_some() {
            (member.up, member.wanted) = (false, false);
            self.out.push_back(Output::Unseat { id: id.clone() });
        }
        member.guest = guest;
        self.welcome(link, &id, seen);
        self.changed(&id, now);
        if arrived {
            self.out.push_back(Output::Arrived { id });
        }
        self.follow(now);
    }

    fn welcome(&mut self, link: Link, id: &str, seen: Option<(&str, u64)>) {
        let missed = seen.and_then(|(epoch, seen)| self.log.since(epoch, seen));
        let people = self.members.values().map(Member::person).collect();
        let welcome = ToClient::Welcome {
            v: VERSION,
            you: id,
            epoch: self.log.epoch(),
            n: self.log.last(),
            resumed: missed.is_some(),
            consultation: &self.begin.standing,
            people,
            consent: self.heard(),
            mode: self.contact.mode(),
            chat: self.begin.chats,
            calls: self.begin.calls,
            captions: self.begin.ears,
            records: self.begin.records,
            recording: self.recorded(),
        };
        let first = welcome.text();
        for message in [first].into_iter().chain(missed.unwrap_or_default()) {
            self.out.push_back(Output::Tell { link, message, may_skip: false });
        }
    }

    /// A socket is gone; the seat of its owner is kept for a while.
    pub fn lost(&mut self, link: Link, now: Timestamp) {
        let Some(member) = self.members.values_mut().find(|member| member.link == Some(link)) else { return };
        (member.link, member.gone) = (None, Some(now));
        let id = member.guest.id.clone();
        self.changed(&id, now);
        self.follow(now);
    }

    /// What came over a socket. None: it could not be read.
    pub fn said(&mut self, link: Link, said: Option<FromClient>, now: Timestamp) {
        let Some(member) = self.members.values_mut().find(|member| member.link == Some(link)) else { return };
        let id = member.guest.id.clone();
        let Some(said) = said else { return self.put_off(&id, Code::Protocol, now) };
        if !member.budget.take(now) {
            return self.put_off(&id, Code::Flood, now);
        }
        match said {
            FromClient::Call { join: true, .. } if !self.begin.calls => {
                self.refuse(&id, "call", "noCalls", "this box carries no calls; write instead");
            }
            FromClient::Call { join: true, video } => {
                member.wanted = true;
                self.out.push_back(Output::Seat { id, video });
            }
            FromClient::Call { join: false, .. } => self.stand_up(&id, now),
            FromClient::Signal { signal } => {
                if member.peer.is_some() {
                    self.out.push_back(Output::Signal { id, signal });
                } else {
                    self.refuse(&id, "signal", "notInCall", "come into the call first");
                }
            }
            FromClient::Media { muted, screen } => {
                if (member.muted, member.screen) != (muted, screen) {
                    (member.muted, member.screen) = (muted, screen);
                    if member.peer.is_some() {
                        self.out.push_back(Output::Mute { id: id.clone(), muted });
                    }
                    self.changed(&id, now);
                }
            }
            FromClient::Chat { key, text } => self.out.push_back(Output::Write { id, key, text }),
            FromClient::Agree { on } => {
                self.wishes.insert(id.clone(), on);
                if !on {
                    // What is taken back ends at once, before it is written down.
                    member.agrees = false;
                    self.begin.agreed.remove(&id);
                    self.changed(&id, now);
                }
                self.out.push_back(Output::Agree { id, on });
            }
            FromClient::Record { on } => self.ask_recording(&id, on, now),
            FromClient::AgreeRecording { on } => self.agree_recording(&id, on, now),
            FromClient::Phone { on } if member.guest.part == Part::Doctor => self.phone = on,
            FromClient::Phone { .. } => {
                self.refuse(&id, "phone", "notTheirs", "the doctor says that you go on by phone");
            }
            FromClient::Leave {} => {
                self.out.push_back(Output::Close { link, code: Code::Away });
                self.remove(&id, Why::Left, now);
            }
        }
        self.follow(now);
    }

    /// A message of somebody was not taken.
    pub fn refuse(&mut self, id: &str, of: &str, code: &str, message: &str) {
        self.refuse_keyed(id, of, None, code, message);
    }

    /// The same with the key of the message.
    pub fn refuse_keyed(&mut self, id: &str, of: &str, key: Option<&str>, code: &str, message: &str) {
        let told = ToClient::Refused { of, key, code, message };
        self.tell(id, told.text(), false);
    }

    fn put_off(&mut self, id: &str, code: Code, now: Timestamp) {
        if let Some(link) = self.members.get(id).and_then(|member| member.link) {
            self.out.push_back(Output::Close { link, code });
            self.lost(link, now);
        }
    }

    /// The consultation moved. Who takes no longer part goes; at its end everybody does.
    pub fn moved(&mut self, standing: Standing, now: Timestamp) {
        if standing.revision <= self.begin.standing.revision {
            return;
        }
        self.begin.standing = standing.clone();
        self.announce(&Event::Standing { consultation: standing }, now);
        if !self.is_over() {
            let out: Vec<String> = self
                .members
                .values()
                .filter(|member| !member.guest.takes_part(&self.begin.standing))
                .map(|member| member.guest.id.clone())
                .collect();
            for id in out {
                self.show_out(&id, Code::Out, Why::Out, now);
            }
        }
        self.follow(now);
        if self.is_over() {
            for id in self.members.keys().cloned().collect::<Vec<_>>() {
                self.show_out(&id, Code::Over, Why::Left, now);
            }
        }
    }

    fn show_out(&mut self, id: &str, code: Code, why: Why, now: Timestamp) {
        if let Some(link) = self.members.get(id).and_then(|member| member.link) {
            self.out.push_back(Output::Close { link, code });
        }
        self.remove(id, why, now);
    }

    /// Somebody is in the call under this number.
    pub fn seated(&mut self, id: &str, peer: u32, fresh: bool, now: Timestamp) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.wanted) else {
            // He went meanwhile.
            return self.out.push_back(Output::Unseat { id: id.to_owned() });
        };
        member.peer = Some(peer);
        if fresh {
            member.up = false;
            // Another connection: what was kept of the one before has ended with it.
            self.recorder.taken.remove(id);
        }
        let muted = member.muted;
        self.tell(id, ToClient::Call { peer, fresh }.text(), false);
        if fresh && muted != Muted::default() {
            self.out.push_back(Output::Mute { id: id.to_owned(), muted });
        }
        self.changed(id, now);
        self.follow(now);
    }

    /// Media of somebody flow, or do not.
    pub fn flows(&mut self, id: &str, up: bool, now: Timestamp) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.up != up && member.peer.is_some())
        else {
            return;
        };
        member.up = up;
        self.changed(id, now);
        self.follow(now);
    }

    /// The call put somebody out.
    pub fn unseated(&mut self, id: &str, peer: u32, now: Timestamp) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.peer == Some(peer)) else {
            return;
        };
        (member.peer, member.up) = (None, false);
        self.changed(id, now);
        self.follow(now);
    }

    /// Something about the connection of somebody, for his browser.
    pub fn signal(&mut self, id: &str, signal: &serde_json::Value) {
        self.tell(id, ToClient::Signal { signal }.text(), false);
    }

    /// Words are written down.
    pub fn written(&mut self, message: ChatMessage, now: Timestamp) {
        self.begin.chats = self.begin.chats.max(message.no);
        self.announce(&Event::Chat { message }, now);
    }

    /// An agreement, or its end, is written down.
    pub fn agreed(&mut self, id: &str, on: bool, now: Timestamp) {
        // One that was taken back while it was being written down opens nothing.
        let on = on && self.wishes.get(id) != Some(&false);
        if on {
            self.begin.agreed.insert(id.to_owned());
        } else {
            self.begin.agreed.remove(id);
        }
        if let Some(member) = self.members.get_mut(id).filter(|member| member.agrees != on) {
            member.agrees = on;
            self.changed(id, now);
        }
        self.follow(now);
    }

    /// Whether the box can hear.
    pub fn ears(&mut self, ears: bool, now: Timestamp) {
        if self.begin.ears != ears {
            self.begin.ears = ears;
            self.follow(now);
        }
    }

    /// A caption. What comes of somebody who is not heard any more is dropped.
    pub fn caption(&mut self, caption: Caption, now: Timestamp) {
        match caption.state {
            CaptionState::Committed | CaptionState::Later => self.announce(&Event::Caption { caption }, now),
            CaptionState::Partial => {
                if self.tapped.contains(&caption.speaker) {
                    let message = ToClient::Caption { caption: &caption }.text();
                    self.tell_all(&message, true);
                }
            }
        }
    }

    /// How much is heard live.
    pub fn level(&mut self, level: &str) {
        let message = ToClient::Level { level }.text();
        self.tell_all(&message, true);
    }

    /// Time passed.
    pub fn tick(&mut self, now: Timestamp) {
        let over: Vec<String> = self
            .members
            .values()
            .filter(|member| member.kept_until().is_some_and(|until| until <= now))
            .map(|member| member.guest.id.clone())
            .collect();
        for id in over {
            self.remove(&id, Why::Lost, now);
        }
        self.follow(now);
    }

    /// When [`Room::tick`] has something to do next, if nothing else happens.
    pub fn wake(&self) -> Option<Timestamp> {
        self.members.values().filter_map(Member::kept_until).chain(self.contact.wake()).min()
    }

    fn stand_up(&mut self, id: &str, now: Timestamp) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.wanted = false;
        if member.peer.take().is_some() {
            member.up = false;
            self.out.push_back(Output::Unseat { id: id.to_owned() });
            self.changed(id, now);
        }
    }

    fn remove(&mut self, id: &str, why: Why, now: Timestamp) {
        let Some(member) = self.members.remove(id) else { return };
        if member.peer.is_some() {
            self.out.push_back(Output::Unseat { id: id.to_owned() });
        }
        self.announce(&Event::Left { id: id.to_owned(), why }, now);
        self.follow(now);
    }

    /// What follows from who is in: who is heard, and how they are in touch.
    fn follow(&mut self, now: Timestamp) {
        self.listen(now);
        self.record(now);
        let find = |part: Part| self.members.values().find(move |member| member.guest.part == part);
        let doctor = self.begin.standing.doctor.as_ref().and_then(|doctor| self.members.get(&doctor.id));
        let patient = find(Part::Patient);
        let here = |member: Option<&Member>| member.is_some_and(|member| member.link.is_some());
        let up = |member: Option<&Member>| member.is_some_and(|member| member.up);
        let sight = Sight {
            active: self.begin.standing.state == State::Active,
            in_person: self.begin.standing.mode == ask::Mode::InPerson,
            by_media: matches!(self.begin.standing.mode, ask::Mode::Video | ask::Mode::Audio),
            phone: self.phone,
            both_here: here(doctor) && here(patient),
            both_up: up(doctor) && up(patient),
            patient_seen: patient.is_some_and(|member| !member.muted.video),
            interrupted: self.begin.standing.interrupted.is_some(),
        };
        for follows in self.contact.look(sight, now) {
            match follows {
                Follows::Lost(lost) => self.out.push_back(Output::Lost(lost)),
                Follows::Mode(mode) => {
                    self.out.push_back(Output::Segment(mode));
                    self.announce(&Event::Mode { mode }, now);
                }
            }
        }
    }

    /// Whoever is in the call is heard, once everybody in it has agreed; nobody else and not otherwise.
    fn listen(&mut self, now: Timestamp) {
        let heard = self.heard();
        let active = self.begin.standing.state == State::Active;
        let seated = || self.members.values().filter(|member| member.peer.is_some());
        let wanted: BTreeSet<String> = match heard.open && active {
            true => seated().map(|member| member.guest.id.clone()).collect(),
            false => BTreeSet::new(),
        };
        for id in self.tapped.difference(&wanted) {
            self.out.push_back(Output::Ear { id: id.clone(), on: false });
        }
        for id in wanted.difference(&self.tapped) {
            self.out.push_back(Output::Ear { id: id.clone(), on: true });
        }
        self.tapped = wanted;
        if heard != self.told {
            self.told = heard.clone();
            self.announce(&Event::Consent { consent: heard }, now);
        }
    }

    /// Whether speech is heard, as shown.
    pub(super) fn heard(&self) -> Heard {
        let seated = || self.members.values().filter(|member| member.peer.is_some());
        let missing: Vec<String> =
            seated().filter(|member| !member.agrees).map(|member| member.guest.id.clone()).collect();
        let active = self.begin.standing.state == State::Active;
        let open = self.begin.ears && active && missing.is_empty() && seated().next().is_some();
        Heard { open, missing }
    }

    pub(super) fn changed(&mut self, id: &str, now: Timestamp) {
        if let Some(member) = self.members.get(id) {
            let person = member.person();
            self.announce(&Event::Person { person }, now);
        }
    }

    pub(super) fn announce(&mut self, event: &Event, now: Timestamp) {
        let message = self.log.push(event, now);
        self.tell_all(&message, false);
    }

    fn tell_all(&mut self, message: &Arc<str>, may_skip: bool) {
        let links = self.members.values().filter_map(|member| member.link);
        self.out.extend(links.map(|link| Output::Tell { link, message: message.clone(), may_skip }));
    }

    fn tell(&mut self, id: &str, message: Arc<str>, may_skip: bool) {
        if let Some(link) = self.members.get(id).and_then(|member| member.link) {
            self.out.push_back(Output::Tell { link, message, may_skip });
        }
    }
}
