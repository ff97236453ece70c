//! The structure check.
use super::outcome::Issue;
use crate::json::Value;
/// All problems of a tree.
pub fn structure(_resource: &Value) -> Vec<Issue> {
    Vec::new()
}
