//! The benches of the rooms themselves, run as their own programs: the barrier beside plain redb, the HL7 parser.
//!
//! Each prints one JSON object a line: the barrier `row`, `suite`, `unit`, `plain` and `barrier` in units a second;
//! the gateway `bench`, `value`, `unit` and `bytes`.

use std::process::Command;

use serde_json::Value;

use crate::table::Aim::AtMost;
use crate::table::Table;

/// The barrier may cost this many times the plain file.
const BARRIER_TIMES: f64 = 2.0;
/// Parsing a 2 KB ORU, microseconds.
const PARSE_MICROS: f64 = 20.0;

/// Runs all.
pub fn all(table: &mut Table) {
    for row in rows("clinicvault-vault", "barrier_bench") {
        let (plain, barrier) = (number(&row, "plain"), number(&row, "barrier"));
        let name = format!("barrier ({}), {}", text(&row, "suite"), text(&row, "row"));
        table.figure(format!("{name}: plain redb"), plain, text(&row, "unit"));
        table.figure(format!("{name}: encrypted"), barrier, text(&row, "unit"));
        table.aimed(
            format!("{name}: plain against encrypted"),
            plain / barrier,
            "times",
            AtMost(BARRIER_TIMES),
        );
    }
    for row in rows("clinicvault-gateway", "hl7_bench") {
        let (name, value, unit) = (text(&row, "bench"), number(&row, "value"), text(&row, "unit"));
        if name == "hl7_parse" {
            let bytes = row["bytes"].as_u64().unwrap_or_default();
            table.aimed(format!("HL7 parse of an ORU of {bytes} bytes"), value, unit, AtMost(PARSE_MICROS));
        } else {
            table.figure(name.replace('_', " "), value, unit);
        }
    }
}

fn text<'r>(row: &'r Value, key: &str) -> &'r str {
    row[key].as_str().unwrap_or_else(|| panic!("no {key} in {row}"))
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("no {key} in {row}"))
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
