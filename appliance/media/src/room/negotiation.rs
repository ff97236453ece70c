//! Offers, answers and addresses of one connection after the other.

use super::member::{Outstanding, Sub};
use super::{Output, Refusal, Room};
use crate::engine::PeerId;
use crate::signal::Candidate;
use std::time::Duration;

impl Room {
    /// Something about his connection changed: offers it now, or after the answer that is awaited.
    pub(super) fn negotiate(&mut self, id: PeerId, now: Duration) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.dirty = true;
        if member.offer.is_some() {
            return;
        }
        member.dirty = false;
        member.offers += 1;
        let n = member.offers;
        let restart = std::mem::take(&mut member.restart) && member.answered;
        if restart {
            member.restarted = Some(now);
            member.candidates = 0;
        }
        member.offer = Some(Outstanding { n, since: now, restart });
        for state in member.subs.values_mut().filter(|s| **s == Sub::New) {
            *state = Sub::Offered(n);
        }
        self.out.push_back(Output::Offer { peer: id, n, restart });
    }

    /// The browser answered. Refused when it is too long, no description, or not the answer that is awaited.
    pub fn answer(&mut self, id: PeerId, n: u32, sdp: String, now: Duration) -> Result<(), Refusal> {
        let limits = self.limits;
        let member = self.spend(id, now)?;
        if sdp.len() > limits.sdp {
            return Err(Refusal::TooLong { length: sdp.len(), most: limits.sdp });
        }
        if !sdp.starts_with("v=0") {
            return Err(Refusal::Malformed { what: "description" });
        }
        if member.offer.is_none_or(|o| o.n != n) {
            return Err(Refusal::Stale { n });
        }
        member.offer = None;
        member.answered = true;
        let held = std::mem::take(&mut member.held);
        let mut flowing = Vec::new();
        for (track, state) in &mut member.subs {
            if *state == Sub::Offered(n) {
                *state = Sub::Flowing;
                flowing.push(*track);
            }
        }
        let (up, again) = (member.up_since.is_some(), member.dirty || member.restart);
        self.out.push_back(Output::Answer { peer: id, sdp });
        self.out.extend(held.into_iter().map(|candidate| Output::Candidate { peer: id, candidate }));
        self.out.extend(flowing.iter().map(|track| Output::Flow { peer: id, track: *track }));
        if up {
            for track in flowing {
                self.refresh_picture(track, now);
            }
        }
        if again {
            self.negotiate(id, now);
        }
        Ok(())
    }

    /// One of the browser's addresses. Those of a description that is not applied yet wait for it.
    pub fn candidate(&mut self, id: PeerId, candidate: Candidate, now: Duration) -> Result<(), Refusal> {
        let limits = self.limits;
        let member = self.spend(id, now)?;
        let text =
            [Some(&candidate.candidate), candidate.sdp_mid.as_ref(), candidate.username_fragment.as_ref()];
        if text.into_iter().flatten().any(|t| t.len() > limits.candidate || !t.bytes().all(printable)) {
            return Err(Refusal::Malformed { what: "address" });
        }
        let line = candidate.candidate.as_str();
        if !line.is_empty() && !line.starts_with("candidate:") {
            return Err(Refusal::Malformed { what: "address" });
        }
        if member.candidates >= limits.candidates {
            return Err(Refusal::TooMany { most: limits.candidates });
        }
        member.candidates += 1;
        if line.is_empty() {
            return Ok(()); // the end of a generation: nothing to apply
        }
        if member.must_hold() {
            member.held.push(candidate);
        } else {
            self.out.push_back(Output::Candidate { peer: id, candidate });
        }
        Ok(())
    }

    /// The browser sees its connection broken.
    pub fn restart(&mut self, id: PeerId, now: Duration) -> Result<(), Refusal> {
        let limits = self.limits;
        let member = self.spend(id, now)?;
        // A second wish within the time a restart gets is the same wish.
        if member.answered && member.restarted.is_none_or(|at| at + limits.restart <= now) {
            member.restart = true;
            self.negotiate(id, now);
        }
        Ok(())
    }

    /// The browser lost what it was sent: the outstanding offer goes out once more.
    pub fn resume(&mut self, id: PeerId, now: Duration) -> Result<(), Refusal> {
        let member = self.spend(id, now)?;
        if let Some(offer) = &mut member.offer {
            offer.since = now;
            let n = offer.n;
            self.out.push_back(Output::OfferAgain { peer: id, n });
        }
        Ok(())
    }

    /// Every message costs; a flood is refused.
    pub(super) fn spend(&mut self, id: PeerId, now: Duration) -> Result<&mut super::Member, Refusal> {
        let per_second = self.limits.per_second;
        let member = self.members.get_mut(&id).ok_or(Refusal::NotHere)?;
        if member.bucket.take(now) { Ok(member) } else { Err(Refusal::TooFast { per_second }) }
    }
}

fn printable(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}
