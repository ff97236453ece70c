//! Disks that fail: at any single operation, for good, or because they are full.

use crate::common::disk::{Disk, Plan};
use crate::common::model::{self, Model};
use crate::common::*;
use clinicvault_vault::*;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn open(dir: &Path, disk: &Disk) -> Result<Vault, OpenError> {
    let mut options = options(&ManualClock::new());
    options.below = Some(Below::new(disk.clone()));
    options.cache_bytes = 1 << 20;
    Vault::open(dir, &unlock(), options)
}

/// Writes until the disk fails; answers the models and what was acknowledged.
fn script(vault: &Vault) -> (Vec<Model>, u64) {
    let mut chance = chance::Chance(11);
    let mut models = vec![Model::default()];
    let mut acked = 0;
    for number in 1..17 {
        let plan = model::plan(&mut chance, number, models.last().unwrap());
        let mut after = models.last().unwrap().clone();
        after.apply(&plan);
        if !plan.refuse {
            models.push(after);
        }
        match vault.write(move |unit| model::run(unit, &plan)) {
            Ok(((), tx)) => acked = tx.0,
            Err(Refused::Job(UnitError::Invalid("planned"))) => {}
            Err(_) => {
                assert!(matches!(vault.health(), Health::Latched(_)));
                break;
            }
        }
        if number % 5 == 0 && vault.snapshot().and_then(|s| s.audit(0, 9)).is_err() {
            break;
        }
    }
    (models, acked)
}

fn check_every(plan: fn(usize) -> Plan, kind: ErrorKind) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(Vec::new());
    let mut options = options(&ManualClock::new());
    options.below = Some(Below::new(disk.clone()));
    let (vault, _) = Vault::create(dir.path(), new_vault(options, Suite::XChaCha20Poly1305)).unwrap();
    vault.close().unwrap();
    let base = disk.image();
    let mut at = 0;
    loop {
        let disk = Disk::with_plan(base.clone(), plan(at), kind);
        let (models, acked) = match open(dir.path(), &disk) {
            Err(error) => {
                assert!(!matches!(error, OpenError::WrongKey(_) | OpenError::NotAVault(_)), "{error}");
                (vec![Model::default()], 0)
            }
            Ok(vault) => {
                let ran = script(&vault);
                if let Health::Latched(fault) = vault.health() {
                    assert!(disk.failed(), "operation {at}: {fault}");
                    if kind == ErrorKind::StorageFull {
                        assert_eq!(fault, Fault::DiskFull, "operation {at}");
                    }
                    assert!(matches!(vault.snapshot(), Err(ReadError::Unavailable(Unavailable::Latched(_)))));
                    assert!(vault.write(|unit| unit.audit(leaf(Action::Read))).is_err());
                    assert!(vault.note(leaf(Action::Read)).is_err());
                }
                let _ = vault.close();
                ran
            }
        };
        let healthy = Disk::new(disk.image());
        let vault = open(dir.path(), &healthy).unwrap_or_else(|error| panic!("operation {at}: {error}"));
        let found = model::read(&vault).unwrap();
        assert!(found.tx >= acked, "operation {at}: {} of {acked}", found.tx);
        assert!(models.get(found.tx as usize) == Some(&found), "operation {at}");
        if !disk.failed() {
            break;
        }
        at += 1;
    }
    println!("{at} failing operations, nothing lost");
    assert!(at > 100);
}

#[test]
fn an_error_at_any_single_operation_loses_nothing() {
    check_every(Plan::FailOnce, ErrorKind::Other);
}

#[test]
fn a_disk_that_is_full_from_any_operation_on_loses_nothing() {
    check_every(Plan::FailFrom, ErrorKind::StorageFull);
}

#[test]
fn a_disk_that_takes_no_writes_from_any_operation_on_loses_nothing() {
    check_every(Plan::FailFrom, ErrorKind::ReadOnlyFilesystem);
}

#[test]
fn a_nearly_full_disk_refuses_new_data_but_not_audit_lines_and_logouts() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let free = Arc::new(AtomicU64::new(50 << 30));
    let mut options = options(&clock);
    let probe = Arc::clone(&free);
    options.disk.probe =
        Arc::new(move |_| Ok(DiskSpace { free: probe.load(Ordering::SeqCst), total: 100 << 30 }));
    let (vault, _) = Vault::create(dir.path(), new_vault(options, Suite::XChaCha20Poly1305)).unwrap();
    let session = |unit: &mut Unit<'_>| {
        unit.audit(leaf(Action::Login))?;
        unit.doc_put(3, b"session", b"x")
    };
    vault.write(session).unwrap();
    assert_eq!(vault.disk().level, DiskLevel::Plenty);
    free.store(5 << 30, Ordering::SeqCst);
    vault.write(session).unwrap();
    assert_eq!(vault.disk_level(), DiskLevel::Warn);
    free.store(100 << 20, Ordering::SeqCst);
    assert_eq!(vault.write(session), Err(Refused::Job(UnitError::LowDisk)));
    let refused = vault.write(|unit| {
        unit.audit(leaf(Action::Create))?;
        unit.put(Put { kind: KIND, id: "p", owner: Owner::Shared, body: b"", terms: &[] }).map(drop)
    });
    assert_eq!(refused, Err(Refused::Job(UnitError::LowDisk)));
    vault.note(leaf(Action::Read)).unwrap();
    vault
        .write(|unit| {
            unit.audit(leaf(Action::Logout))?;
            unit.doc_delete(3, b"session")
        })
        .unwrap();
    assert_eq!((vault.disk_level(), vault.health()), (DiskLevel::Refuse, Health::Ready));
    free.store(50 << 30, Ordering::SeqCst);
    vault.write(session).unwrap();
}

#[test]
fn a_page_damaged_while_running_stops_the_vault() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(Vec::new());
    let mut options = options(&ManualClock::new());
    options.below = Some(Below::new(disk.clone()));
    let (vault, _) = Vault::create(dir.path(), new_vault(options, Suite::XChaCha20Poly1305)).unwrap();
    for i in 0..60 {
        put(&vault, &format!("p{i}"), &"x".repeat(3000), &[]);
    }
    vault.close().unwrap();
    let mut image = disk.image();
    for block in 0..(image.len() - 4096) / 4136 {
        image[4096 + block * 4136 + 77] ^= 1;
    }
    let error = open(dir.path(), &Disk::new(image)).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    let image = disk.image();
    let mut stopped = 0;
    for block in 0..(image.len() - 4096) / 4136 {
        let mut image = image.clone();
        image[4096 + block * 4136 + 77] ^= 1;
        let Ok(vault) = open(dir.path(), &Disk::new(image)) else { continue };
        match model_free_read(&vault) {
            Ok(count) => assert_eq!(count, 60),
            Err(ReadError::Fault(Fault::Damaged(_))) => {
                stopped += 1;
                assert!(matches!(vault.health(), Health::Latched(Fault::Damaged(_))));
                assert!(vault.write(|unit| unit.audit(leaf(Action::Read))).is_err());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(stopped > 20, "{stopped}");
}

fn model_free_read(vault: &Vault) -> Result<usize, ReadError> {
    let s = vault.snapshot()?;
    for i in 0..60 {
        let head = s.head(KIND, &format!("p{i}"))?.expect("a record vanished");
        assert_eq!(s.body(&head)?.as_slice(), "x".repeat(3000).as_bytes());
    }
    Ok(60)
}
