//! Definitions that were read, until one changes: bounded by their number and by the bytes of what they were read from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_gateway::fhir::profile::Profile;
use clinicvault_gateway::fhir::terminology::{CodeSystem, ConceptMap, ValueSet};
use clinicvault_gateway::json::Value;
use lru::LruCache;

/// Most definitions, those included that are known not to be there.
const MOST: usize = 1_024;
/// Most bytes that they were read from.
const MOST_BYTES: usize = 16 << 20;

/// A definition as it was read.
#[derive(Clone)]
pub enum Found {
    System(Arc<CodeSystem>),
    Set(Arc<ValueSet>),
    Map(Arc<ConceptMap>),
    Profile(Arc<Profile>),
    Form(Arc<Value>),
}

/// Type, address and version that were asked for.
type Key = (&'static str, String, Option<String>);

/// What was read in one state of the vault.
pub struct Kept {
    state: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    state: u64,
    bytes: usize,
    /// `None`: there is none.
    rows: LruCache<Key, Option<(Found, usize)>>,
}

impl Default for Kept {
    fn default() -> Self {
        let inner = Inner { state: 0, bytes: 0, rows: LruCache::unbounded() };
        Self { state: AtomicU64::new(0), inner: Mutex::new(inner) }
    }
}

impl Kept {
    /// Lets go of everything: a definition was committed.
    pub fn forget(&self) {
        self.state.fetch_add(1, Ordering::SeqCst);
    }

    /// The state, to be asked for before anything is read, and what is kept for it.
    pub fn get(&self, kind: &'static str, url: &str, version: Option<&str>) -> (u64, Option<Option<Found>>) {
        let state = self.state.load(Ordering::SeqCst);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.state != state {
            inner.rows.clear();
            (inner.state, inner.bytes) = (state, 0);
        }
        let key = (kind, url.to_owned(), version.map(str::to_owned));
        let found = inner.rows.get(&key).map(|row| row.as_ref().map(|(found, _)| found.clone()));
        (state, found)
    }

    /// Keeps what was read in a state, if that is still the state.
    pub fn put(&self, state: u64, key: (&'static str, &str, Option<&str>), found: Option<(Found, usize)>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.state != state || self.state.load(Ordering::SeqCst) != state {
            return;
        }
        let weight = |row: &Option<(Found, usize)>| row.as_ref().map_or(0, |(_, size)| *size);
        inner.bytes += weight(&found);
        let key = (key.0, key.1.to_owned(), key.2.map(str::to_owned));
        if let Some(before) = inner.rows.put(key, found) {
            inner.bytes = inner.bytes.saturating_sub(weight(&before));
        }
        while inner.rows.len() > 1 && (inner.rows.len() > MOST || inner.bytes > MOST_BYTES) {
            let Some((_, row)) = inner.rows.pop_lru() else { return };
            inner.bytes = inner.bytes.saturating_sub(weight(&row));
        }
    }
}
