//! What hostile resources and queries may cost.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::tests::{check, search};
use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{IssueCode, Outcome};
use crate::fhir::resource::Resource;
use crate::fhir::terminology::{CodeSystem, ConceptMap, ValueSet};

const GENDER: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";

/// The terminology of R4, which knows the genders under every address that begins with `u:`, and counts.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Source for Counted {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        Core.code_system(url, version)
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Core.value_set(if url.starts_with("u:") { GENDER } else { url }, version)
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        Core.concept_map(url, version)
    }
}

fn context() -> Context {
    Context::new(TimeZone::UTC, "2026-01-01T00:00:00Z".parse().unwrap())
}

fn terms_of(text: &str) -> Vec<Term> {
    terms(&Resource::stored(text.as_bytes()).unwrap(), &context())
}

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

fn is_too_costly(outcome: &Outcome, part: &str) {
    assert_eq!(outcome.issues[0].code, IssueCode::TooCostly, "{outcome}");
    assert!(outcome.to_string().contains(part), "{outcome}");
}

#[test]
fn texts_of_codings_without_code_are_found_and_never_pile_up() {
    check(
        r#"{"resourceType":"Condition","id":"1","code":{"coding":[{"code":"x"},{"display":"Malaria"}]}}"#,
        &["code:text=malaria", "code=x"],
        &["code:text=x"],
    );
    check(
        r#"{"resourceType":"Condition","id":"1","code":{"text":"Fever","coding":[{"display":"Malaria"},{"code":"x"}]}}"#,
        &["code:text=malaria", "code:text=fever"],
        &[],
    );
    let codings = many(75_000, |n| format!(r#"{{"display":"illness {n}"}}"#));
    let found =
        terms_of(&format!(r#"{{"resourceType":"Condition","id":"1","code":{{"coding":[{codings}]}}}}"#));
    assert!(found.len() < 10, "{} terms", found.len());
    assert!(found.iter().all(|term| term.value.len() < 500));
}

#[test]
fn composites_take_at_most_64_combinations_of_each_root() {
    let kind = ResourceType::parse("MolecularSequence").unwrap();
    let codings = many(100, |n| format!(r#"{{"system":"s","code":"c{n}"}}"#));
    let variants = many(8, |n| format!(r#"{{"start":{n},"end":{n}}}"#));
    let text = format!(
        r#"{{"resourceType":"MolecularSequence","id":"1","coordinateSystem":0,"referenceSeq":{{"chromosome":{{"coding":[{codings}]}}}},"variant":[{variants}]}}"#
    );
    let param = params::find(kind, "chromosome-variant-coordinate").unwrap();
    let kept = terms_of(&text).iter().filter(|term| term.param == param.number).count();
    assert_eq!(kept, 64 * 8);
    check(
        &text,
        &["chromosome-variant-coordinate=c0$0$0", "chromosome-variant-coordinate=s|c63$7$7"],
        &["chromosome-variant-coordinate=c0$0$1"],
    );
}

#[test]
fn ranges_are_counted_over_the_whole_query() {
    let kind = ResourceType::parse("Provenance").unwrap();
    let bare = format!("target={}", many(60, |n| n.to_string()));
    assert!(search(kind, &bare).is_ok());
    is_too_costly(&search(kind, &format!("{bare}&{bare}")).unwrap_err(), "Type/id");
    let typed = format!("target={}", many(500, |n| format!("Patient/{n}")));
    assert!(search(kind, &format!("{typed}&{typed}")).is_ok());
}

#[test]
fn value_sets_are_listed_once_a_query_and_counted() {
    let source = Arc::new(Counted::default());
    let mut context = context();
    context.terminology = Terminology(Arc::clone(&source) as Arc<dyn Source>);
    let parse = |text: &str| {
        let query = query::decode(text).unwrap();
        query::parse(ResourceType::PATIENT, &query, Handling::Strict, &context)
    };
    parse("gender:in=u:1").unwrap();
    let once = source.0.load(Ordering::Relaxed);
    parse("gender:in=u:1,u:1&gender:not-in=u:1&language:in=u:1").unwrap();
    assert_eq!(source.0.load(Ordering::Relaxed), 2 * once);
    let sets = many(500, |n| format!("u:{n}"));
    assert!(parse(&format!("gender:in={sets}")).is_ok());
    is_too_costly(&parse(&format!("gender:in={sets}&language:in=u:500")).unwrap_err(), "codes in all");
}

#[test]
fn addresses_to_look_above_and_below_are_bounded() {
    let kind = ResourceType::parse("ValueSet").unwrap();
    let deep = |folders: usize| format!("http://x{}", "/a".repeat(folders));
    assert!(search(kind, &format!("url:above={}", deep(64))).is_ok());
    for (query, limit) in [
        (format!("url:above={}", deep(65)), "64"),
        (format!("url:above={}", deep(1_100)), "2048"),
        (format!("url:below=http://x/{}", "a".repeat(200)), "200"),
    ] {
        let outcome = search(kind, &query).unwrap_err();
        assert!(outcome.to_string().contains(limit), "{outcome}");
    }
}

#[test]
fn whether_somebody_is_dead_takes_no_modifier_but_not_and_missing() {
    for modifier in ["text", "in", "not-in", "above", "below", "of-type"] {
        let outcome = search(ResourceType::PATIENT, &format!("deceased:{modifier}=true")).unwrap_err();
        assert!(outcome.to_string().contains(modifier), "{outcome}");
    }
    for query in ["deceased=true", "deceased:not=true", "deceased:missing=true"] {
        assert!(search(ResourceType::PATIENT, query).is_ok(), "{query}");
    }
}

#[test]
fn texts_longer_than_what_is_kept_are_refused_with_the_limit() {
    let (kept, long) = ("a".repeat(200), "a".repeat(201));
    for name in ["name", "name:contains", "name:text", "identifier:text", "phonetic"] {
        let outcome = search(ResourceType::PATIENT, &format!("{name}={long}")).unwrap_err();
        assert!(outcome.to_string().contains("200 bytes"), "{name}: {outcome}");
    }
    check(
        &format!(r#"{{"resourceType":"Patient","id":"1","name":[{{"family":"{long}b"}}]}}"#),
        &[&format!("name={kept}"), &format!("name:contains={kept}"), &format!("name:exact={long}b")],
        &[&format!("name:exact={long}c")],
    );
}

#[test]
fn keys_to_sort_by_and_names_of_elements_are_bounded() {
    let ask = |name: &str, value: String| {
        query::parse(ResourceType::PATIENT, &[(name.to_owned(), value)], Handling::Strict, &context())
    };
    assert!(ask("_sort", many(16, |_| "_id".to_owned())).is_ok());
    assert!(ask("_sort", many(17, |_| "_id".to_owned())).is_err());
    assert!(ask("_elements", many(200, |_| "name".to_owned())).is_ok());
    assert!(ask("_elements", many(201, |_| "name".to_owned())).is_err());
    assert!(ask("_elements", "n".repeat(4097)).is_err());
}

#[test]
fn one_bound_holds_for_all_types_of_a_query() {
    let shared = context().of_one_query();
    let pairs = [("_tag:not".to_owned(), many(400, |n| format!("a{n}")))];
    let read = |context: &Context| {
        let kinds = [ResourceType::PATIENT, ResourceType::OBSERVATION];
        (0..20)
            .flat_map(|_| kinds)
            .map(|kind| query::parse_within(kind, &pairs, Handling::Strict, context))
            .find_map(Result::err)
    };
    assert!(read(&shared).is_some(), "16,000 ranges");
    assert!(
        query::parse(ResourceType::PATIENT, &pairs, Handling::Strict, &shared).is_ok(),
        "a query of its own"
    );
}

#[test]
fn composites_of_a_long_record_are_bounded_and_marked() {
    let variants = |count| {
        let variants = many(count, |n| format!(r#"{{"start":{n},"end":{}}}"#, n + 1));
        format!(
            r#"{{"resourceType":"MolecularSequence","id":"1","coordinateSystem":0,
                "referenceSeq":{{"windowStart":0,"windowEnd":9,"chromosome":{{"coding":[{{"code":"1"}}]}}}},
                "variant":[{variants}]}}"#
        )
    };
    let kind = ResourceType::parse("MolecularSequence").unwrap();
    let composite = params::find(kind, "chromosome-variant-coordinate").unwrap().number;
    for (count, kept, marked) in [
        (10, 10, false),
        (composite::MOST_VALUES, composite::MOST_VALUES, false),
        (900, composite::MOST_VALUES, true),
    ] {
        let terms = terms_of(&variants(count));
        assert_eq!(terms.iter().filter(|term| term.param == composite).count(), kept, "{count}");
        assert_eq!(terms.iter().any(|term| own::undecided(composite).contains(term)), marked, "{count}");
        // The plain parameters know all of them.
        let starts = params::find(kind, "variant-start").unwrap().number;
        assert!(terms.iter().filter(|term| term.param == starts).count() >= count, "{count}");
    }
    let asked = search(kind, "chromosome-variant-coordinate=1$lt5$gt2").unwrap();
    assert!(asked.unsure(&context()).contains(&(kind, composite)));
}
