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
