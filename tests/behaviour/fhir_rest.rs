//! The FHIR face as another system sees it: statuses, headers, races, transactions, pages.

use clinicvault_tests::{Answer, Clinic, Http, sample};
use serde_json::{Value, json};

const FHIR: (&str, &str) = ("Content-Type", "application/fhir+json");

#[track_caller]
fn issue(answer: Answer, status: u16, code: &str) -> Value {
    let outcome = answer.expect(status).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], code, "{outcome}");
    assert!(outcome["issue"][0]["diagnostics"].is_string());
    outcome
}

fn put(fhir: &mut Http, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([FHIR]).collect();
    fhir.send("PUT", path, &headers, body.to_string().as_bytes())
}

fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_record_lives_and_each_step_answers_as_the_standard_says() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let made =
        fhir.post_fhir("/fhir/Patient", &sample::patient("Rao", "Asha", "9822000001", "1")).expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/fhir/Patient/{id}");
    assert!(made.header("location").unwrap().ends_with(&format!("{path}/_history/1")));
    assert!(made.header("location").unwrap().starts_with("http://localhost:"));
    assert_eq!(made.header("etag"), Some("W/\"1\""));
    let modified = made.header("last-modified").unwrap().to_owned();
    assert!(modified.ends_with(" GMT"));
    assert_eq!(made.header("content-type"), Some("application/fhir+json; charset=utf-8"));

    let read = fhir.get(&path).expect(200);
    assert_eq!(read.body, made.body);
    assert_eq!(read.header("last-modified"), Some(modified.as_str()));
    let head = fhir.send("HEAD", &path, &[], b"").expect(200);
    assert_eq!(head.header("content-length"), Some(read.body.len().to_string().as_str()));
    assert_eq!(head.header("etag"), Some("W/\"1\""));
    fhir.send("GET", &path, &[("If-None-Match", "W/\"1\"")], b"").expect(304);
    fhir.send("GET", &path, &[("If-None-Match", "W/\"2\"")], b"").expect(200);
    fhir.send("GET", &path, &[("If-Modified-Since", &modified)], b"").expect(304);

    let mut body = made.json();
    body["gender"] = json!("male");
    let changed = put(&mut fhir, &path, &[("If-Match", "W/\"1\"")], &body).expect(200);
    assert_eq!(changed.header("etag"), Some("W/\"2\""));
    issue(put(&mut fhir, &path, &[("If-Match", "W/\"1\"")], &body), 412, "conflict");
    let same = put(&mut fhir, &path, &[], &changed.json()).expect(200);
    assert_eq!(same.header("etag"), Some("W/\"2\""), "a PUT that changes nothing makes no version");

    fhir.delete(&path).expect(204);
    fhir.delete(&path).expect(204);
    let gone = fhir.get(&path);
    assert_eq!(gone.header("etag"), Some("W/\"3\""));
    issue(gone, 410, "deleted");
    fhir.get(&format!("{path}/_history/1")).expect(200);
    issue(fhir.get(&format!("{path}/_history/3")), 410, "deleted");
    issue(fhir.get(&format!("{path}/_history/9")), 404, "not-found");
    issue(fhir.get(&format!("{path}/_history/x")), 404, "not-found");

    let revived = put(&mut fhir, &path, &[], &body).expect(201);
    assert_eq!(revived.header("etag"), Some("W/\"4\""));
    let history = fhir.get(&format!("{path}/_history")).expect(200).json();
    assert_eq!((&history["type"], &history["total"]), (&json!("history"), &json!(4)));
    let methods: Vec<_> =
        history["entry"].as_array().unwrap().iter().map(|e| e["request"]["method"].clone()).collect();
    assert_eq!(methods, ["PUT", "DELETE", "PUT", "POST"]);
    assert!(history["entry"][1]["resource"].is_null());
    assert_eq!(history["entry"][3]["response"]["etag"], "W/\"1\"");
    let part = fhir.get(&format!("{path}/_history?_count=3")).expect(200).json();
    let next =
        part["link"].as_array().unwrap().iter().find(|l| l["relation"] == "next").unwrap()["url"].clone();
    let next = next.as_str().unwrap().split_once("/fhir").unwrap().1.to_owned();
    assert_eq!(fhir.get(&format!("/fhir{next}")).json()["entry"].as_array().unwrap().len(), 1);
    issue(fhir.get(&format!("{path}/_history?_since=2026-01-01T00:00:00")), 400, "invalid");
}

