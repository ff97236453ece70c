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
use common::disk::{Disk, Op, apply};
use common::model::{self, Model};
use common::*;
use std::path::Path;
use std::sync::mpsc;

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

/// Runs random units, several at a time so that groups form, and audit-only lines between them.
fn drive(
    vault: &Vault,
    disk: &Disk,
    chance: &mut Chance,
    models: &mut Vec<Model>,
    units: u64,
) -> Vec<(u64, usize)> {
    let (tell, told) = mpsc::channel();
    let mut waiting = 0;
    let mut acked = Vec::new();
    let first = models.last().unwrap().units.last().copied().unwrap_or(0) + 1000;
    for number in first..first + units {
        let plan = model::plan(chance, number, models.last().unwrap());
        let mut after = models.last().unwrap().clone();
        after.apply(&plan);
        if !plan.refuse {
            models.push(after);
        }
        let (tell, disk) = (tell.clone(), disk.clone());
        vault.submit(
            move |unit| model::run(unit, &plan),
            move |result| {
                let _ = tell.send((result.map(|((), tx)| tx), disk.op_count()));
            },
        );
        waiting += 1;
        if chance.one_in(6) {
            vault.note(leaf(Action::Read)).unwrap();
        }
        if chance.one_in(3) || number + 1 == first + units {
            for (result, ops) in told.iter().take(waiting) {
                match result {
                    Ok(tx) => acked.push((tx.0, ops)),
                    Err(Refused::Job(UnitError::Invalid("planned"))) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            waiting = 0;
        }
    }
    acked
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
    let acked = drive(&vault, &disk, chance, &mut models, UNITS);
    if chance.one_in(2) {
        vault.close().unwrap();
    }
    let ops = disk.ops();
    Script { dir, base, ops, models, acked, waiting }
}

/// What a power cut after `cut` operations leaves of `base`: all that was synced, and of the rest an arbitrary
/// subset in arbitrary order, each write torn at 512 bytes.
fn survivors(base: &[u8], ops: &[Op], cut: usize, chance: &mut Chance) -> Vec<u8> {
    let synced = ops[..cut].iter().rposition(|op| matches!(op, Op::Sync)).map_or(0, |at| at + 1);
    let mut image = base.to_vec();
    for op in &ops[..synced] {
        apply(&mut image, op);
    }
    let mut loose: Vec<&Op> = ops[synced..cut].iter().collect();
    for at in (1..loose.len()).rev() {
        loose.swap(at, chance.below(at + 1));
    }
    let keep = 1 + chance.below(4);
    let len = loose.iter().filter_map(|op| if let Op::SetLen(len) = op { Some(*len) } else { None }).max();
    if let Some(len) = len.filter(|_| !chance.one_in(3)) {
        apply(&mut image, &Op::SetLen(len));
    }
    for op in loose {
        let Op::Write(offset, data) = op else { continue };
        if !chance.one_in(keep) {
            continue;
        }
        let torn = chance.one_in(3);
        for (sector, part) in data.chunks(512).enumerate() {
            let at = *offset as usize + sector * 512;
            if at + part.len() <= image.len() && !(torn && chance.one_in(2)) {
                image[at..at + part.len()].copy_from_slice(part);
            }
        }
    }
    image
}

fn check(vault: &Vault, models: &[Model], least: u64, what: &str) -> Model {
    let found = model::read(vault).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(found.tx >= least, "{what}: Tx {least} was acknowledged, Tx {} is there", found.tx);
    let expected =
        models.get(found.tx as usize).unwrap_or_else(|| panic!("{what}: Tx {} was never given", found.tx));
    assert!(found == *expected, "{what}: the state is not that of Tx {}", found.tx);
    found
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
    let least = script.acked.iter().filter(|(_, ops)| *ops <= cut).map(|(tx, _)| *tx).max().unwrap_or(0);
    let disk = Disk::new(survivors(&script.base, &script.ops, cut, chance));
    let image = disk.image();
    let vault = open(script.dir.path(), &disk, start, script.waiting)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let waiting = vault.snapshot().unwrap().waiting_rows();
    let found = check(&vault, &script.models, least, what);
    if chance.one_in(8) {
        let report = vault.verify(&mut |_| ()).unwrap();
        assert!(report.is_sound(), "{what}: {:?}", report.listed);
    }
    if chance.one_in(8) {
        // The vault goes on after the repair, and the power fails again.
        let mut models = script.models[..=found.tx as usize].to_vec();
        let acked = drive(&vault, &disk, chance, &mut models, 8);
        drop(vault);
        let ops = disk.ops();
        let cut = chance.below(ops.len() + 1);
        let least = acked.iter().filter(|(_, ops)| *ops <= cut).map(|(tx, _)| *tx).max().unwrap_or(found.tx);
        let disk = Disk::new(survivors(&image, &ops, cut, chance));
        let what = format!("{what}, second cut");
        let vault = open(script.dir.path(), &disk, start, script.waiting)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        check(&vault, &models, least, &what);
    }
    waiting
}
