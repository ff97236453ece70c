//! Power cuts below a real file system: what ext4 told its device is cut, reordered and torn, mounted again, and must hold what was
//! acknowledged.
//!
//! `CLINICVAULT_BLOCK_CUTS` says how many cuts (20), `CLINICVAULT_SEED` replays a run. Skipped where no file system can be
//! mounted: not Linux, not root, no FUSE, no loop devices.
#![cfg(target_os = "linux")]
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
use common::block::BlockDisk;
use common::chance::{Chance, seed, times};
use common::cut::{check, drive, least, survivors};
use common::disk::Op;
use common::model::Model;
use common::*;

/// Bytes of the device.
const SIZE: u64 = 24 << 20;
/// Units of one script, and cuts of it.
const UNITS: u64 = 60;
const CUTS: usize = 50;

#[test]
fn ext4_holds_what_was_acknowledged_however_the_power_goes() {
    let (seed, cuts) = (seed(), times("CLINICVAULT_BLOCK_CUTS", 20));
    println!("CLINICVAULT_SEED={seed} CLINICVAULT_BLOCK_CUTS={cuts}");
    let (mut chance, mut done) = (Chance(seed), 0);
    while done < cuts {
        let mut chance = chance.fork();
        let mut disk = match BlockDisk::new(SIZE) {
            Ok(disk) => disk,
            Err(why) => return println!("skipped: {why}"),
        };
        let data = disk.root().join("data");
        let new = new_vault(options(&ManualClock::new()), Suite::XChaCha20Poly1305);
        Vault::create(&data, new).unwrap().0.close().unwrap();
        let base = disk.settle();
        let vault = Vault::open(&data, &unlock(), options(&ManualClock::new())).unwrap();
        let mut models = vec![Model::default()];
        let acked = drive(&vault, disk.counter(), &mut chance, &mut models, UNITS);
        if chance.one_in(2) {
            vault.close().unwrap();
        }
        let ops = disk.ops();
        drop(vault);
        let flushes: Vec<usize> = (1..=ops.len()).filter(|at| matches!(ops[at - 1], Op::Sync)).collect();
        assert!(flushes.len() > 10, "the file system passes {} flushes on", flushes.len());
        for _ in 0..CUTS.min(cuts - done) {
            // At a flush, or anywhere.
            let cut = match chance.one_in(3) {
                true => flushes[chance.below(flushes.len())],
                false => chance.below(ops.len() + 1),
            };
            let what = format!("seed {seed}, cut {done} after {cut} of {} operations", ops.len());
            let (mounted, at) = disk.again(&survivors(&base, &ops, cut, &mut chance));
            let vault = Vault::open(&at.join("data"), &unlock(), options(&ManualClock::new()))
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(vault.alarms().is_empty(), "{what}: {:?}", vault.alarms());
            check(&vault, &models, least(&acked, cut), &what);
            assert!(vault.verify(&mut |_| ()).unwrap().is_sound(), "{what}");
            vault.close().unwrap();
            drop((vault, mounted));
            done += 1;
        }
    }
    println!("{done} cuts below ext4, nothing lost");
}
