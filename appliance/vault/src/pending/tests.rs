//! Runs and cursors against a plain map.

use super::fresh::Value;
use super::rows::Cursor;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

type Map = BTreeMap<(u8, Vec<u8>), Option<Vec<u8>>>;

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..4, 0..4)
}

fn group() -> impl Strategy<Value = Vec<(bool, Vec<u8>, Option<Vec<u8>>)>> {
    let value = prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..3));
    prop::collection::vec((any::<bool>(), key(), value), 0..12)
}

fn edge() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded)]
}

fn table(second: bool) -> T {
    if second { T::LeavesOf } else { T::Ids }
}

fn put(fresh: &mut Fresh, map: &mut Map, (second, key, value): (bool, Vec<u8>, Option<Vec<u8>>)) {
    let table = table(second);
    map.insert((table as u8, key.clone()), value.clone());
    fresh.put(table, key, value.map_or(Value::Gone, Value::Row));
}

fn owned<'a>(rows: impl Iterator<Item = run::Waiting<'a>>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    rows.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
}

proptest! {
    #[test]
    fn memory_knows_what_a_map_knows(
        groups in prop::collection::vec(group(), 1..60),
        last in group(),
        freeze in prop::option::of(0usize..60),
        (low, high) in (edge(), edge()),
        backwards in any::<bool>(),
    ) {
        let (mut pending, mut map) = (Pending::default(), Map::new());
        for (at, rows) in groups.into_iter().enumerate() {
            let mut fresh = Fresh::default();
            rows.into_iter().for_each(|row| put(&mut fresh, &mut map, row));
            pending.push(fresh.run());
            if freeze == Some(at) {
                pending.freeze();
            }
        }
        let frozen = pending.frozen().len();
        prop_assert!(pending.runs().len() - frozen < FAN * HIGHEST as usize);
        let mut fresh = Fresh::default();
        last.into_iter().for_each(|row| put(&mut fresh, &mut map, row));
        let low = match (&low, &high) {
            // A range that ends before it begins is no range.
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) if a >= b => Bound::Unbounded,
            _ => low,
        };
        let edges = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
        for table in [T::Ids, T::LeavesOf, T::Terms] {
            let here = |of: &u8| *of == table as u8;
            let within = |key: &Vec<u8>| RangeBounds::<[u8]>::contains(&edges, key.as_slice());
            let mut expected: Vec<_> = map
                .iter()
                .filter(|((of, key), _)| here(of) && within(key))
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect();
            if backwards {
                expected.reverse();
            }
            prop_assert_eq!(owned(pending.cursor(Some(&fresh), table, edges, backwards)), expected);
        }
        pending.push(fresh.run());
        for ((of, key), value) in &map {
            let table = table(*of == T::LeavesOf as u8);
            prop_assert_eq!(pending.get(table, key), Some(value.as_deref()));
        }
        prop_assert_eq!(pending.get(T::Ids, b"absent"), None);
        let all = (Bound::Unbounded, Bound::Unbounded);
        let merged = owned(Cursor::new([&merge(pending.runs())].into_iter(), None, T::Ids, all, false));
        prop_assert_eq!(merged, owned(pending.cursor(None, T::Ids, all, false)));
    }
}

#[test]
fn taking_back_leaves_what_was_there() {
    let mut fresh = Fresh::default();
    assert_eq!(fresh.put(T::Ids, b"a".to_vec(), Value::Row(vec![1])), None);
    let before = fresh.put(T::Ids, b"a".to_vec(), Value::Gone);
    assert_eq!(before, Some(Value::Row(vec![1])));
    fresh.restore(T::Ids, b"a".to_vec(), before);
    assert_eq!(fresh.get(T::Ids, b"a"), Some(&Value::Row(vec![1])));
    fresh.restore(T::Ids, b"a".to_vec(), None);
    assert!(fresh.is_empty());
}
