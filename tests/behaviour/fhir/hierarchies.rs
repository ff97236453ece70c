//! Searches along what places and organizations are part of: `:below` and `:above`.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::links::matches;
use super::send;

/// A house with a floor and a room in it, another house, visits, and an organization that runs the house.
fn furnish(fhir: &mut Http) {
    put(fhir, json!({"resourceType": "Organization", "id": "trust", "name": "Trust"}));
    for (id, within) in [("house", ""), ("floor", "house"), ("room", "floor"), ("shed", "")] {
        let mut place = json!({"resourceType": "Location", "id": id, "name": id});
        if !within.is_empty() {
            place["partOf"] = json!({"reference": format!("Location/{within}")});
        }
        put(fhir, place);
    }
    put(fhir, json!({"resourceType": "Patient", "id": "asha", "name": [{"family": "Rao"}]}));
    for (id, place) in [("one", "house"), ("two", "floor"), ("three", "room"), ("four", "shed")] {
        put(
            fhir,
            json!({"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
                "subject": {"reference": "Patient/asha"},
                "location": [{"location": {"reference": format!("Location/{place}")}}]}),
        );
    }
}

#[track_caller]
fn put(fhir: &mut Http, body: Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = send(fhir, "PUT", &path, &[], &body);
    assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.status);
}

#[test]
fn places_are_searched_with_what_is_in_them_and_what_they_are_in() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    for (query, expected) in [
        (
            "Encounter?location:below=Location/house",
            vec!["Encounter/one", "Encounter/two", "Encounter/three"],
        ),
        ("Encounter?location:below=floor", vec!["Encounter/two", "Encounter/three"]),
        ("Encounter?location:below=room,shed", vec!["Encounter/three", "Encounter/four"]),
        ("Encounter?location:above=room", vec!["Encounter/one", "Encounter/two", "Encounter/three"]),
        ("Encounter?location:above=Location/house", vec!["Encounter/one"]),
        ("Encounter?location:below=house&location:above=floor", vec!["Encounter/one", "Encounter/two"]),
        ("Encounter?location:below=nowhere", vec![]),
        ("Location?partof:below=house", vec!["Location/floor", "Location/room"]),
        ("Location?partof:above=floor", vec!["Location/floor", "Location/room"]),
        ("Location?_has:Encounter:location:location:below=floor", vec!["Location/floor", "Location/room"]),
        ("Patient?_has:Encounter:patient:location:above=shed", vec!["Patient/asha"]),
    ] {
        matches(&mut fhir, &format!("/fhir/{query}"), &expected);
        let count = fhir.get(&format!("/fhir/{query}&_summary=count")).expect(200).json();
        assert_eq!(count["total"], expected.len(), "{query}");
    }
    let refused = fhir.get("/fhir/Encounter?patient:below=Patient/asha").expect(400);
    assert!(refused.text().contains("are not part of one another"), "{}", refused.text());
}

#[test]
fn a_ring_of_places_ends() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let ring = json!({"resourceType": "Location", "id": "house", "name": "house",
        "partOf": {"reference": "Location/room"}});
    put(&mut fhir, ring);
    let all = ["Encounter/one", "Encounter/two", "Encounter/three"];
    matches(&mut fhir, "/fhir/Encounter?location:below=room", &all);
    matches(&mut fhir, "/fhir/Encounter?location:above=house", &all);
}
