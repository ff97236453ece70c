//! Variables: what was declared, what was sent, and the values of arguments (GraphQL, section 6.4.1).

use super::document::{Given, Operation, Variable};
use super::error::{Cause, GraphError};
use crate::json::{Object, Value};

/// Values of the variables of one operation.
pub(super) struct Variables(Vec<(String, Option<Value>)>);

impl Variables {
    /// Reads what was sent against what the operation declares.
    pub fn read(operation: &Operation, sent: &Object) -> Result<Self, GraphError> {
        let known = |name: &str| operation.variables.iter().any(|variable| variable.name == name);
        if let Some((name, _)) = sent.iter().find(|(name, _)| !known(name)) {
            let shown: String = name.chars().take(60).collect();
            return Err(GraphError::new(Cause::Query, format!("the query declares no variable ${shown}")));
        }
        let mut values = Vec::new();
        for variable in &operation.variables {
            let wrong = |text: &str| {
                GraphError::new(Cause::Query, format!("the variable ${} {text}", variable.name))
                    .at(variable.at)
            };
            let value = match (sent.get(&variable.name), &variable.default) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(default)) => Some(Self(Vec::new()).value(default)?.unwrap_or(Value::Null)),
                (None, None) => None,
            };
            if variable.needed && value.as_ref().is_none_or(|value| *value == Value::Null) {
                return Err(wrong("needs a value"));
            }
            if value.as_ref().is_some_and(|value| !fits(variable, value)) {
                return Err(wrong(&format!("is no {}", variable.kind)));
            }
            values.push((variable.name.clone(), value));
        }
        Ok(Self(values))
    }

    /// The value of an argument; `None` for a variable without one.
    pub fn value(&self, given: &Given) -> Result<Option<Value>, GraphError> {
        Ok(Some(match given {
            Given::Variable(name) => match self.0.iter().find(|(known, _)| known == name) {
                Some((_, value)) => return Ok(value.clone()),
                None => {
                    let text = format!("the query declares no variable ${name}");
                    return Err(GraphError::new(Cause::Query, text));
                }
            },
            Given::Number(text) => {
                crate::json::Number::parse(text).map_or_else(|| Value::from(text), Value::Number)
            }
            Given::Text(text) | Given::Name(text) => Value::from(text),
            Given::Truth(truth) => Value::Bool(*truth),
            Given::Null => Value::Null,
            Given::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    out.extend(self.value(item)?);
                }
                Value::Array(out)
            }
            Given::Object(members) => {
                let mut out = Object::new();
                for (name, member) in members {
                    if let Some(value) = self.value(member)? {
                        out.insert(name.as_str(), value);
                    }
                }
                Value::Object(out)
            }
        }))
    }
}

/// Whether a value is of the declared type. Types other than GraphQL's own take any value.
fn fits(variable: &Variable, value: &Value) -> bool {
    let one = |value: &Value| match (variable.kind.as_str(), value) {
        (_, Value::Null) => true,
        ("Boolean", value) => value.as_bool().is_some(),
        ("Int", Value::Number(number)) => number.as_i64().is_some(),
        ("Float", value) => value.as_number().is_some(),
        ("String", value) => value.as_str().is_some(),
        ("ID", Value::Number(number)) => number.as_i64().is_some(),
        ("ID", value) => value.as_str().is_some(),
        ("Int", _) => false,
        _ => true,
    };
    match value {
        // A single value stands for a list of it (GraphQL, section 3.11).
        Value::Array(items) if variable.list => items.iter().all(one),
        Value::Array(_) => false,
        value => one(value),
    }
}
