//! Where an element stands in a tree, and changing it there: values and the `_name` twins of primitives keep step.

use crate::fhir::definitions::{self, Kind, Type};
use crate::fhir::id::ResourceType;
use crate::json::{Object, Value};

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a member.
    Key(String),
    /// Into an item.
    Item(usize),
}

/// An element within its container: a member, or an item of a member that is a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The object that has the element.
    pub container: Vec<Step>,
    /// The JSON member, without the underscore of a twin.
    pub key: String,
    /// Its place in the list.
    pub index: Option<usize>,
}

/// The way to a value of a tree: the very value, not one that is equal.
pub fn steps_of(tree: &Value, wanted: &Value) -> Option<Vec<Step>> {
    if std::ptr::eq(tree, wanted) {
        return Some(Vec::new());
    }
    let behind = |step: Step, inner: &Value| {
        let mut steps = steps_of(inner, wanted)?;
        steps.insert(0, step);
        Some(steps)
    };
    match tree {
        Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| behind(Step::Item(n), item)),
        Value::Object(object) => {
            object.iter().find_map(|(key, member)| behind(Step::Key(key.to_owned()), member))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The value at a place, for changing.
pub fn at_mut<'a>(tree: &'a mut Value, steps: &[Step]) -> Option<&'a mut Value> {
    steps.iter().try_fold(tree, |value, step| match (value, step) {
        (Value::Object(object), Step::Key(key)) => object.get_mut(key),
        (Value::Array(items), Step::Item(n)) => items.get_mut(*n),
        _ => None,
    })
}

/// The type of the object at a place.
pub fn definition_of(tree: &Value, steps: &[Step]) -> Option<&'static Type> {
    let resource = |value: &Value| {
        value.str("resourceType").and_then(ResourceType::parse).and_then(definitions::resource)
    };
    let mut definition = resource(tree)?;
    let mut value = tree;
    for step in steps {
        match (step, value) {
            (Step::Item(n), Value::Array(items)) => {
                value = items.get(*n)?;
                if let Some(own) = resource(value) {
                    definition = own;
                }
            }
            (Step::Key(key), Value::Object(object)) => {
                value = object.get(key)?;
                definition = match definition.member(key.trim_start_matches('_'))?.1 {
                    Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id)?,
                    Kind::Primitive(..) => definitions::by_name("Element")?,
                    Kind::Resource => resource(value).unwrap_or(definition),
                };
            }
            _ => return None,
        }
    }
    Some(definition)
}

/// Levels of arrays and objects.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.iter().map(|(_, v)| depth(v)).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

impl Place {
    /// The place at the end of a way; none for the root.
    pub fn of(steps: &[Step]) -> Option<Self> {
        let plain = |key: &str| key.strip_prefix('_').unwrap_or(key).to_owned();
        match steps {
            [container @ .., Step::Key(key), Step::Item(n)] => {
                Some(Self { container: container.to_vec(), key: plain(key), index: Some(*n) })
            }
            [container @ .., Step::Key(key)] => {
                Some(Self { container: container.to_vec(), key: plain(key), index: None })
            }
            _ => None,
        }
    }

