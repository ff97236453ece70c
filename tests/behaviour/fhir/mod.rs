//! The FHIR face, topic by topic; `fhir_rest` beside this folder holds what every client meets first.

mod binary;
mod bulk;
mod bundle_interactions;
mod bundles;
mod command;
mod conditional;
mod consent;
mod cors;
mod documents;
mod everything;
mod fields;
mod finding;
mod forms;
mod graph;
mod hierarchies;
mod history;
mod interactions;
mod labels;
mod lapsed;
mod linked_conditions;
mod links;
mod matching;
mod messages;
mod model;
mod observations;
mod operations;
mod own_parameters;
mod own_rights;
mod parameters;
mod patch;
mod provenance;
mod round_trip;
mod smart;
mod subscriptions;
mod table;
mod terminology;
mod trail;
mod validating;
mod words;

use clinicvault_tests::{Answer, Http};
use serde_json::{Value, json};

/// Content type of a JSON body.
pub const JSON: (&str, &str) = ("Content-Type", "application/fhir+json");

/// Checks a refusal: its status, that its body is an OperationOutcome, and the code of its first issue.
#[track_caller]
pub fn issue(answer: Answer, status: u16, code: &str) -> Value {
    let outcome = answer.expect(status).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], code, "{outcome}");
    assert!(outcome["issue"][0]["diagnostics"].is_string());
    outcome
}

/// Sends a JSON body.
pub fn send(fhir: &mut Http, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
    fhir.send(method, path, &headers, body.to_string().as_bytes())
}

/// A Bundle of a type with these entries.
pub fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

/// An entry of a batch or transaction.
pub fn entry(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}
