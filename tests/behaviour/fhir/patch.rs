//! PATCH: what changes, what is refused, and what a race decides.

use base64::Engine;
use clinicvault_tests::{Answer, Clinic, Http, sample};
use serde_json::{Value, json};

use super::issue;

const PATCH: (&str, &str) = ("Content-Type", "application/json-patch+json");

fn patch(fhir: &mut Http, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([PATCH]).collect();
    fhir.send("PATCH", path, &headers, body.to_string().as_bytes())
}

#[test]
fn a_json_patch_changes_what_it_names_and_nothing_else() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":72.50},"note":[{"text":"a"}]}"#;
    fhir.send("PUT", "/fhir/Observation/o", &[super::JSON], body.as_bytes()).expect(201);
    let done = patch(
        &mut fhir,
        "/fhir/Observation/o",
        &[("If-Match", "W/\"1\"")],
        &json!([
            {"op": "test", "path": "/status", "value": "final"},
            {"op": "replace", "path": "/status", "value": "amended"},
            {"op": "add", "path": "/note/-", "value": {"text": "b"}}
        ]),
    );
    let done = done.expect(200);
    assert_eq!(done.header("etag"), Some("W/\"2\""));
    assert!(done.header("location").unwrap().ends_with("/fhir/Observation/o/_history/2"));
    assert!(done.text().contains("\"value\":72.50"), "{}", done.text());
    assert_eq!(done.json()["note"], json!([{"text": "a"}, {"text": "b"}]));
    let same = patch(
        &mut fhir,
        "/fhir/Observation/o",
        &[],
        &json!([{"op": "replace", "path": "/status", "value": "amended"}]),
    );
    assert_eq!(
        same.expect(200).header("etag"),
        Some("W/\"2\""),
        "a patch that changes nothing makes no version"
    );

    let path = "/fhir/Observation/o";
    let status = |value: &str| json!([{"op": "replace", "path": "/status", "value": value}]);
    issue(patch(&mut fhir, path, &[("If-Match", "W/\"1\"")], &status("final")), 412, "conflict");
    let failed = json!([{"op": "test", "path": "/status", "value": "final"}]);
    issue(patch(&mut fhir, path, &[], &failed), 412, "conflict");
    issue(patch(&mut fhir, path, &[], &status("done")), 422, "code-invalid");
    issue(patch(&mut fhir, path, &[], &json!([{"op": "remove", "path": "/status"}])), 422, "required");
    issue(patch(&mut fhir, path, &[], &json!([{"op": "remove", "path": "/subject"}])), 422, "processing");
    issue(
        patch(&mut fhir, path, &[], &json!([{"op": "replace", "path": "/id", "value": "p"}])),
        422,
        "processing",
    );
    issue(patch(&mut fhir, path, &[], &json!([{"op": "put", "path": "/id"}])), 400, "structure");
    issue(patch(&mut fhir, path, &[], &json!({"status": "final"})), 400, "structure");
    issue(patch(&mut fhir, "/fhir/Observation/none", &[], &status("final")), 404, "not-found");
    issue(
        fhir.send("PATCH", path, &[("Content-Type", "application/merge-patch+json")], b"{}"),
        415,
        "not-supported",
    );
    fhir.delete(path).expect(204);
    issue(patch(&mut fhir, path, &[], &status("final")), 410, "deleted");
    assert_eq!(fhir.get("/fhir/Observation/o/_history").json()["total"], 3, "refusals wrote nothing");
}

#[test]
fn patches_that_race_all_come_in_and_with_one_tag_one_does() {
    let clinic = Clinic::open();
    let token = clinic.token();
    let mut fhir = clinic.fhir();
    let body = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Rao"}]});
    super::send(&mut fhir, "PUT", "/fhir/Patient/p", &[], &body).expect(201);
    let race = |headers: &'static [(&'static str, &'static str)]| -> Vec<u16> {
        std::thread::scope(|scope| {
            let one = |n: usize| {
                let mut http = clinic.http().bearer(&token);
                move || {
                    let name = json!([{"op": "add", "path": "/name/-", "value": {"text": format!("n{n}")}}]);
                    patch(&mut http, "/fhir/Patient/p", headers, &name).status
                }
            };
            let all: Vec<_> = (0..6).map(|n| scope.spawn(one(n))).collect();
            let mut statuses: Vec<u16> = all.into_iter().map(|one| one.join().unwrap()).collect();
            statuses.sort_unstable();
            statuses
        })
    };
    assert_eq!(race(&[]), [200; 6]);
    assert_eq!(fhir.get("/fhir/Patient/p").json()["name"].as_array().unwrap().len(), 7, "none undid another");
    assert_eq!(race(&[("If-Match", "W/\"7\"")]), [200, 412, 412, 412, 412, 412]);
}

