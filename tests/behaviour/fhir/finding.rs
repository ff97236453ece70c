//! Filters, sorting and totals of a search.

use clinicvault_tests::{Clinic, Http};
use serde_json::json;

use super::issue;
use super::links::{furnish, link, matches, of_mode};

fn filtered(fhir: &mut Http, kind: &str, filter: &str, expected: &[&str]) {
    let escaped: String = filter.bytes().map(|b| format!("%{b:02X}")).collect();
    matches(fhir, &format!("/fhir/{kind}?_filter={escaped}"), expected);
}

#[test]
fn a_filter_joins_comparisons_and_follows_chains() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    for (filter, expected) in [
        (r#"family eq "rao""#, vec!["Patient/asha", "Patient/meera"]),
        (r#"family eq "ra""#, vec![]),
        (r#"family sw ra"#, vec!["Patient/asha", "Patient/meera"]),
        (r#"family co "ye""#, vec!["Patient/ravi"]),
        (r#"family ew "ER""#, vec!["Patient/ravi"]),
        (r#"family ew iye"#, vec![]),
        (r#"family ne "rao""#, vec!["Patient/ravi"]),
        (r#"gender eq female or birthdate lt 1985"#, vec!["Patient/asha", "Patient/ravi"]),
        (r#"gender pr false"#, vec!["Patient/meera"]),
        (r#"not (gender eq female)"#, vec!["Patient/ravi", "Patient/meera"]),
        (r#"family eq "rao" and (gender eq male or birthdate ge 1990)"#, vec!["Patient/asha"]),
        // From left to right, neither before the other.
        (r#"gender eq female or gender eq male and family eq "rao""#, vec!["Patient/asha"]),
        (r#"organization.name eq "north""#, vec!["Patient/asha"]),
        (r#"organization.partof.name sw tr"#, vec!["Patient/asha"]),
        (r#"birthdate po 1990"#, vec!["Patient/asha"]),
        (r#"birthdate sa 1980-02-01"#, vec!["Patient/asha"]),
        (r#"gender ne male"#, vec!["Patient/asha"]),
        (r#"_id eq ravi"#, vec!["Patient/ravi"]),
    ] {
        filtered(&mut fhir, "Patient", filter, &expected);
    }
    filtered(
        &mut fhir,
        "Observation",
        "subject re Patient/ravi and code eq http://tests.example/codes|pulse",
        &["Observation/o3"],
    );
    for (filter, code) in [
        ("gender", "value"),
        ("gender is male", "value"),
        ("gender eq male and", "value"),
        ("(gender eq male", "value"),
        ("gender%20eq%20male)", "value"),
        ("colour eq red", "not-supported"),
        ("birthdate ew 1", "not-supported"),
        ("link[type eq x].other pr true", "not-supported"),
        ("not gender eq male", "value"),
    ] {
        issue(fhir.get(&format!("/fhir/Patient?_filter={}", filter.replace(' ', "%20"))), 400, code);
    }
    let deep = format!("{}gender eq male{}", "(".repeat(100), ")".repeat(100)).replace(' ', "%20");
    issue(fhir.get(&format!("/fhir/Patient?_filter={deep}")), 400, "too-costly");
}

#[test]
fn brackets_of_a_filter_speak_of_one_record_or_one_element() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let part = |code: &str, value: u32| json!({"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value}});
    for (id, high, low) in [("b1", 150, 80), ("b2", 110, 145)] {
        let body = json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "pressure"},
            "subject": {"reference": "Patient/asha"}, "component": [part("systolic", high), part("diastolic", low)]});
        fhir.put_fhir(&format!("/fhir/Observation/{id}"), &body).expect(201);
    }
    let row = "component-code-value-quantity[component-code eq systolic].component-value-quantity gt 140";
    for (filter, expected) in [
        (row, vec!["Observation/b1"]),
        (
            "component-code eq systolic and component-value-quantity gt 140",
            vec!["Observation/b1", "Observation/b2"],
        ),
        (r#"patient[gender eq male].name sw iy"#, vec!["Observation/o2", "Observation/o3"]),
        (r#"patient[gender eq female].name sw iy"#, vec![]),
        (
            r#"patient[organization[name eq "north"].partof.name eq "trust"].family eq "rao" and code eq sugar"#,
            vec!["Observation/o1"],
        ),
        (r#"patient[not (gender eq female)].family eq "rao""#, vec![]),
        (r#"not (patient[gender eq male].name sw iy) and code eq sugar"#, vec!["Observation/o1"]),
    ] {
        filtered(&mut fhir, "Observation", filter, &expected);
    }
    // What the caller may not see is not looked into.
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Observation.rs"));
    filtered(&mut narrow, "Observation", "patient[gender eq male].name sw iy", &[]);
    filtered(&mut narrow, "Observation", row, &["Observation/b1"]);
}

#[test]
fn the_ends_of_long_texts_are_found_counted_and_paged() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let long = "a".repeat(300);
    for (id, family) in [
        ("p1", format!("{long}east")),
        ("p2", format!("{long}west")),
        ("p3", "least".to_owned()),
        ("p4", long),
    ] {
        let body = json!({"resourceType": "Patient", "id": id, "name": [{"family": family}]});
        fhir.put_fhir(&format!("/fhir/Patient/{id}"), &body).expect(201);
    }
    for (filter, expected) in [
        ("family ew east", vec!["Patient/p1", "Patient/p3"]),
        ("family ew st", vec!["Patient/p1", "Patient/p2", "Patient/p3"]),
        ("family co aweS", vec!["Patient/p2"]),
        ("not (family ew st)", vec!["Patient/p4"]),
        ("family ew aeast and family sw aaa", vec!["Patient/p1"]),
    ] {
        filtered(&mut fhir, "Patient", filter, &expected);
        let escaped = filter.replace(' ', "%20");
        let counted = fhir.get(&format!("/fhir/Patient?_filter={escaped}&_summary=count")).expect(200).json();
        assert_eq!(counted["total"], expected.len(), "{filter}");
        let sorted = format!("/fhir/Patient?_filter={escaped}&_sort=-_id&_count=1");
        let first = expected.iter().rev().take(1).copied().collect::<Vec<_>>();
        matches(&mut fhir, &sorted, &first);
    }
    // A page later, and after the text has changed.
    let first = matches(&mut fhir, "/fhir/Patient?_filter=family%20ew%20st&_count=1", &["Patient/p1"]);
    let next = link(&first, "next").unwrap();
    let body = json!({"resourceType": "Patient", "id": "p2", "name": [{"family": "short"}]});
    fhir.put_fhir("/fhir/Patient/p2", &body).expect(200);
    matches(&mut fhir, &next[next.find("/fhir").unwrap()..], &["Patient/p2"]);
    filtered(&mut fhir, "Patient", "family ew st", &["Patient/p1", "Patient/p3"]);
    // Conditions see it, too.
    let body = json!({"resourceType": "Patient", "id": "p1", "active": true, "name": [{"family": format!("{}east", "a".repeat(300))}]});
    let by = "/fhir/Patient?family:missing=false&_filter=family%20ew%20aeast";
    assert_eq!(fhir.put_fhir(by, &body).expect(200).json()["id"], "p1");
}

#[test]
fn several_keys_sort_and_what_has_no_value_comes_last() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    matches(&mut fhir, "/fhir/Patient?_sort=birthdate", &["Patient/ravi", "Patient/asha", "Patient/meera"]);
    matches(&mut fhir, "/fhir/Patient?_sort=-birthdate", &["Patient/asha", "Patient/ravi", "Patient/meera"]);
    matches(
        &mut fhir,
        "/fhir/Patient?_sort=-family,birthdate",
        &["Patient/asha", "Patient/meera", "Patient/ravi"],
    );
    matches(
        &mut fhir,
        "/fhir/Observation?_sort=-code,-_id",
        &["Observation/o2", "Observation/o1", "Observation/o3"],
    );
    issue(fhir.get("/fhir/Patient?_sort=colour"), 400, "value");
}

#[test]
fn totals_are_sent_as_asked_and_pages_keep_them() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let first = matches(&mut fhir, "/fhir/Patient?_count=2", &["Patient/asha", "Patient/ravi"]);
    assert_eq!(first["total"], 3);
    let next = link(&first, "next").unwrap();
    let next = &next[next.find("/fhir").unwrap()..];
    fhir.delete("/fhir/List/round").expect(204);
    fhir.delete("/fhir/Patient/meera").expect(204);
    let second = matches(&mut fhir, next, &["Patient/meera"]);
    assert_eq!((second["total"].as_u64(), link(&second, "next")), (Some(3), None));
    assert_eq!(fhir.get("/fhir/Patient?_total=none").expect(200).json()["total"], serde_json::Value::Null);
    for how in ["estimate", "accurate"] {
        let found =
            fhir.get(&format!("/fhir/Observation?patient.family=iyer&_total={how}")).expect(200).json();
        assert_eq!(found["total"], 2, "{how}");
    }
    for form in ["_count=0", "_summary=count"] {
        let found = fhir.get(&format!("/fhir/Observation?status=final&{form}")).expect(200).json();
        assert_eq!((found["total"].as_u64(), of_mode(&found, "match").len()), (Some(3), 0), "{form}");
    }
    // A cursor belongs to its address.
    issue(fhir.get(&next.replace("/Patient?", "/Observation?")), 404, "not-found");
}
