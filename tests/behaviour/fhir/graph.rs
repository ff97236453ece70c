//! `$graphql`: what a query shows, and that it shows nothing that its reader may not see.

use clinicvault_tests::{Answer, Clinic, Http};
use serde_json::{Value, json};

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn ask(fhir: &mut Http, place: &str, query: &str) -> Answer {
    fhir.get(&format!("/fhir{place}/$graphql?query={}", encoded(query)))
}

fn data(answer: Answer) -> Value {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()["data"].clone()
}

/// The first error of a refusal.
#[track_caller]
fn error(answer: Answer, status: u16, text: &str) -> Value {
    let told = answer.expect(status).json();
    let error = told["errors"][0].clone();
    assert!(error["message"].as_str().is_some_and(|message| message.contains(text)), "{told}");
    assert_eq!(error["extensions"]["resource"]["resourceType"], "OperationOutcome");
    error
}

fn filled(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    let practitioner = json!({"resourceType": "Practitioner", "id": "d", "name": [{"family": "Shah"}]});
    fhir.put_fhir("/fhir/Practitioner/d", &practitioner).expect(201);
    for (id, family) in [("1", "Rao"), ("2", "Iyer")] {
        let patient = json!({"resourceType": "Patient", "id": id, "active": true, "name": [{"family": family, "given": ["A", "B"]}],
            "generalPractitioner": [{"reference": "Practitioner/d"}]});
        fhir.put_fhir(&format!("/fhir/Patient/{id}"), &patient).expect(201);
    }
    for (id, category) in [("lab", "laboratory"), ("vital", "vital-signs")] {
        let observation = json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": id},
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
            "subject": {"reference": "Patient/1"}});
        fhir.put_fhir(&format!("/fhir/Observation/{id}"), &observation).expect(201);
    }
    fhir
}

#[test]
fn a_query_walks_from_a_record_to_what_it_names_and_what_names_it() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let query =
        "{ id name { family } generalPractitioner { resource { ... on Practitioner { name { family } } } }
        ObservationList(_reference: patient, category: \"vital-signs\") { id subject { resource { id } } } }";
    let expected = json!({"id": "1", "name": [{"family": "Rao"}],
        "generalPractitioner": [{"resource": {"name": [{"family": "Shah"}]}}],
        "ObservationList": [{"id": "vital", "subject": {"resource": {"id": "1"}}}]});
    assert_eq!(data(ask(&mut fhir, "/Patient/1", query)), expected);
    let one = data(ask(&mut fhir, "", "{ Patient(id: 2) { id name @flatten { given @first @singleton } } }"));
    assert_eq!(one, json!({"Patient": {"id": "2", "given": "A"}}));
    let pages = "{ PatientConnection(active: true, _count: 1, _sort: \"family\") { count offset pagesize next edges { mode resource { id } } } }";
    let first = data(ask(&mut fhir, "", pages))["PatientConnection"].clone();
    assert_eq!(first["edges"], json!([{"mode": "match", "resource": {"id": "2"}}]));
    assert_eq!((&first["count"], &first["offset"], &first["pagesize"]), (&json!(2), &json!(0), &json!(1)));
    let cursor = first["next"].as_str().unwrap();
    let next = format!("{{ PatientConnection(cursor: \"{cursor}\") {{ edges {{ resource {{ id }} }} }} }}");
    let next = data(ask(&mut fhir, "", &next));
    assert_eq!(next["PatientConnection"]["edges"], json!([{"resource": {"id": "1"}}]));
}

#[test]
fn a_query_is_sent_in_three_ways() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let body = json!({"query": "query a { __typename } query b($id: ID!) { Patient(id: $id) { id } }",
        "operationName": "b", "variables": {"id": "1"}});
    let sent = fhir.send(
        "POST",
        "/fhir/$graphql",
        &[("Content-Type", "application/json")],
        body.to_string().as_bytes(),
    );
    assert_eq!(data(sent), json!({"Patient": {"id": "1"}}));
    let plain =
        fhir.send("POST", "/fhir/Patient/1/$graphql", &[("Content-Type", "application/graphql")], b"{ id }");
    assert_eq!(data(plain), json!({"id": "1"}));
    let path = format!(
        "/fhir/Patient/1/$graphql?query={}&variables={}",
        encoded("query($u: String) { id name(use: $u) { use } }"),
        encoded("{\"u\":\"old\"}")
    );
    assert_eq!(data(fhir.get(&path)), json!({"id": "1"}));
    fhir.send("POST", "/fhir/$graphql", &[("Content-Type", "text/plain")], b"{ id }").expect(415);
    fhir.send("POST", "/fhir/$graphql", &[("Content-Type", "application/json")], b"{}").expect(400);
}

