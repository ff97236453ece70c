//! Transactions and batches: the traps of the standard.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clinicvault_tests::{Clinic, Http, sample};
use serde_json::{Value, json};

use super::{bundle, entry, send};

fn json_patch(operations: &Value) -> Value {
    let data = STANDARD.encode(operations.to_string());
    json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data})
}

fn statuses(answer: &Value) -> Vec<String> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|e| e["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

fn total(fhir: &mut Http, kind: &str) -> Value {
    fhir.get(&format!("/fhir/{kind}?_summary=count")).json()["total"].clone()
}

#[test]
fn links_are_followed_wherever_they_stand() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let mut patient = entry("POST", "Patient", Some(sample::patient("Rao", "Asha", "9822000001", "1")));
    patient["fullUrl"] = json!("http://elsewhere.example/fhir/Patient/77");
    let mut result = entry(
        "POST",
        "Observation",
        Some(json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"http://elsewhere.example/fhir/Patient/77\">Asha</a><a href=\"#x\">x</a></div>"},
            "contained": [{"resourceType": "Specimen", "id": "s", "subject": {"reference": "Patient/77"}}],
            "specimen": {"reference": "#s"},
            // Relative, to be read against the base of the entry's own fullUrl; and one version of it.
            "subject": {"reference": "Patient/77"},
            "extension": [{"url": "http://x.y/z", "valueReference": {"reference": "http://elsewhere.example/fhir/Patient/77/_history/3"}}]})),
    );
    result["fullUrl"] = json!("http://elsewhere.example/fhir/Observation/5");
    let done = fhir.post_fhir("/fhir", &bundle("transaction", &[result, patient])).expect(200).json();
    assert_eq!(statuses(&done), ["201", "201"], "{done}");
    let location = |n: usize| {
        let whole = done["entry"][n]["response"]["location"].as_str().unwrap();
        whole.split_once("/fhir/").unwrap().1.split("/_history").next().unwrap().to_owned()
    };
    let stored = fhir.get(&format!("/fhir/{}", location(0))).expect(200).json();
    let patient = location(1);
    assert_eq!(stored["subject"]["reference"], patient);
    assert_eq!(stored["contained"][0]["subject"]["reference"], patient);
    assert_eq!(stored["specimen"]["reference"], "#s");
    let versioned = stored["extension"][0]["valueReference"]["reference"].as_str().unwrap();
    assert!(versioned.starts_with(&patient), "{versioned}");
    let div = stored["text"]["div"].as_str().unwrap();
    assert!(div.contains(&format!("href=\"{patient}\"")) && div.contains("href=\"#x\""), "{div}");
}

#[test]
fn one_record_is_changed_by_one_entry_however_it_is_named() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = json!({"resourceType": "Patient", "id": "a", "identifier": [{"system": "http://tests.example/number", "value": "1"}]});
    send(&mut fhir, "PUT", "/fhir/Patient/a", &[], &body).expect(201);
    let male = json_patch(&json!([{"op": "add", "path": "/gender", "value": "male"}]));
    let query = "Patient?identifier=http://tests.example/number|1";
    let nameless = json!({"resourceType": "Patient", "identifier": body["identifier"]});
    for twice in [
        [entry("PUT", "Patient/a", Some(body.clone())), entry("DELETE", "Patient/a", None)],
        [entry("PATCH", "Patient/a", Some(male.clone())), entry("PUT", "Patient/a", Some(body.clone()))],
        [entry("PATCH", query, Some(male.clone())), entry("DELETE", "Patient/a", None)],
        [entry("PUT", query, Some(nameless.clone())), entry("PATCH", "Patient/a", Some(male.clone()))],
        [entry("DELETE", query, None), entry("PUT", "Patient/a", Some(body.clone()))],
    ] {
        let refused = fhir.post_fhir("/fhir", &bundle("transaction", &twice)).expect(400).json();
        assert_eq!(refused["issue"][0]["code"], "duplicate", "{refused}");
    }
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let mut same_url =
        [entry("POST", "Patient", Some(nameless.clone())), entry("POST", "Patient", Some(nameless))];
    same_url.iter_mut().for_each(|e| e["fullUrl"] = json!(url));
    fhir.post_fhir("/fhir", &bundle("transaction", &same_url)).expect(400);
    assert_eq!(fhir.get("/fhir/Patient/a").json()["meta"]["versionId"], "1");
}

