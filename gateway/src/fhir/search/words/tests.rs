use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::search::{Handling, own, query};

fn context(words: Words) -> Context {
    let mut context = Context::new(TimeZone::UTC, "2026-01-01T00:00:00Z".parse().unwrap());
    context.words = words;
    context
}

fn resource() -> Resource {
    let text = r#"{"resourceType":"Condition","id":"secretid","text":{"status":"generated","div":"<div class=\"hidden\"><p>Pain &amp; <b>Fièvre</b>, knee-joint. <i>घुटने</i></p></div>"},"subject":{"reference":"Patient/kept"},"code":{"text":"Old Fracture"}}"#;
    Resource::stored(text.as_bytes()).unwrap()
}

fn holds(node: &Node, own: &[Term]) -> bool {
    match node {
        Node::Any(any) => any.iter().any(|node| holds(node, own)),
        Node::All(all) => all.iter().all(|node| holds(node, own)),
        Node::Is(criterion) => criterion.matches(own),
        Node::Not(_) | Node::Refers(_) | Node::Referred(_) | Node::Long(_) => {
            panic!("words are terms of the record")
        }
    }
}

fn finds(words: Words, name: &str, value: &str, resource: &Resource) -> bool {
    let context = context(words);
    let pairs = [(name.to_owned(), value.to_owned())];
    let search = query::parse(resource.kind(), &pairs, Handling::Strict, &context).unwrap();
    holds(&search.condition(), &crate::fhir::search::terms(resource, &context))
}

#[test]
fn words_are_found_whole_and_folded() {
    for (name, value, expected) in [
        ("_text", "pain", true),
        ("_text", "FIEVRE pain", true),
        ("_text", "knee joint", true),
        ("_text", "knee-joint", true),
        ("_text", "घुटने", true),
        ("_text", "घुट*", true),
        ("_text", "nothing,fievre", true),
        ("_text", "pain nothing", false),
        ("_text", "kne", false),
        ("_text", "kne*", true),
        ("_text", "knee-jo* pa*", true),
        ("_text", "ne*", false),
        ("_text", "hidden", false),
        ("_text", "amp", false),
        ("_text", "fracture", false),
        ("_content", "fracture", true),
        ("_content", "old fievre", true),
        ("_content", "secretid", false),
        ("_content", "kept", false),
    ] {
        assert_eq!(finds(Words::All, name, value, &resource()), expected, "{name}={value}");
    }
    let of = |words| {
        let mut out = Vec::new();
        terms(&resource(), &context(words), &mut out);
        out
    };
    assert!(of(Words::Off).is_empty());
    assert!(of(Words::Narrative).iter().all(|term| term.param == NARRATIVE_WORDS));
}

#[test]
fn what_is_not_indexed_or_no_list_of_words_is_refused() {
    let refused = |words, name: &str, value: &str| {
        let pairs = [(name.to_owned(), value.to_owned())];
        let kind = ResourceType::PATIENT;
        let outcome = query::parse(kind, &pairs, Handling::Lenient, &context(words)).unwrap_err();
        outcome.issues.into_iter().next().unwrap()
    };
    assert!(refused(Words::Off, "_text", "a").diagnostics.contains("fhir.words"));
    assert!(refused(Words::Narrative, "_content", "a").diagnostics.contains("fhir.words"));
    for value in ["", " ", "a,", "a OR b", "(a)", "\"a b\"", "*", "a*b", "a.*", "..."] {
        assert_eq!(refused(Words::All, "_text", value).code, IssueCode::Value, "{value}");
    }
    refused(Words::All, "_text", "a b c d e f g h i j k l m n o p q r s t u v");
    refused(Words::All, "_text", &format!("{}*", "x".repeat(41)));
    assert_eq!(refused(Words::All, "_text:not", "a").code, IssueCode::NotSupported);
}

#[test]
fn a_long_text_has_bounded_terms_and_is_marked() {
    let long: String = (0..5_000).map(|n| format!("w{n} ")).collect();
    let basic = |text: &str| {
        let text = format!(r#"{{"resourceType":"Basic","id":"1","code":{{"text":"{text}"}}}}"#);
        Resource::stored(text.as_bytes()).unwrap()
    };
    let of = |resource: &Resource| {
        let mut out = Vec::new();
        terms(resource, &context(Words::All), &mut out);
        out
    };
    let many = of(&basic(&long));
    assert_eq!(many.len(), MOST_WORDS + 1);
    assert!(many.iter().any(|term| own::undecided(CONTENT_WORDS).contains(term)));
    let word = "x".repeat(3_000);
    assert!(of(&basic(&word)).iter().all(|term| term.value.len() <= LONGEST + 18));
    assert!(finds(Words::All, "_content", &word, &basic(&word)));
    assert!(!finds(Words::All, "_content", &format!("{word}y"), &basic(&word)));
    assert!(finds(Words::All, "_content", "xxx*", &basic(&word)));
}

/// What is written in a narrative, read character by character, without anything of the index.
fn naive_words(text: &str) -> Vec<String> {
    let (mut inside, mut words, mut word) = (false, Vec::new(), String::new());
    for c in text.chars().chain([' ']) {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ => {}
        }
        if !inside && c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn words_agree_with_a_naive_scan(
        narrative in prop::collection::vec(select(vec!["pain", "Pains", "knee", "<b>old</b>", "x-ray", "12.5", "<br/>", "KNEE,"]), 0..8),
        written in prop::collection::vec(select(vec!["fever", "pain", "Old!", "rayon", "7", "(knee)"]), 0..6),
        asked in prop::collection::vec(select(vec!["pain", "pa", "knee", "old", "ray", "x", "12", "5", "fever", "7", "KNEE"]), 1..4),
        beginnings in any::<bool>(),
    ) {
        let (narrative, written) = (narrative.join(" "), written.join(" "));
        let text = format!(
            r#"{{"resourceType":"Basic","id":"q","text":{{"status":"generated","div":"<div>{narrative}</div>"}},"code":{{"text":"{written}"}}}}"#
        );
        let resource = Resource::stored(text.as_bytes()).unwrap();
        let star = if beginnings { "*" } else { "" };
        let value = asked.iter().map(|word| format!("{word}{star}")).collect::<Vec<_>>().join(" ");
        let expected = |words: &[String]| {
            asked.iter().map(|word| word.to_lowercase()).all(|asked| {
                words.iter().any(|word| if beginnings { word.starts_with(&asked) } else { *word == asked })
            })
        };
        let told = naive_words(&narrative);
        prop_assert_eq!(finds(Words::All, "_text", &value, &resource), expected(&told), "{} in {}", value, narrative);
        let mut all = naive_words(&written);
        all.extend(told);
        all.push("generated".to_owned());
        prop_assert_eq!(finds(Words::All, "_content", &value, &resource), expected(&all), "{} in {}", value, text);
    }
}
