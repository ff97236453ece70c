//! The binary: parse, run, print the error chain. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    clinicvault::cli::main()
}
