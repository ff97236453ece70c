//! The waiting rows as they lie in the database: rows of `pending`, keyed by group u64 and number u64.
//!
//! A row is a list of entries, each: 0 | table | key (gone), 1 | table | key | row, or 2 | rid u64 | kind u16 | tx u64:
//! a new record whose terms, to be read from its own terms, all hold since tx. Key and row have a u32 length before
//! them. Read in order, later entries over earlier ones, they give the rows that wait. That a record's own terms may
//! have changed since it was born does no harm: every term that came or went later has an entry of its own, later.

use super::fresh::{Born, Value};
use super::{Fresh, Pending};
use crate::error::Fault;
use crate::index;
use crate::model::{Kind, Rid};
use crate::tables::{ALL, Get, T, name, pair_key};
use crate::wire::{Decoder, Encoder};
use std::ops::Bound;

/// A row of the log is closed when it has grown to this many bytes: it then fills a page of the engine.
const FULL: usize = 3900;

/// Number of a table in the log, which may never change; `None` for tables whose rows do not wait.
pub(crate) fn code(table: T) -> Option<u8> {
    Some(match table {
        T::Ids => 1,
        T::Terms => 2,
        T::DataKeys => 3,
        T::LeavesOf => 4,
        T::Heads => 5,
        T::Log => 6,
        T::Counts => 7,
        T::Leaves => 8,
        T::Answers => 9,
        T::AnswersDue => 10,
        T::QueueState => 11,
        T::QueueRef => 12,
        T::Closed => 13,
        T::QueueTerm => 14,
        T::QueueOwn => 15,
        _ => return None,
    })
}

fn table(code: u8) -> Option<T> {
    ALL.into_iter().find(|table| self::code(*table) == Some(code))
}

/// The rows of the log for a group, with their keys.
pub(crate) fn encode(group: u64, fresh: &Fresh) -> Vec<([u8; 16], Vec<u8>)> {
    let mut rows = Vec::new();
    let mut row = Encoder::with_capacity(FULL + 200);
    let close = |row: &mut Encoder, rows: &mut Vec<_>| {
        let full = std::mem::replace(row, Encoder::with_capacity(FULL + 200));
        rows.push((pair_key(group, rows.len() as u64), full.done()));
    };
    for born in &fresh.born {
        row.u8(2).u64(born.rid.0).u16(born.kind.0).u64(born.tx);
        if row.len() > FULL - 19 {
            close(&mut row, &mut rows);
        }
    }
    for (table, key, value) in fresh.rows() {
        let Some(code) = code(table).filter(|_| !matches!(value, Value::Opened(_))) else { continue };
        let size = 10 + key.len() + value.row().map_or(0, <[u8]>::len);
        if row.len() > 0 && row.len() + size > FULL {
            close(&mut row, &mut rows);
        }
        match value {
            Value::Opened(_) => {}
            Value::Gone => drop(row.u8(0).u8(code).bytes(key)),
            Value::Row(value) => drop(row.u8(1).u8(code).bytes(key).bytes(value)),
        }
    }
    if row.len() > 0 {
        close(&mut row, &mut rows);
    }
    rows
}

fn damaged() -> Fault {
    Fault::row(name(T::Pending))
}

/// Reads back what waits.
pub(crate) fn load(from: &impl Get) -> Result<Pending, Fault> {
    let mut fresh = Fresh::default();
    from.visit(T::Pending, Bound::Unbounded, Bound::Unbounded, false, &mut |_, row| {
        let mut row = Decoder::new(row);
        while !row.is_empty() {
            replay(from, &mut row, &mut fresh)?;
        }
        Ok(true)
    })?;
    let mut pending = Pending::default();
    if !fresh.is_empty() {
        pending.push(fresh.run());
    }
    Ok(pending)
}

fn replay(from: &impl Get, row: &mut Decoder<'_>, fresh: &mut Fresh) -> Result<(), Fault> {
    match row.u8() {
        Some(2) => {
            let born = (|| Some(Born { rid: Rid(row.u64()?), kind: Kind(row.u16()?), tx: row.u64()? }))();
            let born = born.ok_or_else(damaged)?;
            for term in index::own(from, born.rid)? {
                let key = index::term_key(born.kind, &term, born.rid);
                fresh.put(T::Terms, key, Value::Opened(born.tx.to_le_bytes()));
            }
        }
        Some(sort @ (0 | 1)) => {
            let table = row.u8().and_then(table).ok_or_else(damaged)?;
            let key = row.bytes().ok_or_else(damaged)?;
            let value = match sort {
                0 => Value::Gone,
                _ => Value::Row(row.bytes().ok_or_else(damaged)?.to_vec()),
            };
            fresh.put(table, key.to_vec(), value);
        }
        _ => return Err(damaged()),
    }
    Ok(())
}
