//! What a caller of the vault sees, on the public API alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod common;
#[path = "behaviour/records.rs"]
mod records;
