//! What the views read of whole resources.

use super::*;
use crate::json::{Limits, Value, parse};

fn value(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_patient() {
    let json = value(
        r#"{"resourceType":"Patient","id":"7","name":[{"use":"old","text":"Asha Verma"},{"text":"आशा राव","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/language","valueCode":"hi"}]},{"given":["Asha","D."],"family":"Rao"}],"birthDate":"1985-03","gender":"female","telecom":[{"system":"phone","use":"old","value":"1"},{"system":"email","value":"a@b"},{"system":"phone","value":"2"}],"identifier":[{"system":"s","value":"CV-1","type":{"coding":[{"code":"MR"}]}},{"system":"t"}],"address":[{"line":["12 Road"],"city":"Pune","postalCode":"411001"}],"deceasedBoolean":false}"#,
    );
    let patient = Patient(&json);
    let names: Vec<_> = patient.names().into_iter().map(|n| (n.text, n.language)).collect();
    assert_eq!(
        names,
        [
            ("आशा राव".to_owned(), Some("hi")),
            ("Asha D. Rao".to_owned(), None),
            ("Asha Verma".to_owned(), None)
        ]
    );
    assert_eq!(patient.birth_precision(), Some(crate::fhir::datetime::Precision::Month));
    assert_eq!(patient.phones(), ["2", "1"]);
    assert_eq!(patient.identifier_in("s"), Some("CV-1"));
    assert_eq!(patient.identifiers().map(|i| i.kind).collect::<Vec<_>>(), [Some("MR")]);
    assert_eq!(patient.address().as_deref(), Some("12 Road, Pune, 411001"));
    assert!(!patient.deceased());
    let shown = patient.shown("Asha", None, Some("CV-1"));
    assert_eq!((shown.birth_year, shown.village, shown.numbers), (Some(1985), Some("Pune"), vec!["CV-1"]));
}

#[test]
fn an_observation() {
    let json = value(
        r#"{"resourceType":"Observation","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"718-7","display":"Hemoglobin"}]},"effectiveDateTime":"2024","valueQuantity":{"value":9.50,"unit":"g/dL","comparator":"<"},"interpretation":[{"coding":[{"code":"L"}]}],"referenceRange":[{"low":{"value":12.0},"text":"12-15"}],"component":[{"code":{"text":"part"},"valueString":"x"}]}"#,
    );
    let observation = Observation(&json);
    assert_eq!(observation.code().unwrap().label(), Some("Hemoglobin"));
    assert_eq!(observation.code().unwrap().code_in("http://loinc.org"), Some("718-7"));
    assert_eq!(observation.value().unwrap().text().as_deref(), Some("<9.50 g/dL"));
    assert_eq!((observation.interpretation(), observation.in_category("laboratory")), (Some("L"), true));
    assert_eq!(observation.range().unwrap().low().unwrap().value().unwrap().as_str(), "12.0");
    assert_eq!(observation.effective().unwrap().start, Some("2024"));
    let part = observation.components().next().unwrap();
    assert_eq!(
        (part.code().unwrap().label(), part.value().unwrap().text().as_deref()),
        (Some("part"), Some("x"))
    );
    for (member, expected) in [
        ("\"valueBoolean\":true", "yes"),
        ("\"valueInteger\":3", "3"),
        ("\"valueDateTime\":\"2024\"", "2024"),
    ] {
        let json = value(&format!("{{{member}}}"));
        assert_eq!(Observation(&json).value().unwrap().text().as_deref(), Some(expected));
    }
}

#[test]
fn the_rest_of_the_chart() {
    let json = value(
        r#"{"clinicalStatus":{"coding":[{"code":"active"}]},"code":{"text":"Asthma"},"onsetPeriod":{"start":"2010"},"subject":{"reference":"Patient/7"}}"#,
    );
    let condition = Condition(&json);
    assert!(condition.is_active());
    assert_eq!((condition.since().unwrap().start, subject(&json).unwrap().as_str()), (Some("2010"), "7"));
    let json = value(
        r#"{"code":{"text":"Penicillin"},"criticality":"high","reaction":[{"manifestation":[{"text":"Rash"}],"severity":"mild"}]}"#,
    );
    let allergy = AllergyIntolerance(&json);
    assert_eq!((allergy.reactions().collect::<Vec<_>>(), allergy.severity()), (vec!["Rash"], Some("mild")));
    let json = value(
        r#"{"status":"active","medicationCodeableConcept":{"text":"Metformin 500"},"dosageInstruction":[{"text":"1-0-1","route":{"text":"oral"},"timing":{"repeat":{"boundsPeriod":{"end":"2024-05"}}}}]}"#,
    );
    let request = MedicationRequest(&json);
    let dose = request.doses().next().unwrap();
    assert_eq!((request.medicine(), request.status()), (Some("Metformin 500"), Some("active")));
    assert_eq!(
        (dose.text(), dose.route(), dose.bounds().unwrap().end),
        (Some("1-0-1"), Some("oral"), Some("2024-05"))
    );
    let json = value(
        r#"{"class":{"code":"AMB"},"type":[{"text":"Visit"}],"period":{"start":"2024-01-01"},"participant":[{"individual":{"display":"Dr Rao"}}]}"#,
    );
    let encounter = Encounter(&json);
    assert_eq!(
        (encounter.class(), encounter.kind(), encounter.participants().next()),
        (Some("AMB"), Some("Visit"), Some("Dr Rao"))
    );
    let json = value(r#"{"type":{"text":"Letter"},"content":[{"attachment":{"title":"Referral"}}]}"#);
    assert_eq!((Document(&json).kind(), Document(&json).title()), (Some("Letter"), Some("Referral")));
    let json = value(
        r#"{"code":{"text":"CBC"},"result":[{"reference":"Observation/1"},{"reference":"urn:uuid:2"}]}"#,
    );
    assert_eq!(DiagnosticReport(&json).results().map(|id| id.to_string()).collect::<Vec<_>>(), ["1"]);
}
