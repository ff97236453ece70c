//! The lines of the standard's table of interactions that no other file looks at: what a client may count on.

use clinicvault_tests::{Answer, Clinic, Http, sample};
use serde_json::{Value, json};

use super::{JSON, bundle, entry, issue, send};

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "name": [{"family": "Rao"}]})
}

#[test]
fn a_create_gives_its_own_id_version_and_time() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let mut body = patient("mine");
    body["meta"] =
        json!({"versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"code": "kept"}]});
    let made = send(&mut fhir, "POST", "/fhir/Patient", &[], &body).expect(201).json();
    assert_ne!(made["id"], "mine");
    assert_eq!(made["meta"]["versionId"], "1");
    assert!(!made["meta"]["lastUpdated"].as_str().unwrap().starts_with("2001"));
    assert_eq!(made["meta"]["tag"][0]["code"], "kept");
    issue(fhir.get("/fhir/Patient/mine"), 404, "not-found");
    issue(send(&mut fhir, "POST", "/fhir/Patients", &[], &body), 404, "not-found");
    issue(fhir.get("/fhir/Patient/mine/_history"), 404, "not-found");
    let long = "x".repeat(65);
    issue(send(&mut fhir, "PUT", &format!("/fhir/Patient/{long}"), &[], &patient(&long)), 400, "invalid");
}

#[test]
fn a_conditional_create_writes_once_and_says_when_it_cannot_tell() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = sample::patient("Rao", "Asha", "9822000001", "1");
    let unless = [("If-None-Exist", "identifier=http://tests.example/number|1")];
    let made = send(&mut fhir, "POST", "/fhir/Patient", &unless, &body).expect(201);
    let again = send(&mut fhir, "POST", "/fhir/Patient", &unless, &body).expect(200);
    assert_eq!(
        (made.header("location"), made.header("etag")),
        (again.header("location"), again.header("etag"))
    );
    send(&mut fhir, "POST", "/fhir/Patient", &[], &body).expect(201);
    issue(send(&mut fhir, "POST", "/fhir/Patient", &unless, &body), 412, "multiple-matches");
    assert_eq!(fhir.get("/fhir/Patient?_summary=count").json()["total"], 2);
}

#[test]
fn every_write_answers_as_preferred_with_its_place_and_tag() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let what = |answer: &Answer| -> String {
        if answer.body.is_empty() {
            String::new()
        } else {
            answer.json()["resourceType"].as_str().unwrap().to_owned()
        }
    };
    let path = "/fhir/Patient/p";
    let by = "/fhir/Patient?identifier=http://tests.example/number%7C1";
    let gender = |value: &str| {
        json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "gender"}, {"name": "value", "valueCode": value}]}]})
    };
    for (preferred, expected) in [
        ("return=minimal", ""),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "OperationOutcome"),
    ] {
        let prefer = [("Prefer", preferred)];
        let matching = sample::patient("Rao", "Asha", "9822000001", "1");
        let unless = [("Prefer", preferred), ("If-None-Exist", "identifier=http://tests.example/number|1")];
        for answer in [
            send(&mut fhir, "PUT", path, &prefer, &patient("p")).expect(201),
            send(&mut fhir, "PUT", path, &prefer, &patient("p")).expect(200),
            send(&mut fhir, "PATCH", path, &prefer, &gender("male")).expect(200),
            send(&mut fhir, "POST", "/fhir/Patient", &prefer, &patient("p")).expect(201),
            send(&mut fhir, "PUT", by, &prefer, &matching),
            send(&mut fhir, "POST", "/fhir/Patient", &unless, &matching).expect(200),
        ] {
            assert_eq!(what(&answer), expected, "{preferred}");
            assert!(answer.header("location").unwrap().contains("/_history/"), "{preferred}");
            assert!(answer.header("etag").is_some() && answer.header("last-modified").is_some());
        }
        let gone = fhir.send("DELETE", path, &prefer, b"");
        let expected = if expected == "OperationOutcome" { (200, expected) } else { (204, "") };
        assert_eq!((gone.status, what(&gone).as_str()), expected);
        assert!(gone.header("etag").is_some());
    }
    assert_eq!(
        fhir.get("/fhir/Patient/p/_history").expect(200).json()["entry"][0]["request"]["method"],
        "DELETE"
    );
}

