//! A disk that says it synced and has not: what is lost then is lost, but nobody is told that it is there. The vault refuses the
//! database, or opens an older state of it and raises an alarm; it never shows a state that never was.
//!
//! `CLINICVAULT_LIES` says how many lies (100), `CLINICVAULT_SEED` replays a run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

mod common;

use clinicvault_vault::*;
use common::chance::{Chance, seed, times};
use common::cut::{drive, remains};
use common::disk::Disk;
use common::model::{self, Model};
use common::*;
use std::fs;
use std::path::Path;

/// Units of one script, and lies about it.
const UNITS: u64 = 60;
const LIES: usize = 50;

#[derive(Debug, Default)]
struct Count {
    whole: usize,
    older: usize,
    refused: usize,
}

#[test]
fn what_a_lying_disk_loses_is_noticed() {
    let (seed, lies) = (seed(), times("CLINICVAULT_LIES", 100));
    println!("CLINICVAULT_SEED={seed} CLINICVAULT_LIES={lies}");
    let (mut chance, mut done, mut count) = (Chance(seed), 0, Count::default());
    while done < lies {
        let mut chance = chance.fork();
        let dir = tempfile::tempdir().unwrap();
        let start = if chance.one_in(2) { StartMode::Fast } else { StartMode::Verified };
        let settings = |disk: &Disk| {
            let mut options = options(&ManualClock::new());
            (options.start, options.below) = (start, Some(Below::new(disk.clone())));
            options
        };
        let disk = Disk::new(Vec::new());
        let new = new_vault(settings(&disk), Suite::XChaCha20Poly1305);
        Vault::create(dir.path(), new).unwrap().0.close().unwrap();
        let base = disk.image();
        let disk = Disk::new(base.clone());
        let vault = Vault::open(dir.path(), &unlock(), settings(&disk)).unwrap();
        let mut models = vec![Model::default()];
        drive(&vault, || 0, &mut chance, &mut models, UNITS);
        // The checkpoint of the end lies on a disk that keeps its word.
        vault.close().unwrap();
        let ops = disk.ops();
        for _ in 0..LIES.min(lies - done) {
            // Some lie about all that they were told, some about the last moment only.
            let sure = ops.len() - chance.below(ops.len() + 1) / (1 + chance.below(60));
            // Of the rest something comes through, or nothing.
            let rest = if chance.one_in(4) { ops.len() } else { sure };
            let image = remains(&base, &ops[..sure], &ops[rest..], &mut chance);
            let what = format!("seed {seed}, lie {done} after {sure} of {} operations", ops.len());
            one_lie(dir.path(), &image, start, &models, &mut count, &what);
            done += 1;
        }
    }
    println!("{done} lies: {count:?}");
    assert!(count.older + count.refused > done / 20, "hardly anything was lost: {count:?}");
}

fn one_lie(from: &Path, image: &[u8], start: StartMode, models: &[Model], count: &mut Count, what: &str) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["slots", "checkpoint"] {
        fs::copy(from.join(name), dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("vault.redb"), image).unwrap();
    let mut options = options(&ManualClock::new());
    options.start = start;
    let Ok(vault) = Vault::open(dir.path(), &unlock(), options) else {
        count.refused += 1;
        return;
    };
    // Damage that comes to light while reading is an error too.
    let Ok(found) = model::read(&vault) else {
        count.refused += 1;
        return;
    };
    let expected =
        models.get(found.tx as usize).unwrap_or_else(|| panic!("{what}: Tx {} never was", found.tx));
    assert!(found == *expected, "{what}: a state that never was, of Tx {}", found.tx);
    if found.tx + 1 < models.len() as u64 {
        assert!(!vault.alarms().is_empty(), "{what}: Tx {} of {} and no alarm", found.tx, models.len() - 1);
        count.older += 1;
    } else {
        count.whole += 1;
    }
}
