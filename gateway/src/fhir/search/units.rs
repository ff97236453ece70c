//! UCUM units for the index: a unit code is read once and remembered, so that a write does not read it again.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::decimal::{self, Bounds};
use super::index::short_hash;
use crate::decimal::Decimal;
use crate::ucum::Reading;

/// Unit codes that are remembered; more are read anew each time.
const MOST_UNITS: usize = 1_000;

struct Known {
    unit: Reading,
    hash: [u8; 8],
}

/// By code; nothing for what is no unit code.
type Units = HashMap<Box<str>, Option<Arc<Known>>>;

static KNOWN: LazyLock<RwLock<Units>> = LazyLock::new(RwLock::default);

/// An amount in the base units of its code: their hash, and the bytes of the number. `None` for what is no unit code, and for
/// numbers that cannot be converted.
pub(super) fn to_base(number: &str, code: &str) -> Option<([u8; 8], Vec<u8>)> {
    let known = known(code)?;
    let amount = known.unit.to_base(Decimal::parse(number)?)?;
    Some((known.hash, decimal::encode_decimal(amount)))
}

/// The hash of the base units of a code.
pub(super) fn head(code: &str) -> Option<[u8; 8]> {
    Some(known(code)?.hash)
}

/// What a search for a number of this unit compares with, in base units.
pub(super) fn bounds(number: decimal::Decimal, code: &str) -> Option<Bounds> {
    let known = known(code)?;
    number.converted(|amount| known.unit.to_base(amount))
}

fn known(code: &str) -> Option<Arc<Known>> {
    if let Some(found) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(code) {
        return found.clone();
    }
    let read = Reading::of(code).map(|unit| {
        let hash = short_hash(unit.dimension());
        Arc::new(Known { unit, hash })
    });
    let mut all = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if all.len() < MOST_UNITS && code.len() <= 256 {
        all.insert(code.into(), read.clone());
    }
    read
}
