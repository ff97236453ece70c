//! Searches that follow references: chains, `_has`, `_list`, `_include`, `_revinclude`, and what they never show.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Records under ids of their own: two houses, three people, three observations and a list.
pub fn furnish(fhir: &mut Http) {
    let reference = |to: &str| json!({"reference": to});
    let observation = |id: &str, of: &str, code: &str, category: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final",
            "code": {"coding": [{"system": "http://tests.example/codes", "code": code}]},
            "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
            "subject": reference(of), "effectiveDateTime": "2024-05-01"})
    };
    for body in [
        json!({"resourceType": "Organization", "id": "trust", "name": "Trust"}),
        json!({"resourceType": "Organization", "id": "north", "name": "North", "partOf": reference("Organization/trust")}),
        json!({"resourceType": "Patient", "id": "asha", "name": [{"family": "Rao"}], "gender": "female",
            "birthDate": "1990-02-01", "managingOrganization": reference("Organization/north")}),
        json!({"resourceType": "Patient", "id": "ravi", "name": [{"family": "Iyer"}], "gender": "male",
            "birthDate": "1980-02-01"}),
        json!({"resourceType": "Patient", "id": "meera", "name": [{"family": "Rao"}]}),
        observation("o1", "Patient/asha", "sugar", "laboratory"),
        observation("o2", "Patient/ravi", "sugar", "laboratory"),
        observation("o3", "Patient/ravi", "pulse", "vital-signs"),
        json!({"resourceType": "List", "id": "round", "status": "current", "mode": "working",
            "entry": [{"item": reference("Patient/asha")}, {"item": reference("Patient/meera")}]}),
        json!({"resourceType": "Encounter", "id": "visit", "status": "finished", "class": {"code": "AMB"},
            "subject": reference("Patient/ravi")}),
    ] {
        let path =
            format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
        send(fhir, "PUT", &path, &[], &body).expect(201);
    }
}

/// `Type/id` of the entries of one search mode.
pub fn of_mode(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let of = entries.iter().filter(|entry| entry["search"]["mode"] == mode).map(|entry| &entry["resource"]);
    of.map(|r| format!("{}/{}", r["resourceType"].as_str().unwrap(), r["id"].as_str().unwrap())).collect()
}

#[track_caller]
pub fn matches(fhir: &mut Http, address: &str, expected: &[&str]) -> Value {
    let bundle = fhir.get(address).expect(200).json();
    assert_eq!(of_mode(&bundle, "match"), expected, "{address}");
    bundle
}

pub fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array().unwrap();
    let link = links.iter().find(|link| link["relation"] == relation)?;
    Some(link["url"].as_str().unwrap().to_owned())
}

#[test]
fn references_are_followed_forwards_backwards_and_mixed() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    for (address, expected) in [
        ("/fhir/Observation?subject:Patient.name=rao", vec!["Observation/o1"]),
        ("/fhir/Observation?subject.name=rao", vec!["Observation/o1"]),
        ("/fhir/Observation?patient.organization.partof.name=trust", vec!["Observation/o1"]),
        ("/fhir/Observation?patient.name:exact=Rao", vec!["Observation/o1"]),
        ("/fhir/Observation?patient.birthdate:missing=true", vec![]),
        ("/fhir/Observation?patient.organization:missing=true", vec!["Observation/o2", "Observation/o3"]),
        ("/fhir/Observation?patient.gender:not=female", vec!["Observation/o2", "Observation/o3"]),
        ("/fhir/Observation?patient._id=ravi&code=pulse", vec!["Observation/o3"]),
        ("/fhir/Patient?_has:Observation:patient:code=sugar", vec!["Patient/asha", "Patient/ravi"]),
        ("/fhir/Patient?_has:Observation:patient:code=pulse&name=rao", vec![]),
        (
            "/fhir/Organization?_has:Patient:organization:_has:Observation:patient:code=sugar",
            vec!["Organization/north"],
        ),
        ("/fhir/Encounter?patient._has:Observation:patient:code=pulse", vec!["Encounter/visit"]),
        ("/fhir/Patient?_has:Observation:patient:patient.gender=male", vec!["Patient/ravi"]),
        ("/fhir/Patient?_list=round", vec!["Patient/asha", "Patient/meera"]),
        ("/fhir/Observation?_list=round", vec![]),
    ] {
        let bundle = matches(&mut fhir, address, &expected);
        assert_eq!(bundle["total"], expected.len(), "{address}");
        let own = link(&bundle, "self").unwrap();
        assert!(own.contains(address.split_once('?').unwrap().1), "{own}");
    }
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    for (query, code, says) in [
        ("subject:Group.name=x", "not-supported", "subject:Group.name"),
        ("subject:Organization.name=x", "value", "Organization"),
        ("code.name=x", "value", "not a reference"),
        ("patient.birthdate=yesterday", "value", "date"),
        ("_has:Observation:patient=x", "value", "_has:Type:reference:parameter"),
        ("_has:Encounter:subject:status=x", "value", "does not refer to Observation"),
        ("_has:Nothing:patient:code=x", "value", "Nothing"),
        ("patient.organization.partof.partof.partof.partof.name=x", "too-costly", "limits.chain_depth"),
        ("_list=$current-allergies", "not-supported", "_list"),
        ("_query=clinic", "not-supported", "_query"),
        ("_contained=both", "not-supported", "_contained"),
        ("_include=Observation:nonsense", "not-supported", "nonsense"),
        ("_include=Encounter:subject", "value", ":iterate"),
        ("_include=Observation", "value", "Type:parameter"),
        ("_revinclude=Encounter:location", "value", "does not refer to Observation"),
    ] {
        let outcome = issue(
            fhir.send("GET", &format!("/fhir/Observation?{query}"), &[("Prefer", "handling=strict")], b""),
            400,
            code,
        );
        assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains(says), "{query}: {outcome}");
    }
    // Lenient: a chain that leads to no parameter is left out of the self link, with a warning.
    let bundle = fhir.get("/fhir/Observation?subject.colour=red&code=pulse").expect(200).json();
    assert_eq!(of_mode(&bundle, "match"), ["Observation/o3"]);
    assert!(!link(&bundle, "self").unwrap().contains("colour"));
    let outcome =
        bundle["entry"].as_array().unwrap().iter().find(|e| e["search"]["mode"] == "outcome").unwrap();
    assert!(outcome["resource"]["issue"][0]["diagnostics"].as_str().unwrap().contains("subject.colour"));
    let body = json!({"resourceType": "Patient"});
    let conditional = [("If-None-Exist", "organization.name=North")];
    issue(send(&mut fhir, "POST", "/fhir/Patient", &conditional, &body), 412, "conflict");
}

