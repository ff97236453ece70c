//! Modifiers, composites, units and places, checked search by search.

use super::tests::{check, search};
use crate::fhir::id::ResourceType;

const PRESSURE: &str = r#"{"resourceType":"Observation","id":"1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}],"text":"BP sitting"},"subject":{"reference":"Patient/7"},"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"},{"system":"http://local","code":"SYS"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":91,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}"#;

#[test]
fn composites_hold_on_one_repetition() {
    check(
        PRESSURE,
        &[
            "component-code-value-quantity=8480-6$142",
            "component-code-value-quantity=http://loinc.org|8480-6$gt140",
            "component-code-value-quantity=http://local|SYS$gt140||mmHg",
            "component-code-value-quantity=8480-6$gt18|http://unitsofmeasure.org|kPa",
            "combo-code-value-quantity=8462-4$lt100",
            "combo-code-value-quantity=1-1$1,8462-4$le91",
            "combo-code=85354-9",
            "combo-code=8462-4",
            "combo-value-quantity=91",
            "component-code-value-quantity:missing=false",
            "code-value-quantity:missing=true",
            "code-value-concept:missing=true",
        ],
        &[
            "component-code-value-quantity=8480-6$91",
            "component-code-value-quantity=8462-4$gt100",
            "component-code-value-quantity=http://local|8480-6$142",
            "component-code-value-quantity=85354-9$142",
            "combo-code-value-quantity=8480-6$lt100",
            "code-value-quantity=85354-9$142",
            "combo-code=1-1",
        ],
    );
    check(
        r#"{"resourceType":"Observation","id":"1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}]},"valueQuantity":{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}"#,
        &[
            "code-value-quantity=2339-0$5.4",
            "combo-code-value-quantity=2339-0$0.0054|http://unitsofmeasure.org|g",
        ],
        &["code-value-quantity=2339-0$6", "code-value-quantity=2339-1$5.4"],
    );
    for bad in ["code-value-quantity=1", "code-value-quantity=1$2$3", "code-value-quantity:not=1$2"] {
        assert!(search(ResourceType::OBSERVATION, bad).is_err(), "{bad}");
    }
}

#[test]
fn units_are_compared_by_what_they_measure() {
    check(
        r#"{"resourceType":"Observation","id":"1","status":"final","code":{"text":"x"},"valueQuantity":{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}"#,
        &[
            "value-quantity=5.4|http://unitsofmeasure.org|mg",
            "value-quantity=0.0054|http://unitsofmeasure.org|g",
            "value-quantity=5400|http://unitsofmeasure.org|ug",
            "value-quantity=gt5|http://unitsofmeasure.org|mg",
            "value-quantity=lt0.006|http://unitsofmeasure.org|g",
            "value-quantity=ap5.0|http://unitsofmeasure.org|mg",
            "value-quantity=5.4||mg",
            "value-quantity=5.4",
            "value-quantity=ne5.4|http://unitsofmeasure.org|g",
        ],
        &[
            "value-quantity=5.4|http://unitsofmeasure.org|g",
            "value-quantity=5.4|http://unitsofmeasure.org|mL",
            "value-quantity=0.0054||g",
            "value-quantity=ne5.4|http://unitsofmeasure.org|mg",
            "value-quantity=sa5.4|http://unitsofmeasure.org|mg",
        ],
    );
    check(
        r#"{"resourceType":"Condition","id":"1","onsetAge":{"value":18,"system":"http://unitsofmeasure.org","code":"mo"},"abatementRange":{"low":{"value":31,"unit":"years"},"high":{"value":35,"unit":"years"}}}"#,
        &[
            "onset-age=1.5|http://unitsofmeasure.org|a",
            "abatement-age=gt33",
            "abatement-age=lt33||years",
            "abatement-age=33,sa30",
            "abatement-age=eb36",
            "abatement-age=ne33",
        ],
        &[
            "onset-age=3|http://unitsofmeasure.org|a",
            "abatement-age=33",
            "abatement-age=sa31",
            "abatement-age=gt35",
        ],
    );
}

#[test]
fn texts_of_codes() {
    check(
        PRESSURE,
        &[
            "code:text=blood",
            "code:text=PRESS",
            "code:text=bp",
            "code:text=sitting",
            "combo-code:text=blood pressure",
        ],
        &["code:text=lood", "code:text=standing", "component-code:text=blood"],
    );
    check(
        r#"{"resourceType":"Condition","id":"1","code":{"text":"Kopfschmerz, schwer"},"bodySite":[{"extension":[{"url":"http://x","valueString":"y"}]}]}"#,
        &["code:text=schwer", "code:missing=false", "body-site:missing=false", "code:not=1"],
        &["code=Kopfschmerz", "code:missing=true", "body-site:text=y"],
    );
}

#[test]
fn identifiers_by_their_type() {
    check(
        r#"{"resourceType":"Patient","id":"1","identifier":[{"type":{"coding":[{"system":"http://v2","code":"MR"}],"text":"Record number"},"system":"http://a","value":"7"},{"value":"8"}]}"#,
        &[
            "identifier:of-type=http://v2|MR|7",
            "identifier:text=record",
            "identifier=7",
            "identifier=http://a|7",
        ],
        &[
            "identifier:of-type=http://v2|MR|8",
            "identifier:of-type=http://v2|SS|7",
            "identifier:of-type=|MR|7",
        ],
    );
    assert!(search(ResourceType::PATIENT, "identifier:of-type=MR|7").is_err());
}

