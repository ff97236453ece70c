//! Slices within slices, where targets may be, and what invariants ask of value sets and profiles.

use super::tests::{check, expect, json, profile, shelf};
use super::*;
use crate::fhir::validate::{Level, Policy, Validator};

#[test]
fn slices_within_slices() {
    let definition = profile(
        "Patient",
        r#"{"path":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open"}},
           {"id":"Patient.identifier:own","path":"Patient.identifier","sliceName":"own","max":"3",
             "slicing":{"discriminator":[{"type":"value","path":"use"}],"rules":"closed"}},
           {"id":"Patient.identifier:own.system","path":"Patient.identifier.system","min":1,"fixedUri":"http://own"},
           {"id":"Patient.identifier:own/first","path":"Patient.identifier","sliceName":"own/first","min":1,"max":"1"},
           {"id":"Patient.identifier:own/first.use","path":"Patient.identifier.use","min":1,"fixedCode":"official"},
           {"id":"Patient.identifier:own/first.value","path":"Patient.identifier.value","min":1},
           {"id":"Patient.identifier:own/second","path":"Patient.identifier","sliceName":"own/second",
             "slicing":{"discriminator":[{"type":"exists","path":"period"}],"rules":"open"}},
           {"id":"Patient.identifier:own/second.use","path":"Patient.identifier.use","min":1,"fixedCode":"old"},
           {"id":"Patient.identifier:own/second/ended","path":"Patient.identifier","sliceName":"own/second/ended","max":"1"},
           {"id":"Patient.identifier:own/second/ended.period","path":"Patient.identifier.period","min":1}"#,
    );
    let shelf = shelf(&[&definition]);
    let patient = |identifiers: &str| format!(r#"{{"resourceType":"Patient","identifier":[{identifiers}]}}"#);
    let one = |rest: &str| format!(r#"{{"system":"http://own",{rest}}}"#);
    let first = one(r#""use":"official","value":"1""#);
    let old = one(r#""use":"old""#);
    let ended = one(r#""use":"old","period":{"end":"2020"}"#);
    expect(
        &shelf,
        &[
            (&patient(&first), &[]),
            (&patient(&format!(r#"{first},{{"system":"http://other"}}"#)), &[]),
            (&patient(&format!("{first},{old},{ended}")), &[]),
            (
                &patient(&format!("{first},{ended},{ended}")),
                &["Patient.identifier: at most 1 of the slice own/second/ended"],
            ),
            (&patient(&old), &["Patient.identifier: at least 1 of the slice own/first"]),
            (&patient(&one(r#""use":"official""#)), &["Patient.identifier[0].value: at least 1"]),
            (
                &patient(&format!("{first},{}", one(r#""use":"temp""#))),
                &["Patient.identifier[1]: fits none of the slices own/first, own/second"],
            ),
            (
                &patient(&format!("{first},{old},{old},{old}")),
                &["Patient.identifier: at most 3 of the slice own"],
            ),
        ],
    );
    let written = snapshot(&compile(&definition, &|_| None).unwrap());
    let ids: Vec<&str> = written.iter().filter_map(|e| e.str("id")).collect();
    let place = |id: &str| ids.iter().position(|own| *own == id).unwrap_or_else(|| panic!("{id}: {ids:?}"));
    assert!(place("Patient.identifier:own") < place("Patient.identifier:own/first"));
    assert!(place("Patient.identifier:own/second") < place("Patient.identifier:own/second/ended"));
    let again = compile(
        &json(&format!(
            r#"{{"resourceType":"StructureDefinition","url":"http://p/x","name":"X","type":"Patient","derivation":"constraint",
            "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","snapshot":{{"element":{}}}}}"#,
            Value::from(written)
        )),
        &|_| None,
    )
    .unwrap();
    let own = again.root.child("identifier").unwrap().slices.first().unwrap();
    assert_eq!(
        own.node.slices.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["own/first", "own/second"]
    );
}

#[test]
fn where_the_target_of_a_reference_may_be() {
    let definition = profile(
        "Observation",
        r#"{"path":"Observation.subject","type":[{"code":"Reference","aggregation":["contained","bundled"]}]},
           {"path":"Observation.device","type":[{"code":"Reference","aggregation":["referenced"]}]},
           {"path":"Observation.encounter","type":[{"code":"Reference","versioning":"specific"}]},
           {"path":"Observation.basedOn","type":[{"code":"Reference","versioning":"independent"}]}"#,
    );
    let shelf = shelf(&[&definition]);
    let observation = |rest: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"o","meta":{{"profile":["http://p/x"]}},"status":"final","code":{{"text":"x"}},{rest}}}"#
        )
    };
    let patient = r##""contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}"##;
    expect(
        &shelf,
        &[
            (&observation(patient), &[]),
            (
                &observation(r#""subject":{"reference":"Patient/1"}"#),
                &["Observation.subject: what it points at is referenced, and must be contained or bundled"],
            ),
            (&observation(r#""subject":{"display":"somebody"}"#), &[]),
            (&observation(r#""device":{"reference":"Device/1"}"#), &[]),
            (&observation(r#""encounter":{"reference":"Encounter/1/_history/2"}"#), &[]),
            (
                &observation(r#""encounter":{"reference":"Encounter/1"}"#),
                &["Observation.encounter: must name a version"],
            ),
            (
                &observation(r#""basedOn":[{"reference":"CarePlan/1/_history/2"}]"#),
                &["Observation.basedOn[0]: must not name a version"],
            ),
        ],
    );
    let contained = r##""contained":[{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"}"##;
    expect(&shelf, &[(&observation(contained), &["is contained, and must be referenced"])]);
    let bundle = json(&format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[
        {{"fullUrl":"http://h/Patient/1","resource":{{"resourceType":"Patient","id":"1"}}}},
        {{"fullUrl":"http://h/Observation/o","resource":{}}}]}}"#,
        observation(r#""subject":{"reference":"Patient/1"}"#)
    ));
    let issues = Validator::new(&shelf, Policy::write(Level::Profiles)).check(&bundle, &[]);
    assert!(issues.is_empty(), "{issues:?}");
    let written = snapshot(&compile(&definition, &|_| None).unwrap());
    let subject = written.iter().find(|e| e.str("path") == Some("Observation.subject")).unwrap();
    assert_eq!(subject.pointer("/type/0/aggregation/1").and_then(Value::as_str), Some("bundled"));
}

#[test]
fn invariants_ask_for_value_sets_and_profiles() {
    let rule = |key: &str, expression: &str| {
        format!(r#"{{"key":"{key}","severity":"error","human":"h","expression":"{expression}"}}"#)
    };
    let definition = profile(
        "Patient",
        &format!(
            r#"{{"path":"Patient","constraint":[{},{},{},{}]}}"#,
            rule("m-1", "maritalStatus.all(memberOf('http://hl7.org/fhir/ValueSet/marital-status'))"),
            rule("m-2", "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"),
            rule("m-3", "maritalStatus.coding.all(memberOf('http://nobody/knows') = true or true)"),
            rule(
                "c-1",
                "name.all(conformsTo('http://p/name')) and contact.name.all($this.conformsTo('http://p/name'))"
            ),
        ),
    );
    let mut name = profile("HumanName", r#"{"path":"HumanName.family","min":1}"#);
    name.as_object_mut().unwrap().insert("url", "http://p/name");
    let shelf = shelf(&[&definition, &name]);
    expect(
        &shelf,
        &[
            (
                r#"{"resourceType":"Patient","gender":"male","name":[{"family":"A"}],"maritalStatus":{"coding":[{"system":"x","code":"y"},
                {"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}}"#,
                &[],
            ),
            (
                r#"{"resourceType":"Patient","maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"ZZ"}]}}"#,
                &["Patient: h (m-1)"],
            ),
            (r#"{"resourceType":"Patient","name":[{"family":"A"},{"given":["B"]}]}"#, &["Patient: h (c-1)"]),
            (r#"{"resourceType":"Patient","contact":[{"name":{"given":["B"]}}]}"#, &["Patient: h (c-1)"]),
        ],
    );
}

#[test]
fn profiles_that_ask_for_one_another_come_to_an_end() {
    let asks = |url: &str, expression: &str| {
        let constraint =
            format!(r#"{{"key":"c-1","severity":"error","human":"h","expression":"{expression}"}}"#);
        let mut definition =
            profile("Patient", &format!(r#"{{"path":"Patient","constraint":[{constraint}]}}"#));
        definition.as_object_mut().unwrap().insert("url", url);
        definition
    };
    let ring =
        [asks("http://p/x", "conformsTo('http://p/y')"), asks("http://p/y", "conformsTo('http://p/x')")];
    let shelf_of = |all: &[Value]| shelf(&all.iter().collect::<Vec<_>>());
    assert!(check(&shelf_of(&ring), r#"{"resourceType":"Patient"}"#).is_empty());
    let mut chain = vec![asks("http://p/x", "conformsTo('http://p/1')")];
    for n in 1..9 {
        chain.push(asks(&format!("http://p/{n}"), &format!("conformsTo('http://p/{}')", n + 1)));
    }
    chain.push(asks("http://p/9", "true"));
    let found = check(&shelf_of(&chain), r#"{"resourceType":"Patient"}"#);
    assert!(matches!(found.as_slice(), [one] if one.contains("conformsTo")), "{found:?}");
}