#[test]
fn patches_and_conditions_work_inside_a_transaction() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}});
    send(&mut fhir, "PUT", "/fhir/Observation/o", &[], &body).expect(201);
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let mut patient = entry("POST", "Patient", Some(sample::patient("Rao", "Asha", "9822000001", "1")));
    patient["fullUrl"] = json!(url);
    let about = json_patch(&json!([{"op": "add", "path": "/subject", "value": {"reference": url}}]));
    let mut guarded = entry("PATCH", "Observation/o", Some(about));
    guarded["request"]["ifMatch"] = json!("W/\"1\"");
    let all = [
        entry("GET", "Observation/o", None),
        guarded.clone(),
        patient,
        entry("HEAD", "Observation/o", None),
        entry(
            "PUT",
            "Patient?identifier=http://tests.example/number|2",
            Some(sample::patient("Rao", "Ravi", "9822000002", "2")),
        ),
        entry("DELETE", "Patient?identifier=http://tests.example/number|none", None),
        entry("GET", "Observation/o?_elements=subject", None),
    ];
    let done = fhir.post_fhir("/fhir", &bundle("transaction", &all)).expect(200).json();
    assert_eq!(statuses(&done), ["200", "200", "201", "200", "201", "204", "200"], "{done}");
    let made = done["entry"][2]["response"]["location"].as_str().unwrap();
    let made = made.split_once("/fhir/").unwrap().1.split("/_history").next().unwrap();
    assert_eq!(done["entry"][0]["resource"]["subject"]["reference"], made, "a read sees the writes");
    assert_eq!(done["entry"][3]["response"]["etag"], "W/\"2\"");
    assert!(done["entry"][3]["resource"].is_null(), "HEAD has no body");
    assert_eq!(done["entry"][6]["resource"]["meta"]["tag"][0]["code"], "SUBSETTED");

    // What does not hold undoes everything, and names the entry.
    let another = || entry("POST", "Patient", Some(sample::patient("Bose", "Mina", "9822000003", "3")));
    let test = json_patch(&json!([{"op": "test", "path": "/status", "value": "amended"}]));
    for (bad, status) in [
        (guarded, 412),
        (entry("PATCH", "Observation/o", Some(test)), 412),
        (
            entry("PATCH", "Observation/none", Some(json_patch(&json!([{"op": "remove", "path": "/code"}])))),
            404,
        ),
        (entry("PATCH", "Observation/o", Some(json_patch(&json!([{"op": "remove", "path": "/code"}])))), 422),
        (entry("PATCH", "Observation/o", Some(json_patch(&json!([])))), 400),
        (entry("PATCH", "Observation/o", Some(json!({"resourceType": "Patient"}))), 400),
        (entry("DELETE", "Patient?family=Rao", None), 412),
        (entry("DELETE", "Patient?_count=1", None), 412),
        (entry("PUT", "Patient?family=Rao", Some(sample::patient("Rao", "X", "9822000004", "4"))), 412),
    ] {
        let refused =
            fhir.post_fhir("/fhir", &bundle("transaction", &[another(), bad.clone()])).expect(status).json();
        if status != 404 {
            let place = refused["issue"][0]["expression"][0].as_str().unwrap_or_default();
            assert!(place.starts_with("Bundle.entry[1]"), "{bad}: {refused}");
        }
        assert_eq!(total(&mut fhir, "Patient"), 2, "{bad}");
    }
}

