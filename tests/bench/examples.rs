//! The benches of the rooms themselves, run as their own programs: the barrier beside plain redb, the HL7 parser.
//!
//! Each prints one line a figure on stdout: `figure<TAB>name<TAB>value<TAB>unit`.

use std::process::Command;

use crate::table::Aim::AtMost;
use crate::table::Table;

/// Runs both.
pub fn all(table: &mut Table, quick: bool) {
    for (name, value, unit) in figures("clinicvault-vault", "barrier_bench", quick) {
        if unit == "times" {
            table.aimed(name, value, &unit, AtMost(2.0));
        } else {
            table.figure(name, value, &unit);
        }
    }
    for (name, value, unit) in figures("clinicvault-gateway", "hl7_bench", quick) {
        if unit == "µs" && name.contains("ORU") {
            table.aimed(name, value, &unit, AtMost(20.0));
        } else {
            table.figure(name, value, &unit);
        }
    }
}

/// Builds and runs an example in release and reads its figures.
fn figures(package: &str, example: &str, quick: bool) -> Vec<(String, f64, String)> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--release", "--locked", "-p", package, "--example", example]);
    if quick {
        cargo.args(["--", "--quick"]);
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{example}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("figure\t"))
        .map(|line| {
            let mut parts = line.split('\t').map(str::to_owned);
            let mut next = || parts.next().unwrap_or_else(|| panic!("{example}: not a figure: {line}"));
            (next(), next().parse().expect("a number"), next())
        })
        .collect();
    assert!(!found.is_empty(), "{example} printed no figure: {text}");
    found
}
