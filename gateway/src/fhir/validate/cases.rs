//! The official validator's JSON cases: error or no error, as it says. Skipped with a line where the data is absent.

use super::official::files;
use super::{Policy, Shelf, Validator};
use crate::fhir::outcome::Severity;
use crate::fhir::xml;
use crate::json::{Limits, Value, blank_comments, parse};

/// Cases that are judged otherwise, each with the reason.
const OTHERWISE: &[(&str, &str)] = &[
    ("encounter-period", "start and end have another precision; a period that may be right is not refused"),
    ("ips-nz-pj", "needs LOINC, for displays"),
    ("cs-narrative-status-pub", "the same file as a good case, under rules for what HL7 itself publishes"),
    (
        "parameters-reference-bad",
        "a reference to a record that is not sent along, which a server may well have",
    ),
    ("mr-covid-m2", "needs SNOMED CT, for a display"),
    ("contained-resource-bad-id-ignore", "is good only where faulty ids are told to be ignored"),
    ("cvx", "needs CVX, for a display"),
    ("obs-temp-code2", "needs SNOMED CT, for a code"),
];

/// Cases that the official validator runs a second time, against a profile, and whether it finds errors then. The manifest
/// tells only what it finds without; these are the outcomes that the suite keeps beside it, as far as they are known.
const WITH_PROFILE: &[(&str, bool)] = &[
    ("additional-bindings-observation-2", true),
    ("valueset-import-legacy-test", true),
    ("profile-slicing-multipleb", true),
    ("res-inv-example-bad", true),
    ("ad-practitioner-resource", true),
    ("obs-percent", false),
];

/// Those of them that are judged otherwise, each with the reason.
const OTHERWISE_WITH_PROFILE: &[(&str, &str)] = &[
    ("additional-bindings-observation-2", "additional bindings are an extension of later releases"),
    ("valueset-import-legacy-test", "needs the value set of another guide"),
    ("ad-practitioner-resource", "what it is to follow says that it is a type of its own, not a profile"),
];

struct Case {
    name: String,
    wanted: bool,
    found: Vec<String>,
    /// What is found against the profile that it is run a second time with.
    against_profile: Option<Vec<String>>,
}

fn cases() -> Option<Vec<Case>> {
    let manifest = files("validator").into_iter().find(|f| f.ends_with("manifest.json"))?;
    let folder = manifest.parent()?.to_owned();
    let read = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).ok()?;
        if name.ends_with(".xml") {
            return xml::read(&bytes, &Limits::default()).ok();
        }
        parse(&bytes, &Limits::default()).ok()
    };
    let list = read("manifest.json")?;
    let mut cases = Vec::new();
    for case in list.as_array()? {
        let file = case.str("file").unwrap_or_default();
        if !file.ends_with(".json") {
            continue;
        }
        let mut names: Vec<&str> = Vec::new();
        names.extend(case.items("supporting").iter().filter_map(Value::as_str));
        let profile = case.get("profile");
        names.extend(profile.iter().flat_map(|p| p.items("supporting")).filter_map(Value::as_str));
        let source = profile.and_then(|p| p.str("source"));
        names.extend(source);
        names.extend(case.items("profiles").iter().filter_map(Value::as_str));
        let loaded: Vec<Value> = names.iter().filter_map(|name| read(name)).collect();
        let mut shelf = Shelf::default();
        let refused = shelf.add(&loaded.iter().collect::<Vec<_>>());
        for (url, why) in &refused {
            println!("{}: {url}: {why}", case.str("name").unwrap_or_default());
        }
        let asked: Vec<String> = (source.iter())
            .filter_map(|name| read(name)?.str("url").map(str::to_owned))
            // What cannot be loaded cannot be asked for.
            .filter(|url| !refused.iter().any(|(other, _)| other == url))
            .collect();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let mut bytes = std::fs::read(folder.join(file)).ok()?;
        // The official validator runs these two with comments allowed.
        if matches!(case.str("name"), Some("json-comments-1-yes" | "json-comments-2-yes")) {
            blank_comments(&mut bytes);
        }
        // And this one with example addresses refused; a twin of it is run without.
        let refuse_examples = case.str("name") == Some("dr-example-org");
        let policy = Policy { refuse_examples, ..Policy::strict() };
        let run = |asked: &[&str]| match parse(&bytes, &Limits::default()) {
            Err(error) => vec![error.to_string()],
            Ok(value) => Validator::new(&shelf, policy)
                .check(&value, asked)
                .iter()
                .filter(|i| i.severity >= Severity::Error)
                .map(ToString::to_string)
                .collect(),
        };
        let errors = case.pointer("/expected/errors").and_then(Value::as_number).and_then(|n| n.as_u64());
        cases.push(Case {
            name: case.str("name").unwrap_or_default().to_owned(),
            wanted: errors.unwrap_or_default() > 0,
            found: run(&[]),
            against_profile: (!asked.is_empty()).then(|| run(&asked)),
        });
    }
    Some(cases)
}

#[test]
fn the_official_cases_are_judged_as_the_official_validator_does() {
    let Some(cases) = cases() else { return };
    let (mut agree, mut refused, mut differing) = (0, 0, Vec::new());
    for case in &cases {
        if case.wanted != case.found.is_empty() {
            agree += 1;
            continue;
        }
        refused += usize::from(!case.wanted);
        println!("{} {}: {:#?}", if case.wanted { "MISSED" } else { "REFUSED" }, case.name, case.found);
        differing.push(case.name.as_str());
    }
    println!("{agree} of {} agree, {refused} good ones refused", cases.len());
    let known: Vec<&str> = OTHERWISE.iter().map(|(name, _)| *name).collect();
    assert_eq!(differing, known, "the list of disagreements has changed");
    assert!(agree >= 128 && refused <= 1);
}

#[test]
fn the_official_cases_are_judged_against_their_profiles() {
    let Some(cases) = cases() else { return };
    let mut differing = Vec::new();
    for (name, wanted) in WITH_PROFILE {
        let case = cases.iter().find(|case| case.name == *name).unwrap();
        let found = case.against_profile.as_deref().unwrap_or_default();
        if *wanted == found.is_empty() {
            differing.push(*name);
            println!("{name}: {found:#?}");
        }
    }
    let known: Vec<&str> = OTHERWISE_WITH_PROFILE.iter().map(|(name, _)| *name).collect();
    assert_eq!(differing, known, "the list of disagreements has changed");
}
