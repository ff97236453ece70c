//! Operations: where they are found, how they are called, what is said of those that do not exist.

use clinicvault_tests::Clinic;
use serde_json::{Value, json};

use super::{issue, send};

#[test]
fn an_operation_is_found_by_level_type_and_name_and_called_by_get_or_post() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let patient =
        json!({"resourceType": "Patient", "id": "a", "meta": {"tag": [{"system": "urn:x", "code": "t"}]}});
    send(&mut fhir, "PUT", "/fhir/Patient/a", &[], &patient).expect(201);

    let by_get = fhir.get("/fhir/Patient/a/$meta").expect(200).json();
    assert_eq!(by_get["resourceType"], "Parameters");
    assert_eq!(by_get["parameter"][0]["name"], "return");
    assert_eq!(by_get["parameter"][0]["valueMeta"]["tag"][0]["code"], "t");
    let parameters = json!({"resourceType": "Parameters"});
    let by_post = send(&mut fhir, "POST", "/fhir/Patient/a/$meta", &[], &parameters).expect(200).json();
    assert_eq!(by_get, by_post);
    assert_eq!(fhir.send("POST", "/fhir/Patient/a/$meta", &[], b"").expect(200).json(), by_get);
    let xml = fhir.get("/fhir/Patient/a/$meta?_format=xml").expect(200).text();
    assert!(xml.contains("<Parameters") && xml.contains("<valueMeta>"), "{xml}");

    let outcome = issue(fhir.get("/fhir/Patient/a/$nonsense"), 404, "not-found");
    assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("Patient/[id]/$meta"), "{outcome}");
    issue(fhir.get("/fhir/$nonsense"), 404, "not-found");
    issue(fhir.get("/fhir/Patient/$nonsense"), 404, "not-found");
    issue(fhir.get("/fhir/Patients/a/$meta"), 404, "not-found");
    issue(fhir.get("/fhir/Patient/missing/$meta"), 404, "not-found");
    issue(fhir.get("/fhir/Patient/a/$meta?nonsense=1"), 400, "not-supported");
    let unknown = json!({"resourceType": "Parameters", "parameter": [{"name": "x", "valueCode": "y"}]});
    let outcome =
        issue(send(&mut fhir, "POST", "/fhir/Patient/a/$meta", &[], &unknown), 400, "not-supported");
    assert_eq!(outcome["issue"][0]["expression"][0], "Parameters.parameter[0]");
    let answer = fhir.send("PUT", "/fhir/Patient/a/$meta", &[], b"");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    issue(answer, 405, "not-supported");
}

#[test]
fn the_capability_statement_lists_what_the_table_serves() {
    let clinic = Clinic::open();
    let statement = clinic.http().get("/fhir/metadata").expect(200).json();
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    let patient = types.iter().find(|t| t["type"] == "Patient").unwrap();
    let named = |name: &str| {
        let listed: &[Value] = patient["operation"].as_array().unwrap();
        listed.iter().filter(|op| op["name"] == name).count()
    };
    assert_eq!(named("meta"), 1);
}

#[test]
fn an_operation_sees_no_more_than_its_caller() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let patient = json!({"resourceType": "Patient", "id": "a"});
    send(&mut fhir, "PUT", "/fhir/Patient/a", &[], &patient).expect(201);
    issue(clinic.http().get("/fhir/Patient/a/$meta"), 401, "login");
    let token = clinic.new_token("system/Observation.rs");
    let mut narrow = clinic.http().bearer(&token);
    issue(narrow.get("/fhir/Patient/a/$meta"), 403, "forbidden");
    issue(narrow.get("/fhir/Patient/missing/$meta"), 403, "forbidden");
}
