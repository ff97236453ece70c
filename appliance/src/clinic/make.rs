//! Short words for building FHIR JSON.
//!
//! Owns the shapes that every resource repeats (coding, concept, reference, identifier); registration, the chart's own
//! entries and the demo clinic are built from them.

use clinicvault_gateway::json::{Number, Object, Value};

/// An object with its fields in the order given.
#[must_use]
pub fn obj<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut object = Object::default();
    for (name, value) in fields {
        object.insert(name, value);
    }
    Value::Object(object)
}

/// An array.
#[must_use]
pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

/// A string.
#[must_use]
pub fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

/// A number that keeps the digits given; text that is no JSON number becomes `null`, which validation then refuses.
#[must_use]
pub fn number(value: &str) -> Value {
    Number::parse(value).map_or(Value::Null, Value::Number)
}

/// `Coding`.
#[must_use]
pub fn coding(system: &str, code: &str, display: &str) -> Value {
    obj([("system", text(system)), ("code", text(code)), ("display", text(display))])
}

/// `CodeableConcept` with its plain words.
#[must_use]
pub fn concept(codings: impl IntoIterator<Item = Value>, words: &str) -> Value {
    obj([("coding", list(codings)), ("text", text(words))])
}

/// `CodeableConcept` that has words only.
#[must_use]
pub fn words(value: &str) -> Value {
    obj([("text", text(value))])
}

/// `CodeableConcept` with one code and no words of its own.
#[must_use]
pub fn coded(system: &str, code: &str) -> Value {
    obj([("coding", list([obj([("system", text(system)), ("code", text(code))])]))])
}

/// `Reference` to a record of this box or to an entry of the same transaction.
#[must_use]
pub fn reference(target: &str) -> Value {
    obj([("reference", text(target))])
}

/// `Reference` with the words to show for it.
#[must_use]
pub fn reference_as(target: &str, display: &str) -> Value {
    obj([("reference", text(target)), ("display", text(display))])
}

/// `Identifier`.
#[must_use]
pub fn identifier(system: &str, value: &str) -> Value {
    obj([("system", text(system)), ("value", text(value))])
}
