//! ViewDefinitions (SQL on FHIR): stored and sent resources as a table, and for whom.

use clinicvault_tests::{Answer, Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn patients() -> Value {
    json!({"resourceType": "ViewDefinition", "status": "active", "name": "patients", "resource": "Patient", "select": [
        {"column": [{"name": "id", "path": "getResourceKey()", "type": "id"}]},
        {"forEachOrNull": "name", "column": [{"name": "family", "path": "family", "type": "string"}]}]})
}

fn results() -> Value {
    json!({"resourceType": "ViewDefinition", "status": "active", "resource": "Observation", "select": [{"column": [
        {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
        {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"}]}]})
}

fn run(fhir: &mut Http, view: &Value, more: &[(&str, Value)], headers: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![json!({"name": "viewResource", "resource": view})];
    for (name, value) in more {
        let mut parameter = json!({"name": name});
        let kind = match value {
            Value::Number(_) => "valueInteger",
            Value::Bool(_) => "valueBoolean",
            Value::Object(_) => "resource",
            _ => "valueString",
        };
        parameter[kind] = value.clone();
        parameters.push(parameter);
    }
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    send(fhir, "POST", "/fhir/ViewDefinition/$run", headers, &body)
}

fn observation(id: &str, patient: &str, category: &str, value: &str) -> Value {
    let number: Value = serde_json::from_str(value).unwrap();
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
        "subject": {"reference": format!("Patient/{patient}")}, "valueQuantity": {"value": number}})
}

fn filled(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    for (id, family) in [("1", "Rao, Sr"), ("2", "Iyer")] {
        let patient = json!({"resourceType": "Patient", "id": id, "name": [{"family": family}]});
        fhir.put_fhir(&format!("/fhir/Patient/{id}"), &patient).expect(201);
    }
    fhir.put_fhir("/fhir/Patient/3", &json!({"resourceType": "Patient", "id": "3"})).expect(201);
    for (id, patient, category, value) in
        [("a", "1", "laboratory", "5.9"), ("b", "1", "vital-signs", "120"), ("c", "2", "laboratory", "7")]
    {
        let path = format!("/fhir/Observation/{id}");
        fhir.put_fhir(&path, &observation(id, patient, category, value)).expect(201);
    }
    fhir
}

#[test]
fn a_view_shows_stored_records_in_the_form_that_is_asked_for() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let answer = run(&mut fhir, &patients(), &[], &[]).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines = "{\"id\":\"1\",\"family\":\"Rao, Sr\"}\n{\"id\":\"2\",\"family\":\"Iyer\"}\n{\"id\":\"3\",\"family\":null}\n";
    assert_eq!(answer.text(), lines);
    let csv =
        run(&mut fhir, &patients(), &[("_format", json!("csv")), ("_limit", json!(2))], &[]).expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text(), "id,family\r\n1,\"Rao, Sr\"\r\n2,Iyer\r\n");
    let bare =
        run(&mut fhir, &patients(), &[("header", json!(false))], &[("Accept", "text/csv")]).expect(200);
    assert_eq!(bare.text(), "1,\"Rao, Sr\"\r\n2,Iyer\r\n3,\r\n");
    let json =
        run(&mut fhir, &results(), &[("patient", json!("Patient/1"))], &[("Accept", "application/json")]);
    assert_eq!(
        json.expect(200).text(),
        "[{\"patient\":\"1\",\"value\":5.9},{\"patient\":\"1\",\"value\":120}]"
    );
    let group = json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true, "member": [
        {"entity": {"reference": "Patient/2"}}, {"entity": {"reference": "Patient/1"}, "inactive": true}]});
    fhir.put_fhir("/fhir/Group/g", &group).expect(201);
    let grouped = run(&mut fhir, &results(), &[("group", json!("Group/g"))], &[]).expect(200);
    assert_eq!(grouped.text(), "{\"patient\":\"2\",\"value\":7}\n");
    let later = run(&mut fhir, &results(), &[("_since", json!("2999-01-01T00:00:00Z"))], &[]);
    issue(later, 400, "value");
    let sent = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": observation("z", "9", "laboratory", "1.25")}]});
    let sent = run(&mut fhir, &results(), &[("resource", sent)], &[]).expect(200);
    assert_eq!(sent.text(), "{\"patient\":\"9\",\"value\":1.25}\n");
}

#[test]
fn a_view_is_kept_in_a_binary() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let data = data_encoding::BASE64.encode(patients().to_string().as_bytes());
    let binary =
        json!({"resourceType": "Binary", "id": "v", "contentType": "application/fhir+json", "data": data});
    fhir.put_fhir("/fhir/Binary/v", &binary).expect(201);
    let one = "{\"id\":\"1\",\"family\":\"Rao, Sr\"}\n";
    assert_eq!(fhir.get("/fhir/Binary/v/$viewdefinition-run?_limit=1").expect(200).text(), one);
    let named =
        fhir.get("/fhir/$viewdefinition-run?viewReference=Binary/v&_limit=1&_format=ndjson").expect(200);
    assert_eq!(named.text(), one);
    issue(fhir.get("/fhir/$viewdefinition-run?viewReference=ViewDefinition/v"), 400, "invalid");
    issue(fhir.get("/fhir/Binary/none/$viewdefinition-run"), 404, "not-found");
    issue(fhir.get("/fhir/ViewDefinition/$export"), 404, "not-found");
}

#[test]
fn what_cannot_be_shown_is_refused_with_its_place() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let mut wrong = patients();
    wrong["select"][1]["column"][0]["path"] = json!("@@");
    let told = issue(run(&mut fhir, &wrong, &[], &[]), 422, "invalid");
    assert_eq!(told["issue"][0]["expression"][0], "viewResource.select[1].column[0].path");
    let mut number = patients();
    number["select"][1]["column"][0]["type"] = json!("integer");
    let told = issue(run(&mut fhir, &number, &[], &[]), 422, "processing");
    assert_eq!(told["issue"][0]["expression"][0], "ViewDefinition.select[1].column[0].path");
    assert!(!told.to_string().contains("Rao"), "{told}");
    issue(run(&mut fhir, &patients(), &[("_format", json!("parquet"))], &[]), 400, "not-supported");
    issue(run(&mut fhir, &patients(), &[("source", json!("s3://x"))], &[]), 400, "not-supported");
    issue(run(&mut fhir, &results(), &[("patient", json!("Patient/none"))], &[]), 400, "not-found");
    issue(run(&mut fhir, &patients(), &[], &[("Accept", "application/fhir+json")]), 406, "not-supported");
    let empty = json!({"resourceType": "Parameters"});
    issue(send(&mut fhir, "POST", "/fhir/$viewdefinition-run", &[], &empty), 400, "required");
}

