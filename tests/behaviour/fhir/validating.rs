//! `$validate`, and what stored profiles and value sets do to a write.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn profile(elements: Value) -> Value {
    json!({"resourceType": "StructureDefinition", "id": "named", "url": "http://p.example/named", "name": "Named", "status": "active",
        "kind": "resource", "abstract": false, "type": "Patient", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "differential": {"element": elements}})
}

fn texts(outcome: &Value) -> String {
    outcome["issue"].to_string()
}

fn validate(fhir: &mut Http, path: &str, body: &Value) -> Value {
    let outcome = send(fhir, "POST", path, &[], body).expect(200).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    outcome
}

#[test]
fn a_resource_is_judged_and_nothing_is_stored() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let good = json!({"resourceType": "Patient", "gender": "female", "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">A</div>"}});
    let told = validate(&mut fhir, "/fhir/Patient/$validate", &good);
    assert_eq!(told["issue"][0]["severity"], "information", "{told}");
    let bad = json!({"resourceType": "Patient", "gender": "lady", "colour": 1});
    let told = validate(&mut fhir, "/fhir/Patient/$validate", &bad);
    assert!(texts(&told).contains("Patient.gender") && texts(&told).contains("colour"), "{told}");
    let named = json!({"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "create"}, {"name": "resource", "resource": bad}]});
    assert!(texts(&validate(&mut fhir, "/fhir/Patient/$validate", &named)).contains("Patient.gender"));
    assert!(
        texts(&validate(&mut fhir, "/fhir/Observation/$validate", &good))
            .contains("the resource is a Patient")
    );
    assert_eq!(fhir.get("/fhir/Patient?_summary=count").json()["total"], 0);
    let made = fhir.post_fhir("/fhir/Patient", &good).expect(201).json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        fhir.get(&format!("/fhir/Patient/{id}/$validate")).expect(200).json()["issue"][0]["severity"],
        "information"
    );
    fhir.get(&format!("/fhir/Patient/{id}/$validate?mode=delete")).expect(200);
    let other = json!({"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "update"}, {"name": "resource", "resource": good}]});
    assert!(
        texts(&validate(&mut fhir, &format!("/fhir/Patient/{id}/$validate"), &other))
            .contains("not the id in the address")
    );
    issue(fhir.get("/fhir/Patient/none/$validate"), 404, "not-found");
    issue(send(&mut fhir, "POST", "/fhir/Patient/$validate?mode=delete", &[], &good), 400, "invalid");
    let unknown = validate(&mut fhir, "/fhir/Patient/$validate?profile=http://p.example/none", &good);
    assert!(texts(&unknown).contains("is not known here"), "{unknown}");
}

#[test]
fn a_profile_holds_from_its_commit_and_its_snapshot_is_made() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, "[fhir]\nvalidation = \"profiles\"\n").unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut fhir = clinic.fhir();
    let broken = profile(json!([{"id": "Patient.nme", "path": "Patient.nme", "min": 1}]));
    let refused = send(&mut fhir, "PUT", "/fhir/StructureDefinition/named", &[], &broken).expect(422).json();
    assert!(texts(&refused).contains("no element \\\"nme\\\""), "{refused}");
    let mut orphan = profile(json!([{"id": "Patient.name", "path": "Patient.name", "min": 1}]));
    orphan["baseDefinition"] = json!("http://p.example/none");
    let refused = send(&mut fhir, "PUT", "/fhir/StructureDefinition/named", &[], &orphan).expect(422).json();
    assert!(texts(&refused).contains("http://p.example/none is not known here"), "{refused}");

    let patient = json!({"resourceType": "Patient", "meta": {"profile": ["http://p.example/named"]}});
    fhir.post_fhir("/fhir/Patient", &patient).expect(201);
    let good = profile(json!([{"id": "Patient.name", "path": "Patient.name", "min": 1}]));
    let stored = send(&mut fhir, "PUT", "/fhir/StructureDefinition/named", &[], &good).expect(201).json();
    let elements = stored["snapshot"]["element"].as_array().unwrap();
    assert!(elements.iter().any(|e| e["id"] == "Patient.name" && e["min"] == 1 && e["max"] == "*"));
    assert!(elements.iter().any(|e| e["id"] == "Patient.birthDate"));
    let refused = fhir.post_fhir("/fhir/Patient", &patient).expect(422).json();
    assert!(texts(&refused).contains("http://p.example/named"), "{refused}");
    let named = json!({"resourceType": "Patient", "meta": {"profile": ["http://p.example/named"]}, "name": [{"text": "A"}]});
    fhir.post_fhir("/fhir/Patient", &named).expect(201);
    // A change and a delete hold at once, too.
    let looser = profile(json!([{"id": "Patient.gender", "path": "Patient.gender", "min": 1}]));
    send(&mut fhir, "PUT", "/fhir/StructureDefinition/named", &[], &looser).expect(200);
    assert!(texts(&fhir.post_fhir("/fhir/Patient", &named).expect(422).json()).contains("gender"));
    fhir.delete("/fhir/StructureDefinition/named").expect(204);
    fhir.post_fhir("/fhir/Patient", &patient).expect(201);
}

#[test]
fn a_stored_value_set_serves_a_binding() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let set = json!({"resourceType": "ValueSet", "id": "s", "url": "http://v.example/s", "status": "active",
        "compose": {"include": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "concept": [{"code": "M"}]}]}});
    send(&mut fhir, "PUT", "/fhir/ValueSet/s", &[], &set).expect(201);
    let bound = profile(
        json!([{"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "binding": {"strength": "required", "valueSet": "http://v.example/s"}}]),
    );
    send(&mut fhir, "PUT", "/fhir/StructureDefinition/named", &[], &bound).expect(201);
    let patient = |code: &str| json!({"resourceType": "Patient", "maritalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": code}]}});
    let errors =
        |told: &Value| told["issue"].as_array().unwrap().iter().filter(|i| i["severity"] == "error").count();
    let path = "/fhir/Patient/$validate?profile=http://p.example/named";
    assert_eq!(errors(&validate(&mut fhir, path, &patient("M"))), 0);
    let told = validate(&mut fhir, path, &patient("S"));
    assert!(errors(&told) == 1 && texts(&told).contains("not in the value set"), "{told}");
    // To whom a definition is not to be read, its rules are not told either.
    let told_to = |scope: &str| {
        let mut program = clinic.http().bearer(&clinic.new_token(scope));
        texts(&validate(&mut program, path, &patient("S")))
    };
    let narrow = told_to("system/Patient.rs");
    assert!(narrow.contains("is not known here") && !narrow.contains("not in the value set"), "{narrow}");
    let without_set = told_to("system/Patient.rs system/StructureDefinition.r");
    assert!(
        !without_set.contains("not in the value set") && !without_set.contains("profile http://p.example"),
        "{without_set}"
    );
    let one_of_them = told_to("system/Patient.rs system/StructureDefinition.r?_id=other system/ValueSet.r");
    assert!(one_of_them.contains("is not known here"), "{one_of_them}");
    let all = told_to("system/Patient.rs system/StructureDefinition.r?_id=named system/ValueSet.r?_id=s");
    assert!(all.contains("not in the value set"), "{all}");
}
