//! Profiles of our own, small enough to see what each one asks for.

use super::*;
use crate::fhir::outcome::Severity;
use crate::fhir::validate::{Definitions, Level, Policy, Shelf, Validator};
use crate::json::{Limits, parse};

pub fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A profile `http://p/x` with the elements of a differential.
pub fn profile(kind: &str, elements: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"StructureDefinition","url":"http://p/x","name":"X","status":"active","kind":"resource","abstract":false,
        "type":"{kind}","baseDefinition":"http://hl7.org/fhir/StructureDefinition/{kind}","derivation":"constraint",
        "differential":{{"element":[{elements}]}}}}"#
    ))
}

/// What the profile says about a resource: places of the errors, in order.
pub fn check(shelf: &Shelf, resource: &str) -> Vec<String> {
    let issues =
        Validator::new(shelf, Policy::report(Level::Invariants)).check(&json(resource), &["http://p/x"]);
    issues.iter().filter(|i| i.severity >= Severity::Error).map(ToString::to_string).collect()
}

pub fn shelf(definitions: &[&Value]) -> Shelf {
    let mut shelf = Shelf::default();
    let refused = shelf.add(definitions);
    assert!(refused.is_empty(), "{refused:?}");
    shelf
}

/// Each resource with the beginnings of the errors that are expected.
pub fn expect(shelf: &Shelf, cases: &[(&str, &[&str])]) {
    for (resource, expected) in cases {
        let found = check(shelf, resource);
        assert_eq!(found.len(), expected.len(), "{resource}: {found:#?}");
        for (issue, start) in found.iter().zip(*expected) {
            assert!(issue.contains(start), "{resource}: {issue} should hold {start}");
        }
    }
}

#[test]
fn counts_types_fixed_values_and_limits() {
    let definition = profile(
        "Patient",
        r#"{"path":"Patient"},{"path":"Patient.name","min":1,"max":"2"},{"path":"Patient.name.family","min":1,"maxLength":5},
           {"path":"Patient.gender","fixedCode":"female"},{"path":"Patient.photo","max":"0"},
           {"path":"Patient.deceased[x]","type":[{"code":"boolean"}]},
           {"path":"Patient.birthDate","minValueDate":"1900-01-01","maxValueDate":"2020"},
           {"path":"Patient.maritalStatus","patternCodeableConcept":{"coding":[{"system":"s","code":"M"}]}}"#,
    );
    let shelf = shelf(&[&definition]);
    expect(
        &shelf,
        &[
            (
                r#"{"resourceType":"Patient","name":[{"family":"Pawar"}],"gender":"female","deceasedBoolean":true,"birthDate":"1968"}"#,
                &[],
            ),
            (r#"{"resourceType":"Patient"}"#, &["Patient.name: at least 1"]),
            (
                r#"{"resourceType":"Patient","name":[{"family":"A"},{"given":["B"]},{"family":"C"}]}"#,
                &["Patient.name: at most 2", "Patient.name[1].family: at least 1"],
            ),
            (
                r#"{"resourceType":"Patient","name":[{"family":"Chandra"}],"gender":"male"}"#,
                &["Patient.name[0].family: must not be longer", "Patient.gender: must be exactly"],
            ),
            (
                r#"{"resourceType":"Patient","name":[{"family":"A"}],"deceasedDateTime":"2001"}"#,
                &["must be boolean, not dateTime"],
            ),
            (
                r#"{"resourceType":"Patient","name":[{"family":"A"}],"birthDate":"1850-02-02"}"#,
                &["must be at least"],
            ),
            (
                r#"{"resourceType":"Patient","name":[{"family":"A"}],"birthDate":"2021-02"}"#,
                &["must be at most"],
            ),
            (
                r#"{"resourceType":"Patient","name":[{"family":"A"}],"maritalStatus":{"text":"x","coding":[{"system":"s","code":"S"},{"system":"s","code":"M","display":"d"}]}}"#,
                &[],
            ),
            (
                r#"{"resourceType":"Patient","name":[{"family":"A"}],"maritalStatus":{"coding":[{"system":"s","code":"S"}]}}"#,
                &["must hold"],
            ),
            (
                r#"{"resourceType":"Practitioner"}"#,
                &["is a Practitioner, but the profile http://p/x is for Patient"],
            ),
        ],
    );
}

#[test]
fn slices_by_value_pattern_and_binding() {
    let definition = profile(
        "Observation",
        r#"{"path":"Observation.component","slicing":{"discriminator":[{"type":"pattern","path":"code"}],"rules":"closed","ordered":true},"min":1},
           {"path":"Observation.component","sliceName":"sys","min":1,"max":"1"},
           {"path":"Observation.component.code","patternCodeableConcept":{"coding":[{"code":"sys"}]}},
           {"path":"Observation.component.valueQuantity.code","min":1,"fixedCode":"mm[Hg]"},
           {"path":"Observation.component","sliceName":"dia","max":"1"},
           {"path":"Observation.component.code.coding.code","min":1,"fixedCode":"dia"}"#,
    );
    let shelf = shelf(&[&definition]);
    let observation = |components: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"component":[{components}]}}"#
        )
    };
    let sys = r#"{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}"#;
    let dia = r#"{"code":{"coding":[{"code":"dia"}]}}"#;
    let odd = r#"{"code":{"coding":[{"code":"odd"}]}}"#;
    for (components, expected) in [
        (vec![sys, dia], vec![]),
        (vec![dia, sys], vec!["component[1]: the slice sys stands too late"]),
        (vec![sys, odd], vec!["component[1]: fits none of the slices sys, dia"]),
        (vec![sys, sys], vec!["at most 1 of the slice sys"]),
        (vec![dia], vec!["at least 1 of the slice sys"]),
        (
            vec![
                r#"{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"kPa"}}"#,
            ],
            vec!["component[0].value.code: must be exactly"],
        ),
    ] {
        expect(&shelf, &[(&observation(&components.join(",")), &expected)]);
    }
}

