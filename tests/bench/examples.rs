//! The benches of the rooms themselves, run as their own programs: the barrier beside plain redb, the HL7 parser.
//!
//! Each prints one JSON object a line: `bench` (its name), `value`, `unit`, and for a comparison `plain` beside it.

use std::process::Command;

use serde_json::Value;

use crate::table::Aim::AtMost;
use crate::table::Table;

/// The barrier may cost this many times the plain file.
const BARRIER_TIMES: f64 = 2.0;
/// Parsing a 2 KB ORU, microseconds.
const PARSE_MICROS: f64 = 20.0;

/// Runs both.
pub fn all(table: &mut Table) {
    for row in rows("clinicvault-vault", "barrier_bench") {
        let (name, value, unit) = parts(&row);
        if unit == "times" {
            table.aimed(name, value, "times", AtMost(BARRIER_TIMES));
        } else {
            table.figure(name, value, unit);
        }
    }
    for row in rows("clinicvault-gateway", "hl7_bench") {
        let (name, value, unit) = parts(&row);
        if name == "hl7_parse" {
            let bytes = row["bytes"].as_u64().unwrap_or_default();
            table.aimed(format!("HL7 parse of an ORU of {bytes} bytes"), value, unit, AtMost(PARSE_MICROS));
        } else {
            table.figure(name.replace('_', " "), value, unit);
        }
    }
}

fn parts(row: &Value) -> (&str, f64, &str) {
    let text = |key: &str| row[key].as_str().unwrap_or_else(|| panic!("no {key} in {row}"));
    (text("bench"), row["value"].as_f64().unwrap_or_else(|| panic!("no value in {row}")), text("unit"))
}

/// Builds and runs an example in release and reads its lines.
fn rows(package: &str, example: &str) -> Vec<Value> {
    eprintln!("{example}");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--release", "--locked", "-p", package, "--example", example]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{example}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(!found.is_empty(), "{example} printed no figure: {text}");
    found
}