#[test]
fn tools_are_told_the_schema() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let all = "{ __schema { queryType { name } directives { name } types { kind name description possibleTypes { name } interfaces { name }
        fields(includeDeprecated: true) { name isDeprecated args { name defaultValue type { kind name ofType { kind name } } }
        type { kind name ofType { kind name } } } } } }";
    let schema = data(ask(&mut fhir, "", all))["__schema"].clone();
    assert_eq!(schema["queryType"]["name"], "Query");
    let types = schema["types"].as_array().unwrap();
    let patient = types.iter().find(|t| t["name"] == "Patient").unwrap();
    assert!(patient["fields"].as_array().unwrap().iter().any(|f| f["name"] == "managingOrganization"));
    let own = data(ask(&mut fhir, "/Patient/1", "{ __schema { queryType { name } } id }"));
    assert_eq!(own, json!({"__schema": {"queryType": {"name": "Patient"}}, "id": "1"}));
}

#[test]
fn what_cannot_be_answered_is_told_in_the_graphs_own_form() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let told = error(ask(&mut fhir, "/Patient/1", "{ name { nothing } }"), 400, "no field");
    assert_eq!(
        (&told["path"], &told["locations"]),
        (&json!(["name", 0, "nothing"]), &json!([{"line": 1, "column": 10}]))
    );
    error(ask(&mut fhir, "/Patient/1", "{ name {"), 400, "expected");
    error(ask(&mut fhir, "", "mutation { PatientDelete(id: 1) { id } }"), 400, "for reading");
    error(ask(&mut fhir, "", "{ __schema { types { nothing } } }"), 400, "no field");
    error(ask(&mut fhir, "", "{ Patient(id: 9) { id } }"), 404, "no Patient");
    error(ask(&mut fhir, "", "{ PatientList(nonsense: 1) { id } }"), 400, "nonsense");
    error(ask(&mut fhir, "", "{ PatientConnection(cursor: \"x\") { next } }"), 400, "cursor");
    let deep = format!(
        "{}{}",
        "{ generalPractitioner { resource ".repeat(30),
        "{ id }".to_owned() + &" } }".repeat(30)
    );
    error(ask(&mut fhir, "/Patient/1", &deep), 400, "");
    let wide: String = (0..40_000).map(|_| "a ".to_owned()).collect();
    error(
        fhir.send(
            "POST",
            "/fhir/$graphql",
            &[("Content-Type", "application/graphql")],
            format!("{{{wide}}}").as_bytes(),
        ),
        422,
        "graphql.text_kib",
    );
    assert_eq!(ask(&mut fhir, "/Patient/9", "{ id }").status, 404);
}

#[test]
fn nothing_outside_the_readers_rights_comes_through_the_graph() {
    let clinic = Clinic::open();
    filled(&clinic);
    let mut patients = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    assert_eq!(data(ask(&mut patients, "/Patient/1", "{ id }")), json!({"id": "1"}));
    // A reference to what may not be read is one that leads nowhere.
    let hidden = error(
        ask(&mut patients, "/Patient/1", "{ generalPractitioner { resource { id } } }"),
        404,
        "cannot be resolved",
    );
    assert!(
        !hidden.to_string().contains("Shah") && !hidden.to_string().contains("Practitioner/d"),
        "{hidden}"
    );
    let passed = "{ generalPractitioner { resource(optional: true) { id } } }";
    assert_eq!(data(ask(&mut patients, "/Patient/1", passed)), json!({"generalPractitioner": [{}]}));
    error(ask(&mut patients, "/Patient/1", "{ ObservationList(_reference: patient) { id } }"), 403, "");
    error(ask(&mut patients, "", "{ ObservationConnection { count } }"), 403, "");
    error(ask(&mut patients, "", "{ Observation(id: \"lab\") { id } }"), 403, "");
    assert_eq!(ask(&mut patients, "/Observation/lab", "{ id }").status, 403);
    // The reception sees vital signs and no laboratory result: not in lists, not in counts, not by name.
    let reception = clinic.staff("front.desk", &["reception"]);
    let mut desk = clinic
        .http()
        .with("Cookie", reception.cookie())
        .with("X-ClinicVault", "1")
        .with("Sec-Fetch-Site", "same-origin");
    let list = data(ask(&mut desk, "/Patient/1", "{ ObservationList(_reference: patient) { id } }"));
    assert_eq!(list, json!({"ObservationList": [{"id": "vital"}]}));
    let count = data(ask(&mut desk, "", "{ ObservationConnection { count edges { resource { id } } } }"));
    assert_eq!(
        count,
        json!({"ObservationConnection": {"count": 1, "edges": [{"resource": {"id": "vital"}}]}})
    );
    let unseen = error(ask(&mut desk, "", "{ Observation(id: \"lab\") { id } }"), 404, "no Observation");
    let missing = error(ask(&mut desk, "", "{ Observation(id: \"none\") { id } }"), 404, "no Observation");
    assert_eq!(unseen, missing);
}
