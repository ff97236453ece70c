//! Import, export and verify on the command line while the box runs: they go through the box, and the box goes on.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, binary, sample};
use serde_json::{Value, json};

/// Writes an ndjson file of `count` patients with ids; `change` may replace a line.
fn patients(
    clinic: &Clinic,
    name: &str,
    count: usize,
    change: impl Fn(usize) -> Option<&'static str>,
) -> PathBuf {
    let line = |n: usize| match change(n) {
        Some(other) => other.to_owned(),
        None => {
            let mut patient = sample::patient("Jadhav", "Asha", &format!("98{n:08}"), &format!("I-{n}"));
            patient["id"] = json!(format!("i{n}"));
            patient.to_string()
        }
    };
    let text: String = (0..count).map(|n| line(n) + "\n").collect();
    let file = clinic.scratch().join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn count(clinic: &Clinic) -> u64 {
    clinic.fhir().get("/fhir/Patient?_summary=count").expect(200).json()["total"].as_u64().unwrap()
}

#[test]
fn a_file_goes_in_and_comes_out_while_the_box_runs() {
    let clinic = Clinic::open();
    let file = patients(&clinic, "good.ndjson", 700, |_| None);
    let file = file.to_str().unwrap();
    let said = clinic.cli_ok(&["import", file]);
    assert!(said.contains("700 stored") && said.contains("0 left out"), "{said}");
    assert_eq!(count(&clinic), 700);
    let again = clinic.cli_ok(&["import", file]);
    assert!(again.contains("0 stored") && again.contains("2 parts known from before"), "{again}");

    let out = clinic.scratch().join("out");
    let said = clinic.cli_ok(&["export", "--out", out.to_str().unwrap()]);
    assert!(said.contains("Patient 700"), "{said}");
    let lines = std::fs::read_to_string(out.join("Patient.ndjson")).unwrap();
    let ids: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert!(ids.len() == 700 && ids.contains(&json!("i699")));
    let full = clinic.cli(&["export", "--out", out.to_str().unwrap()]);
    assert!(!full.status.success(), "a folder with files in it is left alone");

    let said = clinic.cli_ok(&["verify"]);
    assert!(said.contains("Patient 700") && said.contains("sound"), "{said}");
    clinic.http().get("/health").expect(200);
}

#[test]
fn a_broken_line_is_named_and_everything_around_it_goes_in() {
    let clinic = Clinic::open();
    let broken = |n: usize| match n {
        299 => Some("{\"resourceType\": \"Patient\", \"id\": "),
        399 => Some("{\"resourceType\": \"Patient\", \"id\": \"odd\", \"colour\": \"red\"}"),
        _ => None,
    };
    let file = patients(&clinic, "broken.ndjson", 600, broken);
    let output = clinic.cli(&["import", file.to_str().unwrap()]);
    let (said, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{noted}");
    assert!(said.contains("598 stored") && said.contains("2 left out"), "{said}");
    assert!(noted.contains("broken.ndjson:300: ") && noted.contains("broken.ndjson:400: "), "{noted}");
    assert!(noted.contains("colour"), "the second says which element it is: {noted}");
    assert_eq!(count(&clinic), 598);
}

#[test]
fn a_cancelled_import_leaves_whole_parts_and_is_taken_up_again() {
    let clinic = Clinic::open();
    let file = patients(&clinic, "long.ndjson", 6_000, |_| None);
    let mut import = binary::clinicvault()
        .args(["import", file.to_str().unwrap(), "--data"])
        .arg(clinic.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while count(&clinic) == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing came in");
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&import), rustix::process::Signal::INT)
        .unwrap();
    assert!(!import.wait().unwrap().success(), "it was cut short");
    // What was under way when the other side went is finished or not begun, never half done.
    let stored = count(&clinic);
    assert!(stored > 0 && stored < 6_000 && stored.is_multiple_of(500), "{stored} are stored");
    clinic.http().get("/health").expect(200);
    let said = clinic.cli_ok(&["import", file.to_str().unwrap()]);
    assert!(said.contains("parts known from before") && !said.contains(" 0 parts known"), "{said}");
    assert_eq!(count(&clinic), 6_000);
}

#[test]
fn an_export_nobody_reads_any_more_does_not_hold_the_box_up() {
    let clinic = Clinic::open();
    let file = patients(&clinic, "some.ndjson", 500, |_| None);
    clinic.cli_ok(&["import", file.to_str().unwrap()]);
    for _ in 0..8 {
        let mut socket = UnixStream::connect(clinic.data().join("control.sock")).unwrap();
        socket.write_all(b"{\"op\":\"errand\",\"errand\":\"export\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(&socket).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "\"go\"");
    }
    let said = clinic.cli_ok(&["verify"]);
    assert!(said.contains("sound"), "{said}");
}
