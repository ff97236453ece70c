//! Bringing the database up: lock, repair, level, clean-shutdown marker, and the comparison with the checkpoint kept
//! outside.
//!
//! Owns the order of these steps; leaves keys to slots.rs and work to writer.rs.

use crate::audit::{self, Checkpoint};
use crate::barrier::{Barrier, BarrierState};
use crate::error::{Fault, OpenError};
use crate::files;
use crate::keys::RootKey;
use crate::migrate;
use crate::options::{Below, OpenOptions, StartMode};
use crate::pending::{self, Pending};
use crate::shared::LogAlarm;
use crate::slots::{self, Slots};
use crate::state::{DATABASE, LEVEL, STATE, State};
use crate::tables::{Get, ReadTables, T, WriteTables, name};
use crate::wire::{Decoder, Encoder};
use ed25519_dalek::VerifyingKey;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A database that is up.
pub(crate) struct Started {
    pub db: Database,
    pub barrier: Arc<BarrierState>,
    pub state: State,
    pub pending: Pending,
    pub checkpoint: Option<String>,
    pub alarms: Vec<LogAlarm>,
}

/// What a clean shutdown leaves outside the database.
struct Clean {
    tx: u64,
    size: u64,
    header: [u8; 32],
}

impl Clean {
    fn encode(&self, root: &RootKey) -> Vec<u8> {
        let mut out = Encoder::default();
        out.raw(b"CVCLEAN1").u64(self.tx).u64(self.size).raw(&self.header);
        let mut bytes = out.done();
        let mac = slots::mac(root, &bytes);
        bytes.extend_from_slice(&mac);
        bytes
    }

    fn decode(root: &RootKey, bytes: &[u8]) -> Option<Self> {
        let (content, mac) = bytes.split_last_chunk::<32>()?;
        if slots::mac(root, content) != *mac {
            return None;
        }
        let mut row = Decoder::new(content);
        (row.raw(8)? == b"CVCLEAN1").then_some(())?;
        Some(Self { tx: row.u64()?, size: row.u64()?, header: row.array()? })
    }
}

/// Hash of the super-header and the file's length.
fn header_hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut header = [0; 4096];
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.read_exact(&mut header)?;
    Ok(Sha256::new().chain_update(header).chain_update(len.to_le_bytes()).finalize().into())
}

/// Leaves the clean-shutdown marker; called when the database is closed.
pub(crate) fn mark_clean(dir: &Path, root: &RootKey, state: &State) -> io::Result<()> {
    let header = header_hash(&dir.join(files::DATABASE))?;
    let clean = Clean { tx: state.tx, size: state.frontier.size(), header };
    files::replace(&dir.join(files::CLEAN), &clean.encode(root))
}

fn builder(options: &OpenOptions, len: u64) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_for(len));
    builder
}

/// Makes an empty database.
pub(crate) fn create(
    dir: &Path,
    slots: &Slots,
    root: &RootKey,
    options: &mut OpenOptions,
) -> Result<Started, Fault> {
    let below = match options.below.take() {
        Some(below) => below,
        None => {
            // What an earlier creation that was cut short may have left.
            let path = dir.join(files::DATABASE);
            let old = [&path, &dir.join(files::CLEAN), &dir.join(files::CHECKPOINT)];
            let made = old.into_iter().try_for_each(|path| files::remove(path));
            let made = made.and_then(|()| files::private().open(&path));
            Below::new(FileBackend::new(made.map_err(|error| Fault::io(&error))?)?)
        }
    };
    let (barrier, shared) = Barrier::new(below, slots.suite, &root.pages(), slots.database);
    let db = builder(options, 0).create_with_backend(barrier)?;
    shared.opened();
    let state = State::default();
    let txn = db.begin_write()?;
    {
        let mut tables = WriteTables::direct(&txn);
        tables.insert(T::Meta, LEVEL, &migrate::LEVEL.to_le_bytes(), None)?;
        tables.insert(T::Meta, DATABASE, &slots.database, None)?;
        tables.insert(T::Meta, STATE, &state.encode(), None)?;
    }
    txn.commit()?;
    Ok(Started {
        db,
        barrier: shared,
        state,
        pending: Pending::default(),
        checkpoint: None,
        alarms: Vec::new(),
    })
}

