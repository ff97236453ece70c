//! Arguments of a field, taken one by one; what is left is an error.

use super::document::Given;
use super::error::{Cause, GraphError};
use super::variables::Variables;
use crate::json::Value;

/// Arguments that have not been taken yet, with their values; those without a value are left out.
pub(super) struct Arguments(Vec<(String, Value)>);

impl Arguments {
    pub fn read(given: &[(String, Given)], variables: &Variables) -> Result<Self, GraphError> {
        let mut out = Vec::with_capacity(given.len());
        for (name, value) in given {
            if let Some(value) = variables.value(value)?.filter(|value| *value != Value::Null) {
                out.push((name.clone(), value));
            }
        }
        Ok(Self(out))
    }

    /// Takes an argument out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, GraphError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match texts(&value).as_deref() {
                Some([one]) => Ok(Some(one.clone())),
                _ => Err(wrong(name, "a text")),
            },
        }
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, GraphError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    /// A whole number that is not negative.
    pub fn whole(&mut self, name: &str) -> Result<Option<usize>, GraphError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_number().and_then(crate::json::Number::as_u64);
                let number = number.and_then(|number| usize::try_from(number).ok());
                number.map(Some).ok_or_else(|| wrong(name, "a whole number"))
            }
        }
    }

    /// What is left, in order.
    pub fn rest(self) -> Vec<(String, Value)> {
        self.0
    }

    /// An error for the first that is left.
    pub fn finish(self) -> Result<(), GraphError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(GraphError::new(Cause::Query, format!("there is no argument \"{name}\" here")))
            }
        }
    }
}

fn wrong(name: &str, wanted: &str) -> GraphError {
    GraphError::new(Cause::Query, format!("the argument \"{name}\" is {wanted}"))
}

/// The texts of a value or of a list of values; numbers and truth values as they are written.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}
