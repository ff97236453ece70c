//! Log set-up. Logs go to stderr, or, where the system's journal stands behind it, to the journal with each field by its name. They
//! show shape, never content.
//!
//! Spans and fields used across the box: `request`, `hl7.message`; `op`, `actor`, `resource`, `tx`, `peer`, `outcome`.
//! No field ever holds a name, a phone number, a note, a search value or a body.

use std::io;

use rustix::fs::fstat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What the box is called in the journal.
const NAME: &str = "clinicvault";

/// Starts logging at `level` (a filter such as `info` or `clinicvault=debug,info`). A level that cannot be read, or a
/// second call in one process, leaves logging as it was and says so in the result.
pub fn start(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| format!("log level {level:?}: {error}"))?;
    let journal = if leads_to_journal() { tracing_journald::layer().ok() } else { None };
    let journal = journal.map(|layer| layer.with_syslog_identifier(NAME.to_owned()));
    let lines =
        journal.is_none().then(|| tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(true));
    tracing_subscriber::registry()
        .with(filter)
        .with(journal)
        .with(lines)
        .try_init()
        .map_err(|error| error.to_string())
}

/// Whether standard error is the journal's: a terminal may have inherited the variable and lead elsewhere (systemd.exec(5),
/// `$JOURNAL_STREAM`).
#[allow(clippy::disallowed_methods)] // The service manager's variable, not a setting of the box.
fn leads_to_journal() -> bool {
    let told = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    fstat(io::stderr()).is_ok_and(|found| told == format!("{}:{}", found.st_dev, found.st_ino))
}
