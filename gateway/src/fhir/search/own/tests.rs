use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::fhir::outcome::IssueCode;
use crate::fhir::resource::Resource;
use crate::fhir::search::{Context, Handling, query};
use crate::fhirpath;
use crate::json::{self, Limits, Value};

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::bytes(1 << 20)).unwrap()
}

fn resource(text: &str) -> Resource {
    Resource::stored(text.as_bytes()).unwrap()
}

/// A definition on Patient; `more` are further members.
fn definition(code: &str, kind: &str, expression: &str, more: &str) -> Value {
    value(&format!(
        r#"{{"resourceType":"SearchParameter","url":"http://c.example/sp/{code}","name":"x","status":"active",
            "description":"d","code":"{code}","base":["Patient"],"type":"{kind}",
            "expression":"{expression}"{more}}}"#
    ))
}

fn own(definitions: &[Value]) -> Own {
    let mut known = Own::default();
    let mut params = Vec::new();
    for (n, json) in definitions.iter().enumerate() {
        let read = Definition::read(json, &known).unwrap().unwrap();
        params.push(read);
        let made = |(n, d): (usize, &Definition)| {
            OwnParam::new(d.clone(), OWN + u16::try_from(n).unwrap(), Some(1)).unwrap()
        };
        known = Own::new(n as u64 + 1, params.iter().enumerate().map(made).collect(), Arc::default());
    }
    known
}

fn context(own: Own) -> Context {
    Context { own: Arc::new(own), ..Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH) }
}

