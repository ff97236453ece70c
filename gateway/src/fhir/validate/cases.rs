//! The official validator's JSON cases: error or no error, as it says. Skipped with a line where the data is absent.

use super::official::files;
use super::{Policy, Shelf, Validator};
use crate::fhir::outcome::Severity;
use crate::fhir::xml;
use crate::json::{Limits, Value, blank_comments, parse};

/// Cases that are judged otherwise, each with the reason.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "dr-example-org",
        "needs the setting that refuses example addresses, which a twin of this case is run without",
    ),
    ("encounter-period", "start and end have another precision; a period that may be right is not refused"),
    ("ips-nz-pj", "needs LOINC, for displays"),
    ("cs-narrative-status-pub", "the same file as a good case, under rules for what HL7 itself publishes"),
    (
        "parameters-reference-bad",
        "a reference to a record that is not sent along, which a server may well have",
    ),
    ("mr-covid-m2", "needs SNOMED CT, for a display"),
    ("profile-slicing-multipleb", "two entries fit a slice that may have one; the standard counts them"),
    ("res-inv-example-bad", "breaks uab-1 of its profile, as its name says"),
    ("contained-resource-bad-id-ignore", "is good only where faulty ids are told to be ignored"),
    ("cvx", "needs CVX, for a display"),
    ("obs-temp-code2", "needs SNOMED CT, for a code"),
];

struct Case {
    name: String,
    wanted: bool,
    found: Vec<String>,
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
        let found = match parse(&bytes, &Limits::default()) {
            Err(error) => vec![error.to_string()],
            Ok(value) => Validator::new(&shelf, Policy::strict())
                .check(&value, &asked)
                .iter()
                .filter(|i| i.severity >= Severity::Error)
                .map(ToString::to_string)
                .collect(),
        };
        let errors = case.pointer("/expected/errors").and_then(Value::as_number).and_then(|n| n.as_u64());
        cases.push(Case {
            name: case.str("name").unwrap_or_default().to_owned(),
            wanted: errors.unwrap_or_default() > 0,
            found,
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
    assert!(agree >= 110 && refused <= 4);
}
