//! Histories of a record, of a type and of everything.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn put(fhir: &mut Http, path: &str, body: &Value) {
    let status = send(fhir, "PUT", &format!("/fhir/{path}"), &[], body).status;
    assert!(matches!(status, 200 | 201), "{path}: {status}");
}

/// What each entry says: `METHOD Type/id v`.
fn lines(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let line = |e: &Value| {
        let url = e["fullUrl"].as_str().unwrap();
        let url = url.split_once("/fhir/").unwrap().1;
        let tag = e["response"]["etag"].as_str().unwrap().trim_matches(['W', '/', '"']).to_owned();
        format!("{} {url} {tag}", e["request"]["method"].as_str().unwrap())
    };
    entries.iter().map(line).collect()
}

#[test]
fn the_history_of_a_type_and_of_everything_is_newest_first_and_pages_do_not_move() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let patient = |id: &str, gender: &str| json!({"resourceType": "Patient", "id": id, "gender": gender, "birthDate": "1990"});
    put(&mut fhir, "Patient/a", &patient("a", "male"));
    put(&mut fhir, "Patient/b", &patient("b", "male"));
    put(&mut fhir, "Organization/o", &json!({"resourceType": "Organization", "id": "o", "name": "x"}));
    let middle = fhir.get("/fhir/Organization/o").json()["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    put(&mut fhir, "Patient/a", &patient("a", "female"));
    fhir.delete("/fhir/Patient/b").expect(204);

    let all = [
        "DELETE Patient/b 2",
        "PUT Patient/a 2",
        "PUT Organization/o 1",
        "PUT Patient/b 1",
        "PUT Patient/a 1",
    ];
    let of_type: Vec<_> = all.iter().filter(|line| line.contains("Patient")).copied().collect();
    let bundle = fhir.get("/fhir/_history").expect(200).json();
    assert_eq!(bundle["type"], "history");
    assert_eq!(lines(&bundle), all);
    assert!(
        bundle["entry"][0]["resource"].is_null()
            && bundle["entry"][0]["response"]["lastModified"].is_string()
    );
    assert_eq!(bundle["entry"][1]["resource"]["gender"], "female");
    assert_eq!(lines(&fhir.get("/fhir/Patient/_history").json()), of_type);
    let since = fhir.get(&format!("/fhir/_history?_since={middle}")).json();
    assert_eq!(lines(&since), all[..3]);
    let at = fhir.get(&format!("/fhir/_history?_at={middle}")).json();
    assert_eq!(lines(&at), all[2..], "what was current then");
    let short = fhir.get("/fhir/Patient/_history?_elements=gender").json();
    assert_eq!(short["entry"][1]["resource"]["meta"]["tag"][0]["code"], "SUBSETTED");
    assert!(short["entry"][1]["resource"]["birthDate"].is_null());
    assert!(fhir.get("/fhir/Patient/a/_history?_summary=count").json()["entry"].is_null());

    let mut seen = Vec::new();
    let mut path = "/fhir/_history?_count=2".to_owned();
    loop {
        let page = fhir.get(&path).expect(200).json();
        seen.extend(lines(&page));
        put(
            &mut fhir,
            "Organization/new",
            &json!({"resourceType": "Organization", "id": "new", "name": seen.len().to_string()}),
        );
        let links = page["link"].as_array().unwrap().clone();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        path = format!("/fhir{}", next["url"].as_str().unwrap().split_once("/fhir").unwrap().1);
    }
    assert_eq!(seen, all, "what others write meanwhile moves nothing");
    issue(fhir.get("/fhir/_history?_since=2026-01-01T00:00:00"), 400, "invalid");
    issue(fhir.get("/fhir/_history?_before=x"), 404, "not-found");
    issue(fhir.get("/fhir/_history?_before=1.1"), 404, "not-found");
    assert!(!path.contains("_before=1."), "a place in the log is sealed");
    issue(fhir.get("/fhir/Patient/_history?gender=male"), 400, "invalid");
    issue(fhir.get("/fhir/Patients/_history"), 404, "not-found");
}

#[test]
fn a_history_shows_only_what_may_be_seen() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    put(&mut fhir, "Patient/a", &json!({"resourceType": "Patient", "id": "a"}));
    put(&mut fhir, "Organization/o", &json!({"resourceType": "Organization", "id": "o", "name": "x"}));
    let narrow = clinic.new_token("system/Organization.rs");
    let mut narrow = clinic.http().bearer(&narrow);
    assert_eq!(lines(&narrow.get("/fhir/_history").expect(200).json()), ["PUT Organization/o 1"]);
    issue(narrow.get("/fhir/Patient/_history"), 403, "forbidden");
}