    fn object<'a>(&self, tree: &'a mut Value) -> Result<&'a mut Object, String> {
        let object = at_mut(tree, &self.container).and_then(Value::as_object_mut);
        object.ok_or_else(|| "The path names an element that has no elements.".to_owned())
    }

    /// Number of items of the list, those that have only extensions among them.
    pub fn len(&self, tree: &Value) -> usize {
        let mut value = Some(tree);
        for step in &self.container {
            value = match (value, step) {
                (Some(Value::Object(object)), Step::Key(key)) => object.get(key),
                (Some(Value::Array(items)), Step::Item(n)) => items.get(*n),
                _ => None,
            };
        }
        let length =
            |key: &str| value.and_then(|v| v.get(key)).and_then(Value::as_array).map_or(0, <[Value]>::len);
        length(&self.key).max(length(&self.twin()))
    }

    fn twin(&self) -> String {
        format!("_{}", self.key)
    }

    /// Whether the element is there; for a choice, in whatever type.
    pub fn stands(&self, tree: &mut Value, choice: Option<(&Type, &str)>) -> bool {
        let Ok(object) = self.object(tree) else { return false };
        object.iter().any(|(key, _)| {
            let key = key.trim_start_matches('_');
            let same_choice = |(definition, name): (&Type, &str)| {
                definition.member(key).is_some_and(|(element, _)| element.choice && element.name == name)
            };
            key == self.key || choice.is_some_and(same_choice)
        })
    }

    /// Sets the element, twin and all.
    pub fn set(&self, tree: &mut Value, value: Value, twin: Value) -> Result<(), String> {
        let Some(index) = self.index else {
            let name = self.twin();
            let object = self.object(tree)?;
            put_or_remove(object, &self.key, value);
            put_or_remove(object, &name, twin);
            return Ok(());
        };
        let (mut values, mut twins) = self.lists(tree)?;
        if let (Some(slot), Some(beside)) = (values.get_mut(index), twins.get_mut(index)) {
            *slot = value;
            *beside = twin;
        }
        self.write(tree, values, twins)
    }

    /// Puts an item before the one at `index`, or at the end.
    pub fn insert(&self, tree: &mut Value, index: usize, value: Value, twin: Value) -> Result<(), String> {
        let (mut values, mut twins) = self.lists(tree)?;
        if index > values.len() {
            return Err(format!(
                "The index {index} lies behind the end of the list, which has {} items.",
                values.len()
            ));
        }
        values.insert(index, value);
        twins.insert(index, twin);
        self.write(tree, values, twins)
    }

    /// Moves an item of the list.
    pub fn shift(&self, tree: &mut Value, source: usize, destination: usize) -> Result<(), String> {
        let (mut values, mut twins) = self.lists(tree)?;
        if source.max(destination) >= values.len() {
            return Err(format!("The list has {} items.", values.len()));
        }
        for list in [&mut values, &mut twins] {
            let item = list.remove(source);
            list.insert(destination, item);
        }
        self.write(tree, values, twins)
    }

    /// Takes the element away, and whatever contains nothing any more.
    pub fn delete(&self, tree: &mut Value) {
        let done = match self.index {
            None => self.set(tree, Value::Null, Value::Null),
            Some(index) => self.lists(tree).and_then(|(mut values, mut twins)| {
                if index < values.len() {
                    values.remove(index);
                    twins.remove(index);
                }
                self.write(tree, values, twins)
            }),
        };
        let empty = done.is_ok() && self.object(tree).is_ok_and(|object| object.is_empty());
        if let Some(parent) = Self::of(&self.container).filter(|_| empty) {
            parent.delete(tree);
        }
    }

    /// Gives the member another name where it stands (another type of a choice).
    pub fn rename(&mut self, tree: &mut Value, key: &str) {
        if let Ok(object) = self.object(tree) {
            for (old, new) in [(self.key.clone(), key.to_owned()), (self.twin(), format!("_{key}"))] {
                if let (Some(at), Some(value)) = (object.position(&old), object.remove(&old)) {
                    object.insert_at(at, new, value);
                }
            }
        }
        key.clone_into(&mut self.key);
    }

    /// Values and twins of the list, of one length.
    fn lists(&self, tree: &mut Value) -> Result<(Vec<Value>, Vec<Value>), String> {
        let twin = self.twin();
        let object = self.object(tree)?;
        let list = |key: &str| object.get(key).and_then(Value::as_array).unwrap_or_default().to_vec();
        let (mut values, mut twins) = (list(&self.key), list(&twin));
        let length = values.len().max(twins.len());
        values.resize(length, Value::Null);
        twins.resize(length, Value::Null);
        Ok((values, twins))
    }

    fn write(&self, tree: &mut Value, values: Vec<Value>, twins: Vec<Value>) -> Result<(), String> {
        let name = self.twin();
        let object = self.object(tree)?;
        let or_none = |list: Vec<Value>| {
            if list.iter().all(|item| *item == Value::Null) { Value::Null } else { Value::Array(list) }
        };
        put_or_remove(object, &self.key, or_none(values));
        put_or_remove(object, &name, or_none(twins));
        Ok(())
    }
}

fn put_or_remove(object: &mut Object, key: &str, value: Value) {
    if value == Value::Null {
        object.remove(key);
    } else {
        object.insert(key, value);
    }
}
