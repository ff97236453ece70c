//! A committed message becomes records: map, decide whose it is, merge with what is stored, write in one unit.
//!
//! The unit holds the resources, their provenance, the audit lines and the row's new state together. A message that
//! cannot be applied now and may be later stays as it is; one that never can be waits for a person.

use std::sync::Arc;

use clinicvault_gateway::fhir::bundle::{self};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::hl7::accept::{self, Policy};
use clinicvault_gateway::hl7::ack::{self, Wish};
use clinicvault_gateway::hl7::structure::Event;
use clinicvault_gateway::hl7::{ErrorCode, Problem, charset, parse};
use clinicvault_gateway::json::{Object, Value};
use clinicvault_gateway::map::matching::{self, Decision, Match};
use clinicvault_gateway::map::{MapContext, Mapped, Role, ids, merge, to_transaction};
use clinicvault_vault::{Action, Haste, Kind, Outcome, QueueItem, Snapshot};

use super::channels::rework;
use super::inbox::leaf;
use super::lines::{Received, Sense};
use super::lookup::memory_key;
use super::pace::Desk;
use super::row::{self, Facts, Happened, Held, Later, Settled, State, Written};
use super::writes::{Writes, stored};
use super::{Exchange, INBOX};
use crate::clinic::identity::NUMBER_SYSTEM;
use crate::collections::REMEMBERED;
use crate::records::Caller;
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::origin::Origin;
use crate::records::transaction::Rules as Carry;
use crate::records::unit::Work;

/// Rows before a message that are looked at for its patient; behind more of them it waits.
const MOST_OLDER: usize = 64;
/// Most entries that one message can become.
pub(super) const MOST_ENTRIES: usize = 20_000;

/// What a person decided about a held message.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// Who decided.
    pub by: Actor,
    /// The patient it is about; `None` makes a new one.
    pub patient: Option<String>,
    /// Whether the sender's number is this patient's from now on.
    pub remember: bool,
}

/// A row that has been read back, its message parsed and mapped.
pub(super) struct Opened {
    pub facts: Facts,
    pub message: Received,
    pub mapped: Mapped,
    /// What an analyser's records say besides.
    pub sense: Sense,
    /// The place at which it is worked on, given back before it waits for its commit.
    pub desk: Option<Desk>,
}

impl Opened {
    /// The code of the application's answer, where the sender is to get one later.
    fn later(&self, problem: Option<&Problem>) -> Option<ack::Code> {
        match &self.message {
            Received::Hl7(message) => Wish::of(message.header()).later(problem),
            Received::Records(_) | Received::Printout(_) | Received::Fhir(_) => None,
        }
    }
}

impl Exchange {
    /// Reads a row's message and maps it. `None` for a row whose message was refused or removed.
    pub(super) fn open(&self, item: &QueueItem) -> Result<Option<Opened>, Error> {
        self.open_by(item, &self.context())
    }

