//! Whether a value is a fixed value, or holds a pattern (R4 ElementDefinition, fixed[x] and pattern[x]).

use crate::json::Value;

/// Whether two values are the same: members in any order, numbers by their value.
pub fn same(value: &Value, fixed: &Value) -> bool {
    match (value, fixed) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(key, other)| a.get(key).is_some_and(|own| same(own, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(own, other)| same(own, other))
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64().is_some() && a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

/// Whether a value holds all that a pattern says: its members, and for each item of a list one that holds it.
pub fn fits(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(a), Value::Object(b)) => {
            b.iter().all(|(key, part)| a.get(key).is_some_and(|own| fits(own, part)))
        }
        (Value::Array(items), Value::Array(parts)) => {
            parts.iter().all(|part| items.iter().any(|item| fits(item, part)))
        }
        (own, part) => same(own, part),
    }
}
