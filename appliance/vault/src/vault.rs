//! The handle: create, open, hand out units and snapshots, close.

use crate::audit::note;
use crate::audit::{Leaf, Proof};
use crate::datakeys::Keyring;
use crate::disk::{DiskLevel, DiskStats};
use crate::error::{CreateError, Fault, OpenError, ReadError, Refused, SlotError, Unavailable};
use crate::files;
use crate::keys::{self, RootKey};
use crate::model::{MAX_ID, Tx};
use crate::options::{NewVault, OpenOptions, Unlock, UnlockSlot};
use crate::recovery::RecoveryKey;
use crate::secret::Key32;
use crate::shared::{Health, LogAlarm, Parts, Shared};
use crate::slots::{SlotKind, Slots};
use crate::snapshot::Snapshot;
use crate::start::{self, Started};
use crate::state::State;
use crate::unit::Unit;
use crate::verify::{self, VerifyReport};
use crate::waiting::Haste;
use crate::writer::{Fate, Job, Work, Writer};
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

/// An open vault. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    slots: Mutex<Slots>,
    writer: Mutex<Option<JoinHandle<State>>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault(tx {}, {:?})", self.last_tx().0, self.health())
    }
}

/// Whether `dir` holds a vault. Says nothing of whether it can be opened.
#[must_use]
pub fn is_initialised(dir: &Path) -> bool {
    dir.join(files::SLOTS).exists()
}

/// The ways in which the vault in `dir` can be unlocked, without unlocking it.
///
/// # Errors
/// [`OpenError::NotAVault`], [`OpenError::DamagedSlots`], [`OpenError::Newer`].
pub fn slot_kinds(dir: &Path) -> Result<Vec<SlotKind>, OpenError> {
    Slots::load(&dir.join(files::SLOTS)).map(|(slots, _)| slots.kinds())
}

impl Vault {
    /// Makes a vault in `dir` and answers it, opened, with its recovery key, which is shown once and kept nowhere.
    ///
    /// The slot file is written last: a creation that is cut short leaves no vault behind and can be repeated.
    ///
    /// # Errors
    /// [`CreateError::Exists`] when there is one already; weak secrets, bad costs, files that cannot be written.
    pub fn create(dir: &Path, new: NewVault) -> Result<(Self, RecoveryKey), CreateError> {
        let NewVault { clinic_id, suite, unlock, mut options } = new;
        if is_initialised(dir) {
            return Err(CreateError::Exists(dir.to_owned()));
        }
        if clinic_id.is_empty() || clinic_id.len() > MAX_ID {
            return Err(CreateError::BadClinicId);
        }
        make_folder(dir)?;
        let root = RootKey::random().map_err(CreateError::Chance)?;
        let kek = Key32::random().map_err(CreateError::Chance)?;
        let audit = SigningKey::from_bytes(Key32::random().map_err(CreateError::Chance)?.expose());
        let no_wrap = || CreateError::Chance("a key could not be wrapped".into());
        let wrapping = root.wrapping();
        let wrapped_kek = keys::wrap(&wrapping, &kek).ok_or_else(no_wrap)?;
        let wrapped_audit = keys::wrap(&wrapping, &Key32::new(audit.to_bytes())).ok_or_else(no_wrap)?;
        let database = crate::chance::random().map_err(CreateError::Chance)?;
        let public = audit.verifying_key().to_bytes();
        let mut slots = Slots::new(clinic_id, database, suite, wrapped_kek, (public, wrapped_audit));
        let recovery = RecoveryKey::random().map_err(CreateError::Chance)?;
        slots.add_recovery(&root, &recovery)?;
        for slot in &unlock {
            slots.add_slot(&root, slot)?;
        }
        let on_disk = options.below.is_none();
        let started = start::create(dir, &slots, &root, &mut options)?;
        let path = dir.join(files::SLOTS);
        slots.save(&root, &path).map_err(|error| CreateError::Io { path, error })?;
        let keks = BTreeMap::from([(1, kek)]);
        let vault = Self::assemble(dir, slots, root, audit, keks, started, options, on_disk)
            .map_err(|error| CreateError::Io { path: dir.to_owned(), error })?;
        Ok((vault, recovery))
    }

