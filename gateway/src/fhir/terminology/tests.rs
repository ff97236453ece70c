//! Terminology on R4's own definitions and on small ones of our own.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::json::{Limits, Value, parse};

/// A small store over [`Core`].
#[derive(Default)]
struct Shelf {
    systems: HashMap<String, Arc<CodeSystem>>,
    sets: HashMap<String, Arc<ValueSet>>,
    maps: HashMap<String, Arc<ConceptMap>>,
}

impl Source for Shelf {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.systems.get(url).cloned().or_else(|| Core.code_system(url, version))
    }
    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.sets.get(url).cloned().or_else(|| Core.value_set(url, version))
    }
    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.maps.get(url).cloned().or_else(|| Core.concept_map(url, version))
    }
}

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

impl Shelf {
    fn with(mut self, text: &str) -> Self {
        let json = json(text);
        let url = json.str("url").unwrap().to_owned();
        match json.str("resourceType") {
            Some("CodeSystem") => {
                drop(self.systems.insert(url, Arc::new(CodeSystem::from_json(&json).unwrap())))
            }
            Some("ValueSet") => drop(self.sets.insert(url, Arc::new(ValueSet::from_json(&json).unwrap()))),
            _ => drop(self.maps.insert(url, Arc::new(ConceptMap::from_json(&json).unwrap()))),
        }
        self
    }
}

const FOOD: &str = r#"{"resourceType":"CodeSystem","url":"http://c/food","version":"2","name":"Food","content":"complete",
    "concept":[
      {"code":"plant","display":"Plant","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
        {"code":"rice","display":"Rice","property":[{"code":"kcal","valueInteger":130}],
         "designation":[{"language":"hi","value":"चावल"}]},
        {"code":"dal","display":"Lentil soup","concept":[{"code":"toor","display":"Split pigeon pea"}]}]},
      {"code":"egg","display":"Egg","property":[{"code":"status","valueCode":"retired"}]},
      {"code":"thali","display":"Thali plate","property":[{"code":"parent","valueCode":"plant"},{"code":"parent","valueCode":"egg"}]}]}"#;

fn shelf() -> Shelf {
    Shelf::default().with(FOOD)
}

fn set(compose: &str) -> ValueSet {
    ValueSet::from_json(&json(&format!(
        r#"{{"resourceType":"ValueSet","url":"http://v/x","compose":{compose}}}"#
    )))
    .unwrap()
}

#[test]
fn every_embedded_definition_is_read() {
    let mut concepts = 0;
    for url in Core::code_systems() {
        let system = Core.code_system(url, None).unwrap();
        assert_eq!(system.url, url);
        concepts += system.len() as usize;
    }
    let file = include_str!("../tables/terminology.txt");
    let lines = file.split("\n=").filter(|b| b.starts_with("C\t")).map(|b| b.trim_end().lines().count() - 1);
    assert_eq!(concepts, lines.sum::<usize>(), "no concept is lost");
    assert!(Core::code_systems().count() > 900 && Core::value_sets().count() > 690);
    for url in Core::value_sets() {
        let set = Core.value_set(url, None).unwrap();
        assert!(set.url == url && !set.include.is_empty(), "{url}");
    }
    for url in Core::concept_maps() {
        assert!(!Core.concept_map(url, None).unwrap().groups.is_empty(), "{url}");
    }
    assert!(Core::concept_maps().count() >= 14);
}

#[test]
fn required_codes_of_the_structure_table_agree_with_the_value_sets() {
    let gender = Core.value_set("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", None).unwrap();
    for code in ["male", "female", "other", "unknown"] {
        assert_eq!(member(&Core, &gender, None, code), Membership::In, "{code}");
    }
    assert_eq!(member(&Core, &gender, None, "Male"), Membership::Out);
}

