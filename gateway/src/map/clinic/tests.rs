//! A clinic's own codes and rules, as a document and on messages.

use super::*;
use crate::hl7::accept::{Policy, check};
use crate::hl7::parse::{Mode, read};
use crate::json::Value;
use crate::map::{MapContext, Mapped, to_transaction};
use jiff::tz::TimeZone;

const DOCUMENT: &str = r#"{
  "concepts": [
    {"table": "sex", "code": "W", "to": {"code": "female"}},
    {"table": "encounter-class", "code": "ICU", "to": {"code": "ACUTE", "display": "inpatient acute"}},
    {"table": "v2-0007", "code": "R", "to": {"system": "http://snomed.info/sct", "code": "50849002"}},
    {"table": "unit", "code": "gm%", "to": {"system": "http://unitsofmeasure.org", "code": "g/dL"}},
    {"codeSystem": "99CP", "code": "HB", "to": {"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}}
  ],
  "zsegments": [
    {"field": "ZPI-2", "resource": "Patient", "extension": {"url": "urn:clinic:token", "type": "string"}},
    {"field": "ZPI-3.1", "resource": "Patient", "identifier": {"system": "urn:clinic:ration-card"}},
    {"field": "ZPI-4", "observation": {"system": "http://loinc.org", "code": "8302-2", "display": "Body height", "type": "decimal", "unit": "cm"}},
    {"field": "ZPI-5", "resource": "Encounter", "extension": {"url": "urn:clinic:bed-days", "type": "integer"}},
    {"field": "ZPI-6", "resource": "Patient", "extension": {"url": "urn:clinic:seen", "type": "dateTime"}},
    {"field": "ZPI-7", "resource": "Patient", "extension": {"url": "urn:clinic:vip", "type": "boolean"}},
    {"field": "ZOB-1", "resource": "Observation", "extension": {"url": "urn:clinic:kit", "type": "code"}}
  ]
}"#;

fn map(text: &str) -> Mapped {
    let m = read(text.replace('\n', "\r").as_bytes(), Mode::Tolerant).unwrap();
    let event = check(&m, &Policy::default()).unwrap();
    let zone = TimeZone::get("Asia/Kolkata").unwrap();
    let maps = Maps::read(DOCUMENT.as_bytes()).unwrap();
    to_transaction(&m, event, &MapContext { zone, authorities: Vec::new(), maps })
}

fn of_kind<'v>(mapped: &'v Mapped, kind: &str) -> Vec<&'v Value> {
    let resources = mapped.bundle.items("entry").iter().filter_map(|e| e.get("resource"));
    resources.filter(|r| r.str("resourceType") == Some(kind)).collect()
}

fn extension<'v>(resource: &'v Value, url: &str) -> Option<&'v Value> {
    resource.items("extension").iter().find(|e| e.str("url") == Some(url))
}

const ADMIT: &str = "MSH|^~\\&|DESK|HOSP|BOX|NANDINI|20261121090000||ADT^A01|77|P|2.5
EVN|A01|20261121090000
PID|1||C-1^^^NANDINI^MR||Wagh^Sunita||19850210|W
PV1|1|ICU|WARD1^R2^B3|R|||||||||||||||V-100^^^HOSP^VN
ZPI|1|T-88|RC-5^x|158.5|3|20261121|Y|left";