#[test]
fn refusals_name_what_is_wrong() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    issue(fhir.get("/fhir/Patient/nobody"), 404, "not-found");
    issue(fhir.get("/fhir/Patients/1"), 404, "not-found");
    issue(fhir.get("/fhir/a/b/c/d/e"), 404, "not-found");
    issue(clinic.http().get("/fhir/Patient/1"), 401, "login");
    issue(clinic.http().bearer("nonsense").get("/fhir/Patient/1"), 401, "login");
    let narrow = clinic.new_token("system/Patient.rs");
    issue(clinic.http().bearer(&narrow).get("/fhir/Observation/1"), 403, "forbidden");
    issue(
        clinic.http().bearer(&narrow).post_fhir("/fhir/Patient", &json!({"resourceType": "Patient"})),
        403,
        "forbidden",
    );

    let post = |fhir: &mut Http, kind: &str, body: &str| {
        fhir.send("POST", &format!("/fhir/{kind}"), &[FHIR], body.as_bytes())
    };
    let wrong = issue(post(&mut fhir, "Patient", r#"{"resourceType":"Observation"}"#), 400, "invalid");
    assert_eq!(wrong["issue"][0]["expression"][0], "Observation.resourceType");
    let broken =
        post(&mut fhir, "Patient", r#"{"resourceType":"Patient","birthDate":7,"colour":"red"}"#).expect(422);
    let broken = broken.json();
    let places: Vec<_> =
        broken["issue"].as_array().unwrap().iter().map(|i| i["expression"][0].clone()).collect();
    assert!(
        places.contains(&json!("Patient.birthDate")) && places.contains(&json!("Patient.colour")),
        "{broken}"
    );
    issue(
        put(&mut fhir, "/fhir/Patient/a_b", &[], &json!({"resourceType": "Patient", "id": "a_b"})),
        400,
        "invalid",
    );
    issue(
        put(&mut fhir, "/fhir/Patient/a", &[], &json!({"resourceType": "Patient", "id": "b"})),
        400,
        "invalid",
    );
    issue(put(&mut fhir, "/fhir/Patient/a", &[], &json!({"resourceType": "Patient"})), 400, "invalid");
    issue(
        put(
            &mut fhir,
            "/fhir/Patient/a",
            &[("If-Match", "one")],
            &json!({"resourceType": "Patient", "id": "a"}),
        ),
        400,
        "invalid",
    );
    issue(
        put(
            &mut fhir,
            "/fhir/Patient/a",
            &[("If-Match", "W/\"1\"")],
            &json!({"resourceType": "Patient", "id": "a"}),
        ),
        412,
        "conflict",
    );
    fhir.get("/fhir/Patient?birthdate=soon").expect(400);
    fhir.get("/fhir/Patient?name:near=x").expect(400);
    fhir.get("/fhir/Patient?name=%ff").expect(400);
    fhir.send("GET", "/fhir/Patient?colour=red", &[("Prefer", "handling=strict")], b"").expect(400);
    let lenient = fhir.get("/fhir/Patient?colour=red&gender=male").expect(200).json();
    assert!(lenient["link"][0]["url"].as_str().unwrap().ends_with("/fhir/Patient?gender=male"));
    assert_eq!(lenient["entry"][0]["search"]["mode"], "outcome");
    let collection = json!({"resourceType": "Bundle", "type": "collection"});
    fhir.post_fhir("/fhir", &collection).expect(400);
    fhir.post_fhir("/fhir/Bundle", &collection).expect(201);
}

#[test]
fn what_was_sent_is_what_is_read() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let body = r#"{"valueQuantity":{"value":72.50},"resourceType":"Observation","id":"o","status":"final",
        "code":{"text":"x"},"_effectiveDateTime":{"extension":[{"url":"http://x.y","valueDecimal":1.00e2}]}}"#;
    let made = fhir.send("PUT", "/fhir/Observation/o", &[FHIR], body.as_bytes()).expect(201);
    let text = fhir.get("/fhir/Observation/o").expect(200).text();
    assert!(
        text.starts_with(r#"{"valueQuantity":{"value":72.50},"resourceType":"Observation","id":"o","meta":"#),
        "{text}"
    );
    assert!(text.contains("1.00e2"));
    assert_eq!(text.as_bytes(), made.body);
    let pretty = fhir.get("/fhir/Observation/o?_pretty=true").expect(200).text();
    assert!(pretty.contains("\n  \"status\": \"final\""), "{pretty}");
    let minimal =
        fhir.send("PUT", "/fhir/Observation/o", &[FHIR, ("Prefer", "return=minimal")], body.as_bytes());
    assert!(minimal.expect(200).body.is_empty());
    let outcome = fhir.send(
        "PUT",
        "/fhir/Observation/o",
        &[FHIR, ("Prefer", "return=OperationOutcome")],
        body.as_bytes(),
    );
    assert_eq!(outcome.expect(200).json()["resourceType"], "OperationOutcome");
}

#[test]
fn of_clients_racing_with_one_tag_or_one_condition_one_wins() {
    let clinic = Clinic::open();
    let token = clinic.token();
    let client = || clinic.http().bearer(&token);
    put(&mut client(), "/fhir/Patient/p", &[], &json!({"resourceType": "Patient", "id": "p"})).expect(201);
    let race = |send: &(dyn Fn(usize, Http) -> Answer + Sync)| -> Vec<Answer> {
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..6).map(|n| (n, client())).collect();
            let all: Vec<_> =
                clients.into_iter().map(|(n, http)| scope.spawn(move || send(n, http))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let updates = race(&|n, mut http| {
        let body = json!({"resourceType": "Patient", "id": "p", "birthDate": format!("199{n}")});
        put(&mut http, "/fhir/Patient/p", &[("If-Match", "W/\"1\"")], &body)
    });
    let mut statuses: Vec<u16> = updates.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);

    let creates = race(&|_, mut http| {
        let body = sample::patient("Rao", "Asha", "9822000001", "7").to_string();
        let unless = ("If-None-Exist", "identifier=http://tests.example/number|7");
        http.send("POST", "/fhir/Patient", &[FHIR, unless], body.as_bytes())
    });
    let mut statuses: Vec<u16> = creates.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 201]);
    let first = creates[0].json()["id"].clone();
    assert!(creates.iter().all(|answer| answer.json()["id"] == first));
    let empty = client().send(
        "POST",
        "/fhir/Patient",
        &[FHIR, ("If-None-Exist", "_count=1")],
        b"{\"resourceType\":\"Patient\"}",
    );
    empty.expect(412);
}

