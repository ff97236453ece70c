//! Updates and deletes of the one record that a query names.

use clinicvault_tests::{Clinic, sample};
use serde_json::json;

use super::{issue, send};

fn by(number: &str) -> String {
    format!("/fhir/Patient?identifier=http://tests.example/number%7C{number}")
}

#[test]
fn an_update_by_query_makes_one_record_and_then_changes_it() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let mut body = sample::patient("Rao", "Asha", "9822000001", "7");
    let made = send(&mut fhir, "PUT", &by("7"), &[], &body).expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    body["gender"] = json!("male");
    let changed = send(&mut fhir, "PUT", &by("7"), &[], &body).expect(200);
    assert_eq!((changed.json()["id"].as_str(), changed.header("etag")), (Some(id.as_str()), Some("W/\"2\"")));
    issue(send(&mut fhir, "PUT", &by("7"), &[("If-Match", "W/\"1\"")], &body), 412, "conflict");
    body["id"] = json!("another");
    issue(send(&mut fhir, "PUT", &by("7"), &[], &body), 400, "invalid");
    body["id"] = json!(id);
    body["active"] = json!(true);
    send(&mut fhir, "PUT", &by("7"), &[], &body).expect(200);
    // No match, with an id of the client's own: made under it, unless it belongs to another record.
    let own = json!({"resourceType": "Patient", "id": "own", "identifier": [{"system": "http://tests.example/number", "value": "8"}]});
    send(&mut fhir, "PUT", &by("8"), &[], &own).expect(201);
    assert_eq!(fhir.get("/fhir/Patient/own").expect(200).header("etag"), Some("W/\"1\""));
    issue(send(&mut fhir, "PUT", &by("9"), &[], &own), 409, "conflict");
    body.as_object_mut().unwrap().remove("id");
    fhir.post_fhir("/fhir/Patient", &sample::patient("Rao", "Ravi", "9822000002", "10")).expect(201);
    issue(send(&mut fhir, "PUT", "/fhir/Patient?family=Rao", &[], &body), 412, "multiple-matches");
    issue(send(&mut fhir, "PUT", "/fhir/Patient", &[], &body), 412, "conflict");
    issue(send(&mut fhir, "PUT", "/fhir/Patient?_count=1", &[], &body), 412, "conflict");
    issue(send(&mut fhir, "PUT", "/fhir/Patient?colour=red", &[], &body), 400, "not-supported");
}

#[test]
fn updates_by_one_query_that_race_make_one_record() {
    let clinic = Clinic::open();
    let token = clinic.token();
    let mut answers: Vec<_> = std::thread::scope(|scope| {
        let one = |n: usize| {
            let mut http = clinic.http().bearer(&token);
            move || {
                let mut body = sample::patient("Rao", "Asha", "9822000001", "7");
                body["birthDate"] = json!(format!("199{n}-01-01"));
                let answer = send(&mut http, "PUT", &by("7"), &[], &body);
                (answer.status, answer.json()["id"].clone())
            }
        };
        let all: Vec<_> = (0..6).map(|n| scope.spawn(one(n))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    answers.sort_by_key(|(status, _)| *status);
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 201]);
    assert!(answers.iter().all(|(_, id)| *id == answers[0].1));
}

#[test]
fn a_delete_by_query_takes_one_and_never_everything() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for number in ["1", "2", "3"] {
        fhir.post_fhir("/fhir/Patient", &sample::patient("Rao", "Asha", "9822000001", number)).expect(201);
    }
    let gone = fhir.delete(&by("1")).expect(204);
    assert_eq!(gone.header("etag"), Some("W/\"2\""));
    fhir.delete(&by("1")).expect(204);
    issue(fhir.delete("/fhir/Patient?family=Rao"), 412, "multiple-matches");
    issue(fhir.delete("/fhir/Patient"), 412, "conflict");
    issue(fhir.delete("/fhir/Patient?_sort=family"), 412, "conflict");
    issue(fhir.delete("/fhir/Patient?colour=red"), 400, "not-supported");
    assert_eq!(fhir.get("/fhir/Patient?_summary=count").json()["total"], 2);
    let told = fhir.send("DELETE", &by("2"), &[("Prefer", "return=OperationOutcome")], b"").expect(200);
    assert_eq!(told.json()["resourceType"], "OperationOutcome");
}

