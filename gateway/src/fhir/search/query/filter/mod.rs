//! `_filter`: a small language of comparisons, `and`, `or`, `not (…)`, parentheses and conditions in brackets (R4,
//! search_filter).
//!
//! `parse` reads the text, which is the same for every type; `build` makes conditions of it for one type, following links;
//! `compare` turns one comparison into the same criteria as other parameters, `row` those within one element of a composite.
//! What the index cannot answer is refused by name. The standard reads a row of `and` and `or` from left to right, neither
//! before the other. Length, depth and number of comparisons are bounded.

mod build;
mod compare;
mod parse;
mod row;

use super::super::Context;
use super::node::Node;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::Issue;

pub(super) use compare::Comparison;

/// Reads a filter on records of `kind`.
pub(super) fn read(kind: ResourceType, text: &str, context: &Context) -> Result<Node, Issue> {
    let expression = parse::parse(text)?;
    build::Builder::new(context).whole(kind, &expression)
}

#[cfg(test)]
mod tests;
