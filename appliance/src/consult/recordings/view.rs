//! Who sees and plays which recording, and who deletes it.
//!
//! The doctors of a consultation play its recordings: the rule of transcripts. The owner sees that they are there, and may delete
//! one with a reason. The patient sees that they are there. Each look is an audit line.

use std::sync::Arc;

use bytes::Bytes;
use clinicvault_vault::{Action, BlobId, BlobReader};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::kept::{self, Deleted, Person, Recording, State};
use crate::consult::Consult;
use crate::consult::carry::{conflict, line};
use crate::consult::desk::{hears, patient};
use crate::consult::kept::{Docs, Row, Within};
use crate::consult::room::kept::{Kept, Segment};
use crate::records::access::{Actor, Purpose, Refusal, Role};
use crate::records::audit::{self, About};
use crate::records::error::Error;

/// Requests for parts of one recording within this time are one play.
const ONE_PLAY: SignedDuration = SignedDuration::from_mins(10);
/// Plays that are remembered for that.
const MOST_PLAYS: usize = 1_000;
/// Longest reason, in characters.
const LONGEST: usize = 500;

/// A recording as its doctors and the owner see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Recording)]
pub struct RecordingView {
    /// Its id.
    id: String,
    /// Who is seen and heard.
    person: Person,
    /// The doctor who asked for it.
    operator: String,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    began: Timestamp,
    /// How long it plays, milliseconds.
    lasts_ms: u64,
    /// Bytes.
    bytes: u64,
    /// It has pictures.
    pictures: bool,
    /// In which ways they were in touch meanwhile, the oldest first.
    modes: Vec<Segment>,
    /// How far it is.
    state: State,
    /// Packets that never came.
    lost: u64,
    /// Who deleted it.
    deleted: Option<Deleted>,
}

/// A recording as the patient sees it: that it is there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnRecording {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    began: Timestamp,
    /// How long it plays, milliseconds.
    lasts_ms: u64,
    /// It has pictures.
    pictures: bool,
    /// Who is seen and heard.
    person: String,
    /// It was deleted.
    deleted: bool,
}

/// A recording to be played: its length and where its bytes are.
pub struct Playable {
    room: Consult,
    row: Recording,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Consult {
    /// The recordings of a consultation. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for everybody but its doctors and the owner.
    pub fn recordings_of(&self, who: &Actor, id: &str) -> Result<Vec<RecordingView>, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        if !who.roles().contains(&Role::Owner) {
            hears(who, &row.course)?;
        }
        let segments = Kept::of(&snapshot, id)?.segments;
        let all = kept::of(&snapshot, id)?;
        self.note_recordings(who, &row, &format!("recordings of {id}"))?;
        Ok(all.into_iter().map(|one| shown(one, &segments)).collect())
    }

    /// The recordings of an own consultation. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] also for another patient's.
    pub fn own_recordings(&self, who: &Actor, id: &str) -> Result<Vec<OwnRecording>, Error> {
        let missing = || Error::NotFound("this consultation".to_owned());
        let own = patient(who).ok_or_else(missing)?;
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        if row.patient != own.as_str() {
            return Err(missing());
        }
        let all = kept::of(&snapshot, id)?;
        self.note_recordings(who, &row, &format!("recordings of {id}"))?;
        let own = |one: Recording| OwnRecording {
            began: one.began,
            lasts_ms: one.lasts_ms,
            pictures: one.pictures,
            person: one.person.name,
            deleted: one.state == State::Deleted,
        };
        Ok(all.into_iter().map(own).collect())
    }

    /// A recording to be played. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for everybody but the doctors; [`Error::Conflict`] while it is made.
    pub fn play(&self, who: &Actor, id: &str, recording: &str) -> Result<Playable, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        hears(who, &row.course)?;
        let one = kept::one(&snapshot, id, recording)?;
        match one.state {
            State::Whole | State::Cut => {}
            State::Growing => {
                return Err(conflict("the recording goes on; it can be played once it is over"));
            }
            State::Deleted => return Err(Error::NotFound(format!("recording {recording}; it was deleted"))),
        }
        let (head, tail) = kept::ends(&snapshot, &one)?;
        if self.is_new_play(who, recording) {
            self.note_recordings(who, &row, &format!("recording {recording} is played"))?;
        }
        Ok(Playable { room: self.clone(), row: one, head, tail })
    }

    /// Deletes a recording; that it was there, and who deleted it why, stays. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but the owner; [`Error::NotFound`]; [`Error::Conflict`] while it is made, when it was
    /// deleted before, and without a reason.
    pub fn delete_recording(
        &self,
        who: &Actor,
        id: &str,
        recording: &str,
        reason: &str,
    ) -> Result<(), Error> {
        if !who.roles().contains(&Role::Owner) {
            return Err(Error::Refused(Refusal::NoGrant));
        }
        let reason = reason.trim().to_owned();
        if reason.is_empty() || reason.chars().count() > LONGEST || reason.chars().any(char::is_control) {
            return Err(conflict("say in 1 to 500 plain characters why it is deleted"));
        }
        let (room, id, recording) = (self.clone(), id.to_owned(), recording.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            let mut one = kept::one(&Within(work), &id, &recording)?;
            match one.state {
                State::Whole | State::Cut => {}
                State::Growing => return Err(conflict("the recording goes on; end it first")),
                State::Deleted => return Err(conflict("it was deleted before")),
            }
            let (by, name) = (work.who().id.clone(), work.who().name.clone());
            one.deleted = Some(Deleted { by, name, at: work.now(), reason: reason.clone() });
            one.state = State::Deleted;
            let said = format!("recording {recording} is deleted: {reason}");
            work.audit(line(work.who(), Some(&row.patient), Purpose::Operations, &said))?;
            kept::put(work, &one)?;
            room.put(work, kept::media(&row, &one), &one.id, Purpose::Operations)?;
            Ok(one.blob)
        });
        let blob = done?.0;
        if let Some(blob) = BlobId::parse(&blob) {
            self.forget_blob(&blob);
        }
        Ok(())
    }

    fn is_new_play(&self, who: &Actor, recording: &str) -> bool {
        let now = self.records().now();
        let mut played = self.recordings().played.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        played.retain(|_, at| now.duration_since(*at) < ONE_PLAY);
        let key = (who.id.clone(), recording.to_owned());
        if played.contains_key(&key) {
            return false;
        }
        if played.len() < MOST_PLAYS {
            played.insert(key, now);
        }
        true
    }

    fn note_recordings(&self, who: &Actor, row: &Row, said: &str) -> Result<(), Error> {
        let about = About { object: None, patient: Some(&row.patient) };
        let mut leaf = audit::done(who, Action::Read, Purpose::Treatment, about);
        leaf.reason = Some(said.to_owned());
        Ok(self.records().vault().note(leaf)?)
    }
}

