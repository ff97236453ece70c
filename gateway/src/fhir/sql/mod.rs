//! SQL on FHIR v2 (build 3.0.0-ballot): a ViewDefinition is read once and turns resources into rows of a table.
//!
//! Owns reading a view ([`View::read`]), its rows for one resource ([`View::rows`]) and their text as NDJSON, JSON and CSV
//! ([`Writer`]). Which resources are shown to it, and at which state, is the caller's part. A view is bounded when it is
//! read, and the rows of one resource by [`MOST_CELLS`] and [`MOST_STEPS`].

mod column;
mod compile;
mod members;
mod rows;
mod view;
mod write;

pub use column::Column;
pub use compile::{MOST_COLUMNS, MOST_CONSTANTS, MOST_DEPTH, MOST_SELECTS};
pub use rows::{Around, Cell, MOST_CELLS, MOST_REPEAT, MOST_STEPS, RowError};
pub use view::View;
pub use write::{Format, Writer};

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod official;
#[cfg(test)]
mod tests;
