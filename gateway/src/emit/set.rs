//! The records that a message is made of, found by the references between them.

use std::collections::HashMap;

use crate::json::Value;

/// Resources by their references. Where two have the same type and id, the first counts.
#[derive(Debug, Default)]
pub struct Set<'a> {
    all: Vec<&'a Value>,
    by_reference: HashMap<String, &'a Value>,
}

impl<'a> Set<'a> {
    /// These resources.
    pub fn new(resources: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut set = Self::default();
        for resource in resources {
            set.all.push(resource);
            if let (Some(kind), Some(id)) = (resource.str("resourceType"), resource.str("id")) {
                set.by_reference.entry(format!("{kind}/{id}")).or_insert(resource);
            }
        }
        set
    }

    /// The resources of a Bundle's entries.
    pub fn of_bundle(bundle: &'a Value) -> Self {
        Self::new(bundle.items("entry").iter().filter_map(|entry| entry.get("resource")))
    }

    /// What a `Reference` leads to, when it is here.
    pub fn get(&self, reference: Option<&Value>) -> Option<&'a Value> {
        self.by_reference.get(&local(reference?.str("reference")?)?).copied()
    }

    /// What the references of a list lead to, those that are not here left out.
    pub fn all_of(&self, references: &[Value]) -> Vec<&'a Value> {
        references.iter().filter_map(|reference| self.get(Some(reference))).collect()
    }

    /// Every resource.
    pub fn all(&self) -> impl Iterator<Item = &'a Value> + '_ {
        self.all.iter().copied()
    }

    /// Every resource of a type.
    pub fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'a Value> + 's {
        self.all.iter().copied().filter(move |resource| resource.str("resourceType") == Some(kind))
    }
}

/// `Type/id` of a reference, whichever base or version it names; `None` for contained and logical ones.
pub fn local(reference: &str) -> Option<String> {
    let plain = reference.split("/_history/").next().unwrap_or_default();
    let mut parts = plain.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    let named = kind.starts_with(|c: char| c.is_ascii_uppercase());
    (named && !id.is_empty()).then(|| format!("{kind}/{id}"))
}

/// Every `Type/id` that a resource refers to, in order, each once.
pub fn references(resource: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(resource, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter() {
                match member {
                    Value::String(text) if key == "reference" => {
                        if let Some(one) = local(text).filter(|one| !found.contains(one)) {
                            found.push(one);
                        }
                    }
                    other => collect(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
