//! Search parameters as a client asks them: composites, modifiers, units, places.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

const LOINC: &str = "http://loinc.org";
const UCUM: &str = "http://unitsofmeasure.org";

/// Ids of what a search finds, in the order of the alphabet.
#[track_caller]
fn found(fhir: &mut Http, query: &str) -> Vec<String> {
    let set = fhir.get(&format!("/fhir/{query}")).expect(200).json();
    let mut ids: Vec<String> = set["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["search"]["mode"] == "match")
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

fn put(fhir: &mut Http, resource: &Value) {
    let (kind, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    send(fhir, "PUT", &format!("/fhir/{kind}/{id}"), &[], resource).expect(201);
}

fn pressure(id: &str, patient: &str, systolic: u32, diastolic: u32) -> Value {
    let half = |code: &str, value: u32| {
        json!({"code": {"coding": [{"system": LOINC, "code": code}]},
               "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}})
    };
    json!({"resourceType": "Observation", "id": id, "status": "final",
           "code": {"coding": [{"system": LOINC, "code": "85354-9", "display": "Blood pressure panel"}]},
           "subject": {"reference": format!("Patient/{patient}")},
           "component": [half("8480-6", systolic), half("8462-4", diastolic)]})
}

#[test]
fn composites_are_asked_of_one_repetition_and_units_by_what_they_measure() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    put(&mut fhir, &json!({"resourceType": "Patient", "id": "p"}));
    put(&mut fhir, &pressure("high", "p", 150, 95));
    put(&mut fhir, &pressure("odd", "p", 95, 150));
    let glucose = json!({"resourceType": "Observation", "id": "glucose", "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "2339-0"}]}, "subject": {"reference": "Patient/p"},
        "valueQuantity": {"value": 5.4, "unit": "mg", "system": UCUM, "code": "mg"}});
    put(&mut fhir, &glucose);

    assert_eq!(found(&mut fhir, "Observation?component-code-value-quantity=8480-6$gt140"), ["high"]);
    assert_eq!(
        found(&mut fhir, "Observation?combo-code-value-quantity=8462-4$gt140,2339-0$5.4"),
        ["glucose", "odd"]
    );
    let kilopascal = format!("Observation?component-code-value-quantity={LOINC}|8480-6$gt18|{UCUM}|kPa");
    assert_eq!(found(&mut fhir, &kilopascal), ["high"]);
    assert_eq!(found(&mut fhir, &format!("Observation?value-quantity=0.0054|{UCUM}|g")), ["glucose"]);
    assert_eq!(found(&mut fhir, "Observation?combo-code=8480-6"), ["high", "odd"]);
    assert_eq!(found(&mut fhir, "Observation?patient=p&code:text=pressure"), ["high", "odd"]);
    assert_eq!(found(&mut fhir, "Observation?code-value-quantity:missing=false"), ["glucose"]);
    issue(fhir.get("/fhir/Observation?combo-code-value-quantity=8480-6"), 400, "value");
    issue(fhir.get("/fhir/Observation?value-quantity:not=1"), 400, "not-supported");

    // What a change takes away is not found any more.
    let mut lower = pressure("high", "p", 120, 80);
    lower["subject"] = json!({"reference": "Group/g"});
    send(&mut fhir, "PUT", "/fhir/Observation/high", &[], &lower).expect(200);
    assert!(found(&mut fhir, "Observation?component-code-value-quantity=8480-6$gt140").is_empty());
    assert_eq!(found(&mut fhir, "Observation?patient=p"), ["glucose", "odd"]);
    assert_eq!(found(&mut fhir, "Observation?patient:missing=true"), ["high"]);
}

#[test]
fn modifiers_of_tokens_and_other_parameters_do_what_they_say() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let number = json!([{"type": {"coding": [{"system": "http://v2", "code": "MR"}], "text": "Record number"},
                         "system": "http://a", "value": "7"}]);
    put(&mut fhir, &json!({"resourceType": "Patient", "id": "a", "gender": "female", "identifier": number}));
    put(&mut fhir, &json!({"resourceType": "Patient", "id": "b", "deceasedDateTime": "2020"}));
    assert_eq!(found(&mut fhir, "Patient?identifier:of-type=http://v2|MR|7"), ["a"]);
    assert!(found(&mut fhir, "Patient?identifier:of-type=http://v2|SS|7").is_empty());
    let set = "http://hl7.org/fhir/ValueSet/administrative-gender";
    assert_eq!(found(&mut fhir, &format!("Patient?gender:in={set}")), ["a"]);
    assert_eq!(found(&mut fhir, &format!("Patient?gender:not-in={set}")), ["b"]);
    assert_eq!(found(&mut fhir, "Patient?deceased=false"), ["a"]);
    assert_eq!(found(&mut fhir, "Patient?deceased=true"), ["b"]);
    issue(fhir.get("/fhir/Patient?gender:in=http://nowhere"), 400, "not-found");
    issue(fhir.get("/fhir/Patient?gender:nonsense=x"), 400, "not-supported");

    let place = json!({"longitude": 73.8567, "latitude": 18.5204});
    put(&mut fhir, &json!({"resourceType": "Location", "id": "pune", "position": place}));
    assert_eq!(found(&mut fhir, "Location?near=18.52|73.85|2|km"), ["pune"]);
    assert!(found(&mut fhir, "Location?near=19.07|72.87|50|km").is_empty());

    let many = vec!["x"; 501].join(",");
    let outcome = issue(fhir.get(&format!("/fhir/Patient?name={many}")), 400, "too-costly");
    assert!(outcome.to_string().contains("limits.search_values"), "{outcome}");
}

#[test]
fn every_parameter_of_a_type_is_listed_and_served() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let statement = clinic.http().get("/fhir/metadata").expect(200).json();
    assert_eq!(clinic.http().get("/fhir/metadata").expect(200).json(), statement);
    let mut asked = 0;
    for kind in statement["rest"][0]["resource"].as_array().unwrap() {
        let name = kind["type"].as_str().unwrap();
        for parameter in kind["searchParam"].as_array().into_iter().flatten() {
            let code = parameter["name"].as_str().unwrap();
            // Text and filters are asked in their own way.
            if matches!(parameter["type"].as_str(), Some("special")) && code.starts_with('_') {
                continue;
            }
            if matches!(name, "Observation" | "Patient" | "Location" | "Questionnaire")
                && !code.starts_with('_')
            {
                fhir.get(&format!("/fhir/{name}?{code}:missing=true&_count=1")).expect(200);
                asked += 1;
            }
        }
    }
    assert!(asked > 80, "{asked}");
}
