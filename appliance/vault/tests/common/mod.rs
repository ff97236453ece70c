//! Shared by the integration tests: a vault in a temporary folder with a clock that tests move.
#![allow(dead_code)]

#[cfg(target_os = "linux")]
pub mod block;
pub mod chance;
pub mod cut;
pub mod disk;
pub mod model;

use clinicvault_vault::*;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub const KIND: Kind = Kind(7);

/// A clock that starts in 2026 and moves only when told.
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_790_000_000)))
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let inner = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_second(inner.load(Ordering::SeqCst)).unwrap())
    }
}

pub fn secret() -> Vec<u8> {
    b"a credential of the service manager".to_vec()
}

pub fn unlock() -> Unlock {
    Unlock::credential(secret())
}

pub fn options(clock: &ManualClock) -> OpenOptions {
    let mut options = OpenOptions::new(clock.clock());
    options.cache_bytes = 8 << 20;
    // Small, so that rows are spread again and again.
    options.pending_bytes = 3000;
    options
}

pub fn new_vault(options: OpenOptions, suite: Suite) -> NewVault {
    let unlock = vec![UnlockSlot::Credential(secret().into())];
    NewVault { clinic_id: "clinic-1".into(), suite, unlock, options }
}

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub clock: ManualClock,
    pub vault: Vault,
}

pub fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let new = new_vault(options(&clock), Suite::XChaCha20Poly1305);
    let (vault, _) = Vault::create(&dir.path().join("data"), new).unwrap();
    Fixture { dir, clock, vault }
}

impl Fixture {
    pub fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    pub fn reopen(&mut self) {
        self.vault.close().unwrap();
        self.vault = Vault::open(&self.data(), &unlock(), options(&self.clock)).unwrap();
    }
}

pub fn leaf(action: Action) -> Leaf {
    Leaf {
        actor: "user-1".into(),
        role: "doctor".into(),
        session: None,
        source: "test".into(),
        action,
        object: None,
        owner: None,
        outcome: Outcome::Success,
        purpose: "TREAT".into(),
        reason: None,
        detail: None,
    }
}

pub fn term(param: u16, text: &str) -> Term {
    let mut value = text.as_bytes().to_vec();
    value.push(0);
    Term { param, value }
}

pub fn patient(id: &str) -> Owner {
    Owner::Patient(id.into())
}

/// Writes one record with one audit line.
pub fn put(vault: &Vault, id: &str, body: &str, terms: &[Term]) -> (Head, Tx) {
    let (id, body, terms) = (id.to_owned(), body.to_owned(), terms.to_vec());
    vault
        .write(move |unit| {
            let mut leaf = leaf(Action::Update);
            leaf.owner = Some(id.clone());
            unit.audit(leaf)?;
            unit.put(Put { kind: KIND, id: &id, owner: patient(&id), body: body.as_bytes(), terms: &terms })
        })
        .unwrap()
}

pub fn ids(snapshot: &Snapshot, range: &TermRange, at: Tx) -> Vec<String> {
    snapshot
        .scan(KIND, range, Dir::Ascending, at)
        .unwrap()
        .map(|found| snapshot.head_of(found.unwrap().1).unwrap().unwrap().id)
        .collect()
}
