use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::fhir::resource::Resource;
use crate::fhir::search::{self, Context, Node, Term};
use crate::json::{Limits, Value, parse};

const NOW: &str = "2026-11-22T06:00:00Z";

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn patient() -> LogicalId {
    LogicalId::parse("a").unwrap()
}

fn context() -> Context {
    Context::new(TimeZone::UTC, NOW.parse().unwrap())
}

fn rule(rest: &str) -> Option<Rule> {
    let text = format!(
        r#"{{"resourceType":"Consent","status":"active","scope":{{"coding":[{{"code":"patient-privacy"}}]}},
            "patient":{{"reference":"Patient/a"}},{rest}}}"#
    );
    Rule::read(&json(&text), &patient(), &[], &TimeZone::UTC)
}

fn terms(record: &str) -> (ResourceType, Vec<Term>) {
    let resource = Resource::from_value(json(record)).unwrap();
    (resource.kind(), search::terms(&resource, &context()))
}

const PULSE: &str = r#"{"resourceType":"Observation","id":"pulse","status":"final","effectiveDateTime":"2026-01-02",
    "meta":{"security":[{"system":"urn:l","code":"R"}]},
    "code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/a"}}"#;
const HIV: &str = r#"{"resourceType":"Observation","id":"hiv","status":"final",
    "code":{"coding":[{"system":"http://loinc.org","code":"75622-1"}]},"subject":{"reference":"Patient/a"}}"#;
const OTHERS: &str = r#"{"resourceType":"Observation","id":"pulse","status":"final",
    "code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/b"}}"#;
const PERSON: &str = r#"{"resourceType":"Patient","id":"a"}"#;
const ORDER: &str = r#"{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order",
    "medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/a"}}"#;
const HOUSE: &str = r#"{"resourceType":"Organization","id":"o","name":"x"}"#;

/// The asker is `Practitioner/me`; nobody knows who `Practitioner/whoever` is.
fn is_me(party: &Party) -> Option<bool> {
    match party.reference.as_deref() {
        Some("Practitioner/whoever") | None => None,
        Some(reference) => Some(reference == "Practitioner/me"),
    }
}

fn judged(rule: &Rule, record: &str, careful: bool) -> (bool, bool) {
    let (kind, own) = terms(record);
    let is: &dyn Fn(&Party) -> Option<bool> = &is_me;
    let now = NOW.parse().unwrap();
    let asking = Asking { careful, purpose: Some("TREAT"), actions: &["access", "use"], now, is };
    let holds = |node: Option<Node>| node.is_some_and(|node| node.holds(&own).unwrap());
    let context = context();
    (holds(rule.denied(kind, &asking, &context)), holds(rule.permitted(kind, &asking, &context)))
}

