//! Rows of durable queues: the inbox of messages, later the outbox.
//!
//! Row: 1 | state u8 | at us i64 | due us? | tx u64 | partition | ref key | sealed body. The body is bound to queue,
//! number and tx. What is large and never changes, such as a message as received, may lie beside the row as its load
//! (tx u64 | sealed bytes), so that a list of rows and a change of state leave it alone. Small tables find rows by
//! state, by reference key and by term (find.rs); counts per state are kept beside.

pub(crate) mod find;

use crate::cipher::Binding;
use crate::datakeys::{Holder, Keyring};
use crate::error::{Fault, ReadError};
use crate::model::{QueueItem, QueueRow, QueueTerm, Tx};
use crate::tables::{Get, T, last_number, name, queue_key, queue_ref_prefix, queue_state_key};
use crate::wire::{Decoder, Encoder};
use jiff::Timestamp;
use std::ops::Bound;

const DOMAIN: &str = "clinicvault/queue";
const LOAD_DOMAIN: &str = "clinicvault/queue-load";

pub(crate) fn binding<'a>(clinic: &'a str, queue: u8, seq: &'a [u8; 8], tx: u64) -> Binding<'a> {
    Binding { domain: DOMAIN, clinic, table: u16::from(queue), id: seq, version: tx }
}

pub(crate) fn load_binding<'a>(clinic: &'a str, queue: u8, seq: &'a [u8; 8], tx: u64) -> Binding<'a> {
    Binding { domain: LOAD_DOMAIN, clinic, table: u16::from(queue), id: seq, version: tx }
}

/// A row without its sealed body opened.
pub(crate) struct Stored {
    pub item: QueueItem,
    pub sealed: Vec<u8>,
}

pub(crate) fn encode(item: &QueueItem, sealed: &[u8]) -> Vec<u8> {
    let mut out =
        Encoder::with_capacity(64 + item.row.partition.len() + item.row.ref_key.len() + sealed.len());
    out.u8(1).u8(item.row.state).i64(item.at.as_microsecond());
    match item.row.due {
        None => out.u8(0),
        Some(due) => out.u8(1).i64(due.as_microsecond()),
    };
    out.u64(item.tx.0).bytes(item.row.partition.as_bytes()).bytes(&item.row.ref_key).raw(sealed);
    out.done()
}

fn decode(queue: u8, seq: u64, row: &[u8]) -> Option<Stored> {
    let mut row = Decoder::new(row);
    if row.u8()? != 1 {
        return None;
    }
    let state = row.u8()?;
    let at = Timestamp::from_microsecond(row.i64()?).ok()?;
    let due = match row.u8()? {
        0 => None,
        _ => Some(Timestamp::from_microsecond(row.i64()?).ok()?),
    };
    let tx = Tx(row.u64()?);
    let partition = row.text()?;
    let ref_key = row.bytes()?.to_vec();
    let row_out = QueueRow { partition, state, due, body: Vec::new(), ref_key };
    Some(Stored { item: QueueItem { seq, queue, at, tx, row: row_out }, sealed: row.rest().to_vec() })
}

/// A row as stored.
pub(crate) fn stored(from: &impl Get, queue: u8, seq: u64) -> Result<Option<Stored>, Fault> {
    from.with(T::Queue, &queue_key(queue, seq), |row| decode(queue, seq, row))?
        .map(|stored| stored.ok_or_else(|| Fault::row(name(T::Queue))))
        .transpose()
}

/// A row with its body opened.
pub(crate) fn item(
    from: &impl Get,
    keys: &Keyring,
    queue: u8,
    seq: u64,
) -> Result<Option<QueueItem>, ReadError> {
    let Some(Stored { mut item, sealed }) = stored(from, queue, seq)? else { return Ok(None) };
    let damaged = || ReadError::Damaged { kind: u16::from(queue), rid: seq, version: item.tx.0 };
    let set = keys.keys(from, &Holder::queue(queue))?.ok_or_else(damaged)?;
    let number = seq.to_be_bytes();
    let body = set.open(&binding(&keys.clinic, queue, &number, item.tx.0), &sealed).ok_or_else(damaged)?;
    item.row.body = body.to_vec();
    Ok(Some(item))
}

