//! fhirkit and the gateway read the invented clinic and, where they lie beside the checkout, the standard's examples.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use clinicvault_crosscheck::{ours, rewritten, spoil, text, theirs};
use clinicvault_gateway::json::{Limits, Object, Value, parse};
use clinicvault_tests::Clinic;
use clinicvault_tests::shared::shared;

/// Examples beyond this size are not spoilt: each member makes eight resources.
const MOST_BYTES: usize = 2_500;

fn read(bytes: &[u8]) -> Value {
    parse(bytes, &Limits::default()).unwrap()
}

/// Both find nothing wrong, and fhirkit writes what we write.
#[track_caller]
fn agree(resource: &Value, name: &str) {
    assert_eq!(theirs(resource), Vec::<String>::new(), "{name}");
    assert_eq!(ours(resource), Vec::<String>::new(), "{name}");
    let again = rewritten(resource).unwrap_or_else(|| panic!("{name} was not read"));
    assert_eq!(text(&sorted(&read(again.as_bytes()))), text(&sorted(resource)), "{name}");
}

/// Spoils the resource in every way and returns how often both found an error; what fhirkit alone finds is a failure.
#[track_caller]
fn as_strict(resource: &Value, name: &str) -> usize {
    let mut both = 0;
    let mut missed = Vec::new();
    spoil(resource, &mut |how, spoilt| match (ours(spoilt).is_empty(), theirs(spoilt)) {
        (true, found) if !found.is_empty() => missed.push(format!("{how}: {found:?}")),
        (false, found) if !found.is_empty() => both += 1,
        (true | false, _) => {}
    });
    assert!(missed.is_empty(), "{name}: {missed:#?}");
    both
}

/// fhirkit writes members in the order of the standard where they stood in another.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let members: BTreeMap<&str, Value> =
                object.iter().map(|(key, part)| (key, sorted(part))).collect();
            Value::Object(members.into_iter().fold(Object::new(), |whole, (key, part)| whole.with(key, part)))
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|has| has == ending));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

#[test]
fn the_invented_clinic_is_read_alike_and_its_resources_are_spoilt_alike() {
    let clinic = Clinic::empty();
    clinic.cli_ok(&["demo"]);
    let out = clinic.scratch().join("export");
    clinic.cli_ok(&["export", "--out", out.to_str().unwrap()]);
    let (mut resources, mut spoilt) = (0, 0);
    for file in files(&out, "ndjson") {
        for (nth, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            let resource = read(line.as_bytes());
            let name = format!("{} line {}", file.display(), nth + 1);
            agree(&resource, &name);
            resources += 1;
            if nth < 2 {
                spoilt += as_strict(&resource, &name);
            }
        }
    }
    assert!(resources > 1000 && spoilt > 1000, "{resources} resources, {spoilt} errors found by both");
}

#[test]
fn the_standards_examples_are_read_alike_and_spoilt_alike() {
    let Some(folder) = shared("data/fhir/r4-examples") else { return };
    let mut spoilt = 0;
    for file in files(&folder, "json") {
        let bytes = std::fs::read(&file).unwrap();
        let resource = read(&bytes);
        let name = file.display().to_string();
        assert_eq!(theirs(&resource), Vec::<String>::new(), "{name}");
        // Some examples break rules of the standard that fhirkit does not look at.
        if ours(&resource).is_empty() {
            agree(&resource, &name);
            if bytes.len() < MOST_BYTES {
                spoilt += as_strict(&resource, &name);
            }
        }
    }
    assert!(spoilt > 5000, "{spoilt} errors found by both");
}
