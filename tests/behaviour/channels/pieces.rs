//! Messages in pieces: over HTTP, as files in a folder, as an upload; and answers that wait for the record.

use std::time::Instant;

use clinicvault_tests::{Clinic, sample};
use serde_json::{Value, json};

use super::{WITHIN, connect, create, line, listener, put, wait_for, wait_until};

/// Two messages in a batch whose count is wrong.
fn batch() -> String {
    let (one, two) = (
        sample::adt("A04", "F-1", "88120", "Sathe", "Uma", "9822012345"),
        sample::adt("A04", "F-2", "", "Kale", "Asha", "9822054321"),
    );
    format!(
        "FHS|^~\\&|HIS|CITYHOSP|BOX|CLINIC|20260203||||F7\rBHS|^~\\&|HIS|CITYHOSP|BOX|CLINIC|20260203||||B1\r{one}{two}BTS|3\rFTS|1\r"
    )
}

#[test]
fn a_program_posts_messages_to_its_channel() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let made =
        owner.post("/api/tokens", &json!({"name": "hospital", "scope": "system/Patient.r", "ttlHours": 1}));
    let made = made.expect(201).json();
    let (token, id) = (made["token"].as_str().unwrap().to_owned(), made["id"].clone());
    create(
        &mut owner,
        &json!({"name": "web", "source": {"kind": "http", "tokens": [id]}, "rules": {"kinds": ["ADT"]}}),
    );
    wait_for(&mut owner, "web", "running");
    let mut program = clinic.http().bearer(&token);
    let typed = [("Content-Type", "application/hl7-v2; charset=utf-8")];
    let message = sample::adt("A04", "H-1", "88120", "Sathe", "Uma", "9822012345");
    let answer = program.send("POST", "/hl7/v2/web", &typed, message.as_bytes()).expect(200);
    assert!(answer.text().contains("MSA|AA|H-1"), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/hl7-v2"));
    let again = program.send("POST", "/hl7/v2/web", &[("Content-Type", "text/plain")], message.as_bytes());
    assert_eq!(again.expect(200).text(), answer.text(), "the same answer as before");
    let refused = sample::oru("H-2", "88120", "Sathe", "Uma", "131");
    let answer = program.send("POST", "/hl7/v2/web", &typed, refused.as_bytes()).expect(200);
    assert!(answer.text().contains("MSA|AR|H-2"), "a refusal is an answer: {}", answer.text());
    let both = program.send("POST", "/hl7/v2/web", &typed, batch().as_bytes()).expect(200).text();
    assert!(both.starts_with("FHS|") && both.contains("MSA|AA|F-1") && both.contains("MSA|AE|F-2"), "{both}");
    assert_eq!(program.send("POST", "/hl7/v2/web", &typed, b"hello").status, 400);
    assert_eq!(
        program.send("POST", "/hl7/v2/web", &[("Content-Type", "application/json")], b"{}").status,
        415
    );
    assert_eq!(program.send("POST", "/hl7/v2/other", &typed, message.as_bytes()).status, 403);
    let mut stranger = clinic.http().bearer(&clinic.token());
    assert_eq!(stranger.send("POST", "/hl7/v2/web", &typed, message.as_bytes()).status, 403);
    assert_eq!(clinic.http().send("POST", "/hl7/v2/web", &typed, message.as_bytes()).status, 401);
    owner.post("/api/channels/web/pause", &json!({})).expect(200);
    assert_eq!(program.send("POST", "/hl7/v2/web", &typed, message.as_bytes()).status, 503);
    super::wait_count(&clinic, "Patient?family=sathe", 1);
}

