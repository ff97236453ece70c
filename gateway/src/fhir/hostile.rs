//! Hostile and random input at every entry point: an answer always comes, and what is accepted holds its promises.

use proptest::prelude::*;

use super::bundle::{self, Links};
use super::id::{LogicalId, Reference, ResourceType};
use super::resource::Resource;
use super::search::{self, Context, Handling, people, query};
use super::{datetime, subset, validate};
use crate::json::{self, Limits, Value};

const SEEDS: [&str; 4] = [
    r##"{"resourceType":"Observation","id":"a","meta":{"tag":[{"code":"x"}]},"contained":[{"resourceType":"Patient","id":"p","name":[{"given":["A",null],"_given":[null,{"id":"x"}]}]}],"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]},"subject":{"reference":"#p"},"effectivePeriod":{"start":"2020","end":"2021-02-03T10:00:00Z"},"valueQuantity":{"value":1.20,"unit":"g"},"component":[{"code":{"text":"c"},"valueString":"s"}]}"##,
    r#"{"resourceType":"Patient","id":"b","name":[{"text":"Asha Rao","family":"Rao"}],"birthDate":"1985-03","telecom":[{"system":"phone","value":"98765 43210"}],"identifier":[{"system":"s","value":"CV-1"}],"text":{"status":"generated","div":"<div><a href='urn:uuid:1'>x</a></div>"}}"#,
    r#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"request":{"method":"GET","url":"Patient?name=x"}}]}"#,
    r#"{"resourceType":"ValueSet","url":"http://a.b/c","status":"draft","compose":{"include":[{"system":"x","concept":[{"code":"y"}]}]}}"#,
];

/// What stands in for a value somewhere in a tree.
fn strange() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        prop::sample::select(
            &[
                "",
                "#",
                "urn:uuid:1",
                "Patient/1",
                "Patient?x=y",
                "9999-12-31",
                "0001",
                "1e999999999",
                "a|b",
                "<div>",
                "\u{202e}",
                "क्ष्"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let number = prop::sample::select(
        &["0", "-0.0", "1e400", "1E-99999", "99999999999999999999999999999999999999999999", "0.1"][..],
    );
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(|n| Value::Number(json::Number::parse(n).unwrap())),
        text.prop_map(Value::from),
        Just(Value::Array(Vec::new())),
        Just(Value::Object(json::Object::new())),
        Just(Value::from([Value::Null, Value::from([("id", "x")])])),
    ]
}

/// Replaces the `at`th value of a tree, counted in the order of writing.
fn replace(value: &mut Value, at: &mut usize, with: &Value) -> bool {
    if *at == 0 {
        *value = with.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, at, with)),
        Value::Object(object) => object.iter_mut().any(|(_, member)| replace(member, at, with)),
        _ => false,
    }
}

fn context() -> Context {
    Context::new(jiff::tz::TimeZone::get("Asia/Kolkata").unwrap(), jiff::Timestamp::UNIX_EPOCH)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn changed_resources_are_answered(
        seed in prop::sample::select(&SEEDS[..]),
        changes in prop::collection::vec((0usize..60, strange()), 1..4),
    ) {
        let mut value = json::parse(seed.as_bytes(), &Limits::default()).unwrap();
        for (at, with) in &changes {
            replace(&mut value, &mut at.clone(), with);
        }
        let issues = validate::structure(&value);
        prop_assert!(issues.len() <= validate::MOST_ISSUES + 1);
        let _ = bundle::parse(value.clone(), 100);
        let _ = bundle::conditional_references(&value);
        let mut links = Links::new(&[]);
        links.add("urn:uuid:1", ResourceType::PATIENT, &LogicalId::parse("7").unwrap());
        let mut rewritten = value.clone();
        links.rewrite(&mut rewritten, Some("http://x/fhir/Patient/1"));
        if issues.is_empty() {
            prop_assert!(validate::structure(&rewritten).is_empty(), "rewriting broke {}", value);
        }
        if let Ok(resource) = Resource::stored(&value.to_vec()) {
            let terms = search::terms(&resource, &context());
            for pair in terms.windows(2) {
                let free = pair[0].param != pair[1].param || !pair[1].value.starts_with(&pair[0].value);
                prop_assert!(free, "{:?}", pair);
            }
            let short = subset::summary(resource.json(), search::Summary::True);
            if issues.is_empty() {
                prop_assert!(validate::structure(&short).is_empty(), "summary broke {}", value);
            }
            let now = jiff::Timestamp::UNIX_EPOCH;
            let mut stamped = resource.clone();
            stamped.set_meta(2, now);
            prop_assert_eq!(resource.template().finish(2, now), stamped.to_vec());
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), other in any::<String>()) {
        let _ = Reference::parse(&text);
        let _ = datetime::Moment::lenient(&text).map(|m| m.span(&jiff::tz::TimeZone::UTC));
        let _ = bundle::Target::parse(&text);
        if let Ok(pairs) = query::decode(&text) {
            let _ = query::parse(ResourceType::PATIENT, &pairs, Handling::Lenient, &context());
        }
        for name in ["name", "name:contains", "birthdate", "identifier", "general-practitioner", "_lastUpdated", "_sort"] {
            let _ = query::parse(ResourceType::PATIENT, &[(name.to_owned(), text.clone())], Handling::Strict, &context());
        }
        let value = [("value-quantity".to_owned(), text.clone())];
        let _ = query::parse(ResourceType::OBSERVATION, &value, Handling::Strict, &context());
        let typed = people::query(&text);
        let shown = people::Shown { name: &other, phones: vec![&text], numbers: vec![&other], ..Default::default() };
        if let Some(hit) = people::judge(&typed, &shown) {
            prop_assert!(hit.score <= 1000);
            for span in hit.matched {
                let field = if span.field == people::Field::Phone { &text } else { &other };
                prop_assert!(span.start <= span.end && span.end <= field.encode_utf16().count(), "{:?}", span);
            }
        }
        prop_assert!(search::fold::fold(&search::fold::fold(&text)) == search::fold::fold(&text));
    }

    #[test]
    fn names_in_any_script_find_themselves(
        name in "[A-Za-z\u{900}-\u{97f}\u{980}-\u{9ff}\u{b80}-\u{bff}\u{c00}-\u{c7f}\u{d00}-\u{d7f}]{3,12}( [A-Za-z]{2,9}){0,2}",
    ) {
        let text = Value::from([("resourceType", Value::from("Patient")), ("name", Value::from([Value::from([("text", name.as_str())])]))]);
        let terms = people::terms(&Resource::stored(&text.to_vec()).unwrap());
        let typed = people::query(&name);
        if !typed.probes.is_empty() {
            let shown = people::Shown { name: &name, ..Default::default() };
            prop_assert!(people::judge(&typed, &shown).is_some(), "{} does not match itself", name);
            prop_assert!(typed.probes.iter().any(|p| terms.iter().any(|t| p.range.contains(t))), "no way to {}", name);
        }
    }
}

#[test]
fn official_examples_give_prefix_free_terms() {
    let folder =
        std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir/r4-examples");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: the examples are not there");
        return;
    };
    for entry in entries.flatten() {
        let Ok(resource) = Resource::stored(&std::fs::read(entry.path()).unwrap()) else { continue };
        let terms = search::terms(&resource, &context());
        assert!(!terms.is_empty(), "{:?}", entry.path());
        for pair in terms.windows(2) {
            assert!(pair[0].param != pair[1].param || !pair[1].value.starts_with(&pair[0].value), "{pair:?}");
        }
    }
}
