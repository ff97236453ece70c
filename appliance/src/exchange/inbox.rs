//! Taking a message in: read, decide, commit, and only then answer.
//!
//! The ordering rule (hl7v2-gateway reference, section 2): no positive answer leaves before the row that holds the
//! message is durable. A repetition gets the stored answer; the same control id with other content is taken as new with
//! a warning, or refused where the sender is held to the standard.

use std::net::SocketAddr;
use std::sync::Arc;

use clinicvault_gateway::hl7::ack::{self, Answer, Code, Wish};
use clinicvault_gateway::hl7::{ErrorCode, Header, Place, Problem, Verdict, batch};
use clinicvault_vault::{Action, Leaf, Outcome, QueueRow};
use futures_util::future::join_all;
use jiff::Timestamp;

use super::applied::{self, Pending};
use super::channels::counts::Came;
use super::channels::document::Acknowledge;
use super::intake::Way;
use super::outbox::forward;
use super::reading::Read;
use super::row::{self, Fault, Settled, State};
use super::terms::{self, Content};
use super::told::not_stored;
pub use super::told::{Reply, Told};
use super::{Exchange, INBOX};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::unit::Work;

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The peer.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Number of the connection.
    pub connection: u64,
}

/// Messages of one piece that are handed to the writer before the first of them is committed.
const TOGETHER: usize = 30;

/// What the unit of work did.
enum Taken {
    Repeated(Vec<u8>),
    New {
        answer: Vec<u8>,
        state: State,
        seq: u64,
        problem: Option<Fault>,
        /// Destinations to which it does not go on because it goes round.
        round: Vec<String>,
    },
    /// The answer is given once the message is applied.
    Waits {
        seq: u64,
        again: bool,
        round: Vec<String>,
    },
}

impl Exchange {
    /// Takes in one frame of the listener of the settings; answers in the order of the messages in it.
    pub async fn take(&self, frame: Vec<u8>, arrival: Arrival) -> Vec<Reply> {
        let told = self.take_by(frame, &Way::mllp(arrival, self.intake().clone())).await;
        told.into_iter().map(|told| told.reply).collect()
    }

    /// Takes in what came in one piece, by the rules of its channel; answers in the order of the messages in it. They are
    /// handed to the writer together, so that many share a commit.
    pub async fn take_by(&self, frame: Vec<u8>, way: &Way) -> Vec<Told> {
        let ranges = batch::split(&frame);
        if ranges.len() < 2 {
            let one = ranges.into_iter().next().unwrap_or(0..frame.len());
            let bytes =
                if one.len() == frame.len() { frame } else { frame.get(one).unwrap_or_default().to_vec() };
            return vec![self.take_one(bytes, way).await];
        }
        let mut all = Vec::with_capacity(ranges.len());
        for some in ranges.chunks(TOGETHER) {
            let one = |range: &std::ops::Range<usize>| frame.get(range.clone()).unwrap_or_default().to_vec();
            // They are asked in their order, and the writer keeps the order in which it is asked.
            all.extend(join_all(some.iter().map(|range| self.take_one(one(range), way))).await);
        }
        all
    }

