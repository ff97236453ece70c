//! What people ask of a room besides being in it: a ticket, what was written, and what the room writes down for them, each in
//! one unit of work.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Kind, Snapshot};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ears::Part;
use super::kept::{Agreement, Kept, Matter, Segment};
use super::member::Guest;
use super::protocol::{ChatMessage, LONGEST_CHAT, Mode, Offered, Standing};
use super::record;
use super::ticket::{LASTS, Ticket};
use crate::admin::secret;
use crate::clinic::identity::Identity;
use crate::consult::Consult;
use crate::consult::carry::{conflict, line};
use crate::consult::desk::patient;
use crate::consult::kept::{Docs, Row, Within};
use crate::consult::state::State;
use crate::consult::view::Doctor;
use crate::records::access::{Actor, Op, Purpose, Refusal, Role, Subject, decide};
use crate::records::error::Error;
use crate::records::unit::Work;

/// Messages of one answer.
const AT_ONCE: u64 = 100;
/// A message may be sent again for this long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What was written in a consultation.
#[derive(Debug)]
pub struct Written {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
    /// There is more.
    pub more: bool,
}

/// What is remembered of a message, so that it is written once.
#[derive(Serialize, Deserialize)]
struct Known {
    print: [u8; 32],
    no: u64,
}

/// Who is to be in the room: the patient, the doctor who has it or is asked to take it, a nurse who looks after the patient.
pub(in crate::consult) fn takes_part(who: &Actor, row: &Row) -> Result<Part, Error> {
    let not_theirs = Err(Error::Refused(Refusal::NotTheirs));
    if let Some(own) = patient(who) {
        // Another patient's matter is not there for this one.
        let missing = || Error::NotFound("this consultation".to_owned());
        return (own.as_str() == row.patient).then_some(Part::Patient).ok_or_else(missing);
    }
    let course = &row.course;
    let theirs = course.doctor.as_deref() == Some(who.id.as_str())
        || course.offer.as_ref().is_some_and(|offer| offer.to == who.id);
    if theirs && who.roles().contains(&Role::Doctor) {
        return Ok(Part::Doctor);
    }
    // Whoever is in the waiting room or with the doctor is in the clinic's hands.
    if who.roles().contains(&Role::Nurse) {
        return Ok(Part::Staff);
    }
    not_theirs
}

pub(in crate::consult) fn is_open(row: &Row) -> Result<(), Error> {
    match row.course.state {
        State::Waiting | State::Active => Ok(()),
        State::Requested | State::PendingPayment => {
            Err(conflict("the room opens once the consultation waits for the doctor"))
        }
        State::Completed | State::Cancelled | State::NoShow => Err(conflict("the consultation is over")),
    }
}

impl Consult {
    /// A ticket for the room of a consultation, and until when it counts. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Conflict`] when the room is not open.
    pub fn ticket(
        &self,
        who: &Actor,
        id: &str,
        device: &str,
    ) -> Result<(zeroize::Zeroizing<String>, Timestamp), Error> {
        let row = self.records().vault().snapshot()?.row(id)?;
        takes_part(who, &row)?;
        is_open(&row)?;
        let Some(session) = who.session else { return Err(Error::Refused(Refusal::OutsideScope)) };
        let (text, hash) =
            secret::fresh().map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
        let now = self.records().now();
        let expires = now.checked_add(LASTS).unwrap_or(Timestamp::MAX);
        let ticket = Ticket {
            who: who.clone(),
            session,
            consultation: id.to_owned(),
            device: device.to_owned(),
            expires,
        };
        if !self.rooms().keep_ticket(hash, ticket, now) {
            return Err(Error::Busy);
        }
        self.note_read(who, &row)?;
        Ok((text, expires))
    }

