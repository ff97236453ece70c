//! Goes round the subscriptions: each has at most one step under way, and none waits for another's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::subscription::life::Step;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::Subscriptions;
use crate::app::App;
use crate::records::error::Error;
use crate::records::feed::{self, What};
use crate::records::watch::Row;
use crate::supervisor::Stop;

/// A look without being woken: for ends, waits and signs of life.
const IDLE: Duration = Duration::from_secs(1);
/// Changes that come close together are looked at together.
const GATHER: Duration = Duration::from_millis(20);
/// Rest of a subscription after the box itself failed at it.
const TROUBLE: Duration = Duration::from_secs(5);

type Turn = BoxFuture<'static, (String, Result<(), Error>)>;

/// Tells changes until told to stop, whenever the vault is open.
///
/// # Errors
/// When the vault stops; the supervisor starts the worker again, and every subscription goes on from what is kept.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    while !stop.is_wanted() {
        let Ok(rooms) = app.rooms() else {
            tokio::select! {
                () = stop.wanted() => break,
                () = tokio::time::sleep(IDLE) => continue,
            }
        };
        let room = rooms.subscriptions.clone();
        drop(rooms);
        round(&app, room, &mut stop).await?;
    }
    Ok(())
}

/// Goes round one open vault until it closes or the box stops.
async fn round(app: &App, room: Subscriptions, stop: &mut Stop) -> anyhow::Result<()> {
    let mut feed = room.records().feed().listen();
    let mut turns: FuturesUnordered<Turn> = FuturesUnordered::new();
    let mut busy: HashSet<String> = HashSet::new();
    let mut resting: HashMap<String, Instant> = HashMap::new();
    loop {
        let own = room.clone();
        let (any, rows) = tokio::task::spawn_blocking(move || own.due()).await??;
        resting.retain(|_, until| *until > Instant::now());
        for row in rows {
            if busy.contains(&row.id) || resting.contains_key(&row.id) {
                continue;
            }
            busy.insert(row.id.clone());
            let (own, id) = (room.clone(), row.id.clone());
            turns.push(Box::pin(async move {
                let over = row.gone || !row.old.is_empty();
                let done = if over { own.sweep(row).await } else { own.turn(row).await };
                (id, done)
            }));
        }
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            Some((id, done)) = turns.next(), if !turns.is_empty() => {
                busy.remove(&id);
                if let Err(error) = done {
                    if let Error::Stopped(_) = error {
                        return Err(error.into());
                    }
                    tracing::warn!(op = "subscription", id, %error, "a step failed");
                    resting.insert(id, Instant::now() + TROUBLE);
                }
            }
            () = room.0.wake.notified() => {}
            () = changed(&mut feed, any) => {}
            () = tokio::time::sleep(IDLE) => {}
        }
        match app.rooms() {
            Ok(rooms) if Arc::ptr_eq(&rooms.subscriptions.0, &room.0) => {}
            Ok(_) | Err(_) => return Ok(()),
        }
    }
}

/// Waits for a change. While nobody watches, only a Subscription is one.
async fn changed(feed: &mut Receiver<feed::Event>, any: bool) {
    loop {
        match feed.recv().await {
            Ok(event) => {
                let subscription = matches!(event.what, What::Record { kind, .. } if kind == ResourceType::SUBSCRIPTION.number());
                if any || subscription {
                    break;
                }
            }
            Err(RecvError::Lagged(_)) => break,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
    tokio::time::sleep(GATHER).await;
    // All that has come meanwhile is looked at in one go.
    while feed.try_recv().is_ok() {}
}

impl Subscriptions {
    /// Whether there are any, and those for which there is something to do. Blocking.
    fn due(&self) -> Result<(bool, Vec<Row>), Error> {
        let mut rows = self.records().watches()?;
        self.sockets().keep_only(&rows);
        let any = !rows.is_empty();
        rows.retain(|row| row.gone || !row.old.is_empty() || !matches!(self.step(row), Step::Rest(_)));
        Ok((any, rows))
    }

    async fn sweep(self, row: Row) -> Result<(), Error> {
        let done = tokio::task::spawn_blocking(move || self.records().sweep_watch(&row.id)).await;
        done.map_err(|_| Error::Fault("sweeping a subscription failed".to_owned()))?.map(|_| ())
    }
}
