//! Data keys: one per patient and one per kind, wrapped by a key-encryption key, kept unwrapped in a small cache.
//!
//! A row of the table is a list of generations, oldest first, each: data key generation u32, KEK generation u32,
//! wrapped key 40. Owns who seals with what; leaves the seal itself to cipher.rs.

use crate::cipher::{self, Binding, DataKey};
use crate::error::Fault;
use crate::keys::{self, WRAPPED};
use crate::model::{Kind, Owner};
use crate::secret::Key32;
use crate::suite::{Suite, SuiteKey};
use crate::tables::{Get, T, name};
use crate::wire::{Decoder, Encoder};
use lru::LruCache;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Unwrapped data keys kept in memory.
const CACHED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Whose data key: the key of a row in the table of data keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holder(Vec<u8>);

impl Holder {
    /// Of a record.
    pub fn record(kind: Kind, owner: &Owner) -> Self {
        match owner {
            Owner::Shared => Self([&[0], kind.0.to_be_bytes().as_slice()].concat()),
            Owner::Patient(id) => Self::patient(id),
        }
    }

    /// Of a patient.
    pub fn patient(id: &str) -> Self {
        Self([&[1], id.as_bytes()].concat())
    }

    /// Of a collection of documents.
    pub fn documents(collection: u16) -> Self {
        Self([&[2], collection.to_be_bytes().as_slice()].concat())
    }

    /// Of a queue.
    pub fn queue(queue: u8) -> Self {
        Self(vec![3, queue])
    }

    /// Of the stored answers.
    pub fn answers() -> Self {
        Self(vec![4])
    }

    /// Of details of audit lines that concern no patient.
    pub fn audit() -> Self {
        Self(vec![5])
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The generations of one holder's data key.
pub(crate) struct KeySet(Vec<DataKey>);

impl KeySet {
    /// The key that seals now.
    pub fn newest(&self) -> Option<&DataKey> {
        self.0.last()
    }

    /// Opens a sealed value with the generation it names.
    pub fn open(&self, binding: &Binding<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let generation = cipher::generation(sealed)?;
        cipher::open(self.0.iter().find(|key| key.generation == generation)?, binding, sealed)
    }
}

/// Unwraps, makes and caches data keys.
pub(crate) struct Keyring {
    pub clinic: String,
    suite: Suite,
    keks: BTreeMap<u32, Key32>,
    cache: Mutex<LruCache<Holder, Arc<KeySet>>>,
}

impl Keyring {
    pub fn new(clinic: String, suite: Suite, keks: BTreeMap<u32, Key32>) -> Self {
        Self { clinic, suite, keks, cache: Mutex::new(LruCache::new(CACHED)) }
    }

    fn cached(&self, holder: &Holder) -> Option<Arc<KeySet>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(holder).cloned()
    }

    fn keep(&self, holder: &Holder, keys: &Arc<KeySet>) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(holder.clone(), Arc::clone(keys));
    }

    /// Forgets a holder's keys, for example because the unit that made them was undone.
    pub fn forget(&self, holder: &Holder) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).pop(holder);
    }

    /// A holder's keys, if it has any.
    pub fn keys(&self, from: &impl Get, holder: &Holder) -> Result<Option<Arc<KeySet>>, Fault> {
        if let Some(keys) = self.cached(holder) {
            return Ok(Some(keys));
        }
        let Some(row) = from.get(T::DataKeys, holder.bytes())? else { return Ok(None) };
        let keys = Arc::new(self.unwrap(&row).ok_or_else(|| Fault::row(name(T::DataKeys)))?);
        self.keep(holder, &keys);
        Ok(Some(keys))
    }

    fn unwrap(&self, row: &[u8]) -> Option<KeySet> {
        let mut row = Decoder::new(row);
        let mut keys = Vec::new();
        while !row.is_empty() {
            let (generation, kek) = (row.u32()?, row.u32()?);
            let wrapped: [u8; WRAPPED] = row.array()?;
            let key = keys::unwrap(self.keks.get(&kek)?, &wrapped)?;
            keys.push(DataKey { generation, key: SuiteKey::new(self.suite, &key) });
        }
        Some(KeySet(keys))
    }

    /// A first key for a holder and the row to store.
    pub fn make(&self, holder: &Holder) -> Result<(Arc<KeySet>, Vec<u8>), String> {
        let key = Key32::random()?;
        let (generation, kek) = self.keks.last_key_value().ok_or("there is no key-encryption key")?;
        let wrapped = keys::wrap(kek, &key).ok_or("a key could not be wrapped")?;
        let mut row = Encoder::with_capacity(48);
        row.u32(1).u32(*generation).raw(&wrapped);
        let keys = Arc::new(KeySet(vec![DataKey { generation: 1, key: SuiteKey::new(self.suite, &key) }]));
        self.keep(holder, &keys);
        Ok((keys, row.done()))
    }
}