fn found(context: &Context, resource: &Resource, name: &str, wanted: &str) -> bool {
    let pairs = [(name.to_owned(), wanted.to_owned())];
    let search = query::parse(resource.kind(), &pairs, Handling::Strict, context).unwrap();
    assert!(search.own.is_some() || !name.starts_with("own"));
    search.matches(&crate::fhir::search::terms(resource, context))
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let good = r#"{"resourceType":"SearchParameter","status":"active","code":"colour","base":["Patient"],"type":"string","expression":"Patient.name.family"}"#;
    assert!(Definition::read(&value(good), &Own::default()).unwrap().is_some());
    for (from, to, place, code) in [
        (r#""Patient.name.family""#, r#""Patient.name.(""#, "SearchParameter.expression", IssueCode::Value),
        (r#""Patient.name.family""#, r#""Patient.colour""#, "SearchParameter.expression", IssueCode::Value),
        (r#""Patient.name.family""#, r#""now().toString()""#, "SearchParameter.expression", IssueCode::Value),
        (r#""Patient.name.family""#, r#""%other.name""#, "SearchParameter.expression", IssueCode::Value),
        (r#","expression":"Patient.name.family""#, "", "SearchParameter.expression", IssueCode::Required),
        (r#""colour""#, r#""family""#, "SearchParameter.code", IssueCode::Duplicate),
        (r#""colour""#, r#""_colour""#, "SearchParameter.code", IssueCode::Value),
        (r#""colour""#, r#""a.b""#, "SearchParameter.code", IssueCode::Value),
        (r#"["Patient"]"#, r#"["Patient","Person7"]"#, "SearchParameter.base[1]", IssueCode::Value),
        (r#"["Patient"]"#, "[]", "SearchParameter.base", IssueCode::Required),
        (r#""string""#, r#""special""#, "SearchParameter.type", IssueCode::NotSupported),
        (r#""string""#, r#""composite""#, "SearchParameter.component", IssueCode::Required),
        (
            r#""type":"string""#,
            r#""type":"string","component":[{"definition":"x","expression":"y"}]"#,
            "SearchParameter.component",
            IssueCode::BusinessRule,
        ),
        (
            r#""type":"string""#,
            r#""type":"composite","component":[{"definition":"http://nowhere","expression":"x"},
               {"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"}]"#,
            "SearchParameter.component[0].definition",
            IssueCode::NotFound,
        ),
        (
            r#""type":"string""#,
            r#""type":"composite","component":[
               {"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"},
               {"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender("}]"#,
            "SearchParameter.component[1].expression",
            IssueCode::Value,
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let outcome = Definition::read(&value(&bad), &Own::default()).unwrap_err();
        let issue = outcome.issues.first().unwrap();
        assert_eq!((issue.expression.as_slice(), issue.code), ([place.to_owned()].as_slice(), code), "{bad}");
        // Without effect it may say what it likes.
        let draft = bad.replacen("active", "draft", 1);
        assert!(Definition::read(&value(&draft), &Own::default()).unwrap().is_none());
    }
}

#[test]
fn several_bases_share_a_definition() {
    let mut json = definition("nick", "string", "Patient.name.given | Practitioner.name.given", "");
    json.as_object_mut()
        .unwrap()
        .insert("base", Value::from([Value::from("Patient"), Value::from("Practitioner")]));
    let context = context(own(&[json]));
    for kind in ["Patient", "Practitioner"] {
        let text = format!(r#"{{"resourceType":"{kind}","id":"a","name":[{{"given":["Asha"]}}]}}"#);
        assert!(found(&context, &resource(&text), "nick", "ash"), "{kind}");
    }
    let pairs = [("nick".to_owned(), "x".to_owned())];
    let kind = ResourceType::parse("Person").unwrap();
    assert!(query::parse(kind, &pairs, Handling::Strict, &context).is_err());

    let mut all = definition("ward", "token", "Resource.meta.tag.where(system = 'http://w')", "");
    all.as_object_mut().unwrap().insert("base", Value::from([Value::from("Resource")]));
    let context = self::context(own(&[all]));
    let text = r#"{"resourceType":"Group","id":"a","meta":{"tag":[{"system":"http://w","code":"7"}]}}"#;
    assert!(found(&context, &resource(text), "ward", "http://w|7"));
}

#[test]
fn a_parameter_that_does_not_know_every_record_is_refused_as_of_then() {
    let json = definition("nick", "string", "Patient.name.given", "");
    let read = Definition::read(&json, &Own::default()).unwrap().unwrap();
    let of = |since| Own::new(1, vec![OwnParam::new(read.clone(), OWN, since).unwrap()], Arc::default());
    let refused = |own: &Own| own.find(ResourceType::PATIENT, "nick").unwrap_err().code;
    assert_eq!(refused(&of(None)), IssueCode::Transient);
    assert!(of(None).ready(ResourceType::PATIENT).next().is_none());
    assert!(of(Some(9)).as_of(9).find(ResourceType::PATIENT, "nick").unwrap().is_some());
    assert_eq!(refused(&of(Some(9)).as_of(8)), IssueCode::Deleted);
    for name in ["nick", "nick:missing", "_sort", "link.nick", "_filter"] {
        let wanted = match name {
            "_sort" => "nick",
            "_filter" => "nick eq \"a\"",
            "nick:missing" => "true",
            _ => "a",
        };
        let pairs = [(name.to_owned(), wanted.to_owned())];
        let outcome =
            query::parse(ResourceType::PATIENT, &pairs, Handling::Lenient, &context(of(None))).unwrap_err();
        assert!(outcome.issues.iter().any(|issue| issue.code == IssueCode::Transient), "{name}");
    }
}

#[test]
fn what_cannot_be_evaluated_or_is_too_much_is_marked_and_nothing_is_refused() {
    let undecided = |context: &Context, resource: &Resource, number| {
        let terms = crate::fhir::search::terms(resource, context);
        terms.iter().any(|term| super::undecided(number).contains(term))
    };
    let single = definition("one", "string", "Patient.name.single().family", "");
    let many = definition("given", "string", "Patient.name.given", "");
    assert!(Definition::read(&many, &Own::default()).is_err(), "it is the standard's");
    let many = definition("nick", "string", "Patient.name.given", "");
    let context = context(own(&[single, many]));
    let fine = resource(r#"{"resourceType":"Patient","id":"a","name":[{"family":"Rao","given":["A"]}]}"#);
    assert!(found(&context, &fine, "one", "rao") && !undecided(&context, &fine, OWN));
    let two = resource(r#"{"resourceType":"Patient","id":"a","name":[{"family":"Rao"},{"family":"Roy"}]}"#);
    assert!(!found(&context, &two, "one", "rao") && undecided(&context, &two, OWN));
    assert!(!undecided(&context, &two, OWN + 1));
    let names: Vec<String> = (0..=MOST_VALUES).map(|n| format!("\"n{n}\"")).collect();
    let text = format!(r#"{{"resourceType":"Patient","id":"a","name":[{{"given":[{}]}}]}}"#, names.join(","));
    let full = resource(&text);
    assert!(found(&context, &full, "nick", "n0") && undecided(&context, &full, OWN + 1));

    let coded = definition("coded", "token", "Patient.gender.where(memberOf('http://v'))", "");
    let context = self::context(own(&[coded]));
    let asked = resource(r#"{"resourceType":"Patient","id":"a","gender":"male"}"#);
    assert!(undecided(&context, &asked, OWN) && !undecided(&context, &two, OWN));

    // More work than a record is worth.
    let slow = "Patient.descendants().select(%resource.descendants().select(%resource.descendants()))";
    let slow = definition("slow", "string", &format!("{slow}.ofType(string)"), "");
    let context = self::context(own(&[slow]));
    assert!(undecided(&context, &full, OWN));
}

#[test]
fn renewed_terms_are_those_of_a_write() {
    let other = definition("seen", "reference", "Patient.link.other", r#","target":["Patient"]"#);
    let text = r#"{"resourceType":"Patient","id":"a","link":[{"other":{"reference":"https://box/fhir/Patient/7"}},
        {"other":{"reference":"https://far/fhir/Patient/8"}}],"generalPractitioner":[{"reference":"https://box/fhir/Organization/1"}]}"#;
    let resource = resource(text);
    let mut before = context(Own::default());
    before.bases.push("https://box/fhir".to_owned());
    let old = crate::fhir::search::terms(&resource, &before);
    let mut written = context(own(&[other]));
    let background = written.clone();
    written.bases.push("https://box/fhir".to_owned());
    let whole = crate::fhir::search::terms(&resource, &written);
    assert!(whole.len() > old.len());
    assert_eq!(renewed(&resource, &background, &old), whole);
    assert_eq!(renewed(&resource, &background, &whole), whole);
    assert_eq!(renewed(&resource, &context(Own::default()), &whole), old, "what is no more is cleared");
    let lost = unreadable(ResourceType::PATIENT, &background, &whole);
    assert!(lost.iter().any(|term| undecided(OWN).contains(term)) && lost.iter().all(|t| !is_own(t.param)));
}

/// A parameter, what is asked of it, and the same as a FHIRPath condition, both with the asked value in the place of `#`.
struct Case {
    name: &'static str,
    wanted: &'static str,
    condition: &'static str,
}

const CASES: [Case; 13] = [
    Case {
        name: "own-kin",
        wanted: "#",
        condition: "contact.name.family.where(lower().startsWith('#')).exists()",
    },
    Case { name: "own-kin:exact", wanted: "#", condition: "contact.name.family.where($this = '#').exists()" },
    Case {
        name: "own-kin:contains",
        wanted: "#",
        condition: "contact.name.family.where(lower().contains('#')).exists()",
    },
    Case { name: "own-kin:missing", wanted: "true", condition: "contact.name.family.empty()" },
    Case {
        name: "own-flag",
        wanted: "http://s|#",
        condition: "extension.where(url = 'http://f').value.where(system = 'http://s' and code = '#').exists()",
    },
    Case {
        name: "own-flag:not",
        wanted: "#",
        condition: "extension.where(url = 'http://f').value.where(code = '#').empty()",
    },
    Case {
        name: "own-size",
        wanted: "gt2",
        condition: "extension.where(url = 'http://n').value.where($this > 2).exists()",
    },
    Case {
        name: "own-size",
        wanted: "3",
        condition: "extension.where(url = 'http://n').value.where($this = 3).exists()",
    },
    Case {
        name: "own-day",
        wanted: "ge2021",
        condition: "extension.where(url = 'http://d').value.where($this >= @2021-01-01).exists()",
    },
    Case { name: "own-pictured", wanted: "true", condition: "photo.exists()" },
    Case {
        name: "own-other",
        wanted: "Patient/#",
        condition: "link.other.where(reference = 'Patient/#').exists()",
    },
    Case {
        name: "own-page",
        wanted: "http://u/#",
        condition: "extension.where(url = 'http://u').value.where($this = 'http://u/#').exists()",
    },
    Case {
        name: "own-pair",
        wanted: "male$#",
        condition: "contact.where(gender = 'male' and name.family.where(lower().startsWith('#')).exists()).exists()",
    },
];

fn all_kinds() -> Own {
    own(&[
        definition("own-kin", "string", "Patient.contact.name.family", ""),
        definition("own-flag", "token", "Patient.extension.where(url = 'http://f').value", ""),
        definition(
            "own-size",
            "number",
            "Patient.extension.where(url = 'http://n').value.ofType(integer)",
            "",
        ),
        definition("own-day", "date", "Patient.extension.where(url = 'http://d').value.ofType(date)", ""),
        definition("own-pictured", "token", "Patient.photo.exists()", ""),
        definition("own-other", "reference", "Patient.link.other", r#","target":["Patient"]"#),
        definition("own-page", "uri", "Patient.extension.where(url = 'http://u').value.ofType(uri)", ""),
        definition(
            "own-pair",
            "composite",
            "Patient.contact",
            r#","component":[
                {"definition":"http://hl7.org/fhir/SearchParameter/individual-gender","expression":"gender"},
                {"definition":"http://c.example/sp/own-kin","expression":"name.family"}]"#,
        ),
    ])
}

fn patient() -> impl Strategy<Value = String> {
    let word = || select(vec!["a", "ab", "b", "ba", "A", "abc"]);
    let contact = (word(), select(vec!["male", "female"]))
        .prop_map(|(name, gender)| format!(r#"{{"name":{{"family":"{name}"}},"gender":"{gender}"}}"#));
    let extension = prop_oneof![
        (word(), select(vec!["http://s", "http://t"])).prop_map(|(code, system)| format!(
            r#"{{"url":"http://f","valueCoding":{{"system":"{system}","code":"{code}"}}}}"#
        )),
        (0..5).prop_map(|n| format!(r#"{{"url":"http://n","valueInteger":{n}}}"#)),
        (2019..2023, 1..13).prop_map(|(y, m)| format!(r#"{{"url":"http://d","valueDate":"{y}-{m:02}-10"}}"#)),
        word().prop_map(|code| format!(r#"{{"url":"http://u","valueUri":"http://u/{code}"}}"#)),
    ];
    let link =
        word().prop_map(|id| format!(r#"{{"other":{{"reference":"Patient/{id}"}},"type":"seealso"}}"#));
    let list = |name: &'static str, items: Vec<String>| {
        if items.is_empty() { String::new() } else { format!(r#","{name}":[{}]"#, items.join(",")) }
    };
    (
        prop::collection::vec(contact, 0..3),
        prop::collection::vec(extension, 0..4),
        prop::collection::vec(link, 0..2),
        any::<bool>(),
    )
        .prop_map(move |(contacts, extensions, links, photo)| {
            let photo = if photo { r#","photo":[{"title":"p"}]"# } else { "" };
            format!(
                r#"{{"resourceType":"Patient","id":"x"{}{}{}{photo}}}"#,
                list("contact", contacts),
                list("extension", extensions),
                list("link", links)
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The index finds what a FHIRPath condition says of the record itself.
    #[test]
    fn the_index_agrees_with_fhirpath(text in patient(), asked in select(vec!["a", "ab", "b", "abc", "c"])) {
        let context = context(all_kinds());
        let resource = resource(&text);
        for case in &CASES {
            let (wanted, condition) = (case.wanted.replace('#', asked), case.condition.replace('#', asked));
            let expression = fhirpath::Expression::parse(&condition).unwrap();
            let around = fhirpath::Context::new(resource.json());
            let expected = expression.test(&around, fhirpath::Node::resource(resource.json())).unwrap();
            let found = found(&context, &resource, case.name, &wanted);
            prop_assert_eq!(Some(found), expected, "{}={} {} {}", case.name, wanted, condition, text);
        }
    }
}
