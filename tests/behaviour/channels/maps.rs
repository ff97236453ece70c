//! A clinic's own codes and rules for Z-segments: written over the interface, in force from the next message on.

use std::process::Output;

use clinicvault_tests::binary::clinicvault;
use clinicvault_tests::{Clinic, Person, sample};
use serde_json::{Value, json};

use super::{connect, create, wait_count};

fn maps() -> Value {
    json!({
        "concepts": [
            {"table": "sex", "code": "Stri", "to": {"code": "female"}},
            {"codeSystem": "99CP", "code": "HB", "to": {"system": "http://loinc.org", "code": "718-7"}}
        ],
        "zsegments": [
            {"field": "ZPI-2", "resource": "Patient", "extension": {"url": "urn:clinic:token", "type": "string"}},
            {"field": "ZPI-3", "resource": "Patient", "identifier": {"system": "urn:clinic:ration-card"}}
        ]
    })
}

fn put(person: &mut Person<'_>, document: &Value, version: Option<u64>) -> clinicvault_tests::Answer {
    let tag = version.map(|version| format!("W/\"{version}\""));
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(tag.as_deref().map(|tag| ("If-Match", tag)));
    person.http.send("PUT", "/api/hl7/maps", &headers, document.to_string().as_bytes())
}

#[test]
fn a_z_field_and_a_local_code_find_their_place_from_the_next_message_on() {
    let mut clinic = Clinic::open();
    {
        let mut owner = clinic.owner();
        create(&mut owner, &json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0"}}));
        let mut lab = connect(&mut owner, "lab");
        let first = sample::adt("A04", "M-1", "70001", "Sathe", "Uma", "1").replace("|F|", "|Stri|");
        assert_eq!(lab.send(&format!("{first}ZPI|1|T-1|RC-1\r")).code, "AA");
        wait_count(&clinic, "Patient?identifier=70001", 1);
        wait_count(&clinic, "Patient?gender=female", 0);

        assert_eq!(owner.get("/api/hl7/maps").expect(200).json(), json!({"concepts": [], "zsegments": []}));
        put(&mut owner, &maps(), Some(1)).expect(412);
        assert_eq!(put(&mut owner, &maps(), None).expect(201).header("etag"), Some("W/\"1\""));
        put(&mut owner, &maps(), None).expect(412);

        let second = sample::adt("A04", "M-2", "70002", "Kale", "Asha", "2").replace("|F|", "|Stri|");
        assert_eq!(lab.send(&format!("{second}ZPI|1|T-2|RC-2\r")).code, "AA");
        wait_count(&clinic, "Patient?identifier=urn:clinic:ration-card|RC-2", 1);
        let found = clinic.fhir().get("/fhir/Patient?gender=female").expect(200).json();
        let patient = &found["entry"][0]["resource"];
        let token = json!({"url": "urn:clinic:token", "valueString": "T-2"});
        assert!(patient["extension"].as_array().unwrap().contains(&token), "{patient}");
        let result =
            sample::oru("M-3", "70002", "Kale", "Asha", "131").replace("718-7^Hemoglobin^LN", "HB^Hb^99CP");
        assert_eq!(lab.send(&result.replace("CITYPATH^MR", "CITYHOSP^MR")).code, "AA");
        wait_count(&clinic, "Observation?code=http://loinc.org|718-7", 1);

        // A second version; the first stays readable, and who changed what is on the log.
        let mut more = maps();
        more["concepts"][0]["code"] = json!("Bai");
        put(&mut owner, &more, Some(1)).expect(200);
        let versions = owner.get("/api/hl7/maps/versions").expect(200).json();
        assert_eq!(versions["versions"][0]["changed"], json!(["concepts"]));
        assert_eq!(owner.get("/api/hl7/maps/versions/1").expect(200).json(), maps());
        owner.add_staff("asha", &["auditor"]);
        owner.add_staff("meera", &["doctor"]);
        let mut auditor = Person::sign_in(&clinic, "asha", &Person::temporary_password("asha"));
        put(&mut auditor, &maps(), Some(2)).expect(403);
        let lines = auditor.http.get("/fhir/AuditEvent?_count=200").expect(200).text();
        assert!(lines.contains("hl7.maps changed as 2: concepts"), "{lines}");
        let mut doctor = Person::sign_in(&clinic, "meera", &Person::temporary_password("meera"));
        doctor.get("/api/hl7/maps").expect(403);
    }
    // They are there after a restart.
    clinic.stop();
    clinic.start();
    let mut owner = clinic.owner();
    assert_eq!(owner.get("/api/hl7/maps").expect(200).json()["concepts"][0]["code"], "Bai");
    let mut lab = connect(&mut owner, "lab");
    let third = sample::adt("A04", "M-4", "70003", "Rao", "Leela", "3").replace("|F|", "|Bai|");
    assert_eq!(lab.send(&third).code, "AA");
    wait_count(&clinic, "Patient?gender=female", 2);
}

#[test]
fn maps_that_cannot_be_are_refused_with_every_place() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let document = json!({"concepts": [{"table": "sexx", "code": "W", "to": {"code": "female"}}],
        "zsegments": [{"field": "PID-3", "resource": "Patient", "identifier": {"system": "urn:x"}}]});
    let refused = put(&mut owner, &document, None).expect(422).json();
    let places: Vec<&str> =
        refused["issues"].as_array().unwrap().iter().filter_map(|i| i["place"].as_str()).collect();
    assert_eq!(places, ["concepts[0].table", "zsegments[0].field"], "{refused}");
    let file = clinic.scratch().join("maps.json");
    let message = clinic.scratch().join("message.hl7");
    std::fs::write(&message, format!("{}ZPI|1|T-9\r", sample::adt("A04", "M-9", "7", "Rao", "Uma", "1")))
        .unwrap();
    std::fs::write(&file, document.to_string()).unwrap();
    let (file, message) = (file.to_str().unwrap().to_owned(), message.to_str().unwrap().to_owned());
    let output = hl7("convert", &file, &message);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("concepts[0].table"));
    std::fs::write(&file, maps().to_string()).unwrap();
    let printed = |verb| String::from_utf8(hl7(verb, &file, &message).stdout).unwrap();
    let bundle = printed("convert");
    assert!(bundle.contains("urn:clinic:token"), "{bundle}");
    let report = printed("report");
    assert!(!report.contains("T-9") && report.contains("ZPI-1"), "{report}");
}