#[test]
fn a_query_where_none_is_looked_at_is_refused_and_not_dropped() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = sample::patient("Rao", "Asha", "9822000001", "7");
    // Meant as a condition by some clients: two sends would make two patients.
    let refused = issue(send(&mut fhir, "POST", &by("7"), &[], &body), 400, "invalid");
    assert!(refused["issue"][0]["diagnostics"].as_str().unwrap().contains("If-None-Exist"), "{refused}");
    let made = send(&mut fhir, "POST", "/fhir/Patient?_format=json", &[], &body).expect(201).json();
    let named = format!("/fhir/Patient/{}?gender=male", made["id"].as_str().unwrap());
    issue(send(&mut fhir, "PUT", &named, &[], &made), 400, "invalid");
    let patch = json!({"resourceType": "Parameters"});
    issue(send(&mut fhir, "PATCH", &named, &[], &patch), 400, "invalid");
    issue(fhir.send("DELETE", &named, &[], b""), 400, "invalid");
    assert_eq!(fhir.get("/fhir/Patient?_summary=count").json()["total"], 1);
}

#[test]
fn a_condition_may_follow_links_within_the_rights_of_who_asks() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let pulse = |id: Option<&str>, patient: &str, value: u32| {
        let mut body = json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "pulse"}]},
            "subject": {"reference": format!("Patient/{patient}")}, "valueInteger": value});
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        body
    };
    for (id, number) in [("p7", "7"), ("p8", "8")] {
        let mut body = sample::patient("Rao", "Asha", "9822000001", number);
        body["id"] = json!(id);
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &body).expect(201);
    }
    for (id, patient) in [("o7", "p7"), ("o8", "p8")] {
        let body = pulse(Some(id), patient, 60);
        send(&mut fhir, "PUT", &format!("/fhir/Observation/{id}"), &[], &body).expect(201);
    }
    let of = |number: &str| format!("/fhir/Observation?code=pulse&subject:Patient.identifier={number}");
    let changed = send(&mut fhir, "PUT", &of("7"), &[], &pulse(None, "p7", 70)).expect(200).json();
    assert_eq!(changed["id"], "o7");
    let by_observation = "/fhir/Patient?family=Rao&_has:Observation:patient:value-quantity:missing=true";
    issue(
        send(&mut fhir, "PUT", by_observation, &[], &sample::patient("Rao", "A", "1", "7")),
        412,
        "multiple-matches",
    );
    fhir.send("DELETE", &of("8"), &[], b"").expect(204);
    fhir.get("/fhir/Observation/o8").expect(410);
    fhir.get("/fhir/Observation/o7").expect(200);
    let named = send(&mut fhir, "PUT", by_observation, &[], &sample::patient("Rao", "B", "1", "7"))
        .expect(200)
        .json();
    assert_eq!(named["id"], "p7");
    let again = [("If-None-Exist", "code=pulse&patient.identifier=7")];
    send(&mut fhir, "POST", "/fhir/Observation", &again, &pulse(None, "p7", 80)).expect(200);
    // Something of the record's own narrows it first.
    issue(
        send(&mut fhir, "PUT", "/fhir/Observation?patient.identifier=7", &[], &pulse(None, "p7", 1)),
        412,
        "conflict",
    );
    // Who may not see the patient finds no record through them.
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Observation.cruds"));
    send(&mut narrow, "PUT", &of("7"), &[], &pulse(None, "p7", 90)).expect(201);
}
