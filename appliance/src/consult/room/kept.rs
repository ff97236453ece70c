//! What of a room is kept: how many messages were written, who agreed to being heard or recorded, in which ways they were in
//! touch. The messages and the agreements themselves are FHIR records; here are their numbers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::protocol::Mode;
use crate::collections::ROOMS;
use crate::consult::kept::{Docs, Within};
use crate::records::error::Error;
use crate::records::unit::Work;

/// Ways of being in touch that are kept one by one; in a consultation that goes on changing, the rest is one.
pub const MOST_SEGMENTS: usize = 500;

/// Messages of one consultation.
const MOST_MESSAGES: u64 = 5_000;

/// They were in touch in one way for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ModeSegment)]
pub struct Segment {
    /// How.
    pub mode: Mode,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Until when; none while they are.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// Somebody agreed to being heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// And has not taken it back.
    pub on: bool,
    /// Number of the Consent.
    pub no: u64,
    /// When.
    pub at: Timestamp,
}

/// What of a room is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Chat messages.
    pub chats: u64,
    /// Consents.
    pub consents: u64,
    /// By whom.
    pub agreed: BTreeMap<String, Agreement>,
    /// Who agreed to sound and pictures being kept.
    pub agreed_recording: BTreeMap<String, Agreement>,
    /// Oldest first.
    pub segments: Vec<Segment>,
}

/// What somebody agrees to. Each is asked for apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Being heard by the transcriber.
    Speech,
    /// Sound and pictures being kept.
    Recording,
}

impl Kept {
    /// Who agreed to this.
    pub fn agreements(&mut self, to: Matter) -> &mut BTreeMap<String, Agreement> {
        match to {
            Matter::Speech => &mut self.agreed,
            Matter::Recording => &mut self.agreed_recording,
        }
    }

    /// That of a consultation; empty before anybody was in its room.
    pub(crate) fn of(reader: &impl Docs, consultation: &str) -> Result<Kept, Error> {
        match reader.doc(ROOMS, consultation.as_bytes())? {
            None => Ok(Kept::default()),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| Error::Damaged("what is kept of a room".to_owned())),
        }
    }

    /// The number of the next message of the chat, which is counted now.
    pub(crate) fn next_chat(work: &mut Work<'_, '_>, consultation: &str) -> Result<u64, Error> {
        let mut kept = Kept::of(&Within(work), consultation)?;
        if kept.chats >= MOST_MESSAGES {
            return Err(Error::TooMuch(format!("a consultation has at most {MOST_MESSAGES} messages")));
        }
        kept.chats += 1;
        kept.put(work, consultation)?;
        Ok(kept.chats)
    }

    /// Lays it down.
    pub(crate) fn put(&self, work: &mut Work<'_, '_>, consultation: &str) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Fault(error.to_string()))?;
        Ok(work.unit().doc_put(ROOMS, consultation.as_bytes(), &bytes)?)
    }

    /// They are in touch in another way from now on.
    pub fn turn(&mut self, mode: Option<Mode>, now: Timestamp) {
        if let Some(last) = self.segments.last_mut().filter(|last| last.until.is_none()) {
            if Some(last.mode) == mode {
                return;
            }
            last.until = Some(now);
        }
        if let Some(mode) = mode
            && self.segments.len() < MOST_SEGMENTS
        {
            self.segments.push(Segment { mode, since: now, until: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_ends_where_the_next_begins() {
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        let mut kept = Kept::default();
        kept.turn(None, at(0));
        kept.turn(Some(Mode::Video), at(1));
        kept.turn(Some(Mode::Video), at(2));
        kept.turn(Some(Mode::Phone), at(3));
        kept.turn(None, at(4));
        kept.turn(Some(Mode::Video), at(5));
        let seen: Vec<_> = kept.segments.iter().map(|s| (s.mode, s.since, s.until)).collect();
        assert_eq!(
            seen,
            [
                (Mode::Video, at(1), Some(at(3))),
                (Mode::Phone, at(3), Some(at(4))),
                (Mode::Video, at(5), None)
            ]
        );
        for n in 0..2000 {
            kept.turn(Some([Mode::Audio, Mode::Chat][n % 2]), at(6));
        }
        assert_eq!(kept.segments.len(), MOST_SEGMENTS);
    }
}
