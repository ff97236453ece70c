//! One message of a replay: what of it can be found out before the writer, and what is done in the writer.
//!
//! One that waited for a person goes back among those to be applied, at its old place in the order of its patient. One that
//! was refused is read anew by the rules of today; when they take it, it is a new row that names the old one, and the old
//! one is put aside. Its bytes are never changed.

use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::hl7::ack::{self, Answer};
use clinicvault_gateway::json::{self, Object};
use clinicvault_gateway::map::fhir::ResponseCode;
use clinicvault_gateway::map::matching::{self, Decision};
use clinicvault_gateway::map::merge;
use clinicvault_vault::{Action, Outcome, QueueItem, QueueRow};
use jiff::{SignedDuration, Timestamp};

use super::preview::ReplayWould;
use crate::clinic::identity::Identity;
use crate::exchange::applied;
use crate::exchange::apply::{MOST_ENTRIES, sender};
use crate::exchange::fhir_message::code_of;
use crate::exchange::inbox::{Reply, leaf};
use crate::exchange::intake::Way;
use crate::exchange::outbox::{Parcel, forward};
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
    fresh: Fresh,
    /// The body of the old row holds the bytes itself.
    inside: bool,
}

/// What today's rules make of a refused message.
enum ReadAgain {
    Refused { code: String, why: String },
    PassedOver,
    Taken(Box<Fresh>),
}

/// The row that takes the place of a refused one.
struct Fresh {
    facts: Facts,
    partition: String,
    same: Vec<u8>,
    bytes: Vec<u8>,
    onward: Vec<Parcel>,
    /// What its sender is told who repeats it, and for how long.
    answer: Vec<u8>,
    window: SignedDuration,
}

/// What would become of a message, and whose newer particulars it would take the place of.
pub(super) struct Would {
    pub would: ReplayWould,
    pub over: Option<Over>,
}

