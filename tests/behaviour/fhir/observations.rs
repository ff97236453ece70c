//! `Observation/$lastn` and `Observation/$stats`.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn put(fhir: &mut Http, id: &str, patient: &str, category: &str, code: &str, day: &str, value: Value) {
    let body = json!({"resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
        "subject": {"reference": format!("Patient/{patient}")}, "effectiveDateTime": day, "valueQuantity": value});
    send(fhir, "PUT", &format!("/fhir/Observation/{id}"), &[], &body).expect(201);
}

fn mass(value: f64, unit: &str) -> Value {
    json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit})
}

fn filled(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    for id in ["a", "b"] {
        let body = json!({"resourceType": "Patient", "id": id});
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &body).expect(201);
    }
    put(&mut fhir, "w1", "a", "vital-signs", "29463-7", "2024-01-01", mass(60.1, "kg"));
    put(&mut fhir, "w2", "a", "vital-signs", "29463-7", "2024-02-01", mass(60300.0, "g"));
    put(&mut fhir, "w3", "a", "vital-signs", "29463-7", "2024-03-01", mass(60.2, "kg"));
    put(&mut fhir, "k1", "a", "laboratory", "2823-3", "2024-01-01", json!({"value": 4.1, "unit": "mmol/L"}));
    put(&mut fhir, "x1", "b", "vital-signs", "29463-7", "2024-03-01", mass(90.0, "kg"));
    fhir
}

fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_newest_of_each_kind_of_one_patient() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let last = |fhir: &mut Http, query: &str| {
        ids(&fhir.get(&format!("/fhir/Observation/$lastn?{query}")).expect(200).json())
    };
    assert_eq!(last(&mut fhir, "patient=Patient/a&category=vital-signs,laboratory"), ["w3", "k1"]);
    assert_eq!(last(&mut fhir, "max=2&subject=Patient/a&code=29463-7"), ["w3", "w2"]);
    issue(fhir.get("/fhir/Observation/$lastn?category=laboratory"), 400, "invalid");
    issue(fhir.get("/fhir/Observation/$lastn?patient=a&code=x&max=0"), 400, "invalid");
    let mut reception = clinic.staff("the.reception", &["reception"]);
    let seen = reception
        .get("/fhir/Observation/$lastn?patient=Patient/a&category=vital-signs,laboratory")
        .expect(200)
        .json();
    assert_eq!(
        (ids(&seen), &seen["total"]),
        (vec!["w3".to_owned()], &json!(1)),
        "results are not shown, not counted"
    );
}

#[test]
fn figures_are_computed_in_one_unit_over_what_may_be_seen() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let asked =
        "subject=Patient/a&system=http://loinc.org&code=29463-7&statistic=average,count,minimum,std-dev";
    let parameters = fhir.get(&format!("/fhir/Observation/$stats?{asked}")).expect(200).json();
    let statistics = &parameters["parameter"][0]["resource"];
    let of = |code: &str| {
        let all = statistics["component"].as_array().unwrap();
        all.iter().find(|c| c["code"]["coding"][0]["code"] == code).unwrap().clone()
    };
    assert_eq!(of("count")["valueInteger"], 3);
    assert_eq!(
        (&of("average")["valueQuantity"]["value"], &of("average")["valueQuantity"]["code"]),
        (&json!(60.2), &json!("kg"))
    );
    assert_eq!(of("minimum")["valueQuantity"]["value"], 60.1);
    assert_eq!(of("std-dev")["valueQuantity"]["value"], 0.1);
    send(&mut fhir, "POST", "/fhir/Observation", &[], statistics).expect(201);
    issue(fhir.get("/fhir/Observation/$stats?subject=Patient/a&code=x&statistic=kurtosis"), 400, "invalid");
    issue(fhir.get("/fhir/Observation/$stats?code=x&statistic=count"), 400, "required");
    let none = clinic
        .staff("the.reception", &["reception"])
        .get("/fhir/Observation/$stats?subject=Patient/a&code=2823-3&statistic=count,average")
        .expect(200)
        .json();
    assert_eq!(none["parameter"][0]["resource"]["component"][0]["valueInteger"], 0);
}