fn shown(one: Recording, segments: &[Segment]) -> RecordingView {
    let lasts = SignedDuration::from_millis(i64::try_from(one.lasts_ms).unwrap_or(i64::MAX / 2));
    let end = one.began.checked_add(lasts).unwrap_or(Timestamp::MAX);
    let overlaps =
        |segment: &&Segment| segment.since <= end && segment.until.is_none_or(|until| until >= one.began);
    RecordingView {
        modes: segments.iter().filter(overlaps).cloned().collect(),
        bytes: one.length(),
        id: one.id,
        person: one.person,
        operator: one.operator.1,
        began: one.began,
        lasts_ms: one.lasts_ms,
        pictures: one.pictures,
        state: one.state,
        lost: one.lost,
        deleted: one.deleted,
    }
}

impl Playable {
    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.row.length()
    }

    /// What browsers are told that it is.
    pub fn content_type(&self) -> &'static str {
        kept::content_type(self.row.pictures)
    }

    /// A name of this content: it never changes.
    pub fn tag(&self) -> String {
        format!("\"{}\"", self.row.id)
    }

    /// Gives the bytes from `from` to before `to`, until `give` answers false. Blocking.
    ///
    /// # Errors
    /// When the content cannot be read to there.
    pub fn pour(&self, from: u64, to: u64, mut give: impl FnMut(Bytes) -> bool) -> Result<(), Error> {
        let mut pour = Pour { from, to: to.min(self.length()), at: 0, give: &mut give };
        // The head as the closed file has it stands in place of the one it was begun with.
        if !pour.take(&self.head) {
            return Ok(());
        }
        if pour.to > pour.at && pour.from < self.row.bytes {
            let mut blob = self.open()?;
            let skipped = blob.skip_within(u64::MAX).map_err(read)?;
            if skipped != Some(self.head.len()) {
                return Err(Error::Damaged("a recording".to_owned()));
            }
            while pour.at < self.row.bytes && pour.at < pour.to {
                if let Some(length) = blob.skip_within(pour.from.saturating_sub(pour.at)).map_err(read)? {
                    pour.at += length as u64;
                    continue;
                }
                let Some(chunk) = blob.chunk().map_err(read)? else { break };
                if !pour.take(&chunk) {
                    return Ok(());
                }
            }
            if pour.at < self.row.bytes.min(pour.to) {
                return Err(Error::Damaged("a recording".to_owned()));
            }
        }
        pour.at = pour.at.max(self.row.bytes);
        pour.take(&self.tail);
        Ok(())
    }

    fn open(&self) -> Result<BlobReader, Error> {
        let id = BlobId::parse(&self.row.blob).ok_or_else(|| Error::Damaged("a recording".to_owned()))?;
        self.room.records().vault().blob(&self.row.patient, &id).map_err(read)
    }
}

fn read(error: clinicvault_vault::BlobError) -> Error {
    Error::Damaged(format!("a recording: {error}"))
}

/// Where the pouring stands.
struct Pour<'a> {
    from: u64,
    to: u64,
    at: u64,
    give: &'a mut dyn FnMut(Bytes) -> bool,
}

impl Pour<'_> {
    /// Passes over the next bytes, or gives what of them is wanted. False when nothing more is.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let length = bytes.len() as u64;
        let first = self.from.saturating_sub(self.at).min(length);
        let last = self.to.saturating_sub(self.at).min(length);
        self.at += length;
        if first < last {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let part = bytes.get(place(first)..place(last)).unwrap_or_default();
            if !(self.give)(Bytes::copy_from_slice(part)) {
                return false;
            }
        }
        self.at < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_part_is_the_part_of_the_whole(parts in prop::collection::vec(1usize..50, 1..20), from in 0u64..600, many in 0u64..600) {
            let whole: Vec<u8> = (0..parts.iter().sum::<usize>()).map(|n| n as u8).collect();
            let to = (from + many).min(whole.len() as u64);
            let mut got = Vec::new();
            let mut give = |bytes: Bytes| { got.extend_from_slice(&bytes); true };
            let mut pour = Pour { from, to, at: 0, give: &mut give };
            let mut rest = whole.as_slice();
            for part in parts {
                let (now, later) = rest.split_at(part);
                rest = later;
                if !pour.take(now) { break; }
            }
            let first = (from as usize).min(whole.len());
            prop_assert_eq!(got, &whole[first..(to as usize).max(first)]);
        }
    }
}
