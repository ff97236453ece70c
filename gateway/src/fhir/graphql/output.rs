//! The object that is being answered: keys in the order of the query, values that are collated where a list is flattened.

use super::error::{Cause, GraphError};
use crate::json::{Object, Value};

/// How a flattened element puts its children.
#[derive(Debug, Clone, Default)]
pub(super) struct Flat {
    /// Whether children become lists.
    pub list: bool,
    /// What `@slice` appends to their names.
    pub suffix: String,
}

#[derive(Debug)]
struct Entry {
    key: String,
    values: Vec<Value>,
    list: bool,
    kind: &'static str,
}

/// An object under construction.
#[derive(Debug, Default)]
pub(super) struct Out(Vec<Entry>);

impl Out {
    /// Adds the values of a field. `list` for one that is a list, `kind` the name of their type.
    pub fn put(
        &mut self,
        key: String,
        values: Vec<Value>,
        list: bool,
        kind: &'static str,
    ) -> Result<(), GraphError> {
        if values.is_empty() {
            return Ok(());
        }
        match self.0.iter_mut().find(|entry| entry.key == key) {
            None => self.0.push(Entry { key, values, list, kind }),
            Some(entry) if entry.kind != kind => {
                let text = format!("\"{key}\" would hold values of type {} and of type {kind}", entry.kind);
                return Err(GraphError::new(Cause::Values, text));
            }
            Some(entry) => {
                entry.list |= list;
                entry.values.extend(values);
            }
        }
        let one = self.0.iter().find(|entry| !entry.list && entry.values.len() > 1);
        match one {
            None => Ok(()),
            Some(entry) => {
                let text = format!("\"{}\" is to be one value, and there are several", entry.key);
                Err(GraphError::new(Cause::Values, text))
            }
        }
    }

    /// A list that holds nothing, where a search found nothing.
    pub fn empty(&mut self, key: String, kind: &'static str) {
        if !self.0.iter().any(|entry| entry.key == key) {
            self.0.push(Entry { key, values: Vec::new(), list: true, kind });
        }
    }

    /// The object. What has no value is left out, as the standard's examples have it.
    pub fn finish(self) -> Object {
        let member = |entry: Entry| {
            let mut values = entry.values;
            let value = if entry.list { Value::Array(values) } else { values.pop().unwrap_or_default() };
            (entry.key, value)
        };
        self.0.into_iter().map(member).collect()
    }
}