#[test]
fn a_code_is_in_a_value_set_out_of_it_or_unknown() {
    let shelf = shelf().with(
        r#"{"resourceType":"ValueSet","url":"http://v/veg","compose":{"include":[
            {"system":"http://c/food","filter":[{"property":"concept","op":"is-a","value":"plant"}]}],
            "exclude":[{"system":"http://c/food","concept":[{"code":"toor"}]}]}}"#,
    );
    let check = |compose: &str, system: Option<&str>, code: &str, expected: &str| {
        let found = match member(&shelf, &set(compose), system, code) {
            Membership::In => "in".to_owned(),
            Membership::Out => "out".to_owned(),
            Membership::Unknown(what) => what,
        };
        assert_eq!(found, expected, "{compose} {system:?} {code}");
    };
    let food = Some("http://c/food");
    let whole = r#"{"include":[{"system":"http://c/food"}]}"#;
    check(whole, food, "rice", "in");
    check(whole, None, "rice", "in");
    check(whole, food, "bread", "out");
    check(whole, Some("http://c/other"), "rice", "out");
    for (op, value, code, expected) in [
        ("is-a", "dal", "dal", "in"),
        ("is-a", "dal", "toor", "in"),
        ("is-a", "dal", "rice", "out"),
        ("descendent-of", "dal", "dal", "out"),
        ("descendent-of", "plant", "toor", "in"),
        ("descendent-of", "plant", "thali", "in"),
        ("is-not-a", "plant", "egg", "in"),
        ("is-not-a", "plant", "rice", "out"),
        ("generalizes", "toor", "plant", "in"),
        ("in", "rice, dal", "dal", "in"),
        ("not-in", "rice,dal", "egg", "in"),
        ("regex", "[a-z]{3}", "egg", "in"),
        ("regex", "[a-z]{3}", "rice", "out"),
    ] {
        let compose = format!(
            r#"{{"include":[{{"system":"http://c/food","filter":[{{"property":"concept","op":"{op}","value":"{value}"}}]}}]}}"#
        );
        check(&compose, food, code, expected);
    }
    let by = |property: &str, op: &str, value: &str| {
        format!(
            r#"{{"include":[{{"system":"http://c/food","filter":[{{"property":"{property}","op":"{op}","value":"{value}"}}]}}]}}"#
        )
    };
    check(&by("kcal", "=", "130"), food, "rice", "in");
    check(&by("kcal", "exists", "false"), food, "egg", "in");
    check(&by("parent", "=", "egg"), food, "thali", "in");
    check(&by("child", "=", "toor"), food, "dal", "in");
    check(&by("display", "regex", "L.*"), food, "dal", "in");
    let veg = r#"{"include":[{"valueSet":["http://v/veg"]}]}"#;
    check(veg, food, "rice", "in");
    check(veg, food, "toor", "out");
    check(veg, food, "egg", "out");
    check(r#"{"include":[{"valueSet":["http://v/none"]}]}"#, food, "egg", "http://v/none");
    let both = r#"{"include":[{"system":"http://c/food","concept":[{"code":"rice"},{"code":"egg"}],"valueSet":["http://v/veg"]}]}"#;
    check(both, food, "rice", "in");
    check(both, food, "egg", "out");
    check(
        r#"{"include":[{"system":"http://loinc.org"}]}"#,
        Some("http://loinc.org"),
        "1-8",
        "http://loinc.org",
    );
    check(r#"{"include":[{"system":"urn:ietf:bcp:47"}]}"#, Some("urn:ietf:bcp:47"), "en-IN", "in");
    check(r#"{"include":[{"system":"urn:ietf:bcp:47"}]}"#, None, "en_IN", "out");
}

#[test]
fn a_value_set_is_listed_filtered_and_paged() {
    let shelf = shelf();
    let codes = |compose: &str, asked: &Asked<'_>| -> Vec<String> {
        expand(&shelf, &set(compose), asked).unwrap().entries.into_iter().map(|e| e.code).collect()
    };
    let whole =
        r#"{"include":[{"system":"http://c/food"},{"system":"http://c/food","concept":[{"code":"rice"}]}]}"#;
    assert_eq!(codes(whole, &Asked::default()), ["plant", "rice", "dal", "toor", "egg", "thali"]);
    let asked = Asked { active_only: true, ..Asked::default() };
    assert_eq!(codes(whole, &asked), ["plant", "rice", "dal", "toor", "thali"]);
    for (filter, expected) in [("pl", vec!["plant", "thali"]), ("SPLIT pea", vec!["toor"]), ("ice", vec![])] {
        let asked = Asked { filter: Some(filter), ..Asked::default() };
        assert_eq!(codes(whole, &asked), expected, "{filter}");
    }
    let page = Asked { offset: 2, count: Some(2), ..Asked::default() };
    let found = expand(&shelf, &set(whole), &page).unwrap();
    assert_eq!((found.total, found.entries.len(), found.used[0].0.as_str()), (6, 2, "http://c/food"));
    let less = r#"{"include":[{"system":"http://c/food"}],"exclude":[{"system":"http://c/food","filter":[{"property":"concept","op":"is-a","value":"dal"}]}]}"#;
    assert_eq!(codes(less, &Asked::default()), ["plant", "rice", "egg", "thali"]);
}

#[test]
fn what_cannot_be_listed_says_why() {
    let shelf = shelf()
        .with(r#"{"resourceType":"ValueSet","url":"http://v/a","compose":{"include":[{"valueSet":["http://v/b"]}]}}"#)
        .with(r#"{"resourceType":"ValueSet","url":"http://v/b","compose":{"include":[{"valueSet":["http://v/a"]}]}}"#);
    for (part, expected) in [
        (r#"{"system":"http://loinc.org"}"#, TermError::UnknownSystem("http://loinc.org".to_owned())),
        (r#"{"valueSet":["http://v/zz"]}"#, TermError::UnknownValueSet("http://v/zz".to_owned())),
        (r#"{"valueSet":["http://v/a"]}"#, TermError::Circular("http://v/a".to_owned())),
    ] {
        let error =
            expand(&shelf, &set(&format!(r#"{{"include":[{part}]}}"#)), &Asked::default()).unwrap_err();
        assert_eq!(error, expected);
    }
    let ring = shelf.value_set("http://v/a", None).unwrap();
    assert!(matches!(member(&shelf, &ring, None, "x"), Membership::Unknown(_)));
}

#[test]
fn a_code_is_looked_up_and_compared() {
    let shelf = shelf();
    let found = lookup(&shelf, "http://c/food", None, "dal").unwrap();
    assert_eq!((found.name.as_str(), found.display.as_deref()), ("Food", Some("Lentil soup")));
    let properties: Vec<_> = found.properties.iter().map(|(k, v)| format!("{k}={}", v.text())).collect();
    assert_eq!(properties, ["parent=plant", "child=toor"]);
    assert!(lookup(&shelf, "http://c/food", None, "egg").unwrap().inactive);
    assert!(lookup(&shelf, "http://c/food", None, "plant").unwrap().is_abstract);
    assert!(matches!(lookup(&shelf, "http://c/food", None, "x"), Err(TermError::UnknownCode { .. })));
    assert!(matches!(lookup(&shelf, "http://loinc.org", None, "x"), Err(TermError::UnknownSystem(_))));
    assert!(lookup(&shelf, "urn:ietf:bcp:47", None, "mr").is_ok());
    for (a, b, expected) in [
        ("dal", "dal", "equivalent"),
        ("plant", "toor", "subsumes"),
        ("toor", "plant", "subsumed-by"),
        ("rice", "egg", "not-subsumed"),
    ] {
        assert_eq!(subsumes(&shelf, "http://c/food", None, a, b).unwrap().as_str(), expected, "{a} {b}");
    }
    assert!(subsumes(&shelf, "http://c/food", None, "a", "dal").is_err());
}

#[test]
fn codes_for_a_search_are_listed_and_bounded() {
    let shelf = shelf().with(
        r#"{"resourceType":"ValueSet","url":"http://v/veg","compose":{"include":[
            {"system":"http://c/food","filter":[{"property":"concept","op":"is-a","value":"plant"}]}]}}"#,
    );
    let codes = |url: &str, most| {
        members(&shelf, url, most).map(|c| c.into_iter().map(|c| c.code).collect::<Vec<_>>())
    };
    assert_eq!(codes("http://v/veg", 9).unwrap(), ["plant", "rice", "dal", "toor", "thali"]);
    assert_eq!(codes("http://v/veg", 4), Err(TermError::TooCostly { most: 4 }));
    assert_eq!(codes("http://v/none", 4), Err(TermError::UnknownValueSet("http://v/none".to_owned())));
    assert_eq!(below(&shelf, "http://c/food", "dal", 9).unwrap(), ["dal", "toor"]);
    assert_eq!(below(&shelf, "http://c/food", "egg", 9).unwrap(), ["egg", "thali"]);
    assert_eq!(below(&shelf, "http://c/food", "plant", 4), Err(TermError::TooCostly { most: 4 }));
    assert_eq!(above(&shelf, "http://c/food", "thali", 9).unwrap(), ["thali", "plant", "egg"]);
    assert!(matches!(above(&shelf, "http://c/food", "bread", 9), Err(TermError::UnknownCode { .. })));
    assert!(matches!(above(&shelf, "http://loinc.org", "1-8", 9), Err(TermError::UnknownSystem(_))));
}

#[test]
fn a_code_is_validated_with_its_display() {
    let shelf = shelf();
    let all = set(r#"{"include":[{"system":"http://c/food"}]}"#);
    let check = |code: &str, display: Option<&str>, expected: Option<bool>| {
        let coded = Coded { system: Some("http://c/food"), code, display, ..Coded::default() };
        let answer = validate_code(&shelf, Some(&all), &coded);
        assert_eq!(answer.result, expected, "{code} {display:?}: {:?}", answer.message);
        assert_eq!(answer.message.is_some(), expected != Some(true));
    };
    check("rice", None, Some(true));
    check("rice", Some("RICE"), Some(true));
    check("rice", Some("चावल"), Some(true));
    check("rice", Some("Wheat"), Some(false));
    check("wheat", None, Some(false));
    let loinc = Coded { system: Some("http://loinc.org"), code: "1-8", ..Coded::default() };
    assert_eq!(validate_code(&shelf, None, &loinc).result, None);
}

#[test]
fn a_code_is_translated() {
    let map = Core.concept_map("http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v2", None).unwrap();
    let question = |system: &'static str, code: &'static str| Question {
        system,
        code,
        target: None,
        reverse: false,
        dependencies: &[],
    };
    let gender = "http://hl7.org/fhir/administrative-gender";
    let found = translate(&Core, &map, &question(gender, "female")).unwrap();
    assert_eq!((found[0].code.as_deref(), found[0].counts()), (Some("F"), true));
    let shelf = Shelf::default()
        .with(
            r#"{"resourceType":"ConceptMap","url":"http://m/1","group":[{"source":"a","target":"b",
            "element":[{"code":"1","target":[{"code":"x","equivalence":"wider","comment":"about"},{"code":"y","equivalence":"equal"}]},
                       {"code":"2","target":[{"equivalence":"unmatched"}]}],
            "unmapped":{"mode":"other-map","url":"http://m/2"}}]}"#,
        )
        .with(
            r#"{"resourceType":"ConceptMap","url":"http://m/2","group":[
            {"source":"a","target":"b","element":[],"unmapped":{"mode":"fixed","code":"other"}},
            {"source":"a","target":"c","element":[],"unmapped":{"mode":"provided"}}]}"#,
        );
    let map = shelf.concept_map("http://m/1", None).unwrap();
    let ask = |code: &str, target: Option<&str>| -> Vec<String> {
        let question = Question { system: "a", code, target, reverse: false, dependencies: &[] };
        translate(&shelf, &map, &question)
            .unwrap()
            .iter()
            .map(|m| format!("{}:{}", m.equivalence, m.code.as_deref().unwrap_or("-")))
            .collect()
    };
    assert_eq!(ask("1", None), ["equal:y", "wider:x"]);
    assert_eq!(ask("2", None), ["unmatched:-"]);
    assert_eq!(ask("3", Some("b")), ["equivalent:other"]);
    assert!(ask("3", Some("z")).is_empty());
    assert!(
        map.has_group("a", Some("b"), false)
            && !map.has_group("b", None, false)
            && map.has_group("b", None, true)
    );
    let back = Question { system: "b", code: "x", target: None, reverse: true, dependencies: &[] };
    let back = translate(&shelf, &map, &back).unwrap();
    assert_eq!(
        (back[0].equivalence.as_str(), back[0].code.as_deref(), back.len()),
        ("narrower", Some("1"), 1)
    );
}

#[test]
fn hostile_definitions_are_refused() {
    for text in [
        r#"{"resourceType":"CodeSystem","concept":[]}"#,
        r#"{"resourceType":"CodeSystem","url":"u","concept":[{"code":"a"},{"code":"a"}]}"#,
        r#"{"resourceType":"CodeSystem","url":"u","concept":[{"display":"a"}]}"#,
    ] {
        assert!(CodeSystem::from_json(&json(text)).is_err(), "{text}");
    }
    let ring = r#"{"resourceType":"CodeSystem","url":"u","concept":[
        {"code":"a","property":[{"code":"parent","valueCode":"b"}]},{"code":"b","property":[{"code":"parent","valueCode":"a"}]}]}"#;
    let ring = CodeSystem::from_json(&json(ring)).unwrap();
    assert!(ring.is_a("a", "b") && ring.is_a("b", "a") && !ring.is_a("a", "c"));
    assert!(ValueSet::from_json(&json(r#"{"resourceType":"ValueSet"}"#)).is_err());
    let bad =
        r#"{"compose":{"include":[{"system":"s","filter":[{"property":"p","op":"like","value":"v"}]}]}}"#;
    assert!(ValueSet::from_json(&json(bad)).is_err());
}

#[test]
fn a_lattice_of_value_sets_ends() {
    let mut shelf = shelf();
    for level in 0..18 {
        let below = format!(r#"{{"valueSet":["http://v/{}"]}}"#, level + 1);
        let parts = vec![below; 10].join(",");
        shelf = shelf.with(&format!(
            r#"{{"resourceType":"ValueSet","url":"http://v/{level}","compose":{{"include":[{parts}]}}}}"#
        ));
    }
    shelf = shelf.with(
        r#"{"resourceType":"ValueSet","url":"http://v/18","compose":{"include":[{"system":"http://c/food"}]}}"#,
    );
    let top = shelf.value_set("http://v/0", None).unwrap();
    assert!(matches!(member(&shelf, &top, Some("http://c/food"), "bread"), Membership::Unknown(_)));
    assert_eq!(member(&shelf, &top, Some("http://c/food"), "rice"), Membership::In);
    assert_eq!(expand(&shelf, &top, &Asked::default()), Err(TermError::TooCostly { most: MOST_CODES }));
}

#[test]
fn what_one_part_leaves_out_another_may_bring() {
    let named = |url: &str, codes: &str| {
        format!(
            r#"{{"resourceType":"ValueSet","url":"{url}","compose":{{"include":[{{"system":"http://c/food","concept":[{codes}]}}]}}}}"#
        )
    };
    let shelf = shelf()
        .with(&named("http://v/a", r#"{"code":"rice"},{"code":"egg"}"#))
        .with(&named("http://v/b", r#"{"code":"rice"}"#))
        .with(r#"{"resourceType":"ValueSet","url":"http://v/far","compose":{"include":[{"system":"http://c/far"}]}}"#);
    let both = set(r#"{"include":[{"valueSet":["http://v/a","http://v/b"]},
        {"system":"http://c/food","concept":[{"code":"egg"}]}]}"#);
    let listed = expand(&shelf, &both, &Asked::default()).unwrap().entries;
    assert_eq!(listed.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["rice", "egg"]);
    for entry in &listed {
        assert_eq!(member(&shelf, &both, Some("http://c/food"), &entry.code), Membership::In);
    }
    for part in
        [r#"{"valueSet":["http://v/a","http://v/far"]}"#, r#"{"valueSet":["http://v/a","http://v/none"]}"#]
    {
        // Codes of food are not of the other system, so only a value set that is not here leaves it open.
        let answer = expand(&shelf, &set(&format!(r#"{{"include":[{part}]}}"#)), &Asked::default());
        match part.contains("none") {
            true => assert_eq!(answer, Err(TermError::NotListable("http://v/none".to_owned()))),
            false => assert_eq!(answer.unwrap().total, 0),
        }
    }
}