#[test]
fn a_batch_knows_every_interaction() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = json!({"resourceType": "Patient", "id": "a", "gender": "male"});
    send(&mut fhir, "PUT", "/fhir/Patient/a", &[], &body).expect(201);
    let female = json_patch(&json!([{"op": "replace", "path": "/gender", "value": "female"}]));
    let by = |number: &str| format!("Patient?identifier=http://tests.example/number|{number}");
    let mut known = entry("GET", "Patient/a/_history/1", None);
    known["request"]["ifNoneMatch"] = json!("W/\"1\"");
    let all = [
        entry("PATCH", "Patient/a", Some(female.clone())),
        entry("PATCH", &by("9"), Some(female)),
        entry("PUT", &by("1"), Some(sample::patient("Rao", "Asha", "9822000001", "1"))),
        entry("DELETE", &by("8"), None),
        entry("DELETE", "Patient?_count=3", None),
        entry("HEAD", "Patient/a", None),
        entry("GET", "metadata", None),
        known,
        entry("POST", "Bundle", Some(json!({"resourceType": "Bundle", "type": "collection"}))),
    ];
    let done = fhir.post_fhir("/fhir", &bundle("batch", &all)).expect(200).json();
    assert_eq!(statuses(&done), ["200", "404", "201", "204", "412", "200", "200", "304", "201"]);
    let told = |n: usize| &done["entry"][n]["response"]["outcome"]["issue"][0]["code"];
    assert_eq!((told(1), told(4)), (&json!("not-found"), &json!("conflict")));
    assert!(done["entry"][5]["resource"].is_null());
    assert_eq!(done["entry"][6]["resource"]["resourceType"], "CapabilityStatement");
    for kind in ["collection", "searchset", "history", "document", "message"] {
        fhir.post_fhir("/fhir", &bundle(kind, &[])).expect(400);
    }
}

#[test]
fn a_conditional_update_in_a_transaction_changes_what_matches_and_nothing_else() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let own = json!({"resourceType": "Patient", "id": "own", "gender": "male",
        "identifier": [{"system": "http://tests.example/number", "value": "1"}]});
    send(&mut fhir, "PUT", "/fhir/Patient/own", &[], &own).expect(201);
    let by = |number: &str| format!("Patient?identifier=http://tests.example/number|{number}");
    let mut other = own.clone();
    other["gender"] = json!("female");
    let mut refused = |query: String, body: &Value, status: u16| {
        let sent = bundle("transaction", &[entry("PUT", &query, Some(body.clone()))]);
        let outcome = fhir.post_fhir("/fhir", &sent).expect(status).json();
        let place = outcome["issue"][0]["expression"][0].as_str().unwrap_or_default().to_owned();
        assert!(place.starts_with("Bundle.entry[0]"), "{outcome}");
        let stands = fhir.get("/fhir/Patient/own").expect(200);
        assert_eq!(
            (stands.header("etag"), stands.json()["gender"].as_str()),
            (Some("W/\"1\""), Some("male"))
        );
    };
    // No record matches, but the id in the body is another record's.
    refused(by("2"), &other, 409);
    // One matches, and it is not the one that the body names.
    other["id"] = json!("another");
    refused(by("1"), &other, 400);
    other["id"] = json!("own");
    let done =
        fhir.post_fhir("/fhir", &bundle("transaction", &[entry("PUT", &by("1"), Some(other.clone()))]));
    assert_eq!(statuses(&done.expect(200).json()), ["200"]);
    other["id"] = json!("fresh");
    let done = fhir.post_fhir("/fhir", &bundle("transaction", &[entry("PUT", &by("3"), Some(other))]));
    assert_eq!(statuses(&done.expect(200).json()), ["201"]);
    fhir.get("/fhir/Patient/fresh").expect(200);
}

#[test]
fn a_condition_in_a_transaction_asks_for_the_right_to_search() {
    let clinic = Clinic::open();
    let mut all = clinic.fhir();
    let made = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "identifier": [{"system": "http://tests.example/number", "value": "1"}]});
    send(&mut all, "PUT", "/fhir/Observation/o", &[], &made).expect(201);
    let query = "Observation?identifier=http://tests.example/number|1";
    let mut unless = entry("POST", "Observation", Some(made.clone()));
    unless["request"]["ifNoneExist"] = json!("identifier=http://tests.example/number|1");
    let mut blind = clinic.http().bearer(&clinic.new_token("system/Observation.crud"));
    let mut seeing = clinic.http().bearer(&clinic.new_token("system/Observation.cruds"));
    for conditional in [
        unless,
        entry("PUT", query, Some(made)),
        entry(
            "PATCH",
            query,
            Some(json_patch(&json!([{"op": "test", "path": "/status", "value": "final"}]))),
        ),
        entry("DELETE", query, None),
    ] {
        let sent = bundle("transaction", &[conditional]);
        blind.post_fhir("/fhir", &sent).expect(403);
        seeing.post_fhir("/fhir", &sent).expect(200);
    }
}

