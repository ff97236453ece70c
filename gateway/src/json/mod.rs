//! JSON as FHIR needs it: an ordered tree that keeps the text of numbers.
//!
//! Owns reading (`parse`) and writing (`Value::to_vec`) of JSON. Hostile input is refused with its place: duplicate
//! keys, lone surrogates, raw control characters, text that is not UTF-8, nesting beyond a limit. What the members mean
//! is left to `fhir`. Nesting never exceeds [`Limits::MOST_DEPTH`], so neither reading, writing nor dropping a parsed
//! value can exhaust the stack.

mod comments;
mod error;
mod number;
mod parse;
mod value;
mod write;

pub use comments::blank_comments;
pub(crate) use error::{At, line_and_column};
pub use error::{JsonError, Reason};
pub use number::Number;
pub use parse::{Limits, parse};
pub use value::{Key, Object, Value};
pub(crate) use write::write_key;

#[cfg(test)]
mod tests;
