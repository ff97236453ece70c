//! The binary: parse, run, print the error chain. Everything else is in the library.

use std::process::ExitCode;

/// Gives memory back when the box is idle, and keeps what a commit needs again (decision 0019).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    clinicvault::cli::main()
}