/// Needs no box: a message by the maps of a file.
fn hl7(verb: &str, maps: &str, message: &str) -> Output {
    clinicvault().args(["hl7", verb, "--maps", maps, message]).output().expect("the box's binary runs")
}

#[test]
fn maps_that_are_not_saved_are_tried_on_stored_messages() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let mut lab = clinic.mllp();
    let people = [("Stri", "Sathe", "Uma"), ("F", "Kale", "Asha"), ("Stri", "Deshmukh", "Rohini")];
    for (n, (sex, family, given)) in people.into_iter().enumerate() {
        let (id, number, phone) = (format!("T-{n}"), format!("70{n}"), format!("982201234{n}"));
        let text = sample::adt("A04", &id, &number, family, given, &phone);
        assert!(text.contains("|F|"), "{text}");
        assert_eq!(lab.send(&text.replace("|F|", &format!("|{sex}|"))).code, "AA");
    }
    wait_count(&clinic, "Patient?birthdate=1984-03-07", 3);
    let wanted =
        json!({"concepts": [{"table": "sex", "code": "Stri", "to": {"code": "female"}}], "zsegments": []});
    owner.add_staff("vilas", &["doctor", "owner"]);
    let mut both = Person::sign_in(&clinic, "vilas", &Person::temporary_password("vilas"));
    let tried = both.post("/api/hl7/maps/try", &wanted).expect(200).json();
    assert_eq!((&tried["looked"], &tried["changed"]), (&json!(3), &json!(2)), "{tried}");
    let place = &tried["messages"][0]["places"];
    assert!(
        place.to_string().contains(r#""at":"Patient.gender""#) && place.to_string().contains("female"),
        "{tried}"
    );
    let seq = tried["messages"][0]["row"]["seq"].clone();
    let one = both.post(&format!("/api/hl7/maps/try?seq={seq}"), &wanted).expect(200).json();
    assert_eq!((&one["looked"], &one["changed"]), (&json!(1), &json!(1)), "{one}");
    both.post("/api/hl7/maps/try?seq=999", &wanted).expect(404);
    let wrong = json!({"concepts": [{"table": "sex", "code": "Stri", "to": {"code": "woman"}}]});
    both.post("/api/hl7/maps/try", &wrong).expect(422);
    // Nothing holds, and nothing is stored.
    assert_eq!(both.get("/api/hl7/maps").expect(200).json(), json!({"concepts": [], "zsegments": []}));
    assert_eq!(
        clinic.fhir().get("/fhir/Patient?gender=female&_summary=count").expect(200).json()["total"],
        1
    );
    // Who may change settings and not read messages is refused, and so is who reads messages alone.
    let mut doctor = clinic.staff("meera", &["doctor"]);
    doctor.post("/api/hl7/maps/try", &wanted).expect(403);
}
