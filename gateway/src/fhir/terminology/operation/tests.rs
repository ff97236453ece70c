//! Each operation on a small clinic's own definitions, and what has to hold of any.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{CodeSystem, Core, Source};
use super::*;
use crate::fhir::parameters::Parameters;
use crate::fhir::resource::Resource;
use crate::fhir::validate::Shelf;
use crate::json::{Limits, Value, parse};

const LISTING: Listing<'_> =
    Listing { identifier: "urn:uuid:1", timestamp: "2026-01-01T00:00:00Z", most: 100 };

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::default();
    let refused = shelf.add(&[
        &json(
            r#"{"resourceType":"CodeSystem","url":"http://c/food","version":"2","name":"Food","content":"complete",
            "property":[{"code":"kcal","description":"Energy","type":"integer"}],
            "concept":[{"code":"plant","display":"Plant","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
              {"code":"rice","display":"Rice","property":[{"code":"kcal","valueInteger":130}],
               "designation":[{"language":"hi","value":"चावल","use":{"system":"http://u","code":"short"}}]},
              {"code":"dal","display":"Lentil soup","concept":[{"code":"toor","display":"Split pigeon pea"}]}]},
              {"code":"egg","display":"Egg","property":[{"code":"status","valueCode":"retired"}]}]}"#,
        ),
        &json(
            r#"{"resourceType":"ValueSet","url":"http://v/veg","version":"1","status":"active","compose":{"include":[
            {"system":"http://c/food","filter":[{"property":"concept","op":"is-a","value":"plant"}]}]}}"#,
        ),
        &json(
            r#"{"resourceType":"ConceptMap","url":"http://m/1","sourceUri":"http://v/veg","targetUri":"http://v/other","group":[
            {"source":"http://c/food","target":"http://c/other","element":[
              {"code":"rice","display":"Rice","target":[{"code":"r","equivalence":"wider",
                "product":[{"property":"http://p","value":"z"}]}]},
              {"code":"dal","target":[{"code":"d","equivalence":"equal","dependsOn":[{"property":"http://e","value":"y"}]}]}]}]}"#,
        ),
    ]);
    assert_eq!(refused, []);
    shelf
}

fn query(pairs: &[(&str, &str)]) -> Parameters {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Parameters::of_query(&pairs)
}

