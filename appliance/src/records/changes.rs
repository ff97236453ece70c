//! Changes after a `Tx`, from the vault's own log: for a live view that comes back, and for polling.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Kind, Tx};

use super::Records;
use super::access::{Actor, Decision, Op, Refusal, Subject, decide};
use super::audit::patient_of;
use super::chart::in_care;
use super::error::Error;
use super::feed::{Event, What};
use crate::collections::SETTINGS;

/// Changes after a point, and where that leaves the reader.
#[derive(Debug)]
pub struct Since {
    /// Oldest first.
    pub events: Vec<Event>,
    /// Everything up to this `Tx` is in `events` (or concerns no record).
    pub last: u64,
    /// The reader was so far behind that the rest was not read: it must load its views again.
    pub reset: bool,
}

/// Inbox rows looked at for changes of their state.
const INBOX_ROWS: usize = 200;
/// The queue of HL7 messages.
const INBOX: u8 = 1;
/// The document that holds the `Tx` in which alerts about channels changed last.
pub const ALERTS_CHANGED: &[u8] = b"alerts/changed";

impl Records {
    /// Whether a listener may know of a change as far as the record decides: patients' consents, the half of a type that
    /// its role sees, and care. What its role sees of the type at all is `clinic::live`'s question.
    pub fn hears(&self, who: &Actor, event: &Event) -> Result<bool, Error> {
        let What::Record { kind, id, patient, .. } = &event.what else { return Ok(true) };
        let Some(kind) = ResourceType::from_number(*kind) else { return Ok(false) };
        let look = self.sight(who)?.look(Op::Read, kind);
        let by_consent = patient.as_deref().is_some_and(|patient| look.asks_consent_of(patient));
        let outside = decide(who, Op::Read, &Subject::of_type(kind.as_str(), false));
        let snapshot = self.vault().snapshot()?;
        if outside == Decision::Refuse(Refusal::OutsideCare) {
            // Who sees this of patients in their care only, as the chart shows it, hears of no other's.
            let patient = patient.as_deref().filter(|_| !by_consent);
            let person = patient.map(|id| snapshot.head(Kind(ResourceType::PATIENT.number()), id));
            return match person.transpose()?.flatten() {
                Some(person) => in_care(&snapshot, &person),
                None => Ok(false),
            };
        }
        if !by_consent && !look.sees_part() {
            return Ok(true);
        }
        match snapshot.head(Kind(kind.number()), id)? {
            Some(head) => look.shows(&snapshot, &head),
            None => Ok(false),
        }
    }

    /// The last committed `Tx`.
    pub fn last_tx(&self) -> u64 {
        self.vault().last_tx().0
    }

    /// Record changes and inbox rows after `since`, at most about `limit`. `since` 0 means "from now".
    pub fn since(&self, since: u64, limit: usize) -> Result<Since, Error> {
        let snapshot = self.vault().snapshot()?;
        let last = snapshot.tx().0;
        if since == 0 || since >= last {
            return Ok(Since { events: Vec::new(), last, reset: false });
        }
        let log = snapshot.log(Tx(since), limit)?;
        let complete = log.len() < limit;
        let mut events: Vec<Event> = log
            .into_iter()
            .filter(|change| ResourceType::from_number(change.kind.0).is_some())
            .map(|change| Event {
                tx: change.tx.0,
                what: What::Record {
                    kind: change.kind.0,
                    id: change.id.as_str().into(),
                    version: change.version,
                    deleted: change.deleted,
                    patient: patient_of(&change.owner).map(Into::into),
                },
            })
            .collect();
        let rows = snapshot.queue_newest(INBOX, None, None, INBOX_ROWS)?;
        events.extend(
            rows.into_iter().filter(|item| item.tx.0 > since).map(|item| Event {
                tx: item.tx.0,
                what: What::Inbox { seq: item.seq, state: item.row.state },
            }),
        );
        let alerts = snapshot.doc_get(SETTINGS, ALERTS_CHANGED)?;
        let alerts = alerts.as_deref().and_then(|bytes| bytes.first_chunk().copied()).map(u64::from_be_bytes);
        events.extend(alerts.filter(|tx| *tx > since).map(|tx| Event { tx, what: What::Alerts }));
        events.sort_by_key(|event| event.tx);
        Ok(Since { events, last, reset: !complete })
    }
}
