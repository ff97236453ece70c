//! `$meta-add` and `$meta-delete`: profiles, tags and security labels put on a resource or taken off (R4,
//! Resource/$meta-add, Resource/$meta-delete).

use crate::json::{Object, Value};

/// What is put on or taken off. Version and time of a meta are not the client's to set and are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaChange {
    adds: bool,
    meta: Value,
}

/// Lists of a meta that the operations work on.
const LISTS: [&str; 3] = ["profile", "security", "tag"];

impl MetaChange {
    /// Puts what `meta` lists on the resource.
    pub const fn add(meta: Value) -> Self {
        Self { adds: true, meta }
    }

    /// Takes what `meta` lists off the resource. What is not there is no error.
    pub const fn delete(meta: Value) -> Self {
        Self { adds: false, meta }
    }

    /// The resource afterwards.
    pub fn apply(&self, resource: &Value) -> Value {
        let mut done = resource.clone();
        let Some(object) = done.as_object_mut() else { return done };
        if !object.contains_key("meta") {
            if !self.adds {
                return done;
            }
            let behind =
                object.position("id").or_else(|| object.position("resourceType")).map_or(0, |n| n + 1);
            object.insert_at(behind, "meta", Object::new());
        }
        let Some(meta) = object.get_mut("meta").and_then(Value::as_object_mut) else { return done };
        for name in LISTS {
            let mut list = meta.get(name).and_then(Value::as_array).unwrap_or_default().to_vec();
            for given in self.meta.items(name) {
                match (list.iter().position(|standing| same(standing, given)), self.adds) {
                    (None, true) => list.push(given.clone()),
                    (Some(at), false) => {
                        list.remove(at);
                    }
                    (Some(_), true) | (None, false) => {}
                }
            }
            if list.is_empty() {
                meta.remove(name);
            } else {
                meta.insert(name, list);
            }
        }
        done
    }
}

/// Adds what `more` lists to `whole`: the union that `$meta` of many records answers.
pub fn union(whole: &mut Object, more: &Value) {
    for name in LISTS {
        let mut list = whole.get(name).and_then(Value::as_array).unwrap_or_default().to_vec();
        for given in more.items(name) {
            if !list.iter().any(|standing| same(standing, given)) {
                list.push(given.clone());
            }
        }
        if !list.is_empty() {
            whole.insert(name, list);
        }
    }
}

/// A profile is the same by its address, a tag or label by system and code.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one == other,
        _ => one.str("system") == other.str("system") && one.str("code") == other.str("code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn value(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn labels_are_put_on_once_and_taken_off() {
        let check = |resource: &str, change: &MetaChange, expected: &str| {
            assert_eq!(change.apply(&value(resource)).to_string(), expected, "{change:?}");
        };
        let tag =
            r#"{"tag":[{"system":"s","code":"a","display":"A"}],"profile":["http://x"],"versionId":"9"}"#;
        let (add, delete) = (MetaChange::add(value(tag)), MetaChange::delete(value(tag)));
        let bare = r#"{"resourceType":"Patient","id":"1","active":true}"#;
        let labelled = r#"{"resourceType":"Patient","id":"1","meta":{"profile":["http://x"],"tag":[{"system":"s","code":"a","display":"A"}]},"active":true}"#;
        check(bare, &add, labelled);
        check(labelled, &add, labelled);
        check(labelled, &delete, r#"{"resourceType":"Patient","id":"1","meta":{},"active":true}"#);
        check(bare, &delete, bare);
        let other =
            r#"{"resourceType":"Patient","meta":{"versionId":"2","tag":[{"system":"t","code":"a"}]}}"#;
        check(other, &delete, other);
    }

    #[test]
    fn a_union_names_each_label_once() {
        let mut whole = Object::new();
        for meta in [r#"{"tag":[{"code":"a"}]}"#, r#"{"tag":[{"code":"a"},{"code":"b"}],"versionId":"1"}"#] {
            union(&mut whole, &value(meta));
        }
        assert_eq!(Value::Object(whole).to_string(), r#"{"tag":[{"code":"a"},{"code":"b"}]}"#);
    }
}
