//! Questions of terminology.

use serde_json::json;

use super::super::house::address;
use super::Ask;

/// What stored terminology is asked: of what is seen and of what is not.
pub fn terminology() -> Vec<Ask> {
    let mut asks = Vec::new();
    for which in ["d", "e", "none"] {
        let (set, system, map) = (
            address(&format!("vs-{which}")),
            address(&format!("cs-{which}")),
            address(&format!("map-{which}")),
        );
        for path in [
            format!("ValueSet/$expand?url={set}"),
            format!("ValueSet/$expand?url={set}&filter=Zmark"),
            format!("ValueSet/vs-{which}/$expand"),
            format!("ValueSet/$validate-code?url={set}&system={system}&code=low"),
            format!("ValueSet/$validate-code?url={set}&system=http://loinc.org&code=2339-0"),
            format!("ValueSet/vs-{which}/$validate-code?system={system}&code=low"),
            format!("CodeSystem/$validate-code?url={system}&code=low"),
            format!("CodeSystem/cs-{which}/$validate-code?code=low"),
            format!("CodeSystem/$lookup?system={system}&code=low"),
            format!("CodeSystem/$subsumes?system={system}&codeA=top&codeB=low"),
            format!("ConceptMap/$translate?url={map}&system={system}&code=low"),
            format!("ConceptMap/$translate?system={system}&code=low&targetsystem=http://loinc.org"),
            format!("ConceptMap/map-{which}/$translate?system={system}&code=low"),
        ] {
            asks.push(Ask::get(format!("/fhir/{path}")));
        }
        // A set that somebody brings along, of a system that is stored.
        let brought = json!({"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": system}]}});
        let given =
            json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": brought}]});
        asks.push(Ask::new("POST", "/fhir/ValueSet/$expand").json(&given));
        let brought = json!({"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"valueSet": [set]}]}});
        let given =
            json!({"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": brought}]});
        asks.push(Ask::new("POST", "/fhir/ValueSet/$expand").json(&given));
    }
    asks
}
