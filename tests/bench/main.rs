//! `make bench`: the release binary under load on a fresh clinic, one table, and `bench-results.json`.
//!
//! Everything runs on loopback from this process, which shares the machine with the box. Each figure is the median
//! of its rounds. `CLINICVAULT_BENCH=quick` stores a tenth and runs short rounds, to see whether everything works;
//! `box` leaves out the benches of the rooms, `creates` measures the durable creates alone, `fhir` the FHIR server at
//! 12,000 resources (beside a peer where one is named, see [`fhir`]) and `million` at a million, `hl7`
//! messages from bytes to acknowledgement and record, beside the machine's own sync and other makers' receivers, and how much
//! of them comes back; `faithful` the last alone, `scribe` transcription: cost, words wrong, how far captions lag, beside faster-whisper.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod asker;
mod corpus;
mod disk;
mod examples;
mod fhir;
mod hl7;
mod load;
mod rounds;
mod scribe;
mod table;

use std::time::Duration;

use table::Table;

/// How much is done.
pub struct Scale {
    /// Transactions of [`corpus::BUNDLE`] resources stored before the reads are measured.
    pub transactions: usize,
    /// Length of one timed round.
    pub round: Duration,
    /// Rounds, odd, of which the median counts.
    pub rounds: usize,
}

/// Transactions of the small and of the large FHIR server, and the MiB with which each may rest.
const SMALL: (usize, f64) = (120, 120.0);
const LARGE: (usize, f64) = (10_000, 512.0);

fn main() {
    let asked = std::env::var("CLINICVAULT_BENCH").unwrap_or_default();
    let quick = asked == "quick";
    let scale = if quick {
        Scale { transactions: 100, round: Duration::from_millis(500), rounds: 1 }
    } else {
        let rounds = std::env::var("CLINICVAULT_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok());
        Scale { transactions: 1_000, round: Duration::from_secs(4), rounds: rounds.unwrap_or(3) }
    };
    let mut table = Table::default();
    let chosen = |names: &[&str]| asked.is_empty() || names.contains(&asked.as_str());
    if chosen(&["quick"]) {
        examples::all(&mut table, quick);
    }
    if chosen(&["quick", "box"]) {
        rounds::all(&mut table, &scale);
    }
    if asked == "creates" {
        rounds::creates_alone(&mut table, &scale);
    }
    if chosen(&["quick", "fhir"]) {
        fhir::at_size(&mut table, &scale, SMALL.0, SMALL.1);
        fhir::beside_peer(&mut table, &scale, SMALL.0);
    }
    if chosen(&["quick", "hl7"]) {
        hl7::all(&mut table, &scale);
    }
    if asked == "faithful" {
        hl7::faithful::all(&mut table);
    }
    if chosen(&["quick", "scribe"]) {
        scribe::all(&mut table);
    }
    if chosen(&["million"]) {
        fhir::at_size(&mut table, &scale, LARGE.0, LARGE.1);
    }
    println!("\n{}", table.text());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let text = serde_json::to_string_pretty(&table.json()).expect("plain JSON");
    std::fs::write(root.join("bench-results.json"), text + "\n")
        .expect("the repository's folder is writable");
    println!("saved as bench-results.json");
}
