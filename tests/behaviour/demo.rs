//! The invented clinic that a newcomer sees first.

use clinicvault_tests::Clinic;
use serde_json::Value;

/// What `clinicvault demo` prints as the password of every account.
fn password(printed: &str) -> String {
    let line = printed.lines().find(|line| line.contains("password: ")).expect("the password is printed");
    line.rsplit("password: ").next().unwrap().trim().to_owned()
}

#[test]
fn the_demo_is_a_living_clinic() {
    let mut clinic = Clinic::empty();
    let printed = clinic.cli_ok(&["demo", "--today", "2026-11-21"]);
    assert!(!clinic.cli(&["demo"]).status.success(), "a second demo in the same folder is refused");
    let verified = clinic.cli_ok(&["verify"]);
    assert!(verified.contains("Patient"), "{verified}");
    clinic.start();
    let mut doctor = clinicvault_tests::Person::sign_in(&clinic, "imran", &password(&printed));
    let found = doctor.get("/api/search?q=laksh").expect(200).json();
    let named = |number: &str| {
        let hits = found["hits"].as_array().unwrap();
        hits.iter().find(|hit| hit["patient"]["number"] == number).cloned().unwrap_or(Value::Null)
    };
    for number in ["NC-004218", "NC-005902", "NC-002681", "NC-000418"] {
        assert!(!named(number).is_null(), "{number} in {found}");
    }
    let id = named("NC-004218")["patient"]["id"].as_str().unwrap().to_owned();
    let chart = doctor.get(&format!("/api/patients/{id}/chart")).expect(200).json();
    assert_eq!(
        (chart["results"][0]["text"].as_str(), chart["results"][0]["latest"]["flag"].as_str()),
        (Some("Potassium"), Some("HH"))
    );
    assert_eq!(chart["allergies"]["items"].as_array().unwrap().len(), 2);
    assert!(chart["medicines"].as_array().unwrap().iter().any(|medicine| medicine["status"] == "ranOut"));
    let opened: Vec<&str> =
        chart["opened"].as_array().unwrap().iter().filter_map(|line| line["who"].as_str()).collect();
    assert!(opened.contains(&"Sanjana Gite"), "{opened:?}");
    let counts = doctor.get("/api/inbox?state=all").expect(200).json()["counts"].clone();
    assert_eq!((counts["needs"].as_u64(), counts["refused"].as_u64()), (Some(1), Some(1)), "{counts}");
    for row in doctor.get("/api/inbox?state=all").expect(200).json()["rows"].as_array().unwrap() {
        let message = doctor.get(&format!("/api/inbox/{}", row["seq"])).expect(200).json();
        let unused = message["unmapped"].as_array().unwrap();
        assert!(unused.iter().all(|place| place["path"] != "OBR-21"), "{unused:?}");
    }
}
