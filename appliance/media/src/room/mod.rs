//! The room: who is in, whose tracks go to whom, and how far each connection's negotiation has come. No sockets, no
//! clock: events and `now` (time since the call began) go in, [`Output`]s come out and are to be performed in order.
//!
//! Rules that hold after every step (the property test in `model.rs` checks them):
//! - at most [`Limits::people`] are in; nobody is sent his own tracks;
//! - each connection has at most one offer outstanding; what changes meanwhile waits behind a dirty flag;
//! - a track flows to somebody only after the offer that carried it was answered.

mod limits;
mod member;
#[cfg(test)]
mod model;
mod negotiation;
mod output;
mod tracks;

pub use limits::{Limits, Refusal};
pub use output::{Muted, Output, Wants, Why};

use crate::engine::{Link, PeerId};
use crate::signal::Seat;
use member::Member;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The state of one call's media.
#[derive(Debug)]
pub struct Room {
    members: BTreeMap<PeerId, Member>,
    next: u32,
    out: VecDeque<Output>,
    limits: Limits,
}

impl Room {
    /// An empty room.
    pub fn new(limits: Limits) -> Room {
        Room { members: BTreeMap::new(), next: 1, out: VecDeque::new(), limits }
    }

    /// What is to be done next. Performed in order, one after the other.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Who is in.
    pub fn seats(&self) -> impl Iterator<Item = Seat> + '_ {
        self.members.iter().map(|(id, m)| Seat { who: *id, muted: m.muted })
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Somebody comes in. Refused when the room is full.
    pub fn join(&mut self, wants: Wants, now: Duration) -> Result<PeerId, Refusal> {
        if self.members.len() >= self.limits.people {
            return Err(Refusal::Full { people: self.limits.people });
        }
        let id = PeerId(self.next);
        self.next += 1;
        self.members.insert(id, Member::new(wants, now, &self.limits));
        self.out.push_back(Output::Open(id));
        let seat = Seat { who: id, muted: Muted::default() };
        self.tell_others(id, |to| Output::TellJoined { to, seat });
        self.subscribe_to_everything(id);
        self.negotiate(id, now);
        Ok(id)
    }

    /// Somebody goes, or is put out. Nothing happens if he is not in.
    pub fn leave(&mut self, id: PeerId, why: Why, now: Duration) {
        if self.members.remove(&id).is_none() {
            return;
        }
        self.out.push_back(Output::Close { peer: id, why });
        self.tell_others(id, |to| Output::TellLeft { to, who: id, why });
        self.forget_tracks_of(id, now);
    }

    /// He has switched sound or picture off or on. Told to the others; whether packets still come is up to his browser.
    pub fn mute(&mut self, id: PeerId, muted: Muted, now: Duration) -> Result<(), Refusal> {
        let member = self.spend(id, now)?;
        if member.muted != muted {
            member.muted = muted;
            self.tell_others(id, |to| Output::TellMuted { to, who: id, muted });
        }
        Ok(())
    }

    /// His connection changed its state.
    pub fn link(&mut self, id: PeerId, link: Link, now: Duration) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let was_up = member.up_since.is_some();
        match link {
            Link::Connecting => {}
            Link::Up if was_up => {}
            Link::Up => {
                let again = member.broken_since.take().is_some();
                member.up_since = Some(now);
                // Asked before, a whole picture would have come too early to arrive (nothing is sent before this).
                self.refresh_pictures_for(id, now);
                if again {
                    // The gap of a restart is never made up for: without a whole picture his viewers freeze.
                    self.refresh_picture_of(id, now);
                }
            }
            Link::Disconnected | Link::Failed => {
                member.up_since = None;
                member.broken_since.get_or_insert(now);
                member.restart = true;
                self.negotiate(id, now);
            }
            Link::Closed => self.leave(id, Why::Lost, now),
        }
    }

    /// Time passes: what was waiting for it happens. Call at [`Room::wake`], or whenever convenient.
    pub fn tick(&mut self, now: Duration) {
        let ids: Vec<PeerId> = self.members.keys().copied().collect();
        for id in ids {
            let Some(member) = self.members.get(&id) else { continue };
            if let Some(why) = member.overdue(now, &self.limits) {
                self.leave(id, why, now);
                continue;
            }
            if member.restart_due(now, &self.limits) {
                if let Some(member) = self.members.get_mut(&id) {
                    member.restart = true;
                }
                self.negotiate(id, now);
            }
            self.keyframe_due(id, now);
            self.cap_due(id, now);
        }
    }

    /// When [`Room::tick`] has something to do next, if nothing else happens.
    pub fn wake(&self) -> Option<Duration> {
        self.members.values().filter_map(|m| m.wake(&self.limits)).min()
    }

    fn tell_others(&mut self, about: PeerId, say: impl Fn(PeerId) -> Output) {
        let others = self.members.keys().copied().filter(|to| *to != about);
        self.out.extend(others.map(say));
    }
}
