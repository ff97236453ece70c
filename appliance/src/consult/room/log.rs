//! The events of a room, numbered without a gap, and the last of them for whoever was away.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::protocol::{Event, ToClient};

/// Events that are kept: minutes of a lively consultation.
const MOST: usize = 500;
/// Bytes of them.
const MOST_BYTES: usize = 512 * 1024;

/// The log of one room.
#[derive(Debug)]
pub struct Log {
    epoch: String,
    last: u64,
    kept: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Log {
    /// An empty one; `epoch` tells it from every other room's.
    pub fn new(epoch: String) -> Log {
        Log { epoch, last: 0, kept: VecDeque::new(), bytes: 0 }
    }

    /// Its name.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The number of the last event.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Writes an event; the message for everybody.
    pub fn push(&mut self, event: &Event, now: Timestamp) -> Arc<str> {
        self.last += 1;
        let text = ToClient::Event { n: self.last, at: now, event }.text();
        self.bytes += text.len();
        self.kept.push_back(text.clone());
        while self.kept.len() > MOST || self.bytes > MOST_BYTES {
            let Some(gone) = self.kept.pop_front() else { break };
            self.bytes -= gone.len();
        }
        text
    }

    /// The messages after the last one that somebody saw in the room of that name. None when not all of them are there.
    pub fn since(&self, epoch: &str, seen: u64) -> Option<Vec<Arc<str>>> {
        let missed = usize::try_from(self.last.checked_sub(seen)?).ok()?;
        let known = epoch == self.epoch && missed <= self.kept.len();
        known.then(|| self.kept.iter().skip(self.kept.len() - missed).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::protocol::Mode;
    use super::*;

    proptest! {
        /// Whoever saw up to some event gets exactly what followed, or is told that it is not all there.
        #[test]
        fn what_follows_is_whole_or_refused(many in 0u64..900, seen in 0u64..1000) {
            let mut log = Log::new("e".to_owned());
            for _ in 0..many {
                log.push(&Event::Mode { mode: Some(Mode::Chat) }, Timestamp::UNIX_EPOCH);
            }
            match log.since("e", seen) {
                Some(texts) => {
                    let numbers: Vec<u64> = texts
                        .iter()
                        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap()["n"].as_u64().unwrap())
                        .collect();
                    prop_assert_eq!(numbers, (seen + 1..=many).collect::<Vec<_>>());
                }
                None => prop_assert!(seen > many || many - seen > MOST as u64),
            }
            prop_assert!(log.since("another", seen).is_none());
        }
    }

    #[test]
    fn it_is_bounded_by_bytes_too() {
        let mut log = Log::new("e".to_owned());
        let long = "x".repeat(MOST_BYTES / 4);
        for _ in 0..20 {
            log.push(
                &Event::Left { id: long.clone(), why: super::super::protocol::Why::Lost },
                Timestamp::UNIX_EPOCH,
            );
        }
        assert!(log.bytes <= MOST_BYTES && log.kept.len() == 3, "{} {}", log.bytes, log.kept.len());
    }
}