#[test]
fn slices_by_type_presence_and_profile() {
    let by_type = profile(
        "Bundle",
        r#"{"path":"Bundle.entry","slicing":{"discriminator":[{"type":"type","path":"resource"}],"rules":"open"}},
           {"path":"Bundle.entry","sliceName":"patient","min":1,"max":"1"},
           {"path":"Bundle.entry.resource","type":[{"code":"Patient"}]},
           {"path":"Bundle.entry","sliceName":"observation","max":"1"},
           {"path":"Bundle.entry.resource","type":[{"code":"Observation"}]},
           {"path":"Bundle.entry.resource.status","fixedCode":"final"}"#,
    );
    let shelf1 = shelf(&[&by_type]);
    let bundle = |kinds: &[&str]| {
        let entry = |k: &&str| {
            match *k {
            "Observation" => r#"{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Observation","status":"amended","code":{"text":"x"}}}"#.to_owned(),
            kind => format!(r#"{{"fullUrl":"http://h/{kind}","resource":{{"resourceType":"{kind}"}}}}"#),
        }
        };
        let entries: Vec<String> = kinds.iter().map(entry).collect();
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
    };
    expect(
        &shelf1,
        &[
            (&bundle(&["Patient", "Practitioner"]), &[]),
            (&bundle(&["Practitioner"]), &["at least 1 of the slice patient"]),
            (&bundle(&["Patient", "Observation"]), &["entry[1].resource.status: must be exactly"]),
        ],
    );
    let by_presence = profile(
        "Patient",
        r#"{"path":"Patient.identifier","slicing":{"discriminator":[{"type":"exists","path":"system"}],"rules":"open"}},
           {"path":"Patient.identifier","sliceName":"with","min":1},{"path":"Patient.identifier.system","min":1},
           {"path":"Patient.identifier","sliceName":"without","max":"1"},{"path":"Patient.identifier.system","max":"0"}"#,
    );
    let shelf2 = shelf(&[&by_presence]);
    expect(
        &shelf2,
        &[
            (
                r#"{"resourceType":"Patient","identifier":[{"system":"http://s","value":"1"},{"value":"2"}]}"#,
                &[],
            ),
            (
                r#"{"resourceType":"Patient","identifier":[{"value":"1"},{"value":"2"}]}"#,
                &["at least 1 of the slice with", "at most 1 of the slice without"],
            ),
        ],
    );
    let named = json(
        r#"{"resourceType":"StructureDefinition","url":"http://p/named","name":"N","kind":"resource","type":"Patient","abstract":false,
        "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint",
        "differential":{"element":[{"path":"Patient.name","min":1}]}}"#,
    );
    let by_profile = profile(
        "Bundle",
        r#"{"path":"Bundle.entry","slicing":{"discriminator":[{"type":"profile","path":"resource"}],"rules":"open"}},
           {"path":"Bundle.entry","sliceName":"named","min":1},
           {"path":"Bundle.entry.resource","type":[{"code":"Patient","profile":["http://p/named"]}]}"#,
    );
    let shelf3 = shelf(&[&by_profile, &named]);
    expect(
        &shelf3,
        &[
            (
                r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","name":[{"text":"A"}]}}]}"#,
                &[],
            ),
            (&bundle(&["Patient"]), &["at least 1 of the slice named"]),
        ],
    );
}

