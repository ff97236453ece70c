//! Versions of records: by id, by number, by version, as of a Tx.
//!
//! Row of `heads`: a head. Row of `versions`: u16 length of the head, the head, the sealed body (nothing for a
//! delete). A head is: 1 | flags (1 deleted, 2 patient, 12 the mark) | kind u16 | rid u64 | version u64 | tx u64 | time us i64
//! | body length u32 | id | owner.

use crate::cipher::Binding;
use crate::datakeys::{Holder, Keyring};
use crate::error::{Fault, ReadError};
use crate::model::{Head, Kind, Owner, Rid, Tx};
use crate::tables::{Get, T, id_key, name, pair_key, rid_key};
use crate::wire::{Decoder, Encoder};
use jiff::Timestamp;
use std::ops::Bound;
use zeroize::Zeroizing;

/// Domain of the seal of a record.
pub(crate) const DOMAIN: &str = "clinicvault/record";

pub(crate) fn encode(head: &Head) -> Vec<u8> {
    let owner = match &head.owner {
        Owner::Shared => "",
        Owner::Patient(id) => id,
    };
    let flags = u8::from(head.deleted) | u8::from(head.owner != Owner::Shared) << 1 | (head.mark & 3) << 2;
    let mut row = Encoder::with_capacity(52 + head.id.len() + owner.len());
    row.u8(1)
        .u8(flags)
        .u16(head.kind.0)
        .u64(head.rid.0)
        .u64(head.version)
        .u64(head.tx.0)
        .i64(head.time.as_microsecond())
        .u32(head.body_len)
        .bytes(head.id.as_bytes())
        .bytes(owner.as_bytes());
    row.done()
}

pub(crate) fn decode(row: &[u8]) -> Option<Head> {
    let mut row = Decoder::new(row);
    if row.u8()? != 1 {
        return None;
    }
    let flags = row.u8()?;
    let (kind, rid, version, tx) = (Kind(row.u16()?), Rid(row.u64()?), row.u64()?, Tx(row.u64()?));
    let time = Timestamp::from_microsecond(row.i64()?).ok()?;
    let body_len = row.u32()?;
    let (id, owner) = (row.text()?, row.text()?);
    let owner = if flags & 2 == 0 { Owner::Shared } else { Owner::Patient(owner) };
    row.is_empty().then_some(Head {
        rid,
        kind,
        id,
        version,
        tx,
        time,
        deleted: flags & 1 == 1,
        mark: flags >> 2 & 3,
        owner,
        body_len,
    })
}

/// A row of `versions`.
pub(crate) fn join(head: &[u8], sealed: &[u8]) -> Vec<u8> {
    let len = u16::try_from(head.len()).unwrap_or(u16::MAX);
    [&len.to_le_bytes(), head, sealed].concat()
}

/// Takes a row of `versions` apart.
pub(crate) fn cut(row: &[u8]) -> Option<(Head, &[u8])> {
    let mut row = Decoder::new(row);
    let len = row.u16()?;
    Some((decode(row.raw(usize::from(len))?)?, row.rest()))
}

/// The sealed body in a row of `versions`. The head before it need not be read: the seal is bound to the one that was
/// found.
fn sealed(row: &[u8]) -> Option<&[u8]> {
    let mut row = Decoder::new(row);
    let len = row.u16()?;
    row.raw(usize::from(len))?;
    Some(row.rest())
}

fn damaged(table: T) -> Fault {
    Fault::row(name(table))
}

/// Number of a record.
pub(crate) fn rid_of(from: &impl Get, kind: Kind, id: &str) -> Result<Option<Rid>, Fault> {
    from.with(T::Ids, &id_key(kind, id), |value| value.try_into().map(u64::from_le_bytes).map(Rid))?
        .transpose()
        .map_err(|_| damaged(T::Ids))
}

/// Newest version of a record.
pub(crate) fn head_of(from: &impl Get, rid: Rid) -> Result<Option<Head>, Fault> {
    from.with(T::Heads, &rid_key(rid), decode)?.map(|head| head.ok_or_else(|| damaged(T::Heads))).transpose()
}

/// Newest version of a record by its id.
pub(crate) fn head(from: &impl Get, kind: Kind, id: &str) -> Result<Option<Head>, Fault> {
    rid_of(from, kind, id)?.map_or(Ok(None), |rid| head_of(from, rid))
}

/// One version of a record.
pub(crate) fn version(from: &impl Get, rid: Rid, version: u64) -> Result<Option<Head>, Fault> {
    from.with(T::Versions, &pair_key(rid.0, version), |row| cut(row).map(|(head, _)| head))?
        .map(|head| head.ok_or_else(|| damaged(T::Versions)))
        .transpose()
}

/// The version of a record that was newest at `tx`, deleted or not.
pub(crate) fn as_of(from: &impl Get, rid: Rid, tx: Tx) -> Result<Option<Head>, Fault> {
    let Some(newest) = head_of(from, rid)? else { return Ok(None) };
    if newest.tx <= tx {
        return Ok(Some(newest));
    }
    // Versions are 1, 2, 3 ... and their Tx only rise: halve the span [low, high) that may hold the last one <= tx.
    let (mut low, mut high, mut found) = (1, newest.version, None);
    while low < high {
        let middle = low + (high - low) / 2;
        let here = version(from, rid, middle)?.ok_or_else(|| damaged(T::Versions))?;
        if here.tx <= tx {
            low = middle + 1;
            found = Some(here);
        } else {
            high = middle;
        }
    }
    Ok(found)
}

/// All versions of a record, newest first, at most `limit`, below version `before`.
pub(crate) fn versions(
    from: &impl Get,
    rid: Rid,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Head>, Fault> {
    let mut heads = Vec::new();
    let (low, high) = (pair_key(rid.0, 0), pair_key(rid.0, before.unwrap_or(u64::MAX)));
    if limit > 0 {
        from.visit(T::Versions, Bound::Included(&low), Bound::Excluded(&high), true, &mut |_, row| {
            heads.push(cut(row).ok_or_else(|| damaged(T::Versions))?.0);
            Ok(heads.len() < limit)
        })?;
    }
    Ok(heads)
}

/// What the body of a version is bound to.
pub(crate) fn binding<'a>(clinic: &'a str, head: &'a Head) -> Binding<'a> {
    Binding { domain: DOMAIN, clinic, table: head.kind.0, id: head.id.as_bytes(), version: head.version }
}

/// Opens the body of a version.
pub(crate) fn body(from: &impl Get, keys: &Keyring, head: &Head) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let damaged = || ReadError::Damaged { kind: head.kind.0, rid: head.rid.0, version: head.version };
    if head.deleted {
        return Ok(Zeroizing::new(Vec::new()));
    }
    let set = keys.keys(from, &Holder::record(head.kind, &head.owner))?.ok_or_else(damaged)?;
    let opened = from.with(T::Versions, &pair_key(head.rid.0, head.version), |row| {
        set.open(&binding(&keys.clinic, head), sealed(row)?)
    })?;
    opened.flatten().filter(|body| body.len() == head.body_len as usize).ok_or_else(damaged)
}
