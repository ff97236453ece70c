//! Checks of a resource: every rule that is broken with its place, never only the first.
//!
//! [`structure`] is what every write passes: elements, JSON types, occurrences, choices, formats, extensions on
//! primitives, contained resources, references, required codes, narratives, and the invariants broken most often.
//! [`Validator`] goes further, as its [`Policy`] says: all invariants, terminology, profiles and extensions, bundles,
//! forms and definitions.

mod around;
pub(crate) mod coded;
mod content;
mod extension;
mod form;
pub(crate) mod invariant;
mod outside;
mod policy;
mod primitive;
pub mod rules;
mod shelf;
mod validator;
mod walk;
pub(crate) mod xhtml;

use super::definitions;
use super::outcome::Issue;
use super::resource::kind_of;
use crate::json::Value;

pub use around::Surroundings;
pub(crate) use outside::Outside;
pub use policy::{Core, Definitions, Level, Policy};
pub use shelf::Shelf;
pub use validator::{MOST_STEPS, Validator};

/// Most issues that one check lists; one more then says that there are others.
pub const MOST_ISSUES: usize = 100;

/// All problems of the structure of a resource; none when it is acceptable.
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
mod cases;
#[cfg(test)]
mod large;
#[cfg(test)]
mod levels;
#[cfg(test)]
mod official;
#[cfg(test)]
mod tests;
