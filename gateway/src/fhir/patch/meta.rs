//! `$meta-add` and `$meta-delete`: profiles, tags and security labels put on a resource or taken off (R4,
//! Resource/$meta-add, Resource/$meta-delete).

use std::collections::{HashMap, HashSet};

use super::PatchError;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::json::{Object, Value};

/// What is put on or taken off. Version and time of a meta are not the client's to set and are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaChange {
    adds: bool,
    meta: Value,
}

/// Most items of each list that one operation puts on or takes off.
const MOST_LABELS: usize = 1_000;

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
    ///
    /// # Errors
    /// [`PatchError::Malformed`] when a list names too many items.
    pub fn apply(&self, resource: &Value) -> Result<Value, PatchError> {
        if let Some(name) = LISTS.into_iter().find(|name| self.meta.items(name).len() > MOST_LABELS) {
            let text =
                format!("meta.{name} names more than {MOST_LABELS} items; send them in several calls.");
            let issue = Issue::error(IssueCode::TooCostly, text).at(format!("meta.{name}"));
            return Err(PatchError::Malformed(issue.into()));
        }
        Ok(self.applied(resource))
    }

    fn applied(&self, resource: &Value) -> Value {
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
            let standing = meta.get(name).and_then(Value::as_array).unwrap_or_default();
            let given = self.meta.items(name);
            let list: Vec<Value> = if self.adds {
                let mut known: HashSet<Label<'_>> = standing.iter().map(label).collect();
                let new = given.iter().filter(|item| known.insert(label(item)));
                standing.iter().chain(new).cloned().collect()
            } else {
                let gone: HashSet<Label<'_>> = given.iter().map(label).collect();
                standing.iter().filter(|item| !gone.contains(&label(item))).cloned().collect()
            };
            if list.is_empty() {
                meta.remove(name);
            } else {
                meta.insert(name, list);
            }
        }
        done
    }
}

/// The union of the labels of many records, that `$meta` of a type answers.
#[derive(Debug, Default)]
pub struct UnionOfMetas {
    lists: HashMap<&'static str, Vec<Value>>,
    known: HashSet<(&'static str, [Option<String>; 3])>,
}

impl UnionOfMetas {
    /// Adds what a meta lists.
    pub fn add(&mut self, meta: &Value) {
        for name in LISTS {
            for given in meta.items(name) {
                if self.known.insert((name, label(given).map(|part| part.map(str::to_owned)))) {
                    self.lists.entry(name).or_default().push(given.clone());
                }
            }
        }
    }

    /// The union, each label once.
    pub fn into_meta(mut self) -> Object {
        LISTS.into_iter().fold(Object::new(), |meta, name| meta.with_some(name, self.lists.remove(name)))
    }
}

/// What a label is told apart by: a profile by its address, a tag or security label by system and code.
type Label<'a> = [Option<&'a str>; 3];

fn label(item: &Value) -> Label<'_> {
    [item.as_str(), item.str("system"), item.str("code")]
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
            assert_eq!(change.apply(&value(resource)).unwrap().to_string(), expected, "{change:?}");
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
        let mut whole = UnionOfMetas::default();
        for meta in [r#"{"tag":[{"code":"a"}]}"#, r#"{"tag":[{"code":"a"},{"code":"b"}],"versionId":"1"}"#] {
            whole.add(&value(meta));
        }
        assert_eq!(Value::Object(whole.into_meta()).to_string(), r#"{"tag":[{"code":"a"},{"code":"b"}]}"#);
    }

    #[test]
    fn what_is_put_on_twice_stands_once_and_more_than_a_thousand_labels_are_refused() {
        let tags = |count: usize| {
            let tags: Vec<String> = (0..count).map(|n| format!(r#"{{"code":"{}"}}"#, n / 2)).collect();
            value(&format!(r#"{{"tag":[{}]}}"#, tags.join(",")))
        };
        let bare = value(r#"{"resourceType":"Patient","id":"1"}"#);
        let done = MetaChange::add(tags(1_000)).apply(&bare).unwrap();
        assert_eq!(done.get("meta").unwrap().items("tag").len(), 500);
        let gone = MetaChange::delete(tags(1_000)).apply(&done).unwrap();
        assert_eq!(gone.get("meta").unwrap().items("tag").len(), 0);
        for change in [MetaChange::add(tags(1_001)), MetaChange::delete(tags(1_001))] {
            let Err(PatchError::Malformed(outcome)) = change.apply(&done) else { panic!("{change:?}") };
            assert!(outcome.to_string().contains("1000"), "{outcome}");
            assert_eq!(outcome.issues[0].code, IssueCode::TooCostly);
        }
    }
}
