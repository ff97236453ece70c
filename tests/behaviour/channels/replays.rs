//! Held and refused messages are taken up again many at a time.

use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, Mllp, Person, sample};
use serde_json::{Value, json};

use super::{connect, create, listener, put, wait_count, wait_until};
use crate::outbox::staff;

const WITHIN: Duration = Duration::from_secs(60);

fn oru(control_id: &str, number: &str, value: usize) -> String {
    [
        format!("MSH|^~\\&|LIS|LAB|CV|BOX|20260203090000+0530||ORU^R01^ORU_R01|{control_id}|P|2.5.1"),
        format!("PID|1||{number}^^^CITYHOSP^MR||Rao^Anil||19840307|M"),
        format!("OBR|1||F-{control_id}|2339-0^Glucose^LN|||20260203083000+0530||||||||||||||||||F"),
        format!("OBX|1|NM|2339-0^Glucose^LN||{value}|mg/dL|70-140|N|||F"),
    ]
    .join("\r")
        + "\r"
}

fn preview(who: &mut Person<'_>, ask: &Value) -> Value {
    who.post("/api/replays/preview", ask).expect(200).json()
}

/// Waits until a replay is as wanted.
#[track_caller]
fn wait_replay(who: &mut Person<'_>, id: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let one = who.get(&format!("/api/replays/{id}")).expect(200).json();
        if wanted(&one) {
            return one;
        }
        assert!(began.elapsed() < WITHIN, "{one}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn refuse(lab: &mut Mllp, from: usize, to: usize) {
    for n in from..to {
        assert_eq!(lab.send(&oru(&format!("R-{n}"), "77", 90 + n)).code, "AR");
    }
}

#[test]
fn what_was_refused_is_shown_tried_and_taken_up_by_the_rules_of_today() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let document = listener("lab", json!({"kinds": ["ADT"]}));
    create(&mut owner, &document);
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    let mut lab = connect(&mut owner, "lab");
    refuse(&mut lab, 0, 3);
    let ask = json!({"of": "refused", "channel": "lab", "type": "ORU"});
    let before = preview(&mut doctor, &ask);
    let groups = json!([{"state": "refused", "type": "ORU^R01", "reason": "200 MSH-9", "count": 3}]);
    assert_eq!((&before["total"], &before["groups"]), (&json!(3), &groups));
    assert_eq!(before["rows"][0]["would"]["outcome"], "refused", "the rules are the same: {before}");

    // The channel takes them from now on, and nobody knows the patient yet.
    put(&mut owner, &listener("lab", json!({})), Some(1)).expect(200);
    let held = preview(&mut doctor, &ask);
    assert_eq!(
        held["rows"][0]["would"],
        json!({"outcome": "held", "reason": "unknownPatient", "records": 0})
    );
    assert_eq!(lab.send(&sample::adt("A04", "P-1", "77", "Rao", "Anil", "98")).code, "AA");
    wait_count(&clinic, "Patient?family=Rao", 1);
    let ready = preview(&mut doctor, &ask);
    let would = &ready["rows"][0]["would"];
    assert!(would["outcome"] == "applied" && would["records"].as_u64().unwrap() >= 2, "{ready}");
    assert_eq!(
        clinic.fhir().get("/fhir/Observation?_summary=count").expect(200).json()["total"],
        0,
        "nothing is written"
    );

    // Other filters find others.
    for (ask, total) in [
        (json!({"of": "held"}), 0),
        (json!({"channel": "default"}), 0),
        (json!({"channel": "lab", "q": "R-1"}), 1),
        (json!({"type": "ORU^R01", "peer": "127.0.0.1"}), 3),
        (json!({"type": "ADT"}), 0),
        (json!({"to": "2020-01-01"}), 0),
        (json!({"seq": ready["rows"][1]["row"]["seq"]}), 1),
    ] {
        assert_eq!(preview(&mut doctor, &ask)["total"], total, "{ask}");
    }

    // Who may not settle messages may not replay them either, and what is expected must be so.
    let mut nurse = staff(&clinic, &mut owner, "uma", "nurse");
    nurse.post("/api/replays/preview", &ask).expect(403);
    nurse.post("/api/replays", &json!({"ask": ask})).expect(403);
    doctor.post("/api/replays", &json!({"ask": ask, "expect": 4})).expect(412);
    doctor.post("/api/replays", &json!({"ask": {"type": "ADT"}})).expect(412);

    let begun = doctor.post("/api/replays", &json!({"ask": ask, "expect": 3})).expect(201).json();
    assert_eq!((&begun["total"], &begun["state"]), (&json!(3), &json!("running")));
    let done = wait_replay(&mut doctor, &begun["id"], |one| one["state"] == "done");
    assert_eq!((&done["done"], &done["counts"]["applied"]), (&json!(3), &json!(3)), "{done}");
    wait_count(&clinic, "Observation?status=final", 3);
    doctor.post(&format!("/api/replays/{}/cancel", begun["id"]), &json!({})).expect(412);

    // The original is kept and says what became of it.
    let old = &ready["rows"][0]["row"]["seq"];
    let kept = doctor.get(&format!("/api/inbox/{old}")).expect(200).json();
    assert_eq!((&kept["row"]["state"], &kept["error"]["code"]), (&json!("dismissed"), &json!("200")));
    assert!(kept["settled"]["reason"].as_str().unwrap().starts_with("taken up again as"), "{kept}");
    assert_eq!(kept["segments"][3]["name"], "OBX", "as it came");
    // Its sender, who repeats it, hears that it is here.
    assert_eq!(lab.send(&oru("R-0", "77", 90)).code, "AA");
    wait_until(&mut owner, "lab", |line| line["counts"]["repeated"] == 1);
    wait_count(&clinic, "Observation?status=final", 3);
    assert_eq!(preview(&mut doctor, &json!({}))["total"], 0);
    let log = clinic.fhir().get("/fhir/AuditEvent?_count=500").expect(200).text();
    for said in ["replay 1 of 3 messages begins", "replay 1: taken up again as", "replay 1 done: 3 of 3"] {
        assert!(log.contains(said), "{said}");
    }
}