#[test]
fn a_patch_in_a_transaction_rewrites_what_it_brings_and_nothing_that_is_stored() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let number = json!([{"system": "http://tests.example/number", "value": "1"}]);
    let patient = json!({"resourceType": "Patient", "id": "77", "identifier": number});
    send(&mut fhir, "PUT", "/fhir/Patient/77", &[], &patient).expect(201);
    let made = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "contained": [{"resourceType": "Specimen", "id": "s"}], "specimen": {"reference": "#s"},
        "subject": {"reference": "Patient/77"}});
    send(&mut fhir, "PUT", "/fhir/Observation/o", &[], &made).expect(201);
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let mut patient = entry("POST", "Patient", Some(sample::patient("Rao", "Asha", "9822000001", "2")));
    patient["fullUrl"] = json!(url);
    let mut change = entry(
        "PATCH",
        "Observation/o",
        Some(json_patch(&json!([
            {"op": "test", "path": "/subject", "value": {"reference": "Patient/77"}},
            {"op": "add", "path": "/focus", "value": [{"reference": "Patient/77"}, {"reference": url}]},
            {"op": "add", "path": "/focus/-", "value": {"reference": "Patient?identifier=http://tests.example/number|1"}},
            {"op": "add", "path": "/contained/0/subject", "value": {"reference": url}},
        ]))),
    );
    change["fullUrl"] = json!("http://elsewhere.example/fhir/Observation/5");
    let done = fhir.post_fhir("/fhir", &bundle("transaction", &[change, patient])).expect(200).json();
    let location = done["entry"][1]["response"]["location"].as_str().unwrap();
    let new = location.split_once("/fhir/").unwrap().1.split("/_history").next().unwrap();
    let stored = fhir.get("/fhir/Observation/o").expect(200).json();
    assert_eq!(stored["subject"]["reference"], "Patient/77", "what was stored stays");
    assert_eq!(stored["focus"][0]["reference"], "http://elsewhere.example/fhir/Patient/77");
    assert_eq!(stored["focus"][1]["reference"], new);
    assert_eq!(stored["focus"][2]["reference"], "Patient/77");
    assert_eq!(stored["contained"][0]["subject"]["reference"], new);

    // What no entry and no record stands for is refused at the operation that brings it.
    for (reference, status) in
        [("urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000009", 422), ("Patient?identifier=none", 412)]
    {
        let bad = json_patch(&json!([{"op": "replace", "path": "/subject/reference", "value": reference}]));
        let sent = bundle("transaction", &[entry("PATCH", "Observation/o", Some(bad))]);
        let refused = fhir.post_fhir("/fhir", &sent).expect(status).json();
        assert_eq!(
            refused["issue"][0]["expression"][0], "Bundle.entry[0].resource.patch[0].value",
            "{refused}"
        );
    }
    let typed = json_patch(&json!([{"op": "replace", "path": "/resourceType", "value": "Patient"}]));
    fhir.post_fhir("/fhir", &bundle("transaction", &[entry("PATCH", "Observation/o", Some(typed))]))
        .expect(422);
}

#[test]
fn an_entry_of_a_batch_that_refers_to_another_is_told_to_come_in_a_transaction() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let mut patient = entry("POST", "Patient", Some(sample::patient("Rao", "Asha", "9822000001", "1")));
    patient["fullUrl"] = json!(url);
    let all = [
        patient,
        entry("POST", "Observation", Some(sample::observation(url, "98.4", "of the other entry"))),
        entry("POST", "Observation", Some(sample::observation("Patient/known", "98.5", "of a record"))),
    ];
    let done = fhir.post_fhir("/fhir", &bundle("batch", &all)).expect(200).json();
    assert_eq!(statuses(&done), ["201", "400", "201"], "{done}");
    let issue = &done["entry"][1]["response"]["outcome"]["issue"][0];
    assert_eq!(issue["expression"][0], "Bundle.entry[1].resource.subject");
    assert!(issue["diagnostics"].as_str().unwrap().contains("transaction"), "{issue}");
    assert_eq!((total(&mut fhir, "Patient"), total(&mut fhir, "Observation")), (json!(1), json!(1)));
    // In a transaction the same entries belong together.
    let whole = fhir.post_fhir("/fhir", &bundle("transaction", &all[..2])).expect(200).json();
    assert_eq!(statuses(&whole), ["201", "201"]);
}
