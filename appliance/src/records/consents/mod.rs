//! Consents of patients, evaluated (`docs/decisions/0123-what-a-consent-does-here.md`).
//!
//! `book` holds the rules of the Consents in force, read anew when a Consent, or a record by which one names somebody, has
//! been written; `withheld` asks them for one caller; `emergency` sets them aside for an hour. The meaning of a rule is `fhir::consent`'s, and `sight` is the only
//! one that asks: so every path that returns data obeys.

mod book;
mod emergency;
mod openings;
mod withheld;

pub use openings::Opening;
pub use withheld::Withheld;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::Vault;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::error::Error;
use book::Book;

/// How long a record stays open after breaking the glass (clinic-workflow.md section 2).
pub const EMERGENCY: SignedDuration = SignedDuration::from_mins(60);
/// Most records open so at once; past that the oldest close.
const MOST_EMERGENCIES: usize = 1_000;

/// The room's consents.
#[derive(Default)]
pub struct Consents {
    /// Whether programs get a patient's records only where a consent of the patient permits it.
    needed: AtomicBool,
    book: RwLock<Option<Arc<Book>>>,
    /// What was written since the book was read.
    changed: Mutex<Changed>,
    emergencies: Mutex<BTreeMap<(String, String), Timestamp>>,
}

#[derive(Default)]
struct Changed {
    consents: BTreeSet<String>,
    /// Somebody whom consents may name.
    others: bool,
}

impl Changed {
    fn is_empty(&self) -> bool {
        self.consents.is_empty() && !self.others
    }
}

/// Types by which a consent names somebody of the box.
const NAMED: [&str; 4] = ["Practitioner", "PractitionerRole", "Device", "Organization"];

impl Consents {
    /// Sets whether programs need a consent (setting `fhir.consent_for_programs`).
    pub fn need_for_programs(&self, needed: bool) {
        self.needed.store(needed, Ordering::Relaxed);
    }

    fn is_needed(&self) -> bool {
        self.needed.load(Ordering::Relaxed)
    }

    /// A record was committed.
    pub fn written(&self, kind: ResourceType, id: &str) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if kind == ResourceType::CONSENT {
            changed.consents.insert(id.to_owned());
        } else if NAMED.contains(&kind.as_str()) {
            changed.others = true;
        }
    }

    /// The rules in force, those committed before this call included.
    fn book(&self, vault: &Vault, zone: &TimeZone) -> Result<Arc<Book>, Error> {
        {
            let known = self.book.read().unwrap_or_else(PoisonError::into_inner);
            let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(book) = known.as_ref().filter(|_| changed.is_empty()) {
                return Ok(book.clone());
            }
        }
        let mut known = self.book.write().unwrap_or_else(PoisonError::into_inner);
        let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        let read = match known.as_ref().filter(|_| !changed.others) {
            Some(book) if changed.is_empty() => return Ok(book.clone()),
            Some(book) => book.renewed(vault, zone, &changed.consents),
            None => Book::read(vault, zone),
        };
        match read {
            Ok(book) => {
                let book = Arc::new(book);
                *known = Some(book.clone());
                Ok(book)
            }
            Err(error) => {
                // What could not be read is read anew by the next one who asks; until then nobody goes by old rules.
                *known = None;
                Err(error)
            }
        }
    }

    /// Opens again what was open when the box stopped, until its hour ends. Openings that the clock has not come to yet stay
    /// closed: after a step back they would be open for longer than was said.
    ///
    /// # Errors
    /// What reading the vault answers; then nothing is open.
    pub fn reopen(&self, vault: &Vault, now: Timestamp) -> Result<(), Error> {
        // The oldest first, so that too many close in the order in which they were opened.
        for kept in openings::latest(vault, now)?.iter().rev().filter(|kept| kept.at() <= now) {
            let (account, patient) = kept.whose();
            self.open_in_emergency(account, patient, kept.at());
        }
        Ok(())
    }

    /// Opens a patient's record to an account for [`EMERGENCY`] from now on, whatever consents say.
    pub fn open_in_emergency(&self, account: &str, patient: &str, now: Timestamp) -> Timestamp {
        let until = now.checked_add(EMERGENCY).unwrap_or(now);
        let mut open = self.emergencies.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, until| now < *until);
        while open.len() >= MOST_EMERGENCIES {
            let oldest = open.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            open.remove(&oldest);
        }
        open.insert((account.to_owned(), patient.to_owned()), until);
        until
    }

    /// Until when a patient's record is open so to an account, if it is.
    pub fn open_until(&self, account: &str, patient: &str, now: Timestamp) -> Option<Timestamp> {
        let open = self.emergencies.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&(account.to_owned(), patient.to_owned())).copied().filter(|until| now < *until)
    }

    /// The patients whose records are open so to an account.
    fn open_to(&self, account: &str, now: Timestamp) -> BTreeSet<String> {
        let open = self.emergencies.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.iter().filter(|((who, _), until)| who == account && now < **until);
        own.map(|((_, patient), _)| patient.clone()).collect()
    }
}
