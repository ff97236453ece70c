//! What is sent is what is read, through JSON and XML: the official examples and patients of Synthea.
//! Runs where the public data lies beside the checkout; the small cases of every form are in `forms`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clinicvault_gateway::json::{Limits, Object, Value, parse};
use clinicvault_tests::{Clinic, Http, shared::shared};

use super::JSON;

const XML: &str = "application/fhir+xml";

/// Examples of the standard that break its own rules; their places are in the gateway's tests of the validator.
const INVALID: [&str; 5] = [
    "ActivityDefinition-blood-tubes-supply.json",
    "ActivityDefinition-heart-valve-replacement.json",
    "DeviceMetric-example.json",
    "DeviceUseStatement-example.json",
    "EventDefinition-example.json",
];

/// Examples that ask the box to send to addresses that nobody has listed.
const UNLISTED: [&str; 2] = ["Subscription-example-error.json", "Subscription-example.json"];

#[test]
fn the_standards_examples_come_back_as_they_were_sent() {
    let Some(folder) = shared("data/fhir/r4-examples") else { return };
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let mut refused = Vec::new();
    for file in files(&folder) {
        let sent = std::fs::read(&file).unwrap();
        let value = read(&sent);
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let path = format!("/fhir/{}/{}", value.str("resourceType").unwrap(), value.str("id").unwrap());
        if name.starts_with("AuditEvent-") {
            // The box itself writes these.
            fhir.send("PUT", &path, &[JSON], &sent).expect(405);
            continue;
        }
        let answer = fhir.send("PUT", &path, &[JSON], &sent);
        if answer.status == 422 {
            refused.push(name);
            continue;
        }
        answer.expect(201);
        assert_eq!(
            text(&content(read(&fhir.get(&path).expect(200).body))),
            text(&content(value.clone())),
            "{name}"
        );
        through_xml(&mut fhir, &path, value, &name);
        if name.starts_with("Consent-") {
            // It would withhold the patient's other records from here on.
            fhir.delete(&path).expect(204);
        }
    }
    assert_eq!(refused, [&INVALID[..], &UNLISTED[..]].concat());
}

#[test]
fn a_patient_of_synthea_comes_back_with_the_links_followed() {
    let Some(folder) = shared("data/fhir/synthea") else { return };
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for (nth, file) in files(&folder).into_iter().enumerate() {
        let sent = std::fs::read(&file).unwrap();
        let bundle = read(&sent);
        let done = read(&fhir.send("POST", "/fhir", &[JSON], &sent).expect(200).body);
        let entries = || bundle.items("entry").iter().zip(done.items("entry"));
        let stored = |answer: &Value| {
            let location = answer.get("response").and_then(|r| r.str("location")).unwrap().to_owned();
            let whole = location.split("/_history").next().unwrap();
            let parts: Vec<&str> = whole.rsplit('/').take(2).collect();
            format!("{}/{}", parts[1], parts[0])
        };
        let links: HashMap<String, String> =
            entries().map(|(e, a)| (e.str("fullUrl").unwrap().to_owned(), stored(a))).collect();
        for (at, (entry, answer)) in entries().enumerate() {
            let address = stored(answer);
            let mut wanted = follow(entry.get("resource").unwrap().clone(), &links);
            let id = address.split('/').nth(1).unwrap();
            wanted.as_object_mut().unwrap().insert("id", id);
            let path = format!("/fhir/{address}");
            let found = read(&fhir.get(&path).expect(200).body);
            assert_eq!(
                text(&content(found)),
                text(&content(wanted.clone())),
                "{address} of {}",
                file.display()
            );
            // Every resource of the first patient, a part of the others.
            if nth == 0 || at % 20 == 0 {
                through_xml(&mut fhir, &path, wanted, &address);
            }
        }
    }
}

/// Reads as XML, sends that back, reads as JSON: the same content; members may stand in the standard's order.
#[track_caller]
fn through_xml(fhir: &mut Http, path: &str, wanted: Value, name: &str) {
    let xml = fhir.send("GET", path, &[("Accept", XML)], b"").expect(200);
    assert!(xml.header("content-type").unwrap().starts_with(XML), "{name}");
    fhir.send("PUT", path, &[("Content-Type", XML)], &xml.body).expect(200);
    let found = read(&fhir.get(path).expect(200).body);
    assert_eq!(text(&sorted(content(found))), text(&sorted(content(wanted))), "{name} through XML");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn read(bytes: &[u8]) -> Value {
    parse(bytes, &Limits::bytes(bytes.len())).unwrap()
}

fn text(value: &Value) -> String {
    String::from_utf8(value.to_vec()).unwrap()
}

/// Without what the box sets: type, id and meta stand first, in this order, and meta without its version and time.
fn content(mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    let mut first = Object::new();
    for key in ["resourceType", "id", "meta"] {
        let mut part = object.remove(key).unwrap_or(Value::Object(Object::new()));
        if let Some(meta) = part.as_object_mut() {
            meta.remove("versionId");
            meta.remove("lastUpdated");
        }
        first.insert(key, part);
    }
    for (key, part) in object.iter() {
        first.insert(key, part.clone());
    }
    Value::Object(first)
}

/// Members by name, at every depth.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(String, Value)> =
                object.iter().map(|(key, part)| (key.to_owned(), sorted(part.clone()))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            let mut whole = Object::new();
            for (key, part) in members {
                whole.insert(key, part);
            }
            Value::Object(whole)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Texts that are a link of the bundle become the address of what it stands for.
fn follow(mut value: Value, links: &HashMap<String, String>) -> Value {
    if let Some(object) = value.as_object_mut() {
        for (_, part) in object.iter_mut() {
            *part = follow(part.clone(), links);
        }
    } else if let Some(items) = value.as_array_mut() {
        for part in items {
            *part = follow(part.clone(), links);
        }
    } else if let Some(known) = value.as_str().and_then(|text| links.get(text)) {
        value = Value::from(known.as_str());
    }
    value
}