    async fn take_one(&self, bytes: Vec<u8>, way: &Way) -> Told {
        self.0.pace.arrived();
        let now = self.records().now();
        let mut read = self.read(bytes, way);
        if self.0.rehearsals.has(&read.facts.control_id) {
            return self.rehearsed(&read);
        }
        if let Some(question) = read.question.take() {
            return self.respond(question, read.facts, way).await;
        }
        let (header, wish, sender) = (read.header.clone(), read.wish, read.facts.sender.clone());
        let (kind, own_id) = (read.facts.kind.clone(), read.facts.control_id.clone());
        let problem = read.problems.first().map(Fault::from);
        let tell = |reply, seq, repeated| Told {
            reply,
            seq,
            kind: kind.clone(),
            control_id: own_id.clone(),
            repeated,
            problem: problem.clone(),
        };
        let control_id = self.control_id(now);
        let offset = self.rules().map.zone.to_offset(now);
        let who = Arc::new(Actor::sender(&sender, &way.source()));
        let answered = control_id.clone();
        let (same, window) = (read.same.clone(), read.intake.window());
        // Listened to from before the commit on, so that nothing is missed.
        let feed =
            (read.intake.rules.acknowledge == Acknowledge::Apply).then(|| self.records().feed().listen());
        let done =
            self.records().unit(who.clone(), move |work| commit(work, read, &answered, now, offset)).await;
        let (counts, peer, channel) = (&way.intake.counts, &way.peer, &way.intake.name);
        match done {
            Ok((Taken::Repeated(answer), _)) => {
                tracing::info!(op = "hl7.message", peer, channel, outcome = "repeated");
                counts.add(Came::Repeated, 1, now);
                tell(Reply::of(answer), None, true)
            }
            Ok((Taken::Waits { seq, again, round }, _)) => {
                self.sent_on(channel, &round);
                counts.add(if again { Came::Repeated } else { Came::Received }, 1, now);
                self.nudge();
                let pending =
                    Pending { seq, same, until: now.saturating_add(window).unwrap_or(Timestamp::MAX), who };
                let answer = match header.as_ref() {
                    Some(header) => {
                        // A channel may have been changed since it began to wait.
                        let feed = feed.unwrap_or_else(|| self.records().feed().listen());
                        self.answer_applied(header, pending, feed, &control_id).await
                    }
                    None => None,
                };
                let (answer, problem) = answer.map_or((Reply::Close, None), |(a, p)| (Reply::Send(a), p));
                Told { problem, repeated: again, ..tell(answer, (!again).then_some(seq), again) }
            }
            Ok((Taken::New { answer, state, seq, problem, round }, tx)) => {
                self.sent_on(channel, &round);
                tracing::info!(op = "hl7.message", peer, channel, tx = tx.0, outcome = state.as_str());
                let which = match state {
                    State::Dismissed => Came::PassedOver,
                    State::Refused => Came::Refused,
                    State::Received | State::Applied | State::Held => Came::Received,
                };
                counts.add(which, 1, now);
                self.nudge();
                Told { problem, ..tell(Reply::of(answer), Some(seq), false) }
            }
            Err(Error::Unknown) => {
                tracing::error!(op = "hl7.message", peer, channel, outcome = "unknown");
                tell(Reply::Close, None, false)
            }
            Err(error) => {
                tracing::error!(op = "hl7.message", peer, channel, outcome = "not stored", %error);
                let problem = Problem::reject(ErrorCode::Internal, None, not_stored(&error));
                let fault = Fault::from(&problem);
                let reply = match wish.at_once(Some(&problem)) {
                    None => Reply::Silent,
                    Some(code) => {
                        let problems = [problem];
                        let answer =
                            Answer { code, problems: &problems, control_id: &control_id, now, offset };
                        Reply::Send(ack::build(header.as_ref(), &answer))
                    }
                };
                Told { problem: Some(fault), ..tell(reply, None, false) }
            }
        }
    }

    /// The answer to something that is no message: a frame too long, unfinished, or without a start byte.
    pub fn refuse(&self, head: &[u8], reason: &str) -> Vec<u8> {
        let now = self.records().now();
        let header = Header::find(head).ok();
        let problems = [Problem::reject(ErrorCode::Internal, None, reason)];
        let wish = header.as_ref().map_or(Wish::original(), Wish::of);
        let code = wish.at_once(problems.first()).unwrap_or(Code::AR);
        let control_id = self.control_id(now);
        let offset = self.rules().map.zone.to_offset(now);
        ack::build(
            header.as_ref(),
            &Answer { code, problems: &problems, control_id: &control_id, now, offset },
        )
    }
}

