//! Sends what waits: in order for each patient, side by side across patients and destinations. A destination that is away
//! occupies its own lines and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use clinicvault_gateway::hl7::reply::Reply;
use clinicvault_vault::{QueueItem, ReadError, Snapshot};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::destination::{Destination, Place, Way};
use super::job::{Job, Sent};
use super::lanes::Lanes;
use super::line::Line;
use super::row::{self, Facts, State};
use super::{OUTBOX, Outbox};
use crate::app::App;
use crate::exchange::channels::Channels;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// A look without being woken: for pauses that end, late answers, and channels that change.
const LOOK: Duration = Duration::from_secs(1);
/// Rows read at once.
const PAGE: usize = 64;
/// Rows of one destination that are known at a time, by their numbers; what is behind them stays in the vault.
const MOST_KNOWN: usize = 4_096;

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
        let place = Place { data: app.data().to_owned(), folders: app.config().hl7.folders.clone() };
        let mut office = Office::new(outbox, place);
        while !stop.is_wanted() && app.rooms().is_ok() {
            if office.round(&channels).await? {
                // There is more to read; what is to be settled is settled in between.
                office.outbox.nudge();
            }
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

/// One destination.
struct Counter {
    target: Destination,
    way: Result<Way, String>,
    lanes: Lanes,
    /// Rows behind this one are not known yet, but for those that a person wants to be sent again; none when all are.
    known: Option<Option<u64>>,
    idle: Vec<Line>,
    busy: usize,
    on: bool,
}

impl Counter {
    fn take(&mut self, item: &QueueItem, facts: &Facts) {
        if State::of(item.row.state) == State::Waiting {
            self.lanes.add(item.seq, &facts.lane, &facts.also);
        }
    }
}

/// The destinations of one open vault.
struct Office {
    outbox: Outbox,
    place: Place,
    counters: BTreeMap<String, Counter>,
    /// The newest row that was looked at; none before the first look.
    last: Option<Option<u64>>,
    sends: FuturesUnordered<BoxFuture<'static, Sent>>,
}

impl Office {
    fn new(outbox: Outbox, place: Place) -> Self {
        Self { outbox, place, counters: BTreeMap::new(), last: None, sends: FuturesUnordered::new() }
    }

    /// Follows the documents, reads what is new, and sends what may be sent; whether there is more to read at once.
    async fn round(&mut self, channels: &Channels) -> anyhow::Result<bool> {
        self.follow(channels).await?;
        let mut more = self.read().await?;
        more |= self.catch_up().await?;
        let now = self.outbox.records().now();
        for (name, counter) in &mut self.counters {
            while counter.on && counter.busy < counter.target.connections() {
                let Some((seq, lane)) = counter.lanes.next(now) else { break };
                counter.busy += 1;
                let job = Job {
                    outbox: self.outbox.clone(),
                    destination: name.clone(),
                    seq,
                    lane,
                    target: counter.target.clone(),
                    way: counter.way.clone(),
                    line: counter.idle.pop(),
                };
                self.sends.push(Box::pin(job.run()));
            }
        }
        Ok(more)
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
                there.push(name.clone());
                self.set(name, &target.to, on);
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

    fn set(&mut self, name: String, target: &Destination, on: bool) {
        match self.counters.get_mut(&name) {
            Some(counter) if counter.target == *target => {
                if counter.way.is_err() {
                    // A certificate may be there now.
                    counter.way = target.way(&self.place);
                }
                counter.on = on;
            }
            Some(counter) => {
                counter.target = target.clone();
                counter.way = target.way(&self.place);
                counter.idle.clear();
                counter.lanes.hurry();
                counter.on = on;
            }
            None => {
                let counter = Counter {
                    target: target.clone(),
                    way: target.way(&self.place),
                    lanes: Lanes::default(),
                    // Its rows are read from the first on, a page at a time.
                    known: Some(None),
                    idle: Vec::new(),
                    busy: 0,
                    on,
                };
                self.counters.insert(name, counter);
            }
        }
    }

    /// A page of rows that are new since the last look, and those that a person wants to be sent again; whether there are
    /// more new ones.
    async fn read(&mut self) -> anyhow::Result<bool> {
        let (after, wanted) = (self.last, self.outbox.take_again());
        let (rows, again) = look(self.outbox.clone(), move |snapshot| {
            let again: Vec<_> =
                wanted.into_iter().map(|seq| snapshot.queue_get(OUTBOX, seq)).collect::<Result<_, _>>()?;
            let rows = match after {
                Some(after) => snapshot.queue_oldest(OUTBOX, State::Waiting.number(), after, PAGE)?,
                // What waits already is read for each destination by itself.
                None => snapshot.queue_newest(OUTBOX, None, None, 1)?,
            };
            Ok((rows, again))
        })
        .await?;
        let more = after.is_some() && rows.len() == PAGE;
        self.last = Some(rows.last().map(|item| item.seq).or(after.flatten()));
        for item in &rows {
            let Some(facts) = row::decode(&item.row.body) else { continue };
            let Some(counter) = self.counters.get_mut(&facts.destination) else { continue };
            match counter.known {
                Some(_) => {}
                None if counter.lanes.waiting() < MOST_KNOWN => counter.take(item, &facts),
                None => counter.known = Some(Some(item.seq.saturating_sub(1))),
            }
        }
        for item in again.iter().flatten() {
            let Some(facts) = row::decode(&item.row.body) else { continue };
            if let Some(counter) = self.counters.get_mut(&facts.destination) {
                counter.take(item, &facts);
            }
        }
        Ok(more)
    }

    /// A page of rows for each destination that does not know all of its own and has room for more; whether there are more.
    async fn catch_up(&mut self) -> anyhow::Result<bool> {
        let behind = self.counters.iter().filter_map(|(name, counter)| {
            let room = counter.lanes.waiting() < MOST_KNOWN / 2;
            counter.known.filter(|_| room).map(|known| (name.clone(), known))
        });
        let mut more = false;
        for (name, known) in behind.collect::<Vec<_>>() {
            let page = move |snapshot: &Snapshot| {
                snapshot.queue_oldest(OUTBOX, State::Waiting.number(), known, PAGE)
            };
            let rows = look(self.outbox.clone(), page).await?;
            let Some(counter) = self.counters.get_mut(&name) else { continue };
            for item in &rows {
                let Some(facts) = row::decode(&item.row.body) else { continue };
                if facts.destination == name {
                    counter.take(item, &facts);
                }
            }
            let whole = rows.len() < PAGE;
            counter.known = if whole { None } else { Some(rows.last().map(|item| item.seq)) };
            more |= !whole;
        }
        Ok(more)
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

/// What a snapshot of now says.
fn look<T: Send + 'static>(
    outbox: Outbox,
    read: impl FnOnce(&Snapshot) -> Result<T, ReadError> + Send + 'static,
) -> impl Future<Output = anyhow::Result<T>> + Send + 'static {
    let done = tokio::task::spawn_blocking(move || {
        let snapshot = outbox.records().vault().snapshot()?;
        read(&snapshot)
    });
    async move { Ok(done.await??) }
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
