//! JSON Pointer (RFC 6901) for changing: where a value is put, taken from, or looked up.

use crate::json::{Limits, Object, Value};

/// A pointer that has been read: its steps, unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a pointer; none when it is not one or has more steps than a tree may have levels.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let steps: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
        if steps.len() > Limits::MOST_DEPTH {
            return None;
        }
        steps.into_iter().map(unescaped).collect::<Option<_>>().map(Self)
    }

    /// The steps, unescaped.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this place lies within `other`, and is not `other` itself.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }

    /// The value there.
    pub fn get<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(root, |value, step| match value {
            Value::Array(items) => items.get(index(step)?),
            Value::Object(object) => object.get(step),
            _ => None,
        })
    }

    /// What lies beside the way there: members and items of every container that a step is looked up in.
    pub fn width(&self, root: &Value) -> usize {
        let mut value = Some(root);
        let mut width = 0usize;
        for step in &self.0 {
            width += match value {
                // Items are moved as blocks, members are compared by name.
                Some(Value::Array(items)) => 1 + items.len() / 64,
                Some(Value::Object(object)) => 1 + object.len(),
                _ => 1,
            };
            value = value.and_then(|value| match value {
                Value::Array(items) => items.get(index(step)?),
                Value::Object(object) => object.get(step),
                _ => None,
            });
        }
        width
    }

    /// The container and the last step.
    fn parent<'a, 's>(&'s self, root: &'a mut Value) -> Option<(&'a mut Value, &'s str)> {
        let (last, steps) = self.0.split_last()?;
        let parent = steps.iter().try_fold(root, |value, step| match value {
            Value::Array(items) => items.get_mut(index(step)?),
            Value::Object(object) => object.get_mut(step),
            _ => None,
        })?;
        Some((parent, last))
    }

    /// Puts a value there: a member is set, an item is inserted, `-` appends. None when the place cannot be.
    pub fn add(&self, root: &mut Value, value: Value) -> Option<()> {
        if self.0.is_empty() {
            *root = value;
            return Some(());
        }
        match self.parent(root)? {
            (Value::Object(object), key) => {
                object.insert(key, value);
                Some(())
            }
            (Value::Array(items), "-") => {
                items.push(value);
                Some(())
            }
            (Value::Array(items), step) => {
                let at = index(step).filter(|at| *at <= items.len())?;
                items.insert(at, value);
                Some(())
            }
            _ => None,
        }
    }

    /// Takes the value there out. None when nothing is there; the root cannot be taken.
    pub fn remove(&self, root: &mut Value) -> Option<Value> {
        match self.parent(root)? {
            (Value::Object(object), key) => object.remove(key),
            (Value::Array(items), step) => {
                let at = index(step).filter(|at| *at < items.len())?;
                Some(items.remove(at))
            }
            _ => None,
        }
    }

    /// Puts a value in the place of one that is there.
    pub fn replace(&self, root: &mut Value, value: Value) -> Option<()> {
        if self.0.is_empty() {
            *root = value;
            return Some(());
        }
        let (parent, step) = self.parent(root)?;
        let slot = match parent {
            Value::Object(object) => Object::get_mut(object, step),
            Value::Array(items) => items.get_mut(index(step)?),
            _ => None,
        };
        *slot? = value;
        Some(())
    }
}

/// An array index: digits, no leading zero.
fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|b| b.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    plain.then(|| step.parse().ok()).flatten()
}

fn unescaped(step: &str) -> Option<String> {
    let mut out = String::with_capacity(step.len());
    let mut chars = step.chars();
    while let Some(c) = chars.next() {
        match c {
            '~' => match chars.next()? {
                '0' => out.push('~'),
                '1' => out.push('/'),
                _ => return None,
            },
            other => out.push(other),
        }
    }
    Some(out)
}
