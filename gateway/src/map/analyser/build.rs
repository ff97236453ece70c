//! Resources under construction, each with the places of the records that it came from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use smol_str::format_smolstr;

use crate::json::{Key, Object, Value};

use super::super::draft::{Link, Meeting};
use super::account::Spot;

/// One resource being built.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub kind: &'static str,
    pub id: String,
    /// The record that it mainly comes from.
    pub record: usize,
    pub body: Object,
    links: Vec<(usize, u16, u16, u16, Key)>,
    /// The records state only part of it: members that they do not state stay.
    partial: bool,
    /// Members that give way to stored ones.
    pub weak: Vec<String>,
}

impl Draft {
    pub fn new(kind: &'static str, id: String, record: usize) -> Self {
        let body = Object::new().with("resourceType", kind).with("id", id.as_str());
        Self { kind, id, record, body, links: Vec::new(), partial: false, weak: Vec::new() }
    }

    pub fn partial(kind: &'static str, id: String, record: usize) -> Self {
        Self { partial: true, ..Self::new(kind, id, record) }
    }

    pub fn reference(&self) -> Value {
        Object::new().with("reference", format!("{}/{}", self.kind, self.id)).into()
    }

    /// Sets a member from a place of the records; false without a value.
    pub fn set(&mut self, key: &str, value: Option<impl Into<Value>>, from: Spot<'_>) -> bool {
        let Some(value) = value else { return false };
        self.body.insert(key, value);
        self.link(from, format_smolstr!("/{key}"));
        true
    }

    /// Sets a member that is this gateway's own statement.
    pub fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.body.insert(key, value);
    }

    /// Appends to an array member from a place of the records.
    pub fn push(&mut self, key: &str, value: Option<impl Into<Value>>, from: Spot<'_>) -> bool {
        let Some(value) = value else { return false };
        let at = self.append(key, value);
        self.link(from, format_smolstr!("/{key}/{at}"));
        true
    }

    /// Appends to an array member; answers the position.
    pub fn append(&mut self, key: &str, value: impl Into<Value>) -> usize {
        match self.body.get_mut(key).and_then(Value::as_array_mut) {
            Some(items) => {
                items.push(value.into());
                items.len() - 1
            }
            None => {
                self.body.insert(key, vec![value.into()]);
                0
            }
        }
    }

    fn link(&mut self, from: Spot<'_>, pointer: Key) {
        self.links.push((from.record.index(), from.field, from.rep, from.comp, pointer));
    }
}

/// The resources of one message, each id once.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    all: Vec<Draft>,
    places: BTreeMap<(&'static str, String), usize>,
}

impl Drafts {
    /// Adds a resource unless one of its kind and id is there.
    pub fn add(&mut self, draft: Draft) {
        let place = self.all.len();
        if let Entry::Vacant(vacant) = self.places.entry((draft.kind, draft.id.clone())) {
            vacant.insert(place);
            self.all.push(draft);
        }
    }

    /// The resource of a kind and id.
    pub fn get(&mut self, kind: &'static str, id: &str) -> Option<&mut Draft> {
        let place = *self.places.get(&(kind, id.to_owned()))?;
        self.all.get_mut(place)
    }

    /// The transaction, how each entry meets what is stored, and the links.
    pub fn finish(self) -> (Value, Vec<Meeting>, Vec<Link>) {
        let (mut entries, mut meetings, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for (entry, draft) in self.all.into_iter().enumerate() {
            let request =
                Object::new().with("method", "PUT").with("url", format!("{}/{}", draft.kind, draft.id));
            links.extend(draft.links.into_iter().map(|(segment, field, repetition, component, pointer)| {
                Link { segment, field, repetition, component, entry, pointer }
            }));
            meetings.push(if draft.partial {
                Meeting::Overlay { deletes: Vec::new(), weak: draft.weak }
            } else {
                Meeting::Replace
            });
            entries.push(Value::from(Object::new().with("resource", draft.body).with("request", request)));
        }
        let bundle = Object::new().with("resourceType", "Bundle").with("type", "transaction");
        let bundle = if entries.is_empty() { bundle } else { bundle.with("entry", entries) };
        (bundle.into(), meetings, links)
    }
}
