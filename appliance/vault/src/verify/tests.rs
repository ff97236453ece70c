//! What someone can do who has the keys and edits the tables themselves, and how it is noticed.

use crate::as_of;
use crate::files;
use crate::migrate;
use crate::slots::Slots;
use crate::start;
use crate::state::{DATABASE, LEVEL, STATE, State};
use crate::tables::{Get, T, WriteTables, pair_key, rid_key};
use crate::*;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

const KIND: Kind = Kind(3);

fn options() -> OpenOptions {
    OpenOptions::new(Arc::new(|| jiff::Timestamp::from_second(1_790_000_000).unwrap()))
}

fn unlock() -> Unlock {
    Unlock::credential("a secret of sixteen bytes")
}

fn leaf() -> Leaf {
    Leaf {
        actor: "u".into(),
        role: "r".into(),
        session: None,
        source: "s".into(),
        action: Action::Update,
        object: None,
        owner: None,
        outcome: Outcome::Success,
        purpose: "p".into(),
        reason: None,
        detail: None,
    }
}

/// A closed vault with two patients, one of them changed once.
fn closed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path()).close().unwrap();
    dir
}

/// The same, killed instead of closed.
fn killed() -> tempfile::TempDir {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vault = made(dir.path());
    for name in [files::DATABASE, files::SLOTS] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(vault);
    copy
}

fn made(dir: &Path) -> Vault {
    let slot = UnlockSlot::Credential(b"a secret of sixteen bytes".to_vec().into());
    let suite = Suite::XChaCha20Poly1305;
    let new = NewVault { clinic_id: "c".into(), suite, unlock: vec![slot], options: options() };
    let (vault, _) = Vault::create(dir, new).unwrap();
    for (id, body) in [("a", "first of a"), ("b", "first of b"), ("a", "second of a")] {
        vault
            .write(move |unit| {
                unit.audit(leaf())?;
                let terms = [Term { param: 1, value: vec![b'x', 0] }];
                let owner = Owner::Patient(id.into());
                unit.put(Put { kind: KIND, id, owner, body: body.as_bytes(), terms: &terms })
            })
            .unwrap();
    }
    vault
}

/// Edits the tables of a closed vault behind its back.
fn edit(dir: &Path, change: impl FnOnce(&mut WriteTables<'_>)) {
    let (slots, _) = Slots::load(&dir.join(files::SLOTS)).unwrap();
    let root = slots.unlock(&unlock()).unwrap();
    let started = start::open(dir, &slots, &root, &mut options()).unwrap();
    let txn = started.db.begin_write().unwrap();
    let mut tables = WriteTables::direct(&txn);
    change(&mut tables);
    drop(tables);
    txn.commit().unwrap();
    started.db.close().unwrap();
}

fn open(dir: &Path) -> Result<Vault, OpenError> {
    Vault::open(dir, &unlock(), options())
}

fn faults(dir: &Path) -> Vec<String> {
    open(dir).unwrap().verify(&mut |_| ()).unwrap().listed
}

#[test]
fn an_untouched_vault_is_sound() {
    let dir = closed();
    edit(dir.path(), |_| ());
    assert_eq!(faults(dir.path()), Vec::<String>::new());
}

#[test]
fn a_body_moved_to_another_record_or_version_fails_to_open() {
    for (from, to) in [((2, 1), (1, 2)), ((1, 1), (1, 2))] {
        let dir = closed();
        edit(dir.path(), |tables| {
            let take = |tables: &WriteTables<'_>, at: (u64, u64)| {
                tables.get(T::Versions, &pair_key(at.0, at.1)).unwrap().unwrap()
            };
            let (source, target) = (take(tables, from), take(tables, to));
            let (head, _) = as_of::cut(&target).unwrap();
            let (_, sealed) = as_of::cut(&source).unwrap();
            let row = as_of::join(&as_of::encode(&head), sealed);
            tables.insert(T::Versions, &pair_key(to.0, to.1), &row, None).unwrap();
        });
        let vault = open(dir.path()).unwrap();
        let s = vault.snapshot().unwrap();
        let head = s.head(KIND, "a").unwrap().unwrap();
        assert!(matches!(s.body(&head), Err(ReadError::Damaged { kind: 3, rid: 1, version: 2 })));
        assert_eq!(vault.health(), Health::Ready, "one damaged record does not stop the vault");
        let report = vault.verify(&mut |_| ()).unwrap();
        assert_eq!(report.faults, 2, "{:?}", report.listed);
    }
}

#[test]
fn an_older_version_put_back_as_the_newest_is_noticed() {
    let dir = closed();
    edit(dir.path(), |tables| {
        let old = tables.get(T::Versions, &pair_key(1, 1)).unwrap().unwrap();
        let (head, _) = as_of::cut(&old).unwrap();
        tables.insert(T::Heads, &rid_key(head.rid), &as_of::encode(&head), None).unwrap();
        tables.remove(T::Versions, &pair_key(1, 2), None).unwrap();
    });
    assert_eq!(faults(dir.path()), ["record 1 is not the version that the audit log names"]);
}

