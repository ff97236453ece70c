//! Terminology: code systems, value sets and concept maps, and the questions asked of them.
//!
//! Owns the model ([`CodeSystem`], [`ValueSet`], [`ConceptMap`]), what R4 itself defines ([`Core`], embedded) and the
//! answers: [`member`] and [`validate_code`], [`expand`], [`lookup`], [`subsumes`], [`translate`]. Where further
//! definitions come from (stored resources, files) is left to the implementation of [`Source`].

mod code_system;
mod codes;
mod concept;
mod concept_map;
mod core;
mod expand;
mod filter;
pub mod grammar;
mod lookup;
mod member;
pub mod operation;
pub mod packed;
mod validate;
mod value_set;

use std::sync::Arc;

pub use code_system::{CodeSystem, Content};
pub use codes::{Code, above, below, members};
pub use concept::{Concept, Designation, Property};
pub use concept_map::{ConceptMap, Dependency, Match, Question, translate};
pub use core::Core;
pub use expand::{Asked, Entry, Expansion, MOST_CODES, expand};
pub use filter::{Filter, Operator};
pub use lookup::{Found, Relation, lookup, subsumes};
pub use member::{Membership, in_system, member};
pub(crate) use validate::is_text_of;
pub use validate::{Answer, Coded, validate_code};
pub use value_set::{Include, Listed, ValueSet};

/// Where code systems, value sets and concept maps are found by their canonical address.
///
/// `url` comes without a version; `version` is what stood behind `|`. An implementation answers the version asked for,
/// the newest when none was, and `None` when it has not got it. [`Core`] has what R4 defines; stored ones come first.
pub trait Source: Send + Sync {
    /// A code system.
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>>;
    /// A value set.
    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>>;
    /// A concept map.
    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>>;
    /// Concept maps among which one is looked for that nobody named.
    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        Vec::new()
    }
    /// Supplements of a code system: texts and properties that somebody adds to it.
    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        let _ = url;
        Vec::new()
    }
}

/// Why a question of terminology has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// No content for a code system.
    #[error("the code system {0} is not known here; load it first")]
    UnknownSystem(String),
    /// No such value set.
    #[error("the value set {0} is not known here; load it first")]
    UnknownValueSet(String),
    /// No such concept map.
    #[error("the concept map {0} is not known here; load it first")]
    UnknownMap(String),
    /// No such code.
    #[error("the code system {system} has no code \"{code}\"")]
    UnknownCode {
        /// Address of the system.
        system: String,
        /// The code.
        code: String,
    },
    /// The codes of a system are a grammar, or not all of them are here.
    #[error("the codes of {0} cannot be listed")]
    NotListable(String),
    /// More codes than one answer holds.
    #[error("there are more than {most} codes; ask with a filter, or for fewer")]
    TooCostly {
        /// How many there may be.
        most: usize,
    },
    /// A value set that takes in itself.
    #[error("the value set {0} takes in itself")]
    Circular(String),
    /// A filter of a value set that cannot be applied.
    #[error("{0}")]
    BadFilter(String),
    /// A definition that cannot be read.
    #[error("{0}")]
    Malformed(String),
}

/// Splits a canonical address into address and version: `http://x|1` gives (`http://x`, `1`).
pub fn canonical(url: &str) -> (&str, Option<&str>) {
    match url.split_once('|') {
        Some((url, version)) => (url, Some(version.split('#').next().unwrap_or(version))),
        None => (url, None),
    }
}

/// Value sets within value sets, and levels of concepts, beyond which we stop.
const MOST_DEPTH: usize = 20;

#[cfg(test)]
mod tests;
