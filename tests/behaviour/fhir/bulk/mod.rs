//! Bulk Data: exports, imports, and requests that are answered later.

mod exports;
mod imports;
mod later;

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use clinicvault_tests::{Answer, Clinic, Http, sample};
use serde_json::{Value, json};

use super::send;

const ASYNC: (&str, &str) = ("Prefer", "respond-async");
/// A test never waits longer than this for a job.
const PATIENCE: Duration = Duration::from_secs(120);

/// Records by `Type/id`.
type Records = BTreeMap<String, Value>;

/// The path of an address of the box.
fn path(address: &str) -> String {
    format!("/fhir{}", address.split_once("/fhir").expect("an address of the box").1)
}

/// Kicks something off and answers where its state is.
#[track_caller]
fn kick(http: &mut Http, method: &str, target: &str, body: Option<&Value>) -> String {
    let answer = match body {
        Some(body) => send(http, method, target, &[ASYNC], body),
        None => http.send(method, target, &[ASYNC], b""),
    };
    let answer = answer.expect(202);
    path(answer.header("content-location").expect("a place"))
}

/// Waits until a job is no longer under way.
#[track_caller]
fn wait(http: &mut Http, job: &str) -> Answer {
    let began = Instant::now();
    loop {
        let answer = http.get(job);
        if answer.status != 202 {
            return answer;
        }
        assert!(answer.header("retry-after").is_some() && answer.header("x-progress").is_some());
        assert!(began.elapsed() < PATIENCE, "the job does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The manifest of an export.
#[track_caller]
fn export(http: &mut Http, target: &str) -> Value {
    let job = kick(http, "GET", target, None);
    wait(http, &job).expect(200).json()
}

fn lines(http: &mut Http, manifest: &Value, list: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for file in manifest[list].as_array().expect("a list of files") {
        let answer = http.get(&path(file["url"].as_str().unwrap())).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
        let text = answer.text();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(file["count"], lines.len(), "{file}");
        assert!(lines.iter().all(|line| line["resourceType"] == file["type"]), "{file}");
        all.extend(lines);
    }
    all
}

fn keyed(records: impl IntoIterator<Item = Value>) -> Records {
    let mut all = Records::new();
    for record in records {
        let key = format!("{}/{}", record["resourceType"].as_str().unwrap(), record["id"].as_str().unwrap());
        assert!(all.insert(key.clone(), record).is_none(), "{key} is there twice");
    }
    all
}

/// Everything that searches find now.
fn searched(http: &mut Http, kinds: &[String]) -> Records {
    let mut all = Vec::new();
    for kind in kinds {
        let mut next = Some(format!("/fhir/{kind}?_count=500"));
        while let Some(page) = next {
            let bundle = http.get(&page).expect(200).json();
            // A warning stands in an entry of its own.
            let entries = bundle["entry"].as_array().into_iter().flatten();
            let matched = entries.filter(|entry| entry["search"]["mode"] == "match");
            all.extend(matched.map(|entry| entry["resource"].clone()));
            let links = bundle["link"].as_array().unwrap();
            let link = links.iter().find(|link| link["relation"] == "next");
            next = link.map(|link| path(link["url"].as_str().unwrap()));
        }
    }
    keyed(all)
}

/// The types that the box has records of.
fn kinds(clinic: &Clinic, http: &mut Http) -> Vec<String> {
    let statement = clinic.http().get("/fhir/metadata").json();
    let all = statement["rest"][0]["resource"].as_array().unwrap();
    let names = all.iter().map(|kind| kind["type"].as_str().unwrap().to_owned());
    // The audit log is no part of an export, and every look adds to it.
    names
        .filter(|kind| kind != "AuditEvent")
        .filter(|kind| http.get(&format!("/fhir/{kind}?_summary=count")).json()["total"] != 0)
        .collect()
}

/// Two patients with a result each, a doctor, and a group of the first patient.
fn small(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    for id in ["a", "b"] {
        let mut patient = sample::patient("Rao", id, "9822000001", id);
        patient["id"] = json!(id);
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &patient).expect(201);
        let mut result = sample::observation(&format!("Patient/{id}"), "88", "fasting");
        result["id"] = json!(format!("o-{id}"));
        send(&mut fhir, "PUT", &format!("/fhir/Observation/o-{id}"), &[], &result).expect(201);
    }
    let vital = json!({"resourceType": "Observation", "id": "v-a", "status": "final", "code": {"text": "pulse"},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "subject": {"reference": "Patient/a"}});
    send(&mut fhir, "PUT", "/fhir/Observation/v-a", &[], &vital).expect(201);
    let doctor = json!({"resourceType": "Practitioner", "id": "d"});
    send(&mut fhir, "PUT", "/fhir/Practitioner/d", &[], &doctor).expect(201);
    let group = json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [{"entity": {"reference": "Patient/a"}}, {"entity": {"reference": "Patient/b"}, "inactive": true}]});
    send(&mut fhir, "PUT", "/fhir/Group/g", &[], &group).expect(201);
    fhir
}

#[track_caller]
fn issue_at(answer: Answer, status: u16) -> String {
    let outcome = answer.expect(status).json();
    outcome["issue"][0]["expression"][0].as_str().unwrap_or_else(|| panic!("{outcome}")).to_owned()
}

fn settings(clinic: &mut Clinic, text: &str) {
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    clinic.serve_with(&["--config", &file]);
}

fn manifest(inputs: &[(&str, &str)]) -> Value {
    let inputs: Vec<Value> = inputs.iter().map(|(kind, url)| json!({"type": kind, "url": url})).collect();
    json!({"inputFormat": "application/fhir+ndjson", "inputSource": "https://lab.example", "input": inputs})
}
