//! The layout of every key, in one place.

use crate::model::{Kind, Rid};

/// Key of [`super::T::Ids`].
pub(crate) fn id_key(kind: Kind, id: &str) -> Vec<u8> {
    [&kind.0.to_be_bytes(), id.as_bytes()].concat()
}

/// Key of [`super::T::Heads`] and [`super::T::Own`].
pub(crate) fn rid_key(rid: Rid) -> [u8; 8] {
    rid.0.to_be_bytes()
}

/// Key of [`super::T::Versions`] and, with a Tx and a number, of [`super::T::Log`].
pub(crate) fn pair_key(first: u64, second: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&second.to_be_bytes());
    key
}

/// Key of [`super::T::Queue`], [`super::T::QueueLoad`] and [`super::T::QueueOwn`].
pub(crate) fn queue_key(queue: u8, seq: u64) -> [u8; 9] {
    let mut key = [queue; 9];
    key[1..].copy_from_slice(&seq.to_be_bytes());
    key
}

/// Key of [`super::T::QueueState`].
pub(crate) fn queue_state_key(queue: u8, state: u8, seq: u64) -> [u8; 10] {
    let mut key = [queue; 10];
    key[1] = state;
    key[2..].copy_from_slice(&seq.to_be_bytes());
    key
}

/// Prefix of [`super::T::QueueTerm`]; the row's number follows. A value holds no zero, so that none is the beginning
/// of another with its zero.
pub(crate) fn queue_term_prefix(queue: u8, field: u8, value: &[u8]) -> Vec<u8> {
    [&[queue, field], value, &[0]].concat()
}

/// Prefix of [`super::T::QueueRef`]; the row's number follows.
pub(crate) fn queue_ref_prefix(queue: u8, ref_key: &[u8]) -> Vec<u8> {
    let len = u16::try_from(ref_key.len()).unwrap_or(u16::MAX);
    [&[queue], len.to_be_bytes().as_slice(), ref_key].concat()
}

/// Key of [`super::T::Docs`].
pub(crate) fn doc_key(collection: u16, key: &[u8]) -> Vec<u8> {
    [&collection.to_be_bytes(), key].concat()
}

/// Key of [`super::T::Closed`] and [`super::T::AnswersDue`]: a time in microseconds, then anything.
pub(crate) fn time_key(micros: i64, rest: &[u8]) -> Vec<u8> {
    // Flipping the sign bit makes negative times order before positive ones.
    let ordered = (micros as u64) ^ (1 << 63);
    [&ordered.to_be_bytes(), rest].concat()
}

/// The time in a [`time_key`].
pub(crate) fn time_of_key(key: &[u8]) -> Option<i64> {
    let ordered = u64::from_be_bytes(key.get(..8)?.try_into().ok()?);
    Some((ordered ^ (1 << 63)) as i64)
}

/// Prefix of [`super::T::LeavesOf`]; the leaf's number follows.
pub(crate) fn owner_prefix(patient: &str) -> Vec<u8> {
    let len = u16::try_from(patient.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), patient.as_bytes()].concat()
}

/// The number in the last eight bytes of a key.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_order_as_their_parts_do(a in any::<(u64, u64)>(), b in any::<(u64, u64)>(), s in any::<(i64, i64)>()) {
            prop_assert_eq!(pair_key(a.0, a.1).cmp(&pair_key(b.0, b.1)), a.cmp(&b));
            prop_assert_eq!(time_key(s.0, b"").cmp(&time_key(s.1, b"")), s.0.cmp(&s.1));
            prop_assert_eq!(time_of_key(&time_key(s.0, b"rest")), Some(s.0));
        }
    }
}
