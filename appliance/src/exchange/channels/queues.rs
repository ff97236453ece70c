//! What waits, by channel: to be read, for a person, to be sent, or because a destination does not want it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::DEFAULT;
use crate::exchange::outbox::{self, OUTBOX};
use crate::exchange::row;
use crate::exchange::{Exchange, INBOX};
use crate::records::error::Error;

/// Most rows of a state that are counted by channel.
const MOST_COUNTED: usize = 1_000;

/// What waits.
#[derive(Debug, Default, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelQueue {
    /// Taken in and not yet read.
    pub reading: u64,
    /// Waiting for a person.
    pub held: u64,
    /// To be sent to its destinations.
    pub sending: u64,
    /// Stopped: a destination does not want them.
    pub failed: u64,
    /// Since when the oldest waits that is to be read or to be sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
    /// More wait than were counted, of this channel or of others.
    pub more: bool,
}

/// What waits, by channel; a channel without a message is not among them. Blocking.
///
/// # Errors
/// When the vault stops.
pub fn waiting(exchange: &Exchange) -> Result<BTreeMap<String, ChannelQueue>, Error> {
    let snapshot = exchange.records().vault().snapshot()?;
    let mut queues: BTreeMap<String, ChannelQueue> = BTreeMap::new();
    let mut more = false;
    let older = |queue: &mut ChannelQueue, at: Timestamp| {
        queue.oldest = Some(queue.oldest.map_or(at, |known| known.min(at)));
    };
    for state in [row::State::Received, row::State::Held] {
        let items = snapshot.queue_oldest(INBOX, state.number(), None, MOST_COUNTED)?;
        more |= items.len() == MOST_COUNTED;
        for item in &items {
            let Some((facts, _)) = row::decode(&item.row.body) else { continue };
            let name = if facts.through.is_empty() { DEFAULT.to_owned() } else { facts.through };
            let queue = queues.entry(name).or_default();
            if state == row::State::Held {
                queue.held += 1;
            } else {
                queue.reading += 1;
                older(queue, item.at);
            }
        }
    }
    for state in [outbox::row::State::Waiting, outbox::row::State::Failed] {
        let items = snapshot.queue_oldest(OUTBOX, state.number(), None, MOST_COUNTED)?;
        more |= items.len() == MOST_COUNTED;
        for item in &items {
            let Some(facts) = outbox::row::decode(&item.row.body) else { continue };
            let name = facts.destination.split('/').next().unwrap_or_default();
            let queue = queues.entry(name.to_owned()).or_default();
            if state == outbox::row::State::Failed {
                queue.failed += 1;
            } else {
                queue.sending += 1;
                older(queue, item.at);
            }
        }
    }
    queues.values_mut().for_each(|queue| queue.more = more);
    Ok(queues)
}
