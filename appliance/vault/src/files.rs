//! Small files beside the database: read whole, replaced atomically, removed durably.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The database.
pub(crate) const DATABASE: &str = "vault.redb";
/// The key slots.
pub(crate) const SLOTS: &str = "slots";
/// The last audit checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The clean-shutdown marker.
pub(crate) const CLEAN: &str = "clean";

/// Largest small file read, in bytes; all of them stay far below.
const LIMIT: u64 = 1 << 20;

/// Reads a small file; `None` when there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > LIMIT => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"))
        }
        Ok(_) => fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file so that after a power cut either the old or the new one is there, whole: temporary name, sync,
/// rename, sync of the folder. Readable by the owner only.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let _ = fs::remove_file(&temporary);
    let mut file = private().open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// Removes a file, if it is there, so that it stays removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Options that create a file for the owner's eyes only and refuse an existing one.
pub(crate) fn private() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o600);
    options
}

/// Syncs the folder that holds `path`.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
