//! Answers that wait until the message is in the record: a channel may acknowledge after applying.
//!
//! Until then the place of the stored answer holds a mark with the row's number, so that a repetition waits for the same
//! row and a crash loses nothing.

use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::hl7::ack::{self, Answer, Code};
use clinicvault_gateway::hl7::{ErrorCode, Header, Problem};
use clinicvault_vault::{Action, Outcome};
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout};

use super::inbox::leaf;
use super::row::{self, Fault, Happened, State};
use super::{Exchange, INBOX};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::{Event, What};

/// How long a sender is kept waiting; then the connection is closed, and the sender's repetition waits again.
const PATIENCE: Duration = Duration::from_secs(25);
/// A look without being told.
const LOOK: Duration = Duration::from_millis(500);
/// What begins the mark; no acknowledgement begins so.
const MARK: &[u8] = b"\0applied?";

/// A row whose answer waits.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Number of the row.
    pub seq: u64,
    /// Where its answer is stored.
    pub same: Vec<u8>,
    /// Until when.
    pub until: Timestamp,
    /// The sender.
    pub who: Arc<Actor>,
}

/// The mark of a row whose answer waits.
pub fn mark(seq: u64) -> Vec<u8> {
    [MARK, &seq.to_be_bytes()].concat()
}

/// The row that a stored answer waits for; none for an answer.
pub fn waiting(stored: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(stored.strip_prefix(MARK)?.try_into().ok()?))
}

impl Exchange {
    /// Waits until a row is applied, or cannot be, and stores the answer. None when it takes too long or the vault
    /// stops: then nobody may be told anything.
    pub(super) async fn answer_applied(
        &self,
        header: &Header,
        pending: Pending,
        feed: Receiver<Event>,
        control_id: &str,
    ) -> Option<(Vec<u8>, Option<Fault>)> {
        let _awaited = self.0.pace.awaited();
        let problem = self.outcome(pending.seq, feed).await?;
        let now = self.records().now();
        let offset = self.rules().map.zone.to_offset(now);
        let code = if problem.is_some() { Code::AE } else { Code::AA };
        let problems: Vec<Problem> = problem.into_iter().collect();
        let answer = ack::build(Some(header), &Answer { code, problems: &problems, control_id, now, offset });
        let stored = answer.clone();
        let noted = self.records().unit(pending.who, move |work| {
            let damaged = || Error::Damaged(format!("inbox row {}", pending.seq));
            let item = work.unit().queue_get(INBOX, pending.seq)?.ok_or_else(damaged)?;
            let (mut facts, message) = row::decode(&item.row.body).ok_or_else(damaged)?;
            facts.answered = Some(code.as_str().to_owned());
            facts.happened(Happened::Answered, work.now());
            let body = row::encode(&facts, message).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().queue_set(INBOX, pending.seq, item.row.state, None, Some(&body))?;
            work.unit().remember(&pending.same, pending.until, &stored)?;
            let said = format!("answered {}", code.as_str());
            let line = leaf(work.who(), Action::MessageIn, Outcome::Success, pending.seq, None, Some(said));
            work.audit(line)
        });
        noted.await.ok()?;
        Some((answer, problems.first().map(Fault::from)))
    }

    /// What became of a row: nothing wrong, or a rule of the record that it breaks.
    async fn outcome(&self, seq: u64, mut feed: Receiver<Event>) -> Option<Option<Problem>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let exchange = self.clone();
            let item = tokio::task::spawn_blocking(move || {
                exchange.records().vault().snapshot()?.queue_get(INBOX, seq)
            });
            let item = item.await.ok()?.ok()??;
            match State::of(item.row.state) {
                State::Received => {}
                State::Held => {
                    let (facts, _) = row::decode(&item.row.body)?;
                    // A message that waits for a person is safe; one that breaks a rule will break it again.
                    let broken = facts.held.is_some_and(|held| held.why == "cannotStore");
                    let text = "It breaks a rule of the record and waits for a person.";
                    return Some(broken.then(|| Problem::error(ErrorCode::Other, None, text)));
                }
                State::Applied | State::Refused | State::Dismissed => return Some(None),
            }
            if Instant::now() >= end {
                return None;
            }
            let told = async {
                loop {
                    match feed.recv().await {
                        Ok(Event { what: What::Inbox { seq: other, .. }, .. }) if other == seq => return,
                        Ok(_) => {}
                        // Behind, or gone: the next look finds out.
                        Err(_) => return tokio::time::sleep(LOOK).await,
                    }
                }
            };
            let _ = timeout(LOOK, told).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_answer() {
        assert_eq!(waiting(&mark(77)), Some(77));
        assert_eq!(waiting(b"MSH|^~"), None);
        assert_eq!(waiting(b""), None);
    }
}
