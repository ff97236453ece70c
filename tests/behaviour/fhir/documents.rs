//! `Composition/$document` and `Patient/$summary`.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn put(fhir: &mut Http, body: Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = send(fhir, "PUT", &path, &[], &body);
    assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text());
}

fn urls(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let url = |e: &Value| e["fullUrl"].as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|e| url(e).split_once("/fhir/").map_or_else(|| url(e), |(_, path)| path.to_owned()))
        .collect()
}

fn filled(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    for id in ["a", "b"] {
        put(&mut fhir, json!({"resourceType": "Patient", "id": id, "name": [{"text": "Rao"}]}));
    }
    put(&mut fhir, json!({"resourceType": "Practitioner", "id": "dr", "name": [{"text": "Dr"}]}));
    put(
        &mut fhir,
        json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/a"},
        "code": {"text": "Asthma <b>"}, "recorder": {"reference": "Practitioner/dr"},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}}),
    );
    put(
        &mut fhir,
        json!({"resourceType": "Condition", "id": "other", "subject": {"reference": "Patient/b"}, "code": {"text": "x"}}),
    );
    put(
        &mut fhir,
        json!({"resourceType": "Composition", "id": "note", "status": "final", "type": {"text": "Note"},
        "subject": {"reference": "Patient/a"}, "date": "2024", "title": "Note", "author": [{"reference": "Practitioner/dr"}],
        "section": [{"title": "s", "entry": [{"reference": "Condition/c"}]}]}),
    );
    fhir
}

#[test]
fn a_document_begins_with_its_composition_and_holds_each_record_once() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let document = fhir.get("/fhir/Composition/note/$document").expect(200).json();
    assert_eq!((&document["resourceType"], &document["type"]), (&json!("Bundle"), &json!("document")));
    assert_eq!(document["identifier"]["system"], "urn:ietf:rfc:3986");
    let found = urls(&document);
    assert_eq!(found[0], "Composition/note");
    let mut rest = found[1..].to_vec();
    rest.sort();
    assert_eq!(rest, ["Condition/c", "Patient/a", "Practitioner/dr"]);
    assert_eq!(urls(&fhir.get("/fhir/Composition/$document?id=note").expect(200).json()), found);
    issue(fhir.get("/fhir/Composition/note/$document?persist=true"), 400, "invalid");
    let persist =
        json!({"resourceType": "Parameters", "parameter": [{"name": "persist", "valueBoolean": true}]});
    let stored = send(&mut fhir, "POST", "/fhir/Composition/note/$document", &[], &persist).expect(200);
    assert!(stored.header("location").unwrap().contains("/fhir/Bundle/"));
    let id = stored.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(urls(&fhir.get(&format!("/fhir/Bundle/{id}")).expect(200).json()), found);
    issue(fhir.get("/fhir/Composition/none/$document"), 404, "not-found");
    fhir.delete("/fhir/Condition/c").expect(204);
    let outcome = issue(fhir.get("/fhir/Composition/note/$document"), 422, "not-found");
    assert_eq!(outcome["issue"][0]["expression"][0], "Composition.section.entry");
}

#[test]
fn a_summary_has_its_required_sections_and_passes_our_own_check() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let document = fhir.get("/fhir/Patient/a/$summary").expect(200).json();
    let composition = &document["entry"][0]["resource"];
    assert_eq!(composition["type"]["coding"][0]["code"], "60591-5");
    let codes: Vec<_> = composition["section"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["code"]["coding"][0]["code"].clone())
        .collect();
    assert_eq!(codes, ["11450-4", "48765-2", "10160-0"]);
    let problems = &composition["section"][0];
    assert!(problems["text"]["div"].as_str().unwrap().contains("Asthma &lt;b&gt;"));
    assert!(problems["entry"][0]["reference"].as_str().unwrap().ends_with("/fhir/Condition/c"));
    assert_eq!(composition["section"][1]["emptyReason"]["coding"][0]["code"], "unavailable");
    assert!(!document.to_string().contains("Condition/other"));
    send(&mut fhir, "POST", "/fhir/Bundle", &[], &document).expect(201);
    issue(fhir.get("/fhir/Patient/none/$summary"), 404, "not-found");

    let token = clinic.new_token("system/Patient.rs system/AllergyIntolerance.rs");
    let narrow = clinic.http().bearer(&token).get("/fhir/Patient/a/$summary").expect(200).json();
    let reasons =
        |at: usize| narrow["entry"][0]["resource"]["section"][at]["emptyReason"]["coding"][0]["code"].clone();
    assert_eq!((reasons(0), reasons(1)), (json!("withheld"), json!("unavailable")));
    assert!(!narrow.to_string().contains("Asthma"));
    let token = clinic.new_token("system/Condition.rs");
    issue(clinic.http().bearer(&token).get("/fhir/Patient/a/$summary"), 403, "forbidden");
}