    /// Who somebody is in the room of a consultation. Blocking.
    pub(in crate::consult) fn guest(&self, who: &Actor, id: &str, device: &str) -> Result<Guest, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        let part = takes_part(who, &row)?;
        let (id, name, account) = match patient(who) {
            Some(own) => {
                let json = self.patient_json(&snapshot, own.as_str())?;
                (own.as_str().to_owned(), json.map(|json| Identity::of(&json).name).unwrap_or_default(), None)
            }
            None => (who.id.clone(), who.name.clone(), snapshot.account(&who.id)?),
        };
        let account = account.filter(|_| part == Part::Doctor);
        let (qualification, registration) =
            account.map_or((None, None), |account| (account.qualification, account.registration));
        Ok(Guest { id, name, part, qualification, registration, device: device.to_owned() })
    }

    /// Where a consultation stands, for its room.
    pub(super) fn standing(&self, snapshot: &Snapshot, row: &Row) -> Result<Standing, Error> {
        let course = &row.course;
        let doctor = match &course.doctor {
            None => None,
            Some(id) => snapshot.account(id)?.map(|account| Doctor {
                id: id.clone(),
                name: account.name,
                qualification: account.qualification,
                registration: account.registration,
            }),
        };
        let transfer = match &course.offer {
            None => None,
            Some(offer) => Some(Offered { to: offer.to.clone(), to_name: snapshot.name(&offer.to)? }),
        };
        Ok(Standing {
            id: row.id.clone(),
            state: course.state,
            since: course.since(),
            revision: row.revision,
            mode: course.ask.mode,
            interrupted: course.interrupted,
            grace_until: course.grace_until(self.rules()),
            doctor,
            transfer,
            identity: course.identity.is_some(),
            consent: course.consent.is_some(),
        })
    }

    /// What was written after message `after`. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn chat(&self, who: &Actor, id: &str, after: u64) -> Result<Written, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        let in_care = !row.course.state.is_over();
        match patient(who) {
            Some(_) => takes_part(who, &row).map(|_| ())?,
            None => {
                let kind = ResourceType::COMMUNICATION.as_str();
                decide(who, Op::Read, &Subject::of_type(kind, false).in_care(in_care)).check()?;
            }
        }
        let kept = Kept::of(&snapshot, id)?;
        let last = kept.chats.min(after.saturating_add(AT_ONCE));
        let sight = self.records().sight(who)?;
        let mut messages = Vec::new();
        for no in after.saturating_add(1)..=last {
            let kind = Kind(ResourceType::COMMUNICATION.number());
            let Some(head) = snapshot.head(kind, &record::id_of(id, no))?.filter(|head| !head.deleted) else {
                continue;
            };
            let look = sight.look(Op::Read, ResourceType::COMMUNICATION);
            // What the patient's consent withholds from a program or person is left out.
            if patient(who).is_none() && look.looks_inside() && !look.stored(&snapshot, &head)?.allowed() {
                continue;
            }
            let limits = clinicvault_gateway::json::Limits::bytes(usize::MAX);
            let json = clinicvault_gateway::json::parse(&snapshot.body(&head)?, &limits);
            let damaged = || Error::Damaged(format!("Communication record {}", head.rid.0));
            let json = json.map_err(|_| damaged())?;
            messages.push(record::message(&row, no, &json).ok_or_else(damaged)?);
        }
        self.note_read(who, &row)?;
        Ok(Written { messages, more: last < kept.chats })
    }

    /// How doctor and patient were in touch, the oldest first. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn segments(&self, id: &str) -> Result<Vec<Segment>, Error> {
        Ok(Kept::of(&self.records().vault().snapshot()?, id)?.segments)
    }

    /// Writes a message down. None when it was written before. Blocking.
    pub(super) fn write(
        &self,
        who: &Actor,
        guest: &Guest,
        id: &str,
        key: &str,
        words: &str,
    ) -> Result<Option<ChatMessage>, Error> {
        let (room, guest, id) = (self.clone(), guest.clone(), id.to_owned());
        let (key, words) = (key.to_owned(), words.trim().to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            is_open(&row)?;
            let part = takes_part(work.who(), &row)?;
            let scope = scope(&id, &guest.id, &key);
            let print: [u8; 32] = Sha256::digest(words.as_bytes()).into();
            if let Some(answer) = work.unit().recall(&scope)? {
                let known: Known = serde_json::from_slice(&answer)
                    .map_err(|_| Error::Damaged("what is remembered of a message".to_owned()))?;
                if known.print != print {
                    return Err(conflict("another message was sent with this key"));
                }
                let said = format!("chat message {} sent again", known.no);
                work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))?;
                return Ok(None);
            }
            let message = ChatMessage {
                no: Kept::next_chat(work, &id)?,
                by: guest.id.clone(),
                name: guest.name.clone(),
                part,
                text: words,
                at: record::moment(work.now()),
                key,
                file: None,
            };
            room.put_message(work, &row, &message)?;
            let until = work.now().checked_add(AGAIN).unwrap_or(Timestamp::MAX);
            let known = serde_json::to_vec(&Known { print, no: message.no })
                .map_err(|error| Error::Fault(error.to_string()))?;
            work.unit().remember(&scope, until, &known)?;
            Ok(Some(message))
        });
        Ok(done?.0)
    }

    /// The Communication of a message, within a unit of work.
    pub(in crate::consult) fn put_message(
        &self,
        work: &mut Work<'_, '_>,
        row: &Row,
        message: &ChatMessage,
    ) -> Result<(), Error> {
        let json = record::communication(row, message);
        self.put(work, json, &record::id_of(&row.id, message.no), Purpose::Treatment)
    }

    /// Writes down that somebody agrees to something, or takes it back. Blocking.
    pub(super) fn agree(
        &self,
        who: &Actor,
        guest: &Guest,
        id: &str,
        (to, on): (Matter, bool),
        mode: Option<Mode>,
    ) -> Result<(), Error> {
        let (room, guest, id) = (self.clone(), guest.clone(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            takes_part(work.who(), &row)?;
            if on {
                is_open(&row)?;
            }
            let mut kept = Kept::of(&Within(work), &id)?;
            let matter = match to {
                Matter::Speech => "transcription",
                Matter::Recording => "recording",
            };
            let before = kept.agreements(to).get(&guest.id).cloned();
            if before.as_ref().is_some_and(|before| before.on) == on {
                let said = format!("{matter}: nothing changes");
                return work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said));
            }
            let now = work.now();
            let agreement = match before.filter(|_| !on) {
                Some(before) => Agreement { on, ..before },
                None => {
                    kept.consents += 1;
                    Agreement { on, no: kept.consents, at: now }
                }
            };
            let json =
                record::consent(&row, to, (&guest.id, &guest.name), agreement.at, (!on).then_some(now));
            let record = record::id_of(&id, agreement.no);
            kept.agreements(to).insert(guest.id.clone(), agreement);
            kept.put(work, &id)?;
            room.put(work, json, &record, Purpose::Treatment)?;
            let said = if on { "agreed to" } else { "taken back" };
            let said = format!("{matter} {said}, mode {}", mode.map_or("none", Mode::as_str));
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))
        });
        done.map(|_| ())
    }

    /// Writes down that what is said and shown is kept from now on, or no longer. Blocking.
    pub(super) fn note_recording(
        &self,
        who: &Actor,
        id: &str,
        on: bool,
        mode: Option<Mode>,
    ) -> Result<(), Error> {
        let id = id.to_owned();
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            let said = if on { "begins" } else { "ends" };
            let said =
                format!("consultation {id}: recording {said}, mode {}", mode.map_or("none", Mode::as_str));
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))
        });
        done.map(|_| ())
    }

    /// Writes down that they are in touch in another way. Blocking.
    pub(super) fn turn_mode(&self, id: &str, mode: Option<Mode>, recorded: bool) -> Result<(), Error> {
        let id = id.to_owned();
        let done = self.records().unit_blocking(Arc::new(Actor::operator("room")), move |work| {
            let row = Within(work).row(&id)?;
            let mut kept = Kept::of(&Within(work), &id)?;
            kept.turn(mode, work.now());
            kept.put(work, &id)?;
            let recorded = if recorded { ", recorded" } else { "" };
            let said = format!("consultation {id}: mode {}{recorded}", mode.map_or("none", Mode::as_str));
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))
        });
        done.map(|_| ())
    }
}

fn scope(consultation: &str, by: &str, key: &str) -> Vec<u8> {
    let print = Sha256::digest(format!("{consultation}\0{by}\0{key}").as_bytes());
    [b"room chat\0".as_slice(), &print].concat()
}

/// Whether a message may be written: why not.
pub(in crate::consult) fn unfit(key: &str, words: &str) -> Option<&'static str> {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let length = words.trim().chars().count();
    if !(8..=64).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("name each message with a key of 8 to 64 letters and digits")
    } else if !(1..=LONGEST_CHAT).contains(&length) {
        Some("a message has 1 to 4000 characters; send more in several")
    } else if !words.chars().all(plain) {
        Some("a message is plain text without control characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_plain_and_short() {
        let check = |key: &str, words: &str, expected: bool| {
            assert_eq!(unfit(key, words).is_none(), expected, "{key} {words:.30}");
        };
        check("12345678", "Khansi hai\nteen din se", true);
        check("12345678", &"क".repeat(LONGEST_CHAT), true);
        check("12345678", &"a".repeat(LONGEST_CHAT + 1), false);
        check("12345678", " \n ", false);
        check("12345678", "bell \u{7}", false);
        check("short", "a", false);
        check("12345678 90", "a", false);
    }
}
