//! The places of a clinic, their secrets and what became of their copies, as documents in the vault.
//!
//! The only file of this room that touches storage. Each change is one unit of work with its audit line. A secret is written
//! by whoever may, and read by nobody but the box; it is not taken along when the place leads to another server or user.

use std::collections::BTreeMap;
use std::sync::Arc;

use clinicvault_vault::{Action, Leaf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::outcome::Outcome;
use super::place::{MOST_PLACES, Place, Settings};
use crate::admin::secret;
use crate::collections::{BACKUP_OUTCOMES, BACKUP_PLACES, BACKUP_SECRETS};
use crate::records::Records;
use crate::records::access::{Actor, Purpose};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::unit::Work;

/// Longest secret: a private key.
const LONGEST_SECRET: usize = 16_000;

/// The documents. A clone is another handle to the same ones.
#[derive(Clone)]
pub struct Book {
    records: Records,
}

/// A secret as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// To whom it may be shown.
    to: String,
    secret: Zeroizing<String>,
}

impl Book {
    /// The documents in the vault of these records.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// The records room.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// All places, the oldest first. Blocking.
    ///
    /// # Errors
    /// When a document is damaged or the vault stopped.
    pub fn places(&self) -> Result<Vec<Place>, Error> {
        let all = self.records.vault().snapshot()?.doc_scan(BACKUP_PLACES, &[], MOST_PLACES)?;
        let mut places: Vec<Place> = all.iter().map(|(_, bytes)| read(bytes)).collect::<Result<_, _>>()?;
        places.sort_by(|a, b| (a.added, &a.id).cmp(&(b.added, &b.id)));
        Ok(places)
    }

    /// One place. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`], and as [`Book::places`].
    pub fn place(&self, id: &str) -> Result<Place, Error> {
        let bytes = self.records.vault().snapshot()?.doc_get(BACKUP_PLACES, id.as_bytes())?;
        read(&bytes.ok_or_else(|| missing(id))?)
    }

    /// What is known of each place, by id. Blocking.
    ///
    /// # Errors
    /// As [`Book::places`].
    pub fn outcomes(&self) -> Result<BTreeMap<String, Outcome>, Error> {
        let all = self.records.vault().snapshot()?.doc_scan(BACKUP_OUTCOMES, &[], MOST_PLACES)?;
        let one = |(key, bytes): &(Vec<u8>, Zeroizing<Vec<u8>>)| {
            Ok((String::from_utf8_lossy(key).into_owned(), read(bytes)?))
        };
        all.iter().map(one).collect()
    }

    /// The secret of a place, when it is for the server and user that the place has now. Blocking.
    ///
    /// # Errors
    /// As [`Book::places`].
    pub fn secret(&self, place: &Place) -> Result<Option<Zeroizing<String>>, Error> {
        let bytes = self.records.vault().snapshot()?.doc_get(BACKUP_SECRETS, place.id.as_bytes())?;
        let Some(bytes) = bytes else { return Ok(None) };
        let kept: Kept = read(&bytes)?;
        Ok((kept.to == place.settings.at.shows_secret_to()).then_some(kept.secret))
    }

    /// Adds a place. Blocking.
    ///
    /// # Errors
    /// [`Error::TooMuch`] when there are too many.
    pub fn add(
        &self,
        who: &Actor,
        settings: Settings,
        secret: Option<Zeroizing<String>>,
    ) -> Result<Place, Error> {
        let id = secret::short_id("place").map_err(|error| Error::Fault(error.to_string()))?;
        let (place, _) = self.records.unit_blocking(Arc::new(who.clone()), move |work| {
            if work.unit().doc_scan(BACKUP_PLACES, &[], MOST_PLACES)?.len() >= MOST_PLACES {
                return Err(Error::TooMuch(format!("a box has at most {MOST_PLACES} places for backups")));
            }
            let place = Place { id, revision: 1, added: work.now(), settings };
            put(work, &place)?;
            keep_secret(work, &place, secret)?;
            tell(
                work,
                Action::Configure,
                format!("place {} for backups added: {}", place.id, place.settings.at.kind()),
            )?;
            Ok(place)
        })?;
        Ok(place)
    }