fn body(text: &str) -> Parameters {
    Parameters::of_resource(json(&format!(r#"{{"resourceType":"Parameters","parameter":[{text}]}}"#)))
        .unwrap()
}

/// The value of an output parameter, as text.
fn value(answer: &Value, name: &str) -> Option<String> {
    Resource::from_value(answer.clone()).unwrap();
    let item = answer.items("parameter").iter().find(|p| p.str("name") == Some(name))?;
    let (_, value) = item.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn codes(answer: &Value) -> Vec<&str> {
    let contains = answer.get("expansion").map(|e| e.items("contains")).unwrap_or_default();
    contains.iter().filter_map(|c| c.str("code")).collect()
}

#[test]
fn a_value_set_is_expanded() {
    let shelf = shelf();
    let ask = |pairs: &[(&str, &str)]| {
        let answer = expand(&shelf, query(pairs), None, LISTING).unwrap();
        Resource::from_value(answer.clone()).unwrap();
        answer
    };
    let whole = ask(&[("url", "http://v/veg")]);
    assert_eq!(codes(&whole), ["plant", "rice", "dal", "toor"]);
    assert_eq!(whole.pointer("/expansion/total").unwrap().to_string(), "4");
    assert_eq!((whole.str("url"), whole.str("version")), (Some("http://v/veg"), Some("1")));
    assert_eq!(codes(&ask(&[("url", "http://v/veg|1"), ("filter", "pea spl")])), ["toor"]);
    let page = ask(&[("url", "http://v/veg"), ("offset", "1"), ("count", "2"), ("excludeNested", "false")]);
    assert_eq!(codes(&page), ["rice", "dal"]);
    assert_eq!(page.pointer("/expansion/total").unwrap().to_string(), "4");
    assert_eq!(codes(&ask(&[("url", "http://v/veg"), ("excludeNotForUI", "true")])), ["rice", "dal", "toor"]);
    let spoken = ask(&[
        ("url", "http://v/veg"),
        ("filter", "rice"),
        ("displayLanguage", "hi-IN"),
        ("includeDesignations", "true"),
    ]);
    assert!(spoken.to_string().contains(r#""display":"चावल","designation":[{"language":"hi""#), "{spoken}");
    assert!(codes(&ask(&[("url", "http://v/veg"), ("exclude-system", "http://c/food")])).is_empty());
    let sent = r#"{"name":"valueSet","resource":{"resourceType":"ValueSet","status":"draft","compose":{"include":[{"system":"http://c/food"}]}}},{"name":"activeOnly","valueBoolean":true}"#;
    let answer = expand(&shelf, body(sent), None, LISTING).unwrap();
    assert_eq!((codes(&answer).len(), answer.str("status")), (4, Some("draft")));
}

#[test]
fn what_cannot_be_expanded_says_why() {
    let shelf = shelf();
    let refused = |pairs: &[(&str, &str)], most: usize| {
        expand(&shelf, query(pairs), None, Listing { most, ..LISTING }).unwrap_err()
    };
    assert!(matches!(refused(&[], 9), Refusal::Malformed(_)));
    assert!(matches!(refused(&[("url", "http://v/none")], 9), Refusal::Missing(_)));
    assert!(matches!(refused(&[("url", "http://v/veg|7")], 9), Refusal::Missing(_)));
    let costly = refused(&[("url", "http://v/veg")], 3);
    assert_eq!(costly.outcome().issues[0].code, IssueCode::TooCostly);
    for wrong in
        [("context", "x"), ("count", "-1"), ("activeOnly", "maybe"), ("system-version", "http://c/food")]
    {
        assert!(matches!(refused(&[("url", "http://v/veg"), wrong], 9), Refusal::Malformed(_)), "{wrong:?}");
    }
    let version = refused(&[("url", "http://v/veg"), ("check-system-version", "http://c/food|1")], 9);
    assert!(version.to_string().contains("the version 2 is here, not 1"), "{version}");
}

#[test]
fn a_code_is_validated_and_the_answer_says_why_not() {
    let shelf = shelf();
    let check = |answer: Result<Value, Refusal>, expected: &str, said: &str| {
        let answer = answer.unwrap();
        assert_eq!(value(&answer, "result").as_deref(), Some(expected), "{answer}");
        let message = value(&answer, "message").unwrap_or_default();
        assert!(message.contains(said) && (expected == "true") == message.is_empty(), "{message}");
        value(&answer, "display")
    };
    let set = |pairs: &[(&str, &str)]| {
        let all: Vec<_> = [("url", "http://v/veg")].into_iter().chain(pairs.iter().copied()).collect();
        validate_in_value_set(&shelf, query(&all), None)
    };
    let food = ("system", "http://c/food");
    assert_eq!(check(set(&[("code", "rice"), food]), "true", "").as_deref(), Some("Rice"));
    assert_eq!(
        check(set(&[("code", "rice"), food, ("displayLanguage", "hi")]), "true", "").as_deref(),
        Some("चावल")
    );
    check(set(&[("code", "rice"), food, ("display", "rice")]), "true", "");
    check(set(&[("code", "rice"), food, ("display", "Wheat")]), "false", "it is \"Rice\"");
    check(set(&[("code", "egg"), food]), "false", "not in the value set");
    check(set(&[("code", "plant"), food, ("abstract", "false")]), "false", "only for grouping");
    let concept = r#"{"name":"url","valueUri":"http://v/veg"},{"name":"codeableConcept","valueCodeableConcept":{"coding":[
        {"system":"http://x","code":"1"},{"system":"http://c/food","code":"dal"}]}}"#;
    check(validate_in_value_set(&shelf, body(concept), None), "true", "");
    let system = |pairs: &[(&str, &str)]| validate_in_system(&shelf, query(pairs), None);
    check(system(&[("url", "http://c/food"), ("code", "egg")]), "true", "");
    check(system(&[("url", "http://c/food"), ("code", "ham")]), "false", "not in the code system");
    check(system(&[("url", "http://unitsofmeasure.org"), ("code", "mg/dL")]), "true", "");
    let coding = r#"{"name":"url","valueUri":"http://c/food"},{"name":"coding","valueCoding":{"system":"http://x","code":"1"}}"#;
    check(validate_in_system(&shelf, body(coding), None), "false", "not of http://c/food");
    assert!(matches!(system(&[("url", "http://c/none"), ("code", "1")]), Err(Refusal::Missing(_))));
    assert!(matches!(
        system(&[("url", "http://c/food"), ("code", "egg"), ("version", "9")]),
        Err(Refusal::Impossible(_))
    ));
    assert!(matches!(set(&[]), Err(Refusal::Malformed(_))));
}

#[test]
fn where_the_content_is_not_here_nobody_says_no() {
    let mut shelf = shelf();
    shelf.add(&[&json(
        r#"{"resourceType":"CodeSystem","url":"http://c/part","content":"fragment","concept":[{"code":"a"}]}"#,
    )]);
    let ask =
        |code: &str| validate_in_system(&shelf, query(&[("url", "http://c/part"), ("code", code)]), None);
    assert_eq!(value(&ask("a").unwrap(), "result").as_deref(), Some("true"));
    assert!(matches!(ask("b"), Err(Refusal::Impossible(_))));
}

#[test]
fn a_code_is_looked_up() {
    let shelf = shelf();
    let ask = |pairs: &[(&str, &str)]| lookup(&shelf, query(pairs));
    let rice = ask(&[("system", "http://c/food"), ("code", "rice")]).unwrap();
    for (name, expected) in [("name", "Food"), ("version", "2"), ("display", "Rice")] {
        assert_eq!(value(&rice, name).as_deref(), Some(expected));
    }
    let text = rice.to_string();
    for part in [
        r#"{"name":"code","valueCode":"kcal"},{"name":"value","valueInteger":130},{"name":"description","valueString":"Energy"}"#,
        r#"{"name":"code","valueCode":"parent"},{"name":"value","valueCode":"plant"}"#,
        r#"{"name":"code","valueCode":"inactive"},{"name":"value","valueBoolean":false}"#,
        r#"{"name":"language","valueCode":"hi"},{"name":"use","valueCoding":{"system":"http://u","code":"short"}},{"name":"value","valueString":"चावल"}"#,
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let some =
        ask(&[("system", "http://c/food"), ("code", "rice"), ("property", "parent")]).unwrap().to_string();
    assert!(some.contains("plant") && !some.contains("kcal") && !some.contains("designation"), "{some}");
    for (system, code) in [("http://c/food", "ham"), ("http://loinc.org", "1-8")] {
        assert!(matches!(ask(&[("system", system), ("code", code)]), Err(Refusal::Missing(_))), "{code}");
    }
    assert!(matches!(ask(&[("system", "http://c/food|3"), ("code", "rice")]), Err(Refusal::Missing(_))));
    assert!(matches!(ask(&[("code", "rice")]), Err(Refusal::Malformed(_))));
}

#[test]
fn codes_are_translated_forth_and_back() {
    let shelf = shelf();
    let ask = |pairs: &[(&str, &str)]| translate(&shelf, query(pairs), None);
    let rice = ask(&[("url", "http://m/1"), ("system", "http://c/food"), ("code", "rice")]).unwrap();
    assert_eq!(value(&rice, "result").as_deref(), Some("true"));
    let text = rice.to_string();
    assert!(text.contains(r#"{"name":"equivalence","valueCode":"wider"},{"name":"concept","valueCoding":{"system":"http://c/other","code":"r"}}"#));
    assert!(text.contains(r#"{"name":"product","part":[{"name":"element","valueUri":"http://p"}"#), "{text}");
    let back =
        ask(&[("url", "http://m/1"), ("system", "http://c/other"), ("code", "r"), ("reverse", "true")])
            .unwrap();
    assert!(back.to_string().contains(r#""valueCode":"narrower"},{"name":"concept","valueCoding":{"system":"http://c/food","code":"rice","display":"Rice"}"#), "{back}");
    let none = ask(&[("url", "http://m/1"), ("system", "http://c/food"), ("code", "dal")]).unwrap();
    assert_eq!(value(&none, "result").as_deref(), Some("false"));
    let dependent = r#"{"name":"url","valueUri":"http://m/1"},{"name":"system","valueUri":"http://c/food"},{"name":"code","valueCode":"dal"},
        {"name":"dependency","part":[{"name":"element","valueUri":"http://e"},{"name":"concept","valueCodeableConcept":{"coding":[{"code":"y"}]}}]}"#;
    assert_eq!(value(&translate(&shelf, body(dependent), None).unwrap(), "result").as_deref(), Some("true"));
    // By the embedded maps, without naming one.
    let found = translate(
        &Core,
        query(&[
            ("system", "http://hl7.org/fhir/administrative-gender"),
            ("code", "female"),
            ("targetsystem", "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"),
        ]),
        None,
    )
    .unwrap();
    assert!(found.to_string().contains(r#""code":"F""#), "{found}");
    assert!(matches!(ask(&[("system", "http://x"), ("code", "1")]), Err(Refusal::Missing(_))));
    assert!(matches!(ask(&[("url", "http://m/none"), ("code", "1")]), Err(Refusal::Missing(_))));
}

#[test]
fn codes_are_compared_by_code_coding_and_stored_system() {
    let shelf = shelf();
    let ask = |pairs: &[(&str, &str)]| subsumes(&shelf, query(pairs), None);
    let food = ("system", "http://c/food");
    let outcome = |a, b| value(&ask(&[("codeA", a), ("codeB", b), food]).unwrap(), "outcome").unwrap();
    assert_eq!(outcome("plant", "toor"), "subsumes");
    assert_eq!(outcome("toor", "plant"), "subsumed-by");
    assert_eq!(outcome("egg", "egg"), "equivalent");
    let coding = |system: &str| {
        body(&format!(
            r#"{{"name":"codingA","valueCoding":{{"system":"http://c/food","code":"rice"}}}},{{"name":"codingB","valueCoding":{{"system":"{system}","code":"dal"}}}}"#
        ))
    };
    assert_eq!(
        value(&subsumes(&shelf, coding("http://c/food"), None).unwrap(), "outcome").as_deref(),
        Some("not-subsumed")
    );
    assert!(matches!(subsumes(&shelf, coding("http://c/x"), None), Err(Refusal::Malformed(_))));
    let own = json(
        r#"{"resourceType":"CodeSystem","url":"http://c/own","content":"complete","concept":[{"code":"a","concept":[{"code":"b"}]}]}"#,
    );
    let found = subsumes(&shelf, query(&[("codeA", "a"), ("codeB", "b")]), Some(&own)).unwrap();
    assert_eq!(value(&found, "outcome").as_deref(), Some("subsumes"));
    assert!(matches!(ask(&[("codeA", "ham"), ("codeB", "egg"), food]), Err(Refusal::Missing(_))));
    assert!(matches!(ask(&[("codeA", "egg"), food]), Err(Refusal::Malformed(_))));
}

#[test]
fn a_closure_grows_and_can_be_asked_again() {
    let shelf = shelf();
    let asked = |text: &str| {
        ClosureAsked::of(body(&format!(r#"{{"name":"name","valueString":"t"}}{text}"#))).unwrap()
    };
    let concept = |code: &str| {
        format!(r#",{{"name":"concept","valueCoding":{{"system":"http://c/food","code":"{code}"}}}}"#)
    };
    let step = |table: Closure, text: &str| {
        let (next, answer) = table.next(&shelf, &asked(text), "2026-01-01").unwrap();
        Resource::from_value(answer.clone()).unwrap();
        let pairs: Vec<String> = answer
            .items("group")
            .iter()
            .flat_map(|g| g.items("element"))
            .flat_map(|e| {
                e.items("target")
                    .iter()
                    .map(|t| format!("{}<{}", e.str("code").unwrap(), t.str("code").unwrap()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let kept = Closure::from_json(&json(&next.to_json().to_string())).unwrap();
        assert_eq!(kept, next);
        (next, pairs, answer.str("version").unwrap().to_owned())
    };
    let (table, pairs, version) = step(Closure::default(), "");
    assert_eq!((pairs.len(), version.as_str()), (0, "1"));
    let (table, pairs, _) = step(table, &concept("toor"));
    assert!(pairs.is_empty());
    let (table, pairs, version) = step(table, &format!("{}{}", concept("plant"), concept("egg")));
    assert_eq!((pairs, version.as_str()), (vec!["toor<plant".to_owned()], "3"));
    let (table, pairs, _) = step(table, &concept("dal"));
    assert_eq!(pairs, ["toor<dal", "dal<plant"]);
    let (table, pairs, version) = step(table, r#",{"name":"version","valueString":"3"}"#);
    assert_eq!((pairs.len(), version.as_str()), (2, "4"));
    let (_, pairs, _) = step(table.clone(), r#",{"name":"version","valueString":"1"}"#);
    assert_eq!(pairs.len(), 3);
    assert!(matches!(table.clone().next(&shelf, &asked(&concept("ham")), ""), Err(Refusal::Missing(_))));
    assert!(matches!(
        table.next(&shelf, &asked(r#",{"name":"version","valueString":"9"}"#), ""),
        Err(Refusal::Malformed(_))
    ));
}

/// A system of forty codes with links at random; rings are possible.
fn system(links: &[(u8, u8)]) -> Shelf {
    let concepts: Vec<String> = (0..40)
        .map(|n| {
            let parents: Vec<String> = links
                .iter()
                .filter(|(low, up)| *low == n && *up < n)
                .map(|(_, up)| format!(r#"{{"code":"parent","valueCode":"c{up}"}}"#))
                .collect();
            let property = if parents.is_empty() {
                String::new()
            } else {
                format!(r#","property":[{}]"#, parents.join(","))
            };
            format!(r#"{{"code":"c{n}"{property}}}"#)
        })
        .collect();
    let mut shelf = Shelf::default();
    let text = format!(
        r#"{{"resourceType":"CodeSystem","url":"http://c/any","content":"complete","concept":[{}]}}"#,
        concepts.join(",")
    );
    assert_eq!(shelf.add(&[&json(&text)]), []);
    shelf
}

proptest! {
    #[test]
    fn what_is_expanded_is_what_validates(
        links in prop::collection::vec((0u8..40, 0u8..40), 0..60),
        root in 0u8..40,
        op in prop::sample::select(vec!["is-a", "descendent-of", "is-not-a", "generalizes", "=", "in", "regex"]),
        away in 0u8..40,
    ) {
        let shelf = system(&links);
        let set = json(&format!(
            r#"{{"resourceType":"ValueSet","status":"active","compose":{{"include":[{{"system":"http://c/any","filter":[
            {{"property":"concept","op":"{op}","value":"c{root}"}}]}}],"exclude":[{{"system":"http://c/any","concept":[{{"code":"c{away}"}}]}}]}}}}"#
        ));
        let answer = expand(&shelf, Parameters::default(), Some(&set), LISTING).unwrap();
        let listed = codes(&answer);
        for n in 0..40 {
            let code = format!("c{n}");
            let given = query(&[("code", &code), ("system", "http://c/any")]);
            let valid = validate_in_value_set(&shelf, given, Some(&set)).unwrap();
            prop_assert_eq!(value(&valid, "result").as_deref() == Some("true"), listed.contains(&code.as_str()), "{}", code);
        }
    }

    #[test]
    fn subsumption_is_a_partial_order(links in prop::collection::vec((0u8..40, 0u8..40), 0..60)) {
        let shelf = system(&links);
        let known: Arc<CodeSystem> = shelf.code_system("http://c/any", None).unwrap();
        let is_a = |a: usize, b: usize| known.is_a(&format!("c{a}"), &format!("c{b}"));
        for a in 0..40 {
            prop_assert!(is_a(a, a));
            for b in 0..40 {
                prop_assert!(a == b || !(is_a(a, b) && is_a(b, a)));
                for c in (0..40).filter(|_| is_a(a, b)) {
                    prop_assert!(!is_a(b, c) || is_a(a, c));
                }
            }
        }
    }
}

#[test]
fn every_embedded_value_set_that_can_be_listed_holds_what_it_lists() {
    let (mut listed, mut not) = (0, 0);
    for url in Core::value_sets() {
        match expand(
            &Core,
            query(&[("url", url), ("count", "20")]),
            None,
            Listing { most: 50_000, ..LISTING },
        ) {
            Ok(answer) => {
                listed += 1;
                let set = Core.value_set(url, None).unwrap();
                for entry in answer.get("expansion").map(|e| e.items("contains")).unwrap_or_default() {
                    let found =
                        super::super::member(&Core, &set, entry.str("system"), entry.str("code").unwrap());
                    assert_eq!(found, super::super::Membership::In, "{url} {entry}");
                }
            }
            Err(Refusal::Impossible(_)) => not += 1,
            Err(other) => panic!("{url}: {other}"),
        }
    }
    assert!(listed > 600 && not > 0, "{listed} listed, {not} not");
}
