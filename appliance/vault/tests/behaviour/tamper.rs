//! Deliberate changes of the files: bits, old copies, and the audit log.

use crate::common::chance::{Chance, seed, times};
use crate::common::model::{self, Model};
use crate::common::*;
use clinicvault_vault::audit::{AuditFault, verify_log};
use clinicvault_vault::*;
use std::fs;
use std::path::Path;

fn open(dir: &Path) -> Result<Vault, OpenError> {
    Vault::open(dir, &unlock(), options(&ManualClock::new()))
}

fn fill(vault: &Vault, model: &mut Model, units: u64) {
    let mut chance = Chance(5);
    for number in 1..=units {
        let plan = model::plan(&mut chance, number + model.tx * 100, model);
        model.apply(&plan);
        let _ = vault.write(move |unit| model::run(unit, &plan));
    }
}

/// Every bit of the closed file may flip: the vault refuses, raises an alarm, or gives what it always gave.
#[test]
fn a_flipped_bit_is_noticed_or_changes_nothing() {
    let seed = seed();
    let flips = times("CLINICVAULT_FLIPS", 600);
    println!("CLINICVAULT_SEED={seed} CLINICVAULT_FLIPS={flips}");
    let mut chance = Chance(seed);
    let f = fixture();
    let mut expected = Model::default();
    fill(&f.vault, &mut expected, 60);
    f.vault.close().unwrap();
    let keep: Vec<_> = ["vault.redb", "clean", "checkpoint"]
        .map(|name| (f.data().join(name), fs::read(f.data().join(name)).unwrap()))
        .into();
    let image = keep[0].1.clone();
    let (mut refused, mut alarms, mut errors, mut unchanged) = (0, 0, 0, 0);
    for flip in 0..flips {
        for (path, bytes) in &keep[1..] {
            fs::write(path, bytes).unwrap();
        }
        let mut changed = image.clone();
        let at = if flip % 4 == 0 { chance.below(400) } else { chance.below(image.len()) };
        changed[at] ^= 1 << chance.below(8);
        fs::write(&keep[0].0, &changed).unwrap();
        let what = format!("seed {seed}, flip {flip} at byte {at}");
        match open(&f.data()) {
            Err(OpenError::WrongKey(_) | OpenError::NotAVault(_)) => panic!("{what}: misleading error"),
            Err(_) => refused += 1,
            Ok(vault) if !vault.alarms().is_empty() => alarms += 1,
            Ok(vault) => match model::read(&vault) {
                Err(_) => errors += 1,
                Ok(found) => {
                    assert!(found == expected, "{what}: wrong data");
                    unchanged += 1;
                }
            },
        }
    }
    println!(
        "{flips} flips: {refused} refused, {alarms} alarms, {errors} errors on reading, {unchanged} unchanged"
    );
    assert!(refused + alarms + errors > flips / 20);
}

fn log(vault: &Vault) -> (Vec<Vec<u8>>, Vec<String>) {
    let s = vault.snapshot().unwrap();
    (s.audit_bytes(0, usize::MAX).unwrap(), s.checkpoints(0, usize::MAX).unwrap())
}

#[test]
fn an_audit_log_that_was_edited_shortened_or_reordered_does_not_pass() {
    let mut f = fixture();
    for i in 0..30 {
        put(&f.vault, &format!("p{i}"), "x", &[]);
    }
    f.reopen();
    let key = f.vault.audit_public_key();
    let (leaves, notes) = log(&f.vault);
    assert_eq!(verify_log(&leaves, &notes, &key).unwrap().0, 30);
    let check = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = leaves.clone();
        change(&mut changed);
        verify_log(&changed, &notes, &key).unwrap_err()
    };
    let text = b"user-1";
    for at in [0, 13, 29] {
        let edited = check(&|leaves| {
            let place = leaves[at].windows(text.len()).position(|window| window == text).unwrap();
            leaves[at][place] = b'X';
        });
        // The first commit is signed at once, the next after 256 lines, 60 s, or when the vault is closed.
        let noticed = match at {
            0 => AuditFault::Checkpoint(1),
            29 => AuditFault::Checkpoint(30),
            _ => AuditFault::Chain(at as u64 + 1),
        };
        assert_eq!(edited, noticed, "edit");
    }
    assert_eq!(check(&|leaves| drop(leaves.remove(10))), AuditFault::Order { expected: 10 }, "delete");
    assert_eq!(check(&|leaves| leaves.swap(4, 5)), AuditFault::Order { expected: 4 }, "reorder");
    assert_eq!(
        check(&|leaves| leaves.truncate(29)),
        AuditFault::Backwards { found: 29, signed: 30 },
        "truncate"
    );
    assert_eq!(check(&|leaves| leaves[3].truncate(40)), AuditFault::Malformed(3));
    let other = fixture();
    assert_eq!(
        verify_log(&leaves, &notes, &other.vault.audit_public_key()).unwrap_err(),
        AuditFault::Unsigned
    );
}

#[test]
fn an_older_copy_of_the_database_raises_the_alarm() {
    let f = fixture();
    let path = f.data().join("vault.redb");
    for i in 0..10 {
        put(&f.vault, &format!("p{i}"), "x", &[]);
    }
    f.vault.close().unwrap();
    let (old, clean) = (fs::read(&path).unwrap(), fs::read(f.data().join("clean")).unwrap());
    let vault = open(&f.data()).unwrap();
    assert!(vault.alarms().is_empty());
    put(&vault, "p10", "x", &[]);
    vault.close().unwrap();
    fs::write(&path, &old).unwrap();
    let vault = open(&f.data()).unwrap();
    let backwards = LogAlarm::Backwards { found: 10, expected: 11 };
    assert!(vault.alarms().contains(&backwards), "{:?}", vault.alarms());
    assert!(f.data().join("checkpoint.alarm").exists());
    drop(vault);
    // With the old marker beside it, only the checkpoint kept outside tells.
    fs::write(&path, &old).unwrap();
    fs::write(f.data().join("clean"), &clean).unwrap();
    fs::copy(f.data().join("checkpoint.alarm"), f.data().join("checkpoint")).unwrap();
    assert_eq!(open(&f.data()).unwrap().alarms(), [backwards]);
}

#[test]
fn a_history_that_took_another_turn_raises_the_alarm() {
    let f = fixture();
    let path = f.data().join("vault.redb");
    put(&f.vault, "p1", "x", &[]);
    f.vault.close().unwrap();
    let base: Vec<_> =
        ["vault.redb", "clean", "checkpoint"].map(|name| fs::read(f.data().join(name)).unwrap()).into();
    let vault = open(&f.data()).unwrap();
    put(&vault, "p2", "one way", &[]);
    vault.close().unwrap();
    let witness = fs::read(f.data().join("checkpoint")).unwrap();
    for (name, bytes) in ["vault.redb", "clean", "checkpoint"].iter().zip(&base) {
        fs::write(f.data().join(name), bytes).unwrap();
    }
    let vault = open(&f.data()).unwrap();
    put(&vault, "p2", "another way", &[]);
    put(&vault, "p3", "and further", &[]);
    vault.close().unwrap();
    fs::write(f.data().join("checkpoint"), witness).unwrap();
    assert_eq!(open(&f.data()).unwrap().alarms(), [LogAlarm::Forked { size: 2 }]);
    assert!(path.exists());
}
