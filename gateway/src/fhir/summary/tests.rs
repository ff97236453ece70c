use super::*;
use crate::fhir::validate::{self, Core, Level, Policy, Validator};
use crate::json::{Limits, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn made(records: &[&str], supporting: &[&str], withheld: &[ResourceType]) -> Value {
    let patient = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Rao <b>"}],"birthDate":"1990"}"#;
    made_of(patient, records, supporting, withheld)
}

fn made_of(patient: &str, records: &[&str], supporting: &[&str], withheld: &[ResourceType]) -> Value {
    summary(Sources {
        base: "https://box/fhir",
        patient: json(patient),
        records: records.iter().map(|text| json(text)).collect(),
        supporting: supporting.iter().map(|text| json(text)).collect(),
        withheld: withheld.to_vec(),
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
        uuids: [
            "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            "5c3151bd-1cbf-4d64-b04d-cd9187a4c6e1",
            "7c3151bd-1cbf-4d64-b04d-cd9187a4c6e2",
        ]
        .map(str::to_owned),
        author: "ClinicVault 0.1.0",
    })
}

/// Every rule of R4, invariants and terminology included, and those that the guide puts on its composition.
#[track_caller]
fn is_good(document: &Value) {
    let issues = Validator::new(&Core, Policy::write(Level::Terminology)).check(document, &[]);
    assert!(issues.is_empty(), "{issues:#?}");
    let entries = document.items("entry");
    assert_eq!(document.str("type"), Some("document"));
    assert!(
        document.get("identifier").and_then(|i| i.str("value")).is_some()
            && document.str("timestamp").is_some()
    );
    let composition = entries[0].get("resource").unwrap();
    assert_eq!(composition.str("resourceType"), Some("Composition"));
    let urls: Vec<&str> = entries.iter().map(|e| e.str("fullUrl").unwrap()).collect();
    assert_eq!(urls.iter().collect::<std::collections::BTreeSet<_>>().len(), urls.len(), "each once");
    let codes: Vec<_> = composition
        .items("section")
        .iter()
        .filter_map(|s| s.pointer("/code/coding/0/code")?.as_str())
        .collect();
    for required in ["11450-4", "48765-2", "10160-0"] {
        assert_eq!(codes.iter().filter(|code| **code == required).count(), 1, "{required}");
    }
    for section in composition.items("section") {
        // ips-comp-1: entries or the reason why there are none; every section has a title, a code and a text.
        assert!(section.get("entry").is_some() != section.get("emptyReason").is_some());
        assert!(section.str("title").is_some());
        let div = section.pointer("/text/div").and_then(Value::as_str).unwrap();
        validate::narrative(div).unwrap();
        for entry in section.items("entry") {
            assert!(urls.contains(&entry.str("reference").unwrap()), "{entry}");
        }
    }
    for reference in ["/subject/reference", "/author/0/reference"] {
        assert!(urls.contains(&composition.pointer(reference).and_then(Value::as_str).unwrap()));
    }
}

fn section<'a>(document: &'a Value, code: &str) -> Option<&'a Value> {
    let composition = document.pointer("/entry/0/resource")?;
    composition
        .items("section")
        .iter()
        .find(|s| s.pointer("/code/coding/0/code").and_then(Value::as_str) == Some(code))
}

#[test]
fn nothing_recorded_still_has_the_required_sections() {
    let document = made(&[], &[], &[]);
    is_good(&document);
    let problems = section(&document, "11450-4").unwrap();
    assert_eq!(problems.pointer("/emptyReason/coding/0/code").and_then(Value::as_str), Some("unavailable"));
    assert!(section(&document, "11369-6").is_none(), "optional sections are left out");
}

#[test]
fn what_is_kept_from_the_reader_is_said_to_be_withheld() {
    let document = made(&[], &[], &[ResourceType::CONDITION]);
    is_good(&document);
    let reason = |code| {
        section(&document, code).unwrap().pointer("/emptyReason/coding/0/code").and_then(Value::as_str)
    };
    assert_eq!((reason("11450-4"), reason("48765-2")), (Some("withheld"), Some("unavailable")));
}

