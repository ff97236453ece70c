//! Applies committed messages: oldest first, one at a time for each patient, several patients side by side.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::retention::Expiry;
use super::row::{self, State};
use super::{Exchange, FENCE, INBOX};
use crate::app::App;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// Rows read at once. Each may be as long as the longest message.
const BATCH: usize = 32;
/// A look without being woken: what a crash left behind is found at the start, what an error left behind here.
const IDLE: Duration = Duration::from_secs(1);

/// Applies rows until told to stop, whenever the vault is open.
///
/// # Errors
/// When the vault stops or a stored row is damaged; the supervisor starts the worker again.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    let mut pause = IDLE;
    let mut renewed = false;
    let mut expiry = Expiry::default();
    while !stop.is_wanted() {
        // Held only for one round, so that sealing the vault can close it.
        let exchange = app.rooms().ok().map(|rooms| rooms.exchange.clone());
        let began = Instant::now();
        let glance = exchange.as_ref().map(|exchange| exchange.0.pace.glance());
        let done = match &exchange {
            Some(exchange) => exchange.round().await?,
            None => Round::Empty,
        };
        pause = match done {
            Round::Empty => match exchange.clone() {
                Some(exchange) if !renewed => {
                    renewed = !tokio::task::spawn_blocking(move || exchange.renew_some()).await??;
                    continue;
                }
                Some(exchange) => {
                    let mut looked = std::mem::take(&mut expiry);
                    let task = tokio::task::spawn_blocking(move || {
                        let more = exchange.expire_some(&mut looked, exchange.records().now());
                        (looked, more)
                    });
                    let (looked, more) = task.await?;
                    expiry = looked;
                    match more {
                        Ok(true) => continue,
                        Ok(false) | Err(Error::NoRoom | Error::Busy) => IDLE,
                        Err(error) => return Err(error.into()),
                    }
                }
                None => IDLE,
            },
            Round::Progress(oldest) => {
                let rest = exchange.as_ref().zip(glance).map(|(exchange, glance)| {
                    let now = exchange.records().now();
                    exchange.0.pace.rest(glance, began.elapsed(), oldest, now)
                });
                // Not held while it rests, as above.
                drop(exchange);
                tokio::time::sleep(rest.unwrap_or_default()).await;
                continue;
            }
            // The disk is full or the box is busy: do not spin.
            Round::Stuck => (pause * 2).clamp(Duration::from_millis(200), IDLE * 5),
        };
        let woken = async {
            match &exchange {
                Some(exchange) => exchange.0.wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.wanted() => break,
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}

impl Exchange {
    /// Applies everything that is waiting. For tests and for the command line; the running box has [`run`].
    ///
    /// # Errors
    /// As [`run`].
    pub async fn drain(&self) -> anyhow::Result<()> {
        while let Round::Progress(_) = self.round().await? {}
        Ok(())
    }

    async fn round(&self) -> anyhow::Result<Round> {
        let exchange = self.clone();
        let rows = tokio::task::spawn_blocking(move || {
            exchange.records().vault().snapshot()?.queue_oldest(INBOX, State::Received.number(), None, BATCH)
        })
        .await??;
        let Some(oldest) = rows.first().map(|row| row.at) else { return Ok(Round::Empty) };
        let mut busy = HashSet::new();
        let mut tasks = JoinSet::new();
        for row in rows {
            if row.row.partition == FENCE {
                // About two patients: after all that came before, and before all that comes later.
                if tasks.is_empty() {
                    let (exchange, desk) = (self.clone(), self.0.pace.desk().await);
                    tasks.spawn_blocking(move || (row.seq, exchange.apply_counted(&row, desk)));
                }
                break;
            }
            // A later row of a patient waits for the next round, so that the order within a patient holds. What waits
            // lets nothing of its patient overtake it.
            let keys = [vec![row.row.partition.clone()], row::also(&row.row.body)].concat();
            let free = !keys.iter().any(|key| busy.contains(key));
            busy.extend(keys);
            if free {
                let (exchange, desk) = (self.clone(), self.0.pace.desk().await);
                tasks.spawn_blocking(move || (row.seq, exchange.apply_counted(&row, desk)));
            }
        }
        let mut round = Round::Stuck;
        while let Some(joined) = tasks.join_next().await {
            let (seq, done) = joined?;
            match done {
                // It waits for a message that came before it.
                Ok(State::Received) => {}
                Ok(state) => {
                    tracing::info!(op = "hl7.apply", seq, outcome = state.as_str());
                    round = Round::Progress(oldest);
                }
                Err(error @ (Error::Stopped(_) | Error::Damaged(_))) => return Err(error.into()),
                // Somebody was faster, or there is no room now: the row stays as it is.
                Err(
                    error @ (Error::Precondition(_)
                    | Error::Conflict(_)
                    | Error::Busy
                    | Error::Renewing
                    | Error::Indexing(_)
                    | Error::NoRoom
                    | Error::Unknown
                    | Error::PageExpired),
                ) => tracing::warn!(op = "hl7.apply", seq, %error, "tried again later"),
                // It will fail the same way every time: a person has to look.
                Err(error) => {
                    tracing::warn!(op = "hl7.apply", seq, outcome = "held");
                    let exchange = self.clone();
                    let given_up = move || exchange.give_up_counted(seq, &error);
                    tokio::task::spawn_blocking(given_up).await??;
                    round = Round::Progress(oldest);
                }
            }
        }
        Ok(round)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Empty,
    /// With when the oldest of its rows came.
    Progress(Timestamp),
    Stuck,
}
