//! Idempotency records: the answer given to a request, kept until it can no longer be repeated.
//!
//! Row: until us i64 | tx u64 | sealed answer, bound to scope and tx. A second table orders scopes by expiry.

use crate::cipher::Binding;
use crate::datakeys::{Holder, Keyring};
use crate::error::ReadError;
use crate::tables::{Get, T};
use crate::wire::Decoder;
use zeroize::Zeroizing;

const DOMAIN: &str = "clinicvault/answer";

/// Longest scope in bytes.
pub const MAX_SCOPE: usize = 512;

pub(crate) fn binding<'a>(clinic: &'a str, scope: &'a [u8], tx: u64) -> Binding<'a> {
    Binding { domain: DOMAIN, clinic, table: 0, id: scope, version: tx }
}

/// When the answer of a row expires.
pub(crate) fn until(row: &[u8]) -> Option<i64> {
    Decoder::new(row).i64()
}

/// The answer remembered for `scope`, unless it expired at or before `now` (microseconds).
pub(crate) fn recall(
    from: &impl Get,
    keys: &Keyring,
    scope: &[u8],
    now: i64,
) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
    let Some(row) = from.get(T::Answers, scope)? else { return Ok(None) };
    let damaged = || ReadError::Damaged { kind: 0, rid: 0, version: 0 };
    let mut row = Decoder::new(&row);
    let (until, tx) = (row.i64().ok_or_else(damaged)?, row.u64().ok_or_else(damaged)?);
    if until <= now {
        return Ok(None);
    }
    let set = keys.keys(from, &Holder::answers())?.ok_or_else(damaged)?;
    set.open(&binding(&keys.clinic, scope, tx), row.rest()).map(Some).ok_or_else(damaged)
}
