//! Errors, one type per operation group, variants named for what the caller can do about them.
//!
//! Owns the mapping of engine errors ([`Fault`]) to them; leaves status codes and wording for people to the caller.

use std::path::PathBuf;
use thiserror::Error;

/// Why the storage engine can no longer be trusted; every such fault latches the vault until it is reopened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// The disk has no room left.
    #[error("the disk is full; free some space and restart")]
    DiskFull,
    /// A page or a row is damaged: authentication or structure failed.
    #[error("stored data is damaged: {0}; restore from a backup")]
    Damaged(String),
    /// Any other input or output error of the disk.
    #[error("the disk reported an error: {0}")]
    Io(String),
    /// The engine broke one of its own rules or panicked.
    #[error("the storage engine failed: {0}")]
    Engine(String),
}

impl Fault {
    pub(crate) fn row(table: &str) -> Self {
        Self::Damaged(format!("a row of table {table} cannot be read"))
    }

    pub(crate) fn io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            std::io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }
}

macro_rules! from_engine {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                match redb::Error::from(error) {
                    redb::Error::Io(error) => Self::io(&error),
                    redb::Error::Corrupted(text) => Self::Damaged(text),
                    other => Self::Engine(other.to_string()),
                }
            }
        }
    )*};
}
from_engine!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError
);

/// Creating a vault failed; nothing usable was left behind.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The folder already holds a vault.
    #[error("{0} already holds a vault; choose another folder or open this one")]
    Exists(PathBuf),
    /// The passphrase is too short to protect a stolen disk.
    #[error("the passphrase must have at least 16 characters, for example six random words")]
    WeakPassphrase,
    /// The service credential is too short to be a key.
    #[error("the service credential must have at least 16 bytes")]
    WeakCredential,
    /// The cost given for the passphrase is outside what the derivation accepts.
    #[error("the passphrase cost is not usable: {0}")]
    BadCost(String),
    /// The clinic id is empty or longer than 128 bytes.
    #[error("the clinic id must have 1 to 128 bytes")]
    BadClinicId,
    /// A file could not be written.
    #[error("cannot write {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The operating system's random generator failed.
    #[error("the operating system gives no random numbers: {0}")]
    Chance(String),
    /// The storage engine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Opening a vault failed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no vault in the folder.
    #[error("{0} holds no vault; run the setup first")]
    NotAVault(PathBuf),
    /// No slot opens with what was given.
    #[error("wrong key: the {0} given does not open this vault")]
    WrongKey(&'static str),
    /// The vault has no slot of the kind asked for.
    #[error("this vault cannot be opened with a {0}; it has other ways to unlock")]
    NoSuchSlot(&'static str),
    /// What was given cannot be a key at all.
    #[error("{0}")]
    BadKey(String),
    /// The slot file is damaged.
    #[error("the key slot file {0} is damaged; restore it from a backup of the box")]
    DamagedSlots(PathBuf),
    /// The slot file opens, but its seal shows that it was changed or swapped from outside.
    #[error("the key slot file {0} was changed from outside; restore it from a backup of the box")]
    TamperedSlots(PathBuf),
    /// The slot file and the database belong to different vaults.
    #[error("the key slot file and the database in {0} do not belong together")]
    Mismatch(PathBuf),
    /// Another process, or another handle in this one, has the vault open.
    #[error("the vault in {0} is already open in another process")]
    AlreadyOpen(PathBuf),
    /// The vault was written by a newer program.
    #[error("the vault has format level {found}, this program reads up to {known}; upgrade the program")]
    Newer {
        /// Level found in the file.
        found: u32,
        /// Highest level this program knows.
        known: u32,
    },
    /// The database is damaged beyond what the engine repairs.
    #[error("the database is damaged: {0}; restore from a backup")]
    Damaged(String),
    /// The disk is full.
    #[error("the disk is full; free some space and start again")]
    DiskFull,
    /// A file could not be read or written.
    #[error("cannot use {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The storage engine failed otherwise.
    #[error("the storage engine failed: {0}")]
    Engine(String),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::DiskFull => Self::DiskFull,
            Fault::Damaged(text) => Self::Damaged(text),
            Fault::Io(text) | Fault::Engine(text) => Self::Engine(text),
        }
    }
}

/// Changing the ways to unlock failed; the slot file is as it was.
#[derive(Debug, Error)]
pub enum SlotError {
    /// The passphrase is too short.
    #[error("the passphrase must have at least 16 characters, for example six random words")]
    WeakPassphrase,
    /// The service credential is too short.
    #[error("the service credential must have at least 16 bytes")]
    WeakCredential,
    /// The cost is outside what the derivation accepts.
    #[error("the passphrase cost is not usable: {0}")]
    BadCost(String),
    /// The last slot, or the last slot that is not the recovery key's, cannot go.
    #[error("this is the last way to unlock the vault and cannot be removed")]
    LastSlot,
    /// The file could not be replaced.
    #[error("cannot write {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The operating system's random generator failed.
    #[error("the operating system gives no random numbers: {0}")]
    Chance(String),
}

/// The vault takes no more work until it is reopened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unavailable {
    /// An engine fault latched the vault.
    #[error("the vault stopped: {0}")]
    Latched(Fault),
    /// The vault was closed.
    #[error("the vault is closed")]
    Closed,
    /// Too much work is waiting.
    #[error("the vault is busy; try again in a moment")]
    Busy,
}

/// A read failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// The vault is latched or closed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A record fails to open: its bytes were changed, moved or its key is gone.
    #[error("record {kind}/{rid} version {version} is damaged")]
    Damaged {
        /// Record type.
        kind: u16,
        /// Dense number.
        rid: u64,
        /// Version.
        version: u64,
    },
    /// The snapshot is older than 30 s; take a new one.
    #[error("this read has been open for more than 30 s; start it again")]
    Expired,
    /// A search at this Tx can no longer be exact: closed terms older than an hour are gone.
    #[error("this page is older than an hour; search again")]
    TooOld,
    /// The engine failed; the vault is latched from now on.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// An operation inside a unit of work failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnitError {
    /// The disk is too full for anything but audit lines and deletions of documents.
    #[error("the disk is nearly full; new data is refused until space is freed")]
    LowDisk,
    /// An argument is over a limit.
    #[error("{what} has {found} bytes or entries, the limit is {limit}")]
    TooLarge {
        /// Which argument.
        what: &'static str,
        /// What was given.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// An argument cannot be stored.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is no such record or row.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// A record fails to open: its bytes were changed, moved or its key is gone.
    #[error("record {kind}/{rid} version {version} is damaged")]
    Damaged {
        /// Record type.
        kind: u16,
        /// Dense number.
        rid: u64,
        /// Version.
        version: u64,
    },
    /// The operating system's random generator failed.
    #[error("the operating system gives no random numbers")]
    Chance,
    /// The engine failed; the vault is latched from now on.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A unit of work was not committed, or its fate is unknown.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refused<E> {
    /// The job itself said no; nothing it did remains.
    #[error("the unit of work was refused")]
    Job(E),
    /// The job changed something and left no audit line; nothing it did remains.
    #[error("a change without an audit line is refused")]
    NoAudit,
    /// The job panicked; nothing it did remains.
    #[error("the unit of work failed inside")]
    Panicked,
    /// The vault is latched, closed or busy; nothing of the job remains.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The commit itself failed: after reopening the job is either wholly there or wholly absent.
    #[error("the commit failed and its outcome is unknown until the vault is reopened: {0}")]
    Unknown(Fault),
}