#[test]
fn a_transaction_goes_in_whole_or_not_at_all() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let count = |fhir: &mut Http, kind: &str| {
        fhir.get(&format!("/fhir/{kind}?_summary=count")).json()["total"].clone()
    };
    for (place, broken, status) in [
        ("subject", json!({"reference": "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-00000000dead"}), 422),
        ("subject", json!({"reference": "Patient/nobody"}), 422),
        ("subject", json!({"reference": "Patient?identifier=http://tests.example/number|none"}), 412),
        ("status", json!("finished"), 422),
    ] {
        let mut bundle = sample::transaction("Rao", "1", 5);
        bundle["entry"][3]["resource"][place] = broken;
        let answer = fhir.post_fhir("/fhir", &bundle).expect(status).json();
        let said = answer["issue"][0]["expression"][0].as_str().unwrap_or_default().to_owned();
        assert!(said.starts_with(&format!("Bundle.entry[3].resource.{place}")), "{answer}");
        assert_eq!((count(&mut fhir, "Patient"), count(&mut fhir, "Observation")), (json!(0), json!(0)));
    }
    let done = fhir.post_fhir("/fhir", &sample::transaction("Rao", "1", 5)).expect(200).json();
    assert_eq!(done["type"], "transaction-response");
    let entries = done["entry"].as_array().unwrap();
    assert!(
        entries
            .iter()
            .all(|e| e["response"]["status"] == "201 Created" && e["response"]["etag"] == "W/\"1\"")
    );
    let location = entries[0]["response"]["location"].as_str().unwrap();
    let patient = location.split('/').rev().nth(2).unwrap().to_owned();
    let found = fhir.get(&format!("/fhir/Observation?patient={patient}")).json();
    assert_eq!(found["total"], 5);
    assert_eq!(found["entry"][0]["resource"]["subject"]["reference"], format!("Patient/{patient}"));

    let twice = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": {"resourceType": "Patient", "id": "a"}, "request": {"method": "PUT", "url": "Patient/a"}},
        {"request": {"method": "DELETE", "url": "Patient/a"}}]});
    fhir.post_fhir("/fhir", &twice).expect(400);
    let mixed = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "GET", "url": "Patient/a"}},
        {"request": {"method": "GET", "url": "Patient?_id=a"}},
        {"resource": {"resourceType": "Patient", "id": "a"}, "request": {"method": "PUT", "url": "Patient/a"}}]});
    let mixed = fhir.post_fhir("/fhir", &mixed).expect(200).json();
    assert_eq!(mixed["entry"][0]["resource"]["id"], "a", "a read sees what the transaction wrote");
    assert_eq!(mixed["entry"][1]["resource"]["total"], 1);
    assert_eq!(mixed["entry"][2]["response"]["status"], "201 Created");
}

