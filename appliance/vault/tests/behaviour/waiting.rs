//! Rows that wait in memory before they come to their tables: whoever reads must not notice, whatever happens between.

use crate::common::chance::{Chance, seed, times};
use crate::common::disk::Disk;
use crate::common::*;
use clinicvault_vault::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Values of one parameter and their records, as of one Tx.
type Index = BTreeSet<(Vec<u8>, u64)>;

#[derive(Clone, Default)]
struct Known {
    /// Terms of each record by id: its number and values.
    records: BTreeMap<String, (u64, Vec<String>)>,
    /// The index after Tx 0, 1, 2 ...
    at: Vec<Index>,
    rids: u64,
}

impl Known {
    fn index(&self) -> Index {
        let values = |(rid, terms): &(u64, Vec<String>)| {
            let rid = *rid;
            terms.iter().map(move |text| (term(1, text).value, rid)).collect::<Vec<_>>()
        };
        self.records.values().flat_map(values).collect()
    }

    fn put(&mut self, id: &str, terms: Vec<String>) {
        let next = self.rids + 1;
        let record = self.records.entry(id.to_owned()).or_insert_with(|| (next, Vec::new()));
        self.rids = self.rids.max(record.0);
        record.1 = terms;
    }
}

fn open(dir: &Path, disk: &Disk, waiting: usize) -> Vault {
    let mut options = options(&ManualClock::new());
    options.below = Some(Below::new(disk.clone()));
    options.pending_bytes = waiting;
    Vault::open(dir, &unlock(), options).unwrap()
}

fn range(chance: &mut Chance) -> TermRange {
    let text = |chance: &mut Chance| term(1, &format!("t{}", chance.below(30))).value;
    match chance.below(4) {
        0 => TermRange::all(1),
        1 => TermRange::exact(1, text(chance)),
        2 => TermRange::prefix(1, format!("t{}", chance.below(4))),
        _ => {
            let (a, b) = (text(chance), text(chance));
            TermRange {
                param: 1,
                low: std::ops::Bound::Excluded(a.clone().min(b.clone())),
                high: std::ops::Bound::Included(a.max(b)),
            }
        }
    }
}

fn within(range: &TermRange, value: &Vec<u8>) -> bool {
    std::ops::RangeBounds::contains(&(range.low.clone(), range.high.clone()), value)
}

/// Compares scans at Txs of the past with the model: both directions, random ranges, stopping early.
fn compare(s: &Snapshot, known: &Known, chance: &mut Chance, what: &str) {
    for _ in 0..3 {
        let last = s.tx().0 as usize;
        let at = if chance.one_in(2) { last } else { last - chance.below(last + 1) };
        let (range, back) = (range(chance), chance.one_in(2));
        let limit = if chance.one_in(2) { usize::MAX } else { chance.below(9) };
        let mut expected: Vec<_> = known.at[at].iter().filter(|(value, _)| within(&range, value)).collect();
        if back {
            expected.reverse();
        }
        expected.truncate(limit);
        let dir = if back { Dir::Descending } else { Dir::Ascending };
        let found = s.scan(KIND, &range, dir, Tx(at as u64)).unwrap();
        let found: Vec<_> =
            found.take(limit).map(|row| row.map(|(value, rid)| (value, rid.0)).unwrap()).collect();
        assert!(found.iter().eq(expected), "{what}: {range:?} at {at} of {last}, {back}");
    }
    let id = format!("r{}", chance.below(40));
    let found = s.head(KIND, &id).unwrap().map(|head| head.rid.0);
    assert!(
        s.tx().0 as usize + 1 < known.at.len() || found == known.records.get(&id).map(|it| it.0),
        "{what}"
    );
}

