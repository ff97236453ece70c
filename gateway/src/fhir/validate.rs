//! The structure check.
use super::outcome::Issue;
use crate::json::Value;
/// Most issues that one check lists.
pub const MOST_ISSUES: usize = 100;
/// All problems of a tree.
pub fn structure(_resource: &Value) -> Vec<Issue> {
    Vec::new()
}
/// All problems of an element.
pub fn element(_name: &str, _value: &Value, _at: &str) -> Vec<Issue> {
    Vec::new()
}