#[test]
fn a_replay_pauses_goes_on_after_a_power_cut_and_does_nothing_twice() {
    let mut clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("lab", json!({})));
    owner.add_staff("meera", &["doctor"]);
    let many = 80;
    let mut lab = connect(&mut owner, "lab");
    for n in 0..many {
        assert_eq!(lab.send(&oru(&format!("H-{n}"), "55", 90 + n)).code, "AA");
    }
    let mut doctor = Person::sign_in(&clinic, "meera", &Person::temporary_password("meera"));
    let began = Instant::now();
    while preview(&mut doctor, &json!({"of": "held"}))["total"] != many {
        assert!(began.elapsed() < WITHIN);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(lab.send(&sample::adt("A04", "P-1", "55", "Rao", "Anil", "98")).code, "AA");
    wait_count(&clinic, "Patient?family=Rao", 1);
    let begun = doctor.post("/api/replays", &json!({"ask": {"of": "held"}})).expect(201).json();
    let id = &begun["id"];
    let path = |what: &str| format!("/api/replays/{id}/{what}");
    doctor.post("/api/replays", &json!({"ask": {"of": "held"}})).expect(412);
    doctor.post(&path("pause"), &json!({})).expect(200);
    let paused = doctor.get(&format!("/api/replays/{id}")).expect(200).json();
    assert_eq!(paused["state"], "paused");
    assert!(paused["done"].as_u64().unwrap() < many as u64, "{paused}");
    doctor.post(&path("resume"), &json!({})).expect(200);
    wait_replay(&mut doctor, id, |one| one["done"].as_u64().unwrap() > 0);
    drop((doctor, owner, lab));
    clinic.kill();
    clinic.start();
    let mut doctor = Person::sign_in(&clinic, "meera", &Person::own_password("meera"));
    let done = wait_replay(&mut doctor, id, |one| one["state"] == "done");
    assert_eq!((&done["done"], &done["counts"]["applied"]), (&json!(many), &json!(many)), "{done}");
    wait_count(&clinic, "Observation?status=final", many as u64);
}

