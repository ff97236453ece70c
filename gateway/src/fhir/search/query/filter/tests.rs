//! Filters against single records: brackets, and texts longer than what the index keeps.

use jiff::tz::TimeZone;

use super::super::{Handling, Node, parse};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{IssueCode, Outcome};
use crate::fhir::resource::Resource;
use crate::fhir::search::{Context, Search, Term, terms};

const PRESSURE: &str = r#"{"resourceType":"Observation","id":"1","status":"final","code":{"coding":[{"code":"85354-9"}]},
    "component":[
        {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":150,"unit":"mmHg"}},
        {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg"}}]}"#;

fn context() -> Context {
    Context::new(TimeZone::UTC, "2026-01-01T00:00:00Z".parse().unwrap())
}

fn read(kind: ResourceType, filter: &str) -> Result<Search, Outcome> {
    parse(kind, &[("_filter".to_owned(), filter.to_owned())], Handling::Strict, &context())
}

fn holds(node: &Node, own: &[Term], resource: &Resource) -> bool {
    match node {
        Node::All(all) => all.iter().all(|node| holds(node, own, resource)),
        Node::Any(any) => any.iter().any(|node| holds(node, own, resource)),
        Node::Not(node) => !holds(node, own, resource),
        Node::Is(criterion) => criterion.matches(own),
        Node::Long(long) => long.holds(own, resource.json()),
        Node::Refers(_) | Node::Referred(_) => panic!("one record alone"),
    }
}

fn fulfils(text: &str, filter: &str) -> bool {
    let resource = Resource::stored(text.as_bytes()).unwrap();
    let search = read(resource.kind(), filter).unwrap_or_else(|outcome| panic!("{filter}: {outcome}"));
    holds(&search.condition(), &terms(&resource, &context()), &resource)
}

#[test]
fn brackets_of_a_composite_speak_of_one_element() {
    let row = |filter: &str| format!("component-code-value-quantity[{filter}]");
    for (filter, expected) in [
        (row("component-code eq http://loinc.org|8480-6") + ".component-value-quantity gt 140", true),
        (row("component-code eq 8462-4") + ".component-value-quantity gt 140", false),
        (row("component-code eq 8462-4") + ".component-value-quantity lt 140", true),
        (
            row("component-code eq 8462-4 or component-code eq 8480-6") + ".component-value-quantity gt 140",
            true,
        ),
        (row("not (component-code eq 8462-4)") + ".component-value-quantity lt 100", false),
        (row("component-code ne 8462-4") + ".component-value-quantity gt 140", true),
        (row("component-value-quantity gt 140") + ".component-code eq 8462-4", false),
        (row(" component-value-quantity gt 140 ") + ".component-code eq 8480-6", true),
        (
            row("component-value-quantity gt 70 and component-value-quantity lt 90")
                + ".component-code eq 8462-4",
            true,
        ),
        (
            "status eq final and ".to_owned()
                + &row("component-code eq 8480-6")
                + ".component-value-quantity eq 150",
            true,
        ),
        ("not (".to_owned() + &row("component-code eq 8480-6") + ".component-value-quantity eq 150)", false),
        // Without brackets each comparison may be about another element.
        ("component-code eq 8462-4 and component-value-quantity gt 140".to_owned(), true),
    ] {
        assert_eq!(fulfils(PRESSURE, &filter), expected, "{filter}");
    }
}

#[test]
fn what_brackets_cannot_be_asked_is_refused_by_name() {
    let parts = "component-code and component-value-quantity";
    for (filter, code, says) in [
        ("component-code-value-quantity[colour eq x].component-code eq y", IssueCode::NotSupported, parts),
        ("component-code-value-quantity[component-code eq x].colour eq y", IssueCode::NotSupported, parts),
        (
            "component-code-value-quantity[component-code pr true].component-code eq y",
            IssueCode::NotSupported,
            "pr",
        ),
        (
            "component-code-value-quantity[component-code eq x].component-code.name eq y",
            IssueCode::NotSupported,
            "parts",
        ),
        ("component-code-value-quantity[component-code eq x] eq y", IssueCode::Value, "behind the bracket"),
        ("date[x eq 1].y eq 2", IssueCode::NotSupported, "\"date\""),
        ("subject[gender eq male.name eq x", IssueCode::Value, "bracket"),
        ("subject[].name eq x", IssueCode::Value, "name of a parameter"),
        ("subject[colour eq x].name eq y", IssueCode::NotSupported, "subject[…].name"),
        ("subject[gender eq male].colour eq y", IssueCode::NotSupported, "subject[…].colour"),
        ("subject:Patient.name eq x", IssueCode::NotSupported, "modifier"),
        ("subject[birthdate eq yesterday].name eq x", IssueCode::Value, "date"),
    ] {
        let outcome = read(ResourceType::OBSERVATION, filter).unwrap_err();
        assert_eq!(outcome.issues[0].code, code, "{filter}: {outcome}");
        assert!(outcome.to_string().contains(says), "{filter}: {outcome}");
    }
}

#[test]
fn brackets_are_bounded() {
    let nested =
        |times: usize| format!("{}gender eq male{}", "link[".repeat(times), "].gender eq male".repeat(times));
    let outcome = read(ResourceType::PATIENT, &nested(3)).map(|_| ());
    assert!(outcome.is_ok(), "{outcome:?}");
    for (kind, filter) in [
        (ResourceType::PATIENT, nested(9)),
        (ResourceType::PATIENT, nested(40)),
        // Anything may be in the focus of an observation, and anything in that of it.
        (
            ResourceType::OBSERVATION,
            "focus[_id eq a].focus[_id eq b].subject[_id eq c]._id eq d and focus[focus[_id eq a]._id eq b].subject._id eq c"
                .to_owned(),
        ),
        (ResourceType::OBSERVATION, vec!["focus[_id eq a]._id eq b"; 90].join(" or ")),
    ] {
        let outcome = read(kind, &filter).unwrap_err();
        assert_eq!(outcome.issues[0].code, IssueCode::TooCostly, "{filter}: {outcome}");
    }
}

fn named(family: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"1","name":[{{"family":"{family}"}}]}}"#)
}

#[test]
fn the_end_of_a_text_counts_however_long_it_is() {
    for length in [1, 190, 195, 196, 197, 199, 200, 201, 204, 300, 5_000] {
        let text = named(&format!("{}Yz", "a".repeat(length)));
        for (filter, expected) in [
            ("family ew z", true),
            ("family ew \"AYZ\"", true),
            ("family ew y", false),
            ("family co ayz", true),
            ("family co \"zz\"", false),
            ("not (family ew yz)", false),
            ("family sw aa or family ew yz", true),
        ] {
            assert_eq!(fulfils(&text, filter), expected, "{filter} of {length}");
        }
    }
    // Three bytes a letter, and letters that fold to several.
    assert!(fulfils(&named(&format!("{}ळ", "क".repeat(80))), "family ew कळ"));
    assert!(fulfils(&named(&format!("{}É", "\u{fb03}".repeat(90))), "family ew fie"));
    let wanted = "b".repeat(400);
    assert!(fulfils(&named(&format!("a{wanted}")), &format!("family ew {wanted}")));
    assert!(!fulfils(&named(&wanted), &format!("family ew a{wanted}")));
}

#[test]
fn only_texts_of_the_parameter_itself_are_looked_at() {
    let long = "a".repeat(300);
    let text = format!(
        r#"{{"resourceType":"Patient","id":"1","name":[{{"family":"{long}b"}},{{"given":["{long}c"]}}],"address":[{{"text":"{long}d"}}]}}"#
    );
    for (filter, expected) in [
        ("family ew b", true),
        ("family ew c", false),
        ("family ew d", false),
        ("given ew c", true),
        ("name ew c", true),
        ("address ew d", true),
        ("address ew b", false),
    ] {
        assert_eq!(fulfils(&text, filter), expected, "{filter}");
    }
}
