//! Finding people at the desk.

use clinicvault_tests::{Clinic, sample};
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<String> {
    answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["patient"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn somebody_just_registered_is_found_as_typed_in_any_spelling_and_by_number_and_phone() {
    let clinic = Clinic::open();
    let mut desk = clinic.staff("sanjana", &["reception"]);
    let asha = desk.register("Lakshmi Devi Pawar", "7000041207", "search-form-1");
    assert_eq!(asha["number"], "NC-000001");
    for typed in [
        "laksh",
        "laxmi",
        "PAWAR%20lakshmi",
        "%E0%A4%B2%E0%A4%95%E0%A5%8D%E0%A4%B7%E0%A5%8D%E0%A4%AE%E0%A5%80",
        "1207",
        "70000%2041207",
        "nc1",
        "NC-000001",
    ] {
        let found = desk.get(&format!("/api/search?q={typed}")).expect(200).json();
        assert_eq!(names(&found), ["Lakshmi Devi Pawar"], "{typed}");
    }
    let found = desk.get("/api/search?q=laksh").expect(200).json();
    assert_eq!(found["hits"][0]["matched"][0], json!({"field": "name", "start": 0, "end": 5}));
    assert!(names(&desk.get("/api/search?q=zzzz").expect(200).json()).is_empty());
    assert_eq!(names(&desk.get("/api/patients/recent").expect(200).json()), ["Lakshmi Devi Pawar"]);
}

#[test]
fn the_desk_sees_no_clinical_word_in_a_hit() {
    let clinic = Clinic::open();
    let made = clinic.fhir().post_fhir("/fhir", &sample::transaction("Bhosale", "S-1", 3)).expect(200).json();
    assert_eq!(made["type"], "transaction-response");
    let mut desk = clinic.staff("sanjana", &["reception"]);
    let found = desk.get("/api/search?q=bhosale").expect(200).text();
    assert!(found.contains("Bhosale") && !found.to_lowercase().contains("glucose"), "{found}");
}

#[test]
fn nobody_searches_without_signing_in() {
    let clinic = Clinic::open();
    clinic.http().get("/api/search?q=a").expect(401);
    clinic.http().get("/api/changes?since=1").expect(401);
}
