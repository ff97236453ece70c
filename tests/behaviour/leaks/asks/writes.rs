//! Writes.

use serde_json::{Value, json};

use super::super::house::word;
use super::Ask;

/// Writes that ask something on the way: conditions, versions, references. What they leave is the same on both sides.
pub fn writes() -> Vec<Ask> {
    let system = "http://terminology.hl7.org/CodeSystem/observation-category";
    let result = |more: Value| {
        let mut body = json!({"resourceType": "Observation", "status": "final", "code": {"text": "new"},
            "category": [{"coding": [{"system": system, "code": "laboratory"}]}], "subject": {"reference": "Patient/a"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let plain = result(json!({}));
    let patch = json!([{"op": "test", "path": "/status", "value": "final"}, {"op": "replace", "path": "/status", "value": "amended"}]);
    let patched = |target: &str| {
        let mut ask = Ask::new("PATCH", format!("/fhir/{target}"));
        ask.body = patch.to_string();
        ask.with("Content-Type", "application/json-patch+json")
    };
    let meta = json!({"resourceType": "Parameters", "parameter": [{"name": "meta",
        "valueMeta": {"tag": [{"system": "http://t.example", "code": "new"}]}}]});
    let mut asks = Vec::new();
    for id in ["vit-b", "lost-b", "vit-a", "none"] {
        let word = word(id);
        let by = format!("identifier=http://n.example|{word}");
        asks.push(Ask::new("POST", "/fhir/Observation").json(&plain).with("If-None-Exist", by.as_str()));
        asks.push(patched(&format!("Observation/{id}")));
        asks.push(patched(&format!("Observation/{id}")).with("If-Match", "W/\"1\""));
        asks.push(patched(&format!("Observation?{by}")));
        asks.push(Ask::new("POST", format!("/fhir/Observation/{id}/$meta-add")).json(&meta));
        asks.push(Ask::new("DELETE", format!("/fhir/Observation?{by}")));
        asks.push(Ask::new("DELETE", format!("/fhir/Observation/{id}")));
        asks.push(Ask::new("DELETE", format!("/fhir/Observation/{id}")).with("If-Match", "W/\"7\""));
        asks.push(Ask::new("PUT", format!("/fhir/Observation?{by}")).json(&plain));
        for reference in [format!("Observation?{by}"), format!("Observation/{id}")] {
            let body = result(json!({"derivedFrom": [{"reference": reference}]}));
            let entry = json!([{"request": {"method": "POST", "url": "Observation"}, "resource": body}]);
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entry});
            asks.push(Ask::new("POST", "/fhir").json(&bundle));
        }
        let entry = json!([{"request": {"method": "POST", "url": "Observation", "ifNoneExist": by}, "resource": plain},
            {"request": {"method": "DELETE", "url": format!("Observation/{id}")}},
            {"request": {"method": "GET", "url": format!("Observation/{id}")}}]);
        for kind in ["batch", "transaction"] {
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entry});
            asks.push(Ask::new("POST", "/fhir").json(&bundle));
        }
    }
    let about_b = result(json!({"subject": {"reference": "Patient?identifier=http://n.example|Zmarkb"}}));
    let entry = json!([{"request": {"method": "POST", "url": "Observation"}, "resource": about_b}]);
    asks.push(
        Ask::new("POST", "/fhir")
            .json(&json!({"resourceType": "Bundle", "type": "transaction", "entry": entry})),
    );
    asks.push(Ask::get("/fhir/Observation?_sort=_lastUpdated&_total=accurate"));
    asks.push(Ask::get("/fhir/Observation/_history"));
    asks
}
