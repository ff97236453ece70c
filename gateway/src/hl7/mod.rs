#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
//! HL7 v2 as pure code: bytes in, values out.
//!
//! Owns the frame ([`mllp`]), the tokenizer ([`parse`]), reading ([`message`], [`path`], [`escape`], [`charset`],
//! [`datetime`], [`structure`]), writing ([`encode`]) and answering ([`ack`], [`accept`], [`query`]). Sockets, clocks and the
//! stored inbox belong to the appliance; what a message means in FHIR belongs to [`crate::map`].
//!
//! The rule of this folder: **no byte is dropped silently**. A message keeps the bytes it came as; every byte is
//! part of a segment, or a line end, or a blank that [`message::Message::gaps`] lists.

pub mod accept;
pub mod ack;
pub mod admit;
pub mod batch;
pub mod charset;
mod cuts;
pub mod datetime;
pub mod delimiters;
pub mod encode;
pub mod error;
pub mod escape;
pub mod header;
mod lines;
pub mod message;
pub mod mllp;
pub mod parse;
pub mod path;
pub mod query;
pub mod reply;
pub mod rework;
pub mod structure;

pub use delimiters::Delimiters;
pub use error::{ErrorCode, Place, Problem, Verdict};
pub use header::Header;
pub use message::{Message, Part, Presence, Segment};
pub use parse::{Limits, Mode, parse};
