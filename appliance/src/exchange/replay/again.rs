//! One message of a replay: what of it can be found out before the writer, and what is done in the writer.
//!
//! One that waited for a person goes back among those to be applied, at its old place in the order of its patient. One that
//! was refused is read anew by the rules of today; when they take it, it is a new row that names the old one, and the old
//! one is put aside. Its bytes are never changed.

use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::hl7::ack::{self, Answer};
use clinicvault_gateway::json::Object;
use clinicvault_gateway::map::matching::{self, Decision};
use clinicvault_gateway::map::merge;
use clinicvault_vault::{Action, Outcome, QueueItem, QueueRow};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::preview::ReplayWould;
use crate::exchange::applied;
use crate::exchange::apply::{MOST_ENTRIES, sender};
use crate::exchange::inbox::{Reply, leaf};
use crate::exchange::intake::Way;
use crate::exchange::outbox::forward;
use crate::exchange::reading::Read;
use crate::exchange::row::{self, Facts, Happened, Settled, State};
use crate::exchange::writes::Writes;
use crate::exchange::{Exchange, INBOX};
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::transaction::Rules as Carry;
use crate::records::unit::Work;

/// What was done with a message.
pub(super) enum Again {
    /// This row is to be applied.
    Under(u64),
    /// Today's rules refuse it too.
    Refused,
    /// The filter of today passes it over.
    PassedOver,
    /// It is not a matter of this replay any more.
    Left,
}

/// A message that has been looked at before the writer.
pub(super) struct Prepared {
    seq: u64,
    what: Ready,
}

enum Ready {
    Held(Vec<u8>),
    Refused(Box<Anew>),
    StaysRefused(String),
    PassedOver,
    Left,
}

/// A refused message, read anew.
struct Anew {
    facts: Facts,
    read: Read,
    control_id: String,
    offset: Offset,
    /// The body of the old row holds the bytes itself.
    inside: bool,
}

impl Exchange {
    /// Looks at a row before the writer.
    pub(super) fn again(&self, seq: u64) -> Result<Prepared, Error> {
        let item = self.records().vault().snapshot()?.queue_get(INBOX, seq)?;
        let what = match item {
            Some(item) if item.row.state == State::Held.number() => held(&item)?,
            Some(item) if item.row.state == State::Refused.number() => self.refused(&item)?,
            Some(_) | None => Ready::Left,
        };
        Ok(Prepared { seq, what })
    }

    fn refused(&self, item: &QueueItem) -> Result<Ready, Error> {
        let Some((facts, read)) = self.read_again(item)? else { return Ok(Ready::Left) };
        if let Some(problem) = read.problems.first() {
            return Ok(Ready::StaysRefused(problem.code.number().to_owned()));
        }
        if !read.passes {
            return Ok(Ready::PassedOver);
        }
        let inside = row::decode(&item.row.body).is_some_and(|(_, inside)| !inside.is_empty());
        let now = self.records().now();
        let offset = self.rules().map.zone.to_offset(now);
        Ok(Ready::Refused(Box::new(Anew { facts, read, control_id: self.control_id(now), offset, inside })))
    }

