//! Speech to timed text on the box itself: 16 kHz samples in, words with times and probabilities out.
//!
//! `model` reads, makes and keeps model files; `audio` turns recordings into samples; `pipeline` has the rules of captions and
//! transcripts; `worker` looks after the process that hears; `service` puts them together for the box. It knows nothing of records, users, or who
//! speaks. The C++ is linked by `appliance/scribe/worker` alone, a program of its own: what is here is safe code.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod audio;
pub mod engine;
pub mod model;
pub mod pipeline;
pub mod service;
pub mod speech;
pub mod wire;
pub mod worker;
