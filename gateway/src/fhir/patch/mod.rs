//! Changing a resource by a patch: JSON Patch (RFC 6902) and FHIRPath Patch (R4, section 3.1.0.9).
//!
//! A patch is read first and applied to a tree afterwards, all operations or none. Whether the result is still a good
//! resource is left to `validate`; which versions may be patched is left to the store.

mod budget;
mod json_patch;
mod links;
mod meta;
mod path_patch;
mod place;
mod pointer;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use budget::Budget;
pub use json_patch::JsonPatch;
pub use meta::{MetaChange, UnionOfMetas};
pub use path_patch::PathPatch;

use super::outcome::{Issue, IssueCode, Outcome};
use crate::json::{self, Limits, Value};

/// Media type of JSON Patch.
pub const JSON_PATCH: &str = "application/json-patch+json";

/// Most operations of one patch.
pub const MOST_OPERATIONS: usize = 1_000;

/// Deepest nesting of a result: that of any resource that is stored.
const MOST_LEVELS: usize = 64;

/// A patch that has been read, in either language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// RFC 6902.
    Json(JsonPatch),
    /// FHIRPath Patch.
    Path(PathPatch),
    /// `$meta-add` or `$meta-delete`.
    Meta(MetaChange),
}

impl Patch {
    /// Reads the resource of a PATCH entry in a bundle: a Binary that holds a JSON Patch, or Parameters.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] when it is neither, or not a patch.
    pub fn of_entry(resource: &Value, limits: &Limits) -> Result<Self, PatchError> {
        match resource.str("resourceType") {
            Some("Binary") => {
                let typed = resource.str("contentType").unwrap_or_default();
                if typed.split(';').next().map(str::trim) != Some(JSON_PATCH) {
                    let why = format!("The contentType of a patch must be {JSON_PATCH}.");
                    return Err(PatchError::malformed("Binary.contentType", why));
                }
                let data: String =
                    resource.str("data").unwrap_or_default().split_ascii_whitespace().collect();
                let bytes = STANDARD
                    .decode(data)
                    .map_err(|_| PatchError::malformed("Binary.data", "The data is not base64."))?;
                Self::read_json(&bytes, limits)
            }
            Some("Parameters") => Self::of_parameters(resource),
            _ => {
                let why =
                    format!("A patch is a Binary with a JSON Patch ({JSON_PATCH}) or a Parameters resource.");
                Err(PatchError::malformed("resourceType", why))
            }
        }
    }

    /// Reads the text of a JSON Patch.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] when it is not JSON, or not a patch.
    pub fn read_json(text: &[u8], limits: &Limits) -> Result<Self, PatchError> {
        let patch = json::parse(text, limits).map_err(|error| PatchError::Malformed(error.into()))?;
        JsonPatch::read(&patch).map(Self::Json)
    }

    /// Reads a FHIRPath Patch.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] with the place of what is not one.
    pub fn of_parameters(parameters: &Value) -> Result<Self, PatchError> {
        let broken = super::validate::structure(parameters);
        if !broken.is_empty() {
            return Err(PatchError::Malformed(Outcome::of(broken)));
        }
        PathPatch::read(parameters).map(Self::Path)
    }

    /// The resource after the patch. Its type and id stay what they were.
    ///
    /// # Errors
    /// [`PatchError::Misfit`] where the patch does not fit the resource or changes its type or id;
    /// [`PatchError::TestFailed`].
    pub fn apply(&self, resource: &Value) -> Result<Value, PatchError> {
        self.apply_within(resource, &Budget::new(u64::MAX))
    }

    /// The same for one of several patches that share a budget.
    ///
    /// # Errors
    /// As [`Patch::apply`], and [`PatchError::TooCostly`].
    pub fn apply_within(&self, resource: &Value, budget: &Budget) -> Result<Value, PatchError> {
        let done = match self {
            Self::Json(patch) => patch.apply(resource, budget)?,
            Self::Path(patch) => patch.apply(resource, budget)?,
            Self::Meta(change) => change.apply(resource)?,
        };
        for key in ["resourceType", "id"] {
            if done.get(key) != resource.get(key) {
                let name = resource.str("resourceType").unwrap_or_default();
                return Err(PatchError::misfit(
                    format!("{name}.{key}"),
                    format!("A patch cannot change {key}."),
                ));
            }
        }
        Ok(done)
    }
}

/// Why a patch was not applied. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchError {
    /// It is not a patch: wrong form, unknown operation, too long.
    Malformed(Outcome),
    /// It does not fit the resource: a place that is not there, or is there more than once.
    Misfit(Outcome),
    /// A `test` did not hold.
    TestFailed(Outcome),
    /// The patches that share a budget have used it up; so many steps it had.
    TooCostly(u64),
}

impl PatchError {
    fn malformed(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Malformed(Issue::error(IssueCode::Structure, why).at(place).into())
    }

    fn misfit(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Misfit(Issue::error(IssueCode::Processing, why).at(place).into())
    }

    fn test_failed(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::TestFailed(Issue::error(IssueCode::Conflict, why).at(place).into())
    }
}

/// At most this much of a path or name is quoted in an error.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
