//! Messages that leave the box: a durable queue of their own, and what sends them.
//!
//! A message is committed together with what causes it ([`enqueue`]) and stays until the receiver has taken it or a person
//! decides otherwise. `row` is how it is stored, `destination` the part of a channel's document that says where it goes,
//! with a file for each kind (`mllp`, `http`, `folder`, `hook`), `lanes` the order, `line` and `tls` one connection, `web` one
//! request, `probe` how far one got, `job` one message on its way, `worker` what drives them, `forward` what comes in and goes on, `secrets` what the
//! box shows to a destination, `desk` what a person sees and decides.

pub mod desk;
pub mod destination;
pub mod folder;
pub mod forward;
pub mod hook;
pub mod http;
mod job;
pub mod lanes;
pub mod line;
pub mod mllp;
pub mod probe;
pub mod row;
mod secrets;
pub mod tls;
pub mod web;
pub mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_gateway::hl7::ack::Code;
use clinicvault_gateway::hl7::reply::Reply;
use clinicvault_vault::{Action, Leaf, Outcome, QueueRow};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use self::row::{Attempt, Facts, State};
use crate::records::Records;
use crate::records::access::{Actor, Purpose};
use crate::records::error::Error;
use crate::records::unit::Work;

/// The queue of messages to send.
pub const OUTBOX: u8 = 2;

/// Rows of one control id that are looked at.
const SAME: usize = 100;

/// The outbox of an open vault. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    records: Records,
    wake: Notify,
    /// Rows that a person wants to be sent again.
    again: Mutex<Vec<u64>>,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// What is known of it.
    pub facts: Facts,
    /// Its bytes.
    pub message: Vec<u8>,
    /// Why it cannot be sent; then a person sees it, and it has no bytes.
    pub unfit: Option<String>,
}

/// Puts a message into the outbox, as part of the unit that causes it; answers its number.
///
/// # Errors
/// As the unit's writes.
pub fn enqueue(work: &mut Work<'_, '_>, parcel: Parcel) -> Result<u64, Error> {
    enqueue_as(work, parcel, State::Waiting)
}

/// Keeps that a message cannot be sent, and why, as a row that a person sees: its bytes are not kept.
///
/// # Errors
/// As the unit's writes.
pub fn enqueue_unfit(work: &mut Work<'_, '_>, mut facts: Facts, why: String) -> Result<u64, Error> {
    facts.tried(Attempt { at: work.now(), outcome: "unfit".to_owned(), code: None, text: why });
    enqueue_as(work, Parcel { facts, message: Vec::new(), unfit: None }, State::Failed)
}

/// [`enqueue`], in a state.
fn enqueue_as(work: &mut Work<'_, '_>, parcel: Parcel, state: State) -> Result<u64, Error> {
    let body = row::encode(&parcel.facts).map_err(|e| Error::Fault(e.to_string()))?;
    let facts = &parcel.facts;
    let row = QueueRow {
        partition: hex(&[&facts.destination, &facts.lane]),
        state: state.number(),
        due: None,
        body,
        ref_key: reference(&facts.destination, &facts.control_id),
    };
    let seq = work.unit().enqueue(OUTBOX, &row)?;
    work.unit().queue_load_put(OUTBOX, seq, &parcel.message)?;
    let what = match state {
        State::Waiting => format!("to be sent to {}", facts.destination),
        State::Accepted | State::Sent | State::Failed | State::Discarded | State::Replaced => {
            format!("not sent to {}", facts.destination)
        }
    };
    let line = leaf(work.who(), seq, facts, &what);
    work.audit(line)?;
    Ok(seq)
}

/// The key under which a row is found by the message that it holds.
fn reference(destination: &str, control_id: &str) -> Vec<u8> {
    hex(&[destination, control_id]).into_bytes()
}

