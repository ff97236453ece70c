//! What a person sees of the outbox and decides: the rows, one message with its attempts, sending again as it is or
//! edited, putting aside, and pausing a destination. All of it is audited.

use std::collections::BTreeSet;
use std::sync::Arc;

use clinicvault_gateway::hl7::{Header, Limits, Mode, parse};
use clinicvault_vault::{Action, QueueItem};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::row::{self, Attempt, Facts, Form, State};
use super::{OUTBOX, Outbox, Parcel, damaged, enqueue, leaf, missing};
use crate::collections::OUTBOX_PAUSED;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;

/// Rows of one page.
const PAGE: usize = 50;
/// Most destinations that are paused.
const MOST_PAUSED: usize = 10_000;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A page of the outbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutboxPage {
    /// Newest first.
    pub rows: Vec<OutboxRow>,
    /// Messages to be sent.
    pub waiting: u64,
    /// Messages that a receiver does not want and a person has to look at.
    pub failed: u64,
    /// Destinations that somebody has paused.
    pub paused: Vec<String>,
}

/// A message that leaves the box.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// Its number.
    pub seq: u64,
    /// `waiting`, `accepted`, `sent`, `failed`, `discarded` or `replaced`.
    pub state: &'static str,
    /// Channel and destination.
    pub destination: String,
    /// MSH-9, or the type of a FHIR record.
    #[serde(rename = "type")]
    pub kind: String,
    /// MSH-10, or what names it in its place.
    pub control_id: String,
    /// When it was committed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// What came of the last one.
    pub last: Option<Attempt>,
}

/// One message with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutboxMessage {
    /// As in the list.
    pub row: OutboxRow,
    /// The version of a record that caused it, or the row of the inbox (`inbox/7`).
    pub cause: String,
    /// The newest attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The text of the message, one segment a line; JSON of FHIR.
    pub text: String,
    /// Who put it aside or replaced it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The row that it stands in for.
    pub replaces: Option<u64>,
    /// The row that stands in for it.
    pub replaced_by: Option<u64>,
}

fn row_of(item: &QueueItem, facts: &Facts) -> OutboxRow {
    OutboxRow {
        seq: item.seq,
        state: State::of(item.row.state).as_str(),
        destination: facts.destination.clone(),
        kind: facts.kind.clone(),
        control_id: facts.control_id.clone(),
        at: item.at,
        attempts: facts.count,
        last: facts.attempts.last().cloned(),
    }
}