/// One unit of random puts and deletes; within it, scans see its own changes.
fn work(vault: &Vault, known: &mut Known, chance: &mut Chance) {
    let refuse = chance.one_in(5);
    let mut after = known.clone();
    let steps: Vec<_> = (0..1 + chance.below(4))
        .map(|_| {
            let id = format!("r{}", chance.below(40));
            let mut terms: Vec<_> = (0..chance.below(8)).map(|_| format!("t{}", chance.below(30))).collect();
            let delete = chance.one_in(5);
            if !delete {
                terms.sort();
                terms.dedup();
                after.put(&id, terms.clone());
            } else if let Some(record) = after.records.get_mut(&id) {
                record.1.clear();
            }
            (id, terms, delete)
        })
        .collect();
    let index = after.index();
    let (range, limit) = (range(chance), 1 + chance.below(12));
    let result = vault.write(move |unit| {
        unit.audit(leaf(Action::Update))?;
        for (id, terms, delete) in &steps {
            if *delete {
                match unit.remove(KIND, id) {
                    Ok(_) | Err(UnitError::Missing(_)) => {}
                    Err(error) => return Err(error),
                }
            } else {
                let terms: Vec<_> = terms.iter().map(|text| term(1, text)).collect();
                unit.put(Put { kind: KIND, id, owner: patient(id), body: b"body", terms: &terms })?;
            }
        }
        let expected =
            index.iter().filter(|(value, _)| within(&range, value)).map(|(_, rid)| *rid).take(limit);
        assert!(unit.scan(KIND, &range, limit)?.into_iter().map(|rid| rid.0).eq(expected));
        if refuse { Err(UnitError::Invalid("planned")) } else { Ok(()) }
    });
    match result {
        Ok(_) => {
            after.at.push(after.index());
            *known = after;
        }
        Err(Refused::Job(UnitError::Invalid("planned"))) => assert!(refuse),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn nobody_notices_which_rows_wait() {
    let seed = seed();
    let runs = times("CLINICVAULT_WAITING", 12);
    println!("CLINICVAULT_SEED={seed} CLINICVAULT_WAITING={runs}");
    let mut chance = Chance(seed);
    let (mut waited, mut spread) = (0, 0);
    for run in 0..runs {
        let mut chance = chance.fork();
        let what = format!("seed {seed}, run {run}");
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::new(Vec::new());
        let mut options = options(&ManualClock::new());
        options.below = Some(Below::new(disk.clone()));
        options.pending_bytes = 1000;
        let (mut vault, _) = Vault::create(dir.path(), new_vault(options, Suite::XChaCha20Poly1305)).unwrap();
        let mut known = Known { at: vec![Index::new()], ..Known::default() };
        let mut held: Vec<Snapshot> = Vec::new();
        let mut before = 0;
        for _ in 0..80 {
            work(&vault, &mut known, &mut chance);
            let s = vault.snapshot().unwrap();
            waited += usize::from(s.waiting_rows() > 0);
            spread += usize::from(s.waiting_rows() < before);
            before = s.waiting_rows();
            compare(&s, &known, &mut chance, &what);
            for s in &held {
                compare(s, &known, &mut chance, &format!("{what}, an older view"));
            }
            if chance.one_in(6) {
                held.push(s);
            }
            if chance.one_in(12) {
                held.clear();
                // What a killed process leaves; or a clean end.
                let killed = chance.one_in(2);
                let image = disk.image();
                vault.close().unwrap();
                disk = Disk::new(if killed { image } else { disk.image() });
                vault = open(dir.path(), &disk, [300, 1000, 6000, 1 << 20][chance.below(4)]);
                compare(&vault.snapshot().unwrap(), &known, &mut chance, &format!("{what}, reopened"));
            }
        }
        let report = vault.verify(&mut |_| ()).unwrap();
        assert!(report.is_sound(), "{what}: {:?}", report.listed);
    }
    println!("{waited} views with waiting rows, {spread} times rows were spread");
    assert!(waited > 20 * runs && spread > 3 * runs);
}

#[test]
fn rows_that_wait_are_spread_when_there_is_nothing_else_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let mut options = options(&clock);
    options.pending_bytes = 20_000;
    let (vault, _) = Vault::create(dir.path(), new_vault(options, Suite::XChaCha20Poly1305)).unwrap();
    for i in 0..20 {
        let terms: Vec<_> = (0..10).map(|n| term(1, &format!("{i} and {n}"))).collect();
        put(&vault, &format!("p{i}"), "x", &terms);
    }
    assert!(vault.snapshot().unwrap().waiting_rows() > 100);
    let waited = std::time::Instant::now();
    while vault.snapshot().unwrap().waiting_rows() > 0 {
        assert!(waited.elapsed() < std::time::Duration::from_secs(20), "nothing was spread");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(vault.last_tx(), Tx(20), "spreading uses up no number");
    let s = vault.snapshot().unwrap();
    assert_eq!(s.scan(KIND, &TermRange::all(1), Dir::Ascending, s.tx()).unwrap().count(), 200);
    assert!(vault.verify(&mut |_| ()).unwrap().is_sound());
}

#[test]
fn a_view_is_opened_while_commits_come_and_go_and_is_always_whole() {
    let f = fixture();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let s = f.vault.snapshot().unwrap();
                    let found = s.scan(KIND, &TermRange::all(1), Dir::Ascending, s.tx()).unwrap().count();
                    assert_eq!(found as u64, 3 * s.tx().0);
                }
            });
        }
        for i in 0..300 {
            let terms: Vec<_> =
                (0..3).map(|n| term(1, &format!("{:04}", i * 7919 % 1000 * 10 + n))).collect();
            put(&f.vault, &format!("p{i}"), "x", &terms);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
