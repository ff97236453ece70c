//! A whole clinic for tests: the real binary on a temporary folder, and the peers that talk to it.
//!
//! Owns: starting, stopping and killing `clinicvault serve`, a small HTTP client, an MLLP peer, and the sign-in
//! of a person. Leaves to others: every check itself (`behaviour/`), the browser (`browser/`), the load of the
//! benches (`bench/`). Everything is blocking and on loopback; a test that wants many clients starts threads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

pub mod analyser;
pub mod binary;
pub mod canary;
pub mod clinic;
pub mod http;
pub mod mllp;
pub mod person;
pub mod razorpay;
pub mod receiver;
pub mod sample;
pub mod server;
pub mod shared;
pub mod sink;
pub mod smart;
pub mod socket;

pub use clinic::Clinic;
pub use http::{Answer, Http};
pub use mllp::Mllp;
pub use person::Person;
pub use razorpay::Razorpay;
pub use receiver::Receiver;
pub use sink::Sink;
