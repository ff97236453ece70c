//! Watches the free space of the disk below the vault.
//!
//! Owns the limits; leaves refusing to unit.rs and warning people to the caller.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Free and total space of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that an ordinary process may still use.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// How full the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskLevel {
    /// Enough room.
    Plenty,
    /// Below the warning limit.
    Warn,
    /// Below the refusal limit: new data is refused, audit lines and deletions of documents are not.
    Refuse,
}

/// Asks for the space of the disk that holds a path.
pub type DiskProbe = Arc<dyn Fn(&Path) -> io::Result<DiskSpace> + Send + Sync>;

/// When to warn and when to refuse (security-storage.md, section 5).
///
/// The sheet refuses under 3 % or 1 GiB. On a disk of 8 GiB a whole GiB would be an eighth of it, so the fixed amount
/// only caps the share: refusal starts below the smaller of the two, but never below 64 MiB, which one large group and
/// the audit need.
#[derive(Clone)]
pub struct DiskLimits {
    /// Warn below this share of the disk, in percent.
    pub warn_percent: u8,
    /// Refuse below this share of the disk, in percent ...
    pub refuse_percent: u8,
    /// ... but never while more than this many bytes are free.
    pub refuse_bytes: u64,
    /// Refuse below this many bytes whatever the share says.
    pub floor_bytes: u64,
    /// Asks for the space.
    pub probe: DiskProbe,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self {
            warn_percent: 10,
            refuse_percent: 3,
            refuse_bytes: 1 << 30,
            floor_bytes: 64 << 20,
            probe: Arc::new(probe),
        }
    }
}

impl fmt::Debug for DiskLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskLimits(warn {} %, refuse {} %)", self.warn_percent, self.refuse_percent)
    }
}

impl DiskLimits {
    /// How full a disk with this space is.
    #[must_use]
    pub fn judge(&self, space: DiskSpace) -> DiskLevel {
        let share = |percent: u8| space.total / 100 * u64::from(percent);
        let refuse =
            share(self.refuse_percent).min(self.refuse_bytes).max(self.floor_bytes.min(space.total / 4));
        if space.free < refuse {
            DiskLevel::Refuse
        } else if space.free < share(self.warn_percent).max(refuse) {
            DiskLevel::Warn
        } else {
            DiskLevel::Plenty
        }
    }

    pub(crate) fn look(&self, path: &Path) -> io::Result<(DiskSpace, DiskLevel)> {
        let space = (self.probe)(path)?;
        Ok((space, self.judge(space)))
    }
}

fn probe(path: &Path) -> io::Result<DiskSpace> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(DiskSpace {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

/// Size of the vault's file and room around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskStats {
    /// The database file.
    pub file: PathBuf,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// The disk's space, when it can be told.
    pub space: Option<DiskSpace>,
    /// How full that is.
    pub level: DiskLevel,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_scale_with_the_disk() {
        let limits = DiskLimits::default();
        let check = |free_mib: u64, total_mib: u64, expected| {
            let space = DiskSpace { free: free_mib << 20, total: total_mib << 20 };
            assert_eq!(limits.judge(space), expected, "{free_mib} of {total_mib} MiB");
        };
        check(900, 1_000_000, DiskLevel::Refuse);
        check(1100, 1_000_000, DiskLevel::Warn);
        check(200_000, 1_000_000, DiskLevel::Plenty);
        check(240, 8192, DiskLevel::Refuse);
        check(300, 8192, DiskLevel::Warn);
        check(900, 8192, DiskLevel::Plenty);
        check(63, 1024, DiskLevel::Refuse);
        check(65, 1024, DiskLevel::Warn);
        check(20, 64, DiskLevel::Plenty);
    }

    #[test]
    fn the_real_disk_answers() {
        let space = probe(Path::new(".")).unwrap();
        assert!(space.total >= space.free && space.total > 0);
    }
}
