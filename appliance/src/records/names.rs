//! The names behind ids of accounts, as the accounts have them today. Records, audit lines and rows hold ids.

use std::collections::BTreeMap;

use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::Snapshot;

use crate::collections::ACCOUNTS;

/// Names of accounts, each looked up once.
pub struct Names<'a> {
    snapshot: &'a Snapshot,
    known: BTreeMap<String, String>,
}

impl<'a> Names<'a> {
    /// Names as of a snapshot.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, known: BTreeMap::new() }
    }

    /// Whether the clinic has this account, in use or not.
    pub fn has(&self, id: &str) -> bool {
        matches!(self.snapshot.doc_get(ACCOUNTS, id.as_bytes()), Ok(Some(_)))
    }

    /// The name of an account; machines, senders and the operator are named by their id.
    pub fn of(&mut self, id: &str) -> String {
        if let Some(name) = self.known.get(id) {
            return name.clone();
        }
        let document = self.snapshot.doc_get(ACCOUNTS, id.as_bytes()).ok().flatten();
        let account = document.and_then(|bytes| json::parse(&bytes, &Limits::default()).ok());
        let name = account.as_ref().and_then(|account| account.str("name")).unwrap_or(id).to_owned();
        self.known.insert(id.to_owned(), name.clone());
        name
    }
}
