//! How the last starts of the box ended. A service manager starts a box that fails anew, and would do so for ever; after three
//! failed starts in ten minutes the box opens nothing and says why instead (security-storage.md, section 5).
//!
//! Kept in a small file beside the vault, because it must be read while the vault cannot be opened. A start whose end was
//! nobody's fault does not count: an ordered stop, a machine that was switched off, a box that had worked for ten minutes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name in the data folder.
const FILE: &str = "starts";
/// So many failed starts are too many.
const MOST: usize = 3;
/// Within this time, in seconds; also how long a box works before its start counts as well done.
const WITHIN: i64 = 600;
/// By how many seconds the wall clock and the machine's own may have moved apart within one run of the machine.
const APART: i64 = 5;
/// Starts that are remembered.
const KEPT: usize = 8;
/// Bytes of the file, and letters of one reason.
const LONGEST: u64 = 64 << 10;
const REASON: usize = 2_000;

/// How long a box works before its start counts as well done.
pub const SETTLED: Duration = Duration::from_secs(WITHIN.unsigned_abs());

/// A moment by both clocks, in seconds: the wall's, and that of the machine since it was switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Since 1970.
    pub wall: i64,
    /// Since the machine was switched on.
    pub up: i64,
}

impl Moment {
    /// This moment.
    pub fn at(now: Timestamp) -> Self {
        Self { wall: now.as_second(), up: rustix::system::sysinfo().uptime }
    }

    /// Whether the machine was not switched off between an earlier moment and this one.
    fn same_run(self, earlier: Self) -> bool {
        let (wall, up) = (self.wall.saturating_sub(earlier.wall), self.up.saturating_sub(earlier.up));
        up >= 0 && wall.abs_diff(up) <= APART.unsigned_abs()
    }
}

/// One start that has not ended well, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Start {
    #[serde(flatten)]
    at: Moment,
    /// None when the box was killed, or died without a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Too many failed starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How many.
    pub times: usize,
    /// Why the last one failed, where it said so.
    pub why: Option<String>,
}

/// The starts of a data folder.
#[derive(Debug)]
pub struct Starts {
    file: PathBuf,
    rows: Vec<Start>,
}

impl Starts {
    /// What is remembered. A file that cannot be read says nothing.
    pub fn read(data: &Path) -> Self {
        let file = data.join(FILE);
        let small = fs::metadata(&file).is_ok_and(|meta| meta.len() <= LONGEST);
        let rows = small.then(|| fs::read(&file).ok()).flatten();
        let rows = rows.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { file, rows }
    }

    /// Whether too many starts failed lately.
    pub fn trouble(&self, now: Moment) -> Option<Trouble> {
        let lately = |row: &&Start| now.same_run(row.at) && now.up - row.at.up <= WITHIN;
        let times = self.rows.iter().rev().take_while(lately).count();
        let why = || self.rows.last().and_then(|row| row.why.clone());
        (times >= MOST).then(|| Trouble { times, why: why() })
    }

    /// A start begins; until it is told otherwise it counts as failed.
    pub fn begins(&mut self, now: Moment) {
        self.rows.push(Start { at: now, why: None });
        self.rows.drain(..self.rows.len().saturating_sub(KEPT));
        self.keep();
    }

    /// The last start failed.
    pub fn failed(&mut self, why: &str) {
        if let Some(last) = self.rows.last_mut() {
            last.why = Some(why.chars().take(REASON).collect());
            self.keep();
        }
    }

    /// The last start was well: all is forgotten.
    pub fn well(&mut self) {
        self.rows.clear();
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => not_kept(&error),
            Ok(()) | Err(_) => {}
        }
    }

    /// A disk that takes nothing must not keep the box from starting.
    fn keep(&self) {
        let bytes = serde_json::to_vec(&self.rows).unwrap_or_default();
        if let Err(error) = replace(&self.file, &bytes) {
            not_kept(&error);
        }
    }
}

fn not_kept(error: &io::Error) {
    tracing::warn!(%error, "how the box started could not be kept");
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let new = path.with_extension("new");
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(rows: &[(i64, i64)]) -> Starts {
        let rows = rows.iter().map(|&(wall, up)| Start { at: Moment { wall, up }, why: None }).collect();
        Starts { file: PathBuf::from("/nonexistent/starts"), rows }
    }

    #[test]
    fn three_failed_starts_in_ten_minutes_of_one_run_of_the_machine_are_too_many() {
        let check = |rows: &[(i64, i64)], now: (i64, i64), expected: Option<usize>| {
            let found = starts(rows).trouble(Moment { wall: now.0, up: now.1 });
            assert_eq!(found.map(|trouble| trouble.times), expected, "{rows:?} at {now:?}");
        };
        check(&[], (1000, 50), None);
        check(&[(1000, 50), (1003, 53)], (1006, 56), None);
        check(&[(1000, 50), (1003, 53), (1006, 56)], (1009, 59), Some(3));
        // The first is long ago.
        check(&[(1000, 50), (1500, 550), (1603, 653)], (1606, 656), None);
        // The machine was switched off in between: the power's fault.
        check(&[(1000, 50), (1060, 50), (1120, 50)], (1180, 50), None);
        check(&[(1000, 900), (1003, 903), (1006, 906)], (1070, 40), None);
        // The wall clock was set in between: what cannot be told does not count.
        check(&[(1000, 50), (90_003, 53), (90_006, 56)], (90_009, 59), None);
        check(&[(1000, 50), (90_003, 53), (90_006, 56), (90_009, 59)], (90_012, 62), Some(3));
    }

    #[test]
    fn what_is_remembered_is_read_again_and_forgotten_when_all_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let at = |second: i64| Moment { wall: 1_700_000_000 + second, up: second };
        let mut starts = Starts::read(folder.path());
        for second in 0..20 {
            starts.begins(at(second));
        }
        starts.failed(&"x".repeat(9_000));
        let mut again = Starts::read(folder.path());
        let trouble = again.trouble(at(21)).unwrap();
        assert_eq!((trouble.times, trouble.why.unwrap().len()), (KEPT, REASON));
        again.well();
        assert_eq!(Starts::read(folder.path()).trouble(at(21)), None);
        fs::write(folder.path().join(FILE), "[{").unwrap();
        assert_eq!(Starts::read(folder.path()).trouble(at(21)), None);
    }
}