#[test]
fn older_particulars_over_newer_ones_are_counted_and_shown_before_they_are_written() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("ward", json!({"kinds": ["ORU"]})));
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    let mut ward = connect(&mut owner, "ward");
    let older = [
        sample::adt("A08", "O-1", "77", "Rao", "Anil", "9811111111"),
        sample::adt("A08", "O-2", "77", "Rao", "Anil", "9822222222"),
        sample::adt("A08", "O-3", "78", "Sen", "Maya", "9833333333"),
    ];
    for message in &older {
        assert_eq!(ward.send(message).code, "AR", "the channel takes no ADT");
    }
    // What came later is in the record already.
    let mut other = clinic.mllp();
    assert_eq!(other.send(&sample::adt("A04", "N-1", "77", "Rao", "Anil", "9844444444")).code, "AA");
    wait_count(&clinic, "Patient?phone=9844444444", 1);
    put(&mut owner, &listener("ward", json!({})), Some(1)).expect(200);
    let ask = json!({"of": "refused", "channel": "ward"});
    let seen = preview(&mut doctor, &ask)["over"].clone();
    assert_eq!(
        (&seen["patients"], &seen["messages"], &seen["of"]),
        (&json!(1), &json!(2), &json!(3)),
        "{seen}"
    );
    let first = &seen["first"][0];
    assert!(first["patient"]["name"].as_str().unwrap().contains("Rao"), "{seen}");
    assert!(first["at"].as_str() < first["since"].as_str(), "{seen}");
    let seq = &first["seq"];
    let alone = preview(&mut doctor, &json!({"of": "refused", "channel": "ward", "seq": seq}));
    assert_eq!(alone["over"]["patients"], 1, "{alone}");
    // What changes nothing, and who is new, is nobody's loss.
    assert_eq!(
        preview(&mut doctor, &json!({"of": "refused", "channel": "ward", "q": "Sen"}))["over"]["patients"],
        0
    );
    assert_eq!(
        clinic.fhir().get("/fhir/Patient?phone=9811111111&_summary=count").expect(200).json()["total"],
        0
    );
}

#[test]
fn a_refused_fhir_message_is_taken_up_again_and_its_sender_is_told_so() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let token = json!({"name": "lab", "scope": "system/Patient.r", "ttlHours": 1});
    let made = owner.post("/api/tokens", &token).expect(201).json();
    let document = |rules: Value| json!({"name": "lab", "source": {"kind": "http", "tokens": [made["id"]], "takes": "fhir"}, "rules": rules});
    create(&mut owner, &document(json!({"kinds": ["admit"]})));
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    let mut lab = clinic.http().bearer(made["token"].as_str().unwrap());
    let at = "urn:uuid:7f0a2ab0-3f0e-4a3b-9e4e-0c5a4b1d2e3f";
    let message = json!({"resourceType": "Bundle", "type": "message", "identifier": {"value": "B-1"},
        "timestamp": "2026-02-03T09:00:00+05:30", "entry": [
        {"fullUrl": "urn:uuid:5d3f9a0c-5a51-4e6f-8f5e-2f6a7b8c9d0e", "resource": {"resourceType": "MessageHeader", "id": "h",
            "eventCoding": {"system": "urn:e", "code": "register"}, "source": {"endpoint": "urn:lab"}, "focus": [{"reference": at}]}},
        {"fullUrl": at, "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:lab:mrn", "value": "9"}],
            "name": [{"family": "Rao"}]}}]});
    let code = |answer: &Value| answer["entry"][0]["resource"]["response"]["code"].clone();
    assert_eq!(code(&lab.post_fhir("/hl7/v2/lab", &message).expect(200).json()), "fatal-error");
    let ask = json!({"of": "refused", "channel": "lab"});
    let still = preview(&mut doctor, &ask);
    assert_eq!(still["rows"][0]["would"]["outcome"], "refused", "{still}");
    put(&mut owner, &document(json!({})), Some(1)).expect(200);
    let ready = preview(&mut doctor, &ask);
    assert_eq!(ready["rows"][0]["would"]["outcome"], "applied", "{ready}");
    let begun = doctor.post("/api/replays", &json!({"ask": ask, "expect": 1})).expect(201).json();
    let done = wait_replay(&mut doctor, &begun["id"], |one| one["state"] == "done");
    assert_eq!(done["counts"]["applied"], 1, "{done}");
    wait_count(&clinic, "Patient?identifier=urn:lab:mrn|9", 1);
    assert_eq!(code(&lab.post_fhir("/hl7/v2/lab", &message).expect(200).json()), "ok");
    let rows = doctor.get("/api/inbox?channel=lab").expect(200).json()["rows"].as_array().unwrap().clone();
    let states: Vec<&str> = rows.iter().rev().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["dismissed", "applied"], "the old one is kept, and nothing is taken twice");
}
