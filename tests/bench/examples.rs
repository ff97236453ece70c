//! The benches of the rooms themselves, run as their own programs: the barrier beside plain redb, the vault on a disk
//! with slow syncs, a queue of a million rows, the HL7 parser.
//!
//! Each prints one JSON object a line: the barrier `row`, `suite`, `unit`, `plain` and `barrier` in units a second; the
//! vault `row` and `units_per_s`, or `row`, `p50_ms` and `max_ms`;
//! the gateway `bench`, `value`, `unit` and `bytes`.

use std::process::Command;

use serde_json::Value;

use crate::table::Aim::{AtLeast, AtMost};
use crate::table::Table;

/// The barrier may cost this many times the plain file.
const BARRIER_TIMES: f64 = 2.0;
/// 64 clients get so many times the durable units of one, where the disk and not the processor is what one waits for.
const GROUP_TIMES: f64 = 20.0;
/// A page of messages out of all that are stored, milliseconds.
const FOUND_MS: f64 = 200.0;
/// Parsing a 2 KB ORU, microseconds.
const PARSE_MICROS: f64 = 20.0;

/// Runs all; `quick` with a twentieth of the messages.
pub fn all(table: &mut Table, quick: bool) {
    for row in rows("clinicvault-vault", "barrier_bench", &[]) {
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
    let folder = std::env::temp_dir();
    let slow = rows("clinicvault-vault", "unit_bench", &[&folder.to_string_lossy(), "slow"]);
    let rates: Vec<f64> = slow.iter().map(|row| number(row, "units_per_s")).collect();
    for (row, rate) in slow.iter().zip(&rates) {
        table.figure(format!("units of work, {}", text(row, "row")), *rate, "/s");
    }
    if let [one, many] = rates[..] {
        table.aimed(
            "units of work, 4 ms a sync, 64 clients against 1",
            many / one,
            "times",
            AtLeast(GROUP_TIMES),
        );
    }
    let messages = if quick { "50000" } else { "1000000" };
    for row in rows("clinicvault-vault", "queue_bench", &[&folder.to_string_lossy(), messages]) {
        let name = format!("{messages} messages, found by {}", text(&row, "row"));
        table.figure(format!("{name}, p50"), number(&row, "p50_ms"), "ms");
        table.aimed(format!("{name}, worst"), number(&row, "max_ms"), "ms", AtMost(FOUND_MS));
    }
    for row in rows("clinicvault-gateway", "hl7_bench", &[]) {
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
fn rows(package: &str, example: &str, args: &[&str]) -> Vec<Value> {
    eprintln!("{example}");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["run", "--quiet", "--release", "--locked", "-p", package, "--example", example, "--"])
        .args(args);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{example}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(!found.is_empty(), "{example} printed no figure: {text}");
    found
}