    /// The same with other maps than those that hold.
    pub(super) fn open_by(&self, item: &QueueItem, context: &MapContext) -> Result<Option<Opened>, Error> {
        let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
        let (facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
        if facts.removed.is_some() {
            return Ok(None);
        }
        let bytes = self.bytes(item, inside)?;
        if let Some(line) = facts.line.clone() {
            return Ok(self.open_line(facts, &line, bytes, item.at));
        }
        if facts.fhir {
            return Ok(self.open_fhir(facts, &bytes));
        }
        let intake = self.rules_of(&facts.through);
        let mode = intake.mode(&facts.channel, &self.rules().strict_senders);
        let charset = intake.rules.charset.as_deref().and_then(charset::by_name);
        let Ok(message) = parse(bytes, &self.rules().limits, mode, charset) else { return Ok(None) };
        let changed = rework::change(message, &intake.operations, &self.rules().limits, mode);
        let Ok((message, _)) = changed else { return Ok(None) };
        let Ok(event) = accept::check(&message, &Policy { mode, production_only: false }) else {
            return Ok(None);
        };
        let mapped = to_transaction(&message, event, context);
        let message = Received::Hl7(Box::new(message));
        Ok(Some(Opened { facts, message, mapped, sense: Sense::default(), desk: None }))
    }

    /// Applies one received row, holds it, or leaves it for the next round. Blocking: maps, validates, waits for the
    /// commit.
    pub(super) fn apply(&self, item: &QueueItem, desk: Option<Desk>) -> Result<State, Error> {
        let Some(mut opened) = self.open(item)? else {
            return self.hold(
                item,
                None,
                "cannotStore",
                Some("The message can no longer be read.".to_owned()),
            );
        };
        opened.desk = desk;
        if opened.facts.line.is_some() {
            return self.apply_line(item, opened);
        }
        let from = sender(&opened.facts);
        let found = self.find(&from, &opened.mapped.patient)?;
        let known: Vec<_> = found.into_iter().map(|f| f.known).collect();
        let creates = opened.mapped.event.feeds_patients();
        let matched = matching::decide(&opened.mapped.patient, &known);
        match matching::conclude(matched, &opened.mapped.patient, creates) {
            // Whom it is about may stand in a message that came before it and is under way.
            Decision::Hold { .. } if self.somebody_may_come(item.seq)? => Ok(State::Received),
            Decision::Hold { why, .. } => self.hold(item, Some(opened), why, None),
            Decision::Apply(patient) => self.write(item, opened, Some(patient), None),
            // The patient may be among the records that the index has not reached.
            Decision::Create if !self.records().index_is_complete() => Err(Error::Renewing),
            Decision::Create => self.write(item, opened, None, None),
        }
    }

    /// Whether a row that came before this one and has not been applied yet may bring or change a patient. Rows that cannot
    /// do not wait for each other.
    pub(super) fn somebody_may_come(&self, seq: u64) -> Result<bool, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let oldest = snapshot.queue_oldest(INBOX, State::Received.number(), None, MOST_OLDER)?;
        let older = oldest.iter().take_while(|item| item.seq < seq).count();
        Ok(older == MOST_OLDER || oldest.iter().take(older).any(|item| self.may_feed_patients(item)))
    }

    /// Whether a row may bring a patient's particulars.
    pub(super) fn may_feed_patients(&self, item: &QueueItem) -> bool {
        let Some((facts, _)) = row::decode(&item.row.body) else { return true };
        let (kind, trigger) = facts.kind.split_once('^').unwrap_or((&facts.kind, ""));
        let known = Event::of(kind, trigger).is_some_and(|event| !event.feeds_patients());
        // What a channel changes may have been of another kind when it came.
        !(known && self.rules_of(&facts.through).operations.is_empty())
    }

    /// Whether a row that came before this one has not been applied yet.
    pub(super) fn others_wait(&self, seq: u64) -> Result<bool, Error> {
        let oldest =
            self.records().vault().snapshot()?.queue_oldest(INBOX, State::Received.number(), None, 1)?;
        Ok(oldest.first().is_some_and(|item| item.seq < seq))
    }

