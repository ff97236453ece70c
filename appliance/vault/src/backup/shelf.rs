//! Where backup sets lie: a store of small named files that are there wholly or not at all.
//!
//! Owns the contract of a place ([`Shelf`]), its errors, the grammar of names, and the place that is a folder.
//! Leaves what is in the files to the rest of the module, and other places (object stores, SFTP, removable disks) to
//! whoever implements the trait.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use thiserror::Error;

use crate::files;

/// Most bytes of one file on a shelf: small enough to be held in memory and sent again whole.
pub const MAX_FILE: usize = 32 << 20;
/// Longest name of a file, in bytes.
const MAX_NAME: usize = 200;
/// Beginning of the names of files that are being written.
const PARTIAL: &str = ".partial-";
/// The file by whose lock writers know of each other.
const LOCK: &str = ".lock";

/// A place for the files of backup sets. Calls block; many may run at the same time.
///
/// Names are [`check_name`]'s; whoever implements a place refuses others. Nothing else may be assumed of the files:
/// packs are written once and never changed, a set's key capsule may be replaced.
pub trait Shelf: Send + Sync + fmt::Debug {
    /// Keeps `bytes` (at most [`MAX_FILE`]) under `name`, in place of what was there. When this returns the file is
    /// durable, as far as the place promises that; when it fails or is cut short, the name holds what it held before.
    ///
    /// # Errors
    /// [`ShelfError::Full`] when there is no room; otherwise whether trying again may help.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError>;

    /// The whole file.
    ///
    /// # Errors
    /// [`ShelfError::Missing`] when there is none; [`ShelfError::Permanent`] when it is longer than [`MAX_FILE`].
    fn get(&self, name: &str) -> Result<Vec<u8>, ShelfError>;

    /// All files whose names begin with `prefix`, in the order of their names (as bytes).
    ///
    /// # Errors
    /// Whether trying again may help. An empty place answers an empty list.
    fn list(&self, prefix: &str) -> Result<Vec<Held>, ShelfError>;

    /// Removes a file; that it is not there is no error.
    ///
    /// # Errors
    /// Whether trying again may help.
    fn delete(&self, name: &str) -> Result<(), ShelfError>;

    /// Where this is, for people: a path or an address, without secrets.
    fn describe(&self) -> String;
}

/// A file on a shelf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
}

/// What a caller can do about a failed call; the text says what happened, for people.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShelfError {
    /// Trying again later may help: no connection, a timeout, a busy server.
    #[error("{0}")]
    Transient(String),
    /// Trying again does not help: wrong credentials, refused, not a place for backups.
    #[error("{0}")]
    Permanent(String),
    /// The place has no room.
    #[error("{0}")]
    Full(String),
    /// There is no such file.
    #[error("{0} is missing")]
    Missing(String),
}

/// The classes of [`ShelfError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Try again later.
    Transient,
    /// A person has to change something.
    Permanent,
    /// Make room.
    Full,
    /// There is no such file.
    Missing,
}

impl ShelfError {
    /// What the caller can do.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Transient(_) => Class::Transient,
            Self::Permanent(_) => Class::Permanent,
            Self::Full(_) => Class::Full,
            Self::Missing(_) => Class::Missing,
        }
    }
}

/// Refuses what is not the name of a file on a shelf: 1 to 200 bytes, parts of `a-z 0-9 . _ -` between single slashes,
/// no part that begins with a dot. So a name is a path, a key of an object store and part of an address as it is.
///
/// # Errors
/// [`ShelfError::Permanent`].
pub fn check_name(name: &str) -> Result<(), ShelfError> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    if name.len() <= MAX_NAME && name.split('/').all(part) {
        return Ok(());
    }
    Err(ShelfError::Permanent("a name that cannot lie in a place for backups".into()))
}

/// A folder: of a second disk, a mounted stick, a share of the network.
///
/// A file is written under a temporary name, synced, renamed, and its folder synced. Files are for the owner's eyes
/// only.
pub struct FolderShelf {
    root: PathBuf,
    /// Held shared while this is open, where the file system knows locks: leftovers of others are only cleared by
    /// one who is alone.
    _lock: Option<File>,
    number: Mutex<u64>,
    /// Tells the temporary files of this opening from those of others.
    mark: [u8; 8],
}

impl fmt::Debug for FolderShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FolderShelf({})", self.root.display())
    }
}

impl FolderShelf {
    /// Opens `root` for writing and reading; it is made when it is not there. What a writer that was killed left
    /// half written is removed, unless someone else has the folder open.
    ///
    /// # Errors
    /// [`ShelfError::Permanent`] or [`ShelfError::Full`] when it cannot be made or used.
    pub fn open(root: &Path) -> Result<Self, ShelfError> {
        let failed = |error: io::Error| of_disk(root, &error);
        make_folders(root).map_err(failed)?;
        let lock = lock(root).map_err(failed)?;
        let mark = crate::chance::random().map_err(ShelfError::Permanent)?;
        Ok(Self { root: root.to_owned(), _lock: lock, number: Mutex::new(0), mark })
    }