#[test]
fn head_answers_wherever_get_does() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    send(&mut fhir, "PUT", "/fhir/Patient/p", &[], &patient("p")).expect(201);
    for (path, status) in [
        ("/fhir/metadata", 200),
        ("/fhir/Patient/p", 200),
        ("/fhir/Patient/p/_history/1", 200),
        ("/fhir/Patient/p/_history", 200),
        ("/fhir/Patient/_history", 200),
        ("/fhir/_history", 200),
        ("/fhir/Patient", 200),
        ("/fhir?_type=Patient", 200),
        ("/fhir/Patient/p/Observation", 200),
        ("/fhir/Patient/p/$everything", 200),
        ("/fhir/Patient/none", 404),
        ("/fhir/Patient?gender:near=x", 400),
        ("/fhir/.well-known/smart-configuration", 200),
    ] {
        let head = fhir.send("HEAD", path, &[], b"").expect(status);
        let get = fhir.get(path).expect(status);
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        if status == 200 && !path.contains("metadata") {
            assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
        }
    }
}

#[test]
fn a_read_is_reduced_and_laid_out_as_asked() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
        "note": [{"text": "long"}], "valueString": "y"});
    send(&mut fhir, "PUT", "/fhir/Observation/o", &[], &body).expect(201);
    let read =
        |fhir: &mut Http, query: &str| fhir.get(&format!("/fhir/Observation/o?{query}")).expect(200).json();
    for (query, there, gone) in [
        ("_summary=true", vec!["status", "code"], vec!["note", "text"]),
        ("_summary=text", vec!["text", "status", "code"], vec!["note", "valueString"]),
        ("_summary=data", vec!["note", "valueString"], vec!["text"]),
        ("_elements=note", vec!["note", "status", "code"], vec!["valueString", "text"]),
    ] {
        let shown = read(&mut fhir, query);
        assert_eq!(shown["meta"]["tag"][0]["code"], "SUBSETTED", "{query}");
        assert!(there.iter().all(|key| !shown[*key].is_null()), "{query}: {shown}");
        assert!(gone.iter().all(|key| shown[*key].is_null()), "{query}: {shown}");
    }
    assert!(read(&mut fhir, "_summary=false")["meta"]["tag"].is_null());
    assert!(fhir.get("/fhir/Observation/o?_pretty=true").text().contains("\n  \"status\": \"final\""));
    assert!(!fhir.get("/fhir/Observation/o?_pretty=false").text().contains('\n'));
    let refused = fhir.get("/fhir/Observation/none?_pretty=true").expect(404).text();
    assert!(refused.contains("\n  \"issue\""), "{refused}");
}

#[test]
fn headers_of_language_and_charset_are_passed_over() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let headers =
        [("Content-Language", "hi"), ("Accept-Language", "mr, hi;q=0.5"), ("Accept-Charset", "iso-8859-1")];
    let made = send(&mut fhir, "PUT", "/fhir/Patient/p", &headers, &patient("p")).expect(201);
    assert_eq!(made.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    fhir.send("GET", "/fhir/Patient/p", &headers, b"").expect(200);
}