#[test]
fn a_table_holds_no_more_than_its_reader_may_see() {
    let clinic = Clinic::open();
    filled(&clinic);
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    run(&mut narrow, &patients(), &[], &[]).expect(200);
    issue(run(&mut narrow, &results(), &[], &[]), 403, "forbidden");
    let mut others = clinic.http().bearer(&clinic.new_token("system/Observation.rs"));
    run(&mut others, &results(), &[], &[]).expect(200);
    // A patient that may not be read is one that is not there.
    let unseen =
        issue(run(&mut others, &results(), &[("patient", json!("Patient/1"))], &[]), 400, "not-found");
    let missing =
        issue(run(&mut others, &results(), &[("patient", json!("Patient/x"))], &[]), 400, "not-found");
    assert_eq!(unseen["issue"].to_string().replace("Patient/1", "Patient/x"), missing["issue"].to_string());
    // The reception may see vital signs, and no laboratory result.
    let reception = clinic.staff("front.desk", &["reception"]);
    let mut desk = clinic
        .http()
        .with("Cookie", reception.cookie())
        .with("X-ClinicVault", "1")
        .with("Sec-Fetch-Site", "same-origin");
    let seen = run(&mut desk, &results(), &[], &[]).expect(200);
    assert_eq!(seen.text(), "{\"patient\":\"1\",\"value\":120}\n");
}
