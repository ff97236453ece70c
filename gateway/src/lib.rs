//! Protocols as pure code: bytes and the time go in, values come out.
//!
//! The map of the crate: `json` carries every document; `decimal` and `ucum` compute with numbers and units; `fhir` knows R4
//! resources, bundles, search and capability; `fhirpath` evaluates expressions over them; `hl7` knows HL7 v2 messages; `astm`
//! knows how laboratory analysers speak (it reads character sets and escapes as `hl7` does); `map`
//! turns those into FHIR transactions and `emit` turns resources into messages; both may use both. `fhir` and `hl7` do not
//! know each other. `files` tells what a file is that somebody sends.
//! Nothing here opens a socket or a file, reads a clock or draws a random number.
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

pub mod astm;
pub mod decimal;
mod digits;
pub mod emit;
pub mod fhir;
pub mod fhirpath;
pub mod files;
pub mod hl7;
pub mod json;
pub mod map;
pub mod ucum;