#[test]
fn a_history_tells_what_each_version_was() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let made = send(&mut fhir, "POST", "/fhir/Patient", &[], &patient("x")).expect(201).json();
    let made = made["id"].as_str().unwrap().to_owned();
    send(&mut fhir, "PUT", "/fhir/Patient/own", &[], &patient("own")).expect(201);
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    send(&mut fhir, "PUT", &format!("/fhir/Patient/{uuid}"), &[], &patient(uuid)).expect(201);
    let by = "/fhir/Patient?identifier=http://tests.example/number%7C1";
    let mut matching = sample::patient("Rao", "Asha", "9822000001", "1");
    matching.as_object_mut().unwrap().remove("id");
    let by_condition = send(&mut fhir, "PUT", by, &[], &matching).expect(201).json();
    let entries =
        [entry("POST", "Patient", Some(patient("x"))), entry("PUT", "Patient/put", Some(patient("put")))];
    let done = send(&mut fhir, "POST", "/fhir", &[], &bundle("transaction", &entries)).expect(200).json();
    let location = done["entry"][0]["response"]["location"].as_str().unwrap();
    let posted = location.split('/').rev().nth(2).unwrap().to_owned();
    let first = |fhir: &mut Http, id: &str| {
        let history = fhir.get(&format!("/fhir/Patient/{id}/_history")).expect(200).json();
        let last = history["entry"].as_array().unwrap().last().unwrap().clone();
        assert!(last["fullUrl"].as_str().unwrap().ends_with(&format!("/fhir/Patient/{id}")));
        assert!(last["response"]["etag"].is_string() && last["response"]["lastModified"].is_string());
        format!("{} {} {}", last["request"]["method"], last["request"]["url"], last["response"]["status"])
            .replace('"', "")
    };
    assert_eq!(first(&mut fhir, &made), "POST Patient 201");
    assert_eq!(first(&mut fhir, &posted), "POST Patient 201");
    assert_eq!(first(&mut fhir, "own"), "PUT Patient/own 201");
    assert_eq!(first(&mut fhir, uuid), format!("PUT Patient/{uuid} 201"));
    assert_eq!(first(&mut fhir, "put"), "PUT Patient/put 201");
    let id = by_condition["id"].as_str().unwrap();
    assert_eq!(first(&mut fhir, id), format!("PUT Patient/{id} 201"));
    fhir.delete("/fhir/Patient/own").expect(204);
    send(&mut fhir, "PUT", "/fhir/Patient/own", &[], &patient("own")).expect(201);
    let history = fhir.get("/fhir/Patient/own/_history").expect(200).json();
    let told: Vec<String> = history["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {}", e["request"]["method"], e["response"]["status"]).replace('"', ""))
        .collect();
    assert_eq!(told, ["PUT 201", "DELETE 204", "PUT 201"]);
}

#[test]
fn an_update_can_ask_that_there_is_nothing_yet() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let only = [("If-None-Match", "*")];
    send(&mut fhir, "PUT", "/fhir/Patient/p", &only, &patient("p")).expect(201);
    issue(send(&mut fhir, "PUT", "/fhir/Patient/p", &only, &patient("p")), 412, "conflict");
    issue(
        send(&mut fhir, "PUT", "/fhir/Patient/p", &[("If-None-Match", "W/\"1\"")], &patient("p")),
        400,
        "invalid",
    );
    let both = [("If-None-Match", "*"), ("If-Match", "W/\"1\"")];
    issue(send(&mut fhir, "PUT", "/fhir/Patient/p", &both, &patient("p")), 400, "invalid");
    fhir.delete("/fhir/Patient/p").expect(204);
    send(&mut fhir, "PUT", "/fhir/Patient/p", &only, &patient("p")).expect(201);
    for (kind, status) in [("transaction", 412), ("batch", 200)] {
        let mut again = entry("PUT", "Patient/p", Some(patient("p")));
        again["request"]["ifNoneMatch"] = json!("*");
        let done = send(&mut fhir, "POST", "/fhir", &[], &bundle(kind, &[again])).expect(status).json();
        if kind == "batch" {
            assert_eq!(done["entry"][0]["response"]["status"], "412 Precondition Failed");
        }
        let mut wrong = entry("DELETE", "Patient/p", None);
        wrong["request"]["ifNoneMatch"] = json!("*");
        send(&mut fhir, "POST", "/fhir", &[], &bundle("transaction", &[wrong])).expect(400);
    }
}

