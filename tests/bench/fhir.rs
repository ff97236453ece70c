//! The FHIR server at a size: import, start, memory, disk, reads, eight shapes of search, updates and creates.
//!
//! The same requests go to a peer when `CLINICVAULT_BENCH_PEER` names one (`http://127.0.0.1:8080` and what follows),
//! an empty server that asks for no token and commits as it does by default: then every row stands twice, with the
//! ratio behind it. A round that meets any answer but a 2xx ends the bench.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Mutex;

use clinicvault_tests::Clinic;
use clinicvault_tests::canary::Dice;

use crate::asker::Asker;
use crate::load::{Run, Until};
use crate::rounds::{kind_and_id, sampled};
use crate::table::Aim::{AtLeast, AtMost};
use crate::table::{Aim, Table, median};
use crate::{Scale, corpus, disk};

/// Connections of every round but where it says otherwise.
const CONNECTIONS: usize = 8;
/// Transactions made ready before the clock runs over them.
const READY: usize = 250;

/// The box with so many transactions of [`corpus::BUNDLE`] resources; it may rest with `memory` MiB.
pub fn at_size(table: &mut Table, scale: &Scale, transactions: usize, memory: f64) {
    let size = grouped(transactions * corpus::BUNDLE);
    let mut clinic = Clinic::open();
    let stored = import(table, &Asker::of(&clinic), &size, transactions, AtLeast(5_000.0));
    let peak = clinic.server().peak_memory_kib() as f64 / 1024.0;
    table.figure(format!("{size}: resident memory, peak of the import"), peak, "MiB");
    clinic.stop();
    clinic.start();
    clinic.http().get("/health").expect(200);
    let start = clinic.server().start.as_secs_f64() * 1000.0;
    table.aimed(format!("{size}: start to ready"), start, "ms", AtMost(500.0));
    std::thread::sleep(std::time::Duration::from_secs(5));
    let rest = clinic.server().memory_kib() as f64 / 1024.0;
    table.aimed(format!("{size}: resident memory idle after a start"), rest, "MiB", AtMost(memory));
    let bytes = folder(&clinic.data()) as f64 / (transactions * corpus::BUNDLE) as f64;
    table.figure(format!("{size}: bytes on disk"), bytes, "a resource");

    let asker = Asker::of(&clinic);
    asks(table, &asker, scale, &size, &stored, true);
    let flushes = disk::durable_appends_per_second(clinic.scratch(), scale.round / 2).expect("a folder");
    table.figure(format!("{size}: fdatasync of 4 KiB on this machine"), flushes, "/s");
    let eight = writes(table, &asker, scale, &size, &stored, true);
    let of_disk = eight / (CONNECTIONS as f64 * flushes);
    table.aimed(format!("{size}: creates against 8 times that"), of_disk, "times", AtLeast(0.8));
    std::thread::sleep(std::time::Duration::from_secs(5));
    let rest = clinic.server().memory_kib() as f64 / 1024.0;
    table.aimed(format!("{size}: resident memory idle after all"), rest, "MiB", AtMost(memory));
    clinic.stop();
}

/// The same requests to the peer that the environment names, and how many times the box is ahead.
pub fn beside_peer(table: &mut Table, scale: &Scale, transactions: usize) {
    let Some((address, base)) = peer() else { return };
    let size = format!("peer, {}", grouped(transactions * corpus::BUNDLE));
    let asker = Asker::peer(address, &base);
    let stored = import(table, &asker, &size, transactions, AtLeast(0.0));
    asks(table, &asker, scale, &size, &stored, false);
    writes(table, &asker, scale, &size, &stored, false);
    table.compare(&grouped(transactions * corpus::BUNDLE), &size);
}

fn peer() -> Option<(SocketAddr, String)> {
    let named = std::env::var("CLINICVAULT_BENCH_PEER").ok()?;
    let rest = named.strip_prefix("http://").expect("CLINICVAULT_BENCH_PEER begins with http://");
    let (host, base) = rest.split_once('/').unwrap_or((rest, ""));
    let address = host.to_socket_addrs().expect("host and port of the peer").next().expect("an address");
    Some((address, if base.is_empty() { String::new() } else { format!("/{base}") }))
}

/// What the import left: addresses to read, and the patients by their number.
struct Stored {
    addresses: Vec<String>,
    patients: Vec<(usize, String)>,
}

impl Stored {
    fn patient(&self, n: usize) -> &(usize, String) {
        &self.patients[Dice(n as u64).below(self.patients.len() as u64) as usize]
    }
}

fn import(table: &mut Table, ask: &Asker, size: &str, transactions: usize, aim: Aim) -> Stored {
    let stored = Mutex::new(Stored { addresses: Vec::new(), patients: Vec::new() });
    let mut rates = Vec::new();
    for first in (0..transactions).step_by(READY) {
        let part: Vec<String> = (first..transactions.min(first + READY)).map(corpus::transaction).collect();
        let request = |n: usize, out: &mut Vec<u8>| ask.post("", &part[n], out);
        let keep = |n: usize, answer: &[u8]| {
            let mut stored = stored.lock().expect("no panic");
            let text = String::from_utf8_lossy(answer);
            let place = text.split("\"location\":\"").nth(1).and_then(|l| l.split("/_history").next());
            stored.patients.extend(place.and_then(kind_and_id).map(|id| (first + n, id)));
            if stored.addresses.len() < 100_000 {
                stored.addresses.extend(sampled(answer));
            }
        };
        let run = ask.run_keeping(CONNECTIONS, Until::Count(part.len()), request, keep);
        rates.push(run.rate() * corpus::BUNDLE as f64);
    }
    let last = *rates.last().expect("a part");
    let name = format!("{size}: transaction import, {} a bundle", corpus::BUNDLE);
    table.aimed(name.clone(), median(rates), "resources/s", aim);
    table.figure(format!("{name}, its last part"), last, "resources/s");
    stored.into_inner().expect("no panic")
}