/// The load of a row, if it has one.
pub(crate) fn load(
    from: &impl Get,
    keys: &Keyring,
    queue: u8,
    seq: u64,
) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(row) = from.get(T::QueueLoad, &queue_key(queue, seq))? else { return Ok(None) };
    let (tx, sealed) = row.split_first_chunk::<8>().ok_or_else(|| Fault::row(name(T::QueueLoad)))?;
    let tx = u64::from_le_bytes(*tx);
    let damaged = || ReadError::Damaged { kind: u16::from(queue), rid: seq, version: tx };
    let set = keys.keys(from, &Holder::queue(queue))?.ok_or_else(damaged)?;
    let number = seq.to_be_bytes();
    let load = set.open(&load_binding(&keys.clinic, queue, &number, tx), sealed).ok_or_else(damaged)?;
    Ok(Some(load.to_vec()))
}

/// What [`T::QueueOwn`] holds: each term as field u8 | length u8 | value.
pub(crate) fn encode_terms(terms: &[QueueTerm]) -> Vec<u8> {
    let mut out = Vec::new();
    for term in terms {
        out.extend([term.field, u8::try_from(term.value.len()).unwrap_or(u8::MAX)]);
        out.extend(&term.value);
    }
    out
}

/// The terms of a row.
pub(crate) fn own_terms(from: &impl Get, queue: u8, seq: u64) -> Result<Vec<QueueTerm>, Fault> {
    let Some(row) = from.get(T::QueueOwn, &queue_key(queue, seq))? else { return Ok(Vec::new()) };
    let (mut rest, mut terms) = (row.as_slice(), Vec::new());
    while let Some(([field, length], after)) = rest.split_first_chunk::<2>() {
        let (value, after) =
            after.split_at_checked(usize::from(*length)).ok_or_else(|| Fault::row(name(T::QueueOwn)))?;
        terms.push(QueueTerm { field: *field, value: value.to_vec() });
        rest = after;
    }
    Ok(terms)
}

/// Numbers of rows, newest or oldest first: of one state or of all, below or above `edge`, at most `limit`.
pub(crate) fn numbers(
    from: &impl Get,
    queue: u8,
    state: Option<u8>,
    edge: Option<u64>,
    newest_first: bool,
    limit: usize,
) -> Result<Vec<u64>, Fault> {
    let key = |seq: u64| match state {
        Some(state) => queue_state_key(queue, state, seq).to_vec(),
        None => queue_key(queue, seq).to_vec(),
    };
    let (low, high) = match (newest_first, edge) {
        (true, before) => (Bound::Included(key(0)), Bound::Excluded(key(before.unwrap_or(u64::MAX)))),
        (false, Some(after)) => (Bound::Excluded(key(after)), Bound::Included(key(u64::MAX))),
        (false, None) => (Bound::Included(key(0)), Bound::Included(key(u64::MAX))),
    };
    let table = if state.is_some() { T::QueueState } else { T::Queue };
    collect(from, table, as_edge(&low), as_edge(&high), newest_first, limit)
}

/// Numbers of rows with a reference key, oldest first.
pub(crate) fn by_ref(from: &impl Get, queue: u8, ref_key: &[u8], limit: usize) -> Result<Vec<u64>, Fault> {
    let prefix = queue_ref_prefix(queue, ref_key);
    let rows = from.prefixed(T::QueueRef, &prefix, false, limit)?;
    rows.iter().map(|(key, _)| last_number(key).ok_or_else(|| Fault::row(name(T::QueueRef)))).collect()
}

fn as_edge(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn collect(
    from: &impl Get,
    table: T,
    low: Bound<&[u8]>,
    high: Bound<&[u8]>,
    backwards: bool,
    limit: usize,
) -> Result<Vec<u64>, Fault> {
    let mut found = Vec::new();
    if limit > 0 {
        from.visit(table, low, high, backwards, &mut |key, _| {
            found.push(last_number(key).ok_or_else(|| Fault::row(name(table)))?);
            Ok(found.len() < limit)
        })?;
    }
    Ok(found)
}
