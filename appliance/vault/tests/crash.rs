//! Power cuts: the disk loses, reorders and tears what was not synced; whatever was acknowledged must be there, and
//! every unit wholly or not at all.
//!
//! `CLINICVAULT_CUTS` says how many cuts (2,000), `CLINICVAULT_SEED` replays a run.
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
use common::cut::{check, drive, least, survivors};
use common::disk::{Disk, Op};
use common::model::Model;
use common::*;
use std::path::Path;

/// Units of one script.
const UNITS: u64 = 60;
/// Cuts of one script.
const CUTS: usize = 125;

/// A script that ran: what the disk saw, the model after each Tx, and what was acknowledged when.
struct Script {
    dir: tempfile::TempDir,
    /// The disk as the script found it.
    base: Vec<u8>,
    ops: Vec<Op>,
    /// Model after Tx 0, 1, 2 ...
    models: Vec<Model>,
    /// Operations seen when a Tx was acknowledged.
    acked: Vec<(u64, usize)>,
    /// Bytes of rows that might wait.
    waiting: usize,
}

fn open(dir: &Path, disk: &Disk, start: StartMode, waiting: usize) -> Result<Vault, OpenError> {
    let mut options = options(&ManualClock::new());
    options.start = start;
    options.below = Some(Below::new(disk.clone()));
    options.cache_bytes = 1 << 20;
    // So small that rows are spread all the time, a few with each commit: cuts fall before, into and after a spread.
    options.pending_bytes = waiting;
    Vault::open(dir, &unlock(), options)
}

fn script(chance: &mut Chance, start: StartMode) -> Script {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(Vec::new());
    let mut options = options(&ManualClock::new());
    options.below = Some(Below::new(disk.clone()));
    options.start = start;
    let suite = if chance.one_in(2) { Suite::XChaCha20Poly1305 } else { Suite::Xaes256Gcm };
    let (vault, _) = Vault::create(dir.path(), new_vault(options, suite)).unwrap();
    vault.close().unwrap();
    let base = disk.image();
    let disk = Disk::new(base.clone());
    let waiting = [600, 1500, 4000, 1 << 20][chance.below(4)];
    let vault = open(dir.path(), &disk, start, waiting).unwrap();
    let mut models = vec![Model::default()];
    let seen = disk.clone();
    let acked = drive(&vault, move || seen.op_count(), chance, &mut models, UNITS);
    if chance.one_in(2) {
        vault.close().unwrap();
    }
    let ops = disk.ops();
    Script { dir, base, ops, models, acked, waiting }
}

#[test]
fn no_power_cut_loses_an_acknowledged_unit_or_halves_one() {
    let seed = seed();
    let cuts = times("CLINICVAULT_CUTS", 2000);
    println!("CLINICVAULT_SEED={seed} CLINICVAULT_CUTS={cuts}");
    let mut chance = Chance(seed);
    let scripts = cuts.div_ceil(CUTS);
    let (mut done, mut waited) = (0, 0);
    for number in 0..scripts {
        let mut chance = chance.fork();
        let start = if number % 4 == 3 { StartMode::Fast } else { StartMode::Verified };
        let script = script(&mut chance, start);
        for _ in 0..CUTS.min(cuts - done) {
            let what = format!("seed {seed}, script {number}, cut {done}");
            waited += usize::from(one_cut(&script, start, &mut chance, &what) > 0);
            done += 1;
        }
    }
    println!("{done} cuts, {waited} of them while rows waited to be spread, nothing lost");
    assert!(waited > cuts / 4);
}

/// Answers how many rows waited to be spread when the power came back.
fn one_cut(script: &Script, start: StartMode, chance: &mut Chance, what: &str) -> usize {
    let cut = chance.below(script.ops.len() + 1);
    let sure = least(&script.acked, cut);
    let disk = Disk::new(survivors(&script.base, &script.ops, cut, chance));
    let image = disk.image();
    let vault = open(script.dir.path(), &disk, start, script.waiting)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let waiting = vault.snapshot().unwrap().waiting_rows();
    let found = check(&vault, &script.models, sure, what);
    if chance.one_in(8) {
        let report = vault.verify(&mut |_| ()).unwrap();
        assert!(report.is_sound(), "{what}: {:?}", report.listed);
    }
    if chance.one_in(8) {
        // The vault goes on after the repair, and the power fails again.
        let mut models = script.models[..=found.tx as usize].to_vec();
        let seen = disk.clone();
        let acked = drive(&vault, move || seen.op_count(), chance, &mut models, 8);
        drop(vault);
        let ops = disk.ops();
        let cut = chance.below(ops.len() + 1);
        let sure = least(&acked, cut).max(found.tx);
        let disk = Disk::new(survivors(&image, &ops, cut, chance));
        let what = format!("{what}, second cut");
        let vault = open(script.dir.path(), &disk, start, script.waiting)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        check(&vault, &models, sure, &what);
    }
    waiting
}