#[test]
fn only_active_consents_about_privacy_are_rules() {
    assert!(rule(r#""policyRule":{"coding":[{"code":"OPTOUT"}]}"#).is_some());
    for text in [
        r#"{"resourceType":"Consent","status":"inactive","scope":{"coding":[{"code":"patient-privacy"}]},"patient":{"reference":"Patient/a"}}"#,
        r#"{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"research"}]},"patient":{"reference":"Patient/a"}}"#,
        r#"{"resourceType":"Consent","status":"active"}"#,
        r#"{"resourceType":"Patient","id":"a"}"#,
    ] {
        assert_eq!(Rule::read(&json(text), &patient(), &[], &TimeZone::UTC), None, "{text}");
    }
}

/// A provision; the records denied to one who need not be careful, and to one who has to.
#[test]
fn provisions_say_what_they_say() {
    let all = [PULSE, HIV, PERSON, ORDER];
    let check = |rest: &str, expected: &[&str], careful: &[&str]| {
        let rule = rule(rest).unwrap();
        for record in all {
            assert_eq!(judged(&rule, record, false).0, expected.contains(&record), "{rest}\n{record}");
            assert_eq!(judged(&rule, record, true).0, careful.contains(&record), "careful: {rest}\n{record}");
        }
        for record in [OTHERS, HOUSE] {
            assert_eq!(judged(&rule, record, true), (false, false), "{rest}\n{record}");
        }
    };
    let both = |rest: &str, expected: &[&str]| check(rest, expected, expected);
    both(r#""provision":{"type":"deny"}"#, &all);
    both(r#""policyRule":{"coding":[{"code":"OPTOUT"}]}"#, &all);
    both(r#""policyRule":{"coding":[{"code":"OPTIN"}]}"#, &[]);
    both(r#""provision":{"type":"permit"}"#, &[]);
    both(r#""provision":{"type":"deny","period":{"end":"2026-01-01"}}"#, &[]);
    both(r#""provision":{"type":"deny","period":{"start":"2026-01-01"}}"#, &all);
    both(r#""provision":{"type":"deny","period":{"start":"2027-01-01"}}"#, &[]);
    both(r#""provision":{"type":"deny","class":[{"code":"MedicationRequest"}]}"#, &[ORDER]);
    both(
        r#""provision":{"type":"deny","class":[{"system":"http://hl7.org/fhir/resource-types","code":"Patient"},{"code":"MedicationRequest"}]}"#,
        &[PERSON, ORDER],
    );
    check(r#""provision":{"type":"deny","class":[{"system":"urn:x","code":"note"}]}"#, &[], &all);
    both(
        r#""provision":{"type":"deny","code":[{"coding":[{"system":"http://loinc.org","code":"75622-1"}]}]}"#,
        &[HIV],
    );
    // A type that bears codes but not this one, and one that bears none.
    check(r#""provision":{"type":"deny","code":[{"text":"that matter"}]}"#, &[], &all);
    both(r#""provision":{"type":"deny","securityLabel":[{"system":"urn:l","code":"R"}]}"#, &[PULSE]);
    check(
        r#""provision":{"type":"deny","securityLabel":[{"system":"urn:l","code":"R"},{"system":"urn:l","code":"S"}]}"#,
        &[],
        &[PULSE],
    );
    both(r#""provision":{"type":"deny","purpose":[{"code":"HRESCH"}]}"#, &[]);
    both(r#""provision":{"type":"deny","purpose":[{"code":"TREAT"}]}"#, &all);
    check(r#""provision":{"type":"deny","purpose":[{"system":"urn:x","code":"TREAT"}]}"#, &[], &all);
    both(r#""provision":{"type":"deny","action":[{"coding":[{"code":"disclose"}]}]}"#, &[]);
    both(r#""provision":{"type":"deny","action":[{"coding":[{"code":"access"}]}]}"#, &all);
    both(
        r#""provision":{"type":"deny","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/me"}}]}"#,
        &all,
    );
    both(
        r#""provision":{"type":"deny","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/you"}}]}"#,
        &[],
    );
    check(
        r#""provision":{"type":"deny","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/whoever"}}]}"#,
        &[],
        &all,
    );
    both(
        r#""provision":{"type":"deny","data":[{"meaning":"instance","reference":{"reference":"Observation/hiv"}}]}"#,
        &[HIV],
    );
    check(
        r#""provision":{"type":"deny","data":[{"meaning":"dependents","reference":{"reference":"Observation/hiv"}}]}"#,
        &[HIV],
        &all,
    );
    check(
        r#""provision":{"type":"deny","class":[{"code":"Observation"}],"dataPeriod":{"start":"2026-01-01","end":"2026-01-31"}}"#,
        &[PULSE],
        &[PULSE, HIV],
    );
    check(
        r#""provision":{"type":"deny","class":[{"code":"Observation"}],"dataPeriod":{"end":"2025-12-31"}}"#,
        &[],
        &[HIV],
    );
    check(
        r#""provision":{"type":"deny","modifierExtension":[{"url":"urn:x","valueBoolean":true}]}"#,
        &[],
        &all,
    );
    // Exceptions, and exceptions to them.
    both(
        r#""provision":{"type":"deny","provision":[{"type":"permit","class":[{"code":"MedicationRequest"}]}]}"#,
        &[PULSE, HIV, PERSON],
    );
    both(
        r#""policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"provision":[{"type":"deny","class":[{"code":"Observation"}],
            "provision":[{"type":"permit","code":[{"coding":[{"code":"8867-4"}]}]}]}]}"#,
        &[HIV],
    );
    // Two that contradict each other: the deny wins.
    both(
        r#""provision":{"type":"permit","provision":[{"type":"permit"},{"type":"deny","class":[{"code":"Patient"}]}]}"#,
        &[PERSON],
    );
    check(
        r#""provision":{"type":"deny","provision":[{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/whoever"}}]}]}"#,
        &[],
        &all,
    );
}

#[test]
fn a_permit_is_told_where_it_is_asked_for() {
    let some = rule(
        r#""policyRule":{"coding":[{"code":"OPTOUT"}]},"provision":{"provision":[{"type":"permit","class":[{"code":"MedicationRequest"}]}]}"#,
    );
    assert_eq!(judged(some.as_ref().unwrap(), ORDER, true), (false, true));
    assert_eq!(judged(some.as_ref().unwrap(), PULSE, true), (true, false));
    assert_eq!(judged(&rule(r#""provision":{}"#).unwrap(), PULSE, true), (false, false));
}

/// Provisions in a few words: what each says, and those within.
fn provisions() -> impl Strategy<Value = Provision> {
    let code = |texts: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(texts), 0..2).prop_map(|codes| {
            let code = |code: &str| Code { system: None, code: (code != "?").then(|| code.to_owned()) };
            codes.into_iter().map(code).collect::<Vec<_>>()
        })
    };
    let effect = prop::sample::select(vec![None, Some(Effect::Permit), Some(Effect::Deny)]);
    let party = prop::collection::vec(
        prop::sample::select(vec!["Practitioner/me", "Practitioner/you", "Practitioner/whoever"]),
        0..3,
    );
    let leaf = (
        effect,
        party,
        code(&["access", "disclose", "?"]),
        code(&["Observation", "Patient", "?"]),
        code(&["8867-4", "75622-1", "?"]),
        any::<bool>(),
    )
        .prop_map(|(effect, parties, actions, classes, codes, unclear)| Provision {
            effect,
            parties: parties
                .into_iter()
                .map(|text| Party { reference: Some(text.to_owned()), identifier: None })
                .collect(),
            actions,
            classes,
            codes,
            unclear,
            ..Provision::default()
        });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..3))
            .prop_map(|(provision, nested)| Provision { nested, ..provision })
    })
}

/// The same by the letter: what fits is true, false or not known.
fn fits(provision: &Provision, kind: ResourceType, codes: &[&str]) -> Option<bool> {
    let any = |each: Vec<Option<bool>>| match each.as_slice() {
        [] => Some(true),
        each if each.contains(&Some(true)) => Some(true),
        each if each.contains(&None) => None,
        _ => Some(false),
    };
    let told = |list: &[Code], of: &dyn Fn(&str) -> bool| {
        any(list.iter().map(|code| code.code.as_deref().map(of)).collect())
    };
    let parts = [
        if provision.unclear { None } else { Some(true) },
        any(provision.parties.iter().map(is_me).collect()),
        told(&provision.actions, &|code| ["access", "use"].contains(&code)),
        told(&provision.classes, &|code| code == kind.as_str()),
        told(&provision.codes, &|code| codes.contains(&code)),
    ];
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn naive(provision: &Provision, kind: ResourceType, codes: &[&str], careful: bool) -> Option<Effect> {
    let nested: Vec<_> = provision.nested.iter().map(|each| naive(each, kind, codes, careful)).collect();
    let effect = if nested.contains(&Some(Effect::Deny)) {
        Some(Effect::Deny)
    } else if nested.contains(&Some(Effect::Permit)) {
        Some(Effect::Permit)
    } else {
        provision.effect
    };
    let doubt = match effect? {
        Effect::Deny => careful,
        Effect::Permit => !careful,
    };
    // A deny from within that is left out by doubt about this one leaves nothing of this one.
    effect.filter(|_| fits(provision, kind, codes).unwrap_or(doubt))
}

proptest! {
    #[test]
    fn conditions_say_what_the_rule_says(root in provisions()) {
        let rule = Rule { patient: patient(), base: None, root };
        for (record, codes) in [(PULSE, &["8867-4"][..]), (HIV, &["75622-1"]), (PERSON, &[])] {
            let (kind, _) = terms(record);
            for careful in [false, true] {
                let effect = naive(&rule.root, kind, codes, careful);
                let (denied, permitted) = judged(&rule, record, careful);
                prop_assert_eq!(denied, effect == Some(Effect::Deny), "{:?} {} {}", rule, record, careful);
                prop_assert_eq!(permitted, effect == Some(Effect::Permit), "{:?} {} {}", rule, record, careful);
                prop_assert!(!(denied && permitted));
            }
            // Who has to be careful is never denied less.
            prop_assert!(judged(&rule, record, true).0 || !judged(&rule, record, false).0);
            prop_assert_eq!(judged(&rule, OTHERS, true), (false, false));
        }
    }
}
