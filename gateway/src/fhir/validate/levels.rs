//! What each level adds, in small cases of our own.

use super::*;
use crate::fhir::outcome::Severity;
use crate::json::{Limits, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Issues as `severity place: text`.
fn issues(policy: Policy, shelf: &Shelf, text: &str) -> Vec<String> {
    let found = Validator::new(shelf, policy).check(&json(text), &[]);
    found.iter().map(|i| format!("{} {i}", i.severity.as_str())).collect()
}

/// Each resource with what its issues begin with, and a part of their text.
fn check(policy: Policy, cases: &[(&str, &[(&str, &str)])]) {
    let shelf = Shelf::default();
    for (text, expected) in cases {
        let found = issues(policy, &shelf, text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
        for (issue, (start, part)) in found.iter().zip(*expected) {
            assert!(issue.starts_with(start) && issue.contains(part), "{text}: {issue}");
        }
    }
}

#[test]
fn invariants_refuse_on_a_write() {
    let policy = Policy::write(Level::Invariants);
    check(
        policy,
        &[
            (r#"{"resourceType":"Patient","gender":"other"}"#, &[]),
            (
                r#"{"resourceType":"RiskAssessment","status":"final","subject":{"reference":"Patient/1"},"prediction":[{"probabilityDecimal":101}]}"#,
                &[("error RiskAssessment.prediction[0]", "ras-2")],
            ),
            (
                r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1,"code":"kg"}}"#,
                &[("error Observation.value", "qty-3")],
            ),
            (
                r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"referenceRange":[{"type":{"text":"x"}}]}"#,
                &[("error Observation.referenceRange[0]", "obs-3")],
            ),
            (
                r#"{"resourceType":"Condition","subject":{"reference":"Patient/1"},"abatementDateTime":"2020","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}"#,
                &[("error Condition", "con-4")],
            ),
            (r#"{"resourceType":"Bundle","type":"collection","total":1}"#, &[("error Bundle", "bdl-1")]),
            (
                r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group"},{"linkId":"1","type":"string"}]}"#,
                &[("error Questionnaire.item[0]", "que-1"), ("error Questionnaire", "que-2")],
            ),
            (
                r##"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x"}]}"##,
                &[("error Patient.contained[0]", "dom-3")],
            ),
        ],
    );
    let profile = |path: &str| {
        format!(
            r#"{{"resourceType":"StructureDefinition","url":"http://p/1","name":"P","status":"draft","kind":"resource","abstract":false,"type":"Patient",
            "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{{"element":[{{"id":"{path}","path":"{path}"}}]}}}}"#
        )
    };
    check(
        policy,
        &[
            (&profile("Patient.name"), &[]),
            (
                &profile("Patient.nme"),
                &[("error StructureDefinition.differential", "Patient has no element")],
            ),
        ],
    );
    // A structure that is wrong is told once, and warnings are not looked for.
    check(policy, &[(r#"{"resourceType":"ValueSet","status":"active","name":"not a name"}"#, &[])]);
}

#[test]
fn warnings_are_listed_when_they_are_asked_for() {
    check(
        Policy::report(Level::Invariants),
        &[(
            r#"{"resourceType":"ValueSet","status":"active","name":"not a name"}"#,
            &[("warning ValueSet", "vsd-0"), ("warning ValueSet", "dom-6")],
        )],
    );
}

#[test]
fn terminology_looks_at_bindings_codes_and_displays() {
    let text = r#""text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}"#;
    let marital = |coding: &str| {
        format!(r#"{{"resourceType":"Patient",{text},"maritalStatus":{{"coding":[{coding}]}}}}"#)
    };
    let system = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";
    let policy = Policy::report(Level::Terminology);
    for (coding, expected) in [
        (format!(r#"{{"system":"{system}","code":"M","display":"Married"}}"#), vec![]),
        (
            format!(r#"{{"system":"{system}","code":"M","display":"Single"}}"#),
            vec![("warning Patient.maritalStatus.coding[0].display", "Married")],
        ),
        (
            format!(r#"{{"system":"{system}","code":"ZZ"}}"#),
            vec![
                ("error Patient.maritalStatus.coding[0].code", "has no code"),
                ("warning Patient.maritalStatus", "(extensible)"),
            ],
        ),
        (
            r#"{"system":"http://own/x","code":"1"}"#.to_owned(),
            vec![
                ("warning Patient.maritalStatus.coding[0]", "http://own/x is not known here"),
                ("warning Patient.maritalStatus", "(extensible)"),
            ],
        ),
    ] {
        check(policy, &[(&marital(&coding), &expected)]);
    }
    check(
        Policy::write(Level::Terminology),
        &[
            (&marital(r#"{"system":"http://own/x","code":"1"}"#), &[]),
            (
                r#"{"resourceType":"Patient","communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"not a language"}]}}]}"#,
                &[("error Patient.communication[0].language.coding[0].code", "")],
            ),
            (
                r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"kilos"}}"#,
                &[("error Observation.value.code", "has no code \"kilos\"")],
            ),
            (
                r#"{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"asleep"}]}}"#,
                &[
                    ("error AllergyIntolerance.clinicalStatus.coding[0].code", ""),
                    ("error AllergyIntolerance.clinicalStatus", "(required)"),
                ],
            ),
        ],
    );
}

#[test]
fn bundles_and_definitions_as_a_whole() {
    let entry = |url: &str, rest: &str| {
        format!(r#"{{"fullUrl":"{url}","resource":{{"resourceType":"Patient"{rest}}}}}"#)
    };
    let bundle = |entries: &[String]| {
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
    };
    check(
        Policy::write(Level::Profiles),
        &[
            (&bundle(&[entry("http://h/Patient/1", r#","id":"1""#)]), &[]),
            (
                &bundle(&[entry("Patient/1", r#","id":"1""#)]),
                &[("error Bundle.entry[0].fullUrl", "not an absolute")],
            ),
            (
                &bundle(&[entry("http://h/Patient/2", r#","id":"1""#)]),
                &[("error Bundle.entry[0].fullUrl", "does not end")],
            ),
            (
                r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"a"},{"relation":"self","url":"b"}]}"#,
                &[("error Bundle.link[1]", "only once")],
            ),
            (
                r#"{"resourceType":"CodeSystem","url":"http://c","status":"draft","content":"complete","count":2,"concept":[{"code":"a"}]}"#,
                &[("error CodeSystem.count", "there are 1")],
            ),
            (
                r#"{"resourceType":"ValueSet","url":"x","status":"draft","compose":{"include":[{"system":"http://hl7.org/fhir/administrative-gender","concept":[{"code":"m"}]}]}}"#,
                &[
                    ("error ValueSet.url", "absolute"),
                    ("error ValueSet.compose.include[0].concept[0].code", "no code \"m\""),
                ],
            ),
            (
                r#"{"resourceType":"Media","status":"completed","content":{"contentType":"a/b","data":"QUJD","size":4}}"#,
                &[("error Media.content", "there are 3")],
            ),
            (
                r##"{"resourceType":"Patient","text":{"status":"generated","div":"<div><a href=\"#x\">a</a><a id=\"y\" href=\"#y\">b</a></div>"}}"##,
                &[("error Patient.text.div", "#x")],
            ),
            (
                r#"{"resourceType":"CapabilityStatement","status":"draft","date":"2020","kind":"capability","software":{"name":"x"},"fhirVersion":"4.0.1","format":["json"],
                "rest":[{"mode":"server","resource":[{"type":"Patient","searchParam":[{"name":"birthdate","type":"string","definition":"http://hl7.org/fhir/SearchParameter/individual-birthdate"}]}]}]}"#,
                &[("error CapabilityStatement.rest[0].resource[0].searchParam[0].type", "of the type date")],
            ),
        ],
    );
}

#[test]
fn what_a_document_refers_to_is_in_it() {
    let document = |subject: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"document","identifier":{{"system":"urn:ietf:rfc:3986","value":"urn:uuid:0"}},"timestamp":"2024-01-01T00:00:00Z","entry":[
            {{"fullUrl":"http://h/Composition/c","resource":{{"resourceType":"Composition","id":"c","status":"final","type":{{"text":"x"}},"date":"2024","author":[{{"display":"x"}}],"title":"x","subject":{{"reference":"{subject}"}}}}}},
            {{"fullUrl":"http://h/Patient/1","resource":{{"resourceType":"Patient","id":"1"}}}}]}}"#
        )
    };
    check(
        Policy::write(Level::Profiles),
        &[
            (&document("Patient/1"), &[]),
            (&document("Patient/2"), &[("error Bundle.entry[0].resource.subject", "is not in the document")]),
        ],
    );
}

#[test]
fn markup_in_texts_is_refused_where_that_is_asked() {
    let text = r#"{"resourceType":"Patient","name":[{"text":"a <b>c</b>"}]}"#;
    assert!(issues(Policy::write(Level::Profiles), &Shelf::default(), text).is_empty());
    let policy = Policy { refuse_markup: true, ..Policy::write(Level::Profiles) };
    check(
        policy,
        &[
            (text, &[("error Patient.name[0].text", "markup")]),
            (r#"{"resourceType":"Patient","name":[{"text":"5 < 6 and 7 > 6"}]}"#, &[]),
        ],
    );
}

const FORM: &str = r#"{"resourceType":"Questionnaire","url":"http://q/1","status":"active","item":[
    {"linkId":"g","type":"group","item":[
      {"linkId":"age","type":"integer","required":true,"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/maxValue","valueInteger":120}]},
      {"linkId":"note","type":"string","maxLength":3,"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/regex","valueString":"[a-z]*"}]}]},
    {"linkId":"sex","type":"choice","answerValueSet":"http://hl7.org/fhir/ValueSet/administrative-gender"},
    {"linkId":"pain","type":"choice","repeats":true,"answerOption":[{"valueCoding":{"code":"head"}},{"valueCoding":{"code":"none"},
      "extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive","valueBoolean":true}]}]}]}"#;

#[test]
fn answers_follow_their_form() {
    let mut shelf = Shelf::default();
    assert!(shelf.add(&[&json(FORM)]).is_empty());
    let age = r#"{"linkId":"g","item":[{"linkId":"age","answer":[{"valueInteger":30}]}]}"#;
    let check = |status: &str, items: &str, expected: &[(&str, &str)]| {
        let text = format!(
            r#"{{"resourceType":"QuestionnaireResponse","questionnaire":"http://q/1|2","status":"{status}","item":[{items}]}}"#
        );
        let found = issues(Policy::write(Level::Profiles), &shelf, &text);
        assert_eq!(found.len(), expected.len(), "{items}: {found:#?}");
        for (issue, (place, part)) in found.iter().zip(expected) {
            let start = format!("error QuestionnaireResponse{place}");
            assert!(issue.starts_with(&start) && issue.contains(part), "{items}: {issue}");
        }
    };
    let done = |items: &str, expected: &[(&str, &str)]| check("completed", items, expected);
    done(age, &[]);
    done(&age.replace("30", "121"), &[(".item[0].item[0].answer[0].value", "at most 120")]);
    done(
        &age.replace("valueInteger\":30", "valueString\":\"x\""),
        &[(".item[0].item[0].answer[0]", "asks for integer")],
    );
    done(
        r#"{"linkId":"g","item":[{"linkId":"note","answer":[{"valueString":"ABCD"}]}]}"#,
        &[
            (".item[0].item[0].answer[0].value", "at most 3"),
            (".item[0].item[0].answer[0].value", "does not have the form"),
            (".item[0]", "requires \"age\""),
        ],
    );
    check("in-progress", r#"{"linkId":"g","item":[{"linkId":"note","answer":[{"valueString":"a"}]}]}"#, &[]);
    let and = |item: &str| format!("{age},{item}");
    let sex = |code: &str| {
        and(&format!(
            r#"{{"linkId":"sex","answer":[{{"valueCoding":{{"system":"http://hl7.org/fhir/administrative-gender","code":"{code}"}}}}]}}"#
        ))
    };
    done(&sex("female"), &[]);
    done(
        &sex("f"),
        &[
            (".item[1].answer[0].value.code", "has no code"),
            (".item[1].answer[0]", "is not in the value set"),
        ],
    );
    let pain = |codes: &[&str]| {
        let answers: Vec<String> =
            codes.iter().map(|c| format!(r#"{{"valueCoding":{{"code":"{c}"}}}}"#)).collect();
        and(&format!(r#"{{"linkId":"pain","answer":[{}]}}"#, answers.join(",")))
    };
    done(&pain(&["head"]), &[]);
    done(&pain(&["foot"]), &[(".item[1].answer[0]", "not one of the options")]);
    done(&pain(&["head", "none"]), &[(".item[1].answer[1]", "excludes all others")]);
    done(&and(r#"{"linkId":"shoe","answer":[{"valueString":"x"}]}"#), &[(".item[1]", "no item \"shoe\"")]);
    done(&format!(r#"{{"linkId":"sex"}},{age}"#), &[(".item[1]", "another order")]);
}

#[test]
fn a_profile_that_is_not_known_is_told() {
    let claims = r#"{"resourceType":"Patient","meta":{"profile":["http://p/none"]},"text":{"status":"empty","div":"<div>x</div>"}}"#;
    let found = issues(Policy::report(Level::Profiles), &Shelf::default(), claims);
    assert!(found.len() == 1 && found[0].starts_with("warning Patient.meta.profile"), "{found:?}");
    let asked = Validator::new(&Shelf::default(), Policy::write(Level::Structure))
        .check(&json(claims), &["http://p/none"]);
    assert_eq!((asked.len(), asked[0].severity), (1, Severity::Error));
}

/// The invariants that the walk decides itself say what their expressions say.
#[test]
fn native_invariants_agree_with_their_expressions() {
    use crate::fhirpath::{Context, Expression, Node};
    let observation = |rest: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"code":"a"}}]}}{rest}}}"#
        )
    };
    for (key, path, text, holds) in [
        ("obs-6", "", observation(r#","valueString":"x","dataAbsentReason":{"text":"y"}"#), false),
        ("obs-6", "", observation(r#","dataAbsentReason":{"text":"y"}"#), true),
        ("obs-7", "", observation(r#","valueString":"x","component":[{"code":{"coding":[{"code":"a"}]}}]"#), false),
        ("obs-7", "", observation(r#","valueString":"x","component":[{"code":{"coding":[{"code":"b"}]}}]"#), true),
        ("per-1", "/period", r#"{"resourceType":"Encounter","status":"planned","class":{"code":"x"},"period":{"start":"2020-02-01","end":"2020-01-01"}}"#.to_owned(), false),
        ("per-1", "/period", r#"{"resourceType":"Encounter","status":"planned","class":{"code":"x"},"period":{"start":"2020-01-01","end":"2020-01-01"}}"#.to_owned(), true),
        ("pat-1", "/contact/0", r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#.to_owned(), false),
        ("pat-1", "/contact/0", r#"{"resourceType":"Patient","contact":[{"name":{"text":"x"}}]}"#.to_owned(), true),
    ] {
        let resource = json(&text);
        let element = resource.pointer(path).unwrap();
        let kind = |name| definitions::id_of(name).map(definitions::Kind::Complex).unwrap();
        let node = match key {
            "per-1" => Node::element(Some(element), None, kind("Period")),
            "pat-1" => Node::element(Some(element), None, kind("Patient.contact")),
            _ => Node::resource(&resource),
        };
        let invariant = rules::invariants().iter().find(|i| &*i.key == key).unwrap();
        let expression = Expression::parse(&invariant.expression).unwrap();
        assert_eq!(expression.test(&Context::new(&resource), node), Ok(Some(holds)), "{key} {text}");
        assert_eq!(structure(&resource).is_empty(), holds, "{key} {text}: {:?}", structure(&resource));
    }
}

#[test]
fn every_invariant_of_the_standard_is_read() {
    for invariant in rules::invariants() {
        let read = crate::fhirpath::Expression::parse(&invariant.expression);
        assert!(read.is_ok(), "{}: {}: {read:?}", invariant.key, invariant.expression);
    }
}
