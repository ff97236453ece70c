//! What a caller chooses when creating or opening a vault.

use crate::Suite;
use crate::disk::DiskLimits;
use crate::recovery::RecoveryKey;
use jiff::Timestamp;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Tells the wall clock; correctness never depends on it going forwards.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Told how far the check after a crash has come, 0.0 to 1.0.
pub type Progress = Arc<dyn Fn(f64) + Send + Sync>;

/// A way to unlock that a new vault gets, besides the recovery key which it always has.
#[derive(Clone)]
pub enum UnlockSlot {
    /// A passphrase of at least 16 characters.
    Passphrase {
        /// The passphrase.
        text: Zeroizing<String>,
        /// How much work one guess costs.
        cost: PassphraseCost,
    },
    /// A key file: made at this path when absent, used as it is when present. For unattended boot; whoever has the
    /// disk with the file on it has the records.
    KeyFile(PathBuf),
    /// A secret of at least 16 bytes from the service manager or a TPM.
    Credential(Zeroizing<Vec<u8>>),
}

/// Prints the kind only.
impl fmt::Debug for UnlockSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase { .. } => "Passphrase(hidden)",
            Self::KeyFile(_) => "KeyFile",
            Self::Credential(_) => "Credential(hidden)",
        })
    }
}

/// Cost of the Argon2id derivation of a passphrase slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PassphraseCost {
    /// 256 MiB, one lane, at least 3 passes and as many as take about one second on this machine
    /// (security-storage.md, section 2).
    #[default]
    Calibrated,
    /// An explicit cost, for tests and for machines without the memory. Recorded in the slot as its floor, below
    /// which the slot is never accepted.
    Explicit {
        /// Memory in KiB, at least 8192.
        memory_kib: u32,
        /// Passes over the memory, at least 1.
        passes: u32,
    },
}

/// What a person or the service manager presents to open a vault.
#[derive(Clone)]
pub enum Unlock {
    /// The passphrase.
    Passphrase(Zeroizing<String>),
    /// The printed recovery key.
    RecoveryKey(RecoveryKey),
    /// Path of the key file.
    KeyFile(PathBuf),
    /// The service credential.
    Credential(Zeroizing<Vec<u8>>),
}

impl Unlock {
    /// A passphrase as typed.
    pub fn passphrase(text: impl Into<String>) -> Self {
        Self::Passphrase(Zeroizing::new(text.into()))
    }

    /// A service credential.
    pub fn credential(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Credential(Zeroizing::new(bytes.into()))
    }
}

/// Prints the kind only.
impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase(hidden)",
            Self::RecoveryKey(_) => "RecoveryKey(hidden)",
            Self::KeyFile(_) => "KeyFile",
            Self::Credential(_) => "Credential(hidden)",
        })
    }
}

/// How commits and starts trade (security-storage.md, section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMode {
    /// One-phase commits; after a crash the whole file is walked and checked.
    #[default]
    Verified,
    /// Two-phase commits that keep what a quick start needs; without the clean-shutdown marker the file is checked
    /// all the same.
    Fast,
}

/// What lies below the barrier. The default is the file `vault.redb`; tests put a backend here that loses, reorders
/// and tears writes.
pub struct Below(Box<dyn redb::StorageBackend>);

impl Below {
    /// Any storage backend.
    pub fn new(backend: impl redb::StorageBackend) -> Self {
        Self(Box::new(backend))
    }
}

impl fmt::Debug for Below {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Below")
    }
}

impl redb::StorageBackend for Below {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.0.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.0.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.0.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.query_lock_range(start, end)
    }
}

/// What a new vault is made with.
#[derive(Debug)]
pub struct NewVault {
    /// The clinic's id, 1 to 128 bytes; part of every seal and the name of the audit log.
    pub clinic_id: String,
    /// Which cipher.
    pub suite: Suite,
    /// Ways to unlock besides the recovery key.
    pub unlock: Vec<UnlockSlot>,
    /// Everything that is chosen anew at each opening.
    pub options: OpenOptions,
}

/// A database is this many times as large as the memory for its pages, within the bounds.
const CACHED_SHARE: u64 = 16;

/// What is chosen at each opening.
pub struct OpenOptions {
    /// Memory for decrypted pages, in bytes. Advice: a quarter of the machine's memory, at most 512 MiB.
    pub cache_bytes: usize,
    /// Memory for the decrypted pages of a large database: a sixteenth of its size when it is opened, at most this, and
    /// never less than [`OpenOptions::cache_bytes`].
    pub cache_most: usize,
    /// How commits and starts trade.
    pub start: StartMode,
    /// The wall clock.
    pub clock: Clock,
    /// Told of the check after a crash.
    pub progress: Option<Progress>,
    /// Memory for rows that wait before they are spread over their tables, in bytes: the more, the more of them share
    /// a page when they are. Reading them back after a crash takes about a second for 64 MiB.
    pub pending_bytes: usize,
    /// When to warn and when to refuse for lack of space.
    pub disk: DiskLimits,
    /// What lies below the barrier, if not the file.
    pub below: Option<Below>,
    /// Whether [`crate::Vault::note`] waits for the durable commit of its line.
    pub await_notes: bool,
}

impl OpenOptions {
    /// 64 MiB of cache, 16 MiB of waiting rows, verified start, the sheet's disk limits.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            cache_bytes: 64 << 20,
            cache_most: 0,
            pending_bytes: 16 << 20,
            start: StartMode::Verified,
            clock,
            progress: None,
            disk: DiskLimits::default(),
            below: None,
            await_notes: false,
        }
    }
}

impl OpenOptions {
    /// Memory for the pages of a database whose file has `len` bytes.
    #[must_use]
    pub fn cache_for(&self, len: u64) -> usize {
        let share = usize::try_from(len / CACHED_SHARE).unwrap_or(usize::MAX);
        self.cache_bytes.max(share.min(self.cache_most))
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenOptions({} bytes of cache, {:?})", self.cache_bytes, self.start)
    }
}
