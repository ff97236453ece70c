//! How long one ORU^R01 of about 2 KB takes and how much memory its parsed form holds: JSON rows on stdout.
//!
//! `cargo run --release -p clinicvault-gateway --example hl7_bench`. Each row is the median of many rounds.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::hint::black_box;
use std::time::Instant;

use clinicvault_gateway::hl7::accept::{Policy, check};
use clinicvault_gateway::hl7::mllp::{Bounds, Decoder, frame};
use clinicvault_gateway::hl7::{Limits, Mode, parse};
use clinicvault_gateway::map::{MapContext, to_transaction};

/// The allocator of the box.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn message(results: usize) -> Vec<u8> {
    let mut text = String::from(
        "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|20261121113802+0530||ORU^R01^ORU_R01|CP2611210417|P|2.5.1\r\
         PID|1||88120^^^CITYPATH^PI||THORAT^GANPAT^RAO||19550430|M|||12 Main Rd^^NIMGAON^MH^422001^IND||9822011223\r\
         PV1|1|O\rORC|RE|ORD-2291|CP-88120||CM||||20261121080200|||D7^KULKARNI^MEERA^^^DR\r\
         OBR|1|ORD-2291|CP-88120|RFT^Renal function^99CP|||20261121081500+0530|||||||||D7^KULKARNI^MEERA^^^DR\r",
    );
    for n in 1..=results {
        text.push_str(&format!(
            "OBX|{n}|NM|{}-3^Potassium in serum or plasma^LN||{}.3|mmol/L|3.5-5.1|N|||F|||20261121081500+0530\r",
            2823 + n,
            n % 9
        ));
    }
    text.into_bytes()
}

fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(rounds / 2).copied().unwrap_or_default()
}

fn row(name: &str, value: f64, unit: &str, bytes: usize) {
    println!("{{\"bench\":\"{name}\",\"value\":{value:.3},\"unit\":\"{unit}\",\"bytes\":{bytes}}}");
}

fn main() {
    let small = message(18);
    let large = message(12_000);
    let read = |bytes: &[u8]| {
        parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None).expect("a good message")
    };
    row("hl7_parse", median(20_000, || drop(black_box(read(black_box(&small))))), "us", small.len());
    row("hl7_parse_large", median(40, || drop(black_box(read(black_box(&large))))), "us", large.len());
    let all_fields = || {
        let m = read(&small);
        m.segments().map(|s| s.fields().map(|(_, f)| f.text().len()).sum::<usize>()).sum::<usize>()
    };
    row(
        "hl7_parse_and_read_all",
        median(5_000, || {
            black_box(all_fields());
        }),
        "us",
        small.len(),
    );
    let framed = frame(&small);
    row(
        "mllp_decode",
        median(20_000, || {
            let mut input = framed.as_slice();
            drop(black_box(Decoder::new(Bounds::default()).take(&mut input)));
        }),
        "us",
        framed.len(),
    );
    let context = MapContext {
        zone: jiff::tz::TimeZone::get("Asia/Kolkata").expect("a known zone"),
        authorities: Vec::new(),
        maps: Default::default(),
    };
    let parsed = read(&small);
    let event = check(&parsed, &Policy::default()).expect("an acceptable message");
    row(
        "hl7_map",
        median(2_000, || drop(black_box(to_transaction(&parsed, event, &context)))),
        "us",
        small.len(),
    );
    for (name, bytes) in [("hl7_memory", &small), ("hl7_memory_large", &large)] {
        let held = read(bytes).heap_bytes();
        row(name, held as f64 / bytes.len() as f64, "x", bytes.len());
    }
}