#[test]
fn edits_of_the_audit_log_in_the_tables_are_noticed() {
    let check = |change: &dyn Fn(&mut WriteTables<'_>), words: &str| {
        let dir = closed();
        edit(dir.path(), |tables| change(tables));
        let faults = faults(dir.path());
        assert!(faults.iter().any(|fault| fault.contains(words)), "{words}: {faults:?}");
    };
    let key = |seq: u64| seq.to_be_bytes();
    let leaf = |tables: &WriteTables<'_>, seq: u64| tables.get(T::Leaves, &key(seq)).unwrap().unwrap();
    check(
        &|tables| {
            let mut changed = leaf(tables, 1);
            *changed.last_mut().unwrap() ^= 1;
            tables.insert(T::Leaves, &key(1), &changed, None).unwrap();
        },
        "does not follow",
    );
    check(&|tables| assert!(tables.remove(T::Leaves, &key(1), None).unwrap()), "missing or out of order");
    check(
        &|tables| {
            let (one, two) = (leaf(tables, 1), leaf(tables, 2));
            tables.insert(T::Leaves, &key(1), &two, None).unwrap();
            tables.insert(T::Leaves, &key(2), &one, None).unwrap();
        },
        "missing or out of order",
    );
    check(&|tables| assert!(tables.remove(T::Leaves, &key(2), None).unwrap()), "are expected");
    check(
        &|tables| {
            // Cut the log and make the state agree: the signed checkpoint still tells.
            tables.remove(T::Leaves, &key(2), None).unwrap();
            let mut state = State::decode(&tables.get(T::Meta, STATE).unwrap().unwrap()).unwrap();
            state.frontier = audit::tree::Frontier::default();
            for seq in 0..2 {
                state.last_leaf = audit::tree::leaf_hash(&leaf(tables, seq));
                state.frontier.push(state.last_leaf, |_, _, _| ());
            }
            tables.insert(T::Meta, STATE, &state.encode(), None).unwrap();
        },
        "went backwards",
    );
}

#[test]
fn a_term_that_is_gone_or_left_over_is_noticed() {
    let dir = closed();
    edit(dir.path(), |tables| {
        let mut keys = Vec::new();
        let all = std::ops::Bound::Unbounded;
        tables
            .visit(T::Terms, all, all, false, &mut |key, _| {
                keys.push(key.to_vec());
                Ok(true)
            })
            .unwrap();
        tables.remove(T::Terms, &keys[0], None).unwrap();
    });
    assert_eq!(faults(dir.path()).len(), 2);
}

#[test]
fn rows_that_wait_are_read_back_after_a_crash_and_missed_when_they_are_gone() {
    let dir = killed();
    let vault = open(dir.path()).unwrap();
    assert!(vault.snapshot().unwrap().waiting_rows() >= 6, "ids, terms and keys of two patients");
    assert!(vault.verify(&mut |_| ()).unwrap().is_sound());
    vault.close().unwrap();
    let vault = open(dir.path()).unwrap();
    assert_eq!(vault.snapshot().unwrap().waiting_rows(), 0, "a few are spread when the vault is closed");
    assert!(vault.verify(&mut |_| ()).unwrap().is_sound());
    drop(vault);
    for cut in [0, 20] {
        let dir = killed();
        edit(dir.path(), |tables| {
            let (key, row) = tables.prefixed(T::Pending, &[], false, 1).unwrap().remove(0);
            match cut {
                0 => assert!(tables.remove(T::Pending, &key, None).unwrap()),
                _ => tables.insert(T::Pending, &key, &row[..row.len() - cut], None).unwrap(),
            }
        });
        match open(dir.path()) {
            Ok(vault) => assert!(!vault.verify(&mut |_| ()).unwrap().is_sound()),
            Err(error) => assert!(cut > 0 && matches!(error, OpenError::Damaged(_)), "{error}"),
        }
    }
}

#[test]
fn a_database_of_the_first_level_is_taken_over_as_it_is() {
    let dir = closed();
    edit(dir.path(), |tables| {
        let state = tables.get(T::Meta, STATE).unwrap().unwrap();
        let first = [&[1], &state[9..]].concat();
        tables.insert(T::Meta, STATE, &first, None).unwrap();
        tables.insert(T::Meta, LEVEL, &1u32.to_le_bytes(), None).unwrap();
    });
    assert_eq!(faults(dir.path()), Vec::<String>::new());
    edit(dir.path(), |tables| {
        assert_eq!(tables.get(T::Meta, LEVEL).unwrap().unwrap(), migrate::LEVEL.to_le_bytes());
    });
}

#[test]
fn a_newer_format_is_refused_with_the_advice_to_upgrade() {
    let dir = closed();
    edit(dir.path(), |tables| {
        tables.insert(T::Meta, LEVEL, &(migrate::LEVEL + 1).to_le_bytes(), None).unwrap()
    });
    let error = open(dir.path()).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, OpenError::Newer { found, known } if found == known + 1 && known == migrate::LEVEL)
    );
    assert!(error.to_string().contains("upgrade"));
    // A newer slot file is refused before unlocking.
    let dir = closed();
    let path = dir.path().join(files::SLOTS);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] = 9;
    let end = bytes.len() - 40;
    let sum = Sha256::digest(&bytes[..end]);
    bytes[end..end + 8].copy_from_slice(&sum[..8]);
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(slot_kinds(dir.path()), Err(OpenError::Newer { found: 9, known: 1 })));
}

#[test]
fn a_database_of_another_vault_is_refused() {
    let dir = closed();
    edit(dir.path(), |tables| tables.insert(T::Meta, DATABASE, &[1; 16], None).unwrap());
    assert!(matches!(open(dir.path()), Err(OpenError::Mismatch(_))));
}
