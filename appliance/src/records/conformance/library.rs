//! Code systems in packed files of one folder, behind what is stored and in front of what R4 brings along.
//!
//! The folder is looked at again when it changes, so that what is loaded while the box runs is there at once.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use clinicvault_gateway::fhir::terminology::CodeSystem;
use clinicvault_gateway::fhir::terminology::packed::{self, Slab};

/// Ending of a packed file.
pub const ENDING: &str = "terms";
/// Most files of the folder.
const MOST_FILES: usize = 256;

/// A file that is read in pieces.
#[derive(Debug)]
pub struct OnDisk(pub File);

impl Slab for OnDisk {
    fn read(&self, at: u64, into: &mut [u8]) -> bool {
        self.0.read_exact_at(into, at).is_ok()
    }

    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |data| data.len())
    }
}

/// The packed files of a folder.
pub struct Library {
    folder: PathBuf,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    changed: Option<SystemTime>,
    systems: Vec<Arc<CodeSystem>>,
}

impl Library {
    /// Those of a folder, which need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, shelf: Mutex::default() }
    }

    /// A code system: the version asked for, the highest when none is.
    pub fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let changed = std::fs::metadata(&self.folder).and_then(|data| data.modified()).ok()?;
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.changed != Some(changed) {
            *shelf = Shelf { changed: Some(changed), systems: read(&self.folder) };
        }
        let own = shelf.systems.iter().filter(|system| system.url == url);
        let own = own.filter(|system| version.is_none() || system.version.as_deref() == version);
        own.max_by(|a, b| a.version.cmp(&b.version)).cloned()
    }
}

fn read(folder: &Path) -> Vec<Arc<CodeSystem>> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|f| f.extension().is_some_and(|e| e == ENDING)).collect();
    files.sort();
    let mut systems = Vec::new();
    for file in files.into_iter().take(MOST_FILES) {
        let opened = File::open(&file).map_err(|error| error.to_string());
        match opened.and_then(|file| packed::open(Box::new(OnDisk(file))).map_err(|error| error.to_string()))
        {
            Ok(system) => systems.push(Arc::new(system)),
            Err(error) => {
                tracing::warn!(error, file = %file.display(), "a packed code system cannot be used")
            }
        }
    }
    systems
}
