//! Measures the barrier against the plain file backend of the engine on the same work, one JSON row per line:
//! `{"row":"bulk load","unit":"records/s","plain":1.0,"barrier":0.9,"ratio":0.9}`; `ratio` is barrier / plain, where
//! 1 is as fast as plain. Each row is the median of the rounds, plain and barrier taking turns.
//!
//! `cargo run --release -p clinicvault-vault --example barrier_bench [-- --records N --rounds N --dir FOLDER]`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use clinicvault_vault::{Barrier, Key32, Suite};
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("records");
/// Bytes of a value, as a sealed record of the smallest common bucket above 1 KB.
const VALUE: usize = 1860;
const CACHE: usize = 64 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Plain,
    Barrier(Suite),
}

/// Name, unit, figure.
type Row = (&'static str, &'static str, f64);

struct Args {
    records: u64,
    rounds: usize,
    dir: PathBuf,
}

fn args() -> Args {
    let mut args = Args { records: 100_000, rounds: 3, dir: std::env::temp_dir() };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().expect("a value after each option");
        match name.as_str() {
            "--records" => args.records = value.parse().expect("a number"),
            "--rounds" => args.rounds = value.parse().expect("a number"),
            "--dir" => args.dir = value.into(),
            other => panic!("unknown option {other}"),
        }
    }
    args
}

fn open(path: &Path, side: Side, cache: usize) -> Database {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    let file = FileBackend::new(file).unwrap();
    let mut builder = Database::builder();
    builder.set_cache_size(cache);
    match side {
        Side::Plain => builder.create_with_backend(file).unwrap(),
        Side::Barrier(suite) => {
            let (barrier, state) = Barrier::new(file, suite, &Key32::new([7; 32]), [9; 16]);
            let db = builder.create_with_backend(barrier).unwrap();
            state.opened();
            db
        }
    }
}

fn key(n: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&n.to_be_bytes());
    key
}

/// Keys in an order without pattern.
fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

fn rate(count: u64, work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    count as f64 / started.elapsed().as_secs_f64()
}

fn insert(db: &Database, keys: impl Iterator<Item = u64>) {
    let value = vec![0xA5; VALUE];
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(TABLE).unwrap();
        for n in keys {
            table.insert(key(n).as_slice(), value.as_slice()).unwrap();
        }
    }
    txn.commit().unwrap();
}

/// All rows for one side, in units per second.
fn measure(args: &Args, side: Side) -> Vec<Row> {
    let dir = tempfile::tempdir_in(&args.dir).unwrap();
    let path = dir.path().join("bench.redb");
    let n = args.records;
    let db = open(&path, side, CACHE);
    let bulk = rate(n, || {
        for start in (0..n).step_by(10_000) {
            insert(&db, (start..n.min(start + 10_000)).map(scattered));
        }
    });
    let single = rate(200, || (0..200).for_each(|i| insert(&db, std::iter::once(scattered(n + i)))));
    let fifty = rate(5000, || {
        (0..100).for_each(|group| insert(&db, (0..50).map(|i| scattered(2 * n + group * 50 + i))));
    });
    db.close().unwrap();
    // Half the pages fit the cache: some reads are served from memory, the others pass the barrier.
    let cache = usize::try_from(n).unwrap() * VALUE / 2;
    let db = open(&path, side, cache);
    let reads = 200_000;
    let read = |db: &Database| {
        let table = db.begin_read().unwrap().open_table(TABLE).unwrap();
        for i in 0..reads {
            let found = ReadableTable::get(&table, key(scattered(i * 7919 % n)).as_slice()).unwrap();
            assert_eq!(found.unwrap().value().len(), VALUE);
        }
    };
    read(&db);
    let point = rate(reads, || read(&db));
    let scans = 2000;
    let scan = rate(scans * 50, || {
        let table = db.begin_read().unwrap().open_table(TABLE).unwrap();
        for i in 0..scans {
            let from = key(scattered(i * 104_729 % n));
            let rows = ReadableTable::range::<&[u8]>(&table, from.as_slice()..).unwrap().take(50);
            let bytes: usize = rows.map(|row| row.unwrap().1.value().len()).sum();
            assert!(bytes > 0);
        }
    });
    vec![
        ("one durable commit", "commits/s", single),
        ("50 records a commit", "records/s", fifty),
        ("bulk load", "records/s", bulk),
        ("point read, half in cache", "reads/s", point),
        ("scan of 50 records, half in cache", "records/s", scan),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let args = args();
    for suite in [Suite::XChaCha20Poly1305, Suite::Xaes256Gcm] {
        let mut rounds: Vec<[Vec<Row>; 2]> = Vec::new();
        for _ in 0..args.rounds {
            rounds.push([measure(&args, Side::Plain), measure(&args, Side::Barrier(suite))]);
        }
        for row in 0..rounds[0][0].len() {
            let (name, unit, _) = rounds[0][0][row];
            let take = |side: usize| median(rounds.iter().map(|round| round[side][row].2).collect());
            let (plain, barrier) = (take(0), take(1));
            println!(
                "{{\"row\":\"{name}\",\"suite\":\"{suite:?}\",\"unit\":\"{unit}\",\"plain\":{plain:.1},\"barrier\":{barrier:.1},\"ratio\":{:.3}}}",
                barrier / plain
            );
        }
    }
}
