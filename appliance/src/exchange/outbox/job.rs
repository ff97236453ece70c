//! One message on its way to its destination, and what came of it.

use std::time::Duration;

use clinicvault_gateway::hl7::ack::Code;
use clinicvault_gateway::hl7::reply::Reply;

use super::destination::{Acknowledgement, Destination, Way};
use super::lanes::Settled;
use super::line::{Line, Lost};
use super::row::{self, Attempt, Facts, Form, State};
use super::web::{self, Verdict, Web};
use super::{OUTBOX, Outbox};
use crate::records::error::Error;

/// One message on its way.
pub(super) struct Job {
    pub outbox: Outbox,
    pub destination: String,
    pub seq: u64,
    pub lane: String,
    pub target: Destination,
    pub way: Result<Way, String>,
    pub line: Option<Line>,
}

/// What came of one message.
pub(super) struct Sent {
    pub destination: String,
    pub lane: String,
    pub settled: Settled,
    pub line: Option<Line>,
    pub fault: Option<Error>,
}

/// What came of an attempt.
struct Tried {
    attempt: Attempt,
    state: State,
    settled: Settled,
    line: Option<Line>,
    others: Vec<Reply>,
}

impl Job {
    /// Sends the message and keeps what came of it.
    pub async fn run(mut self) -> Sent {
        let (settled, line, fault) = match self.carry().await {
            Ok((settled, line)) => (settled, line, None),
            Err(error) => (Settled::Again, None, Some(error)),
        };
        Sent { destination: self.destination, lane: self.lane, settled, line, fault }
    }

    async fn carry(&mut self) -> Result<(Settled, Option<Line>), Error> {
        let (outbox, seq) = (self.outbox.clone(), self.seq);
        let line = self.line.take();
        let found = aside(move || {
            let snapshot = outbox.records().vault().snapshot()?;
            Ok((snapshot.queue_get(OUTBOX, seq)?, snapshot.queue_load(OUTBOX, seq)?))
        });
        let (item, message) = found.await?;
        let Some(item) = item.filter(|item| State::of(item.row.state) == State::Waiting) else {
            // A person was faster.
            return Ok((Settled::Gone, line));
        };
        let damaged = || super::damaged(seq);
        let facts = row::decode(&item.row.body).ok_or_else(damaged)?;
        let message = message.ok_or_else(damaged)?;
        let tried = self.attempt(line, message, &facts).await?;
        for reply in tried.others {
            let (outbox, name) = (self.outbox.clone(), self.destination.clone());
            aside(move || outbox.late(&name, &reply)).await?;
        }
        let (outcome, outbox) = (tried.attempt.outcome.clone(), self.outbox.clone());
        let (attempt, to) = (tried.attempt, tried.state);
        let state = aside(move || outbox.keep(seq, &[State::Waiting], attempt, to)).await?;
        tracing::info!(
            op = "outbox.send",
            seq,
            destination = self.destination,
            outcome,
            state = state.as_str()
        );
        let settled = if state == State::Waiting { tried.settled } else { Settled::Gone };
        Ok((settled, tried.line))
    }

    /// An attempt without an acknowledgement.
    fn ended(&self, outcome: &str, text: String, state: State, settled: Settled) -> Tried {
        let at = self.outbox.records().now();
        let attempt = Attempt { at, outcome: outcome.to_owned(), code: None, text };
        Tried { attempt, state, settled, line: None, others: Vec::new() }
    }

    fn lost(&self, lost: Lost) -> Tried {
        match lost {
            Lost::NotSent(why) => self.ended("notSent", why, State::Waiting, Settled::Down),
            // It may have been taken: the same bytes are sent again under the same control id.
            Lost::NoAnswer(why) => self.ended("noAnswer", why, State::Waiting, Settled::Again),
        }
    }

    async fn attempt(&self, line: Option<Line>, message: Vec<u8>, facts: &Facts) -> Result<Tried, Error> {
        let unfit = |why: String| Ok(self.ended("unfit", why, State::Failed, Settled::Gone));
        if facts.form != self.target.form() {
            let why = format!(
                "this is {}, and the destination takes {}",
                facts.form.words(),
                self.target.form().words()
            );
            return unfit(why);
        }
        if message.is_empty() {
            return unfit(
                "nothing of it was kept that could be sent: it was too long when it was made".to_owned(),
            );
        }
        match &self.way {
            Err(why) => Ok(self.lost(Lost::NotSent(why.clone()))),
            Ok(Way::Mllp(_)) if facts.control_id.is_empty() => unfit(
                "it has no control id (MSH-10), so no answer could be told to be about it; send it in another version"
                    .to_owned(),
            ),
            Ok(Way::Mllp(dial)) => Ok(self.over_line(line, dial, &message, facts.control_id.as_bytes()).await),
            Ok(Way::Web(web)) => self.by_request(web, message, facts).await,
            Ok(Way::Folder(drop)) => {
                let (drop, name) = (drop.clone(), facts.control_id.clone());
                let laid = aside(move || Ok(drop.lay(&name, &message))).await?;
                Ok(match laid {
                    Ok(file) => self.ended("taken", file, State::Sent, Settled::Gone),
                    Err(error) => self.lost(Lost::NotSent(format!("{error:#}"))),
                })
            }
        }
    }