    /// Opens the vault in `dir`.
    ///
    /// After a crash this checks the whole file and tells `options.progress` how far it has come.
    ///
    /// # Errors
    /// One variant of [`OpenError`] for each thing that a person can do something about.
    pub fn open(dir: &Path, unlock: &Unlock, mut options: OpenOptions) -> Result<Self, OpenError> {
        let path = dir.join(files::SLOTS);
        let (slots, unverified) = Slots::load(&path)?;
        let root = slots.unlock(unlock)?;
        if !unverified.trusted(&root) {
            return Err(OpenError::TamperedSlots(path));
        }
        let wrapping = root.wrapping();
        let tampered = || OpenError::TamperedSlots(path.clone());
        let keks = slots
            .keks
            .iter()
            .map(|(generation, wrapped)| Some((*generation, keys::unwrap(&wrapping, wrapped)?)))
            .collect::<Option<BTreeMap<_, _>>>()
            .ok_or_else(tampered)?;
        let audit = keys::unwrap(&wrapping, &slots.audit_wrapped).ok_or_else(tampered)?;
        let audit = SigningKey::from_bytes(audit.expose());
        let on_disk = options.below.is_none();
        let started = start::open(dir, &slots, &root, &mut options)?;
        Self::assemble(dir, slots, root, audit, keks, started, options, on_disk)
            .map_err(|error| OpenError::Io { path: dir.to_owned(), error })
    }

    #[allow(clippy::too_many_arguments, reason = "one private place where an open vault is put together")]
    fn assemble(
        dir: &Path,
        slots: Slots,
        root: RootKey,
        audit: SigningKey,
        keks: BTreeMap<u32, Key32>,
        started: Started,
        options: OpenOptions,
        on_disk: bool,
    ) -> std::io::Result<Self> {
        let Started { db, barrier, state, pending, checkpoint, alarms } = started;
        let keys = Arc::new(Keyring::new(slots.clinic.clone(), slots.suite, keks));
        let shared = Arc::new(Shared::new(Parts {
            dir: dir.to_owned(),
            origin: format!("clinicvault/{}", slots.clinic),
            root,
            audit,
            keys,
            clock: options.clock,
            start: options.start,
            await_notes: options.await_notes,
            disk: options.disk,
            on_disk,
            barrier,
            db,
            tx: state.tx,
            pending: (state.group, pending.clone()),
            pending_bytes: options.pending_bytes,
            checkpoint,
            alarms,
        }));
        shared.look_at_disk();
        let db = shared.db.read().unwrap_or_else(PoisonError::into_inner).clone();
        let db = db.ok_or_else(|| std::io::Error::other("the database is gone"))?;
        let writer = Writer::new(Arc::clone(&shared), db, state, pending);
        let thread = std::thread::Builder::new().name("vault-writer".into()).spawn(move || writer.run())?;
        Ok(Self {
            inner: Arc::new(Inner { shared, slots: Mutex::new(slots), writer: Mutex::new(Some(thread)) }),
        })
    }

