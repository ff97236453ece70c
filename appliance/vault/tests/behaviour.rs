//! What a caller of the vault sees, on the public API alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

#[path = "behaviour/blobs.rs"]
mod blobs;
#[path = "behaviour/clocks.rs"]
mod clocks;
mod common;
#[path = "behaviour/faults.rs"]
mod faults;
#[path = "behaviour/groups.rs"]
mod groups;
#[path = "behaviour/leak.rs"]
mod leak;
#[path = "behaviour/opening.rs"]
mod opening;
#[path = "behaviour/pulse.rs"]
mod pulse;
#[path = "behaviour/queues.rs"]
mod queues;
#[path = "behaviour/records.rs"]
mod records;
#[path = "behaviour/tamper.rs"]
mod tamper;
#[path = "behaviour/waiting.rs"]
mod waiting;
