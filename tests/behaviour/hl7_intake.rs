//! HL7 v2 messages from a lab and a hospital, over the real listener into the real record.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, sample};
use serde_json::{Value, json};

/// Messages are applied after they are acknowledged; this is how long a test waits for it.
const APPLIED_WITHIN: Duration = Duration::from_secs(20);

/// Asks the FHIR face until it counts so many, or fails.
fn wait_for(clinic: &Clinic, query: &str, total: u64) {
    let began = Instant::now();
    loop {
        let found = clinic.fhir().get(&format!("/fhir/{query}&_summary=count")).expect(200).json();
        if found["total"] == json!(total) {
            return;
        }
        assert!(began.elapsed() < APPLIED_WITHIN, "{query}: {found} instead of {total}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn register(clinic: &Clinic) {
    let ack = clinic.mllp().send(&sample::adt("A04", "REG-1", "88120", "Sathe", "Uma", "9822012345"));
    assert_eq!(ack.code, "AA");
}

#[test]
fn a_lab_result_is_in_the_record_of_its_patient() {
    let clinic = Clinic::open();
    let mut lab = clinic.mllp();
    assert_eq!(lab.send(&sample::adt("A04", "A-1", "88120", "Sathe", "Uma", "9822012345")).code, "AA");
    let result = sample::oru("R-1", "88120", "Sathe", "Uma", "131").replace("CITYPATH^MR", "CITYHOSP^MR");
    let ack = lab.send(&result);
    assert_eq!((ack.code.as_str(), ack.control_id.as_str()), ("AA", "R-1"));
    wait_for(&clinic, "Observation?code=http://loinc.org%7C2339-0", 1);
    wait_for(&clinic, "Patient?name=sathe", 1);
    let found = clinic.fhir().get("/fhir/Observation?code=2339-0").expect(200).json();
    let glucose = &found["entry"][0]["resource"];
    assert_eq!(glucose["valueQuantity"]["value"].to_string(), "131");
    assert_eq!(glucose["effectiveDateTime"], "2026-02-03T08:30:00+05:30");
    assert_eq!(glucose["interpretation"][0]["coding"][0]["code"], "H");
    let subject = glucose["subject"]["reference"].as_str().unwrap();
    let patient = clinic.fhir().get(&format!("/fhir/{subject}")).expect(200).json();
    assert_eq!(patient["name"][0]["family"], "Sathe");
    assert!(patient["identifier"].as_array().unwrap().iter().any(|i| i["value"] == "NC-000001"));
}

#[test]
fn a_repeated_message_gets_the_stored_answer_even_after_a_crash() {
    let mut clinic = Clinic::open();
    let message = sample::adt("A04", "TWICE", "88120", "Sathe", "Uma", "9822012345");
    let first = clinic.mllp().send(&message);
    clinic.kill();
    clinic.start();
    let second = clinic.mllp().send(&message);
    assert_eq!(second.text, first.text, "the stored answer, byte for byte");
    wait_for(&clinic, "Patient?name=sathe", 1);
    let other = clinic.mllp().send(&message.replace("9822012345", "9822099999"));
    assert_eq!(other.code, "AA", "another body under the same control id is another message");
    wait_for(&clinic, "Patient?phone=9822099999", 1);
    wait_for(&clinic, "Patient?name=sathe", 1);
}

#[test]
fn a_result_for_an_unknown_number_waits_until_somebody_says_whose_it_is() {
    let clinic = Clinic::open();
    register(&clinic);
    wait_for(&clinic, "Patient?name=sathe", 1);
    assert_eq!(clinic.mllp().send(&sample::oru("L-1", "L-555", "Sathe", "Uma", "131")).code, "AA");
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let began = Instant::now();
    let page = loop {
        let page = doctor.get("/api/inbox?state=needs").expect(200).json();
        if page["counts"]["needs"] == json!(1) {
            break page;
        }
        assert!(began.elapsed() < APPLIED_WITHIN, "{page}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let seq = page["rows"][0]["seq"].clone();
    let message = doctor.get(&format!("/api/inbox/{seq}")).expect(200).json();
    assert_eq!(message["held"]["reason"], "unknownPatient");
    assert_eq!(message["held"]["senderNumber"], "L-555");
    let candidates = message["held"]["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 1);
    assert_eq!(message["type"], "ORU^R01");
    assert_eq!(message["segments"][1]["name"], "PID");
    let glucose = message["meaning"].as_array().unwrap().iter().find(|m| m["label"]["text"] == "Glucose");
    assert_eq!(glucose.expect("a row of the meaning")["value"], "131 mg/dL");
    wait_for(&clinic, "Observation?code=2339-0", 0);
    let patient = candidates[0]["patient"]["id"].clone();
    let decision = json!({"action": "assign", "patientId": patient, "remember": true});
    let settled = doctor.post(&format!("/api/inbox/{seq}/settle"), &decision).expect(200).json();
    assert_eq!(settled["state"], "applied");
    wait_for(&clinic, "Observation?code=2339-0", 1);
    assert_eq!(clinic.mllp().send(&sample::oru("L-2", "L-555", "Sathe", "Uma", "99")).code, "AA");
    wait_for(&clinic, "Observation?code=2339-0", 2);
    let name = doctor.get("/api/session").expect(200).json()["user"]["name"].clone();
    let decided = doctor.get(&format!("/api/inbox/{seq}")).expect(200).json()["settled"]["by"].clone();
    assert!(name.is_string() && decided == name, "the one who decided is named: {decided}");
    let again = doctor.post(&format!("/api/inbox/{seq}/settle"), &decision);
    assert_eq!(again.status, 412, "settled once: {}", again.text());
}

#[test]
fn a_faulty_message_is_answered_with_its_place_and_kept() {
    let clinic = Clinic::open();
    let ack = clinic.mllp().send(&sample::oru("BAD-1", "", "Sathe", "Uma", "131"));
    assert_eq!(ack.code, "AE");
    assert!(ack.text.contains("ERR||PID^1^3^1|101^"), "{}", ack.text);
    assert!(!ack.text.contains("Sathe"), "no patient data in an answer");
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let page = doctor.get("/api/inbox?state=refused").expect(200).json();
    assert_eq!(page["rows"][0]["state"], "refused");
    let message = doctor.get(&format!("/api/inbox/{}", page["rows"][0]["seq"])).expect(200).json();
    assert_eq!((&message["error"]["segment"], &message["error"]["field"]), (&json!("PID"), &json!("3")));
}

#[test]
fn an_enhanced_sender_hears_first_that_it_is_stored_and_then_that_it_is_applied() {
    let clinic = Clinic::open();
    let mut hospital = clinic.mllp();
    let message = sample::adt("A04", "E-1", "88120", "Sathe", "Uma", "9822012345")
        .replace("|E-1|P|2.5.1", "|E-1|P|2.5.1|||AL|AL");
    assert_eq!(hospital.send(&message).code, "CA");
    let later = hospital.read_ack().expect("an application acknowledgement on the same connection");
    assert_eq!((later.code.as_str(), later.control_id.as_str()), ("AA", "E-1"));
    let silent = message.replace("E-1", "E-2").replace("AL|AL", "NE|NE");
    hospital.patience(Duration::from_secs(2));
    assert!(hospital.try_send(silent.as_bytes()).is_err(), "it asked for no answer");
    wait_for(&clinic, "Patient?name=sathe", 1);
}

#[test]
fn frames_may_come_in_pieces_and_several_at_once() {
    let clinic = Clinic::open();
    let mut stream = TcpStream::connect(clinic.server().mllp).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = Vec::new();
    for n in 0..3 {
        let message = sample::adt("A08", &format!("P-{n}"), "88120", "Sathe", "Uma", "9822012345");
        bytes.push(0x0B);
        bytes.extend_from_slice(message.replace('\r', "\n").as_bytes());
        bytes.extend_from_slice(&[0x1C, 0x0D]);
    }
    let (first, rest) = bytes.split_at(7);
    stream.write_all(first).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(rest).unwrap();
    let mut answers = String::new();
    let mut chunk = [0; 4096];
    while answers.matches("MSA|AA|P-").count() < 3 {
        let n = stream.read(&mut chunk).expect("answers");
        assert!(n > 0, "closed after {answers:?}");
        answers.push_str(&String::from_utf8_lossy(&chunk[..n]));
    }
    let order: Vec<usize> =
        (0..3).map(|n| answers.find(&format!("MSA|AA|P-{n}")).expect("answered")).collect();
    assert!(order.is_sorted(), "answers in the order of the messages");
}

#[test]
fn published_sample_messages_are_all_answered() {
    let Some(folder) = clinicvault_tests::shared::shared("data/hl7v2/dev/fhir-converter") else {
        return;
    };
    let clinic = Clinic::open();
    let mut lab = clinic.mllp();
    lab.patience(Duration::from_secs(5));
    let mut codes: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "hl7")) {
        let bytes = std::fs::read(file).unwrap();
        // One says in MSH-15 and MSH-16 that it wants no answer at all.
        let code = lab.try_send(&bytes).map_or_else(|_| "none".to_owned(), |ack| ack.code);
        *codes.entry(code).or_default() += 1;
    }
    eprintln!("{codes:?}");
    assert!(codes["AA"] >= 7 && codes.get("none").is_none_or(|n| *n <= 1), "{codes:?}");
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let began = Instant::now();
    loop {
        let page: Value = doctor.get("/api/inbox").expect(200).json();
        let rows = page["rows"].as_array().unwrap();
        if rows.iter().all(|r| r["state"] != "received") {
            let stuck: Vec<&Value> = rows.iter().filter(|r| r["state"] == "held").collect();
            for row in &stuck {
                let message = doctor.get(&format!("/api/inbox/{}", row["seq"])).expect(200).json();
                assert_ne!(message["held"]["reason"], "cannotStore", "{}", message["held"]);
            }
            return;
        }
        assert!(began.elapsed() < APPLIED_WITHIN, "{page}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