/// Opens an existing database.
pub(crate) fn open(
    dir: &Path,
    slots: &Slots,
    root: &RootKey,
    options: &mut OpenOptions,
) -> Result<Started, OpenError> {
    let on_disk = options.below.is_none();
    let mut alarms = Vec::new();
    let path = dir.join(files::DATABASE);
    let len = fs::metadata(&path).map_or(0, |data| data.len());
    let (below, clean) = match options.below.take() {
        Some(below) => (below, None),
        None => (file(&path)?, take_marker(dir, root, &mut alarms)?),
    };
    let (barrier, shared) = Barrier::new(below, slots.suite, &root.pages(), slots.database);
    let check = !alarms.is_empty() || (options.start == StartMode::Fast && clean.is_none());
    if clean.is_some() && !check {
        // After a clean shutdown no block may fail, not even while opening.
        shared.opened();
    }
    let db = engine(dir, barrier, &shared, (options, len), check)?;
    shared.opened();
    let tables = ReadTables::new(db.begin_read().map_err(Fault::from)?);
    let (level, state) = meta(dir, &tables, slots)?;
    let pending = catch_unwind(AssertUnwindSafe(|| pending::log::load(&tables)))
        .unwrap_or_else(|_| Err(Fault::Damaged("the rows that wait cannot be read".into())))?;
    let tables = tables.under(pending.clone());
    if let Some(clean) = clean.filter(|clean| clean.tx != state.tx || clean.size != state.frontier.size()) {
        alarms.push(LogAlarm::Backwards { found: state.frontier.size(), expected: clean.size });
    }
    let checkpoint = audit::log::checkpoints(&tables, state.checkpoint_size, 1)?.pop();
    if on_disk {
        compare(dir, &tables, &state, slots, &mut alarms)?;
    }
    drop(tables);
    if level < migrate::LEVEL {
        raise_level(&db)?;
    }
    Ok(Started { db, barrier: shared, state, pending, checkpoint, alarms })
}

/// Notes that this program writes the database from now on.
fn raise_level(db: &Database) -> Result<(), Fault> {
    let txn = db.begin_write()?;
    WriteTables::direct(&txn).insert(T::Meta, LEVEL, &migrate::LEVEL.to_le_bytes(), None)?;
    Ok(txn.commit()?)
}

fn file(path: &Path) -> Result<Below, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Damaged(format!("{} is missing", path.display())));
        }
        Err(error) => return Err(io(error)),
    };
    if file.metadata().map_err(io)?.len() == 0 {
        return Err(OpenError::Damaged(format!("{} is empty", path.display())));
    }
    Ok(Below::new(FileBackend::new(file).map_err(Fault::from)?))
}

/// Reads the marker and removes it for good before anything is written. A marker that does not fit the header means
/// that the header was changed since: the file is then checked whole.
fn take_marker(dir: &Path, root: &RootKey, alarms: &mut Vec<LogAlarm>) -> Result<Option<Clean>, OpenError> {
    let path = dir.join(files::CLEAN);
    let io = |error| OpenError::Io { path: path.clone(), error };
    let found = files::read(&path).map_err(io)?;
    files::remove(&path).map_err(io)?;
    let Some(clean) = found.and_then(|bytes| Clean::decode(root, &bytes)) else { return Ok(None) };
    if header_hash(&dir.join(files::DATABASE)).ok() != Some(clean.header) {
        alarms.push(LogAlarm::HeaderChanged);
    }
    Ok(Some(clean))
}

