//! `Patient/$match`: who may be meant by a description.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn put(fhir: &mut Http, id: &str, name: &str, birth: &str, phone: &str) {
    let body = json!({"resourceType": "Patient", "id": id, "name": [{"text": name}], "gender": "female",
        "birthDate": birth, "telecom": [{"system": "phone", "value": phone}],
        "identifier": [{"system": "urn:abha", "value": format!("91-0000-0000-{id}")}]});
    send(fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &body).expect(201);
}

fn filled(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    put(&mut fhir, "1001", "Lakshmi Devi Pawar", "1968-03-14", "7000041207");
    put(&mut fhir, "1002", "Laxmi Pawar", "1968-03-15", "7000099999");
    put(&mut fhir, "1003", "Lakshmi Pawar", "2001-11-02", "7000041207");
    put(&mut fhir, "1004", "Suresh Patil", "1968-03-14", "7000055555");
    fhir
}

fn lakshmi() -> Value {
    json!({"resourceType": "Patient", "name": [{"family": "Pawar", "given": ["Laxmi"]}], "gender": "female",
        "birthDate": "1968-03-14", "telecom": [{"system": "phone", "value": "+91 70000 41207"}]})
}

fn asked(resource: &Value, more: &[Value]) -> Value {
    let mut parameters = vec![json!({"name": "resource", "resource": resource})];
    parameters.extend(more.iter().cloned());
    json!({"resourceType": "Parameters", "parameter": parameters})
}

fn told(bundle: &Value) -> Vec<(String, String)> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let of = |entry: &Value| {
        let extension = &entry["search"]["extension"][0];
        assert_eq!(extension["url"], "http://hl7.org/fhir/StructureDefinition/match-grade");
        (
            entry["resource"]["id"].as_str().unwrap().to_owned(),
            extension["valueCode"].as_str().unwrap().to_owned(),
        )
    };
    entries.iter().map(of).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(id, grade)| ((*id).to_owned(), (*grade).to_owned())).collect()
}

#[test]
fn the_likeliest_comes_first_with_its_score_and_grade() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let path = "/fhir/Patient/$match";
    let bundle = send(&mut fhir, "POST", path, &[], &asked(&lakshmi(), &[])).expect(200).json();
    assert_eq!((&bundle["type"], &bundle["total"]), (&json!("searchset"), &json!(2)));
    assert_eq!(told(&bundle), pairs(&[("1001", "certain"), ("1002", "probable")]));
    let scores: Vec<f64> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["search"]["score"].as_f64().unwrap())
        .collect();
    assert!(
        scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|s| (0.0..=1.0).contains(s)),
        "{scores:?}"
    );
    assert!(bundle["entry"][0]["fullUrl"].as_str().unwrap().ends_with("/fhir/Patient/1001"));
    // The Patient alone stands for the parameter; the answer is R4's, in XML too.
    let alone = send(&mut fhir, "POST", path, &[], &lakshmi()).expect(200).json();
    assert_eq!(told(&alone), told(&bundle));
    let xml = send(&mut fhir, "POST", path, &[("Accept", "application/fhir+xml")], &lakshmi()).expect(200);
    assert!(xml.text().contains("<score value=\"0.8"), "{}", xml.text());
    send(&mut fhir, "POST", "/fhir/Bundle/$validate", &[], &bundle).expect(200);
}

#[test]
fn only_certain_ones_and_a_number_of_them() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let path = "/fhir/Patient/$match";
    let certain = json!({"name": "onlyCertainMatches", "valueBoolean": true});
    let bundle = send(&mut fhir, "POST", path, &[], &asked(&lakshmi(), std::slice::from_ref(&certain)))
        .expect(200)
        .json();
    assert_eq!(told(&bundle), pairs(&[("1001", "certain")]));
    let one = json!({"name": "count", "valueInteger": 1});
    let bundle = send(&mut fhir, "POST", path, &[], &asked(&lakshmi(), &[one])).expect(200).json();
    assert_eq!(told(&bundle), pairs(&[("1001", "certain")]));
    // Somebody is there twice: then neither is the certain one.
    put(&mut fhir, "1005", "Lakshmi Devi Pawar", "1968-03-14", "7000041207");
    let bundle = send(&mut fhir, "POST", path, &[], &asked(&lakshmi(), &[certain])).expect(200).json();
    assert_eq!(told(&bundle), []);
}

#[test]
fn a_question_that_cannot_be_answered_says_why() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let path = "/fhir/Patient/$match";
    let nobody = json!({"resourceType": "Patient", "birthDate": "1968-03-14"});
    issue(send(&mut fhir, "POST", path, &[], &nobody), 422, "required");
    issue(send(&mut fhir, "POST", path, &[], &json!({"resourceType": "Parameters"})), 400, "required");
    issue(send(&mut fhir, "POST", path, &[], &json!({"resourceType": "Basic"})), 400, "invalid");
    let odd = json!({"resourceType": "Patient", "name": [{"text": "Asha"}], "colour": "blue"});
    let outcome = issue(send(&mut fhir, "POST", path, &[], &odd), 422, "structure");
    assert_eq!(outcome["issue"][0]["expression"][0], "Patient.colour");
    let none = json!({"name": "count", "valueInteger": 0});
    issue(send(&mut fhir, "POST", path, &[], &asked(&lakshmi(), &[none])), 400, "invalid");
    let unknown = json!({"name": "threshold", "valueDecimal": 0.5});
    issue(send(&mut fhir, "POST", path, &[], &asked(&lakshmi(), &[unknown])), 400, "not-supported");
    issue(send(&mut fhir, "POST", "/fhir/Group/$match", &[], &lakshmi()), 404, "not-found");
}

#[test]
fn who_sees_one_patient_is_not_told_of_another() {
    let clinic = Clinic::open();
    filled(&clinic);
    let token = clinic.new_token("system/Patient.rs?_id=1002");
    let mut narrow = clinic.http().bearer(&token);
    let bundle = send(&mut narrow, "POST", "/fhir/Patient/$match", &[], &lakshmi()).expect(200).json();
    assert_eq!((told(&bundle), &bundle["total"]), (pairs(&[("1002", "probable")]), &json!(1)));
    let mut none = clinic.http().bearer(&clinic.new_token("system/Observation.rs"));
    issue(send(&mut none, "POST", "/fhir/Patient/$match", &[], &lakshmi()), 403, "forbidden");
}

#[test]
fn the_statement_names_the_operation() {
    let clinic = Clinic::open();
    let statement = clinic.http().get("/fhir/metadata").expect(200).json();
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    let patient = types.iter().find(|t| t["type"] == "Patient").unwrap();
    assert!(patient["operation"].as_array().unwrap().iter().any(|op| op["name"] == "match"));
}
