//! Measures how long it takes to find rows of a queue by their terms, newest first, fifty at a time: as a person looks for
//! a message of last year. One JSON object a line: `row`, `p50_ms`, `max_ms`.
//!
//! `cargo run --release -p clinicvault-vault --example queue_bench [-- FOLDER [ROWS]]`, a million rows where not told.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    clippy::disallowed_methods
)]

use clinicvault_vault::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const QUEUE: u8 = 1;
/// Rows of one unit of work.
const TOGETHER: u64 = 500;
/// Looks of one question, as the message screen allows them.
const STEPS: usize = 20_000;
/// Questions of each shape.
const ASKED: u64 = 51;
/// Distinct words of names, and of tests.
const NAMES: u64 = 20_000;
const TESTS: u64 = 400;
/// Rows of a day.
const DAY: u64 = 3_000;

fn scattered(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
}

fn term(field: u8, value: String) -> QueueTerm {
    QueueTerm { field, value: value.into_bytes() }
}

fn name(n: u64) -> String {
    format!("name{:05}", scattered(n) % NAMES)
}

/// What a result says: control id, kind, sender, two numbers, two names, twelve words, a day.
fn terms(n: u64) -> Vec<QueueTerm> {
    let kind = if n.is_multiple_of(3) { "oru^r01" } else { "adt^a08" };
    let mut all = vec![
        term(1, format!("msg{n:09}")),
        term(2, kind.to_owned()),
        term(3, format!("sender{}", n % 7)),
        term(5, format!("{:08}", scattered(n) % 100_000_000)),
        term(5, format!("ord{n}")),
        term(6, name(n)),
        term(6, name(n + 7)),
        term(7, format!("{:08}", n / DAY)),
    ];
    all.extend((0..12).map(|k| term(6, format!("test{:03}", scattered(n * 16 + k) % TESTS))));
    all
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let rows: u64 = args.next().map_or(1_000_000, |text| text.parse().expect("a number of rows"));
    let scratch = tempfile::tempdir_in(folder).unwrap();
    let mut options = OpenOptions::new(Arc::new(jiff::Timestamp::now));
    options.cache_bytes = 64 << 20;
    let unlock = vec![UnlockSlot::Credential(b"a secret of sixteen bytes".to_vec().into())];
    let new = NewVault { clinic_id: "bench".into(), suite: Suite::of_this_processor(), unlock, options };
    let (vault, _) = Vault::create(&scratch.path().join("data"), new).unwrap();
    let began = Instant::now();
    for first in (0..rows).step_by(usize::try_from(TOGETHER).unwrap()) {
        vault
            .write(move |unit| {
                unit.audit(line())?;
                for n in first..(first + TOGETHER).min(rows) {
                    let seq = unit.enqueue(QUEUE, &row(n))?;
                    unit.queue_load_put(QUEUE, seq, &[b'x'; 400])?;
                    unit.queue_terms_set(QUEUE, seq, &terms(n))?;
                }
                Ok::<_, UnitError>(())
            })
            .unwrap();
        if first % 100_000 == 0 {
            eprintln!("{first} rows after {:.0} s", began.elapsed().as_secs_f64());
        }
    }
    ask(&vault, rows);
    vault.close().unwrap();
}

fn line() -> Leaf {
    Leaf {
        actor: "lab".into(),
        role: "sender".into(),
        session: None,
        source: "10.0.0.7".into(),
        action: Action::MessageIn,
        object: None,
        owner: None,
        outcome: Outcome::Success,
        purpose: "TREAT".into(),
        reason: None,
        detail: None,
    }
}

fn row(n: u64) -> QueueRow {
    let state = if n.is_multiple_of(500) { 2 } else { 1 };
    QueueRow {
        partition: "lab".into(),
        state,
        due: None,
        body: vec![b'x'; 600],
        ref_key: n.to_be_bytes().into(),
    }
}

fn ask(vault: &Vault, rows: u64) {
    let any = |term: QueueTerm| QueueRange::Any(vec![term]);
    let one = |n: u64| scattered(n) % rows;
    shape(vault, "control id", |n| vec![any(term(1, format!("msg{:09}", one(n))))]);
    shape(vault, "beginning of a number", |n| {
        vec![QueueRange::Any(starting(vault, 5, &format!("{:06}", scattered(n) % 1_000_000)))]
    });
    shape(vault, "kind", |_| vec![any(term(2, "oru^r01".into()))]);
    shape(vault, "sender and kind", |n| {
        vec![any(term(3, format!("sender{}", n % 7))), any(term(2, "oru^r01".into()))]
    });
    shape(vault, "a name", |n| vec![any(term(6, name(one(n))))]);
    shape(vault, "a name and a kind", |n| vec![any(term(6, name(one(n)))), any(term(2, "oru^r01".into()))]);
    shape(vault, "two words of tests", |n| {
        [1, 2].map(|k| any(term(6, format!("test{:03}", scattered(n * k) % TESTS)))).into()
    });
    shape(vault, "beginnings of two words", |n| {
        let begins = |k: u64| starting(vault, 6, &format!("test{:02}", scattered(n * k) % (TESTS / 10)));
        [1, 2].map(|k| QueueRange::Any(begins(k))).into()
    });
    shape(vault, "a name among those that wait", |n| vec![any(term(6, name(one(n)))), QueueRange::State(2)]);
    shape(vault, "two kinds that never meet", |_| {
        vec![any(term(2, "oru^r01".into())), any(term(2, "adt^a08".into()))]
    });
}

fn starting(vault: &Vault, field: u8, text: &str) -> Vec<QueueTerm> {
    let beginning = term(field, text.to_owned());
    let values = vault.snapshot().unwrap().queue_values(QUEUE, &beginning, 64).unwrap();
    values.into_iter().map(|value| QueueTerm { field, value }).collect()
}

fn shape(vault: &Vault, name: &str, ranges: impl Fn(u64) -> Vec<QueueRange>) {
    let mut times = Vec::new();
    let mut found = 0;
    for n in 0..ASKED {
        let began = Instant::now();
        let ask = QueueAsk { queue: QUEUE, all: ranges(n), below: None, from: None, limit: 50, steps: STEPS };
        let snapshot = vault.snapshot().unwrap();
        let answer = snapshot.queue_find(&ask).unwrap();
        for seq in &answer.rows {
            assert!(snapshot.queue_get(QUEUE, *seq).unwrap().is_some());
        }
        found += answer.rows.len();
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let (middle, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{{\"row\":\"{name}\",\"p50_ms\":{middle:.3},\"max_ms\":{most:.3},\"found\":{found}}}");
}
