//! Equality and equivalence of items and collections.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::error::Error;
use super::super::item::Item;
use super::super::node::Node;
use super::super::temporal::TemporalKind;
use super::{Evaluator, compare, quantity};
use crate::decimal::Decimal;
use crate::json::{Object, Value};

/// Positions of items by a hash that equal items share.
#[derive(Default)]
pub(super) struct Seen(HashMap<u64, Vec<usize>>);

impl<'a> Evaluator<'a, '_> {
    /// `=` of two collections: item by item in order; empty where one is empty or a pair leaves it open.
    pub(super) fn equal(
        &mut self,
        left: &[Item<'a>],
        right: &[Item<'a>],
        at: u32,
    ) -> Result<Option<bool>, Error> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        let mut known = true;
        for (a, b) in left.iter().zip(right) {
            match self.equal_items(a, b, at)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => known = false,
            }
        }
        Ok(known.then_some(true))
    }

    /// Whether two items are equal for sure.
    pub(super) fn same(&mut self, left: &Item<'a>, right: &Item<'a>, at: u32) -> Result<bool, Error> {
        self.equal_items(left, right, at).map(|equal| equal == Some(true))
    }

    /// `=` of two items; `None` where it is not known.
    fn equal_items(&mut self, left: &Item<'a>, right: &Item<'a>, at: u32) -> Result<Option<bool>, Error> {
        self.charge(1, at)?;
        if let (Item::Node(a), Item::Node(b)) = (left, right)
            && let (Some(a), Some(b)) = (a.value(), b.value())
            && std::ptr::eq(a, b)
        {
            return Ok(Some(true));
        }
        match (left.system(), right.system()) {
            (Some(a), Some(b)) => Ok(equal_values(&a, &b)),
            (None, None) => match (left, right) {
                (Item::Node(a), Item::Node(b)) => self.equal_nodes(*a, *b, at).map(Some),
                (Item::Type(a), Item::Type(b)) => Ok(Some(a == b)),
                _ => Ok(Some(false)),
            },
            _ => Ok(Some(false)),
        }
    }

    fn equal_nodes(&mut self, a: Node<'a>, b: Node<'a>, at: u32) -> Result<bool, Error> {
        let both = |a: Option<&'a Value>, b: Option<&'a Value>| match (a, b) {
            (None, None) => Some(None),
            (Some(a), Some(b)) => Some(Some((a, b))),
            _ => None,
        };
        let (Some(values), Some(twins)) = (both(a.value(), b.value()), both(a.twin(), b.twin())) else {
            return Ok(false);
        };
        for (a, b) in values.into_iter().chain(twins) {
            if !self.equal_json(a, b, at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same members with equal values in whatever order; numbers by value.
    fn equal_json(&mut self, a: &Value, b: &Value, at: u32) -> Result<bool, Error> {
        self.charge(1, at)?;
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => {
                Ok(a == b
                    || Decimal::parse(a.as_str()).is_some_and(|n| Some(n) == Decimal::parse(b.as_str())))
            }
            (Value::Array(a), Value::Array(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b) {
                    if !self.equal_json(a, b, at)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Object(a), Value::Object(b)) => self.equal_objects(a, b, at),
            _ => Ok(a == b),
        }
    }

    fn equal_objects(&mut self, a: &Object, b: &Object, at: u32) -> Result<bool, Error> {
        if a.len() != b.len() {
            return Ok(false);
        }
        self.charge(a.len(), at)?;
        for (key, value) in a.iter() {
            let Some(other) = b.get(key) else { return Ok(false) };
            if !self.equal_json(value, other, at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `~` of two collections: the same items in whatever order.
    pub(super) fn equivalent(
        &mut self,
        left: &[Item<'a>],
        right: &[Item<'a>],
        at: u32,
    ) -> Result<bool, Error> {
        self.pair_up(left, right, |of, a, b| of.equivalent_items(a, b, at))
    }

    /// Whether each of one side finds a partner of its own on the other.
    fn pair_up<T>(
        &mut self,
        left: &[T],
        right: &[T],
        mut alike: impl FnMut(&mut Self, &T, &T) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut open: Vec<&T> = right.iter().collect();
        for a in left {
            let mut found = None;
            for (n, b) in open.iter().enumerate() {
                if alike(self, a, b)? {
                    found = Some(n);
                    break;
                }
            }
            match found {
                Some(n) => drop(open.swap_remove(n)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn equivalent_items(&mut self, left: &Item<'a>, right: &Item<'a>, at: u32) -> Result<bool, Error> {
        self.charge(1, at)?;
        match (left.system(), right.system()) {
            (Some(a), Some(b)) => Ok(equivalent_values(&a, &b)),
            (None, None) => match (left, right) {
                (Item::Node(a), Item::Node(b)) => match (a.value(), b.value()) {
                    (Some(a), Some(b)) => self.equivalent_json(a, b, at),
                    _ => self.equal_nodes(*a, *b, at),
                },
                (Item::Type(a), Item::Type(b)) => Ok(a == b),
                _ => Ok(false),
            },
            _ => Ok(false),
        }
    }

    /// Like equality, with texts compared without case and arrays without order; ids do not count.
    fn equivalent_json(&mut self, a: &Value, b: &Value, at: u32) -> Result<bool, Error> {
        self.charge(1, at)?;
        match (a, b) {
            (Value::String(a), Value::String(b)) => Ok(folded(a) == folded(b)),
            (Value::Array(a), Value::Array(b)) => self.pair_up(a, b, |of, a, b| of.equivalent_json(a, b, at)),
            (Value::Object(a), Value::Object(b)) => {
                let count = |o: &Object| o.iter().filter(|(key, _)| *key != "id").count();
                if count(a) != count(b) {
                    return Ok(false);
                }
                self.charge(a.len(), at)?;
                for (key, value) in a.iter().filter(|(key, _)| *key != "id") {
                    let Some(other) = b.get(key) else { return Ok(false) };
                    if !self.equivalent_json(value, other, at)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => self.equal_json(a, b, at),
        }
    }

    /// Whether no item of `kept` equals this one; it is remembered as the next of `kept` when so.
    pub(super) fn is_new(
        &mut self,
        seen: &mut Seen,
        kept: &[Item<'a>],
        item: &Item<'a>,
        at: u32,
    ) -> Result<bool, Error> {
        let bucket = seen.0.entry(self.hash(item, at)?).or_default();
        for place in bucket.iter() {
            if let Some(other) = kept.get(*place)
                && self.same(item, other, at)?
            {
                return Ok(false);
            }
        }
        bucket.push(kept.len());
        Ok(true)
    }

    /// Whether an item equals one of `kept`, all of which went through [`Evaluator::is_new`] or [`Seen::put`].
    pub(super) fn is_among(
        &mut self,
        seen: &Seen,
        kept: &[Item<'a>],
        item: &Item<'a>,
        at: u32,
    ) -> Result<bool, Error> {
        let hash = self.hash(item, at)?;
        for place in seen.0.get(&hash).into_iter().flatten() {
            if let Some(other) = kept.get(*place)
                && self.same(item, other, at)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Remembers all items of a collection.
    pub(super) fn index(&mut self, items: &[Item<'a>], at: u32) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        for (place, item) in items.iter().enumerate() {
            let hash = self.hash(item, at)?;
            seen.0.entry(hash).or_default().push(place);
        }
        Ok(seen)
    }

    /// A hash that equal items share.
    fn hash(&mut self, item: &Item<'a>, at: u32) -> Result<u64, Error> {
        let mut hasher = DefaultHasher::new();
        match item.system() {
            Some(Item::String(text)) => (1u8, &*text).hash(&mut hasher),
            Some(Item::Boolean(b)) => (2u8, b).hash(&mut hasher),
            Some(number @ (Item::Integer(_) | Item::Decimal(_))) => {
                (3u8, compare::number(&number)).hash(&mut hasher);
            }
            Some(Item::Temporal(temporal)) => (4u8, temporal.sameness()).hash(&mut hasher),
            // Equality of quantities spans units.
            Some(_) => 5u8.hash(&mut hasher),
            None => match item {
                Item::Node(node) => {
                    for value in [node.value(), node.twin()].into_iter().flatten() {
                        self.hash_json(value, &mut hasher, at)?;
                    }
                }
                _ => 6u8.hash(&mut hasher),
            },
        }
        Ok(hasher.finish())
    }

    fn hash_json(&mut self, value: &Value, hasher: &mut DefaultHasher, at: u32) -> Result<(), Error> {
        self.charge(1, at)?;
        match value {
            Value::Null => 0u8.hash(hasher),
            Value::Bool(b) => b.hash(hasher),
            Value::Number(n) => match Decimal::parse(n.as_str()) {
                Some(number) => number.hash(hasher),
                None => n.hash(hasher),
            },
            Value::String(text) => text.hash(hasher),
            Value::Array(items) => {
                for item in items {
                    self.hash_json(item, hasher, at)?;
                }
            }
            Value::Object(object) => {
                // Whatever the order of the members.
                let mut sum = 0u64;
                for (key, member) in object.iter() {
                    let mut own = DefaultHasher::new();
                    key.hash(&mut own);
                    self.hash_json(member, &mut own, at)?;
                    sum = sum.wrapping_add(own.finish());
                }
                sum.hash(hasher);
            }
        }
        Ok(())
    }
}

fn equal_values(a: &Item<'_>, b: &Item<'_>) -> Option<bool> {
    match (a, b) {
        (Item::String(a), Item::String(b)) => Some(a == b),
        (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
        (Item::Temporal(a), Item::Temporal(b)) => match a.compare(b) {
            None => Some(false),
            Some(order) => order.map(std::cmp::Ordering::is_eq),
        },
        (Item::Quantity(a), Item::Quantity(b)) => quantity::compare(a, b).map(std::cmp::Ordering::is_eq),
        _ => match (compare::number(a), compare::number(b)) {
            (Some(a), Some(b)) => Some(a == b),
            _ => Some(false),
        },
    }
}

fn equivalent_values(a: &Item<'_>, b: &Item<'_>) -> bool {
    match (a, b) {
        (Item::String(a), Item::String(b)) => folded(a) == folded(b),
        (Item::Temporal(a), Item::Temporal(b)) => {
            let both_times = (a.kind == TemporalKind::Time) == (b.kind == TemporalKind::Time);
            both_times && a.compare(b) == Some(Some(std::cmp::Ordering::Equal))
        }
        (Item::Quantity(a), Item::Quantity(b)) => quantity::equivalent(a, b),
        _ => match (compare::number(a), compare::number(b)) {
            (Some(a), Some(b)) => quantity::equivalent_numbers(a, b),
            _ => equal_values(a, b) == Some(true),
        },
    }
}

/// Lower case, white space collapsed.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}
