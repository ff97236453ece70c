//! Search: what is indexed of a resource, and which index ranges a query asks for.
//!
//! `terms` turns a resource into [`Term`]s, `query` turns a query string into [`TermRange`]s over the same values; both go
//! by the table of `params` and by one file per parameter type. `fold` and `people` are the clinic's own search for a
//! person by name, phone or number. Keeping the terms and walking the ranges is left to the store.

pub mod date;
pub mod decimal;
pub mod fold;
mod index;
pub mod params;
pub mod people;
pub mod quantity;
pub mod query;
pub mod reference;
pub mod terms;
pub mod text;
pub mod token;
pub mod uri;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use index::{Check, Term, TermRange};
pub use query::{Criterion, Handling, Search, SortKey, Summary, Total};
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
}

impl Context {
    /// A context without own addresses.
    pub const fn new(zone: TimeZone, now: Timestamp) -> Self {
        Self { zone, bases: Vec::new(), now }
    }
}

#[cfg(test)]
mod reference_model;
#[cfg(test)]
mod tests;