#[test]
fn an_update_tells_nothing_of_what_may_not_be_seen() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let result = |id: &str, category: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final",
        "code": {"text": "x"}, "category": [{"coding": [{"code": category}]}]})
    };
    send(&mut fhir, "PUT", "/fhir/Observation/hidden", &[], &result("hidden", "laboratory")).expect(201);
    send(&mut fhir, "PUT", "/fhir/Observation/seen", &[], &result("seen", "vital-signs")).expect(201);
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Observation.cruds?category=vital-signs"));
    let told = |answer: Answer, id: &str| {
        let mut outcome = answer.expect(404).json();
        outcome.as_object_mut().unwrap().remove("id");
        outcome.to_string().replace(id, "?")
    };
    for headers in [&[][..], &[("If-None-Match", "*")], &[("If-Match", "W/\"1\"")]] {
        let answers: Vec<String> = ["hidden", "none"]
            .iter()
            .map(|id| {
                let path = format!("/fhir/Observation/{id}");
                told(send(&mut narrow, "PUT", &path, headers, &result(id, "vital-signs")), id)
            })
            .collect();
        assert_eq!(answers[0], answers[1]);
    }
    for id in ["hidden", "none"] {
        let by = "/fhir/Observation?identifier=http://tests.example/number%7Cx";
        send(&mut narrow, "PUT", by, &[], &result(id, "vital-signs")).expect(404);
        let entries = [entry("PUT", &format!("Observation/{id}"), Some(result(id, "vital-signs")))];
        send(&mut narrow, "POST", "/fhir", &[], &bundle("transaction", &entries)).expect(404);
    }
    // What is within reach is updated, and new records are made by POST.
    let mut seen = result("seen", "vital-signs");
    seen["valueString"] = json!("y");
    send(&mut narrow, "PUT", "/fhir/Observation/seen", &[], &seen).expect(200);
    send(&mut narrow, "POST", "/fhir/Observation", &[], &seen).expect(201);
    let entries = [entry("POST", "Observation", Some(seen))];
    send(&mut narrow, "POST", "/fhir", &[], &bundle("transaction", &entries)).expect(200);
    assert_eq!(fhir.get("/fhir/Observation/hidden").expect(200).header("etag"), Some("W/\"1\""));
}

#[test]
fn limits_name_their_settings() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, "[limits]\nbundle_entries = 5\npatch_steps = 2000\n").unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut fhir = clinic.fhir();
    let six: Vec<Value> = (0..6).map(|_| entry("POST", "Patient", Some(patient("x")))).collect();
    let refused = send(&mut fhir, "POST", "/fhir", &[], &bundle("batch", &six)).expect(400).json();
    assert!(
        refused["issue"][0]["diagnostics"].as_str().unwrap().contains("limits.bundle_entries"),
        "{refused}"
    );
    // Each patch is small; together they are too much, in a transaction and in a batch.
    let operations: Vec<Value> =
        (0..300).map(|_| json!({"op": "test", "path": "/active", "value": true})).collect();
    let text = Value::Array(operations).to_string();
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let patch = json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data});
    let ids: Vec<String> = (0..5).map(|n| format!("p{n}")).collect();
    for id in &ids {
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &patient(id)).expect(201);
    }
    let path = ("Content-Type", "application/json-patch+json");
    let text = "[{\"op\": \"test\", \"path\": \"/active\", \"value\": true}]";
    fhir.send("PATCH", "/fhir/Patient/p0", &[path], text.as_bytes()).expect(200);
    let all: Vec<Value> =
        ids.iter().map(|id| entry("PATCH", &format!("Patient/{id}"), Some(patch.clone()))).collect();
    let refused = send(&mut fhir, "POST", "/fhir", &[], &bundle("transaction", &all)).expect(413).json();
    assert!(refused["issue"][0]["diagnostics"].as_str().unwrap().contains("limits.patch_steps"), "{refused}");
    let done = send(&mut fhir, "POST", "/fhir", &[], &bundle("batch", &all)).expect(200).json();
    let refused = done["entry"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["response"]["status"].as_str().unwrap().starts_with("413"));
    assert!(refused.count() > 0, "{done}");
    fhir.send("PUT", "/fhir/Patient/p0", &[JSON], patient("p0").to_string().as_bytes()).expect(200);
}

#[test]
fn a_program_is_checked_as_far_as_it_is_registered_for() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let program = json!({"name": "Growth chart", "kind": "public", "scope": "user/*.cruds launch/patient",
        "redirectUris": ["https://app.example/back"], "validation": "profiles"});
    let made = owner.post("/api/clients", &program).expect(201).json();
    assert_eq!(made["client"]["validation"], "profiles");
    let path = format!("/api/clients/{}", made["client"]["id"].as_str().unwrap());
    let changed = owner.http.patch(&path, &json!({"validation": "box"})).expect(200).json();
    assert_eq!(changed["validation"], "box");
    owner.http.patch(&path, &json!({"validation": "everything"})).expect(400);
}
