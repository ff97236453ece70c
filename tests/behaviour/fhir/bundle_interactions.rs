//! What the entries of bundles answer, see and follow.

use clinicvault_tests::Clinic;
use serde_json::{Value, json};

use super::{bundle, entry, send};

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "name": [{"family": "Rao"}]})
}

#[test]
fn the_entries_of_a_bundle_answer_as_preferred_too() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for kind in ["transaction", "batch"] {
        for (preferred, resource, outcome) in [
            ("return=minimal", false, false),
            ("return=representation", true, false),
            ("return=OperationOutcome", false, true),
        ] {
            let own = format!("{kind}-{}", preferred.len());
            let entries = [
                entry("POST", "Patient", Some(patient("x"))),
                entry("PUT", &format!("Patient/{own}"), Some(patient(&own))),
            ];
            let done = send(&mut fhir, "POST", "/fhir", &[("Prefer", preferred)], &bundle(kind, &entries));
            let done = done.expect(200).json();
            for answer in done["entry"].as_array().unwrap() {
                assert_eq!(answer["response"]["status"], "201 Created");
                assert!(answer["response"]["etag"].is_string() && answer["response"]["location"].is_string());
                assert_eq!(answer["resource"].is_object(), resource, "{kind} {preferred}");
                assert_eq!(answer["response"]["outcome"].is_object(), outcome, "{kind} {preferred}");
            }
            let gone = bundle(kind, &[entry("DELETE", &format!("Patient/{own}"), None)]);
            let gone = send(&mut fhir, "POST", "/fhir", &[("Prefer", preferred)], &gone).expect(200).json();
            assert_eq!(gone["entry"][0]["response"]["outcome"].is_object(), outcome, "{gone}");
        }
    }
}

#[test]
fn a_bundle_looks_at_histories_and_at_what_the_box_can_do() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    send(&mut fhir, "PUT", "/fhir/Patient/p", &[], &patient("p")).expect(201);
    for kind in ["batch", "transaction"] {
        let entries = [
            entry("GET", "metadata", None),
            entry("GET", "_history?_count=1", None),
            entry("GET", "Patient/_history", None),
            entry("GET", "Patient/p/_history", None),
        ];
        let done = send(&mut fhir, "POST", "/fhir", &[], &bundle(kind, &entries)).expect(200).json();
        assert_eq!(done["entry"][0]["resource"]["resourceType"], "CapabilityStatement", "{kind}: {done}");
        for n in 1..4 {
            assert_eq!(done["entry"][n]["resource"]["type"], "history", "{kind}: {done}");
            assert_eq!(done["entry"][n]["response"]["status"], "200 OK");
        }
    }
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Organization.cruds"));
    let hidden = bundle("batch", &[entry("GET", "Patient/_history", None), entry("GET", "_history", None)]);
    let done = send(&mut narrow, "POST", "/fhir", &[], &hidden).expect(200).json();
    assert_eq!(done["entry"][0]["response"]["status"], "403 Forbidden");
    assert!(done["entry"][1]["resource"]["entry"].is_null(), "{done}");
}

#[test]
fn a_transaction_is_one_moment_and_follows_every_kind_of_link() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let mut questions =
        entry("POST", "Questionnaire", Some(json!({"resourceType": "Questionnaire", "status": "active"})));
    questions["fullUrl"] = json!(url);
    let answers = json!({"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": url,
        "extension": [{"url": "http://x.y/z", "valueUri": url}]});
    let entries = [entry("POST", "QuestionnaireResponse", Some(answers)), questions];
    let done = send(
        &mut fhir,
        "POST",
        "/fhir",
        &[("Prefer", "return=representation")],
        &bundle("transaction", &entries),
    );
    let done = done.expect(200).json();
    let made = done["entry"][1]["resource"]["id"].as_str().unwrap();
    let response = &done["entry"][0]["resource"];
    assert_eq!(response["questionnaire"], format!("Questionnaire/{made}"));
    assert_eq!(response["extension"][0]["valueUri"], format!("Questionnaire/{made}"));
    assert_eq!(response["meta"]["lastUpdated"], done["entry"][1]["resource"]["meta"]["lastUpdated"]);
    // Entries of a batch know nothing of one another.
    let mut one = entry("POST", "Patient", Some(patient("x")));
    one["fullUrl"] = json!(url);
    let about = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": url}});
    let done = send(
        &mut fhir,
        "POST",
        "/fhir",
        &[],
        &bundle("batch", &[one, entry("POST", "Observation", Some(about))]),
    );
    let done = done.expect(200).json();
    let second =
        done["entry"][1]["response"]["location"].as_str().map(|place| place.split_once("/fhir").unwrap().1);
    if let Some(place) = second {
        assert_eq!(fhir.get(&format!("/fhir{place}")).json()["subject"]["reference"], url);
    }
}

#[test]
fn a_path_patch_in_a_transaction_points_at_what_the_transaction_makes() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let number = json!([{"system": "http://tests.example/number", "value": "1"}]);
    let known = json!({"resourceType": "Patient", "id": "77", "identifier": number});
    send(&mut fhir, "PUT", "/fhir/Patient/77", &[], &known).expect(201);
    let made = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/77"}});
    send(&mut fhir, "PUT", "/fhir/Observation/o", &[], &made).expect(201);
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let operation = |path: &str, kind: &str, more: &[Value]| {
        let mut parts =
            vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": path})];
        parts.extend(more.iter().cloned());
        json!({"name": "operation", "part": parts})
    };
    let patch = |operations: &[Value]| json!({"resourceType": "Parameters", "parameter": operations});
    let text = |value: &str| json!({"name": "value", "valueString": value});
    let mut new = entry("POST", "Patient", Some(patient("x")));
    new["fullUrl"] = json!(url);
    let change = patch(&[
        operation("Observation.subject.reference", "replace", &[text(url)]),
        operation(
            "Observation",
            "add",
            &[
                json!({"name": "name", "valueString": "focus"}),
                json!({"name": "value", "part": [{"name": "reference", "valueString": "Patient?identifier=http://tests.example/number|1"}]}),
            ],
        ),
        operation("Observation.code.text", "replace", &[text(url)]),
    ]);
    let entries = [entry("PATCH", "Observation/o", Some(change)), new];
    let done = send(&mut fhir, "POST", "/fhir", &[], &bundle("transaction", &entries)).expect(200).json();
    let place = done["entry"][1]["response"]["location"].as_str().unwrap();
    let target = place.split_once("/fhir/").unwrap().1.split("/_history").next().unwrap();
    let stored = fhir.get("/fhir/Observation/o").expect(200).json();
    assert_eq!(stored["subject"]["reference"], target);
    assert_eq!(stored["focus"][0]["reference"], "Patient/77");
    assert_eq!(stored["code"]["text"], url, "a text is a text");
    let nowhere = patch(&[operation(
        "Observation.subject.reference",
        "replace",
        &[text("urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000009")],
    )]);
    send(
        &mut fhir,
        "POST",
        "/fhir",
        &[],
        &bundle("transaction", &[entry("PATCH", "Observation/o", Some(nowhere))]),
    )
    .expect(422);
}