    /// Hands `job` to the writer. `done` runs on the writer's thread after the durable commit, or with the reason why
    /// there was none; it must not block. A job that answers `Err` leaves nothing behind; one that changes something
    /// without an audit line is refused. A job that changes nothing and audits nothing uses up no Tx.
    pub fn submit<T, E, J, D>(&self, job: J, done: D)
    where
        T: Send + 'static,
        E: Send + 'static,
        J: FnOnce(&mut Unit<'_>) -> Result<T, E> + Send + 'static,
        D: FnOnce(Result<(T, Tx), Refused<E>>) + Send + 'static,
    {
        self.submit_with(Haste::Now, job, done);
    }

    /// As [`Vault::submit`], saying how soon it is to be committed.
    pub fn submit_with<T, E, J, D>(&self, haste: Haste, job: J, done: D)
    where
        T: Send + 'static,
        E: Send + 'static,
        J: FnOnce(&mut Unit<'_>) -> Result<T, E> + Send + 'static,
        D: FnOnce(Result<(T, Tx), Refused<E>>) + Send + 'static,
    {
        let work: Box<dyn Work> = Box::new(Job { job: Some(job), done, answer: None });
        if let Err((work, reason)) = self.inner.shared.submit(work, haste) {
            work.done(Fate::Unavailable(reason));
        }
    }

    /// As [`Vault::submit`], waiting for the durable commit.
    ///
    /// # Errors
    /// Why the unit was not committed; see [`Refused`].
    pub fn write<T, E, J>(&self, job: J) -> Result<(T, Tx), Refused<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        J: FnOnce(&mut Unit<'_>) -> Result<T, E> + Send + 'static,
    {
        let (tell, told) = mpsc::sync_channel(1);
        self.submit(job, move |result| {
            let _ = tell.send(result);
        });
        told.recv().unwrap_or(Err(Refused::Unavailable(Unavailable::Closed)))
    }

    /// Queues an audit line that belongs to no change: a read's. Returns before the commit; when the queue is more
    /// than 100 ms behind it waits for it (up to 5 s) and then refuses, and the read must be refused too. Texts over
    /// the limits that [`Unit::audit`] refuses are cut: a line is never lost for its length. With
    /// [`OpenOptions::await_notes`] it returns only after the durable commit of the line.
    ///
    /// # Errors
    /// [`Unavailable`] when the line cannot be committed.
    pub fn note(&self, mut leaf: Leaf) -> Result<(), Unavailable> {
        crate::unit::clip(&mut leaf);
        if !self.inner.shared.await_notes {
            return self.inner.shared.note(leaf);
        }
        self.write(move |unit| unit.audit(leaf)).map(drop).map_err(|refused| match refused {
            Refused::Unavailable(reason) => reason,
            Refused::Unknown(fault) => Unavailable::Latched(fault),
            Refused::Job(_) | Refused::NoAudit | Refused::Panicked => Unavailable::Busy,
        })
    }

    /// A consistent view of the last commit; expires after 30 s.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the vault is latched or closed.
    pub fn snapshot(&self) -> Result<Snapshot, ReadError> {
        Snapshot::take(&self.inner.shared, true)
    }

    /// A view that does not expire, for backups, exports and verification; it pins old pages while it lives.
    ///
    /// # Errors
    /// As [`Vault::snapshot`].
    pub fn long_snapshot(&self) -> Result<Snapshot, ReadError> {
        Snapshot::take(&self.inner.shared, false)
    }

    /// The last committed unit of work.
    #[must_use]
    pub fn last_tx(&self) -> Tx {
        self.inner.shared.last_tx()
    }

    /// Calls `watcher` on the writer's thread after each commit that brought units, with the newest Tx. It must not
    /// block. Answers a number for [`Vault::unwatch`].
    pub fn watch(&self, watcher: impl Fn(Tx) + Send + Sync + 'static) -> u64 {
        self.inner.shared.watch(Arc::new(watcher))
    }

    /// Takes a watcher away.
    pub fn unwatch(&self, number: u64) {
        self.inner.shared.unwatch(number);
    }

    /// Whether the vault works.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.shared.health()
    }

    /// Changes from outside that were noticed when opening.
    #[must_use]
    pub fn alarms(&self) -> &[LogAlarm] {
        &self.inner.shared.alarms
    }

    /// The clinic's id.
    #[must_use]
    pub fn clinic_id(&self) -> &str {
        &self.inner.shared.keys.clinic
    }

    /// A 256-bit key of the box for `label`, the same at each opening: pepper, cursor signing, sealing of the
    /// certificate authority's key ...
    #[must_use]
    pub fn key_for(&self, label: &str) -> Key32 {
        self.inner.shared.root.boxed(label)
    }

    /// The public half of the audit key.
    #[must_use]
    pub fn audit_public_key(&self) -> VerifyingKey {
        self.inner.shared.audit.verifying_key()
    }

    /// The audit log's verifier key as signed notes write it: `name+hash+key`.
    #[must_use]
    pub fn audit_verifier(&self) -> String {
        note::verifier_key(&self.inner.shared.origin, &self.audit_public_key())
    }

    /// The newest signed checkpoint of the audit log, if one was made yet.
    #[must_use]
    pub fn checkpoint(&self) -> Option<String> {
        self.inner.shared.checkpoint()
    }

    /// Proof that an audit line is under a signed checkpoint; see [`Snapshot::prove`].
    ///
    /// # Errors
    /// As [`Vault::snapshot`].
    pub fn prove(&self, seq: u64) -> Result<Option<Proof>, ReadError> {
        self.snapshot()?.prove(seq)
    }

    /// Opens every record, checks the audit log and the tables against each other; `progress` is told a share of the
    /// whole, 0.0 to 1.0. Faults found in the content are listed in the report, they do not stop it.
    ///
    /// # Errors
    /// [`ReadError`] when the vault cannot be read at all.
    pub fn verify(&self, progress: &mut dyn FnMut(f64)) -> Result<VerifyReport, ReadError> {
        verify::run(&self.long_snapshot()?, progress)
    }

    /// Size of the file and room on the disk.
    #[must_use]
    pub fn disk(&self) -> DiskStats {
        let shared = &self.inner.shared;
        let file = shared.dir.join(files::DATABASE);
        let file_bytes = std::fs::metadata(&file).map_or(0, |meta| meta.len());
        match shared.disk.look(&shared.dir) {
            Ok((space, level)) => DiskStats { file, file_bytes, space: Some(space), level },
            Err(_) => DiskStats { file, file_bytes, space: None, level: shared.disk_level() },
        }
    }

    /// How full the disk was at the last commit.
    #[must_use]
    pub fn disk_level(&self) -> DiskLevel {
        self.inner.shared.disk_level()
    }

    /// Accesses to parts of pages since opening; stays 0 unless the engine changes its habits.
    #[must_use]
    pub fn partial_blocks(&self) -> u64 {
        self.inner.shared.barrier.partial()
    }

    /// The folder of the vault.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.inner.shared.dir.clone()
    }

    /// The ways in which this vault can be unlocked.
    #[must_use]
    pub fn slots(&self) -> Vec<SlotKind> {
        self.lock_slots().kinds()
    }

    fn lock_slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a way to unlock, or replaces the one of the same kind.
    ///
    /// # Errors
    /// [`SlotError`]; the file is then as it was.
    pub fn set_slot(&self, slot: &UnlockSlot) -> Result<(), SlotError> {
        self.change_slots(|slots, root| {
            let kind = match slot {
                UnlockSlot::Passphrase { .. } => SlotKind::Passphrase,
                UnlockSlot::KeyFile(_) => SlotKind::KeyFile,
                UnlockSlot::Credential(_) => SlotKind::Credential,
            };
            slots.remove(kind);
            slots.add_slot(root, slot).map_err(SlotError::from)
        })
    }

    /// Takes a way to unlock away; the recovery key can only be replaced.
    ///
    /// # Errors
    /// [`SlotError::LastSlot`] for the recovery key; otherwise [`SlotError::Io`].
    pub fn remove_slot(&self, kind: SlotKind) -> Result<(), SlotError> {
        if kind == SlotKind::Recovery {
            return Err(SlotError::LastSlot);
        }
        self.change_slots(|slots, _| {
            slots.remove(kind);
            Ok(())
        })
    }

    /// Replaces the recovery key; the old one opens nothing from then on.
    ///
    /// # Errors
    /// [`SlotError`]; the file is then as it was.
    pub fn new_recovery_key(&self) -> Result<RecoveryKey, SlotError> {
        let key = RecoveryKey::random().map_err(SlotError::Chance)?;
        self.change_slots(|slots, root| {
            slots.remove(SlotKind::Recovery);
            slots.add_recovery(root, &key).map_err(SlotError::from)
        })?;
        Ok(key)
    }

    fn change_slots(
        &self,
        change: impl FnOnce(&mut Slots, &RootKey) -> Result<(), SlotError>,
    ) -> Result<(), SlotError> {
        let root = &self.inner.shared.root;
        let mut slots = self.lock_slots();
        let mut changed = slots.clone();
        change(&mut changed, root)?;
        let path = self.inner.shared.dir.join(files::SLOTS);
        changed.save(root, &path).map_err(|error| SlotError::Io { path, error })?;
        *slots = changed;
        Ok(())
    }

    /// Finishes what is waiting, signs a last checkpoint and closes the file. Other clones find the vault closed.
    ///
    /// # Errors
    /// The fault that latched the vault, or the one met while closing.
    pub fn close(&self) -> Result<(), Fault> {
        self.inner.close()
    }
}

impl Inner {
    fn close(&self) -> Result<(), Fault> {
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        if thread.thread().id() == std::thread::current().id() {
            // The last handle went away inside a callback on the writer's own thread, which cannot wait for itself:
            // it stops after this group, and the file closes with the last share of the database.
            let db = self.shared.db.write().unwrap_or_else(PoisonError::into_inner).take();
            return guarded(|| {
                drop(db);
                Ok(())
            });
        }
        let state = thread.join();
        let health = self.shared.health();
        self.shared.set_closed();
        self.shared.drained.notify_all();
        let db = self.shared.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let closed = match db.map(Arc::try_unwrap) {
            Some(Ok(db)) => guarded(|| db.close().map_err(Fault::from)),
            // Someone still holds the database for a moment; dropping the last share closes it.
            Some(Err(_)) | None => Ok(()),
        };
        if let Health::Latched(fault) = health {
            return Err(fault);
        }
        closed?;
        let state = state.map_err(|_| Fault::Engine("the writer panicked".into()))?;
        if self.shared.on_disk {
            start::mark_clean(&self.shared.dir, &self.shared.root, &state)
                .map_err(|error| Fault::io(&error))?;
        }
        Ok(())
    }
}

/// The engine writes while it closes, and may panic over a damaged file then too.
fn guarded(close: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
    catch_unwind(AssertUnwindSafe(close))
        .unwrap_or_else(|_| Err(Fault::Engine("the storage engine panicked while it closed".into())))
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

fn make_folder(dir: &Path) -> Result<(), CreateError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| CreateError::Io { path: dir.to_owned(), error })
}
