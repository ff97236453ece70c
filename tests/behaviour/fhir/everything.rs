//! `Patient/$everything` and `Encounter/$everything`.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn put(fhir: &mut Http, body: Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = send(fhir, "PUT", &path, &[], &body);
    assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text());
}

fn observation(id: &str, patient: &str, category: &str, day: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": id},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
        "subject": {"reference": format!("Patient/{patient}")}, "effectiveDateTime": day, "valueString": "x",
        "performer": [{"reference": "Practitioner/dr"}], "encounter": {"reference": format!("Encounter/e{patient}")}})
}

/// Two patients, one doctor with her clinic, a visit each.
fn filled(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    put(&mut fhir, json!({"resourceType": "Organization", "id": "org", "name": "Clinic"}));
    put(
        &mut fhir,
        json!({"resourceType": "Practitioner", "id": "dr", "name": [{"text": "Dr"}],
        "qualification": [{"code": {"text": "MD"}, "issuer": {"reference": "Organization/org"}}]}),
    );
    for patient in ["a", "b"] {
        put(&mut fhir, json!({"resourceType": "Patient", "id": patient}));
        put(
            &mut fhir,
            json!({"resourceType": "Encounter", "id": format!("e{patient}"), "status": "finished",
            "class": {"code": "AMB"}, "subject": {"reference": format!("Patient/{patient}")},
            "period": {"start": "2024-01-01", "end": "2024-01-02"}}),
        );
        put(&mut fhir, observation(&format!("lab-{patient}"), patient, "laboratory", "2024-01-01"));
        put(&mut fhir, observation(&format!("vital-{patient}"), patient, "vital-signs", "2025-06-01"));
    }
    fhir
}

/// `mode Type/id` of every entry.
fn lines(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let line = |e: &Value| {
        let mode = e["search"]["mode"].as_str().unwrap();
        match e["fullUrl"].as_str() {
            Some(url) => format!("{mode} {}", url.split_once("/fhir/").unwrap().1),
            None => mode.to_owned(),
        }
    };
    entries.iter().map(line).collect()
}

const ALL_OF_A: [&str; 6] = [
    "match Patient/a",
    "match Encounter/ea",
    "match Observation/lab-a",
    "match Observation/vital-a",
    "include Practitioner/dr",
    "include Organization/org",
];

#[test]
fn everything_of_a_patient_comes_with_what_it_needs() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let bundle = fhir.get("/fhir/Patient/a/$everything").expect(200).json();
    assert_eq!(bundle["type"], "searchset");
    assert_eq!(bundle["total"], 4);
    assert_eq!(lines(&bundle), ALL_OF_A);
    let parameters =
        json!({"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]});
    let some = send(&mut fhir, "POST", "/fhir/Patient/a/$everything", &[], &parameters).expect(200).json();
    assert_eq!(lines(&some), ALL_OF_A[2..4]);
    let some = fhir.get("/fhir/Patient/a/$everything?_type=Patient,Practitioner").expect(200).json();
    assert_eq!(lines(&some), ["match Patient/a"], "what none of the matches refers to is not included");
    let dated = fhir.get("/fhir/Patient/a/$everything?start=2024&end=2024-12").expect(200).json();
    assert_eq!(
        lines(&dated),
        [
            "match Patient/a",
            "match Encounter/ea",
            "match Observation/lab-a",
            "include Practitioner/dr",
            "include Organization/org"
        ]
    );
    let changed =
        fhir.get("/fhir/Observation/lab-b").json()["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    let since = fhir.get(&format!("/fhir/Patient/$everything?_since={changed}")).expect(200).json();
    assert!(lines(&since).contains(&"match Observation/vital-b".to_owned()));
    assert!(!lines(&since).contains(&"match Observation/lab-a".to_owned()), "{:?}", lines(&since));

    issue(fhir.get("/fhir/Patient/c/$everything"), 404, "not-found");
    issue(fhir.get("/fhir/Patient/a/$everything?start=x"), 400, "value");
    issue(fhir.get("/fhir/Patient/a/$everything?_since=2024-01-01"), 400, "value");
    issue(fhir.get("/fhir/Patient/a/$everything?_type=Patients"), 400, "invalid");
    issue(fhir.get("/fhir/Patient/a/$everything?_count=0"), 400, "invalid");
    issue(fhir.get("/fhir/Patient/a/$everything?nonsense=1"), 400, "not-supported");
    issue(fhir.get("/fhir/Encounter/ea/$everything?start=2024"), 400, "not-supported");
    fhir.delete("/fhir/Patient/b").expect(204);
    issue(fhir.get("/fhir/Patient/b/$everything"), 410, "deleted");
}

#[test]
fn everything_of_a_visit_and_of_all_patients() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let visit = fhir.get("/fhir/Encounter/ea/$everything").expect(200).json();
    let expected = [
        "match Encounter/ea",
        "match Observation/lab-a",
        "match Observation/vital-a",
        "include Patient/a",
        "include Practitioner/dr",
        "include Organization/org",
    ];
    assert_eq!(lines(&visit), expected);
    let all = fhir.get("/fhir/Patient/$everything").expect(200).json();
    assert_eq!(all["total"], 8);
    assert!(lines(&all).contains(&"match Observation/vital-b".to_owned()));
}

#[test]
fn pages_stand_still_while_others_write_and_their_links_tell_nothing() {
    let clinic = Clinic::open();
    let mut fhir = filled(&clinic);
    let mut path = "/fhir/Patient/a/$everything?_count=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = fhir.get(&path).expect(200).json();
        seen.extend(lines(&page).into_iter().filter(|line| line.starts_with("match")));
        put(&mut fhir, observation(&format!("late-{}", seen.len()), "a", "laboratory", "2024-01-01"));
        put(&mut fhir, json!({"resourceType": "Patient", "id": "a", "active": seen.len() % 2 == 0}));
        let links = page["link"].as_array().unwrap().clone();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        path = format!("/fhir{}", next["url"].as_str().unwrap().split_once("/fhir").unwrap().1);
    }
    assert_eq!(seen, ALL_OF_A[..4]);
    let cursor = path.split_once("_cursor=").unwrap().1.to_owned();
    issue(fhir.get(&format!("/fhir/Patient/b/$everything?_cursor={cursor}")), 404, "not-found");
    issue(fhir.get("/fhir/Patient/a/$everything?_cursor=nonsense"), 404, "not-found");
}

#[test]
fn whoever_may_see_less_gets_less_and_is_told_that_types_are_missing() {
    let clinic = Clinic::open();
    let _fhir = filled(&clinic);
    let token = clinic.new_token("system/Patient.rs system/Observation.rs");
    let mut narrow = clinic.http().bearer(&token);
    let bundle = narrow.get("/fhir/Patient/a/$everything").expect(200).json();
    let expected = ["match Patient/a", "match Observation/lab-a", "match Observation/vital-a", "outcome"];
    assert_eq!(lines(&bundle), expected);
    assert_eq!(bundle["total"], 3);
    let token = clinic.new_token("system/Observation.rs");
    issue(clinic.http().bearer(&token).get("/fhir/Patient/a/$everything"), 403, "forbidden");

    // The reception sees vital signs and no laboratory results; it must not learn that there are any.
    let mut reception = clinic.staff("the.reception", &["reception"]);
    let bundle = reception.get("/fhir/Patient/a/$everything").expect(200).json();
    let seen = lines(&bundle);
    assert!(seen.contains(&"match Observation/vital-a".to_owned()), "{seen:?}");
    assert!(!bundle.to_string().contains("lab-a"), "{bundle}");
}
