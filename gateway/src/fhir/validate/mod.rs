//! The structure check: every rule of R4's tables, every problem with its place, never only the first.
//!
//! Elements that do not exist, JSON types, numbers of occurrences, choices, formats of primitives, extensions on
//! primitives, contained resources, references, required codes, narratives, and the few invariants that are broken in
//! practice. Other invariants, terminology and profiles are not looked at here.

mod invariant;
mod primitive;
mod walk;
pub(crate) mod xhtml;

use super::definitions;
use super::outcome::Issue;
use super::resource::kind_of;
use crate::json::Value;

/// Most issues that one check lists; one more then says that there are others.
pub const MOST_ISSUES: usize = 100;

/// All problems of a resource; none when it is acceptable.
pub fn structure(resource: &Value) -> Vec<Issue> {
    match kind_of(resource) {
        Err(outcome) => outcome.issues,
        Ok(kind) => definitions::resource(kind).map_or_else(Vec::new, |definition| {
            let mut walk = walk::Walk::at(kind.as_str());
            walk.resource(resource, definition);
            walk.issues
        }),
    }
}

/// All problems of an element of a type such as `Bundle.entry` or `HumanName`, told under the place `at`.
pub fn element(name: &str, value: &Value, at: &str) -> Vec<Issue> {
    definitions::by_name(name).map_or_else(Vec::new, |definition| {
        let mut walk = walk::Walk::at(at);
        walk.complex(value, definition);
        walk.issues
    })
}

/// Why a narrative's div is not acceptable, if it is not.
///
/// # Errors
/// A sentence that names the first element, attribute or entity that is not allowed.
pub fn narrative(div: &str) -> Result<(), String> {
    xhtml::check(div)
}

#[cfg(test)]
mod official;
#[cfg(test)]
mod tests;