#[test]
fn a_batch_answers_each_entry_for_itself() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Patient", "gender": "none"}, "request": {"method": "POST", "url": "Patient"}},
        {"request": {"method": "GET", "url": "Patient/nobody"}},
        {"request": {"method": "DELETE", "url": "Patient/nobody"}},
        {"request": {"method": "GET", "url": "Patient?gender:missing=true"}}]});
    let done = fhir.post_fhir("/fhir", &batch).expect(200).json();
    let statuses: Vec<String> = done["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["response"]["status"].as_str().unwrap()[..3].to_owned())
        .collect();
    assert_eq!(statuses, ["201", "422", "404", "204", "200"]);
    assert_eq!(done["entry"][1]["response"]["outcome"]["resourceType"], "OperationOutcome");
    assert_eq!(done["entry"][4]["resource"]["total"], 1);
}

#[test]
fn a_search_and_its_pages_stay_as_they_were_when_it_began() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for n in 0..7 {
        let body = json!({"resourceType": "Patient", "id": format!("p{n}"), "birthDate": format!("19{}0-01-01", 9 - n)});
        put(&mut fhir, &format!("/fhir/Patient/p{n}"), &[], &body).expect(201);
    }
    let mut seen = Vec::new();
    let mut page = fhir.get("/fhir/Patient?_sort=birthdate&_count=3").expect(200).json();
    let mut pages = 0;
    loop {
        assert_eq!(page["total"], 7);
        seen.extend(ids(&page));
        pages += 1;
        // Others write between the pages: a new first row, a moved row, a deleted row.
        put(
            &mut fhir,
            &format!("/fhir/Patient/new{pages}"),
            &[],
            &json!({"resourceType": "Patient", "id": format!("new{pages}"), "birthDate": "1900"}),
        )
        .expect(201);
        put(
            &mut fhir,
            "/fhir/Patient/p0",
            &[],
            &json!({"resourceType": "Patient", "id": "p0", "birthDate": "1901", "active": pages > 1}),
        );
        fhir.delete("/fhir/Patient/p1").expect(204);
        let links = page["link"].as_array().unwrap().clone();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        let next = next["url"].as_str().unwrap().split_once("/fhir").unwrap().1;
        page = fhir.get(&format!("/fhir{next}")).expect(200).json();
    }
    assert_eq!(seen, ["p6", "p5", "p4", "p3", "p2", "p1", "p0"]);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let posted =
        fhir.send("POST", "/fhir/Patient/_search?_count=1", &[form], b"birthdate=gt1920&_sort=-birthdate");
    let posted = posted.expect(200).json();
    assert_eq!((posted["total"].clone(), ids(&posted)), (json!(5), vec!["p2".to_owned()]));
    let next = posted["link"][1]["url"].as_str().unwrap();
    assert!(!next.contains("1920"), "what was searched for does not stand in an address: {next}");
    fhir.send("POST", "/fhir/Patient/_search", &[FHIR], b"{}").expect(415);
    issue(fhir.get("/fhir/Patient?_cursor=abc"), 404, "not-found");
}

#[test]
fn everyone_may_ask_what_the_box_can_do() {
    let clinic = Clinic::open();
    let statement = clinic.http().get("/fhir/metadata").expect(200);
    assert_eq!(
        statement.header("content-security-policy").map(|v| v.contains("default-src 'none'")),
        Some(true)
    );
    assert_eq!(statement.header("server"), None);
    let statement = statement.json();
    assert_eq!(
        (&statement["resourceType"], &statement["fhirVersion"]),
        (&json!("CapabilityStatement"), &json!("4.0.1"))
    );
    let patient = statement["rest"][0]["resource"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["type"] == "Patient")
        .unwrap()
        .clone();
    let codes: Vec<_> = patient["interaction"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        codes,
        [
            "read",
            "vread",
            "update",
            "patch",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type"
        ]
    );
    assert!(patient["searchParam"].as_array().unwrap().iter().any(|p| p["name"] == "identifier"));
}

#[test]
fn a_site_that_points_its_name_at_the_box_gets_nothing() {
    let clinic = Clinic::open();
    let ask = |host: &str| {
        let mut stream = std::net::TcpStream::connect(clinic.server().http).unwrap();
        let request = format!("GET /fhir/metadata HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer
    };
    assert!(ask("localhost:1").contains("CapabilityStatement"));
    assert!(!ask("evil.example").contains("CapabilityStatement"));
}
