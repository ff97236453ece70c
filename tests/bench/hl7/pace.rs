//! The box under load: acknowledgements beside the machine's own sync, and whether the records keep up.

use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, Http};

use crate::load::{MllpClient, Run, Until, drive, frame};
use crate::table::Aim::{AtLeast, AtMost};
use crate::table::{Table, median};
use crate::{Scale, corpus, disk};

const MIB: f64 = 1024.0;
/// People whom the messages are about.
const PEOPLE: usize = 400;
/// How long the records may take to catch up.
const PATIENCE: Duration = Duration::from_secs(600);

/// On which disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// The machine's own.
    Own,
    /// The machine's own, with syncs of [`disk::SLOW_SYNC`].
    Slow,
}

impl Disk {
    /// What the rows begin with.
    fn label(self) -> &'static str {
        match self {
            Disk::Own => "HL7",
            Disk::Slow => "HL7 at 4 ms a sync",
        }
    }
}

/// Acknowledged messages a second at one and at 64 connections. Sync and messages take turns, so that both meet the same
/// moments of the machine.
pub fn all(table: &mut Table, scale: &Scale, disk: Disk) {
    let mut clinic = Clinic::create();
    if disk == Disk::Slow {
        match disk::slow_disk(clinic.scratch()) {
            Ok(library) => clinic.serve_in("LD_PRELOAD", &library.to_string_lossy()),
            Err(why) => return println!("the slow disk was not measured: {why}"),
        }
    }
    clinic.start();
    let people: Vec<corpus::Person> = (0..PEOPLE).map(corpus::Person::apart).collect();
    let register = |n: usize, out: &mut Vec<u8>| frame(&corpus::adt(n, &people[n]), out);
    let began = Instant::now();
    let run = drive::<MllpClient>(clinic.server().mllp, 8, Until::Count(PEOPLE), register, |_, _| {});
    run.expect("every registration is acknowledged");
    let mut fhir = clinic.fhir();
    wait(&mut fhir, "Patient", PEOPLE);
    let rate = PEOPLE as f64 / began.elapsed().as_secs_f64();
    let head = disk.label();
    table.figure(format!("{head}: registrations from the first byte to the last record"), rate, "/s");
    for connections in [1, 64] {
        at(table, scale, &clinic, &people, connections, disk);
    }
    let peak = clinic.server().peak_memory_kib() as f64 / MIB;
    table.figure(format!("{head}: resident memory under these messages, peak"), peak, "MiB");
}

fn at(
    table: &mut Table,
    scale: &Scale,
    clinic: &Clinic,
    people: &[corpus::Person],
    connections: usize,
    disk: Disk,
) {
    let many = if connections == 1 { "" } else { "s" };
    let name = format!("{}, {connections} connection{many}", disk.label());
    let mut fhir = clinic.fhir();
    let (mut syncs, mut runs, mut spent) = (Vec::new(), Vec::new(), Duration::ZERO);
    let (mut applied, mut waiting, mut caught) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        let least = if disk == Disk::Slow { disk::SLOW_SYNC } else { Duration::ZERO };
        let sync = disk::durable_appends(clinic.scratch(), scale.round / 2, least);
        syncs.push(sync.expect("a writable folder"));
        let base = (connections * 10 + round) * 1_000_000;
        let request = |n: usize, out: &mut Vec<u8>| {
            frame(&corpus::oru_about(base + n, &people[n % people.len()]), out);
        };
        let (before, cpu) = (total(&mut fhir, "DiagnosticReport"), clinic.server().processor_time());
        let began = Instant::now();
        let run = drive::<MllpClient>(
            clinic.server().mllp,
            connections,
            Until::Time(scale.round),
            request,
            |_, _| {},
        );
        let run = run.expect("every message is acknowledged");
        let done = total(&mut fhir, "DiagnosticReport") - before;
        applied.push(done as f64 / began.elapsed().as_secs_f64());
        waiting.push(run.micros.len().saturating_sub(done) as f64);
        let ended = Instant::now();
        wait(&mut fhir, "DiagnosticReport", before + run.micros.len());
        caught.push(ended.elapsed().as_secs_f64());
        spent += clinic.server().processor_time() - cpu;
        runs.push(run);
    }
    let of = |all: &[Run], what: &dyn Fn(&Run) -> f64| median(all.iter().map(what).collect());
    let (acks, flushes) = (of(&runs, &Run::rate), of(&syncs, &Run::rate));
    table.figure(format!("{name}: acknowledged"), acks, "/s");
    table.figure(format!("{name}: fdatasync of 4 KiB in the same minutes"), flushes, "/s");
    let times = acks / flushes;
    if connections == 1 {
        table.aimed(format!("{name}: acknowledged against fdatasync"), times, "times", AtLeast(0.8));
    } else {
        table.figure(format!("{name}: acknowledged against fdatasync"), times, "times");
        table.aimed(format!("{name}: acknowledged, the aim"), acks, "/s", AtLeast(5_000.0));
    }
    for share in [0.5, 0.99] {
        let percent = (share * 100.0) as u32;
        let p = |run: &Run| run.percentile(share);
        table.figure(format!("{name}: acknowledgement, p{percent}"), of(&runs, &p), "ms");
        table.figure(format!("{name}: fdatasync beside it, p{percent}"), of(&syncs, &p), "ms");
    }
    let [late, sync] = [of(&runs, &|run| run.percentile(0.99)), of(&syncs, &|run| run.percentile(0.99))];
    let what = format!("{name}: p99 of acknowledgements against that of fdatasync");
    table.aimed(what, late / sync, "times", AtMost(3.0));
    table.figure(format!("{name}: in the record during the round"), median(applied), "/s");
    table.figure(format!("{name}: rows waiting at its end"), median(waiting), "rows");
    table.figure(format!("{name}: until the last of them was in the record"), median(caught), "s");
    let sent: usize = runs.iter().map(|run| run.micros.len()).sum();
    let each = spent.as_secs_f64() * 1e6 / sent as f64;
    table.figure(format!("{name}: processor time of the box, record included"), each, "us each");
}

/// What a megabyte of delimiters costs a fresh box.
pub fn delimiters(table: &mut Table) {
    let clinic = Clinic::open();
    clinic.http().get("/health").expect(200);
    let before = clinic.server().memory_kib() as f64 / MIB;
    clinic.server().forget_peak_memory();
    let message = corpus::oru_about(1, &corpus::Person::apart(1)) + &"|".repeat(1024 * 1024);
    let answer = clinic.mllp().send(&message);
    assert!(matches!(answer.code.as_str(), "AE" | "AR"), "{}", answer.text);
    let peak = clinic.server().peak_memory_kib() as f64 / MIB;
    let name = "1 MiB of delimiters over MLLP: memory above rest, peak";
    table.aimed(name, peak - before, "MiB", AtMost(20.0));
}

fn total(fhir: &mut Http, kind: &str) -> usize {
    let found = fhir.get(&format!("/fhir/{kind}?_summary=count")).expect(200).json();
    found["total"].as_u64().expect("a total") as usize
}

fn wait(fhir: &mut Http, kind: &str, count: usize) {
    let began = Instant::now();
    while total(fhir, kind) < count {
        assert!(began.elapsed() < PATIENCE, "{count} of {kind} are not in the record");
        std::thread::sleep(Duration::from_millis(20));
    }
}
