//! Measures the processor time of units of work through the whole vault: a record of 1.2 KB with 15 terms and one
//! audit line, per unit, in groups and alone. One JSON row per line.
//!
//! `cargo run --release -p clinicvault-vault --example unit_bench [-- FOLDER]`
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    clippy::disallowed_methods
)]

use clinicvault_vault::*;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

const KIND: Kind = Kind(7);

fn line() -> Leaf {
    Leaf {
        actor: "user-1".into(),
        role: "doctor".into(),
        session: Some([1; 32]),
        source: "10.0.0.7".into(),
        action: Action::Create,
        object: Some((KIND, "x".into(), 1)),
        owner: Some("p1".into()),
        outcome: Outcome::Success,
        purpose: "TREAT".into(),
        reason: None,
        detail: None,
    }
}

fn job(number: u64, records: u64) -> impl FnOnce(&mut Unit<'_>) -> Result<(), UnitError> + Send + 'static {
    move |unit| {
        unit.audit(line())?;
        let body = vec![b'x'; 1200];
        for n in number * records..(number + 1) * records {
            let spread = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            // As an observation has them: five values without pattern (identifier, person, encounter ...), five of a
            // small set (status, category, code ...), five that rise (dates, last updated ...).
            let terms: Vec<Term> = (0..15)
                .map(|param| {
                    let value = match param % 3 {
                        0 => spread.rotate_left(u32::from(param) * 4),
                        1 => spread % 40,
                        _ => n / 20,
                    };
                    Term { param, value: format!("{value:016x}\0").into() }
                })
                .collect();
            let owner = Owner::Patient(format!("p{}", spread % 1000));
            unit.put(Put { kind: KIND, id: &format!("r{n}"), owner, body: &body, terms: &terms })?;
        }
        Ok(())
    }
}

/// Processor time of this process in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn measure(vault: &Vault, name: &str, units: u64, records: u64, at_once: u64, base: u64) {
    let (tell, told) = mpsc::channel();
    let (started, before) = (Instant::now(), cpu());
    let mut running = 0;
    for number in 0..units {
        let tell = tell.clone();
        vault.submit(job(base + number, records), move |result| tell.send(result.is_ok()).unwrap());
        running += 1;
        if running == at_once {
            assert!(told.recv().unwrap());
            running -= 1;
        }
    }
    (0..running).for_each(|_| assert!(told.recv().unwrap()));
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu() - before);
    let all = (units * records) as f64;
    println!(
        "{{\"row\":\"{name}\",\"units_per_s\":{:.0},\"records_per_s\":{:.0},\"cpu_us_per_record\":{:.1}}}",
        units as f64 / wall,
        all / wall,
        cpu * 1e6 / all
    );
}

fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(folder).unwrap();
    let unlock = vec![UnlockSlot::Credential(b"a secret of sixteen bytes".to_vec().into())];
    let options = OpenOptions::new(Arc::new(jiff::Timestamp::now));
    let new = NewVault { clinic_id: "bench".into(), suite: Suite::XChaCha20Poly1305, unlock, options };
    let (vault, _) = Vault::create(&dir.path().join("data"), new).unwrap();
    measure(&vault, "one client", 300, 1, 1, 0);
    measure(&vault, "64 clients", 20_000, 1, 64, 10_000);
    measure(&vault, "units of 50 records, one at a time", 400, 50, 1, 10_000);
    measure(&vault, "units of 50 records, 4 waiting", 400, 50, 4, 20_000);
    let head = vault.snapshot().unwrap().head(KIND, "r10000").unwrap();
    assert!(head.is_some());
    let reads = 100_000u64;
    let started = Instant::now();
    for n in 0..reads {
        let s = vault.snapshot().unwrap();
        let head = s.head(KIND, &format!("r{}", 10_000 + n * 7919 % 20_000)).unwrap().unwrap();
        assert_eq!(s.body(&head).unwrap().len(), 1200);
    }
    println!(
        "{{\"row\":\"snapshot, head and body\",\"reads_per_s\":{:.0}}}",
        reads as f64 / started.elapsed().as_secs_f64()
    );
    vault.close().unwrap();
}