    /// A refused message as today's rules of its channel read it; none for what is no message to take up: removed, of an
    /// analyser, a question, an answer of an application.
    fn read_again(&self, item: &QueueItem) -> Result<Option<(Facts, Read)>, Error> {
        let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
        let (facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
        if facts.removed.is_some() || facts.line.is_some() || facts.fhir {
            return Ok(None);
        }
        let bytes = self.bytes(item, inside)?;
        let wires = ["mllp", "mllps", "http", "https", "file", "upload"];
        let way = Way {
            intake: self.rules_of(&facts.through),
            wire: wires.into_iter().find(|wire| *wire == facts.wire).unwrap_or_default(),
            from: facts.peer.rsplit_once(':').map_or(facts.peer.as_str(), |(ip, _)| ip).to_owned(),
            peer: facts.peer.clone(),
            tls: facts.tls,
            connection: 0,
        };
        let read = self.read(bytes, &way);
        let asks = read.question.is_some() || read.reply.is_some();
        Ok((!asks).then_some((facts, read)))
    }

    /// What would become of a refused row.
    pub(super) fn would_be_taken(&self, item: &QueueItem) -> Result<ReplayWould, Error> {
        let Some((_, read)) = self.read_again(item)? else {
            return Ok(ReplayWould::of("unclear", "It is no message that can be taken up.".to_owned()));
        };
        if let Some(problem) = read.problems.first() {
            let place = problem.place.as_ref().map(|place| format!(" {place}")).unwrap_or_default();
            let why = format!("{}{place}: {}", problem.code.number(), problem.reason);
            return Ok(ReplayWould::of("refused", why));
        }
        if !read.passes {
            return Ok(ReplayWould::of("passedOver", "The filter of the channel passes it over.".to_owned()));
        }
        self.would_apply(item)
    }

    /// What would become of a row if it were applied now: mapped, matched, met with the record and checked.
    pub(super) fn would_apply(&self, item: &QueueItem) -> Result<ReplayWould, Error> {
        let held = |why: &str| Ok(ReplayWould::of("held", why.to_owned()));
        let Some(mut opened) = self.open(item)? else { return held("cannotStore") };
        if opened.facts.line.is_some() {
            return Ok(ReplayWould::of("unclear", "It came from an analyser.".to_owned()));
        }
        let from = sender(&opened.facts);
        let found = self.find(&from, &opened.mapped.patient)?;
        let known: Vec<_> = found.into_iter().map(|found| found.known).collect();
        let matched = matching::decide(&opened.mapped.patient, &known);
        let creates = opened.mapped.event.feeds_patients();
        let patient = match matching::conclude(matched, &opened.mapped.patient, creates) {
            Decision::Hold { why, .. } => return held(why),
            Decision::Apply(patient) => Some(patient),
            Decision::Create => None,
        };
        let target = patient.clone().unwrap_or_else(|| opened.mapped.patient_id.clone());
        merge::retarget(&mut opened.mapped.bundle, "Patient", &opened.mapped.patient_id.clone(), &target);
        if !self.others(&from, &mut opened, &target)? {
            return held("conflict");
        }
        let snapshot = self.records().vault().snapshot()?;
        let Writes { entries, .. } =
            self.entries(&snapshot, &opened, &target, patient.is_none() || creates)?;
        drop(snapshot);
        let records = entries.len() as u64;
        let bundle = Object::new().with("resourceType", "Bundle").with("type", "transaction");
        let bundle = if entries.is_empty() { bundle } else { bundle.with("entry", entries) };
        let rules = Carry { check_references: true, representation: false, skip_broken: false };
        let checked = bundle::parse(bundle.into(), MOST_ENTRIES)
            .map_err(Error::Broken)
            .and_then(|bundle| self.records().prepare(&from, bundle, rules));
        match checked {
            Ok(_) => Ok(ReplayWould { records, ..ReplayWould::of("applied", None) }),
            Err(error @ (Error::Broken(_) | Error::Unreadable(_) | Error::TooMuch(_))) => {
                Ok(ReplayWould::of("held", format!("cannotStore: {error}")))
            }
            Err(error) => Err(error),
        }
    }
}

fn held(item: &QueueItem) -> Result<Ready, Error> {
    let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
    let (mut facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
    if facts.removed.is_some() {
        return Ok(Ready::Left);
    }
    facts.held = None;
    row::encode(&facts, inside).map(Ready::Held).map_err(|e| Error::Fault(e.to_string()))
}

impl Prepared {
    /// Does it, as part of the replay's unit of work.
    pub fn commit(self, work: &mut Work<'_, '_>, replay: u64) -> Result<Again, Error> {
        let Self { seq, what } = self;
        let there = work.unit().queue_get(INBOX, seq)?.map(|item| State::of(item.row.state));
        let said = |what: &str| Some(format!("replay {replay}: {what}"));
        match what {
            Ready::Held(body) if there == Some(State::Held) => {
                work.unit().queue_set(INBOX, seq, State::Received.number(), None, Some(&body))?;
                let line = leaf(
                    work.who(),
                    Action::MessageSettled,
                    Outcome::Success,
                    seq,
                    None,
                    said("taken up again"),
                );
                work.audit(line)?;
                work.announce(What::Inbox { seq, state: State::Received.number() });
                Ok(Again::Under(seq))
            }
            Ready::Refused(anew) if there == Some(State::Refused) => anew.commit(work, replay, seq),
            Ready::StaysRefused(code) => {
                let said = said(&format!("stays refused with {code}"));
                let line = leaf(work.who(), Action::MessageRefused, Outcome::Refused, seq, None, said);
                work.audit(line)?;
                Ok(Again::Refused)
            }
            Ready::PassedOver => Ok(Again::PassedOver),
            Ready::Held(_) | Ready::Refused(_) | Ready::Left => Ok(Again::Left),
        }
    }
}

impl Anew {
    fn commit(self, work: &mut Work<'_, '_>, replay: u64, old: u64) -> Result<Again, Error> {
        let Self { mut facts, mut read, control_id, offset, inside } = self;
        let now = work.now();
        if work.unit().recall(&read.same)?.is_some_and(|answer| is_positive(&answer)) {
            // Its sender has sent it again in the meantime, and then it was taken.
            return Ok(Again::Left);
        }
        read.facts.replays = Some(old);
        read.facts
            .warnings
            .push(format!("It was refused when it came, as row {old}, and taken up again by a person."));
        let body = row::encode(&read.facts, &[]).map_err(|e| Error::Fault(e.to_string()))?;
        let row = QueueRow {
            partition: read.partition,
            state: State::Received.number(),
            due: None,
            body,
            ref_key: read.same.clone(),
        };
        let seq = work.unit().enqueue(INBOX, &row)?;
        work.unit().queue_load_put(INBOX, seq, &read.bytes)?;
        forward::enqueue_all(work, seq, std::mem::take(&mut read.onward))?;
        // Who repeats the message is told that it is here now.
        let until = now.saturating_add(read.intake.window()).unwrap_or(Timestamp::MAX);
        let answer = read.wish.at_once(None).map_or(Vec::new(), |code| {
            let answer = Answer { code, problems: &[], control_id: &control_id, now, offset };
            ack::build(read.header.as_ref(), &answer)
        });
        work.unit().remember(&read.same, until, &answer)?;
        facts.settled =
            Some(Settled { by: work.who().id.clone(), reason: Some(format!("taken up again as {seq}")) });
        facts.happened(Happened::Settled, now);
        facts.replayed_as = Some(seq);
        let kept: &[u8] = if inside { &read.bytes } else { &[] };
        let body = row::encode(&facts, kept).map_err(|e| Error::Fault(e.to_string()))?;
        work.unit().queue_set(INBOX, old, State::Dismissed.number(), None, Some(&body))?;
        for (one, said) in
            [(old, format!("taken up again as {seq}")), (seq, format!("in the place of {old}"))]
        {
            let said = Some(format!("replay {replay}: {said}"));
            let line = leaf(work.who(), Action::MessageSettled, Outcome::Success, one, None, said);
            work.audit(line)?;
        }
        work.announce(What::Inbox { seq: old, state: State::Dismissed.number() });
        work.announce(What::Inbox { seq, state: State::Received.number() });
        Ok(Again::Under(seq))
    }
}

/// Whether an answer that was kept says that the message was taken.
fn is_positive(answer: &[u8]) -> bool {
    applied::waiting(answer).is_some() || matches!(Reply::of(answer.to_vec()).code().as_str(), "AA" | "CA")
}
