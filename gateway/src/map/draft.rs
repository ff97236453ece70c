//! Resources under construction, each with the places of the message that it came from.

use smol_str::format_smolstr;

use crate::json::{Key, Object, Value};

use super::book::Spot;

/// Joins a place of the message to a place of a stored resource, for highlighting one beside the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Position of the segment in the message, counted from 0.
    pub segment: usize,
    /// Field, repetition and component; 0 for "all of it".
    pub field: u16,
    /// See [`Self::field`].
    pub repetition: u16,
    /// See [`Self::field`].
    pub component: u16,
    /// Position of the entry in the bundle.
    pub entry: usize,
    /// JSON pointer inside the entry's resource.
    pub pointer: Key,
}

/// How an entry meets what is stored under its id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Meeting {
    /// The message states the whole thing; it replaces what is there.
    #[default]
    Replace,
    /// The message states some of it: members it does not state stay, `deletes` go, `weak` members give way.
    Overlay {
        /// Members that the sender deleted with `""`.
        deletes: Vec<String>,
        /// Members that are only this gateway's assumption; a stored value wins.
        weak: Vec<String>,
    },
}

/// One resource being built.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub kind: &'static str,
    pub id: String,
    pub body: Object,
    pub links: Vec<(usize, u16, u16, u16, Key)>,
    pub overlay: bool,
    pub deletes: Vec<String>,
    pub weak: Vec<String>,
}

impl Draft {
    pub fn new(kind: &'static str, id: String) -> Self {
        let body = Object::new().with("resourceType", kind).with("id", id.as_str());
        Self { kind, id, body, links: Vec::new(), overlay: false, deletes: Vec::new(), weak: Vec::new() }
    }

    /// A draft that states only part of its resource.
    pub fn partial(kind: &'static str, id: String) -> Self {
        Self { overlay: true, ..Self::new(kind, id) }
    }

    pub fn reference(&self) -> Value {
        reference(self.kind, &self.id)
    }

    /// Sets a member from a place of the message. Without a value, a `""` there deletes the member.
    pub fn set(&mut self, key: &str, value: Option<impl Into<Value>>, from: Spot<'_>) -> bool {
        match value {
            Some(value) => {
                self.body.insert(key, value);
                self.link(from, format_smolstr!("/{key}"));
                true
            }
            None => {
                if from.deleted() || (from.comp == 0 && from.c(1).deleted()) {
                    self.deletes.push(key.to_owned());
                }
                false
            }
        }
    }

    /// Appends to an array member from a place of the message.
    pub fn push(&mut self, key: &str, value: Option<impl Into<Value>>, from: Spot<'_>) -> bool {
        let Some(value) = value else {
            if from.deleted() {
                self.deletes.push(key.to_owned());
            }
            return false;
        };
        let at = self.body.get(key).and_then(Value::as_array).map_or(0, <[Value]>::len);
        self.append(key, value);
        self.link(from, format_smolstr!("/{key}/{at}"));
        true
    }

    /// Appends to an array member without a link.
    pub fn append(&mut self, key: &str, value: impl Into<Value>) {
        match self.body.get_mut(key).and_then(Value::as_array_mut) {
            Some(items) => items.push(value.into()),
            None => {
                self.body.insert(key, vec![value.into()]);
            }
        }
    }

    /// Appends unless an equal item is there.
    pub fn append_once(&mut self, key: &str, value: Value) {
        if !self.body.get(key).and_then(Value::as_array).is_some_and(|items| items.contains(&value)) {
            self.append(key, value);
        }
    }

    /// Sets a member that is this gateway's own statement.
    pub fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.body.insert(key, value);
    }

    /// Sets a member that gives way to a stored one.
    pub fn assume(&mut self, key: &str, value: impl Into<Value>) {
        if !self.body.contains_key(key) {
            self.body.insert(key, value);
            self.weak.push(key.to_owned());
        }
    }

    pub fn link(&mut self, from: Spot<'_>, pointer: impl Into<Key>) {
        self.links.push((from.segment.index(), from.field, from.rep, from.comp, pointer.into()));
    }
}

pub(super) fn reference(kind: &str, id: &str) -> Value {
    Object::new().with("reference", format!("{kind}/{id}")).into()
}

/// The resources of one message, each id once.
#[derive(Debug, Default)]
pub(super) struct Drafts(pub Vec<Draft>);

impl Drafts {
    /// Adds a resource; one that is there already under the same id takes over what it lacks. Answers its reference.
    pub fn add(&mut self, draft: Draft) -> Value {
        let reference = draft.reference();
        match self.0.iter_mut().find(|d| d.kind == draft.kind && d.id == draft.id) {
            Some(there) => {
                for (key, value) in draft.body {
                    if !there.body.contains_key(&key) {
                        there.body.insert(key, value);
                    }
                }
            }
            None => self.0.push(draft),
        }
        reference
    }

    /// Adds references to a list of a resource that is here already.
    pub fn extend<'v>(&mut self, target: &Value, key: &str, items: impl Iterator<Item = &'v Value>) {
        let target = target.str("reference").unwrap_or_default();
        let found = self.0.iter_mut().find(|d| target.split_once('/') == Some((d.kind, d.id.as_str())));
        if let Some(draft) = found {
            items.for_each(|item| draft.append_once(key, item.clone()));
        }
    }

    /// Sets a member of a resource that is here already, unless it has one that begins with `stem`.
    pub fn complete(&mut self, target: &Value, stem: &str, key: &str, value: Value) {
        let target = target.str("reference").unwrap_or_default();
        let found = self.0.iter_mut().find(|d| target.split_once('/') == Some((d.kind, d.id.as_str())));
        if let Some(draft) = found.filter(|d| !d.body.iter().any(|(name, _)| name.starts_with(stem))) {
            draft.body.insert(key, value);
        }
    }

    /// The transaction, how each entry meets what is stored, and the links.
    pub fn finish(self) -> (Value, Vec<Meeting>, Vec<Link>) {
        let mut entries = Vec::with_capacity(self.0.len());
        let mut meetings = Vec::with_capacity(self.0.len());
        let mut links = Vec::new();
        for (entry, draft) in self.0.into_iter().enumerate() {
            let url = format!("{}/{}", draft.kind, draft.id);
            links.extend(draft.links.into_iter().map(|(segment, field, repetition, component, pointer)| {
                Link { segment, field, repetition, component, entry, pointer }
            }));
            meetings.push(if draft.overlay {
                Meeting::Overlay { deletes: draft.deletes, weak: draft.weak }
            } else {
                Meeting::Replace
            });
            let request = Object::new().with("method", "PUT").with("url", url.as_str());
            entries.push(Value::from(Object::new().with("resource", draft.body).with("request", request)));
        }
        let bundle =
            Object::new().with("resourceType", "Bundle").with("type", "transaction").with("entry", entries);
        (bundle.into(), meetings, links)
    }
}