#[test]
fn a_clinics_codes_go_before_ours_and_its_rules_give_z_fields_a_place() {
    let mapped = map(ADMIT);
    let patient = of_kind(&mapped, "Patient")[0];
    assert_eq!(patient.str("gender"), Some("female"));
    assert_eq!(extension(patient, "urn:clinic:token").unwrap().str("valueString"), Some("T-88"));
    assert_eq!(extension(patient, "urn:clinic:seen").unwrap().str("valueDateTime"), Some("2026-11-21"));
    assert_eq!(extension(patient, "urn:clinic:vip").unwrap().get("valueBoolean"), Some(&Value::Bool(true)));
    assert!(
        patient
            .items("identifier")
            .iter()
            .any(|i| { (i.str("system"), i.str("value")) == (Some("urn:clinic:ration-card"), Some("RC-5")) })
    );
    let visit = of_kind(&mapped, "Encounter")[0];
    assert_eq!(visit.pointer("/class/code").and_then(Value::as_str), Some("ACUTE"));
    assert_eq!(visit.pointer("/type/0/coding/0/code").and_then(Value::as_str), Some("R"));
    assert_eq!(visit.pointer("/type/0/coding/1/code").and_then(Value::as_str), Some("50849002"));
    let days = extension(visit, "urn:clinic:bed-days").unwrap();
    assert_eq!(days.get("valueInteger").map(|v| v.to_vec()), Some(b"3".to_vec()));
    let height = of_kind(&mapped, "Observation")[0];
    assert_eq!(height.pointer("/code/coding/0/code").and_then(Value::as_str), Some("8302-2"));
    assert_eq!(height.pointer("/valueQuantity/code").and_then(Value::as_str), Some("cm"));
    assert!(height.pointer("/encounter/reference").is_some());
    // What no rule reads is reported as ever.
    let left: Vec<&str> = mapped.report.unmapped.iter().map(|u| u.path.as_str()).collect();
    assert_eq!(left, ["ZPI-1", "ZPI-3.2", "ZPI-8"]);
}

#[test]
fn a_value_that_does_not_fit_its_rule_is_reported() {
    let mapped = map(&ADMIT.replace("|158.5|3|", "|tall|three|"));
    assert!(of_kind(&mapped, "Observation").is_empty());
    let left: Vec<&str> = mapped.report.unmapped.iter().map(|u| u.path.as_str()).collect();
    assert_eq!(left, ["ZPI-1", "ZPI-3.2", "ZPI-4", "ZPI-5", "ZPI-8"]);
    let told: Vec<(&str, &str)> = mapped
        .report
        .warnings
        .iter()
        .map(|w| (w.code, w.path.as_str()))
        .filter(|w| w.0 == "badValue")
        .collect();
    assert_eq!(told, [("badValue", "ZPI-5"), ("badValue", "ZPI-4")]);
}

const RESULT: &str = "MSH|^~\\&|LAB|CITY|BOX|NANDINI|20261121||ORU^R01|1|P|2.5.1
PID|1||1^^^CITY
OBR|1||F1|CBC^Blood count^99CP|||20261121
OBX|1|NM|HB^Haemoglobin^99CP||13.1|gm%|||||F
ZOB|KIT7
OBX|2|NM|WBC^White cells^99CP||7|10*3/uL|||||F
ZOB|KIT9";

#[test]
fn a_result_gets_the_clinics_code_behind_the_senders_and_keeps_its_id() {
    let mapped = map(RESULT);
    let [first, second] = of_kind(&mapped, "Observation")[..] else { panic!("two results") };
    assert_eq!(first.pointer("/code/coding/0/code").and_then(Value::as_str), Some("HB"));
    assert_eq!(first.pointer("/code/coding/1/system").and_then(Value::as_str), Some("http://loinc.org"));
    assert_eq!(first.pointer("/code/coding/1/code").and_then(Value::as_str), Some("718-7"));
    assert_eq!(first.pointer("/valueQuantity/unit").and_then(Value::as_str), Some("gm%"));
    assert_eq!(first.pointer("/valueQuantity/code").and_then(Value::as_str), Some("g/dL"));
    assert_eq!(second.pointer("/code/coding/1"), None);
    // Each Z-segment belongs to the result that it stands behind.
    assert_eq!(extension(first, "urn:clinic:kit").unwrap().str("valueCode"), Some("KIT7"));
    assert_eq!(extension(second, "urn:clinic:kit").unwrap().str("valueCode"), Some("KIT9"));
    let m = read(RESULT.replace('\n', "\r").as_bytes(), Mode::Tolerant).unwrap();
    let event = check(&m, &Policy::default()).unwrap();
    let zone = TimeZone::UTC;
    let plain =
        to_transaction(&m, event, &MapContext { zone, authorities: Vec::new(), maps: Maps::default() });
    assert_eq!(of_kind(&plain, "Observation")[0].str("id"), first.str("id"));
}

#[test]
fn a_z_segment_without_the_resource_of_its_rule_is_told() {
    let mapped = map(&RESULT.replace("ZOB|KIT9", "ZPI|1||||5"));
    let told: Vec<&str> = mapped.report.warnings.iter().map(|w| w.code).collect();
    assert!(told.contains(&"noTarget"), "{told:?}");
    assert!(mapped.report.unmapped.iter().any(|u| u.path == "ZPI-5"));
}

