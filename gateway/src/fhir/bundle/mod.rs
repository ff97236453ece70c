//! Bundles: reading transactions and batches, and writing the answers.
//!
//! `entry` reads what a client sent and refuses what cannot be carried out, `apart` the references between entries of a batch; `links` maps each `fullUrl` to the record that
//! it became and rewrites references; `write` makes response, searchset and history bundles. Deciding which record a
//! conditional interaction means, and storing, is left to the caller.

mod address;
mod apart;
mod entry;
mod links;
mod write;

pub use address::{Target, percent_decode};
pub use entry::{Bundle, BundleKind, Entry, MOST_ENTRIES, Method, parse, same_target};
pub use links::{ConditionalReference, Links, conditional_references, references};
pub use write::{Answer, EntryParts, Writer, response};

#[cfg(test)]
mod tests;
