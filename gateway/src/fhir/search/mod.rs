//! Search: what is indexed of a resource, and which index ranges a query asks for.
//!
//! `terms` turns a resource into [`Term`]s, `query` turns a query string into [`TermRange`]s over the same values; both go
//! by the table of `params` and by one file per parameter type. `fold` and `people` are the clinic's own search for a
//! person by name, phone or number. Keeping the terms and walking the ranges is left to the store.

mod budget;
mod check;
mod composite;
pub mod date;
pub mod decimal;
pub mod fold;
mod index;
pub mod near;
pub mod own;
pub mod params;
pub mod people;
pub mod quantity;
pub mod query;
pub mod reference;
mod sampled;
mod table;
pub mod terms;
pub mod text;
pub mod token;
mod tree;
mod units;
pub mod uri;
pub mod words;

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::id::ResourceType;
use super::outcome::Issue;
use super::terminology::{Core, Source};

pub use index::{Check, Term, TermRange};
pub use query::{
    Criterion, HIERARCHY_LEVELS, Handling, Include, Long, Node, Part, Referred, Refers, Search, SortKey,
    Summary, Total,
};
pub use terms::{patient_of, patient_timeline, terms};

/// What reading a date or a reference depends on.
#[derive(Debug, Clone)]
pub struct Context {
    /// The clinic's zone, for dates without one.
    pub zone: TimeZone,
    /// Addresses under which this server is known; an absolute reference below one of them is a local one.
    pub bases: Vec<String>,
    /// The time of the request, for `ap` on dates.
    pub now: Timestamp,
    /// What the query may still ask.
    budget: budget::Budget,
    /// Where `:in`, `:not-in`, `:above` and `:below` of tokens find value sets and code systems.
    pub terminology: Terminology,
    /// Most values, separated by commas, of one parameter.
    pub most_values: usize,
    /// Most links that one parameter may follow from record to record (`limits.chain_depth`).
    pub chain_depth: usize,
    /// The clinic's own parameters.
    pub own: Arc<own::Own>,
    /// Which words of a record are indexed.
    pub words: words::Words,
}

/// A source of value sets and code systems that can be handed around.
#[derive(Clone)]
pub struct Terminology(pub Arc<dyn Source>);

impl std::fmt::Debug for Terminology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminology")
    }
}

static EMBEDDED: LazyLock<Terminology> = LazyLock::new(|| Terminology(Arc::new(Core)));

impl Default for Terminology {
    /// What R4 itself defines.
    fn default() -> Self {
        EMBEDDED.clone()
    }
}

/// Links that a parameter may follow when nothing else is set.
pub const CHAIN_DEPTH: usize = 5;

impl Context {
    /// Most values of one parameter unless the caller says otherwise.
    pub const MOST_VALUES: usize = 500;

    /// A context without own addresses, with the terminology of R4 itself.
    pub fn new(zone: TimeZone, now: Timestamp) -> Self {
        Self {
            zone,
            bases: Vec::new(),
            now,
            budget: budget::Budget::new(Self::MOST_VALUES),
            terminology: Terminology::default(),
            most_values: Self::MOST_VALUES,
            chain_depth: CHAIN_DEPTH,
            own: own::none(),
            words: words::Words::default(),
        }
    }

    /// The parameter of a type with this name: the standard's, or one of the clinic's own.
    ///
    /// # Errors
    /// An [`Issue`] when it is one that does not yet know every record.
    pub fn param<'a>(&'a self, kind: ResourceType, code: &str) -> Result<Option<&'a params::Param>, Issue> {
        match params::find(kind, code) {
            Some(standard) => Ok(Some(standard)),
            None => self.own.find(kind, code),
        }
    }

    /// The same with the whole budget of one query.
    #[must_use]
    pub fn of_one_query(&self) -> Self {
        Self { budget: budget::Budget::new(self.most_values), ..self.clone() }
    }
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod modifier_tests;
#[cfg(test)]
mod naive_tests;
#[cfg(test)]
mod places_tests;
#[cfg(test)]
mod reference_model;
#[cfg(test)]
mod tests;
