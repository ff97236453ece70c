//! What a person decides about a message that waits: whose it is, a new patient, or put aside. All of it is audited.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome, QueueItem};

use super::apply::{Ruling, unchanged};
use super::inbox::leaf;
use super::row::{self, Happened, Settled, State};
use super::{Exchange, INBOX, lookup};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;
use crate::records::feed::What;

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It is about this patient; optionally the sender's numbers are this patient's from now on.
    Assign {
        /// Logical id.
        patient: String,
        /// Whether to remember the numbers.
        remember: bool,
    },
    /// It is about someone who is not in the record yet.
    New,
    /// It is not to be stored.
    Refuse {
        /// Why, in the person's words.
        reason: String,
    },
}

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

impl Exchange {
    /// Carries out a decision about a held message. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not, [`Error::NotFound`] for an unknown row or patient,
    /// [`Error::Precondition`] when the message no longer waits, [`Error::Broken`] for an empty reason.
    pub fn settle(&self, who: &Actor, seq: u64, settlement: Settlement) -> Result<State, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let item =
            snapshot.queue_get(INBOX, seq)?.ok_or_else(|| Error::NotFound(format!("inbox row {seq}")))?;
        if item.row.state != State::Held.number() {
            return Err(Error::precondition("This message does not wait for anyone."));
        }
        let (patient, remember) = match settlement {
            Settlement::Refuse { reason } => return self.put_aside(who, &item, reason),
            Settlement::New => (None, false),
            Settlement::Assign { patient, remember } => {
                let found = lookup::patient(&snapshot, &patient)?;
                found.ok_or_else(|| Error::NotFound(format!("Patient/{patient}")))?;
                (Some(patient), remember)
            }
        };
        drop(snapshot);
        let opened = self.open(&item)?.ok_or_else(|| Error::Damaged(format!("inbox row {seq}")))?;
        if patient.is_none() && opened.mapped.patient_id.is_empty() {
            return Err(Error::precondition(
                "This message names nobody who could be registered; choose the patient.",
            ));
        }
        self.write(&item, opened, patient.clone(), Some(Ruling { by: who.clone(), patient, remember }))
    }

    fn put_aside(&self, who: &Actor, item: &QueueItem, reason: String) -> Result<State, Error> {
        let reason: String = reason.trim().chars().take(MAX_REASON).collect();
        if reason.is_empty() {
            use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome as Issues};
            return Err(Error::Broken(Issues::error(IssueCode::Required, "Say why it is put aside.")));
        }
        let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
        let (mut facts, message) = row::decode(&item.row.body).ok_or_else(damaged)?;
        facts.settled = Some(Settled { by: who.id.clone(), reason: Some(reason) });
        facts.happened(Happened::Settled, self.records().now());
        let body = row::encode(&facts, message).map_err(|e| Error::Fault(e.to_string()))?;
        let (seq, before) = (item.seq, item.row.state);
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            unchanged(work, seq, before)?;
            work.unit().queue_set(INBOX, seq, State::Dismissed.number(), None, Some(&body))?;
            let line = leaf(
                work.who(),
                Action::MessageSettled,
                Outcome::Success,
                seq,
                None,
                Some("put aside".to_owned()),
            );
            work.audit(line)?;
            work.announce(What::Inbox { seq, state: State::Dismissed.number() });
            Ok(())
        })?;
        Ok(State::Dismissed)
    }
}