#[test]
fn records_come_in_their_sections_with_words_that_cannot_be_markup() {
    let clinical = |code: &str| {
        format!(
            r#"{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"{code}"}}]}}"#
        )
    };
    let condition = |id: &str, status: &str| {
        format!(
            r#"{{"resourceType":"Condition","id":"{id}","clinicalStatus":{},"code":{{"text":"<script>{id}</script> & more"}},"subject":{{"reference":"Patient/p"}}}}"#,
            clinical(status)
        )
    };
    let (now, past) = (condition("now", "active"), condition("past", "resolved"));
    let document = made(
        &[
            &now,
            &past,
            r#"{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","medicationReference":{"reference":"Medication/x"},"subject":{"reference":"Patient/p"},"dosageInstruction":[{"text":"1-0-1"}]}"#,
            r#"{"resourceType":"MedicationRequest","id":"old","status":"stopped","intent":"order","medicationCodeableConcept":{"text":"y"},"subject":{"reference":"Patient/p"}}"#,
            r#"{"resourceType":"Observation","id":"bp","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"text":"Blood pressure"},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2025-01-01","component":[{"code":{"text":"Systolic"},"valueQuantity":{"value":120,"unit":"mm[Hg]"}}]}"#,
            r#"{"resourceType":"Immunization","id":"i","status":"completed","vaccineCode":{"text":"BCG"},"patient":{"reference":"Patient/p"},"occurrenceDateTime":"1990"}"#,
        ],
        &[r#"{"resourceType":"Medication","id":"x","code":{"text":"Paracetamol"}}"#],
        &[],
    );
    is_good(&document);
    let entries = |code| {
        let found = section(&document, code).map(|s| s.items("entry")).unwrap_or_default();
        found.iter().filter_map(|e| e.str("reference")?.rsplit('/').next()).collect::<Vec<_>>()
    };
    assert_eq!(entries("11450-4"), ["now"]);
    assert_eq!(entries("11348-0"), ["past"]);
    assert_eq!(entries("10160-0"), ["m"]);
    assert_eq!(entries("8716-3"), ["bp"]);
    assert_eq!(entries("11369-6"), ["i"]);
    let words =
        |code| section(&document, code).unwrap().pointer("/text/div").and_then(Value::as_str).unwrap();
    assert!(words("11450-4").contains("&lt;script&gt;now&lt;/script&gt; &amp; more"), "{}", words("11450-4"));
    assert!(words("10160-0").contains("Paracetamol") && words("10160-0").contains("1-0-1"));
    assert!(words("8716-3").contains("Systolic 120 mm[Hg]"));
    let urls: Vec<_> = document.items("entry").iter().filter_map(|e| e.str("fullUrl")).collect();
    assert!(
        urls.contains(&"https://box/fhir/Medication/x")
            && !urls.contains(&"https://box/fhir/MedicationRequest/old")
    );
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let many: Vec<String> = (0..130)
        .map(|n| format!(r#"{{"resourceType":"Observation","id":"o{n}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],"code":{{"text":"x"}},"valueString":"{}"}}"#, "y".repeat(400)))
        .collect();
    let document = made(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[], &[]);
    is_good(&document);
    let results = section(&document, "30954-2").unwrap();
    assert_eq!(results.items("entry").len(), 100);
    let div = results.pointer("/text/div").and_then(Value::as_str).unwrap();
    assert!(div.contains("The newest 100 of 130.") && div.contains('…'));
}

#[test]
fn a_patient_without_name_or_birth_date_says_that_they_are_unknown() {
    for name in ["", r#","name":[{"use":"usual"}]"#] {
        let document = made_of(&format!(r#"{{"resourceType":"Patient","id":"p"{name}}}"#), &[], &[], &[]);
        is_good(&document);
        let patient = document.pointer("/entry/1/resource").unwrap();
        for place in ["/_birthDate/extension/0/valueCode", "/name/0/_text/extension/0/valueCode"] {
            assert_eq!(patient.pointer(place).and_then(Value::as_str), Some("unknown"), "{place}");
        }
    }
}

#[test]
fn sections_of_codes_and_the_newest_of_those_that_are_shown_once() {
    let observation = |id: &str, code: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"social-history"}}]}}],
            "code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"subject":{{"reference":"Patient/p"}},"valueString":"x"}}"#
        )
    };
    let records = [
        observation("smokes", "72166-2"),
        observation("smoked", "72166-2"),
        observation("drinks", "74013-4"),
        observation("works", "11341-5"),
        observation("expecting", "82810-3"),
        r#"{"resourceType":"Flag","id":"f","status":"active","code":{"text":"Fall risk"},"subject":{"reference":"Patient/p"}}"#
            .to_owned(),
        r#"{"resourceType":"Consent","id":"will","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"adr"}]},
        "category":[{"text":"x"}],"patient":{"reference":"Patient/p"},"policyRule":{"text":"x"}}"#
            .to_owned(),
        r#"{"resourceType":"Consent","id":"privacy","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
        "category":[{"text":"x"}],"patient":{"reference":"Patient/p"},"policyRule":{"text":"x"}}"#
            .to_owned(),
    ];
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let document = made(&records, &[], &[]);
    is_good(&document);
    let entries = |code| {
        let found = section(&document, code).map(|s| s.items("entry")).unwrap_or_default();
        found.iter().filter_map(|e| e.str("reference")?.rsplit('/').next()).collect::<Vec<_>>()
    };
    assert_eq!(entries("29762-2"), ["smokes", "drinks", "works"]);
    assert_eq!(entries("10162-6"), ["expecting"]);
    assert_eq!(entries("104605-1"), ["f"]);
    assert_eq!(entries("42348-3"), ["will"]);
}
