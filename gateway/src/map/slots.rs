//! Where the lines of a block put their values: paths into a resource, with lists whose items several lines fill.

use std::collections::BTreeMap;

use crate::json::{Object, Value};

use super::rules::{List, Step};

/// Which item of which list a label stands for: pointer of the list, label, repetition.
#[derive(Default)]
pub(super) struct Slots(BTreeMap<(String, &'static str, usize), usize>);

impl Slots {
    /// True when the first labelled item on the path has been made for this repetition.
    pub fn has(&self, path: &[Step], rep: usize) -> bool {
        let mut at = String::new();
        for step in path {
            at = format!("{at}/{}", step.name);
            if let List::Item(label) = step.list {
                return self.0.contains_key(&(at, label, rep));
            }
        }
        true
    }

    /// The object that an earlier rule has made at a path.
    pub fn reach<'o>(&self, body: &'o mut Object, path: &[Step], rep: usize) -> Option<&'o mut Object> {
        let mut at = body;
        let mut here = String::new();
        for step in path {
            here = format!("{here}/{}", step.name);
            let member = at.get_mut(step.name)?;
            at = match step.list {
                List::No => member.as_object_mut()?,
                List::Append => return None,
                List::Item(label) => {
                    let index = *self.0.get(&(here.clone(), label, rep))?;
                    here = format!("{here}/{index}");
                    member.as_array_mut()?.get_mut(index)?.as_object_mut()?
                }
            };
        }
        Some(at)
    }

    /// Puts a value at a path, making what is missing; answers its JSON pointer.
    pub fn put(&mut self, body: &mut Object, path: &[Step], rep: usize, value: Value) -> String {
        self.put_in(body, path, String::new(), rep, value)
    }

    fn put_in(&mut self, at: &mut Object, path: &[Step], base: String, rep: usize, value: Value) -> String {
        let Some((step, rest)) = path.split_first() else { return base };
        let here = format!("{base}/{}", step.name);
        if step.list == List::No {
            if rest.is_empty() {
                join(at, step.name, value);
                return here;
            }
            if at.get(step.name).and_then(Value::as_object).is_none() {
                at.insert(step.name, Object::new());
            }
            return match at.get_mut(step.name).and_then(Value::as_object_mut) {
                Some(inner) => self.put_in(inner, rest, here, rep, value),
                None => here,
            };
        }
        if at.get(step.name).and_then(Value::as_array).is_none() {
            at.insert(step.name, Vec::<Value>::new());
        }
        let Some(items) = at.get_mut(step.name).and_then(Value::as_array_mut) else { return here };
        let labelled = match step.list {
            List::Item(label) => Some((here.clone(), label, rep)),
            List::No | List::Append => None,
        };
        let index = labelled.as_ref().and_then(|key| self.0.get(key).copied()).unwrap_or(items.len());
        if index == items.len() {
            items.push(Object::new().into());
        }
        if let Some(key) = labelled {
            self.0.insert(key, index);
        }
        let pointer = format!("{here}/{index}");
        match items.get_mut(index) {
            Some(item) if rest.is_empty() => *item = value,
            Some(Value::Object(item)) => return self.put_in(item, rest, pointer, rep, value),
            Some(_) | None => {}
        }
        pointer
    }
}

/// Sets a member; an object is joined to one that is there.
fn join(at: &mut Object, name: &str, value: Value) {
    match (at.get_mut(name), value) {
        (Some(Value::Object(there)), Value::Object(new)) => {
            for (key, member) in new {
                there.insert(key, member);
            }
        }
        (_, value) => {
            at.insert(name, value);
        }
    }
}