    /// Changes a place; a secret that is left out stays. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Precondition`] when it was changed since.
    pub fn change(
        &self,
        who: &Actor,
        id: &str,
        revision: u64,
        settings: Settings,
        secret: Option<Zeroizing<String>>,
    ) -> Result<Place, Error> {
        let id = id.to_owned();
        let (place, _) = self.records.unit_blocking(Arc::new(who.clone()), move |work| {
            let before = there(work, &id)?;
            if before.revision != revision {
                return Err(Error::precondition("This place was changed in the meantime. Look at it again."));
            }
            let place = Place { revision: revision + 1, settings, ..before };
            put(work, &place)?;
            keep_secret(work, &place, secret)?;
            tell(work, Action::Configure, format!("place {id} for backups changed"))?;
            Ok(place)
        })?;
        Ok(place)
    }

    /// Forgets a place, its secret and what is known of it; what lies there stays. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn forget(&self, who: &Actor, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.records.unit_blocking(Arc::new(who.clone()), move |work| {
            there(work, &id)?;
            for collection in [BACKUP_PLACES, BACKUP_SECRETS, BACKUP_OUTCOMES] {
                work.unit().doc_delete(collection, id.as_bytes())?;
            }
            tell(work, Action::Configure, format!("place {id} for backups forgotten"))
        })?;
        Ok(())
    }

    /// Notes what became of a copy or a trial, with its line; `more` goes into the same commit. Blocking.
    ///
    /// # Errors
    /// When the store fails. A place that was forgotten meanwhile is none.
    pub fn note(
        &self,
        id: &str,
        action: Action,
        line: String,
        change: impl FnOnce(&mut Outcome) + Send + 'static,
        more: impl FnOnce(&mut Work<'_, '_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let id = id.to_owned();
        self.records.unit_blocking(Arc::new(Actor::operator("backup")), move |work| {
            if there(work, &id).is_ok() {
                let kept = work.unit().doc_get(BACKUP_OUTCOMES, id.as_bytes())?;
                let mut outcome: Outcome = kept.map(|bytes| read(&bytes)).transpose()?.unwrap_or_default();
                change(&mut outcome);
                work.unit().doc_put(BACKUP_OUTCOMES, id.as_bytes(), &written(&outcome)?)?;
            }
            more(work)?;
            tell(work, action, line)
        })?;
        Ok(())
    }
}

/// Whether a text can be a secret.
///
/// # Errors
/// A sentence.
pub fn check_secret(secret: &str) -> Result<(), String> {
    let right = (1..=LONGEST_SECRET).contains(&secret.len())
        && secret.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r'));
    if right { Ok(()) } else { Err(format!("A secret is 1 to {LONGEST_SECRET} letters.")) }
}

fn there(work: &mut Work<'_, '_>, id: &str) -> Result<Place, Error> {
    let bytes = work.unit().doc_get(BACKUP_PLACES, id.as_bytes())?;
    read(&bytes.ok_or_else(|| missing(id))?)
}

fn put(work: &mut Work<'_, '_>, place: &Place) -> Result<(), Error> {
    let bytes = written(place)?;
    Ok(work.unit().doc_put(BACKUP_PLACES, place.id.as_bytes(), &bytes)?)
}

fn keep_secret(
    work: &mut Work<'_, '_>,
    place: &Place,
    secret: Option<Zeroizing<String>>,
) -> Result<(), Error> {
    let Some(secret) = secret else { return Ok(()) };
    let kept = Kept { to: place.settings.at.shows_secret_to(), secret };
    let bytes = Zeroizing::new(written(&kept)?);
    Ok(work.unit().doc_put(BACKUP_SECRETS, place.id.as_bytes(), &bytes)?)
}

fn tell(work: &mut Work<'_, '_>, action: Action, reason: String) -> Result<(), Error> {
    let mut line: Leaf = audit::done(work.who(), action, Purpose::Operations, About::default());
    line.reason = Some(reason);
    work.audit(line)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged("a document about backups".to_owned()))
}

fn written(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Fault(error.to_string()))
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("place {id} for backups"))
}