    async fn over_line(
        &self,
        line: Option<Line>,
        dial: &super::line::Dial,
        message: &[u8],
        control_id: &[u8],
    ) -> Tried {
        let mut others = Vec::new();
        // A line that was idle may have been cut without a word: then nothing was lost but the line.
        let kept = match line {
            Some(mut line) => line.lately().await.map(|replies| {
                others.extend(replies);
                line
            }),
            None => None,
        };
        let opened = match kept {
            Some(line) => Ok(line),
            None => dial.open().await,
        };
        let mut line = match opened {
            Ok(line) => line,
            Err(why) => return Tried { others, ..self.lost(Lost::NotSent(why)) },
        };
        let Destination::Mllp(target) = &self.target else {
            return self.ended(
                "unfit",
                "its destination has changed".to_owned(),
                State::Waiting,
                Settled::Again,
            );
        };
        let patience = Duration::from_secs(target.timeout_seconds);
        let done = line.exchange(message, control_id, patience, |reply| others.push(reply)).await;
        match done {
            Ok((reply, _)) => Tried { line: Some(line), others, ..self.acknowledged(&reply) },
            Err(lost) => Tried { others, ..self.lost(lost) },
        }
    }

    async fn by_request(&self, web: &Web, message: Vec<u8>, facts: &Facts) -> Result<Tried, Error> {
        let secret = match &web.auth {
            None => None,
            Some(_) => {
                let (outbox, name, origin) = (self.outbox.clone(), self.destination.clone(), web.origin());
                aside(move || outbox.secret(&name, &origin)).await?
            }
        };
        // What is put has its own address there: the version that caused it, without its number.
        let about = facts.cause.split("/_history/").next().unwrap_or_default();
        let answer = match web.send(facts.form, about, message, secret.as_deref()).await {
            Ok(answer) => answer,
            Err(lost) => return Ok(self.lost(lost)),
        };
        let now = self.outbox.records().now();
        Ok(match web::judge(&answer, facts.form, facts.control_id.as_bytes(), now) {
            Verdict::Acknowledged(reply) => self.acknowledged(&reply),
            Verdict::Taken(why) if facts.form == Form::Er7 => {
                // It says that it has the message, as an acceptance does.
                let (outcome, state, settled) = verdict(Code::CA, self.target.acknowledge());
                self.ended(outcome, why, state, settled)
            }
            Verdict::Taken(why) => self.ended("taken", why, State::Sent, Settled::Gone),
            Verdict::Refused(why) => self.ended("refused", why, State::Failed, Settled::Gone),
            Verdict::Later { why, after, all } => {
                let settled = match after {
                    Some(until) => Settled::Rest(until),
                    None if all => Settled::Down,
                    None => Settled::Again,
                };
                self.ended("rejected", why, State::Waiting, settled)
            }
            Verdict::Other(why) => self.lost(Lost::NoAnswer(why)),
        })
    }

    fn acknowledged(&self, reply: &Reply) -> Tried {
        let (outcome, state, settled) = verdict(reply.code, self.target.acknowledge());
        let attempt = self.outbox.answered(reply, outcome);
        Tried { attempt, state, settled, line: None, others: Vec::new() }
    }
}

/// What an answer means (hl7v2-gateway reference, section 2).
fn verdict(code: Code, mode: Acknowledgement) -> (&'static str, State, Settled) {
    match code {
        Code::CA if mode == Acknowledgement::Application => ("accepted", State::Accepted, Settled::Gone),
        Code::AA | Code::CA => ("taken", State::Sent, Settled::Gone),
        Code::AE | Code::CE => ("refused", State::Failed, Settled::Gone),
        Code::AR | Code::CR => ("rejected", State::Waiting, Settled::Again),
    }
}

async fn aside<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(job).await;
    done.map_err(|_| Error::Fault("a step of the outbox failed".to_owned()))?
}
