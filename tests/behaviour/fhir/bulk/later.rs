//! Requests that are answered later, and how many and how safely they are kept.

use clinicvault_tests::canary::{self, Scanner};
use clinicvault_tests::{Clinic, Http, sample};
use serde_json::{Value, json};

use super::super::issue;
use super::{ASYNC, export, kick, lines, manifest, path, settings, small, wait};

#[test]
fn a_caller_has_a_bounded_number_of_jobs() {
    let mut clinic = Clinic::create();
    settings(&mut clinic, "[jobs]\nper_caller = 2\nmost = 3\n");
    clinic.start();
    let mut fhir = clinic.fhir();
    let first = kick(&mut fhir, "GET", "/fhir/$export", None);
    kick(&mut fhir, "GET", "/fhir/$export", None);
    let many = fhir.send("GET", "/fhir/$export", &[ASYNC], b"").expect(429);
    assert!(many.header("retry-after").is_some());
    assert!(many.text().contains("jobs.per_caller"), "{}", many.text());
    let mut other = clinic.http().bearer(&clinic.new_token("system/*.cruds"));
    kick(&mut other, "GET", "/fhir/$export", None);
    let many = other.send("GET", "/fhir/$export", &[ASYNC], b"").expect(429);
    assert!(many.text().contains("jobs.most"), "{}", many.text());
    // One that is given up makes room.
    fhir.delete(&first).expect(202);
    kick(&mut fhir, "GET", "/fhir/$export", None);

    let mut owner = clinic.owner();
    let list = owner.get("/api/jobs").expect(200).json();
    let jobs = list["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 3, "{list}");
    assert!(
        jobs.iter().all(|job| job["kind"] == "export" && job["request"] == "GET /fhir/$export"),
        "{list}"
    );
    let id = jobs[0]["id"].as_str().unwrap();
    owner.delete(&format!("/api/jobs/{id}")).expect(204);
    owner.delete(&format!("/api/jobs/{id}")).expect(404);
    assert_eq!(owner.get("/api/jobs").json()["jobs"].as_array().unwrap().len(), 2);
}

#[test]
fn any_request_can_be_answered_later() {
    let clinic = Clinic::open();
    let mut fhir = small(&clinic);
    let later = |fhir: &mut Http, method: &str, target: &str, body: Option<&Value>| {
        let job = kick(fhir, method, target, body);
        let bundle = wait(fhir, &job).expect(200).json();
        assert_eq!(
            (bundle["resourceType"].as_str(), bundle["type"].as_str()),
            (Some("Bundle"), Some("batch-response"))
        );
        assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
        bundle["entry"][0].clone()
    };
    let search = later(&mut fhir, "GET", "/fhir/Observation?subject=Patient/a&_count=1", None);
    assert_eq!(search["response"]["status"], "200");
    assert_eq!(
        (search["resource"]["type"].as_str(), search["resource"]["total"].as_u64()),
        (Some("searchset"), Some(2))
    );
    let next = search["resource"]["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
    fhir.get(&path(next.unwrap()["url"].as_str().unwrap())).expect(200);
    let transaction = later(&mut fhir, "POST", "/fhir", Some(&sample::transaction("Later", "later", 3)));
    assert_eq!(transaction["resource"]["type"], "transaction-response");
    assert_eq!(fhir.get("/fhir/Patient?identifier=later&_summary=count").json()["total"], 1);
    let made =
        later(&mut fhir, "POST", "/fhir/Patient", Some(&sample::patient("Rao", "C", "9822000003", "c")));
    assert_eq!(
        (made["response"]["status"].as_str(), made["response"]["etag"].as_str()),
        (Some("201"), Some("W/\"1\""))
    );
    fhir.get(&path(made["response"]["location"].as_str().unwrap())).expect(200);
    let missing = later(&mut fhir, "GET", "/fhir/Patient/none", None);
    assert_eq!(missing["response"]["status"], "404");
    assert_eq!(missing["response"]["outcome"]["issue"][0]["code"], "not-found");
    let gone = later(&mut fhir, "DELETE", "/fhir/Observation/v-a", None);
    assert_eq!(gone["response"]["status"], "204");

    // It runs with the rights of who asked, and only they get the answer.
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    let job = kick(&mut narrow, "GET", "/fhir/Observation", None);
    issue(fhir.get(&job), 404, "not-found");
    let refused = wait(&mut narrow, &job).expect(200).json();
    assert_eq!(refused["entry"][0]["response"]["status"], "403");
    narrow.delete(&job).expect(202);
    narrow.get(&job).expect(404);
    // Where nobody is signed in the preference is passed over.
    clinic.http().send("GET", "/fhir/metadata", &[ASYNC], b"").expect(200);
}

#[test]
fn nothing_that_a_job_keeps_can_be_read_on_the_disk() {
    let mut clinic = Clinic::open();
    let people = canary::plant(20, 4711);
    let mut fhir = clinic.fhir();
    let mut text = String::new();
    for (n, person) in people.iter().enumerate() {
        let mut patient = sample::patient(&person.family, &person.given, &person.phone, &format!("k{n}"));
        patient["contact"] = json!([{"name": {"text": person.note}}]);
        text.push_str(&format!("{patient}\n"));
    }
    let ndjson = ("Content-Type", "application/fhir+ndjson");
    let upload = fhir.send("POST", "/fhir/_uploads", &[ndjson], text.as_bytes()).expect(201);
    let url = upload.header("location").unwrap().to_owned();
    let job = kick(&mut fhir, "POST", "/fhir/$import", Some(&manifest(&[("Patient", &url)])));
    assert_eq!(wait(&mut fhir, &job).expect(200).json()["stored"], 20);
    let given = export(&mut fhir, "/fhir/Patient/$export");
    let given = lines(&mut fhir, &given, "output");
    assert_eq!(given.iter().filter(|record| record["resourceType"] == "Patient").count(), 20);
    let first = &people[0];
    let job =
        kick(&mut fhir, "GET", &format!("/fhir/Patient?family={}&phone={}", first.family, first.phone), None);
    assert_eq!(wait(&mut fhir, &job).expect(200).json()["entry"][0]["resource"]["total"], 1);
    clinic.stop();
    let scanner = Scanner::new(&canary::secrets(&people));
    assert!(scanner.find(text.as_bytes()).is_some(), "the scanner finds nothing");
    for folder in [clinic.data(), clinic.logs()] {
        let (found, bytes) = scanner.search(&folder).unwrap();
        assert!(bytes > 0 && found.is_empty(), "{} places in {}", found.len(), folder.display());
    }
}