#[test]
fn value_sets_and_hierarchies() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let patient = r#"{"resourceType":"Patient","id":"1","gender":"female"}"#;
    check(patient, &[&format!("gender:in={gender}")], &[&format!("gender:not-in={gender}")]);
    check(
        r#"{"resourceType":"Encounter","id":"1","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ACUTE"}}"#,
        &[
            "class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP",
            "class:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|ACUTE",
        ],
        &[
            "class:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP",
            "class=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP",
        ],
    );
    for bad in ["gender:in=http://nowhere", "gender:below=female", "gender:below=http://loinc.org|1"] {
        assert!(search(ResourceType::PATIENT, bad).is_err(), "{bad}");
    }
}

#[test]
fn systems_without_case() {
    check(
        r#"{"resourceType":"Patient","id":"1","contact":[],"maritalStatus":{"text":"x"},"link":[],"identifier":[{"system":"http://snomed.info/sct","value":"mr"}]}"#,
        &["identifier=http://snomed.info/sct|MR", "identifier=mr"],
        &["identifier=MR", "identifier=http://other|MR"],
    );
}

#[test]
fn who_is_dead_is_known_of_everybody() {
    let alive = r#"{"resourceType":"Patient","id":"1"}"#;
    check(
        alive,
        &["deceased=false", "deceased:not=true", "deceased:missing=false", "deceased=true,false"],
        &["deceased=true", "deceased:missing=true"],
    );
    let no = r#"{"resourceType":"Patient","id":"1","deceasedBoolean":false}"#;
    check(no, &["deceased=false"], &["deceased=true"]);
    let dead = r#"{"resourceType":"Patient","id":"1","deceasedDateTime":"2020"}"#;
    check(dead, &["deceased=true", "deceased:not=false"], &["deceased=false"]);
}

#[test]
fn references_of_one_type_and_canonicals() {
    check(
        r##"{"resourceType":"Observation","id":"1","subject":{"reference":"http://else/fhir/Patient/7"},"focus":[{"reference":"#c"}]}"##,
        &["patient=http://else/fhir/Patient/7", "patient:missing=false", "focus:missing=false"],
        &["patient:missing=true", "subject=7", "focus=c"],
    );
    check(
        r#"{"resourceType":"Observation","id":"1","subject":{"reference":"urn:uuid:1"}}"#,
        &["subject=urn:uuid:1", "patient:missing=true", "subject:missing=false"],
        &["patient=urn:uuid:1"],
    );
    check(
        r#"{"resourceType":"QuestionnaireResponse","id":"1","questionnaire":"http://q/a/b|2"}"#,
        &[
            "questionnaire=http://q/a/b",
            "questionnaire=http://q/a/b|2",
            "questionnaire:below=http://q/a",
            "questionnaire:above=http://q/a/b/c",
        ],
        &["questionnaire=http://q/a/b|1", "questionnaire=http://q/a", "questionnaire:below=http://q/x"],
    );
    assert!(search(ResourceType::OBSERVATION, "device:below=7").is_err());
    assert!(search(ResourceType::OBSERVATION, "subject:Practitioner=7").is_err());
}

#[test]
fn places_near_a_place() {
    check(
        r#"{"resourceType":"Location","id":"1","position":{"longitude":73.8567,"latitude":18.5204}}"#,
        &[
            "near=18.52|73.85",
            "near=18.52|73.85|1|km",
            "near=18.52|73.85|900|m",
            "near=19|72.8|200",
            "near:missing=false",
        ],
        &["near=18.52|73.85|500|m", "near=19|72.8|100|km", "near:missing=true"],
    );
    let location = ResourceType::parse("Location").unwrap();
    for bad in ["near=1", "near=91|0", "near=1|1|1|kg", "near=1|1|-1|km", "near=a|b"] {
        assert!(search(location, bad).is_err(), "{bad}");
    }
}

#[test]
fn names_by_sound_and_other_strings() {
    check(
        r#"{"resourceType":"Patient","id":"1","name":[{"family":"Lakshmi Rao"}],"meta":{"source":"urn:s","profile":["http://p|1"]}}"#,
        &["phonetic=Laxmi", "family:text=rao", "_source=urn:s", "_profile=http://p", "_profile=http://p|1"],
        &["phonetic=Radha", "family:text=ao", "_source=urn:t"],
    );
}

#[test]
fn timings_count_by_their_outer_limits() {
    check(
        r#"{"resourceType":"Observation","id":"1","effectiveTiming":{"event":["2024-01-10","2024-01-20"]}}"#,
        &["date=2024-01", "date=gt2024-01-15", "date=lt2024-01-15", "date:missing=false"],
        &["date=2024-01-10", "date=2024-02"],
    );
    check(
        r#"{"resourceType":"Observation","id":"1","effectiveTiming":{"repeat":{"frequency":1}}}"#,
        &["date:missing=false"],
        &["date:missing=true", "date=ge1900"],
    );
}

#[test]
fn wrong_modifiers_are_errors() {
    for (kind, query) in [
        (ResourceType::PATIENT, "name:not=x"),
        (ResourceType::PATIENT, "birthdate:exact=2020"),
        (ResourceType::PATIENT, "gender:exact=male"),
        (ResourceType::PATIENT, "gender:nonsense=male"),
        (ResourceType::PATIENT, "_id:text=1"),
        (ResourceType::OBSERVATION, "value-quantity:not=1"),
    ] {
        assert!(search(kind, query).is_err(), "{query}");
    }
}

#[test]
fn too_many_values_name_the_setting() {
    let many = vec!["x"; 501].join(",");
    let outcome = search(ResourceType::PATIENT, &format!("name={many}")).unwrap_err();
    assert!(outcome.to_string().contains("limits.search_values"), "{outcome}");
}
