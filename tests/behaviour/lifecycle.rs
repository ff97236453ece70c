//! A clinic is created, served, stopped, and found again.

use std::process::Stdio;
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, binary, sample};

#[test]
fn a_record_written_before_a_restart_is_there_after_it() {
    let mut clinic = Clinic::open();
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Kulkarni", "Asha", "9822011111", "K-1"));
    let id = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    clinic.stop();
    clinic.start();
    let read = clinic.fhir().get(&format!("/fhir/Patient/{id}")).expect(200).json();
    assert_eq!(read["name"][0]["family"], "Kulkarni");
}

#[test]
fn a_record_acknowledged_before_the_plug_is_pulled_is_there_after_it() {
    let mut clinic = Clinic::open();
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Deshmukh", "Ravi", "9822022222", "K-2"));
    let id = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    clinic.kill();
    clinic.start();
    clinic.fhir().get(&format!("/fhir/Patient/{id}")).expect(200);
}

#[test]
fn the_same_application_answers_over_https_with_the_clinics_own_authority() {
    let clinic = Clinic::open();
    let mut https = clinic.https().bearer(&clinic.token());
    https.get("/fhir/Patient?_count=1").expect(200);
}

#[test]
fn a_second_box_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let clinic = Clinic::open();
    let second =
        clinic.cli(&["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--mllp", "127.0.0.1:0"]);
    assert!(!second.status.success());
    assert!(!second.stderr.is_empty(), "says why");
    clinic.http().get("/health").expect(200);
}

#[test]
fn an_mllp_message_is_acknowledged() {
    let clinic = Clinic::open();
    let ack = clinic.mllp().send(&sample::oru("LIFE-1", "88120", "Kulkarni", "Asha", "131"));
    assert_eq!((ack.code.as_str(), ack.control_id.as_str()), ("AA", "LIFE-1"));
}

#[test]
fn a_member_of_staff_signs_in_with_two_factors() {
    let clinic = Clinic::open();
    let session = clinic.staff("meera", &["doctor"]).get("/api/session").expect(200).json();
    assert_eq!(session["user"]["username"], "meera");
}

#[test]
fn a_box_told_to_stop_while_its_vault_is_opening_stops_at_once_and_opens_the_next_time() {
    let mut clinic = Clinic::empty();
    let (password, passphrase) = (clinic.scratch().join("password"), clinic.scratch().join("passphrase"));
    std::fs::write(&password, "Peacock-register-77 margin").unwrap();
    std::fs::write(&passphrase, "nine lamps along the temple steps").unwrap();
    let how = format!("passphrase-file:{}", passphrase.display());
    clinic.cli_ok(&[
        "init",
        "--owner",
        "owner",
        "--password-file",
        password.to_str().unwrap(),
        "--unlock",
        &how,
    ]);
    // Deriving the key from a passphrase takes a moment; the box listens to signals right before it.
    let serve = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--mllp", "127.0.0.1:0"];
    let serving = binary::clinicvault()
        .args(serve)
        .args(["--unlock", &how, "--data"])
        .arg(clinic.data())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !catches_sigterm(serving.id()) {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not start");
        std::thread::sleep(Duration::from_millis(1));
    }
    let told = Instant::now();
    let pid = rustix::process::Pid::from_child(&serving);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = serving.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "ended with {}", output.status);
    assert!(told.elapsed() < Duration::from_secs(5), "took {:?}", told.elapsed());
    assert!(!said.contains("ready"), "it had opened before it was told: {said}");
    clinic.serve_with(&["--unlock", &how]);
    clinic.start();
    clinic.http().get("/health").expect(200);
    clinic.stop();
}

/// Whether a process has a handler for SIGTERM (signal 15, proc(5): bit 14 of `SigCgt`).
fn catches_sigterm(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> 14 & 1 == 1)
}
