//! Small sealed documents by collection and key: accounts, sessions, settings, tokens.
//!
//! Row: tx u64 of the write | sealed bytes, bound to collection, key and tx.

use crate::cipher::Binding;
use crate::datakeys::{Holder, Keyring};
use crate::error::ReadError;
use crate::tables::{Get, T, doc_key};
use zeroize::Zeroizing;

const DOMAIN: &str = "clinicvault/document";

/// Longest key of a document in bytes.
pub const MAX_DOC_KEY: usize = 512;

/// A document's key and content.
pub type Doc = (Vec<u8>, Zeroizing<Vec<u8>>);

pub(crate) fn binding<'a>(clinic: &'a str, collection: u16, key: &'a [u8], tx: u64) -> Binding<'a> {
    Binding { domain: DOMAIN, clinic, table: collection, id: key, version: tx }
}

fn open(
    from: &impl Get,
    keys: &Keyring,
    collection: u16,
    key: &[u8],
    row: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let damaged = || ReadError::Damaged { kind: collection, rid: 0, version: 0 };
    let (tx, sealed) = row.split_first_chunk::<8>().ok_or_else(damaged)?;
    let set = keys.keys(from, &Holder::documents(collection))?.ok_or_else(damaged)?;
    let binding = binding(&keys.clinic, collection, key, u64::from_le_bytes(*tx));
    set.open(&binding, sealed).ok_or_else(damaged)
}

/// One document.
pub(crate) fn doc(
    from: &impl Get,
    keys: &Keyring,
    collection: u16,
    key: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
    match from.get(T::Docs, &doc_key(collection, key))? {
        None => Ok(None),
        Some(row) => open(from, keys, collection, key, &row).map(Some),
    }
}

/// Documents whose key starts with `prefix`, in the order of keys, at most `limit`.
pub(crate) fn docs(
    from: &impl Get,
    keys: &Keyring,
    collection: u16,
    prefix: &[u8],
    limit: usize,
) -> Result<Vec<Doc>, ReadError> {
    from.prefixed(T::Docs, &doc_key(collection, prefix), false, limit)?
        .into_iter()
        .map(|(full, row)| {
            let key = full.get(2..).unwrap_or_default().to_vec();
            let body = open(from, keys, collection, &key, &row)?;
            Ok((key, body))
        })
        .collect()
}
