//! Measures units of work through the whole vault, in groups and alone: a record of 1.2 KB with 15 terms and one audit
//! line, and a record shaped like a Patient with 46 terms and a data key of its own. One JSON row per line; `blocks`
//! are the 4 KiB blocks that went to the file for each record.
//!
//! `cargo run --release -p clinicvault-vault --example unit_bench [-- FOLDER [observations|patients|patient|slow ...]]`
//!
//! `slow` lays the vault on a file whose every sync takes 4 ms at least, as an SD card or a disk without a safe write
//! cache needs: there it shows what gathering units into one commit is worth.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    clippy::disallowed_methods
)]

use clinicvault_vault::*;
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const KIND: Kind = Kind(7);
const PATIENT: Kind = Kind(1);

type Work = Box<dyn FnOnce(&mut Unit<'_>) -> Result<(), UnitError> + Send>;

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

fn scattered(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
}

/// A new patient: names, phones, addresses and identifiers without pattern, a few values of small sets.
fn patient(number: u64) -> Work {
    Box::new(move |unit| {
        let id = format!("{:016x}-{:016x}", scattered(number), scattered(!number));
        unit.audit(Leaf { owner: Some(id.clone()), object: Some((PATIENT, id.clone(), 1)), ..line() })?;
        let terms: Vec<Term> = (0..46u16)
            .map(|param| {
                let here = scattered(number * 64 + u64::from(param));
                let value = match param {
                    0 => "female\0".to_owned(),
                    1 => format!("{:08}\0", number / 50),
                    2..20 => format!("{here:010x}\0"),
                    20..36 => format!("{here:020x}\0"),
                    _ => format!("{here:020x}{here:020x}\0"),
                };
                Term { param: param / 2, value: value.into() }
            })
            .collect();
        let owner = Owner::Patient(id.clone());
        unit.put(Put { kind: PATIENT, id: &id, owner, body: &[b'x'; 1500], terms: &terms }).map(drop)
    })
}

fn observations(number: u64, records: u64) -> Work {
    Box::new(move |unit| {
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
    })
}

/// Bytes handed to the kernel by this process.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
}

/// A file whose syncs take 4 ms at least.
#[derive(Debug)]
struct Slow(FileBackend);

impl Slow {
    fn new(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        Self(FileBackend::new(file).unwrap())
    }
}

impl StorageBackend for Slow {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        let began = Instant::now();
        self.0.sync_data()?;
        std::thread::sleep(Duration::from_millis(4).saturating_sub(began.elapsed()));
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

/// Processor time of this process in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Runs `units` units of `records` records each, `at_once` of them waiting at any time.
fn measure(vault: &Vault, name: &str, units: u64, records: u64, at_once: u64, job: &dyn Fn(u64) -> Work) {
    let (tell, told) = mpsc::channel();
    let (started, before, bytes) = (Instant::now(), cpu(), written());
    let mut running = 0;
    let mut slowest = 0.0f64;
    let hear = || {
        let (given, ok): (Instant, bool) = told.recv().unwrap();
        assert!(ok);
        given.elapsed().as_secs_f64() * 1e3
    };
    for number in 0..units {
        let (tell, given) = (tell.clone(), Instant::now());
        vault.submit(job(number), move |result| tell.send((given, result.is_ok())).unwrap());
        running += 1;
        if running == at_once {
            slowest = slowest.max(hear());
            running -= 1;
        }
    }
    (0..running).for_each(|_| slowest = slowest.max(hear()));
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu() - before);
    let all = (units * records) as f64;
    println!(
        "{{\"row\":\"{name}\",\"units_per_s\":{:.0},\"records_per_s\":{:.0},\"cpu_us_per_record\":{:.1},\"blocks_per_record\":{:.1},\"slowest_ms\":{slowest:.1}}}",
        units as f64 / wall,
        all / wall,
        cpu * 1e6 / all,
        (written() - bytes) as f64 / 4136.0 / all,
    );
}

fn reads(vault: &Vault) {
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
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(std::env::temp_dir, Into::into);
    let chosen: Vec<String> = args.collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|it| it == name);
    let fresh_on = |name: &str, slow: bool| {
        let dir = tempfile::tempdir_in(&folder).unwrap();
        let unlock = vec![UnlockSlot::Credential(b"a secret of sixteen bytes".to_vec().into())];
        let mut options = OpenOptions::new(Arc::new(jiff::Timestamp::now));
        options.below = slow.then(|| Below::new(Slow::new(&dir.path().join("slow"))));
        let suite = Suite::of_this_processor();
        let new = NewVault { clinic_id: "bench".into(), suite, unlock, options };
        let (vault, _) = Vault::create(&dir.path().join(name), new).unwrap();
        (dir, vault)
    };
    let fresh = |name: &str| fresh_on(name, false);
    if wanted("observations") {
        let (_dir, vault) = fresh("observations");
        measure(&vault, "one client", 300, 1, 1, &|n| observations(n, 1));
        measure(&vault, "64 clients", 20_000, 1, 64, &|n| observations(10_000 + n, 1));
        measure(&vault, "units of 50 records, one at a time", 400, 50, 1, &|n| observations(10_000 + n, 50));
        measure(&vault, "units of 50 records, 4 waiting", 400, 50, 4, &|n| observations(20_000 + n, 50));
        reads(&vault);
        vault.close().unwrap();
    }
    if wanted("slow") {
        let (_dir, vault) = fresh_on("observations", true);
        measure(&vault, "one client, 4 ms a sync", 500, 1, 1, &|n| observations(n, 1));
        measure(&vault, "64 clients, 4 ms a sync", 20_000, 1, 64, &|n| observations(10_000 + n, 1));
        vault.close().unwrap();
    }
    if wanted("patients") {
        let (dir, vault) = fresh("patients");
        measure(&vault, "patients, 64 clients", 20_000, 1, 64, &patient);
        measure(&vault, "patients, one client, after 20,000", 1000, 1, 1, &|n| patient(20_000 + n));
        let waiting = vault.snapshot().unwrap().waiting_rows();
        vault.close().unwrap();
        let started = Instant::now();
        let options = OpenOptions::new(Arc::new(jiff::Timestamp::now));
        let unlock = Unlock::credential("a secret of sixteen bytes");
        let vault = Vault::open(&dir.path().join("patients"), &unlock, options).unwrap();
        println!(
            "{{\"row\":\"opening\",\"rows_waiting_at_close\":{waiting},\"ms\":{:.1}}}",
            started.elapsed().as_secs_f64() * 1e3
        );
        vault.close().unwrap();
    }
    if wanted("patient") {
        let (_dir, vault) = fresh("patient");
        measure(&vault, "patients, one client", 20_000, 1, 1, &patient);
        vault.close().unwrap();
    }
}