fn hex(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// An audit line about a row of the outbox.
fn leaf(who: &Actor, seq: u64, facts: &Facts, what: &str) -> Leaf {
    Leaf {
        actor: who.id.clone(),
        role: who.role(),
        session: who.session,
        source: who.source.clone(),
        action: Action::Execute,
        object: None,
        owner: facts.patient.clone(),
        outcome: Outcome::Success,
        purpose: Purpose::Operations.code().to_owned(),
        reason: Some(format!("outbox {seq}: {} {what}", facts.kind)),
        detail: None,
    }
}

impl Outbox {
    /// The outbox on top of `records`.
    pub fn new(records: Records) -> Self {
        Self(Arc::new(Inner { records, wake: Notify::new(), again: Mutex::default() }))
    }

    fn records(&self) -> &Records {
        &self.0.records
    }

    /// Wakes the worker: there is something to send.
    pub fn nudge(&self) {
        self.0.wake.notify_one();
    }

    /// Asks that a row be sent again.
    fn again(&self, seq: u64) {
        self.0.again.lock().unwrap_or_else(PoisonError::into_inner).push(seq);
        self.nudge();
    }

    fn take_again(&self) -> Vec<u64> {
        std::mem::take(&mut *self.0.again.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what came of an attempt. A row that waits no longer stays as it is. Blocking.
    ///
    /// # Errors
    /// As a unit of work.
    pub(super) fn keep(&self, seq: u64, from: &[State], attempt: Attempt, to: State) -> Result<State, Error> {
        let who = Arc::new(Actor::operator("outbox"));
        let from = from.to_vec();
        let (state, _) =
            self.records().unit_blocking(who, move |work| settle(work, seq, &from, attempt, to))?;
        Ok(state)
    }

    /// Settles the message of a destination that a late answer is about: only one that waits for its application
    /// acknowledgement. Blocking. Answers whether there was one.
    ///
    /// # Errors
    /// As a unit of work.
    pub fn late(&self, destination: &str, reply: &Reply) -> Result<bool, Error> {
        let about = String::from_utf8_lossy(&reply.about).into_owned();
        let rows =
            self.records().vault().snapshot()?.queue_by_ref(OUTBOX, &reference(destination, &about), SAME)?;
        let accepted = rows.iter().filter(|item| State::of(item.row.state) == State::Accepted);
        // Where senders use the same control ids, an answer may be about several: then it settles none.
        let [item] = accepted.collect::<Vec<_>>()[..] else { return Ok(false) };
        let (outcome, to) = match reply.code {
            Code::AA => ("taken", State::Sent),
            Code::AE | Code::AR => ("refused", State::Failed),
            // It was accepted already.
            Code::CA | Code::CE | Code::CR => return Ok(false),
        };
        self.keep(item.seq, &[State::Accepted], self.answered(reply, outcome), to)?;
        Ok(true)
    }

    /// An attempt that ended with an answer.
    fn answered(&self, reply: &Reply, outcome: &str) -> Attempt {
        answered(self.records().now(), reply, outcome)
    }
}

fn answered(at: Timestamp, reply: &Reply, outcome: &str) -> Attempt {
    let code = Some(reply.code.as_str().to_owned());
    Attempt { at, outcome: outcome.to_owned(), code, text: reply.text.clone() }
}

/// Keeps what came of an attempt, as part of a unit; answers the state that the row has then.
fn settle(
    work: &mut Work<'_, '_>,
    seq: u64,
    from: &[State],
    attempt: Attempt,
    to: State,
) -> Result<State, Error> {
    let item = work.unit().queue_get(OUTBOX, seq)?.ok_or_else(|| missing(seq))?;
    let now = State::of(item.row.state);
    let mut facts = row::decode(&item.row.body).ok_or_else(|| damaged(seq))?;
    let next = if from.contains(&now) { to } else { now };
    let line = leaf(work.who(), seq, &facts, &attempt.outcome);
    facts.tried(attempt);
    let body = row::encode(&facts).map_err(|e| Error::Fault(e.to_string()))?;
    work.unit().queue_set(OUTBOX, seq, next.number(), None, Some(&body))?;
    work.audit(line)?;
    Ok(next)
}

fn missing(seq: u64) -> Error {
    Error::NotFound(format!("outbox row {seq}"))
}

fn damaged(seq: u64) -> Error {
    Error::Damaged(format!("outbox row {seq}"))
}

/// A control id (MSH-10) made of what names a message: the same every time, 20 characters.
pub fn control_id(parts: &[&str]) -> String {
    let digest = hex(parts).to_ascii_uppercase();
    format!("CV{}", digest.get(..18).unwrap_or_default())
}
