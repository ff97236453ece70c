//! XML form of resources (R4, "XML Representation of Resources"), driven by the same tables as the structure check.
//!
//! Reading gives the tree that the JSON form would have given; writing gives elements in the order of the definition,
//! primitives as `value` attributes, narratives as they are. DTDs and entities are refused; size and depth are bounded.
//! What elements mean beyond their names and types is left to `validate`.

mod error;
mod read;
mod text;
mod write;

pub use error::{Reason, XmlError};
pub use read::read;
pub(crate) use text::is_char;
pub use write::{Style, write};

#[cfg(test)]
mod tests;

/// Namespace of resources and their elements.
pub const FHIR: &str = "http://hl7.org/fhir";
/// Namespace of narratives.
pub const XHTML: &str = "http://www.w3.org/1999/xhtml";
