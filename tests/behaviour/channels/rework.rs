//! What a channel passes over and what it changes, tried in place and then done.

use clinicvault_tests::{Clinic, Person, sample};
use serde_json::json;

use super::{connect, create, line, put, wait_count};

#[test]
fn a_channel_is_tried_before_it_is_changed_and_then_does_as_it_said() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let plain = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0"}});
    create(&mut owner, &plain);
    let mut changed = plain.clone();
    changed["filter"] = json!({"kinds": ["ADT"], "when": [{"at": "PID-8", "is": ["F"]}]});
    changed["transform"] = json!([
        {"do": "map", "at": "PID-5.1", "table": {"Sathe": "Sathe-Rao"}},
        {"do": "set", "at": "PID-3.4", "value": "WARD"},
        {"do": "delete", "at": "PID-11"}
    ]);
    let message = sample::adt("A04", "X-1", "88120", "Sathe", "Uma", "9822012345");
    let attempt = json!({"message": message, "document": changed});
    let tried = owner.post("/api/channels/lab/try", &attempt).expect(200).json();
    assert_eq!((&tried["passes"], &tried["refused"]), (&json!(true), &json!([])));
    assert!(tried["before"][2].as_str().unwrap().contains("|Sathe^Uma|"), "{tried}");
    assert!(tried["after"][2].as_str().unwrap().contains("88120^^^WARD^MR||Sathe-Rao^Uma|"), "{tried}");
    assert!(tried["fhir"].as_str().unwrap().contains("Sathe-Rao"));
    let nothing = clinic.fhir().get("/fhir/Patient?_summary=count").expect(200).json();
    assert_eq!(nothing["total"], 0, "nothing was stored");
    put(&mut owner, &changed, Some(1)).expect(200);
    let mut lab = connect(&mut owner, "lab");
    assert_eq!(lab.send(&message).code, "AA");
    wait_count(&clinic, "Patient?family:exact=Sathe-Rao", 1);
    let other =
        sample::adt("A04", "X-2", "88121", "Kale", "Anil", "1").replace("|19840307|F|", "|19840307|M|");
    assert_eq!(lab.send(&other).code, "AA", "what is passed over is answered");
    let result = sample::oru("X-3", "88120", "Sathe", "Uma", "131");
    assert_eq!(lab.send(&result).code, "AA");
    assert_eq!(line(&mut owner, "lab")["counts"]["passedOver"], 2);
    wait_count(&clinic, "Patient?gender=male", 0);
    owner.add_staff("meera", &["doctor"]);
    let mut doctor = Person::sign_in(&clinic, "meera", &Person::temporary_password("meera"));
    let found = doctor.get("/api/inbox?state=all&q=88121").expect(200).json();
    assert_eq!(found["rows"].as_array().map(Vec::len), Some(1), "what is passed over can be found: {found}");
    let attempt = json!({"message": result});
    assert_eq!(owner.post("/api/channels/lab/try", &attempt).expect(200).json()["passes"], false);
    assert_eq!(
        owner.post("/api/channels/lab/try", &json!({"seq": 1})).status,
        403,
        "an owner reads no messages"
    );
}

#[test]
fn operations_that_cannot_be_are_refused_with_their_places() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let document = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0"},
        "filter": {"when": [{"at": "PV1"}]},
        "transform": [{"do": "set", "at": "MSH-2", "value": "x"}, {"do": "copy", "at": "PID-3", "from": "OBX[*]-5"}]});
    let answer = put(&mut owner, &document, None).expect(422).json();
    let places: Vec<_> = answer["issues"].as_array().unwrap().iter().map(|i| i["place"].clone()).collect();
    assert_eq!(places, ["filter.when[0].at", "transform[0].at", "transform[1].from"]);
    let unknown = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0"}, "transform": [{"do": "burn", "at": "PID-3"}]});
    assert_eq!(put(&mut owner, &unknown, None).expect(422).json()["error"]["field"], "transform[0].do");
}

#[test]
fn a_rule_decides_and_computes_and_one_that_fails_refuses_the_message() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let script = r#"
        for obx in segments("OBX") {
            if get(obx + "-6") == "mg/dL" { set(obx + "-5", fixed(parse_float(get(obx + "-5")) / 18.0182, 1)); }
        }
        if get("MSH-9.1") == "ADT" { set("PID-5.2", get("PID-5.2") + "rao"); }
        if get("PID-5.1") == "Kale" { throw "never" }"#;
    let document = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0"},
        "filter": {"rule": "get(\"MSH-9.1\") == \"ADT\" || segments(\"OBX\").len() > 1"},
        "transform": [{"do": "set", "at": "PID-18", "value": "A"}, {"do": "rule", "script": script}]});
    create(&mut owner, &document);
    let result = sample::oru("R-1", "88120", "Sathe", "Uma", "131");
    let tried = owner.post("/api/channels/lab/try", &json!({"message": result})).expect(200).json();
    assert_eq!(tried["refused"], json!([]), "{tried}");
    assert!(tried["after"].to_string().contains("|7.3|"), "{tried}");
    let mut lab = connect(&mut owner, "lab");
    assert_eq!(lab.send(&sample::adt("A04", "R-2", "88120", "Sathe", "Uma", "1")).code, "AA");
    wait_count(&clinic, "Patient?given:exact=Umarao", 1);
    let order =
        sample::adt("A04", "R-4", "88122", "Rane", "Ila", "2").replace("ADT^A04^ADT_A01", "SIU^S12^SIU_S12");
    assert_eq!(lab.send(&order).code, "AA", "what the filter's rule passes over is answered");
    assert_eq!(line(&mut owner, "lab")["counts"]["passedOver"], 1);
    let failed = lab.send(&sample::adt("A04", "R-3", "88121", "Kale", "Anil", "1"));
    assert_eq!(failed.code, "AR");
    assert!(failed.text.contains("Operation 2") && failed.text.contains("line 6"), "{}", failed.text);
    assert!(!failed.text.contains("never"), "a value of the rule may be the patient's: {}", failed.text);
    wait_count(&clinic, "Patient?family:exact=Kale", 0);

    let mut wrong = document;
    wrong["filter"]["rule"] = json!("get(");
    wrong["transform"][1]["script"] = json!("let a = 1;\nlet = 2;");
    let answer = put(&mut owner, &wrong, Some(1)).expect(422).json();
    let issues = answer["issues"].as_array().unwrap();
    let places: Vec<_> = issues.iter().map(|issue| issue["place"].clone()).collect();
    assert_eq!(places, ["filter.rule", "transform[1].script"]);
    assert!(issues[1].to_string().contains("line 2"), "{issues:?}");
}