#[test]
fn a_profile_rests_on_another_and_reaches_into_types() {
    let base = json(
        r#"{"resourceType":"StructureDefinition","url":"http://p/base","name":"B","kind":"resource","type":"Observation","abstract":false,
        "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Observation","derivation":"constraint",
        "differential":{"element":[{"path":"Observation.subject","min":1,"type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"]}]}]}}"#,
    );
    let own = json(
        r#"{"resourceType":"StructureDefinition","url":"http://p/x","name":"X","kind":"resource","type":"Observation","abstract":false,
        "baseDefinition":"http://p/base","derivation":"constraint",
        "differential":{"element":[{"id":"Observation.value[x]:valueQuantity.unit","path":"Observation.valueQuantity.unit","min":1}]}}"#,
    );
    // The one that rests on the other comes first.
    let shelf = shelf(&[&own, &base]);
    let observation = |rest: &str| {
        format!(r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}}{rest}}}"#)
    };
    expect(
        &shelf,
        &[
            (
                &observation(
                    r#","subject":{"reference":"Patient/1"},"valueQuantity":{"value":1,"unit":"kg"}"#,
                ),
                &[],
            ),
            (&observation(r#","subject":{"reference":"Patient/1"},"valueString":"much""#), &[]),
            (
                &observation(r#","valueQuantity":{"value":1}"#),
                &["Observation.subject: at least 1", "Observation.value.unit: at least 1"],
            ),
            (
                &observation(r#","subject":{"reference":"Group/1"}"#),
                &["a reference to Group is not allowed here"],
            ),
        ],
    );
    let paths: Vec<String> = snapshot(&shelf.profile("http://p/x").unwrap())
        .iter()
        .map(|e| e.str("id").unwrap().to_owned())
        .collect();
    for id in [
        "Observation",
        "Observation.meta",
        "Observation.subject",
        "Observation.value[x]",
        "Observation.value[x]:valueQuantity",
        "Observation.value[x]:valueQuantity.unit",
        "Observation.component.referenceRange",
    ] {
        assert!(paths.iter().any(|p| p == id), "{id}: {paths:#?}");
    }
    assert_eq!(
        paths.iter().filter(|p| p.starts_with("Observation.subject.")).count(),
        0,
        "only what is constrained is opened"
    );
}

#[test]
fn the_snapshot_of_a_profile_is_a_profile_again() {
    let vitals = embedded("http://hl7.org/fhir/StructureDefinition/vitalsigns").unwrap();
    let elements = snapshot(&vitals);
    let subject = elements.iter().find(|e| e.str("id") == Some("Observation.subject")).unwrap();
    assert_eq!((subject.get("min").unwrap().to_string(), subject.str("max")), ("1".to_owned(), Some("1")));
    let again = Value::from([
        ("resourceType", Value::from("StructureDefinition")),
        ("url", "http://p/x".into()),
        ("type", "Observation".into()),
        ("baseDefinition", "http://elsewhere/unknown".into()),
        ("derivation", "constraint".into()),
        ("snapshot", Value::from([("element", Value::from(elements))])),
    ]);
    let shelf = shelf(&[&again]);
    let found = check(&shelf, r#"{"resourceType":"Observation","status":"final","code":{"text":"x"}}"#);
    for wanted in ["Observation.category: at least 1", "Observation.subject: at least 1"] {
        assert!(found.iter().any(|f| f.starts_with(wanted)), "{wanted}: {found:#?}");
    }
}

#[test]
fn what_cannot_be_compiled_says_why() {
    let refused = |definition: &Value| compile(definition, &|_| None).unwrap_err().to_string();
    for (elements, expected) in [
        (r#"{"path":"Patient.nme"}"#, "Patient.nme: Patient has no element \"nme\""),
        (r#"{"path":"Patient..name"}"#, "a name of the path is empty"),
        (r#"{"path":"Practitioner.name"}"#, "begins with \"Practitioner\""),
        (r#"{"path":"Patient.name","min":3,"max":"2"}"#, "min 3 is more than max 2"),
        (r#"{"path":"Patient.gender","max":"*"}"#, "more than the base allows"),
        (
            r#"{"path":"Patient.gender","type":[{"code":"Quantity"}]}"#,
            "the type Quantity is not one of gender",
        ),
        (r#"{"path":"Patient.deceasedBla"}"#, "no element \"deceasedBla\""),
        (
            r#"{"path":"Patient.name","slicing":{"discriminator":[{"type":"guess","path":"use"}],"rules":"open"}}"#,
            "\"guess\" is not a kind of discriminator",
        ),
    ] {
        let why = refused(&profile("Patient", elements));
        assert!(why.contains(expected), "{elements}: {why}");
    }
    let orphan = json(
        r#"{"resourceType":"StructureDefinition","url":"http://p/x","type":"Patient","baseDefinition":"http://p/none","derivation":"constraint",
        "differential":{"element":[{"path":"Patient"}]}}"#,
    );
    assert!(refused(&orphan).contains("http://p/none is not known here"));
    assert!(refused(&profile("Nothing", "")).contains("not a type of R4"));
}

#[test]
fn the_profiles_of_the_standard_are_compiled() {
    for line in include_str!("../tables/profiles.ndjson").lines() {
        if let Err(why) = compile(&json(line), &embedded) {
            panic!("{}: {why}", json(line).str("url").unwrap());
        }
    }
    assert!(embedded_urls().count() > 430);
}

#[test]
fn extensions_are_held_to_their_definition() {
    let extension = json(
        r#"{"resourceType":"StructureDefinition","url":"http://e/caste","name":"E","kind":"complex-type","type":"Extension","abstract":false,
        "context":[{"type":"element","expression":"Patient"}],"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation":"constraint","differential":{"element":[{"path":"Extension"},{"path":"Extension.url","fixedUri":"http://e/caste"},
        {"path":"Extension.value[x]","min":1,"type":[{"code":"string"}]}]}}"#,
    );
    let shelf = shelf(&[&extension]);
    let found = |resource: &str, policy: Policy| -> Vec<String> {
        let issues = Validator::new(&shelf, policy).check(&json(resource), &[]);
        issues.iter().filter(|i| i.severity >= Severity::Error).map(ToString::to_string).collect()
    };
    let policy = Policy::report(Level::Profiles);
    let on = |holder: &str, value: &str| {
        format!(
            r#"{{"resourceType":"Patient",{}}}"#,
            holder.replace('%', &format!(r#""extension":[{{"url":"http://e/caste",{value}}}]"#))
        )
    };
    assert_eq!(found(&on("%", r#""valueString":"x""#), policy), Vec::<String>::new());
    assert!(found(&on("%", r#""valueCode":"x""#), policy)[0].contains("must be string, not code"));
    assert!(found(&on(r#""name":[{%}]"#, r#""valueString":"x""#), policy)[0].contains("may not stand here"));
    let modifying = on("%", r#""valueString":"x""#).replace("extension", "modifierExtension");
    assert!(found(&modifying, policy)[0].contains("belongs into extension"));
    let unknown = r#"{"resourceType":"Patient","extension":[{"url":"http://e/none","valueString":"x"}]}"#;
    assert!(found(unknown, policy).is_empty());
    assert!(found(unknown, Policy::strict())[0].contains("is not known here"));
}

#[test]
fn a_profile_that_asks_for_itself_ends() {
    let ring = profile(
        "Patient",
        r#"{"path":"Patient"},{"path":"Patient.contained","type":[{"code":"Patient","profile":["http://p/x"]}]},
           {"path":"Patient.link.other","type":[{"code":"Reference","targetProfile":["http://p/x"]}]}"#,
    );
    let shelf = shelf(&[&ring]);
    let text = r##"{"resourceType":"Patient","contained":[{"resourceType":"Patient","id":"a","link":[{"other":{"reference":"#"},"type":"refer"}]}],
        "link":[{"other":{"reference":"#a"},"type":"seealso"}]}"##;
    expect(&shelf, &[(text, &[])]);
}

#[test]
fn the_snapshots_of_the_standards_profiles_keep_its_invariants() {
    use crate::fhir::validate::Core;
    let mut wrong = Vec::new();
    for line in include_str!("../tables/profiles.ndjson").lines() {
        let mut definition = json(line);
        let elements = described_snapshot(&compile(&definition, &embedded).unwrap(), &definition);
        let object = definition.as_object_mut().unwrap();
        for (key, value) in [
            ("resourceType", "StructureDefinition"),
            ("status", "active"),
            ("name", "X"),
            ("kind", "resource"),
        ] {
            if !object.contains_key(key) {
                object.insert(key, value);
            }
        }
        if !object.contains_key("abstract") {
            object.insert("abstract", false);
        }
        object.insert("snapshot", Value::from([("element", Value::from(elements))]));
        object.remove("differential");
        let issues = Validator::new(&Core, Policy::write(Level::Invariants)).check(&definition, &[]);
        wrong.extend(issues.into_iter().map(|i| format!("{}: {i}", definition.str("url").unwrap())));
    }
    assert!(wrong.is_empty(), "{} of them: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
