//! Whose tracks go to whom, whole pictures when they are needed, and how much each sends.

use super::member::Sub;
use super::{Output, Refusal, Room};
use crate::engine::{Kind, PeerId, TrackId};
use crate::quality::Advice;
use std::time::Duration;

impl Room {
    /// The first packet of his sound or picture came: the others are offered it.
    pub fn track_opened(&mut self, id: PeerId, kind: Kind, now: Duration) {
        let new = self.members.get_mut(&id).is_some_and(|m| m.sends.insert(kind));
        if !new {
            return;
        }
        let track = TrackId { of: id, kind };
        let others: Vec<PeerId> = self.members.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            if self.subscribe(other, track) {
                self.negotiate(other, now);
            }
        }
    }

    /// Whether he wants the pictures of the others.
    pub fn receive_video(&mut self, id: PeerId, on: bool, now: Duration) -> Result<(), Refusal> {
        let member = self.spend(id, now)?;
        if member.wants.video == on {
            return Ok(());
        }
        member.wants.video = on;
        if on {
            self.subscribe_to_everything(id);
        } else {
            let pictures: Vec<TrackId> =
                member.subs.keys().copied().filter(|t| t.kind == Kind::Video).collect();
            member.subs.retain(|track, _| track.kind != Kind::Video);
            self.out.extend(pictures.into_iter().map(|track| Output::Unsubscribe { peer: id, track }));
        }
        self.negotiate(id, now);
        Ok(())
    }

    /// His decoder needs a whole picture of a track he watches.
    pub fn keyframe_wanted(&mut self, by: PeerId, track: TrackId, now: Duration) {
        let watches = self.members.get(&by).is_some_and(|m| m.subs.contains_key(&track));
        if watches {
            self.refresh_picture(track, now);
        }
    }

    /// Somebody who is not in the call needs a whole picture of his: a recording.
    pub fn picture_needed(&mut self, of: PeerId, now: Duration) {
        self.refresh_picture_of(of, now);
    }

    /// What somebody received of a track he watches.
    pub fn report(&mut self, by: PeerId, track: TrackId, lost: f32, now: Duration) {
        if by == track.of || !self.members.contains_key(&by) {
            return;
        }
        let Some(member) = self.members.get_mut(&track.of) else { return };
        let advice = member.quality.viewer(by, lost, now);
        self.advise(track.of, advice);
    }

    /// What the box received of what he sends.
    pub fn uplink(&mut self, id: PeerId, lost: f32, now: Duration) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let advice = member.quality.uplink(lost, now);
        self.advise(id, advice);
    }

    pub(super) fn cap_due(&mut self, id: PeerId, now: Duration) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let advice = member.quality.tick(now);
        self.advise(id, advice);
    }

    fn advise(&mut self, id: PeerId, advice: Option<Advice>) {
        match advice {
            Some(Advice::Cap(cap)) => self.out.push_back(Output::TellCap { to: id, cap }),
            Some(Advice::ViewerTooSlow(viewer))
                if self.members.get(&viewer).is_some_and(|m| m.wants.video) =>
            {
                self.out.push_back(Output::TellAudioOnly { to: viewer });
            }
            Some(Advice::ViewerTooSlow(_)) | None => {}
        }
    }

    /// He left: nobody is sent his tracks any more, and nobody's reports about them count.
    pub(super) fn forget_tracks_of(&mut self, id: PeerId, now: Duration) {
        let others: Vec<PeerId> = self.members.keys().copied().collect();
        for other in others {
            let Some(member) = self.members.get_mut(&other) else { continue };
            member.quality.forget(id);
            let gone: Vec<TrackId> = member.subs.keys().copied().filter(|t| t.of == id).collect();
            for track in &gone {
                member.subs.remove(track);
                self.out.push_back(Output::Unsubscribe { peer: other, track: *track });
            }
            if !gone.is_empty() {
                self.negotiate(other, now);
            }
        }
    }

    pub(super) fn subscribe_to_everything(&mut self, id: PeerId) {
        let tracks: Vec<TrackId> = self
            .members
            .iter()
            .filter(|(of, _)| **of != id)
            .flat_map(|(of, m)| m.sends.iter().map(|kind| TrackId { of: *of, kind: *kind }))
            .collect();
        for track in tracks {
            self.subscribe(id, track);
        }
    }

    /// Adds the track, if he wants its sort and has it not yet.
    fn subscribe(&mut self, id: PeerId, track: TrackId) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let wanted = track.kind == Kind::Audio || member.wants.video;
        if !wanted || member.subs.contains_key(&track) {
            return false;
        }
        member.subs.insert(track, Sub::New);
        self.out.push_back(Output::Subscribe { peer: id, track });
        true
    }

    /// Whole pictures of everything he watches.
    pub(super) fn refresh_pictures_for(&mut self, id: PeerId, now: Duration) {
        let Some(member) = self.members.get(&id) else { return };
        let flowing = |(track, state): (&TrackId, &Sub)| (*state == Sub::Flowing).then_some(*track);
        let tracks: Vec<TrackId> = member.subs.iter().filter_map(flowing).collect();
        for track in tracks {
            self.refresh_picture(track, now);
        }
    }

    /// A whole picture of his own.
    pub(super) fn refresh_picture_of(&mut self, id: PeerId, now: Duration) {
        self.refresh_picture(TrackId { of: id, kind: Kind::Video }, now);
    }

    pub(super) fn refresh_picture(&mut self, track: TrackId, now: Duration) {
        if track.kind == Kind::Audio {
            return;
        }
        let Some(member) = self.members.get_mut(&track.of).filter(|m| m.sends.contains(&Kind::Video)) else {
            return;
        };
        member.keyframe_wanted = true;
        self.keyframe_due(track.of, now);
    }

    /// Asks for a wanted picture, unless the last request is too fresh: then [`Room::tick`] does it later.
    pub(super) fn keyframe_due(&mut self, id: PeerId, now: Duration) {
        let limits = self.limits;
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.keyframe_at(&limits).is_some_and(|at| at <= now) {
            member.keyframe_wanted = false;
            member.keyframe_asked = Some(now);
            self.out.push_back(Output::AskKeyframe(id));
        }
    }
}