#[test]
fn linked_records_come_along_once_and_are_not_counted() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let check = |fhir: &mut Http, query: &str, matched: usize, included: &[&str]| {
        let bundle = fhir.get(&format!("/fhir/{query}")).expect(200).json();
        assert_eq!(
            (of_mode(&bundle, "match").len(), bundle["total"].as_u64()),
            (matched, Some(matched as u64)),
            "{query}"
        );
        let mut came = of_mode(&bundle, "include");
        came.sort();
        assert_eq!(came, included, "{query}");
    };
    check(&mut fhir, "Observation?_include=Observation:subject", 3, &["Patient/asha", "Patient/ravi"]);
    check(
        &mut fhir,
        "Observation?code=sugar&_include=Observation:patient:Patient",
        2,
        &["Patient/asha", "Patient/ravi"],
    );
    check(&mut fhir, "Observation?_include=Observation:subject:Group", 3, &[]);
    check(
        &mut fhir,
        "Observation?_id=o1&_include=Observation:subject&_include:iterate=Patient:organization&_include:iterate=Organization:partof",
        1,
        &["Organization/north", "Organization/trust", "Patient/asha"],
    );
    check(&mut fhir, "Observation?_id=o1&_include=*", 1, &["Patient/asha"]);
    check(
        &mut fhir,
        "Patient?_id=ravi&_revinclude=Observation:subject",
        1,
        &["Observation/o2", "Observation/o3"],
    );
    check(
        &mut fhir,
        "Patient?_id=ravi&_revinclude=*",
        1,
        &["Encounter/visit", "Observation/o2", "Observation/o3"],
    );
    check(
        &mut fhir,
        "Organization?_id=north&_revinclude=Patient:organization&_revinclude:iterate=Observation:patient",
        1,
        &["Observation/o1", "Patient/asha"],
    );
    // What is on the page itself does not come a second time.
    check(&mut fhir, "Organization?_include=Organization:partof", 2, &[]);
}

#[test]
fn a_page_brings_only_so_many_along_and_says_so() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, "[limits]\nincluded = 1\nchain_depth = 1\n").unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let bundle = fhir.get("/fhir/Observation?_include=Observation:subject").expect(200).json();
    assert_eq!((of_mode(&bundle, "match").len(), of_mode(&bundle, "include").len()), (3, 1));
    assert!(bundle.to_string().contains("limits.included"));
    issue(fhir.get("/fhir/Observation?patient.organization.name=x"), 400, "too-costly");
}

#[test]
fn nothing_is_reached_through_what_the_caller_may_not_see() {
    let clinic = Clinic::open();
    furnish(&mut clinic.fhir());
    // A laboratory sees people, and of observations those that are no vital signs; visits not at all.
    let mut lab = clinic.staff("prakash", &["lab"]);
    let mut ask = |address: &str| lab.get(address);
    let mut empty = |address: &str| {
        let bundle = ask(address).expect(200).json();
        assert_eq!(
            (bundle["total"].as_u64(), bundle["entry"].as_array()),
            (Some(0), None),
            "{address}: {bundle}"
        );
    };
    empty("/fhir/Patient?_has:Observation:patient:code=pulse");
    empty("/fhir/Patient?_has:Encounter:patient:status=finished");
    empty("/fhir/Patient?_has:Encounter:patient:_id=visit&_total=accurate");
    empty("/fhir/Observation?encounter.status=finished");
    empty("/fhir/Observation?_id=o3");
    empty("/fhir/Observation?code=pulse&_summary=count");
    empty("/fhir/Patient/ravi/Observation?code=pulse");
    empty("/fhir/Patient?_filter=_id%20eq%20none");
    let bundle = ask("/fhir/Patient?_id=ravi&_revinclude=*").expect(200).json();
    assert_eq!(of_mode(&bundle, "include"), ["Observation/o2"]);
    let bundle = ask("/fhir/Patient/ravi/*").expect(200).json();
    assert_eq!(of_mode(&bundle, "match"), ["Observation/o2", "Patient/ravi"].map(str::to_owned));
    assert_eq!(bundle["total"], 2);
    ask("/fhir/Patient/ravi/Encounter").expect(403);
    ask("/fhir?_type=Patient,Encounter").expect(403);
    // A token for one type follows nothing into another.
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Observation.rs"));
    let bundle = narrow.get("/fhir/Observation?_include=Observation:subject").expect(200).json();
    assert_eq!((of_mode(&bundle, "match").len(), of_mode(&bundle, "include").len()), (3, 0));
    let bundle = narrow.get("/fhir/Observation?subject.name=rao").expect(200).json();
    assert_eq!(bundle["total"], 0);
}
