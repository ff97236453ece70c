//! A packed system answers as the same system in memory does.

use proptest::prelude::*;

use super::super::concept::{Concept, Designation, Property};
use super::super::{CodeSystem, Content};
use super::*;
use crate::json::{Limits, Object, parse};

/// Memory that grows at its end.
type Spool = Vec<u8>;

fn packed(concepts: &[(Concept, Vec<String>)], case_sensitive: bool) -> std::io::Result<CodeSystem> {
    let mut packer = Packer::new(Spool::new(), case_sensitive);
    for (concept, parents) in concepts {
        packer.add(concept, parents)?;
    }
    let head =
        Object::new().with("url", "http://c/p").with("version", "1").with("caseSensitive", case_sensitive);
    let mut file = Vec::new();
    packer.finish(head, &mut file)?;
    Ok(open(Box::new(file)).unwrap())
}

fn plain(code: &str, parents: &[&str]) -> (Concept, Vec<String>) {
    let concept =
        Concept { code: code.to_owned(), display: Some(format!("The {code}")), ..Concept::default() };
    (concept, parents.iter().map(|p| (*p).to_owned()).collect())
}

#[test]
fn every_part_of_a_concept_comes_back() {
    let full = Concept {
        code: "x".to_owned(),
        display: Some("X".to_owned()),
        definition: Some("The long X".to_owned()),
        is_abstract: true,
        inactive: true,
        designations: vec![Designation {
            language: Some("hi".to_owned()),
            usage: Some(("http://u".to_owned(), "short".to_owned())),
            value: "एक्स".to_owned(),
        }],
        properties: vec![
            ("a".to_owned(), Property::Code("y".to_owned())),
            ("b".to_owned(), Property::Text("text".to_owned())),
            ("c".to_owned(), Property::Time("2026-01-01".to_owned())),
            ("d".to_owned(), Property::Flag(true)),
            ("e".to_owned(), Property::Number(crate::json::Number::parse("1.50").unwrap())),
            ("f".to_owned(), Property::Coding { system: "http://s".to_owned(), code: "1".to_owned() }),
        ],
        ..Concept::default()
    };
    let system = packed(&[(full.clone(), vec!["none".to_owned()])], true).unwrap();
    assert_eq!(system.find("x").unwrap().into_owned(), full);
    assert_eq!(
        (system.url.as_str(), system.version.as_deref(), system.content),
        ("http://c/p", Some("1"), Content::Complete)
    );
    assert!(system.find("X").is_none() && system.find("").is_none());
}

#[test]
fn a_code_that_stands_twice_is_refused_and_case_is_minded_as_said() {
    let twice = packed(&[plain("a", &[]), plain("a", &[])], true).unwrap_err();
    assert!(twice.to_string().contains("the code \"a\" stands twice"), "{twice}");
    assert!(packed(&[plain("a", &[]), plain("A", &[])], false).is_err());
    let system = packed(&[plain("Ab", &[]), plain("aC", &["AB"])], false).unwrap();
    assert_eq!(system.find("aB").unwrap().code, "Ab");
    assert!(system.is_a("ac", "ab"));
}

#[test]
fn a_file_that_is_damaged_is_refused_or_answers_nothing() {
    let mut packer = Packer::new(Spool::new(), true);
    for n in 0..50 {
        let (concept, parents) = plain(&format!("c{n}"), &["c0"]);
        packer.add(&concept, &parents).unwrap();
    }
    let mut file = Vec::new();
    let summary = packer.finish(Object::new().with("url", "http://c/p"), &mut file).unwrap();
    assert_eq!(summary, Summary { concepts: 50, links: 49, missing: 0 });
    for cut in [0, 7, 11, 20, file.len() / 2, file.len() - 1] {
        assert!(open(Box::new(file[..cut].to_vec())).is_err(), "{cut}");
    }
    for at in 0..file.len() {
        let mut other = file.clone();
        other[at] ^= 0xff;
        // Whatever stands there, nothing fails and nothing runs on.
        if let Ok(system) = open(Box::new(other)) {
            let _ = (system.find("c7"), system.is_a("c7", "c0"), system.concepts().count());
        }
    }
}

proptest! {
    #[test]
    fn what_is_packed_answers_as_what_is_listed(
        links in prop::collection::vec((0u8..40, 0u8..40), 0..80),
        order in Just((0u8..40).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let name = |n: u8| format!("k{}", u32::from(n) * 37 % 101);
        let concepts: Vec<_> = order.iter().map(|n| {
            let above: Vec<String> = links.iter().filter(|(low, _)| low == n).map(|(_, up)| name(*up)).collect();
            let (concept, _) = plain(&name(*n), &[]);
            (concept, above)
        }).collect();
        let packed = packed(&concepts, true).unwrap();
        let written: Vec<String> = concepts.iter().map(|(c, above)| {
            let parents: Vec<String> = above.iter().filter(|a| **a != c.code)
                .map(|a| format!(r#"{{"code":"parent","valueCode":"{a}"}}"#)).collect();
            let property = if parents.is_empty() { String::new() } else { format!(r#","property":[{}]"#, parents.join(",")) };
            format!(r#"{{"code":"{}","display":"{}"{property}}}"#, c.code, c.display.as_deref().unwrap())
        }).collect();
        let json = format!(r#"{{"url":"http://c/p","concept":[{}]}}"#, written.join(","));
        let listed = CodeSystem::from_json(&parse(json.as_bytes(), &Limits::default()).unwrap()).unwrap();
        prop_assert_eq!(packed.len(), listed.len());
        for a in 0..40 {
            let one = packed.find(&name(a)).unwrap();
            let other = listed.find(&name(a)).unwrap();
            prop_assert_eq!(&one.display, &other.display);
            let sorted = |mut list: Vec<String>| { list.sort(); list };
            prop_assert_eq!(sorted(packed.parents(&one)), sorted(listed.parents(&other)));
            prop_assert_eq!(sorted(packed.children(&one)), sorted(listed.children(&other)));
            for b in 0..40 {
                prop_assert_eq!(packed.is_a(&name(a), &name(b)), listed.is_a(&name(a), &name(b)));
            }
        }
    }
}
