//! `$meta`, `$meta-add`, `$meta-delete`.

use clinicvault_tests::Clinic;
use serde_json::{Value, json};

use super::{issue, send};

fn labelled(tag: &str) -> Value {
    json!({"resourceType": "Parameters", "parameter": [
        {"name": "meta", "valueMeta": {"tag": [{"system": "urn:x", "code": tag}]}}
    ]})
}

#[test]
fn labels_are_put_on_and_taken_off_under_the_writer() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let patient = json!({"resourceType": "Patient", "id": "a", "active": true});
    send(&mut fhir, "PUT", "/fhir/Patient/a", &[], &patient).expect(201);
    let url = "/fhir/Patient/a/$meta-add";

    let answer = send(&mut fhir, "POST", url, &[], &labelled("one")).expect(200);
    assert_eq!(answer.header("etag"), Some("W/\"2\""));
    let meta = answer.json()["parameter"][0]["valueMeta"].clone();
    assert_eq!((&meta["tag"][0]["code"], &meta["versionId"]), (&json!("one"), &json!("2")));
    let again = send(&mut fhir, "POST", url, &[], &labelled("one")).expect(200);
    assert_eq!(again.header("etag"), Some("W/\"2\""), "what is already so makes no version");
    send(&mut fhir, "POST", url, &[("If-Match", "W/\"1\"")], &labelled("two")).expect(412);
    send(&mut fhir, "POST", url, &[("If-Match", "W/\"2\"")], &labelled("two")).expect(200);
    let found = fhir.get("/fhir/Patient?_tag=urn:x|two").expect(200).json();
    assert_eq!(found["total"], 1);

    let of_type = fhir.get("/fhir/Patient/$meta").expect(200).json();
    assert_eq!(of_type["parameter"][0]["valueMeta"]["tag"].as_array().unwrap().len(), 2);
    let whole = fhir.get("/fhir/$meta").expect(200).json();
    assert_eq!(whole, of_type);

    let url = "/fhir/Patient/a/$meta-delete";
    send(&mut fhir, "POST", url, &[], &labelled("one")).expect(200);
    send(&mut fhir, "POST", url, &[], &labelled("two")).expect(200);
    let patient = fhir.get("/fhir/Patient/a").json();
    assert!(patient["meta"]["tag"].is_null() && patient["active"] == true, "{patient}");
    assert_eq!(fhir.get("/fhir/Patient/a/_history").json()["total"], 5);
}

#[test]
fn a_change_of_labels_is_a_change() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let patient = json!({"resourceType": "Patient", "id": "a"});
    send(&mut fhir, "PUT", "/fhir/Patient/a", &[], &patient).expect(201);
    let answer = fhir.get("/fhir/Patient/a/$meta-add");
    assert_eq!(answer.header("allow"), Some("POST"));
    issue(answer, 405, "not-supported");
    let empty = json!({"resourceType": "Parameters"});
    issue(send(&mut fhir, "POST", "/fhir/Patient/a/$meta-add", &[], &empty), 400, "required");
    issue(send(&mut fhir, "POST", "/fhir/Patient/b/$meta-add", &[], &labelled("x")), 404, "not-found");
    let token = clinic.new_token("system/Patient.rs");
    let mut reader = clinic.http().bearer(&token);
    issue(send(&mut reader, "POST", "/fhir/Patient/a/$meta-add", &[], &labelled("x")), 403, "forbidden");
    reader.get("/fhir/Patient/a/$meta").expect(200);
}