impl Outbox {
    /// Rows below `before`, newest first, of one state or of all. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not look.
    pub fn list(&self, who: &Actor, state: Option<State>, before: Option<u64>) -> Result<OutboxPage, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let items = snapshot.queue_newest(OUTBOX, state.map(State::number), before, PAGE)?;
        let rows = items.iter().filter_map(|item| Some(row_of(item, &row::decode(&item.row.body)?)));
        let page = OutboxPage {
            rows: rows.collect(),
            waiting: snapshot.queue_count(OUTBOX, State::Waiting.number())?,
            failed: snapshot.queue_count(OUTBOX, State::Failed.number())?,
            paused: self.paused()?.into_iter().collect(),
        };
        let mut looked = audit::done(who, Action::Search, Purpose::Operations, About::default());
        looked.reason = Some("outbox".to_owned());
        self.records().vault().note(looked)?;
        Ok(page)
    }

    /// One message. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn one(&self, who: &Actor, seq: u64) -> Result<OutboxMessage, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let item = snapshot.queue_get(OUTBOX, seq)?.ok_or_else(|| missing(seq))?;
        let facts = row::decode(&item.row.body).ok_or_else(|| damaged(seq))?;
        let message = snapshot.queue_load(OUTBOX, seq)?.ok_or_else(|| damaged(seq))?;
        let mut looked = leaf(who, seq, &facts, "read");
        looked.action = Action::Read;
        self.records().vault().note(looked)?;
        let (by, reason) = facts.settled.clone().unzip();
        Ok(OutboxMessage {
            row: row_of(&item, &facts),
            cause: facts.cause.clone(),
            text: String::from_utf8_lossy(&message).replace('\r', "\n"),
            by,
            reason,
            replaces: facts.replaces,
            replaced_by: facts.replaced_by,
            attempts: facts.attempts,
        })
    }

    /// Sends a failed message again with the same bytes. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Precondition`] for one that has not failed.
    pub fn resend(&self, who: &Actor, seq: u64) -> Result<(), Error> {
        self.decided(who, seq, State::Waiting, "sent again", |_| {})?;
        self.again(seq);
        Ok(())
    }

    /// Puts a message aside that waits or has failed. Blocking.
    ///
    /// # Errors
    /// As [`Self::resend`], and [`Error::Broken`] for an empty reason.
    pub fn discard(&self, who: &Actor, seq: u64, reason: &str) -> Result<(), Error> {
        let reason: String = reason.trim().chars().take(LONGEST_REASON).collect();
        if reason.is_empty() {
            return Err(broken("Say why it is put aside."));
        }
        let settled = (who.id.clone(), reason);
        self.decided(who, seq, State::Discarded, "put aside", move |facts| facts.settled = Some(settled))
    }

    /// Sends another text in the place of a failed message; the original is kept. It gets a control id of its own, since
    /// it is another message. Answers its number. Blocking.
    ///
    /// # Errors
    /// As [`Self::resend`], and [`Error::Broken`] for a text that is no message.
    pub fn edit(&self, who: &Actor, seq: u64, text: &str) -> Result<u64, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Inbox)).check()?;
        let form = self.records().vault().snapshot()?.queue_get(OUTBOX, seq)?.ok_or_else(|| missing(seq))?;
        if row::decode(&form.row.body).ok_or_else(|| damaged(seq))?.form != Form::Er7 {
            return Err(broken(
                "Only a message of HL7 v2 can be sent in another version; change the record instead.",
            ));
        }
        let text = text.replace("\r\n", "\r").replace('\n', "\r");
        let text = format!("{}\r", text.trim_end_matches('\r'));
        parse(text.clone().into_bytes(), &Limits::default(), Mode::Strict, None)
            .map_err(|problem| broken(&format!("This is no message: {}", problem.reason)))?;
        let (by, outbox) = (who.id.clone(), self.clone());
        let (new, _) = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let item = work.unit().queue_get(OUTBOX, seq)?.ok_or_else(|| missing(seq))?;
            let mut facts = row::decode(&item.row.body).ok_or_else(|| damaged(seq))?;
            if State::of(item.row.state) != State::Failed {
                return Err(Error::precondition(
                    "Only a message that has failed can be sent in another version.",
                ));
            }
            let control_id =
                super::control_id(&[&facts.control_id, &seq.to_string(), &work.unit().tx().0.to_string()]);
            let bytes =
                with_control_id(&text, &control_id).ok_or_else(|| broken("MSH-10 cannot be written."))?;
            let parcel = Parcel {
                facts: Facts {
                    destination: facts.destination.clone(),
                    lane: facts.lane.clone(),
                    also: facts.also.clone(),
                    kind: facts.kind.clone(),
                    control_id,
                    patient: facts.patient.clone(),
                    cause: facts.cause.clone(),
                    replaces: Some(seq),
                    ..Facts::default()
                },
                message: bytes,
                unfit: None,
            };
            let new = enqueue(work, parcel)?;
            facts.replaced_by = Some(new);
            facts.settled = Some((by, "edited".to_owned()));
            let body = row::encode(&facts).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().queue_set(OUTBOX, seq, State::Replaced.number(), None, Some(&body))?;
            Ok(new)
        })?;
        outbox.nudge();
        Ok(new)
    }

    /// Pauses a destination, or lets it go on. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not change settings.
    pub fn pause(&self, who: &Actor, destination: &str, paused: bool) -> Result<(), Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let name = destination.to_owned();
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            if paused {
                work.unit().doc_put(OUTBOX_PAUSED, name.as_bytes(), b"1")?;
            } else {
                work.unit().doc_delete(OUTBOX_PAUSED, name.as_bytes())?;
            }
            let mut line = audit::done(work.who(), Action::Configure, Purpose::Operations, About::default());
            line.reason = Some(format!("destination {name} {}", if paused { "paused" } else { "resumed" }));
            work.audit(line)
        })?;
        self.nudge();
        Ok(())
    }

    /// The destinations that are paused.
    pub(super) fn paused(&self) -> Result<BTreeSet<String>, Error> {
        let all = self.records().vault().snapshot()?.doc_scan(OUTBOX_PAUSED, &[], MOST_PAUSED)?;
        Ok(all.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect())
    }

    fn decided(
        &self,
        who: &Actor,
        seq: u64,
        to: State,
        what: &'static str,
        change: impl FnOnce(&mut Facts) + Send + 'static,
    ) -> Result<(), Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Inbox)).check()?;
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let item = work.unit().queue_get(OUTBOX, seq)?.ok_or_else(|| missing(seq))?;
            let now = State::of(item.row.state);
            let may = match now {
                State::Failed => true,
                State::Waiting | State::Accepted => to == State::Discarded,
                State::Sent | State::Discarded | State::Replaced => false,
            };
            if !may {
                let why = format!("This message is {}; there is nothing to decide about it.", now.as_str());
                return Err(Error::precondition(why));
            }
            let mut facts = row::decode(&item.row.body).ok_or_else(|| damaged(seq))?;
            change(&mut facts);
            let body = row::encode(&facts).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().queue_set(OUTBOX, seq, to.number(), None, Some(&body))?;
            let line = leaf(work.who(), seq, &facts, what);
            work.audit(line)
        })?;
        Ok(())
    }
}

pub(in crate::exchange) fn broken(why: &str) -> Error {
    use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
    Error::Broken(Outcome::error(IssueCode::Value, why))
}

/// A message with another MSH-10.
fn with_control_id(text: &str, control_id: &str) -> Option<Vec<u8>> {
    let header = Header::find(text.as_bytes()).ok()?;
    let separator = char::from(header.delimiters().field);
    let (msh, rest) = text.split_once('\r')?;
    let mut fields: Vec<&str> = msh.split(separator).collect();
    // MSH-1 is the separator itself, so that MSH-10 is the tenth piece.
    *fields.get_mut(9)? = control_id;
    let msh = fields.join(&separator.to_string());
    Some(format!("{msh}\r{rest}").into_bytes())
}

impl crate::exchange::Exchange {
    /// Pauses a destination that there is, or lets it go on. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that no channel has, and as [`Outbox::pause`].
    pub fn turn_destination(
        &self,
        who: &Actor,
        channel: &str,
        name: &str,
        paused: bool,
    ) -> Result<(), Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let found = self.channels().find(channel).filter(|live| live.kept().is_there());
        let there =
            found.is_some_and(|live| live.kept().document.destinations.iter().any(|t| t.name == name));
        if !there {
            return Err(Error::NotFound(format!("destination {channel}/{name}")));
        }
        self.outbox().pause(who, &format!("{channel}/{name}"), paused)
    }
}