#[test]
fn a_condition_names_the_record_to_patch() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for number in ["1", "2"] {
        fhir.post_fhir("/fhir/Patient", &sample::patient("Rao", "Asha", "9822000001", number)).expect(201);
    }
    let male = json!([{"op": "replace", "path": "/gender", "value": "male"}]);
    let by = |number: &str| format!("/fhir/Patient?identifier=http://tests.example/number%7C{number}");
    let done = patch(&mut fhir, &by("1"), &[], &male).expect(200);
    assert_eq!(done.json()["gender"], "male");
    assert_eq!(fhir.get("/fhir/Patient?gender=male&_summary=count").json()["total"], 1);
    issue(patch(&mut fhir, &by("3"), &[], &male), 404, "not-found");
    issue(patch(&mut fhir, "/fhir/Patient?family=Rao", &[], &male), 412, "multiple-matches");
    issue(patch(&mut fhir, "/fhir/Patient", &[], &male), 412, "conflict");
    issue(patch(&mut fhir, "/fhir/Patient?colour=red", &[], &male), 400, "not-supported");
}

#[test]
fn a_fhirpath_patch_does_the_same_by_paths() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Rao"}], "gender": "male"});
    super::send(&mut fhir, "PUT", "/fhir/Patient/p", &[], &body).expect(201);
    let operation = |parts: Value| json!({"name": "operation", "part": parts});
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        operation(json!([{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.gender"}, {"name": "value", "valueCode": "female"}])),
        operation(json!([{"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient.name[0]"}, {"name": "name", "valueString": "given"}, {"name": "value", "valueString": "Asha"}])),
    ]});
    let done = super::send(&mut fhir, "PATCH", "/fhir/Patient/p", &[], &parameters).expect(200).json();
    assert_eq!(
        (&done["gender"], &done["name"]),
        (&json!("female"), &json!([{"family": "Rao", "given": ["Asha"]}]))
    );
    let xml = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="delete"/></part><part><name value="path"/><valueString value="Patient.name.given"/></part></parameter></Parameters>"#;
    let xml_type = ("Content-Type", "application/fhir+xml");
    let done = fhir.send("PATCH", "/fhir/Patient/p", &[xml_type], xml.as_bytes()).expect(200).json();
    assert_eq!(done["name"], json!([{"family": "Rao"}]));
    let wrong = json!({"resourceType": "Parameters", "parameter": [operation(json!([{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Patient.id"}]))]});
    issue(super::send(&mut fhir, "PATCH", "/fhir/Patient/p", &[], &wrong), 422, "processing");
    let batch = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": parameters, "request": {"method": "PATCH", "url": "Patient/p"}}]});
    fhir.post_fhir("/fhir", &batch).expect(200);
    assert_eq!(fhir.get("/fhir/Patient/p").json()["name"][0]["given"], json!(["Asha"]));
}

#[test]
fn a_history_tells_a_patch_as_a_patch() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let made = fhir.post_fhir("/fhir/Patient", &json!({"resourceType": "Patient", "gender": "male"}));
    let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/fhir/Patient/{id}");
    let gender = |to: &str| json!([{"op": "replace", "path": "/gender", "value": to}]);
    patch(&mut fhir, &path, &[], &gender("female")).expect(200);
    let whole = json!({"resourceType": "Patient", "id": id, "gender": "other"});
    fhir.put_fhir(&path, &whole).expect(200);
    let data = base64::engine::general_purpose::STANDARD.encode(gender("unknown").to_string());
    let entry = json!([{"request": {"method": "PATCH", "url": format!("Patient/{id}")},
        "resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}}]);
    for kind in ["transaction", "batch"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entry});
        fhir.post_fhir("/fhir", &bundle).expect(200);
        patch(&mut fhir, &path, &[], &gender("male")).expect(200);
    }
    fhir.delete(&path).expect(204);
    fhir.put_fhir(&path, &whole).expect(201);
    let expected = [
        ("PUT", "201"),
        ("DELETE", "204"),
        ("PATCH", "200"),
        ("PATCH", "200"),
        ("PATCH", "200"),
        ("PATCH", "200"),
        ("PUT", "200"),
        ("PATCH", "200"),
        ("POST", "201"),
    ];
    for history in [format!("{path}/_history"), "/fhir/Patient/_history".to_owned()] {
        let told = fhir.get(&history).expect(200).json();
        let told: Vec<(&str, &str)> = told["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let text = |part: &str, name: &str| entry[part][name].as_str().unwrap();
                (text("request", "method"), text("response", "status"))
            })
            .collect();
        assert_eq!(told, expected, "{history}");
    }
}