    /// Writes a message's records. A rule that forbids one of them holds the message; its reason names no content.
    pub(super) fn write(
        &self,
        item: &QueueItem,
        mut opened: Opened,
        patient: Option<String>,
        ruling: Option<Ruling>,
    ) -> Result<State, Error> {
        let from = sender(&opened.facts);
        let target = patient.clone().unwrap_or_else(|| opened.mapped.patient_id.clone());
        let known = patient.is_some();
        merge::retarget(&mut opened.mapped.bundle, "Patient", &opened.mapped.patient_id.clone(), &target);
        if !self.others(&from, &mut opened, &target)? {
            return self.hold(item, Some(opened), "conflict", None);
        }
        self.fit(&from, &mut opened, &target)?;
        let snapshot = self.records().vault().snapshot()?;
        if !known {
            self.number(&snapshot, &from, &mut opened.mapped.bundle, &target)?;
        }
        let keep_patient = !known || opened.mapped.event.feeds_patients();
        let Writes { entries, origins, overtaken, patient_since: _ } =
            self.entries(&snapshot, &opened, &target, keep_patient)?;
        opened.mapped.report.warnings.extend(overtaken);
        drop(snapshot);
        let bundle = Object::new().with("resourceType", "Bundle").with("type", "transaction");
        let bundle = if entries.is_empty() { bundle } else { bundle.with("entry", entries) };
        let rules = Carry { check_references: true, representation: false, skip_broken: false };
        let job = bundle::parse(bundle.into(), MOST_ENTRIES)
            .map_err(Error::Broken)
            .and_then(|bundle| self.records().prepare(&from, bundle, rules));
        let job = match job {
            Ok(job) => job,
            Err(error @ (Error::Broken(_) | Error::Unreadable(_) | Error::TooMuch(_))) => {
                return self.hold(item, Some(opened), "cannotStore", Some(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let later = opened.later(None).map(|code| (code, self.application_answer(&opened, code, &[])));
        let mut facts = opened.facts.clone();
        facts.report(&opened.mapped.report);
        facts.patient = Some(target.clone());
        facts.held = None;
        facts.later = later.as_ref().map(|(code, _)| Later { code: code.as_str().to_owned(), heard: false });
        let connection = facts.connection;
        facts.settled = ruling.as_ref().map(|r| Settled { by: r.by.id.clone(), reason: None });
        let (_, bytes) =
            row::decode(&item.row.body).ok_or_else(|| Error::Damaged(format!("inbox row {}", item.seq)))?;
        let (inside, seq, before) = (bytes.to_vec(), item.seq, item.row.state);
        let terms = self.terms(&facts, item.at, &opened.message);
        let identifiers = opened.mapped.patient.identifiers.clone();
        let (records, origin) = (self.records().clone(), self.origin(&facts, seq));
        drop(opened.desk.take());
        let haste = if ruling.is_some() { Haste::Now } else { self.0.pace.haste() };
        let done = self.records().unit_with(haste, from.who.clone(), move |work| {
            unchanged(work, seq, before)?;
            if ruling.is_some() {
                facts.happened(Happened::Settled, work.now());
            }
            facts.happened(Happened::Applied, work.now());
            let answers = job.run(work)?;
            facts.stored = stored(&answers, &origins);
            for kept in records.keep_origin(work, &origin)? {
                let (kind, head) = ("Provenance".to_owned(), kept.head);
                facts.stored.push(Written { kind, id: head.id, version: head.version, entry: None });
            }
            let body = row::encode(&facts, &inside).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().queue_set(INBOX, seq, State::Applied.number(), None, Some(&body))?;
            work.unit().queue_terms_set(INBOX, seq, &terms)?;
            let applied =
                leaf(work.who(), Action::MessageApplied, Outcome::Success, seq, Some(target.clone()), None);
            work.audit(applied)?;
            if let Some(ruling) = &ruling {
                let what = if known { "assigned" } else { "new patient" };
                let settled = leaf(
                    &ruling.by,
                    Action::MessageSettled,
                    Outcome::Success,
                    seq,
                    Some(target.clone()),
                    Some(what.to_owned()),
                );
                work.audit(settled)?;
                if ruling.remember {
                    for identifier in &identifiers {
                        work.unit().doc_put(REMEMBERED, &memory_key(identifier), target.as_bytes())?;
                    }
                }
            }
            work.announce(What::Inbox { seq, state: State::Applied.number() });
            Ok(())
        });
        match done {
            Ok(_) => {
                self.say_later(item.seq, connection, later.map(|(_, answer)| answer));
                Ok(State::Applied)
            }
            Err(error @ (Error::Broken(_) | Error::Unreadable(_))) => {
                self.hold(item, Some(opened), "cannotStore", Some(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the other patients that a message names. One who was merged and is not known here leaves the message;
    /// false when one cannot be told for certain.
    pub(super) fn others(&self, from: &Caller, opened: &mut Opened, target: &str) -> Result<bool, Error> {
        for other in opened.mapped.others.clone() {
            let found = self.find(from, &other.patient)?;
            let known: Vec<_> = found.into_iter().map(|f| f.known).collect();
            match (matching::decide(&other.patient, &known), other.role) {
                (Match::Exact(id), _) if id != target => {
                    merge::retarget(&mut opened.mapped.bundle, "Patient", &other.patient_id, &id);
                }
                (Match::Exact(_) | Match::Unknown(_), Role::Merged) => {
                    opened.mapped.leave_out("Patient", &other.patient_id);
                }
                (Match::Exact(_) | Match::Unknown(_) | Match::Conflict(_), _) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Gives a new patient the clinic's own number.
    fn number(&self, snapshot: &Snapshot, from: &Caller, bundle: &mut Value, id: &str) -> Result<(), Error> {
        let there = snapshot.head(Kind(ResourceType::PATIENT.number()), id)?;
        if there.is_some_and(|head| !head.deleted) {
            return Ok(());
        }
        let url = format!("Patient/{id}");
        let mut entries = bundle.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten();
        let entry = entries.find(|e| e.get("request").and_then(|r| r.str("url")) == Some(url.as_str()));
        let patient = entry.and_then(|e| e.get_mut("resource")).and_then(Value::as_object_mut);
        let Some(patient) = patient else { return Ok(()) };
        let sent =
            patient.get("identifier").map(|v| v.as_array().unwrap_or_default().to_vec()).unwrap_or_default();
        if sent.iter().any(|i| i.str("system") == Some(NUMBER_SYSTEM)) {
            return Ok(());
        }
        let number = self.records().give_number(from.who.clone())?;
        let own = Object::new().with("system", NUMBER_SYSTEM).with("value", number);
        // Behind the sender's own, so that places in the message keep their places in the resource.
        let all: Vec<Value> = sent.into_iter().chain(std::iter::once(own.into())).collect();
        patient.insert("identifier", all);
        Ok(())
    }

    /// Where the records came from: the sender, its message, and the inbox row that holds it.
    fn origin(&self, facts: &Facts, seq: u64) -> Origin {
        let id = ids::stable("Provenance", &["inbox", &seq.to_string(), self.records().vault().clinic_id()]);
        let name = if facts.sender.is_empty() { "HL7 sender" } else { facts.sender.as_str() };
        Origin::of_sender(name, &id)
            .from("urn:clinicvault:hl7-control-id", &facts.control_id, Some(&facts.kind))
            .from("urn:x-clinicvault:inbox", &seq.to_string(), Some(&facts.kind))
    }

    /// Puts a row before a person.
    pub(super) fn hold(
        &self,
        item: &QueueItem,
        opened: Option<Opened>,
        why: &str,
        detail: Option<String>,
    ) -> Result<State, Error> {
        let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
        let (mut facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
        let terms = match &opened {
            Some(opened) => self.terms(&facts, item.at, &opened.message),
            None => self.terms_of(item, &facts)?,
        };
        let mut later = None;
        if let Some(opened) = &opened {
            facts.report(&opened.mapped.report);
            let problem = Problem::error(
                ErrorCode::Other,
                None,
                "It breaks a rule of the record and waits for a person.",
            );
            if let (Some(code), "cannotStore") = (opened.later(Some(&problem)), why) {
                facts.later = Some(Later { code: code.as_str().to_owned(), heard: false });
                later = Some(self.application_answer(opened, code, &[problem]));
            }
        }
        let connection = facts.connection;
        drop(opened);
        facts.happened(Happened::Held, self.records().now());
        facts.held = Some(Held { why: why.to_owned(), detail });
        let body = row::encode(&facts, inside).map_err(|e| Error::Fault(e.to_string()))?;
        let (seq, before, reason) = (item.seq, item.row.state, why.to_owned());
        self.records().unit_with(self.0.pace.haste(), sender(&facts).who, move |work| {
            unchanged(work, seq, before)?;
            work.unit().queue_set(INBOX, seq, State::Held.number(), None, Some(&body))?;
            work.unit().queue_terms_set(INBOX, seq, &terms)?;
            let line = leaf(work.who(), Action::MessageHeld, Outcome::Success, seq, None, Some(reason));
            work.audit(line)?;
            work.announce(What::Inbox { seq, state: State::Held.number() });
            Ok(())
        })?;
        self.say_later(item.seq, connection, later);
        Ok(State::Held)
    }

    /// Puts a row that cannot be applied before a person.
    pub(super) fn give_up(&self, seq: u64, why: &Error) -> Result<State, Error> {
        let item = self.records().vault().snapshot()?.queue_get(INBOX, seq)?;
        let item = item.ok_or_else(|| Error::NotFound(format!("inbox row {seq}")))?;
        self.hold(&item, None, "cannotStore", Some(why.to_string()))
    }

    fn application_answer(&self, opened: &Opened, code: ack::Code, problems: &[Problem]) -> Vec<u8> {
        let now = self.records().now();
        let control_id = self.control_id(now);
        let offset = self.rules().map.zone.to_offset(now);
        let answer = ack::Answer { code, problems, control_id: &control_id, now, offset };
        let header = match &opened.message {
            Received::Hl7(message) => Some(message.header()),
            Received::Records(_) | Received::Printout(_) | Received::Fhir(_) => None,
        };
        ack::build(header, &answer)
    }

    /// Sends the application acknowledgement after the commit, and notes that the peer was there to hear it.
    fn say_later(&self, seq: u64, connection: (i64, u64), answer: Option<Vec<u8>>) {
        let Some(answer) = answer else { return };
        if !self.tell(connection, answer) {
            return;
        }
        let noted = self.records().unit_blocking(Arc::new(Actor::operator("inbox")), move |work| {
            let item = work
                .unit()
                .queue_get(INBOX, seq)?
                .ok_or_else(|| Error::NotFound(format!("inbox row {seq}")))?;
            let damaged = || Error::Damaged(format!("inbox row {seq}"));
            let (mut facts, message) = row::decode(&item.row.body).ok_or_else(damaged)?;
            if let Some(later) = &mut facts.later {
                later.heard = true;
            }
            facts.happened(Happened::Heard, work.now());
            let body = row::encode(&facts, message).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().queue_set(INBOX, seq, item.row.state, None, Some(&body))?;
            let line = leaf(
                work.who(),
                Action::MessageIn,
                Outcome::Success,
                seq,
                None,
                Some("answer heard".to_owned()),
            );
            work.audit(line)
        });
        if let Err(error) = noted {
            tracing::warn!(op = "hl7.apply", seq, %error, "it was not noted that the peer heard the answer");
        }
    }
}

/// The sender of a message as the one who acts.
pub(super) fn sender(facts: &Facts) -> Caller {
    if let Some(line) = &facts.line {
        return Caller {
            who: Arc::new(super::lines::intake::actor(&facts.sender, &line.wire, &facts.peer)),
            base: None,
        };
    }
    let wire = match (facts.wire.as_str(), facts.tls) {
        ("", true) => "mllps",
        ("", false) => "mllp",
        (wire, _) => wire,
    };
    let peer = facts.peer.rsplit_once(':').map_or(facts.peer.as_str(), |(ip, _)| ip);
    Caller { who: Arc::new(Actor::sender(&facts.sender, &format!("{wire} {peer}"))), base: None }
}

/// Two workers, or a worker and a person, must not both carry out one row.
pub(super) fn unchanged(work: &mut Work<'_, '_>, seq: u64, before: u8) -> Result<(), Error> {
    match work.unit().queue_get(INBOX, seq)? {
        Some(item) if item.row.state == before => Ok(()),
        Some(_) => Err(Error::precondition("This message has been settled in the meantime.")),
        None => Err(Error::NotFound(format!("inbox row {seq}"))),
    }
}
