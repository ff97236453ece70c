//! The official examples and Synthea's bundles: all are read, written back the same, and pass the check, but for
//! those known to break R4 themselves. Skipped with a line where the shared data is absent.

use std::path::PathBuf;

use super::{Core, Level, Policy, Validator, structure};
use crate::json::{Limits, Value, parse};

/// Examples of the standard that break its own rules, with the place.
const INVALID: &[(&str, &str)] = &[
    // A div without any text breaks txt-2.
    ("ActivityDefinition-blood-tubes-supply.json", "ActivityDefinition.text.div"),
    ("ActivityDefinition-heart-valve-replacement.json", "ActivityDefinition.text.div"),
    ("EventDefinition-example.json", "EventDefinition.text.div"),
    // References to types that the element does not allow.
    ("DeviceMetric-example.json", "DeviceMetric.parent.reference"),
    ("DeviceUseStatement-example.json", "DeviceUseStatement.reasonReference[0].reference"),
];

pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir").join(folder);
    let Ok(entries) = std::fs::read_dir(&shared) else {
        println!("skipped: {folder} is not there");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    files
}

fn read(file: &PathBuf) -> Value {
    let bytes = std::fs::read(file).unwrap();
    let value = parse(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{file:?}: {e}"));
    let written = value.to_vec();
    assert_eq!(parse(&written, &Limits::default()).unwrap(), value, "{file:?}");
    assert_eq!(squeezed(&bytes), squeezed(&written), "{file:?} changed on the way");
    value
}

/// The text without white space outside strings, escapes written one way.
fn squeezed(text: &[u8]) -> String {
    let text = std::str::from_utf8(text).unwrap().trim_start_matches('\u{feff}');
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        if inside || !c.is_whitespace() {
            out.push(c);
        }
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && c == '\\' && !escaped;
    }
    out.replace("\\/", "/")
}

#[test]
fn the_standards_own_examples_pass() {
    let mut refused = Vec::new();
    for file in files("r4-examples") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for issue in structure(&read(&file)) {
            refused.push((name.clone(), issue.expression.join(" "), issue.diagnostics));
        }
    }
    let known = |name: &str, place: &str| INVALID.iter().any(|(n, p)| *n == name && *p == place);
    let unexpected: Vec<_> = refused.iter().filter(|(name, place, _)| !known(name, place)).collect();
    assert!(unexpected.is_empty(), "{} refusals: {unexpected:#?}", unexpected.len());
}

#[test]
fn the_standards_own_examples_keep_its_invariants() {
    let validator = Validator::new(&Core, Policy::write(Level::Invariants));
    let mut refused = Vec::new();
    for file in files("r4-examples") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let value = read(&file);
        if structure(&value).is_empty() {
            refused.extend(validator.check(&value, &[]).into_iter().map(|i| (name.clone(), i.to_string())));
        }
    }
    assert!(refused.is_empty(), "{} refusals: {refused:#?}", refused.len());
}

/// Examples whose codes or definitions are faulty, with what is said about them.
const BEYOND: &[(&str, &str)] = &[
    // Not UCUM: mEq is meq, ea is {each}, month is mo.
    ("MedicationRequest-medrx0322.json", "no code \"mEq\""),
    ("MedicationRequest-medrx0335.json", "no code \"ea\""),
    ("VisionPrescription-33124.json", "no code \"month\""),
    ("CapabilityStatement-example.json", "is not a UUID in lower case"),
    ("TerminologyCapabilities-example.json", "is not a UUID in lower case"),
    ("ValueSet-publication-status.json", "structuredefinition-normative-version may not stand here"),
];

#[test]
fn the_standards_own_examples_pass_at_every_level() {
    let validator = Validator::new(&Core, Policy::write(Level::Profiles));
    let mut unexpected = Vec::new();
    for file in files("r4-examples") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let value = read(&file);
        if structure(&value).is_empty() {
            let issues = validator.check(&value, &[]).into_iter().map(|i| i.to_string());
            let known = |issue: &String| BEYOND.iter().any(|(n, part)| *n == name && issue.contains(part));
            unexpected.extend(issues.filter(|i| !known(i)).map(|i| (name.clone(), i)));
        }
    }
    assert!(unexpected.is_empty(), "{} refusals: {unexpected:#?}", unexpected.len());
}

#[test]
fn synthea_bundles_pass() {
    let validator = Validator::new(&Core, Policy::write(Level::Invariants));
    for file in files("synthea") {
        let issues = validator.check(&read(&file), &[]);
        assert!(issues.is_empty(), "{file:?}: {issues:?}");
    }
}

/// Good only for a validator that was told to be lax: comments in JSON, a contained id that is no id.
const LAX: [&str; 3] = ["json-comments-1-yes", "json-comments-2-yes", "contained-resource-bad-id-ignore"];

/// Cases of the official validator suite without profiles: what it accepts, this check accepts.
#[test]
fn what_the_official_validator_accepts_passes() {
    let Some(manifest) = files("validator").into_iter().find(|f| f.ends_with("manifest.json")) else {
        return;
    };
    let folder = manifest.parent().unwrap().to_owned();
    let (mut accepted, mut caught, mut faulty, mut wrong) = (0, 0, 0, Vec::new());
    for case in parse(&std::fs::read(&manifest).unwrap(), &Limits::default()).unwrap().as_array().unwrap() {
        let name = case.str("file").unwrap_or_default();
        let plain = case.items("profiles").is_empty() && case.items("supporting").is_empty();
        if !name.ends_with(".json") || !plain {
            continue;
        }
        let Ok(bytes) = std::fs::read(folder.join(name)) else { continue };
        let issues = match parse(&bytes, &Limits::default()) {
            Ok(value) => structure(&value).into_iter().map(|i| i.to_string()).collect(),
            Err(error) => vec![error.to_string()],
        };
        let errors =
            case.pointer("/expected/errors").and_then(Value::as_number).and_then(|n| n.as_u64()).unwrap_or(0);
        if errors == 0 {
            accepted += 1;
            if !issues.is_empty() && !LAX.contains(&case.str("name").unwrap_or_default()) {
                wrong.push(format!("{}: {issues:?}", case.str("name").unwrap_or_default()));
            }
        } else {
            faulty += 1;
            caught += usize::from(!issues.is_empty());
        }
    }
    println!(
        "official validator: {accepted} good cases, {} refused; {faulty} faulty cases, {caught} refused",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