    /// Opens `root` for reading: nothing is made or changed by that.
    ///
    /// # Errors
    /// [`ShelfError::Missing`] when there is no such folder.
    pub fn existing(root: &Path) -> Result<Self, ShelfError> {
        if !root.is_dir() {
            return Err(ShelfError::Missing(format!("the folder {}", root.display())));
        }
        let mark = crate::chance::random().map_err(ShelfError::Permanent)?;
        Ok(Self { root: root.to_owned(), _lock: None, number: Mutex::new(0), mark })
    }

    fn path(&self, name: &str) -> Result<PathBuf, ShelfError> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    fn temporary(&self) -> PathBuf {
        let mut number = self.number.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *number += 1;
        let mark = data_encoding::HEXLOWER.encode(&self.mark);
        self.root.join(format!("{PARTIAL}{mark}-{number}"))
    }

    fn write(&self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            make_folders(folder)?;
        }
        let mut file = files::private().open(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temporary, path)?;
        files::sync_folder(path)
    }
}

impl Shelf for FolderShelf {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        let path = self.path(name)?;
        if bytes.len() > MAX_FILE {
            return Err(ShelfError::Permanent(format!("{name} is longer than {MAX_FILE} bytes")));
        }
        let temporary = self.temporary();
        self.write(&path, &temporary, bytes).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            of_disk(&path, &error)
        })
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, ShelfError> {
        let path = self.path(name)?;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => ShelfError::Missing(name.to_owned()),
            _ => of_disk(&path, &error),
        };
        let file = File::open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > MAX_FILE {
            return Err(ShelfError::Permanent(format!("{name} is longer than {MAX_FILE} bytes")));
        }
        Ok(bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Held>, ShelfError> {
        // Only the folder that a prefix names whole is walked.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            check_name(folder)?;
        }
        let mut found = Vec::new();
        let start = if folder.is_empty() { self.root.clone() } else { self.root.join(folder) };
        let base = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        walk(&start, &base, &mut found).map_err(|error| of_disk(&start, &error))?;
        found.retain(|held| held.name.starts_with(prefix));
        found.sort();
        Ok(found)
    }

    fn delete(&self, name: &str) -> Result<(), ShelfError> {
        let path = self.path(name)?;
        files::remove(&path).map_err(|error| of_disk(&path, &error))
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

/// Gathers the files below `folder`; those whose names cannot be on a shelf are not ours.
fn walk(folder: &Path, base: &str, found: &mut Vec<Held>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let own = entry.file_name();
        let Some(own) = own.to_str() else { continue };
        let name = format!("{base}{own}");
        if check_name(&name).is_err() {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found)?;
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(about) => found.push(Held { name, size: about.len() }),
                // Removed since by someone who prunes.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Makes a folder and those above it so that they stay; for the owner's eyes only.
fn make_folders(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folders(above)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => files::sync_folder(folder),
    }
}

/// Clears leftovers if nobody else is writing, and says that someone is from now on. A file system without locks
/// keeps its leftovers: they are never taken for files of a set.
fn lock(root: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    let file = File::options().create(true).truncate(false).write(true).open(root.join(LOCK))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(PARTIAL)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    Ok(flock(&file, FlockOperation::NonBlockingLockShared).is_ok().then_some(file))
}

fn of_disk(path: &Path, error: &io::Error) -> ShelfError {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ShelfError::Full(text),
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::ResourceBusy => {
            ShelfError::Transient(text)
        }
        _ => ShelfError::Permanent(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_place_are_refused() {
        for good in ["a", "packs/00ff.age", "sets/20260101t000000z-0a.manifest.age"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(201);
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".lock", "a/.b", "A", "a b", "ä", &long] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_is_there_wholly_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let shelf = FolderShelf::open(&root).unwrap();
        assert_eq!(shelf.list("").unwrap(), []);
        assert_eq!(shelf.get("packs/x").unwrap_err().class(), Class::Missing);
        shelf.put("packs/x", b"one").unwrap();
        shelf.put("packs/x", b"two!").unwrap();
        shelf.put("sets/y", b"").unwrap();
        assert_eq!(shelf.get("packs/x").unwrap(), b"two!");
        let held = |name: &str, size| Held { name: name.into(), size };
        assert_eq!(shelf.list("").unwrap(), [held("packs/x", 4), held("sets/y", 0)]);
        assert_eq!(shelf.list("packs/").unwrap(), [held("packs/x", 4)]);
        assert_eq!(shelf.list("packs/z").unwrap(), []);
        assert!(shelf.put("../x", b"").is_err());
        assert!(shelf.put("packs/big", &vec![0; MAX_FILE + 1]).is_err());
        // What a killed writer left is not listed, and goes when someone opens the folder alone.
        let left = root.join(".partial-left");
        fs::write(&left, b"half").unwrap();
        assert_eq!(shelf.list("").unwrap().len(), 2);
        let second = FolderShelf::open(&root).unwrap();
        assert!(left.exists());
        drop((shelf, second));
        let shelf = FolderShelf::open(&root).unwrap();
        assert!(!left.exists());
        shelf.delete("packs/x").unwrap();
        shelf.delete("packs/x").unwrap();
        assert_eq!(shelf.list("").unwrap(), [held("sets/y", 0)]);
        assert_eq!(FolderShelf::existing(&root).unwrap().get("sets/y").unwrap(), b"");
        assert!(FolderShelf::existing(&root.join("none")).is_err());
    }
}
