//! The folder of models: `<sha256>.bin` each, `<sha256>.part` while one comes in, `models.json` for what a clinic brought itself.
//!
//! A model is there once it is whole, has its hash, is what the loader expects, and is on the disk; only then it gets its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{self, Entry};
use super::{ModelError, ggml};

/// A model that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What is known of it.
    pub entry: Entry,
    /// Its file.
    pub path: PathBuf,
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    /// Models that came with the system: read, never written.
    brought: Option<PathBuf>,
}

impl Store {
    /// The folder at a path; it need not exist yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), brought: None }
    }

    /// With a second folder, whose models are found where this one has none. Nothing is ever written there.
    #[must_use]
    pub fn and(mut self, brought: impl Into<PathBuf>) -> Self {
        self.brought = Some(brought.into());
        self
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every model that has a name here: the program's own, then the clinic's.
    ///
    /// # Errors
    /// When `models.json` cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, ModelError> {
        let mut entries = manifest::known();
        entries.extend(self.own()?);
        Ok(entries)
    }

    /// The entry of a name.
    ///
    /// # Errors
    /// [`ModelError::Unknown`].
    pub fn entry(&self, name: &str) -> Result<Entry, ModelError> {
        let found = self.entries()?.into_iter().find(|entry| entry.name == name);
        found.ok_or_else(|| ModelError::Unknown(name.to_owned()))
    }

    /// Where the file of an entry is, or will be.
    pub fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(file_of(entry))
    }

    /// The model of a name, when it is installed. Its hash was checked when it came; [`Store::verify`] checks it again.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] when the name is unknown or the file is not there in its full size.
    pub fn find(&self, name: &str) -> Result<Installed, ModelError> {
        let entry = self.entry(name)?;
        let brought = self.brought.as_ref().map(|folder| folder.join(file_of(&entry)));
        let whole = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.len() == entry.bytes);
        match [Some(self.path(&entry)), brought].into_iter().flatten().find(whole) {
            Some(path) => Ok(Installed { entry, path }),
            None => Err(ModelError::Unknown(format!(
                "{name} in {} (known, but not installed)",
                self.folder.display()
            ))),
        }
    }

    /// Everything that is installed.
    ///
    /// # Errors
    /// As [`Store::entries`].
    pub fn installed(&self) -> Result<Vec<Installed>, ModelError> {
        Ok(self.entries()?.into_iter().filter_map(|entry| self.find(&entry.name).ok()).collect())
    }

    /// Reads a model's whole file and compares its hash, then its table.
    ///
    /// # Errors
    /// [`ModelError::OtherHash`], [`ModelError::Bad`].
    pub fn verify(&self, model: &Installed) -> Result<(), ModelError> {
        let found = hash_of(&model.path)?;
        same(&model.entry, &found)?;
        usable(&model.entry, &model.path)
    }

    /// Begins to take a model in, or goes on where it was cut short.
    ///
    /// # Errors
    /// When another process is at it, or the folder cannot be written.
    pub fn download(&self, entry: &Entry) -> Result<Download, ModelError> {
        fs::create_dir_all(&self.folder)?;
        public(&self.folder, 0o755)?;
        Download::open(self.path(entry), entry.clone())
    }

    /// Takes a model from a file. One that the program knows by its hash needs no entry of its own; for another `own` says name,
    /// languages and licence, and its hash and size are put in.
    ///
    /// # Errors
    /// When it is no model, or unknown and without an entry, or its name is taken.
    pub fn import(&self, file: &Path, own: Option<Entry>) -> Result<Installed, ModelError> {
        let sha256 = hash_of(file)?;
        let bytes = fs::metadata(file)?.len();
        let known = self.entries()?.into_iter().find(|entry| entry.sha256 == sha256);
        let (entry, new) = match (known, own) {
            (Some(known), _) => (known, false),
            (None, Some(own)) => {
                if !own.sha256.is_empty() {
                    same(&own, &sha256)?;
                }
                if !manifest::is_name(&own.name) || self.entry(&own.name).is_ok() {
                    return Err(ModelError::bad(format!("the name {:?} is taken or not a name", own.name)));
                }
                (Entry { sha256, bytes, ..own }, true)
            }
            (None, None) => {
                return Err(ModelError::bad(format!(
                    "the sha256 {sha256} is unknown; say --name and --languages to take it all the same"
                )));
            }
        };
        usable(&entry, file)?;
        let mut download = self.download(&entry)?;
        download.restart()?;
        let mut source = File::open(file)?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match source.read(&mut buffer)? {
                0 => break,
                count => download.write(&buffer[..count])?,
            }
        }
        if new {
            let mut own = self.own()?;
            own.push(entry.clone());
            self.keep(&own)?;
        }
        let path = download.finish()?;
        Ok(Installed { entry, path })
    }

    /// Deletes a model's file, and its entry when it is the clinic's own.
    ///
    /// # Errors
    /// [`ModelError::Unknown`], or when the disk refuses.
    pub fn remove(&self, name: &str) -> Result<(), ModelError> {
        let entry = self.entry(name)?;
        let mut gone = false;
        for path in [self.path(&entry), part_of(&self.path(&entry))] {
            match fs::remove_file(&path) {
                Ok(()) => gone = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut own = self.own()?;
        let before = own.len();
        own.retain(|entry| entry.name != name);
        if own.len() < before {
            self.keep(&own)?;
        } else if !gone {
            let why = if self.find(name).is_ok() {
                "it came with a package of the system; remove that"
            } else {
                "known, but not installed"
            };
            return Err(ModelError::Unknown(format!("{name} ({why})")));
        }
        Ok(())
    }

    fn own(&self) -> Result<Vec<Entry>, ModelError> {
        match fs::read(self.folder.join("models.json")) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| ModelError::bad(format!("models.json cannot be read: {error}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn keep(&self, own: &[Entry]) -> Result<(), ModelError> {
        let text = serde_json::to_vec_pretty(own).map_err(io::Error::from)?;
        let path = self.folder.join("models.json");
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

/// A model on its way in.
#[derive(Debug)]
pub struct Download {
    file: File,
    entry: Entry,
    path: PathBuf,
    hash: Sha256,
    at: u64,
}

impl Download {
    fn open(path: PathBuf, entry: Entry) -> Result<Self, ModelError> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part_of(&path))?;
        file.try_lock().map_err(|_| io::Error::other("another process is taking this model in"))?;
        let mut hash = Sha256::new();
        let mut at = io::copy(&mut file, &mut Hashing(&mut hash))?;
        if at > entry.bytes {
            file.set_len(0)?;
            file.rewind()?;
            (hash, at) = (Sha256::new(), 0);
        }
        Ok(Self { file, entry, path, hash, at })
    }

    /// Bytes that are here already: where a server is asked to go on.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Bytes still missing.
    pub fn missing(&self) -> u64 {
        self.entry.bytes - self.at
    }

    /// Forgets what is here: the server does not go on where it stopped.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn restart(&mut self) -> Result<(), ModelError> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hash = Sha256::new();
        self.at = 0;
        Ok(())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there are more than the model has, or the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        if bytes.len() as u64 > self.missing() {
            self.restart()?;
            return Err(ModelError::bad(format!(
                "more than the {} bytes of {} came",
                self.entry.bytes, self.entry.name
            )));
        }
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Checks hash and table, flushes, and gives the file its name. What is wrong is deleted; what is only short stays.
    ///
    /// # Errors
    /// [`ModelError::Bad`] when bytes are missing, [`ModelError::OtherHash`].
    pub fn finish(self) -> Result<PathBuf, ModelError> {
        if self.missing() > 0 {
            return Err(ModelError::bad(format!(
                "{} of {} bytes are still missing; the same command goes on from here",
                self.missing(),
                self.entry.bytes
            )));
        }
        let part = part_of(&self.path);
        let sound = same(&self.entry, &hex(&self.hash.finalize())).and_then(|()| usable(&self.entry, &part));
        if let Err(wrong) = sound {
            fs::remove_file(&part)?;
            return Err(wrong);
        }
        public(&part, 0o644)?;
        self.file.sync_all()?;
        fs::rename(&part, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(self.path)
    }
}

/// A hash as a writer.
struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Weights are no secret, and whoever hears may be another user than the box.
fn public(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn file_of(entry: &Entry) -> String {
    format!("{}.bin", entry.sha256)
}

fn part_of(path: &Path) -> PathBuf {
    path.with_extension("part")
}

fn hash_of(path: &Path) -> Result<String, ModelError> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut Hashing(&mut hash))?;
    Ok(hex(&hash.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same(entry: &Entry, found: &str) -> Result<(), ModelError> {
    if entry.sha256 == found {
        return Ok(());
    }
    Err(ModelError::OtherHash {
        name: entry.name.clone(),
        found: found.to_owned(),
        wanted: entry.sha256.clone(),
    })
}

/// Whether the loader may have it. The voice detector is known by its hash alone.
fn usable(entry: &Entry, path: &Path) -> Result<(), ModelError> {
    if entry.is_voice() {
        let known = manifest::known();
        return match known.iter().find(|known| known.is_voice() && known.sha256 == entry.sha256) {
            Some(_) => Ok(()),
            None => Err(ModelError::bad("this voice detector is not the one that is known to be sound")),
        };
    }
    ggml::check(&mut BufReader::new(File::open(path)?)).map(|_| ())
}
