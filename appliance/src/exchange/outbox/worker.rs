//! Sends what waits: in order for each patient, side by side across patients and destinations. A destination that is away
//! occupies its own lines and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clinicvault_gateway::hl7::ack::Code;
use clinicvault_gateway::hl7::reply::Reply;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::destination::{Acknowledge, Destination, MllpTarget};
use super::lanes::{Lanes, Settled};
use super::line::{Dial, Line, Lost};
use super::row::{self, Attempt, State};
use super::{OUTBOX, Outbox};
use crate::app::App;
use crate::exchange::channels::Channels;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// A look without being woken: for pauses that end, late answers, and channels that change.
const LOOK: Duration = Duration::from_secs(1);
/// Rows read at once.
const PAGE: usize = 64;

/// Sends until told to stop, whenever the vault is open.
///
/// # Errors
/// When the vault stops; the supervisor starts the worker again, and every message goes on from what is kept.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    while !stop.is_wanted() {
        let Ok(rooms) = app.rooms() else {
            tokio::select! {
                () = stop.wanted() => break,
                () = tokio::time::sleep(LOOK) => continue,
            }
        };
        let (outbox, channels) = (rooms.exchange.outbox().clone(), rooms.exchange.channels().clone());
        drop(rooms);
        let mut office = Office::new(outbox, app.data().to_owned());
        while !stop.is_wanted() && app.rooms().is_ok() {
            office.round(&channels).await?;
            let outbox = office.outbox.clone();
            let busy = !office.sends.is_empty();
            tokio::select! {
                () = stop.wanted() => break,
                () = outbox.0.wake.notified() => {}
                Some(sent) = office.sends.next(), if busy => office.settle(sent)?,
                () = tokio::time::sleep(LOOK) => office.listen().await?,
            }
        }
    }
    Ok(())
}

/// What came of one message.
struct Sent {
    destination: String,
    lane: String,
    settled: Settled,
    line: Option<Line>,
    fault: Option<Error>,
}

/// One destination.
struct Counter {
    target: MllpTarget,
    dial: Result<Dial, String>,
    lanes: Lanes,
    idle: Vec<Line>,
    busy: usize,
    on: bool,
}

/// The destinations of one open vault.
struct Office {
    outbox: Outbox,
    data: PathBuf,
    counters: BTreeMap<String, Counter>,
    /// The newest row that was looked at.
    last: Option<u64>,
    sends: FuturesUnordered<BoxFuture<'static, Sent>>,
}

impl Office {
    fn new(outbox: Outbox, data: PathBuf) -> Self {
        Self { outbox, data, counters: BTreeMap::new(), last: None, sends: FuturesUnordered::new() }
    }

    /// Follows the documents, reads what is new, and sends what may be sent.
    async fn round(&mut self, channels: &Channels) -> anyhow::Result<()> {
        self.follow(channels).await?;
        self.read().await?;
        let now = self.outbox.records().now();
        for (name, counter) in &mut self.counters {
            while counter.on && counter.busy < counter.target.connections {
                let Some((seq, lane)) = counter.lanes.next(now) else { break };
                counter.busy += 1;
                let job = Job {
                    outbox: self.outbox.clone(),
                    destination: name.clone(),
                    seq,
                    lane,
                    target: counter.target.clone(),
                    dial: counter.dial.clone(),
                    line: counter.idle.pop(),
                };
                self.sends.push(Box::pin(job.run()));
            }
        }
        Ok(())
    }

    /// The destinations as the documents have them now. Rows of one that is gone wait until it is there again.
    async fn follow(&mut self, channels: &Channels) -> anyhow::Result<()> {
        let outbox = self.outbox.clone();
        let paused = tokio::task::spawn_blocking(move || outbox.paused()).await??;
        let mut there: Vec<String> = Vec::new();
        for live in channels.there() {
            let kept = live.kept();
            for target in &kept.document.destinations {
                let name = format!("{}/{}", kept.document.name, target.name);
                let on = kept.document.on && !paused.contains(&name);
                let Destination::Mllp(mllp) = &target.to;
                there.push(name.clone());
                self.set(name, mllp, on);
            }
        }
        for (name, counter) in &mut self.counters {
            if !there.contains(name) {
                counter.on = false;
                counter.idle.clear();
            }
        }
        Ok(())
    }

    fn set(&mut self, name: String, target: &MllpTarget, on: bool) {
        match self.counters.get_mut(&name) {
            Some(counter) if counter.target == *target => counter.on = on,
            Some(counter) => {
                counter.target = target.clone();
                counter.dial = dial(target, &self.data);
                counter.idle.clear();
                counter.lanes.hurry();
                counter.on = on;
            }
            None => {
                let lanes = Lanes::default();
                let dial = dial(target, &self.data);
                let counter = Counter { target: target.clone(), dial, lanes, idle: Vec::new(), busy: 0, on };
                self.counters.insert(name, counter);
                // Its rows may have been passed over while it was not there.
                self.last = None;
            }
        }
    }

