//! What is kept of a message beside its facts: the bytes as received and the terms it is found by. And rows from before
//! there were such: they get theirs while the box works, newest first.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome, QueueAsk, QueueItem, QueueTerm};
use jiff::Timestamp;

use super::inbox::leaf;
use super::lines::Received;
use super::row::{self, Facts, State};
use super::terms::{self, Content};
use super::{Exchange, INBOX};
use crate::collections::SETTINGS;
use crate::records::access::Actor;
use crate::records::error::Error;

/// The form of terms that all rows have, once its document says so; raised when [`terms`] changes.
const FORM: u8 = 1;
/// Where the document lies that tells how far rows have them.
const PROGRESS: &[u8] = b"inbox/terms";
/// Rows that are given theirs in one unit of work.
const BATCH: usize = 64;

impl Exchange {
    /// The bytes of a row as received. `inside` are those that its body holds.
    pub(super) fn bytes(&self, item: &QueueItem, inside: &[u8]) -> Result<Vec<u8>, Error> {
        if !inside.is_empty() {
            return Ok(inside.to_vec());
        }
        match self.records().vault().snapshot()?.queue_load(INBOX, item.seq)? {
            Some(bytes) => Ok(bytes),
            None if removed(item) => Err(Error::NotFound(
                "the text of this message; its channel keeps messages no longer".to_owned(),
            )),
            None => Err(Error::Damaged(format!("inbox row {}", item.seq))),
        }
    }

    /// What a row is found by.
    pub(super) fn terms(&self, facts: &Facts, at: Timestamp, received: &Received) -> Vec<QueueTerm> {
        let zone = &self.rules().map.zone;
        match received {
            Received::Hl7(message) => terms::of(facts, at, zone, Content::Message(message)),
            Received::Records(message) => {
                let text = message.charset().decode(message.bytes());
                terms::of(facts, at, zone, Content::Text(&text))
            }
            Received::Printout(text) => terms::of(facts, at, zone, Content::Text(text)),
            Received::Fhir(bundle) => {
                terms::of(facts, at, zone, Content::Text(&super::fhir_message::texts(bundle)))
            }
        }
    }

    /// The same for a row that may be readable or not.
    pub(super) fn terms_of(&self, item: &QueueItem, facts: &Facts) -> Result<Vec<QueueTerm>, Error> {
        if let Ok(Some(opened)) = self.open(item) {
            return Ok(self.terms(facts, item.at, &opened.message));
        }
        let inside = row::decode(&item.row.body).map(|(_, bytes)| bytes).unwrap_or_default();
        let bytes = self.bytes(item, inside)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(terms::of(facts, item.at, &self.rules().map.zone, Content::Text(&text)))
    }

    /// Gives some of the rows that lack them their terms and lays their bytes beside them; says whether rows remain.
    /// Blocking.
    ///
    /// # Errors
    /// When the store fails or has no room; what was done stays done.
    pub(super) fn renew_some(&self) -> Result<bool, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let below = match snapshot.doc_get(SETTINGS, PROGRESS)?.as_deref().map(Vec::as_slice) {
            Some([FORM, rest @ ..]) => match rest.first_chunk() {
                Some(below) => Some(u64::from_be_bytes(*below)),
                None => return Ok(false),
            },
            _ => None,
        };
        let ask = QueueAsk { queue: INBOX, all: Vec::new(), below, from: None, limit: BATCH, steps: BATCH };
        let found = snapshot.queue_find(&ask)?;
        let mut rows = Vec::new();
        for seq in &found.rows {
            let Some(item) = snapshot.queue_get(INBOX, *seq)? else { continue };
            // What waits to be applied gets its terms then; what cannot be read stays as it is.
            let Some((facts, inside)) = row::decode(&item.row.body) else { continue };
            if State::of(item.row.state) != State::Received && facts.removed.is_none() {
                let body = row::encode(&facts, &[]).map_err(|e| Error::Fault(e.to_string()))?;
                rows.push((*seq, item.row.state, body, inside.to_vec(), self.terms_of(&item, &facts)?));
            }
        }
        let lowest = found.rows.last().copied().filter(|_| found.next.is_some());
        let mut progress = vec![FORM];
        progress.extend(lowest.iter().flat_map(|seq| seq.to_be_bytes()));
        let count = rows.len();
        self.records().unit_blocking(Arc::new(Actor::operator("inbox")), move |work| {
            for (seq, state, body, inside, terms) in rows {
                // One that changed since has its terms from that change.
                let now = work.unit().queue_get(INBOX, seq)?;
                if now.is_none_or(|now| now.row.state != state) {
                    continue;
                }
                if !inside.is_empty() {
                    work.unit().queue_load_put(INBOX, seq, &inside)?;
                    work.unit().queue_set(INBOX, seq, state, None, Some(&body))?;
                }
                work.unit().queue_terms_set(INBOX, seq, &terms)?;
            }
            work.unit().doc_put(SETTINGS, PROGRESS, &progress)?;
            let reason = format!("{count} rows got what they are found by");
            work.audit(leaf(work.who(), Action::Configure, Outcome::Success, 0, None, Some(reason)))
        })?;
        Ok(lowest.is_some())
    }
}

fn removed(item: &QueueItem) -> bool {
    row::decode(&item.row.body).is_some_and(|(facts, _)| facts.removed.is_some())
}