fn engine(
    dir: &Path,
    barrier: Barrier<Below>,
    shared: &BarrierState,
    (options, len): (&OpenOptions, u64),
    check: bool,
) -> Result<Database, OpenError> {
    let repaired = Arc::new(AtomicBool::new(check));
    let mut builder = builder(options, len);
    builder.set_check_integrity_on_open(check);
    let (told, progress) = (Arc::clone(&repaired), options.progress.clone());
    builder.set_repair_callback(move |session| {
        told.store(true, Ordering::Release);
        if let Some(progress) = &progress {
            progress(session.progress());
        }
    });
    let opened = catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(barrier)));
    let db = match opened {
        Ok(Ok(db)) => db,
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => return Err(OpenError::AlreadyOpen(dir.to_owned())),
        Ok(Err(DatabaseError::Storage(StorageError::Corrupted(text)))) => {
            return Err(OpenError::Damaged(text));
        }
        Ok(Err(error)) => return Err(Fault::from(error).into()),
        Err(_) => return Err(OpenError::Damaged("the storage engine cannot make sense of the file".into())),
    };
    // Only after a crash may a block fail: one that no flushed root reaches.
    if shared.poisoned() > 0 && !repaired.load(Ordering::Acquire) {
        return Err(OpenError::Damaged("a page fails authentication".into()));
    }
    Ok(db)
}

/// Checks that the database is of this vault and of a known level, and reads level and state.
fn meta(dir: &Path, tables: &ReadTables, slots: &Slots) -> Result<(u32, State), OpenError> {
    let read = || -> Result<_, Fault> {
        let level = tables.with(T::Meta, LEVEL, |row| row.try_into().map(u32::from_le_bytes).ok())?.flatten();
        let database = tables.get(T::Meta, DATABASE)?;
        let state = tables.with(T::Meta, STATE, State::decode)?.flatten();
        Ok((level, database, state))
    };
    let (level, database, state) = catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Fault::Damaged("the storage engine cannot make sense of the file".into())))?;
    let level = level.ok_or_else(|| Fault::row(name(T::Meta)))?;
    if level > migrate::LEVEL {
        return Err(OpenError::Newer { found: level, known: migrate::LEVEL });
    }
    if database.as_deref() != Some(slots.database.as_slice()) {
        return Err(OpenError::Mismatch(dir.to_owned()));
    }
    Ok((level, state.ok_or_else(|| Fault::row(name(T::Meta)))?))
}

/// Compares the log with the checkpoint kept outside. On an alarm the file is kept aside as evidence.
fn compare(
    dir: &Path,
    tables: &ReadTables,
    state: &State,
    slots: &Slots,
    alarms: &mut Vec<LogAlarm>,
) -> Result<(), OpenError> {
    let path = dir.join(files::CHECKPOINT);
    let io = |error| OpenError::Io { path: path.clone(), error };
    let Some(note) = files::read(&path).map_err(io)? else { return Ok(()) };
    let note = String::from_utf8_lossy(&note);
    let key = VerifyingKey::from_bytes(&slots.audit_public);
    let alarm = match key.ok().and_then(|key| Checkpoint::verify(&note, &key).ok()) {
        None => Some(LogAlarm::ForeignCheckpoint),
        Some(checkpoint) if checkpoint.size > state.frontier.size() => {
            Some(LogAlarm::Backwards { found: state.frontier.size(), expected: checkpoint.size })
        }
        Some(checkpoint) => {
            let subtree = || audit::log::subtree(tables, 0, checkpoint.size);
            let root = catch_unwind(AssertUnwindSafe(subtree))
                .unwrap_or_else(|_| Err(Fault::Damaged("the audit log cannot be read".into())));
            match root {
                Ok(root) if root == checkpoint.root => None,
                // Other lines, or lines that are gone: both are not the log that was signed.
                Ok(_) | Err(Fault::Damaged(_)) => Some(LogAlarm::Forked { size: checkpoint.size }),
                Err(other) => return Err(other.into()),
            }
        }
    };
    if let Some(alarm) = alarm {
        let aside = dir.join(format!("{}.alarm", files::CHECKPOINT));
        files::replace(&aside, note.as_bytes()).map_err(io)?;
        alarms.push(alarm);
    }
    Ok(())
}