#[test]
fn every_fault_of_a_document_is_told_with_its_place() {
    for (document, place, reason) in [
        (r#"{"concept": []}"#, "concept", "no such key"),
        (r#"[]"#, "", "An object"),
        (r#"{"concepts": {}}"#, "concepts", "A list"),
        (
            r#"{"concepts": [{"table": "sexx", "code": "W", "to": {"code": "female"}}]}"#,
            "concepts[0].table",
            "no table",
        ),
        (
            r#"{"concepts": [{"table": "sex", "code": "W", "to": {"code": "woman"}}]}"#,
            "concepts[0].to",
            "no code",
        ),
        (
            r#"{"concepts": [{"table": "sex", "code": "W", "to": {"system": "urn:x", "code": "female"}}]}"#,
            "concepts[0].to",
            "lead to http://hl7.org/fhir/administrative-gender only",
        ),
        (
            r#"{"concepts": [{"codeSystem": "L", "code": "K", "to": {"code": "1"}}]}"#,
            "concepts[0].to.system",
            "missing",
        ),
        (
            r#"{"concepts": [{"code": "K", "to": {"system": "urn:x", "code": "1"}}]}"#,
            "concepts[0]",
            "either a table",
        ),
        (
            r#"{"concepts": [{"table": "sex", "code": "W", "to": {"code": "female"}}, {"table": "sex", "code": "w", "to": {"code": "male"}}]}"#,
            "concepts[1]",
            "has an entry already",
        ),
        (
            r#"{"zsegments": [{"field": "PID-3", "resource": "Patient", "identifier": {"system": "urn:x"}}]}"#,
            "zsegments[0].field",
            "Z-segment",
        ),
        (
            r#"{"zsegments": [{"field": "ZPI[2]-3", "resource": "Patient", "identifier": {"system": "urn:x"}}]}"#,
            "zsegments[0].field",
            "Z-segment",
        ),
        (
            r#"{"zsegments": [{"field": "ZPI-0", "resource": "Patient", "identifier": {"system": "urn:x"}}]}"#,
            "zsegments[0].field",
            "not a place",
        ),
        (
            r#"{"zsegments": [{"field": "ZPI-3", "resource": "Group", "identifier": {"system": "urn:x"}}]}"#,
            "zsegments[0].resource",
            "none of the types",
        ),
        (
            r#"{"zsegments": [{"field": "ZPI-3", "resource": "Patient", "identifier": {"system": "x"}}]}"#,
            "zsegments[0].identifier.system",
            "absolute URI",
        ),
        (r#"{"zsegments": [{"field": "ZPI-3", "resource": "Patient"}]}"#, "zsegments[0]", "one thing"),
        (
            r#"{"zsegments": [{"field": "ZPI-3", "resource": "Patient", "extension": {"url": "urn:x", "type": "float"}}]}"#,
            "zsegments[0].extension.type",
            "none of the types",
        ),
        (
            r#"{"zsegments": [{"field": "ZPI-3", "observation": {"system": "urn:x", "code": "1", "type": "decimal", "unit": "furlongs"}}]}"#,
            "zsegments[0].observation.unit",
            "no unit of UCUM",
        ),
    ] {
        let faults = Maps::read(document.as_bytes()).unwrap_err();
        assert!(
            faults.iter().any(|f| f.place == place && f.reason.contains(reason)),
            "{document}: {faults:?}"
        );
    }
    let many = (0..=MOST_RULES).map(|n| {
        format!(
            r#"{{"field": "ZPI-{}", "resource": "Patient", "identifier": {{"system": "urn:x:{n}"}}}}"#,
            n % 900 + 1
        )
    });
    let many = format!(r#"{{"zsegments": [{}]}}"#, many.collect::<Vec<_>>().join(","));
    assert_eq!(Maps::read(many.as_bytes()).unwrap_err()[0].place, "zsegments");
    assert!(Maps::read(&vec![b' '; LONGEST_DOCUMENT + 1]).is_err());
    assert!(Maps::read(b"{}").unwrap().is_empty());
}