#[test]
fn files_in_a_folder_are_taken_answered_and_moved_away() {
    let mut clinic = Clinic::create();
    let drop = clinic.scratch().join("in");
    std::fs::create_dir(&drop).unwrap();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, format!("[hl7]\nfolders = [{:?}]\n", clinic.scratch())).unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut owner = clinic.owner();
    let source = |path: &std::path::Path| json!({"kind": "folder", "path": path, "ending": ".hl7", "everySeconds": 1, "settledSeconds": 0});
    create(&mut owner, &json!({"name": "outside", "source": source(std::path::Path::new("/"))}));
    let failed = wait_for(&mut owner, "outside", "failed");
    assert!(failed["reason"].as_str().unwrap().contains("hl7.folders"), "{failed}");
    create(&mut owner, &json!({"name": "files", "source": source(&drop)}));
    wait_for(&mut owner, "files", "running");
    std::fs::write(drop.join("not-mine.txt"), batch()).unwrap();
    std::fs::write(drop.join("bad.tmp"), batch()).unwrap();
    std::fs::rename(drop.join("bad.tmp"), drop.join("bad.hl7")).unwrap();
    let good = sample::adt("A04", "G-1", "88121", "Kale", "Asha", "9822054321");
    std::fs::write(drop.join("good.tmp"), &good).unwrap();
    std::fs::rename(drop.join("good.tmp"), drop.join("good.hl7")).unwrap();
    let began = Instant::now();
    while !(drop.join("error/bad.hl7").exists() && drop.join("processed/good.hl7").exists()) {
        assert!(began.elapsed() < WITHIN, "{:?}", line(&mut owner, "files"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let answer = std::fs::read_to_string(drop.join("answers/bad.hl7.ack")).unwrap();
    assert!(
        answer.contains("MSA|AA|F-1") && answer.contains("MSA|AE|F-2") && answer.contains("BTS|2"),
        "{answer}"
    );
    assert!(std::fs::read_to_string(drop.join("answers/good.hl7.ack")).unwrap().contains("MSA|AA|G-1"));
    assert!(drop.join("not-mine.txt").exists());
    let told = wait_until(&mut owner, "files", |line| line["trouble"].is_string());
    assert!(told["trouble"].as_str().unwrap().contains("BTS-1"), "a wrong count is told: {told}");
    super::wait_count(&clinic, "Patient?family=sathe", 1);
}

#[test]
fn an_upload_says_what_became_of_each_message() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("lab", json!({})));
    let typed = [("Content-Type", "application/hl7-v2")];
    let send = |owner: &mut clinicvault_tests::Person<'_>, name: &str, body: &str| {
        owner.http.send("POST", &format!("/api/channels/{name}/upload"), &typed, body.as_bytes())
    };
    let done: Value = send(&mut owner, "lab", &batch()).expect(200).json();
    let messages = done["messages"].as_array().unwrap();
    assert_eq!((&messages[0]["taken"], &messages[0]["controlId"]), (&json!(true), &json!("F-1")));
    assert_eq!((&messages[1]["taken"], &messages[1]["place"]), (&json!(false), &json!("PID-3")));
    assert!(done["warnings"][0].as_str().unwrap().contains("BTS-1"), "{done}");
    let again: Value = send(&mut owner, "lab", &batch()).expect(200).json();
    assert_eq!(
        (&again["messages"][0]["repeated"], &again["messages"][0]["taken"]),
        (&json!(true), &json!(true))
    );
    send(&mut owner, "default", &batch()).expect(200);
    assert_eq!(send(&mut owner, "lab", "hello").status, 422);
    assert_eq!(send(&mut owner, "none", &batch()).status, 404);
}

#[test]
fn a_channel_may_answer_when_the_message_is_in_the_record() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("late", json!({"acknowledge": "apply"})));
    let mut lab = connect(&mut owner, "late");
    let message = sample::adt("A04", "L-1", "88120", "Sathe", "Uma", "9822012345");
    let first = lab.send(&message);
    assert_eq!(first.code, "AA");
    let found = clinic.fhir().get("/fhir/Patient?family=sathe&_summary=count").expect(200).json();
    assert_eq!(found["total"], 1, "it is in the record before the answer");
    assert_eq!(lab.send(&message).text, first.text, "the stored answer");
    put(&mut owner, &listener("late", json!({"acknowledge": "commit"})), Some(1)).expect(200);
    assert_eq!(lab.send(&message).text, first.text);
}
