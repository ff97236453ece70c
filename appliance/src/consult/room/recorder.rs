//! Whether sound and pictures of a room are kept: part of its rules. The doctor asks, everybody in the call agrees, each apart
//! from being heard, and only then it begins; whoever takes it back, comes in without having agreed, or ends the consultation
//! stops it at once (0212).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::protocol::{Event, Recorded};
use super::state::{Output, Room};
use crate::consult::state::State;

/// What a room knows of its recording.
#[derive(Debug, Default)]
pub struct Recorder {
    /// The doctor who wants it.
    asked: Option<String>,
    /// What each said last; it counts once it is written down.
    wishes: BTreeMap<String, bool>,
    /// Whose sound and pictures are kept.
    pub(super) taken: BTreeSet<String>,
    /// Who wanted what goes on now.
    on: Option<String>,
    told: Recorded,
}

impl Recorder {
    /// Whether somebody is recorded.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }
}

impl Room {
    /// The doctor whose consultation it is wants a recording, or no longer.
    pub(super) fn ask_recording(&mut self, id: &str, on: bool, now: Timestamp) {
        let theirs = self.begin.standing.doctor.as_ref().is_some_and(|doctor| doctor.id == id);
        if !theirs {
            let why = "only the doctor whose consultation it is can record it";
            return self.refuse(id, "record", "notTheirs", why);
        }
        if !on {
            self.recorder.asked = None;
            return;
        }
        if !self.begin.records {
            let why = "this clinic records no calls; the owner can allow it in the box's settings";
            return self.refuse(id, "record", "notAllowed", why);
        }
        self.recorder.asked = Some(id.to_owned());
        // To ask is to agree.
        let agrees = self.members.get(id).is_some_and(|member| member.agrees_recording);
        if !agrees {
            self.agree_recording(id, true, now);
        }
    }

    /// Somebody agrees to be recorded, or takes it back: then nobody is, until the doctor asks once more.
    pub(super) fn agree_recording(&mut self, id: &str, on: bool, now: Timestamp) {
        if on && !self.begin.records {
            return self.refuse(id, "agreeRecording", "notAllowed", "this clinic records no calls");
        }
        self.recorder.wishes.insert(id.to_owned(), on);
        if !on {
            // What is taken back ends at once, before it is written down.
            self.recorder.asked = None;
            self.begin.agreed_recording.remove(id);
            if let Some(member) = self.members.get_mut(id).filter(|member| member.agrees_recording) {
                member.agrees_recording = false;
                self.changed(id, now);
            }
        }
        self.out.push_back(Output::AgreeRecording { id: id.to_owned(), on });
    }

    /// An agreement to be recorded, or its end, is written down.
    pub fn agreed_recording(&mut self, id: &str, on: bool, now: Timestamp) {
        // One that was taken back while it was being written down opens nothing.
        let on = on && self.recorder.wishes.get(id) != Some(&false);
        if on {
            self.begin.agreed_recording.insert(id.to_owned());
        } else {
            self.begin.agreed_recording.remove(id);
        }
        if let Some(member) = self.members.get_mut(id).filter(|member| member.agrees_recording != on) {
            member.agrees_recording = on;
            self.changed(id, now);
        }
        self.record(now);
    }

    /// What was to be kept could not be: nobody is told that it is.
    pub fn recording_failed(&mut self, now: Timestamp) {
        if let Some(by) = self.recorder.asked.take() {
            let why =
                "the recording stopped because it could not be kept; free some space, then record again";
            self.refuse(&by, "record", "failed", why);
        }
        self.record(now);
    }

    /// What follows for the recording from who is in and who agreed.
    pub(super) fn record(&mut self, now: Timestamp) {
        let doctor = self.begin.standing.doctor.as_ref().map(|doctor| doctor.id.as_str());
        if self.recorder.asked.as_deref() != doctor {
            // Another doctor has it now, and asks anew.
            self.recorder.asked = None;
        }
        let recorded = self.recorded();
        let seated = || self.members.values().filter(|member| member.peer.is_some());
        let wanted: BTreeSet<String> = match recorded.open {
            true => seated().map(|member| member.guest.id.clone()).collect(),
            false => BTreeSet::new(),
        };
        let off = self.recorder.taken.difference(&wanted).map(|id| (id.clone(), false));
        let on = wanted.difference(&self.recorder.taken).map(|id| (id.clone(), true));
        let turns: Vec<(String, bool)> = off.chain(on).collect();
        self.recorder.taken = wanted;
        let by = if recorded.open { self.recorder.asked.clone() } else { None };
        if by != self.recorder.on {
            let before = std::mem::replace(&mut self.recorder.on, by.clone());
            self.out.extend(before.map(|by| Output::Recording { by, on: false }));
            self.out.extend(by.map(|by| Output::Recording { by, on: true }));
        }
        self.out.extend(turns.into_iter().map(|(id, on)| Output::Reel { id, on }));
        if recorded != self.recorder.told {
            self.recorder.told = recorded.clone();
            self.announce(&Event::Recording { recording: recorded }, now);
        }
    }

    /// Whether sound and pictures are kept, as shown. Only while the doctor who asked for it is in the call.
    pub(super) fn recorded(&self) -> Recorded {
        let seated = || self.members.values().filter(|member| member.peer.is_some());
        let Some(by) = self.recorder.asked.as_deref() else { return Recorded::default() };
        let missing: Vec<String> = seated()
            .filter(|member| !member.agrees_recording)
            .map(|member| member.guest.id.clone())
            .collect();
        let active = self.begin.standing.state == State::Active;
        let there = seated().any(|member| member.guest.id == by);
        let open = self.begin.records && active && there && missing.is_empty();
        Recorded { asked: true, open, missing }
    }
}
