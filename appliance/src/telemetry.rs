//! Log set-up. Logs go to stderr and show shape, never content.
//!
//! Spans and fields used across the box: `request`, `hl7.message`; `op`, `actor`, `resource`, `tx`, `peer`, `outcome`.
//! No field ever holds a name, a phone number, a note, a search value or a body.

use tracing_subscriber::EnvFilter;

/// Starts logging at `level` (a filter such as `info` or `clinicvault=debug,info`). A level that cannot be read, or a
/// second call in one process, leaves logging as it was and says so in the result.
pub fn start(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| format!("log level {level:?}: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true)
        .try_init()
        .map_err(|error| error.to_string())
}