    /// Rows that are new since the last look, and those that a person wants to be sent again.
    async fn read(&mut self) -> anyhow::Result<()> {
        loop {
            let (outbox, after, wanted) = (self.outbox.clone(), self.last, self.outbox.take_again());
            let (rows, again) = tokio::task::spawn_blocking(move || {
                let snapshot = outbox.records().vault().snapshot()?;
                let again: Vec<_> = wanted
                    .into_iter()
                    .map(|seq| snapshot.queue_get(OUTBOX, seq))
                    .collect::<Result<_, _>>()?;
                let rows = snapshot.queue_oldest(OUTBOX, State::Waiting.number(), after, PAGE)?;
                Ok::<_, clinicvault_vault::ReadError>((rows, again))
            })
            .await??;
            let more = rows.len() == PAGE;
            self.last = rows.last().map(|item| item.seq).or(self.last);
            for item in rows.into_iter().chain(again.into_iter().flatten()) {
                let Some(facts) = row::decode(&item.row.body) else { continue };
                let waits = State::of(item.row.state) == State::Waiting;
                if let (Some(counter), true) = (self.counters.get_mut(&facts.destination), waits) {
                    counter.lanes.add(item.seq, &facts.lane);
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn settle(&mut self, sent: Sent) -> anyhow::Result<()> {
        let now = self.outbox.records().now();
        if let Some(counter) = self.counters.get_mut(&sent.destination) {
            counter.busy = counter.busy.saturating_sub(1);
            counter.lanes.settle(&sent.lane, sent.settled, now, roll()?);
            if counter.on {
                counter.idle.extend(sent.line);
            }
        }
        match sent.fault {
            Some(error @ (Error::Stopped(_) | Error::Damaged(_))) => Err(error.into()),
            Some(error) => {
                tracing::warn!(op = "outbox.send", destination = sent.destination, %error, "tried again later");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Late answers on lines where nothing is under way.
    async fn listen(&mut self) -> anyhow::Result<()> {
        let mut heard: Vec<(String, Reply)> = Vec::new();
        for (name, counter) in &mut self.counters {
            for mut line in std::mem::take(&mut counter.idle) {
                if let Some(replies) = line.lately().await {
                    heard.extend(replies.into_iter().map(|reply| (name.clone(), reply)));
                    counter.idle.push(line);
                }
            }
        }
        for (name, reply) in heard {
            late(&self.outbox, &name, reply).await?;
        }
        Ok(())
    }
}

fn dial(target: &MllpTarget, data: &Path) -> Result<Dial, String> {
    target.dial(data).map_err(|error| format!("{error:#}"))
}

fn roll() -> Result<u32, Error> {
    let mut random = [0u8; 4];
    getrandom::fill(&mut random).map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
    Ok(u32::from_be_bytes(random))
}

async fn late(outbox: &Outbox, destination: &str, reply: Reply) -> anyhow::Result<()> {
    let (outbox, name) = (outbox.clone(), destination.to_owned());
    let settled = tokio::task::spawn_blocking(move || outbox.late(&name, &reply)).await??;
    tracing::info!(op = "outbox.late", destination, settled);
    Ok(())
}

/// One message on its way.
struct Job {
    outbox: Outbox,
    destination: String,
    seq: u64,
    lane: String,
    target: MllpTarget,
    dial: Result<Dial, String>,
    line: Option<Line>,
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
    async fn run(mut self) -> Sent {
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
        let tried = self.attempt(line, &message, facts.control_id.as_bytes()).await;
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

    async fn attempt(&self, line: Option<Line>, message: &[u8], control_id: &[u8]) -> Tried {
        let nothing = |outcome: &str, text: String, settled: Settled| Tried {
            attempt: Attempt {
                at: self.outbox.records().now(),
                outcome: outcome.to_owned(),
                code: None,
                text,
            },
            state: State::Waiting,
            settled,
            line: None,
            others: Vec::new(),
        };
        let mut others = Vec::new();
        // A line that was idle may have been cut without a word: then nothing was lost but the line.
        let kept = match line {
            Some(mut line) => line.lately().await.map(|replies| {
                others.extend(replies);
                line
            }),
            None => None,
        };
        let opened = match (kept, &self.dial) {
            (Some(line), _) => Ok(line),
            (None, Ok(dial)) => dial.open().await,
            (None, Err(why)) => Err(why.clone()),
        };
        let mut line = match opened {
            Ok(line) => line,
            Err(why) => return Tried { others, ..nothing("notSent", why, Settled::Down) },
        };
        let patience = Duration::from_secs(self.target.timeout_seconds);
        let done = line.exchange(message, control_id, patience, |reply| others.push(reply)).await;
        match done {
            Ok((reply, _)) => {
                let (outcome, state, settled) = verdict(reply.code, self.target.acknowledge);
                let attempt = self.outbox.answered(&reply, outcome);
                Tried { attempt, state, settled, line: Some(line), others }
            }
            Err(Lost::NotSent(why)) => Tried { others, ..nothing("notSent", why, Settled::Down) },
            // It may have been taken: the same bytes are sent again under the same control id, on another line.
            Err(Lost::NoAnswer(why)) => Tried { others, ..nothing("noAnswer", why, Settled::Again) },
        }
    }
}

/// What an answer means (hl7v2-gateway reference, section 2).
fn verdict(code: Code, mode: Acknowledge) -> (&'static str, State, Settled) {
    match code {
        Code::CA if mode == Acknowledge::Application => ("accepted", State::Accepted, Settled::Gone),
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
