//! The clinic's own search for a person: by a name however it is spelled, by phone, number, birth year or village.
//!
//! `script` turns nine Indic scripts into Latin letters, `spelling` folds away what people spell differently, `terms`
//! says what is indexed of a Patient, `query` turns what was typed into ranges to look at, and `judge` decides from the
//! name as shown whether and how well it matches, and which letters to underline. Fetching is left to the caller.

mod judge;
mod query;
mod script;
mod spelling;
mod terms;
mod words;

pub use judge::{Field, Hit, Shown, Span, judge};
pub use query::{Probe, Query, query};
pub use spelling::{folded, sound};
pub(crate) use terms::Pair;
pub use terms::{full_name, numbers, phone_digits, terms};
pub(crate) use words::{Word, words};

#[cfg(test)]
mod tests;
