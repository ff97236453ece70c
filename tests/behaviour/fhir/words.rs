//! `_text` and `_content`: words of narratives and of all text, within the rights of who asks.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::links::link;
use super::{issue, send};

fn observation(id: &str, category: &str, says: &str, note: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": note},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
        "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{says}</p></div>")}})
}

#[track_caller]
fn finds(fhir: &mut Http, query: &str, expected: &[&str]) {
    for _ in 0..1_000 {
        let bundle = fhir.get(&format!("/fhir/{query}")).expect(200).json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let (told, found): (Vec<_>, Vec<_>) = entries.iter().partition(|e| e["search"]["mode"] == "outcome");
        // An index that is being renewed says so.
        if told.is_empty() {
            let mut ids: Vec<_> = found.iter().map(|e| e["resource"]["id"].as_str().unwrap()).collect();
            ids.sort_unstable();
            assert_eq!(ids, expected, "{query}");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{query} is never answered whole");
}

#[test]
fn words_are_found_from_the_commit_and_within_the_rights_of_who_asks() {
    let mut clinic = Clinic::create();
    with_words(&mut clinic, "all");
    let mut fhir = clinic.fhir();
    for body in [
        observation("a", "laboratory", "Mild <b>Anaemia</b>, repeat soon.", "Haemoglobin"),
        observation("b", "vital-signs", "All well", "Anaemia was ruled out"),
    ] {
        let path = format!("/fhir/Observation/{}", body["id"].as_str().unwrap());
        send(&mut fhir, "PUT", &path, &[], &body).expect(201);
    }
    finds(&mut fhir, "Observation?_text=anaemia", &["a"]);
    finds(&mut fhir, "Observation?_text=anaem*", &["a"]);
    finds(&mut fhir, "Observation?_text=anaem", &[]);
    finds(&mut fhir, "Observation?_content=ANAEMIA", &["a", "b"]);
    finds(&mut fhir, "Observation?_content=anaemia+ruled", &["b"]);
    finds(&mut fhir, "Observation?_content=anaemia&_text=well", &["b"]);
    finds(&mut fhir, "Observation?_text=mild,well", &["a", "b"]);
    finds(&mut fhir, "?_type=Observation,Patient&_content=anaemia", &["a", "b"]);
    issue(fhir.get("/fhir/Observation?_text=%22all%20well%22"), 400, "value");
    send(&mut fhir, "PUT", "/fhir/Observation/b", &[], &observation("b", "vital-signs", "All well", "Fever"))
        .expect(200);
    finds(&mut fhir, "Observation?_content=anaemia", &["a"]);

    let token = clinic.new_token(
        "system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
    );
    let mut cut = clinic.http().bearer(&token);
    finds(&mut cut, "Observation?_content=mild", &[]);
    finds(&mut cut, "Observation?_content=fever", &["b"]);
    assert_eq!(cut.get("/fhir/Observation?_content=mild&_count=0").expect(200).json()["total"], 0);
}

#[test]
fn words_that_are_not_to_be_indexed_are_not_and_come_with_the_setting() {
    let mut clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let put = |fhir: &mut Http, id: &str| {
        let body = observation(id, "laboratory", "Mild", "Iron");
        send(fhir, "PUT", &format!("/fhir/Observation/{id}"), &[], &body).expect(201);
    };
    put(&mut fhir, "a");
    let outcome = issue(fhir.get("/fhir/Observation?_content=iron"), 400, "not-supported");
    assert!(outcome.to_string().contains("fhir.words"), "{outcome}");
    finds(&mut fhir, "Observation?_text=mild", &["a"]);
    for (words, id, expected) in
        [("all", "b", vec!["a", "b"]), ("off", "c", vec![]), ("all", "d", vec!["a", "b", "c", "d"])]
    {
        clinic.stop();
        with_words(&mut clinic, words);
        let mut fhir = clinic.fhir();
        put(&mut fhir, id);
        if words == "off" {
            issue(fhir.get("/fhir/Observation?_text=mild"), 400, "not-supported");
            // What is taken out of the index is taken out in the background.
            finds(&mut fhir, "Observation?_id=a", &["a"]);
        } else {
            finds(&mut fhir, "Observation?_content=iron", &expected);
            finds(&mut fhir, "Observation?_text=mild", &expected);
        }
    }
}

#[test]
fn a_link_to_a_further_page_does_not_outlive_a_renewal_of_the_index() {
    let mut clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for id in ["a", "b", "c"] {
        let body = observation(id, "laboratory", "Mild", "Iron");
        send(&mut fhir, "PUT", &format!("/fhir/Observation/{id}"), &[], &body).expect(201);
    }
    let first = fhir.get("/fhir/Observation?_text=mild&_count=1").expect(200).json();
    let next = link(&first, "next").unwrap();
    let next = format!("/fhir{}", next.split_once("/fhir").unwrap().1);
    fhir.get(&next).expect(200);
    clinic.stop();
    with_words(&mut clinic, "all");
    let mut fhir = clinic.fhir();
    finds(&mut fhir, "Observation?_content=iron", &["a", "b", "c"]);
    let outcome = issue(fhir.get(&next), 410, "not-found");
    assert!(outcome.to_string().contains("renewed"), "{outcome}");
}

/// Starts the box with a setting.
fn with_words(clinic: &mut Clinic, words: &str) {
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, format!("[fhir]\nwords = \"{words}\"\n")).unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
}
