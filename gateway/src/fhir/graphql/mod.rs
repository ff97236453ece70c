//! GraphQL over FHIR (R4, "Using GraphQL with FHIR"; GraphQL, October 2021): reading a query and answering it from JSON
//! trees.
//!
//! Owns the language ([`Document::parse`]) and the answer ([`answer`]): fields, fragments, variables, directives, lists,
//! references, searches. Queries only: a mutation is refused. Resources come from a [`Source`], which shows no more than
//! the caller may see. Everything is bounded: [`MOST_NESTING`] when a query is read, [`Limits`] when it is answered.

mod arguments;
mod connection;
mod document;
mod error;
mod execute;
mod fields;
mod lexer;
mod navigate;
mod output;
mod parse;
mod schema;
mod source;
mod variables;

pub use document::{Document, Operation};
pub use error::{Cause, GraphError};
pub use execute::{Limits, Root, answer};
pub use parse::{MOST_NESTING, MOST_TOKENS};
pub use source::{Page, Source, Trouble};

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod official;
#[cfg(test)]
mod tests;
