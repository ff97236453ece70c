//! The rounds against the running box, in the order in which a clinic meets them: empty, filling, full.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use clinicvault_tests::canary::Dice;
use clinicvault_tests::{Clinic, binary};

use crate::asker::Asker;
use crate::load::{MllpClient, Run, Until, drive, frame};
use crate::table::Aim::{AtLeast, AtMost};
use crate::table::{Table, median};
use crate::{Scale, corpus, disk};

const MIB: f64 = 1024.0 * 1024.0;

/// Everything that needs a running box.
pub fn all(table: &mut Table, scale: &Scale) {
    let size = std::fs::metadata(binary::path()).expect("the release binary").len();
    table.figure("binary size", size as f64 / MIB, "MiB");
    let mut clinic = Clinic::open();
    empty(table, &mut clinic);
    let flushes = median((0..3).map(|_| flushes(&clinic, scale)).collect());
    table.figure("this machine's own fdatasync of 4 KiB, one at a time", flushes, "/s");
    creates(table, &clinic, scale);
    messages(table, &clinic, scale);
    table.figure(
        "resident memory under load, peak",
        clinic.server().peak_memory_kib() as f64 / 1024.0,
        "MiB",
    );
    clinic.stop();

    let mut clinic = Clinic::open();
    let ids = import(table, &clinic, scale);
    full(table, &mut clinic);
    reads(table, &clinic, scale, &ids);
    searches(table, &clinic, scale);
    let peak = clinic.server().peak_memory_kib() as f64 / 1024.0;
    table.figure(format!("resident memory at {}, peak under reads and searches", stored(scale)), peak, "MiB");
    std::thread::sleep(Duration::from_secs(5));
    let rest = clinic.server().memory_kib() as f64 / 1024.0;
    table.aimed(format!("resident memory at {}, idle after them", stored(scale)), rest, "MiB", AtMost(120.0));
    clinic.stop();
}

/// The durable creates and the machine's own sync, for work on the writer.
pub fn creates_alone(table: &mut Table, scale: &Scale) {
    let clinic = Clinic::open();
    let flushes = median((0..3).map(|_| flushes(&clinic, scale)).collect());
    table.figure("this machine's own fdatasync of 4 KiB, one at a time", flushes, "/s");
    creates(table, &clinic, scale);
}

fn stored(scale: &Scale) -> String {
    format!("{} resources", scale.transactions * corpus::BUNDLE)
}

fn flushes(clinic: &Clinic, scale: &Scale) -> f64 {
    disk::durable_appends_per_second(clinic.scratch(), scale.round / 2).expect("a writable folder")
}

/// Starts over and over, then sits still.
fn restarts(clinic: &mut Clinic) -> (f64, f64) {
    let starts = (0..5)
        .map(|_| {
            clinic.stop();
            clinic.start();
            clinic.server().start.as_secs_f64() * 1000.0
        })
        .collect();
    clinic.http().get("/health").expect(200);
    std::thread::sleep(Duration::from_secs(3));
    (median(starts), clinic.server().memory_kib() as f64 / 1024.0)
}

fn empty(table: &mut Table, clinic: &mut Clinic) {
    let (start, memory) = restarts(clinic);
    table.figure("start to ready, empty", start, "ms");
    table.aimed("resident memory idle, empty", memory, "MiB", AtMost(64.0));
}

fn full(table: &mut Table, clinic: &mut Clinic) {
    let (start, memory) = restarts(clinic);
    table.figure("start to ready, after the import", start, "ms");
    table.aimed("resident memory idle, after the import and a restart", memory, "MiB", AtMost(120.0));
}

fn creates(table: &mut Table, clinic: &Clinic, scale: &Scale) {
    let patient = serde_json::from_str(&corpus::patient(0)).expect("JSON");
    let subject = clinic.fhir().post_fhir("/fhir/Patient", &patient).expect(201).json();
    let subject = format!("Patient/{}", subject["id"].as_str().expect("an id"));
    creates_of(table, clinic, scale, "a result", "Observation", |n| corpus::result(n, &subject));
    creates_of(table, clinic, scale, "a person", "Patient", corpus::patient);
}

