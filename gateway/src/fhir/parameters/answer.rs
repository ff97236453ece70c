//! What an operation answers with.

use crate::json::{Object, Value};

/// The `Parameters` that an operation answers with, or the parts of one parameter.
#[derive(Debug, Clone, Default)]
pub struct Answer(Vec<Value>);

impl Answer {
    /// An answer without parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a value under its member, such as `valueCode`.
    #[must_use]
    pub fn value(mut self, name: &str, member: &str, value: impl Into<Value>) -> Self {
        self.0.push(Object::new().with("name", name).with(member, value).into());
        self
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource(mut self, name: &str, resource: Value) -> Self {
        self.0.push(Object::new().with("name", name).with("resource", resource).into());
        self
    }

    /// Adds a parameter with parts; none when there are no parts, which R4 does not allow.
    #[must_use]
    pub fn parts(mut self, name: &str, parts: Self) -> Self {
        if !parts.0.is_empty() {
            self.0.push(Object::new().with("name", name).with("part", parts.0).into());
        }
        self
    }

    /// The resource.
    pub fn to_json(self) -> Value {
        let parameter = (!self.0.is_empty()).then_some(self.0);
        Value::Object(Object::new().with("resourceType", "Parameters").with_some("parameter", parameter))
    }
}