/// A patient whose record was changed after the message came.
pub(super) struct Over {
    pub patient: Identity,
    pub since: Timestamp,
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
        let Some((facts, again)) = self.read_again(item)? else { return Ok(Ready::Left) };
        Ok(match again {
            ReadAgain::Refused { code, .. } => Ready::StaysRefused(code),
            ReadAgain::PassedOver => Ready::PassedOver,
            ReadAgain::Taken(fresh) => {
                let inside = row::decode(&item.row.body).is_some_and(|(_, inside)| !inside.is_empty());
                Ready::Refused(Box::new(Anew { facts, fresh: *fresh, inside }))
            }
        })
    }

    /// A refused message as today's rules of its channel read it; none for what is no message to take up: removed, of an
    /// analyser, a question, an answer of an application.
    fn read_again(&self, item: &QueueItem) -> Result<Option<(Facts, ReadAgain)>, Error> {
        let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
        let (facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
        if facts.removed.is_some() || facts.line.is_some() {
            return Ok(None);
        }
        let bytes = self.bytes(item, inside)?;
        let wires = ["mllp", "mllps", "http", "https", "file", "upload", "fhir"];
        let way = Way {
            intake: self.rules_of(&facts.through),
            wire: wires.into_iter().find(|wire| *wire == facts.wire).unwrap_or_default(),
            from: facts.peer.rsplit_once(':').map_or(facts.peer.as_str(), |(ip, _)| ip).to_owned(),
            peer: facts.peer.clone(),
            tls: facts.tls,
            connection: 0,
        };
        let again = if facts.fhir { self.fhir_again(bytes, &way) } else { self.hl7_again(bytes, &way) };
        Ok(again.map(|again| (facts, again)))
    }

    fn hl7_again(&self, bytes: Vec<u8>, way: &Way) -> Option<ReadAgain> {
        let read = self.read(bytes, way);
        if read.question.is_some() || read.reply.is_some() {
            return None;
        }
        if let Some(problem) = read.problems.first() {
            let code = problem.code.number().to_owned();
            let place = problem.place.as_ref().map(|place| format!(" {place}")).unwrap_or_default();
            return Some(ReadAgain::Refused { why: format!("{code}{place}: {}", problem.reason), code });
        }
        if !read.passes {
            return Some(ReadAgain::PassedOver);
        }
        let now = self.records().now();
        let (control_id, offset) = (self.control_id(now), self.rules().map.zone.to_offset(now));
        let answer = read.wish.at_once(None).map_or(Vec::new(), |code| {
            let answer = Answer { code, problems: &[], control_id: &control_id, now, offset };
            ack::build(read.header.as_ref(), &answer)
        });
        Some(ReadAgain::Taken(Box::new(Fresh {
            window: read.intake.window(),
            facts: read.facts,
            partition: read.partition,
            same: read.same,
            bytes: read.bytes,
            onward: read.onward,
            answer,
        })))
    }

    fn fhir_again(&self, bytes: Vec<u8>, way: &Way) -> Option<ReadAgain> {
        let bundle = json::parse(&bytes, &json::Limits::bytes(bytes.len())).ok()?;
        let mut read = self.read_fhir(&bundle, &bytes, way);
        if let Some(refusal) = &read.refused {
            let issue = refusal.outcome.issues.first();
            let code = issue.map(|issue| issue.code.as_str().to_owned()).unwrap_or_default();
            let place = issue.and_then(|issue| issue.expression.first()).map(|at| format!(" {at}"));
            let reason = issue.map(|issue| issue.diagnostics.as_str()).unwrap_or_default();
            let why = format!("{code}{}: {reason}", place.unwrap_or_default());
            return Some(ReadAgain::Refused { code, why });
        }
        if !read.passes {
            return Some(ReadAgain::PassedOver);
        }
        read.facts.answered = Some(ResponseCode::Ok.as_str().to_owned());
        Some(ReadAgain::Taken(Box::new(Fresh {
            window: way.intake.window(),
            answer: self.taken_later(&bundle, &bytes, way),
            facts: read.facts,
            partition: read.partition,
            same: read.same,
            bytes,
            onward: read.onward,
        })))
    }

    /// What would become of a refused row, and what it would change of its patient.
    pub(super) fn would_be_taken(&self, item: &QueueItem, whole: bool) -> Result<Would, Error> {
        match self.read_again(item)? {
            None => Ok(Would::of("unclear", "It is no message that can be taken up.".to_owned())),
            Some((_, ReadAgain::Refused { why, .. })) => Ok(Would::of("refused", why)),
            Some((_, ReadAgain::PassedOver)) => {
                Ok(Would::of("passedOver", "The filter of the channel passes it over.".to_owned()))
            }
            Some((_, ReadAgain::Taken(_))) => self.would_apply(item, whole),
        }
    }

    /// What would become of a row if it were applied now: mapped, matched, met with the record, and as a `whole` checked,
    /// too; and whose newer particulars it would take the place of.
    pub(super) fn would_apply(&self, item: &QueueItem, whole: bool) -> Result<Would, Error> {
        let held = |why: &str| Ok(Would::of("held", why.to_owned()));
        let Some(mut opened) = self.open(item)? else { return held("cannotStore") };
        if opened.facts.line.is_some() {
            return Ok(Would::of("unclear", "It came from an analyser.".to_owned()));
        }
        let from = sender(&opened.facts);
        let found = self.find(&from, &opened.mapped.patient)?;
        let known: Vec<_> = found.iter().map(|found| found.known.clone()).collect();
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
        let Writes { entries, patient_since, .. } =
            self.entries(&snapshot, &opened, &target, patient.is_none() || creates)?;
        drop(snapshot);
        let newer = patient_since.filter(|since| *since > item.at);
        let identity = found.into_iter().find(|one| one.known.id == target).map(|one| one.identity);
        let over = newer.zip(identity).map(|(since, patient)| Over { patient, since });
        let records = entries.len() as u64;
        if !whole {
            return Ok(Would { would: ReplayWould { records, ..ReplayWould::of("applied", None) }, over });
        }
        let bundle = Object::new().with("resourceType", "Bundle").with("type", "transaction");
        let bundle = if entries.is_empty() { bundle } else { bundle.with("entry", entries) };
        let rules = Carry { check_references: true, representation: false, skip_broken: false };
        let checked = bundle::parse(bundle.into(), MOST_ENTRIES)
            .map_err(Error::Broken)
            .and_then(|bundle| self.records().prepare(&from, bundle, rules));
        match checked {
            Ok(_) => Ok(Would { would: ReplayWould { records, ..ReplayWould::of("applied", None) }, over }),
            Err(error @ (Error::Broken(_) | Error::Unreadable(_) | Error::TooMuch(_))) => {
                Ok(Would::of("held", format!("cannotStore: {error}")))
            }
            Err(error) => Err(error),
        }
    }
}

impl Would {
    fn of(outcome: &'static str, reason: impl Into<Option<String>>) -> Self {
        Self { would: ReplayWould::of(outcome, reason), over: None }
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
        let Self { mut facts, fresh, inside } = self;
        let Fresh { facts: mut new, partition, same, bytes, onward, answer, window } = fresh;
        let now = work.now();
        if work.unit().recall(&same)?.is_some_and(|answer| is_positive(&answer)) {
            // Its sender has sent it again in the meantime, and then it was taken.
            return Ok(Again::Left);
        }
        new.replays = Some(old);
        new.warnings
            .push(format!("It was refused when it came, as row {old}, and taken up again by a person."));
        let body = row::encode(&new, &[]).map_err(|e| Error::Fault(e.to_string()))?;
        let state = State::Received.number();
        let row = QueueRow { partition, state, due: None, body, ref_key: same.clone() };
        let seq = work.unit().enqueue(INBOX, &row)?;
        work.unit().queue_load_put(INBOX, seq, &bytes)?;
        forward::enqueue_all(work, seq, onward)?;
        // Who repeats the message is told that it is here now.
        work.unit().remember(&same, now.saturating_add(window).unwrap_or(Timestamp::MAX), &answer)?;
        facts.settled =
            Some(Settled { by: work.who().id.clone(), reason: Some(format!("taken up again as {seq}")) });
        facts.happened(Happened::Settled, now);
        facts.replayed_as = Some(seq);
        let kept: &[u8] = if inside { &bytes } else { &[] };
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
    if answer.first() == Some(&b'{') {
        return code_of(answer) == ResponseCode::Ok;
    }
    applied::waiting(answer).is_some() || matches!(Reply::of(answer.to_vec()).code().as_str(), "AA" | "CA")
}
