//! Why a query has no answer, and where.

use crate::json::{Object, Value};

/// What kind of reason it is; a transport picks its status by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The text is no GraphQL, or names what there is not.
    Query,
    /// Something of this kind is not done here.
    NotSupported,
    /// A limit, by its name: `depth`, `fields`, `resources`, `answer`.
    Limit(&'static str),
    /// A resource is not there, or is not for the caller.
    NotFound,
    /// The caller may not look for this.
    Forbidden,
    /// The values do not allow it: several where one was asked for.
    Values,
    /// The source failed.
    Failed,
}

/// A refusal with its places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GraphError {
    /// What kind of reason it is.
    pub cause: Cause,
    /// A sentence for the person who reads it.
    pub message: String,
    /// Line and column in the query, from 1.
    pub location: Option<(u32, u32)>,
    /// Names and indexes from the root of the answer.
    pub path: Vec<Value>,
}

impl GraphError {
    /// An error without a place.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), location: None, path: Vec::new() }
    }

    /// The same error at a place in the query, unless it has one.
    #[must_use]
    pub fn at(mut self, location: (u32, u32)) -> Self {
        self.location.get_or_insert(location);
        self
    }

    /// The same error below a step of the answer.
    #[must_use]
    pub fn under(mut self, step: impl Into<Value>) -> Self {
        self.path.insert(0, step.into());
        self
    }

    /// An item of `errors` (GraphQL, section 7.1.2), without extensions.
    pub fn to_json(&self) -> Object {
        let location = self.location.map(|(line, column)| {
            Value::from([Value::Object(Object::from([("line", line), ("column", column)]))])
        });
        let path = (!self.path.is_empty()).then(|| self.path.clone());
        Object::new()
            .with("message", self.message.as_str())
            .with_some("locations", location)
            .with_some("path", path)
    }
}
