//! Large and hostile resources: what a check costs is counted in steps, and grows with the resource, not with its square.

use std::rc::Rc;

use super::around::Budget;
use super::*;
use crate::fhir::outcome::{IssueCode, Severity};
use crate::json::{Limits, parse};

const MIB: usize = 1 << 20;

/// Issues of a check, and the steps it took.
fn counted(level: Level, text: &str) -> (Vec<Issue>, u64) {
    let resource = parse(text.as_bytes(), &Limits::default()).unwrap();
    let budget = Rc::new(Budget::default());
    let shelf = Shelf::default();
    let issues = Validator::new(&shelf, Policy::write(level)).within(&resource, &[], &budget);
    (issues, budget.most() - budget.left())
}

/// `head`, as many items as there is room for in so many bytes, `tail`.
fn filled(bytes: usize, head: &str, item: impl Fn(usize) -> String, tail: &str) -> String {
    let mut out = head.to_owned();
    for n in 0.. {
        let item = item(n);
        if out.len() + item.len() + tail.len() + 1 > bytes {
            break;
        }
        if n > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out.push_str(tail);
    out
}

fn bundle(bytes: usize, entry: impl Fn(usize) -> String) -> String {
    filled(bytes, r#"{"resourceType":"Bundle","type":"collection","entry":["#, entry, "]}")
}

#[test]
fn a_full_bundle_of_tiny_entries_is_answered() {
    let text =
        bundle(16 * MIB, |n| format!(r#"{{"fullUrl":"urn:x:{n}","resource":{{"resourceType":"Patient"}}}}"#));
    let (issues, steps) = counted(Level::Invariants, &text);
    assert!(issues.is_empty(), "{:?}", issues.first());
    let entries = text.matches("fullUrl").count() as u64;
    assert!(entries > 250_000 && steps < entries * 60, "{steps} for {entries}");
}

#[test]
fn what_is_wrong_at_the_end_of_a_full_bundle_is_found() {
    let entry = |n: usize| format!(r#"{{"fullUrl":"urn:x:{n}","resource":{{"resourceType":"Patient"}}}}"#);
    let head = r#"{"resourceType":"Bundle","type":"collection","entry":["#;
    let text = filled(8 * MIB, head, entry, &format!(",{}]}}", entry(0)));
    let (issues, steps) = counted(Level::Invariants, &text);
    let [issue] = issues.as_slice() else { panic!("{:?}", issues.first()) };
    assert!(issue.diagnostics.contains("bdl-7") && steps < Budget::MOST_STEPS / 2, "{issue}: {steps}");
}

#[test]
fn invariants_that_ask_the_whole_for_every_part_grow_with_the_resource() {
    let elements = |bytes: usize| {
        let head = r#"{"resourceType":"StructureDefinition","url":"http://x/s","name":"S","status":"draft","kind":"logical",
            "abstract":false,"type":"http://x/s","snapshot":{"element":["#;
        let element = |n: usize| {
            format!(
                r#"{{"id":"S.e{n}","path":"S{}","definition":"d","min":0,"max":"1","base":{{"path":"x","min":0,"max":"1"}}}}"#,
                if n == 0 { String::new() } else { format!(".e{n}") }
            )
        };
        filled(bytes, head, element, "]}}")
    };
    let groupings = |bytes: usize| {
        let one = |n: usize| format!(r#"{{"id":"g{n}","name":"G"}}"#);
        let grouping = filled(bytes / 2, r#""grouping":["#, one, "]");
        let count = grouping.matches("\"id\"").count();
        let resources: Vec<String> = (0..count)
            .map(|n| format!(r#"{{"reference":{{"reference":"Patient/{n}"}},"groupingId":"g{n}"}}"#))
            .collect();
        format!(
            r#"{{"resourceType":"ImplementationGuide","url":"http://x/i","name":"I","status":"draft","packageId":"x.y","fhirVersion":["4.0.1"],
            "definition":{{{grouping},"resource":[{}]}}}}"#,
            resources.join(",")
        )
    };
    for (name, text) in [("sdf-8", &elements as &dyn Fn(usize) -> String), ("ig-1", &groupings)] {
        let (_, small) = counted(Level::Invariants, &text(MIB / 16));
        let (issues, large) = counted(Level::Invariants, &text(MIB / 2));
        assert!(large < small * 10, "{name}: {small} and {large}");
        assert!(!issues.iter().any(|i| i.diagnostics.contains(name)), "{:?}", issues.first());
    }
}

#[test]
fn a_costly_invariant_of_a_profile_is_refused_by_the_name_of_the_setting() {
    let profile =
        json_profile("name.all(%resource.name.where($this = %resource.name.last()).count() = name.count())");
    let mut shelf = Shelf::default();
    assert!(shelf.add(&[&profile]).is_empty());
    let names =
        filled(MIB / 16, r#"{"resourceType":"Patient","name":["#, |n| format!(r#"{{"family":"{n}"}}"#), "]}");
    let resource = parse(names.as_bytes(), &Limits::default()).unwrap();
    let validator = Validator::new(&shelf, Policy::write(Level::Profiles)).with_most_steps(20_000);
    let issues = validator.check(&resource, &["http://p/costly"]);
    let first = issues.first().unwrap();
    assert_eq!(first.code, IssueCode::TooCostly);
    assert!(first.diagnostics.contains("fhir.validation_steps"), "{first}");
}

fn json_profile(expression: &str) -> Value {
    let text = format!(
        r#"{{"resourceType":"StructureDefinition","url":"http://p/costly","name":"C","status":"active","kind":"resource","abstract":false,
        "type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint",
        "differential":{{"element":[{{"path":"Patient","constraint":[{{"key":"c-1","severity":"error","human":"c","expression":"{expression}"}}]}}]}}}}"#
    );
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn many_contained_resources_are_answered() {
    let text = filled(
        16 * MIB,
        r##"{"resourceType":"Patient","link":[{"other":{"reference":"#1"},"type":"seealso"}],"contained":["##,
        |n| format!(r#"{{"resourceType":"Patient","id":"{n}"}}"#),
        "]}",
    );
    let (issues, steps) = counted(Level::Invariants, &text);
    let contained = text.matches("\"id\"").count() as u64;
    assert!(contained > 300_000 && steps < contained * 40, "{steps} for {contained}");
    assert_eq!(issues.len(), MOST_ISSUES + 1);
    assert!(issues.iter().take(MOST_ISSUES).all(|i| i.diagnostics.contains("dom-3")), "{issues:?}");
}

#[test]
fn references_among_entries_cost_the_same_in_a_larger_bundle() {
    let entry = |n: usize| {
        format!(
            r#"{{"fullUrl":"http://h/Observation/{n}","resource":{{"resourceType":"Observation","id":"{n}","meta":{{"profile":["http://p/o"]}},"status":"final","code":{{"text":"x"}},"hasMember":[{{"reference":"Observation/{}"}}]}}}}"#,
            n / 2
        )
    };
    let (_, small) = counted(Level::Profiles, &bundle(MIB / 8, entry));
    let (_, large) = counted(Level::Profiles, &bundle(MIB / 2, entry));
    assert!(small > 1_000 && large < small * 5, "{small} and {large}");
}

#[test]
fn work_beyond_the_bound_is_refused_and_said_once() {
    let text =
        bundle(20_000, |n| format!(r#"{{"fullUrl":"urn:x:{n}","resource":{{"resourceType":"Patient"}}}}"#));
    let resource = parse(text.as_bytes(), &Limits::default()).unwrap();
    let shelf = Shelf::default();
    let validator = Validator::new(&shelf, Policy::write(Level::Invariants));
    assert!(validator.check(&resource, &[]).is_empty());
    let issues = validator.with_most_steps(500).check(&resource, &[]);
    let [issue] = issues.as_slice() else { panic!("{issues:?}") };
    assert!(issue.severity == Severity::Error && issue.code == IssueCode::TooCostly, "{issue}");
    assert!(issue.to_string().contains("more than 500 steps"), "{issue}");
}

#[test]
fn addresses_that_end_alike_are_charged() {
    let addresses = filled(
        MIB / 16,
        r#"{"resourceType":"Bundle","entry":["#,
        |n| format!(r#"{{"fullUrl":"http://h/{n}/x","resource":{{"resourceType":"Basic"}}}}"#),
        "]}",
    );
    let bundle = parse(addresses.as_bytes(), &Limits::default()).unwrap();
    let around = Surroundings::with(Rc::new(Budget::of(5_000))).within(&bundle);
    let entries = bundle.items("entry");
    assert!(
        around.resolve("http://h/1/x").is_some_and(|r| std::ptr::eq(r, entries[1].get("resource").unwrap()))
    );
    assert_eq!(around.budget.left(), 5_000 - 2);
    for _ in 0..10 {
        assert!(around.resolve("http://h/none/x").is_none());
    }
    assert_eq!(around.budget.left(), 0);
    assert!(around.resolve("http://h/1/x").is_none(), "nothing is looked for when the work is used up");
}

#[test]
fn official_examples_need_a_small_part_of_the_work_there_is() {
    let folder =
        std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir/r4-examples");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: the examples are not there");
        return;
    };
    for entry in entries.flatten().step_by(2) {
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let (_, steps) = counted(Level::Profiles, &text);
        let most = text.len() as u64 * 3 + 1_000;
        assert!(steps < most, "{:?}: {steps} steps for {} bytes", entry.path(), text.len());
    }
    assert!(16 * MIB as u64 * 3 < Budget::MOST_STEPS, "a full resource of that kind has room");
}