/// Single creates at 1 and at 64 clients. A person is the dearest record: nearly every index entry is a new one.
fn creates_of(
    table: &mut Table,
    clinic: &Clinic,
    scale: &Scale,
    what: &str,
    kind: &str,
    body: impl Fn(usize) -> String + Sync,
) {
    let ask = Asker::of(clinic);
    let path = format!("/{kind}");
    let mut rates = Vec::new();
    for connections in [1, 64] {
        let before = clinic.server().processor_time();
        let runs: Vec<Run> = (0..scale.rounds)
            .map(|round| {
                let base = (connections * 10 + round) * 1_000_000;
                ask.run(connections, Until::Time(scale.round), |n, out| ask.post(&path, &body(base + n), out))
            })
            .collect();
        let rate = median(runs.iter().map(Run::rate).collect());
        let clients = if connections == 1 { "1 client" } else { "64 clients" };
        let name = format!("durable create of {what}, {clients}");
        table.figure(name.clone(), rate, "/s");
        table.figure(format!("{name}, p50"), median(runs.iter().map(|r| r.percentile(0.5)).collect()), "ms");
        let made: usize = runs.iter().map(|run| run.micros.len()).sum();
        let each = (clinic.server().processor_time() - before).as_secs_f64() * 1e6 / made as f64;
        table.figure(format!("{name}, processor time of the box"), each, "us each");
        rates.push(rate);
    }
    let name = format!("durable create of {what}, 64 clients against 1");
    table.aimed(name, rates[1] / rates[0], "times", AtLeast(20.0));
}

fn messages(table: &mut Table, clinic: &Clinic, scale: &Scale) {
    let address = clinic.server().mllp;
    table.figure("size of the ORU in these rounds", corpus::oru(7).len() as f64, "bytes");
    for connections in [1, 64] {
        let before = clinic.server().processor_time();
        let mut sent = 0;
        let rates = (0..scale.rounds)
            .map(|round| {
                let base = (connections * 10 + round) * 1_000_000;
                let until = Until::Time(scale.round);
                let request = |n: usize, out: &mut Vec<u8>| frame(&corpus::oru(base + n), out);
                let run = drive::<MllpClient>(address, connections, until, request, |_, _| {});
                let run = run.expect("every message is acknowledged");
                sent += run.micros.len();
                run.rate()
            })
            .collect();
        let name = if connections == 1 { "1 connection" } else { "64 connections" };
        table.figure(format!("HL7 messages acknowledged, {name}"), median(rates), "/s");
        let each = (clinic.server().processor_time() - before).as_secs_f64() * 1e6 / sent as f64;
        table.figure(
            format!("HL7 messages, {name}, processor time of the box, applying included"),
            each,
            "us each",
        );
    }
}

/// Stores everything in as many rounds as there are, and hands back the ids it was given.
fn import(table: &mut Table, clinic: &Clinic, scale: &Scale) -> Vec<String> {
    let ask = Asker::of(clinic);
    let ids = Mutex::new(Vec::new());
    let mut rates = Vec::new();
    let share = scale.transactions.div_ceil(scale.rounds);
    for first in (0..scale.transactions).step_by(share) {
        let part: Vec<String> =
            (first..scale.transactions.min(first + share)).map(corpus::transaction).collect();
        let request = |n: usize, out: &mut Vec<u8>| ask.post("", &part[n], out);
        let keep = |_: usize, answer: &[u8]| ids.lock().expect("no panic").extend(sampled(answer));
        let run = ask.run_keeping(4, Until::Count(part.len()), request, keep);
        rates.push(run.rate() * corpus::BUNDLE as f64);
    }
    let name = format!("FHIR transaction import, {} a bundle, 4 clients", corpus::BUNDLE);
    table.aimed(name, median(rates), "resources/s", AtLeast(3_000.0));
    let began = Instant::now();
    let one = ask.run(1, Until::Count(20), |n, out| ask.post("", &corpus::transaction(900_000 + n), out));
    let rate = 20.0 * corpus::BUNDLE as f64 / began.elapsed().as_secs_f64();
    table.figure("FHIR transaction import, 1 client", rate, "resources/s");
    table.figure("FHIR transaction import, 1 client, p50", one.percentile(0.5), "ms");
    ids.into_inner().expect("no panic")
}

