//! The worker process from the box's side: which program, how it is started, asked, ended and started again.
//!
//! Owns child processes and nothing else. A worker that hangs, crashes or lies costs its caller one restart and at most an error,
//! never more.

mod probe;
mod process;
mod program;
mod supervised;

pub use probe::{Candidate, Chosen, Fallback, LIMIT as PROBE_LIMIT, probe};
pub use process::Process;
pub use program::{Built, Program};
pub use supervised::{Facts, Patience, Supervised};