/// Reads and the eight shapes of search.
fn asks(table: &mut Table, ask: &Asker, scale: &Scale, size: &str, stored: &Stored, aimed: bool) {
    let read = |n: usize| {
        let address = &stored.addresses[Dice(n as u64).below(stored.addresses.len() as u64) as usize];
        format!("/{address}")
    };
    let runs = rounds(ask, scale, read);
    let rate = median(runs.iter().map(Run::rate).collect());
    row(table, format!("{size}: read"), rate, "/s", aimed.then_some(AtLeast(25_000.0)));
    p50(table, format!("{size}: read, p50"), &runs, None);

    let glucose = "code=http://loinc.org%7C2339-0";
    let subject = |n: usize| stored.patient(n).1.clone();
    let number = |n: usize| format!("http://bench.example/number%7C{}", corpus::number(stored.patient(n).0));
    let mut shape = |name: &str, aim: f64, query: &(dyn Fn(usize) -> String + Sync)| {
        let runs = rounds(ask, scale, |n| format!("/{}", query(n)));
        let rate = median(runs.iter().map(Run::rate).collect());
        table.figure(format!("{size}: search, {name}"), rate, "/s");
        p50(table, format!("{size}: search, {name}, p50"), &runs, aimed.then_some(AtMost(aim)));
    };
    shape("token", 1.0, &|_| format!("Observation?{glucose}&_count=20"));
    shape("patient and code", 1.0, &|n| format!("Observation?patient={}&{glucose}&_count=20", subject(n)));
    shape("name", 1.0, &|n| format!("Patient?name={}&_count=20", corpus::name(stored.patient(n).0).0));
    shape("date, newest first", 1.0, &|n| {
        format!("Observation?date=ge2025-{:02}-01&_sort=-date&_count=20", n % 12 + 1)
    });
    shape("chain", 2.0, &|n| format!("Observation?patient.identifier={}&{glucose}&_count=20", number(n)));
    shape("_include", 2.0, &|n| {
        format!("Observation?patient={}&{glucose}&_include=Observation:patient&_count=20", subject(n))
    });
    shape("_revinclude", 2.0, &|n| format!("Patient?identifier={}&_revinclude=Encounter:patient", number(n)));
    shape("count", 3.0, &|_| format!("Observation?{glucose}&_summary=count"));
}

/// Updates, then creates at 8 and at 64 connections. Hands back the rate at 8.
fn writes(table: &mut Table, ask: &Asker, scale: &Scale, size: &str, stored: &Stored, aimed: bool) -> f64 {
    let update = |n: usize, out: &mut Vec<u8>| {
        let (number, address) = stored.patient(n);
        let id = address.rsplit('/').next().unwrap_or_default();
        let body = corpus::patient(*number).replacen('{', &format!("{{\"id\":\"{id}\","), 1);
        ask.put(&format!("/{address}"), &body, out);
    };
    let runs: Vec<Run> =
        (0..scale.rounds).map(|_| ask.run(CONNECTIONS, Until::Time(scale.round), update)).collect();
    table.figure(format!("{size}: update"), median(runs.iter().map(Run::rate).collect()), "/s");
    let mut eight = 0.0;
    for (connections, aim) in [(CONNECTIONS, None), (64, aimed.then_some(AtLeast(5_000.0)))] {
        let runs: Vec<Run> = (0..scale.rounds)
            .map(|round| {
                let base = (connections * 10 + round) * 1_000_000;
                ask.run(connections, Until::Time(scale.round), |n, out| {
                    ask.post("/Observation", &corpus::result(base + n, &stored.patient(n).1), out);
                })
            })
            .collect();
        let rate = median(runs.iter().map(Run::rate).collect());
        row(table, format!("{size}: create, {connections} connections"), rate, "/s", aim);
        let p99 = median(runs.iter().map(|run| run.percentile(0.99)).collect());
        table.figure(format!("{size}: create, {connections} connections, p99"), p99, "ms");
        if connections == CONNECTIONS {
            eight = rate;
        }
    }
    eight
}

fn rounds(ask: &Asker, scale: &Scale, path: impl Fn(usize) -> String + Sync) -> Vec<Run> {
    let request = |n: usize, out: &mut Vec<u8>| ask.get(&path(n), out);
    (0..scale.rounds).map(|_| ask.run(CONNECTIONS, Until::Time(scale.round / 2), request)).collect()
}

fn p50(table: &mut Table, name: String, runs: &[Run], aim: Option<Aim>) {
    row(table, name, median(runs.iter().map(|run| run.percentile(0.5)).collect()), "ms", aim);
}

fn row(table: &mut Table, name: String, value: f64, unit: &str, aim: Option<Aim>) {
    match aim {
        Some(aim) => table.aimed(name, value, unit, aim),
        None => table.figure(name, value, unit),
    }
}

/// Bytes of all files below.
fn folder(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).expect("a readable folder").flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => folder(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

/// `12,000`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}
