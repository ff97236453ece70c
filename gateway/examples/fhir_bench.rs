//! Times of the FHIR core on Synthea's bundles, one JSON row a line. Run with `--release` from the repository:
//! `cargo run --release -p clinicvault-gateway --example fhir_bench [folder of bundles]`.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_gateway::fhir::validate::{self, Core, Level, Policy, Validator};
use clinicvault_gateway::json::{self, Limits, Value};

fn main() {
    let folder = std::env::args().nth(1).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir/synthea"),
        PathBuf::from,
    );
    let before = resident_kib();
    let started = Instant::now();
    let warm = validate::structure(&Value::from([("resourceType", "Patient")])).len();
    row("tables_read_once", "ms", started.elapsed().as_secs_f64() * 1e3, warm);
    let _ = search::params::find(clinicvault_gateway::fhir::id::ResourceType::PATIENT, "name");
    if let Some((before, after)) = before.zip(resident_kib()) {
        println!(
            "{{\"name\":\"tables_resident\",\"unit\":\"KiB\",\"value\":{}}}",
            after.saturating_sub(before)
        );
    }
    let Some(bodies) = bodies(&folder) else {
        println!("{{\"skipped\":\"no bundles at the given folder\"}}");
        return;
    };
    let near = bodies.iter().min_by_key(|b| b.len().abs_diff(2048)).expect("there are bodies").clone();
    let context = Context::new(jiff::tz::TimeZone::UTC, jiff::Timestamp::UNIX_EPOCH);
    let trees: Vec<Value> =
        bodies.iter().map(|b| json::parse(b, &Limits::default()).expect("good JSON")).collect();
    let resources: Vec<Resource> = bodies.iter().filter_map(|b| Resource::stored(b).ok()).collect();
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    println!("{{\"resources\":{},\"bytes\":{bytes}}}", bodies.len());
    per_item("parse_2kb", 1, || drop(black_box(json::parse(black_box(&near), &Limits::default()))));
    per_item("parse", bodies.len(), || {
        bodies.iter().for_each(|b| drop(black_box(json::parse(b, &Limits::default()))))
    });
    per_item("write", trees.len(), || trees.iter().for_each(|t| drop(black_box(t.to_vec()))));
    per_item("validate", trees.len(), || trees.iter().for_each(|t| drop(black_box(validate::structure(t)))));
    for (name, level) in [
        ("validate_invariants", Level::Invariants),
        ("validate_terminology", Level::Terminology),
        ("validate_profiles", Level::Profiles),
    ] {
        let validator = Validator::new(&Core, Policy::write(level));
        per_item(name, trees.len(), || {
            trees.iter().for_each(|t| drop(black_box(validator.check(t, &[]))));
        });
    }
    let observations: Vec<&Value> =
        trees.iter().filter(|t| t.str("resourceType") == Some("Observation")).collect();
    let validator = Validator::new(&Core, Policy::write(Level::Invariants));
    per_item("validate_invariants_observation", observations.len(), || {
        observations.iter().for_each(|t| drop(black_box(validator.check(t, &[]))));
    });
    per_item("terms", resources.len(), || {
        resources.iter().for_each(|r| drop(black_box(search::terms(r, &context))));
    });
    let terms: usize = resources.iter().map(|r| search::terms(r, &context).len()).sum();
    #[allow(clippy::cast_precision_loss)]
    row("terms_each", "count", terms as f64 / resources.len() as f64, terms);
    let template = resources.first().expect("there are resources").clone().template();
    per_item("stamp_and_finish", 1, || drop(black_box(template.finish(7, jiff::Timestamp::UNIX_EPOCH))));
    per_item("people_query", 1, || drop(black_box(search::people::query(black_box("ramesh kum")))));
    let query = search::people::query("ramesh kum");
    let shown = search::people::Shown { name: "Ramesh Kumar Yadav", ..search::people::Shown::default() };
    per_item("people_judge", 1, || drop(black_box(search::people::judge(&query, &shown))));
}

/// Resident memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

fn bodies(folder: &PathBuf) -> Option<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let bundle = json::parse(&std::fs::read(entry.path()).ok()?, &Limits::default()).ok()?;
        out.extend(bundle.items("entry").iter().filter_map(|e| e.get("resource")).map(Value::to_vec));
    }
    (!out.is_empty()).then_some(out)
}

/// Median over at least 15 rounds of the time of one item.
fn per_item(name: &str, items: usize, mut work: impl FnMut()) {
    let mut rounds = Vec::new();
    let begun = Instant::now();
    let repeat = if items == 1 { 1000 } else { 1 };
    while rounds.len() < 15 || (begun.elapsed().as_millis() < 500 && rounds.len() < 2000) {
        let started = Instant::now();
        (0..repeat).for_each(|_| work());
        #[allow(clippy::cast_precision_loss)]
        rounds.push(started.elapsed().as_secs_f64() * 1e6 / (items * repeat) as f64);
    }
    rounds.sort_by(f64::total_cmp);
    row(name, "us", rounds.get(rounds.len() / 2).copied().unwrap_or_default(), rounds.len());
}

fn row(name: &str, unit: &str, value: f64, rounds: usize) {
    println!("{{\"name\":\"{name}\",\"unit\":\"{unit}\",\"median\":{value:.3},\"rounds\":{rounds}}}");
}
