//! Stored forms of a subscription's row and of its events.

use clinicvault_gateway::fhir::subscription::life::{Asked, Line, State};
use clinicvault_gateway::fhir::subscription::watch::Interaction;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::access::{Actor, Scopes, Who};

/// A subscription as kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Id of the record.
    pub id: String,
    /// The unit in which it began; part of the keys of its events.
    pub epoch: u64,
    /// The unit in which a client wrote it last: what was decided about it before no longer holds.
    pub written: u64,
    /// On whose behalf.
    pub owner: Standing,
    /// Address of the box as the owner knows it.
    pub base: String,
    /// Lines that are sent along, values included.
    pub headers: Vec<(String, String)>,
    /// Criteria and filters, to see whether they change.
    pub criteria: String,
    /// `rest-hook` or `websocket`.
    pub channel: String,
    /// Where notifications are sent; empty for a websocket.
    pub endpoint: String,
    /// `empty`, `id-only` or `full-resource`.
    pub content: String,
    /// When it is turned off.
    pub end: Option<Timestamp>,
    /// Seconds of quiet after which a sign of life is sent.
    pub heartbeat: Option<u32>,
    /// Most events in one notification.
    pub batch: u64,
    /// Whether one failure of the first check is final.
    pub strict_check: bool,
    pub(super) state: String,
    pub(super) paused: bool,
    pub(super) scanned: u64,
    pub(super) numbered: u64,
    pub(super) delivered: u64,
    pub(super) failures: u32,
    pub(super) not_before: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) error: Option<String>,
    /// Number of the oldest event that is still kept.
    pub oldest: u64,
    /// The record is deleted; what is left here is swept away.
    pub gone: bool,
    /// Earlier beginnings of the same id whose events are still to be deleted.
    pub old: Vec<u64>,
}

/// Prints neither criteria nor headers.
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Row {
    /// A row without anything but its beginning.
    pub(super) fn new(id: &str, tx: u64, owner: Standing) -> Self {
        let mut row = Self {
            id: id.to_owned(),
            epoch: tx,
            written: tx,
            owner,
            base: String::new(),
            headers: Vec::new(),
            criteria: String::new(),
            channel: String::new(),
            endpoint: String::new(),
            content: String::new(),
            end: None,
            heartbeat: None,
            batch: 1,
            strict_check: false,
            state: String::new(),
            paused: false,
            scanned: 0,
            numbered: 0,
            delivered: 0,
            failures: 0,
            not_before: None,
            last: None,
            error: None,
            oldest: 1,
            gone: false,
            old: Vec::new(),
        };
        row.set_line(Line::new(tx));
        row
    }

    /// Its state and counters.
    pub fn line(&self) -> Line {
        Line {
            state: State::parse(&self.state).unwrap_or(State::Off),
            paused: self.paused,
            scanned: self.scanned,
            numbered: self.numbered,
            delivered: self.delivered,
            failures: self.failures,
            not_before: self.not_before,
            last: self.last,
            error: self.error.clone(),
        }
    }

    /// Sets state and counters.
    pub fn set_line(&mut self, line: Line) {
        let Line { state, paused, scanned, numbered, delivered, failures, not_before, last, error } = line;
        state.as_str().clone_into(&mut self.state);
        (self.paused, self.scanned, self.numbered, self.delivered) = (paused, scanned, numbered, delivered);
        (self.failures, self.not_before, self.last, self.error) = (failures, not_before, last, error);
    }

    /// What it asks of its life.
    pub fn asked(&self) -> Asked {
        Asked {
            end: self.end,
            heartbeat: self.heartbeat.map(|seconds| SignedDuration::from_secs(i64::from(seconds))),
            batch: self.batch,
            strict_check: self.strict_check,
        }
    }

    /// Whether it is told over a socket that the subscriber opens.
    pub fn by_socket(&self) -> bool {
        self.channel == "websocket"
    }
}

/// On whose behalf a subscription watches. What they may do is looked up anew each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Id of the account, token or program.
    pub id: String,
    /// Its name when it wrote the subscription.
    pub name: String,
    /// What it is.
    pub sort: Sort,
}

/// The sorts of owner, with what bounded their rights when the subscription was written: it never gets more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sort {
    /// A member of the clinic.
    Person,
    /// A machine with these scopes.
    Machine(String),
    /// A program on behalf of a person: the program, its scopes and the patient chosen.
    App(String, String, Option<String>),
    /// Someone at the box.
    Operator,
    /// An HL7 sender, which may watch nothing.
    Sender,
}

impl Standing {
    /// The standing of an actor.
    pub fn of(who: &Actor) -> Self {
        let sort = match &who.who {
            Who::Person { .. } => Sort::Person,
            Who::Machine { scopes } => Sort::Machine(scopes.as_str().to_owned()),
            Who::App { scopes, patient, .. } => {
                let client = who.source.rsplit(' ').next().unwrap_or_default().to_owned();
                let patient = patient.as_ref().map(|patient| patient.as_str().to_owned());
                Sort::App(client, scopes.as_str().to_owned(), patient)
            }
            // Neither may watch anything.
            Who::Patient { .. } | Who::Sender => Sort::Sender,
            Who::Operator => Sort::Operator,
        };
        Self { id: who.id.clone(), name: who.name.clone(), sort }
    }

    /// Whether this actor is the one, whatever it may do now.
    pub fn is(&self, who: &Actor) -> bool {
        let other = Self::of(who);
        self.id == other.id
            && match (&self.sort, &other.sort) {
                (Sort::App(own, _, patient), Sort::App(client, _, now)) => (own, patient) == (client, now),
                (Sort::Person, Sort::Person)
                | (Sort::Machine(_), Sort::Machine(_))
                | (Sort::Operator, Sort::Operator) => true,
                _ => false,
            }
    }

    /// Whether this actor is the one, and is allowed no less than bounded the subscription when it was written: another
    /// token of the same program that covers less is not told what was found for more.
    pub fn is_wholly(&self, who: &Actor) -> bool {
        let (Sort::Machine(own) | Sort::App(_, own, _)) = &self.sort else { return self.is(who) };
        let (Who::Machine { scopes } | Who::App { scopes, .. }) = &who.who else { return false };
        let covered = |own: Scopes| {
            let within = own.within(scopes);
            own.each().iter().all(|scope| within.each().contains(scope))
        };
        self.is(who) && Scopes::parse(own).is_ok_and(covered)
    }
}

/// An event as kept, until it was taken and for some time after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// The unit.
    pub tx: u64,
    /// Number of the record.
    pub rid: u64,
    /// Its type.
    pub kind: u16,
    /// Its id.
    pub id: String,
    /// The version written.
    pub version: u64,
    /// `create`, `update` or `delete`.
    pub interaction: String,
    /// When.
    pub at: Timestamp,
}

impl Happened {
    /// What was done.
    pub fn interaction(&self) -> Interaction {
        Interaction::parse(&self.interaction).unwrap_or(Interaction::Update)
    }
}
