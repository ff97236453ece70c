//! What a power cut leaves of a disk, what must be found there, and random work whose acknowledgements are known.

use super::chance::Chance;
use super::disk::{Op, apply};
use super::model::{self, Model};
use super::*;
use std::sync::mpsc;

/// What a power cut after `cut` operations leaves of `base`: all that was synced, and of the rest an arbitrary
/// subset in arbitrary order, each write torn at 512 bytes.
pub fn survivors(base: &[u8], ops: &[Op], cut: usize, chance: &mut Chance) -> Vec<u8> {
    let synced = ops[..cut].iter().rposition(|op| matches!(op, Op::Sync)).map_or(0, |at| at + 1);
    remains(base, &ops[..synced], &ops[synced..cut], chance)
}

/// The same of a disk that says it synced and has not: nothing is sure but the first `sure` operations.
pub fn remains(base: &[u8], sure: &[Op], loose: &[Op], chance: &mut Chance) -> Vec<u8> {
    let mut image = base.to_vec();
    for op in sure {
        apply(&mut image, op);
    }
    let mut loose: Vec<&Op> = loose.iter().collect();
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

/// Runs random units, several at a time so that groups form, and audit-only lines between them. Answers which transaction was
/// acknowledged when, by what `count` said then.
pub fn drive(
    vault: &Vault,
    count: impl Fn() -> usize + Clone + Send + 'static,
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
        let (tell, count) = (tell.clone(), count.clone());
        vault.submit(
            move |unit| model::run(unit, &plan),
            move |result| {
                let _ = tell.send((result.map(|((), tx)| tx), count()));
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

/// The newest transaction that was acknowledged before this many operations.
pub fn least(acked: &[(u64, usize)], cut: usize) -> u64 {
    acked.iter().filter(|(_, ops)| *ops <= cut).map(|(tx, _)| *tx).max().unwrap_or(0)
}

/// The vault holds the state of one transaction, and at least of this one.
pub fn check(vault: &Vault, models: &[Model], least: u64, what: &str) -> Model {
    let found = model::read(vault).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(found.tx >= least, "{what}: Tx {least} was acknowledged, Tx {} is there", found.tx);
    let expected =
        models.get(found.tx as usize).unwrap_or_else(|| panic!("{what}: Tx {} was never given", found.tx));
    assert!(found == *expected, "{what}: the state is not that of Tx {}", found.tx);
    found
}
