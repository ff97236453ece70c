//! Searches that are not of one type: compartments and the whole box.

use clinicvault_tests::Clinic;
use serde_json::json;

use super::links::{furnish, link, matches, of_mode};
use super::{issue, send};

#[test]
fn a_compartment_holds_what_the_definition_says() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let bundle = matches(&mut fhir, "/fhir/Patient/ravi/Observation?code=sugar", &["Observation/o2"]);
    assert!(link(&bundle, "self").unwrap().ends_with("/fhir/Patient/ravi/Observation?code=sugar"));
    matches(&mut fhir, "/fhir/Patient/ravi/Observation", &["Observation/o2", "Observation/o3"]);
    let bundle = fhir.get("/fhir/Patient/ravi/*").expect(200).json();
    let mut all = of_mode(&bundle, "match");
    all.sort();
    assert_eq!(all, ["Encounter/visit", "Observation/o2", "Observation/o3", "Patient/ravi"]);
    assert_eq!(bundle["total"], 4);
    matches(&mut fhir, "/fhir/Encounter/visit/Observation", &[]);
    matches(&mut fhir, "/fhir/Patient/nobody/Observation", &[]);
    issue(fhir.get("/fhir/Patient/ravi/Organization"), 404, "not-found");
    issue(fhir.get("/fhir/Organization/north/Patient"), 404, "not-found");
    issue(fhir.get("/fhir/Patient/ravi/Nonsense"), 404, "not-found");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let found = fhir.send("POST", "/fhir/Patient/ravi/Observation/_search", &form, b"code=pulse").expect(200);
    assert_eq!(of_mode(&found.json(), "match"), ["Observation/o3"]);
}

#[test]
fn several_types_are_searched_and_paged_as_one() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    for query in
        ["_type=Patient,Observation&_count=2", "_type=Patient,Observation&_count=2&_sort=-_lastUpdated"]
    {
        let mut address = format!("/fhir?{query}");
        let (mut shown, mut pages) = (Vec::new(), 0);
        loop {
            let bundle = fhir.get(&address).expect(200).json();
            assert_eq!(bundle["total"], 6, "{query}");
            shown.extend(of_mode(&bundle, "match"));
            pages += 1;
            let Some(next) = link(&bundle, "next") else { break };
            assert!(!next.contains("Patient"));
            // What others write between two pages belongs to a later search.
            let more = json!({"resourceType": "Patient", "name": [{"family": "Late"}]});
            send(&mut fhir, "POST", "/fhir/Patient", &[], &more).expect(201);
            address = next[next.find("/fhir").unwrap()..].to_owned();
        }
        let made: Vec<String> = shown.iter().filter(|name| name.contains("Patient")).cloned().collect();
        assert_eq!((shown.len(), pages, made.len()), (6, 3, 3), "{query}: {shown:?}");
        if query.contains("_sort") {
            assert_eq!(shown[0], "Observation/o3");
        }
        for name in fhir.get("/fhir/Patient?name=late").expect(200).json()["entry"].as_array().unwrap() {
            fhir.delete(&format!("/fhir/Patient/{}", name["resource"]["id"].as_str().unwrap())).expect(204);
        }
    }
    let bundle = fhir.get("/fhir?_id=asha,o1,north").expect(200).json();
    let mut all = of_mode(&bundle, "match");
    all.sort();
    assert_eq!(all, ["Observation/o1", "Organization/north", "Patient/asha"]);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let found = fhir.send("POST", "/fhir/_search?_type=Patient", &form, b"_id=asha%2Co1").expect(200).json();
    assert_eq!(of_mode(&found, "match"), ["Patient/asha"]);
    assert!(link(&found, "self").unwrap().ends_with("/fhir?_type=Patient&_id=asha,o1"));
    issue(fhir.get("/fhir?_type=Patient,Nonsense"), 400, "value");
    issue(
        fhir.send(
            "GET",
            "/fhir?_type=Patient,Observation&gender=male",
            &[("Prefer", "handling=strict")],
            b"",
        ),
        400,
        "not-supported",
    );
    issue(fhir.get("/fhir?_type=Patient,Observation&_sort=birthdate"), 400, "value");
    // Lenient: what only some of the types have is left out for all of them.
    let bundle = fhir.get("/fhir?_type=Patient,Observation&gender=male").expect(200).json();
    assert_eq!(
        (bundle["total"].as_u64(), link(&bundle, "self").unwrap().contains("gender")),
        (Some(6), false)
    );
    let counted = fhir.get("/fhir?_type=Patient,Observation&_summary=count").expect(200).json();
    assert_eq!((counted["total"].as_u64(), counted["entry"].as_array()), (Some(6), None));
}