/// One in nine of what a transaction stored: enough to read from.
pub fn sampled(answer: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answer);
    let found = text.split("\"location\":\"").skip(1).filter_map(|l| l.split("/_history").next());
    found.step_by(9).filter_map(kind_and_id).collect()
}

/// `Patient/17` of an address that may be relative or absolute.
pub fn kind_and_id(address: &str) -> Option<String> {
    let mut parts = address.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    Some(format!("{kind}/{id}"))
}

fn reads(table: &mut Table, clinic: &Clinic, scale: &Scale, ids: &[String]) {
    let ask = Asker::of(clinic);
    let request = |n: usize, out: &mut Vec<u8>| {
        let id = &ids[Dice(n as u64).below(ids.len() as u64) as usize];
        ask.get(&format!("/{id}"), out);
    };
    let runs = |connections| -> Vec<Run> {
        (0..scale.rounds).map(|_| ask.run(connections, Until::Time(scale.round), request)).collect()
    };
    let alone = runs(1);
    table.figure("read, p50, 1 client", median(alone.iter().map(|r| r.percentile(0.5)).collect()), "ms");
    table.figure("read, p95, 1 client", median(alone.iter().map(|r| r.percentile(0.95)).collect()), "ms");
    let eight = runs(8);
    let rate = median(eight.iter().map(Run::rate).collect());
    table.aimed("read, 8 connections", rate, "/s", AtLeast(20_000.0));
    table.figure(
        "read, p95, 8 connections",
        median(eight.iter().map(|r| r.percentile(0.95)).collect()),
        "ms",
    );
}

fn searches(table: &mut Table, clinic: &Clinic, scale: &Scale) {
    let ask = Asker::of(clinic);
    let patients = scale.transactions as u64;
    let pick = |n: usize| Dice(n as u64).below(patients) as usize;
    let subjects = subjects(clinic, patients.min(200) as usize);
    let subject = |n: usize| subjects[n % subjects.len()].as_str();
    search(table, &ask, scale, "Patient by name", |n| {
        format!("Patient?name={}&_count=20", corpus::name(pick(n)).0)
    });
    search(table, &ask, scale, "Patient by phone", |n| format!("Patient?phone={}", corpus::phone(pick(n))));
    search(table, &ask, scale, "Patient by number", |n| {
        format!("Patient?identifier={}", corpus::number(pick(n)))
    });
    search(table, &ask, scale, "Patient by birth date", |n| {
        format!("Patient?birthdate={}&_count=20", corpus::birth(pick(n)))
    });
    search(table, &ask, scale, "results of a patient by code, newest first", |n| {
        format!("Observation?patient={}&code=http://loinc.org%7C2339-0&_sort=-date&_count=20", subject(n))
    });
    search(table, &ask, scale, "results of all patients on one day, first page", |n| {
        format!("Observation?date=2025-{:02}-{:02}&_count=20", n % 12 + 1, n % 28 + 1)
    });
}

/// One shape of search, one client. Searches for patients have the aim.
fn search(table: &mut Table, ask: &Asker, scale: &Scale, name: &str, query: impl Fn(usize) -> String + Sync) {
    let request = |n: usize, out: &mut Vec<u8>| ask.get(&format!("/{}", query(n)), out);
    let runs: Vec<Run> =
        (0..scale.rounds).map(|_| ask.run(1, Until::Time(scale.round / 2), request)).collect();
    let p50 = median(runs.iter().map(|r| r.percentile(0.5)).collect());
    if name.starts_with("Patient") {
        table.aimed(format!("search, {name}, p50"), p50, "ms", AtMost(1.0));
    } else {
        table.figure(format!("search, {name}, p50"), p50, "ms");
    }
    table.figure(
        format!("search, {name}, p95"),
        median(runs.iter().map(|r| r.percentile(0.95)).collect()),
        "ms",
    );
}

/// The ids of the first patients.
fn subjects(clinic: &Clinic, count: usize) -> Vec<String> {
    let mut fhir = clinic.fhir();
    (0..count)
        .map(|n| {
            let found =
                fhir.get(&format!("/fhir/Patient?identifier={}", corpus::number(n))).expect(200).json();
            found["entry"][0]["resource"]["id"].as_str().expect("a stored patient").to_owned()
        })
        .collect()
}
