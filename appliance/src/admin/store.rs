//! The small documents of the admin room in the vault: accounts, sessions, tokens, settings, the authority.
//!
//! The only file of this room that touches storage. Each call is one unit of work with its audit line.

use std::sync::Arc;

use clinicvault_gateway::fhir::validate::Level;
use clinicvault_vault::{Action, Leaf, Outcome, RecoveryKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::AdminError;
use crate::collections;
use crate::records::Records;
use crate::records::access::{Actor, Purpose, Scopes, UnreadableScope};

/// Documents read at most of one collection; a clinic has a few dozen of each.
const MOST: usize = 100_000;

/// Which documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Collection {
    /// The clinic's name and what was decided at setup; by name.
    Settings = collections::SETTINGS,
    /// Accounts; by id.
    Accounts = collections::ACCOUNTS,
    /// Sessions; by hash of the token.
    Sessions = collections::SESSIONS,
    /// Machine tokens; by hash of the token.
    Tokens = collections::TOKENS,
    /// The authority with its key.
    Tls = collections::TLS,
    /// Registered programs; by id.
    Clients = collections::CLIENTS,
    /// Consents that can be refreshed; by id.
    Grants = collections::GRANTS,
    /// Access tokens of programs; by hash of the token.
    Access = collections::ACCESS,
    /// Assertions that were used, until they expire; by hash of program and name.
    Assertions = collections::ASSERTIONS,
}

/// One document to write or to drop.
pub struct Change {
    collection: Collection,
    key: Vec<u8>,
    content: Option<Zeroizing<Vec<u8>>>,
}

impl Change {
    /// Writes a document.
    pub fn put(collection: Collection, key: &[u8], value: &impl Serialize) -> Result<Change, AdminError> {
        let content =
            serde_json::to_vec(value).map_err(|_| AdminError::Damaged("a document to be written"))?;
        Ok(Change { collection, key: key.to_vec(), content: Some(Zeroizing::new(content)) })
    }

    /// Drops a document.
    pub fn drop(collection: Collection, key: &[u8]) -> Change {
        Change { collection, key: key.to_vec(), content: None }
    }
}

/// The documents.
#[derive(Clone)]
pub struct Store {
    records: Records,
}

impl Store {
    /// Says how far the writes of a program are checked; none for the box's own level.
    pub fn check_writes_of(&self, program: &str, level: Option<Level>) {
        self.records.set_level(program, level);
    }

    /// Refuses scopes that cannot be honoured with the search parameters and value sets that there are now. Blocking only
    /// as far as these are read.
    pub fn judge(&self, scopes: &Scopes) -> Result<(), UnreadableScope> {
        self.records.judge(scopes)
    }

    /// The documents in the vault of these records.
    pub fn new(records: Records) -> Store {
        Store { records }
    }

    /// All documents of a collection with their keys.
    pub fn load<T: DeserializeOwned>(&self, collection: Collection) -> Result<Vec<(Vec<u8>, T)>, AdminError> {
        let snapshot = self.records.vault().snapshot().map_err(crate::records::error::Error::from)?;
        let documents =
            snapshot.doc_scan(collection as u16, &[], MOST).map_err(crate::records::error::Error::from)?;
        documents
            .into_iter()
            .map(|(key, content)| match serde_json::from_slice(&content) {
                Ok(value) => Ok((key, value)),
                Err(_) => Err(AdminError::Damaged("a kept document")),
            })
            .collect()
    }

    /// One document.
    pub fn get<T: DeserializeOwned>(
        &self,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<T>, AdminError> {
        let snapshot = self.records.vault().snapshot().map_err(crate::records::error::Error::from)?;
        let content = snapshot.doc_get(collection as u16, key).map_err(crate::records::error::Error::from)?;
        match content.map(|content| serde_json::from_slice(&content)) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(AdminError::Damaged("a kept document")),
        }
    }

    /// Writes all changes and the audit line together, durably.
    pub async fn commit(&self, who: Arc<Actor>, leaf: Leaf, changes: Vec<Change>) -> Result<(), AdminError> {
        self.records.unit(who, move |work| apply(work, leaf, changes)).await?;
        Ok(())
    }

    /// The same for the command line, which has no runtime.
    pub fn commit_blocking(
        &self,
        who: Arc<Actor>,
        leaf: Leaf,
        changes: Vec<Change>,
    ) -> Result<(), AdminError> {
        self.records.unit_blocking(who, move |work| apply(work, leaf, changes))?;
        Ok(())
    }

    /// Notes something that changes nothing, such as a refusal; does not wait for the disk.
    pub fn note(&self, leaf: Leaf) -> Result<(), AdminError> {
        Ok(self.records.vault().note(leaf).map_err(crate::records::error::Error::from)?)
    }

    /// The records room, for asking whether a person may see a patient.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// A secret of the vault for one purpose.
    pub fn secret(&self, label: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.records.vault().key_for(label).expose())
    }

    /// Makes a new recovery key; the one before is worth nothing from now on. Blocking.
    pub fn new_recovery_key(&self) -> Result<RecoveryKey, AdminError> {
        self.records.vault().new_recovery_key().map_err(|error| AdminError::Create(error.to_string()))
    }
}

fn apply(
    work: &mut crate::records::unit::Work<'_, '_>,
    leaf: Leaf,
    changes: Vec<Change>,
) -> Result<(), crate::records::error::Error> {
    work.audit(leaf)?;
    for change in changes {
        let unit = work.unit();
        match change.content {
            Some(content) => unit.doc_put(change.collection as u16, &change.key, &content)?,
            None => {
                unit.doc_delete(change.collection as u16, &change.key)?;
            }
        }
    }
    Ok(())
}

/// An audit line of this room: nothing in it names a patient.
pub fn leaf(who: &Actor, action: Action, outcome: Outcome, reason: Option<String>) -> Leaf {
    Leaf {
        actor: who.id.clone(),
        role: who.role(),
        session: who.session,
        source: who.source.clone(),
        action,
        object: None,
        owner: None,
        outcome,
        purpose: Purpose::Operations.code().to_owned(),
        reason,
        detail: None,
    }
}