/// Runs inside the writer: a repetition, or a new row.
fn commit(
    work: &mut Work<'_, '_>,
    mut read: Read,
    control_id: &str,
    now: Timestamp,
    offset: jiff::tz::Offset,
) -> Result<Taken, Error> {
    if let Some(answer) = work.unit().recall(&read.same)? {
        return Ok(match applied::waiting(&answer) {
            Some(seq) => Taken::Waits { seq, again: true, round: Vec::new() },
            None => Taken::Repeated(answer.to_vec()),
        });
    }
    if let Some(id) = &read.id
        && work.unit().recall(id)?.is_some()
    {
        if read.refuses_reuse {
            read.problems.push(Problem::error(
                ErrorCode::DuplicateKey,
                Some(Place::field("MSH", 1, 10)),
                "This control id was used before for another message.",
            ));
        } else {
            read.facts.warnings.push(
                "The control id was used before for another message; this one is taken as new.".to_owned(),
            );
        }
    }
    let mut settled = None;
    if let (Some((reply, waiting)), true) = (&read.reply, read.problems.is_empty()) {
        settled = forward::settle_late(work, waiting, reply)?;
        if settled.is_none() {
            read.problems.push(Problem::error(
                ErrorCode::UnknownKey,
                Some(Place::field("MSA", 1, 2)),
                "No message with this control id waits for the answer of an application.",
            ));
        }
    }
    let state = match (read.problems.is_empty(), read.passes && settled.is_none()) {
        (true, true) => State::Received,
        (true, false) => State::Dismissed,
        (false, _) => State::Refused,
    };
    if state == State::Dismissed {
        let reason = match settled {
            Some(row) => format!("It answers the message {row} of the outbox."),
            None => "The filter of the channel passes it over.".to_owned(),
        };
        read.facts.settled = Some(Settled { by: read.intake.name.clone(), reason: Some(reason) });
    }
    let first = read.problems.first();
    // A sender that wants only the application's answer hears of a refusal now: there will be no later one.
    let code = read.wish.at_once(first).or_else(|| first.and_then(|p| read.wish.later(Some(p))));
    let waits = read.intake.rules.acknowledge == Acknowledge::Apply
        && state == State::Received
        && code == Some(Code::AA);
    read.facts.problem = first.map(Fault::from);
    read.facts.answered = code.filter(|_| !waits).map(|c| c.as_str().to_owned());
    let answer = code.filter(|_| !waits).map_or(Vec::new(), |code| {
        ack::build(read.header.as_ref(), &Answer { code, problems: &read.problems, control_id, now, offset })
    });
    let body = row::encode(&read.facts, &[]).map_err(|e| Error::Fault(e.to_string()))?;
    let seq = work.unit().enqueue(
        INBOX,
        &QueueRow {
            partition: read.partition,
            state: state.number(),
            due: None,
            body,
            ref_key: read.same.clone(),
        },
    )?;
    work.unit().queue_load_put(INBOX, seq, &read.bytes)?;
    let onward = if state == State::Received { std::mem::take(&mut read.onward) } else { Vec::new() };
    let round = forward::enqueue_all(work, seq, onward)?;
    if state != State::Received {
        // Nobody comes back to it, so it is found by what it says from now on; all others when they are applied.
        let text = String::from_utf8_lossy(&read.bytes);
        let found = terms::of(&read.facts, now, &offset.to_time_zone(), Content::Text(&text));
        work.unit().queue_terms_set(INBOX, seq, &found)?;
    }
    // A rejection may be lifted by a fix elsewhere, so the same bytes are looked at anew; all else is final.
    if first.is_none_or(|p| p.verdict == Verdict::Error) {
        let until = now.saturating_add(read.intake.window()).unwrap_or(Timestamp::MAX);
        let stored = if waits { applied::mark(seq) } else { answer.clone() };
        work.unit().remember(&read.same, until, &stored)?;
        if let Some(id) = &read.id {
            work.unit().remember(id, until, &[])?;
        }
    }
    let (action, outcome) = match state {
        State::Refused => (Action::MessageRefused, Outcome::Refused),
        State::Received | State::Applied | State::Held | State::Dismissed => {
            (Action::MessageIn, Outcome::Success)
        }
    };
    let reason = first.map(|p| {
        format!("{} {}", p.code.number(), p.place.as_ref().map(ToString::to_string).unwrap_or_default())
    });
    let leaf = leaf(work.who(), action, outcome, seq, None, reason);
    work.audit(leaf)?;
    work.announce(What::Inbox { seq, state: state.number() });
    if waits {
        return Ok(Taken::Waits { seq, again: false, round });
    }
    Ok(Taken::New { answer, state, seq, problem: read.facts.problem, round })
}

/// An audit line about a row of the inbox.
pub(super) fn leaf(
    who: &Actor,
    action: Action,
    outcome: Outcome,
    seq: u64,
    patient: Option<String>,
    reason: Option<String>,
) -> Leaf {
    let reason = match reason {
        Some(reason) => format!("inbox {seq}: {reason}"),
        None => format!("inbox {seq}"),
    };
    Leaf {
        actor: who.id.clone(),
        role: who.role(),
        session: who.session,
        source: who.source.clone(),
        action,
        object: None,
        owner: patient,
        outcome,
        purpose: "TREAT".to_owned(),
        reason: Some(reason),
        detail: None,
    }
}
