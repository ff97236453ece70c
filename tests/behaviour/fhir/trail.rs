//! AuditEvents: what was done on the box, for those who may look.

use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

/// The events of a search, without those that tell of looking at the trail itself: what reads note is committed a moment later,
/// so the looks before this one may be among them already, or not yet.
fn until(fhir: &mut Http, path: &str, wanted: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let found = fhir.get(path).expect(200).json();
        let own = |event: &Value| event["entity"][0]["description"] == "AuditEvent";
        let entries = found["entry"].as_array().into_iter().flatten();
        let rows: Vec<Value> =
            entries.map(|entry| entry["resource"].clone()).filter(|event| !own(event)).collect();
        if rows.len() >= wanted || begun.elapsed() > Duration::from_secs(20) {
            return rows;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_access_is_an_audit_event_that_can_be_found_and_never_changed() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    fhir.put_fhir("/fhir/Patient/a", &json!({"resourceType": "Patient", "id": "a"})).expect(201);
    fhir.get("/fhir/Patient/a").expect(200);
    fhir.get("/fhir/Observation?patient=a&code=8310-5").expect(200);
    fhir.delete("/fhir/Patient/a").expect(204);

    let mut audit = clinic.http().bearer(&clinic.new_token("system/AuditEvent.rs"));
    for (query, wanted) in [
        ("patient=a&subtype=create", 1),
        ("entity=Patient/a&action=R", 1),
        ("action=D&outcome=0&type=rest", 1),
        ("subtype=search", 1),
    ] {
        let found = until(&mut audit, &format!("/fhir/AuditEvent?{query}"), wanted);
        assert_eq!(found.len(), wanted, "{query}: {found:?}");
        let event = &found[0];
        assert_eq!(event["resourceType"], "AuditEvent");
        assert!(event["agent"][0]["network"]["address"].as_str().unwrap().contains("127.0.0.1"), "{event}");
    }
    let found = audit.get("/fhir/AuditEvent?action=D").expect(200).json();
    let event = found["entry"][0]["resource"].clone();
    let path = format!("/fhir/AuditEvent/{}", event["id"].as_str().unwrap());
    assert_eq!(audit.get(&path).expect(200).json(), event);

    // The program may not look at anything else, and another one not at the trail.
    issue(audit.get("/fhir/Patient"), 403, "forbidden");
    let mut other = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    issue(other.get("/fhir/AuditEvent"), 403, "forbidden");
    issue(other.get(&path), 403, "forbidden");

    // Nobody writes it, not even who may do everything.
    issue(send(&mut fhir, "PUT", &path, &[], &event), 405, "not-supported");
    issue(send(&mut fhir, "POST", "/fhir/AuditEvent", &[], &event), 405, "not-supported");
    issue(fhir.delete(&path), 405, "not-supported");
    let entry = json!({"resource": event, "request": {"method": "POST", "url": "AuditEvent"}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    issue(send(&mut fhir, "POST", "/fhir", &[], &bundle), 405, "not-supported");
    let patch = json!([{"op": "replace", "path": "/outcome", "value": "8"}]).to_string();
    let refused =
        fhir.send("PATCH", &path, &[("Content-Type", "application/json-patch+json")], patch.as_bytes());
    issue(refused, 405, "not-supported");
    assert_eq!(audit.get(&path).expect(200).json(), event);
}

#[test]
fn the_owner_reads_the_trail_and_a_doctor_their_own_part() {
    let clinic = Clinic::open();
    clinic.fhir().put_fhir("/fhir/Patient/a", &json!({"resourceType": "Patient", "id": "a"})).expect(201);
    let mut doctor = clinic.staff("asha", &["doctor"]);
    let mut owner = clinic.owner();
    doctor.http.get("/fhir/Patient/a").expect(200);
    let seen = until(&mut owner.http, "/fhir/AuditEvent?patient=a&action=R", 1);
    assert_eq!(seen[0]["purposeOfEvent"][0]["coding"][0]["code"], "TREAT", "{seen:?}");
    let own = until(&mut doctor.http, "/fhir/AuditEvent?patient=a", 1);
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(owner.http.get("/fhir/AuditEvent?patient=a&action=C").expect(200).json()["total"], 1);
}
