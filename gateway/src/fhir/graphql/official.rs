//! The standard's test queries, where their inputs are at hand: each is counted, and each that fails is in [`MISSES`].

use std::path::PathBuf;
use std::rc::Rc;

use super::tests::{Shelf, tree};
use super::{Document, Limits, Root, answer};
use crate::json::{self, Object, Value};

/// Tests that are answered otherwise, and why.
const MISSES: &[(&str, &str)] = &[];

/// Name, the place of the resource, and whether an error is expected. Searches and references beside the resource need
/// a whole server and stand in the behaviour tests.
const TESTS: &[(&str, &str, bool)] = &[
    ("simple", "Patient", false),
    ("filter-fhirpath", "Patient", false),
    ("wrong-field", "Patient", true),
    ("directive-skip", "Patient", false),
    ("directive-include", "Patient", false),
    ("directive-variable", "Patient", false),
    ("flatten", "Patient", false),
    ("flatten-first", "Patient", false),
    ("flatten-singleton1", "Patient", false),
    ("flatten-singleton2", "Patient", true),
    ("flatten-singleton3", "Patient", false),
    ("flatten-slice1", "Patient", false),
    ("flatten-slice2", "Patient", false),
    ("polymorphic", "Observation", false),
    ("reference", "Observation", false),
    ("reference-type-in", "Observation", false),
    ("reference-type-out", "Observation", false),
    ("reference-fragment-type", "Observation", false),
    ("list-sub", "List", false),
    ("reference-broken", "MedicationDispense", true),
    ("reference-optional", "MedicationDispense", false),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir")
}

#[test]
fn the_standards_queries() {
    let read = |path: &str| std::fs::read_to_string(folder().join(path));
    let Ok(patient) = read("fhirpath/patient-example.json") else {
        println!("skipped: the files are not there");
        return;
    };
    let observation = read("fhirpath/observation-example.json").unwrap();
    let others = ["r4-examples/List-long.json", "r4-examples/MedicationDispense-meddisp008.json"];
    let mut inputs = vec![tree(&patient), tree(&observation)];
    inputs.extend(others.iter().map(|path| tree(&read(path).unwrap())));
    let (mut passed, mut problems) = (0, Vec::new());
    for (name, kind, is_error) in TESTS {
        let query = read(&format!("graphql/{name}.gql")).unwrap();
        let expected = read(&format!("graphql/{name}.json")).ok().map(|text| tree(&text));
        let root = inputs.iter().find(|input| input.str("resourceType") == Some(kind)).unwrap();
        let outcome = run(&query, root, &inputs);
        let right = match (&outcome, expected) {
            (Err(_), _) => *is_error,
            (Ok(data), Some(expected)) => !is_error && sorted(data) == sorted(&expected),
            (Ok(_), None) => false,
        };
        match (right, MISSES.iter().find(|(miss, _)| miss == name)) {
            (true, None) => passed += 1,
            (true, Some(_)) => problems.push(format!("{name}: passes, take it from the list")),
            (false, Some((_, why))) => println!("{name}: missed: {why}"),
            (false, None) => {
                problems.push(format!("{name}: {}", outcome.map_or_else(|e| e, |v| v.to_string())))
            }
        }
    }
    println!("{passed} of {} queries pass", TESTS.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_parsers_texts() {
    let Ok(text) = std::fs::read_to_string(folder().join("graphql/parser-tests.gql")) else {
        println!("skipped: the file is not there");
        return;
    };
    let mut count = 0;
    for part in text.split("####").filter(|part| part.contains('{')) {
        let (title, query) = part.split_once('\n').unwrap();
        count += 1;
        let read = Document::parse(query);
        assert_eq!(read.is_ok(), title.trim() != "Mutation", "{title}: {read:?}");
    }
    println!("{count} texts are read as they should");
    assert!(count > 15);
}

fn run(query: &str, root: &Value, inputs: &[Value]) -> Result<Value, String> {
    let mut shelf =
        Shelf { resources: inputs.iter().map(|input| Rc::new(input.clone())).collect(), asked: Vec::new() };
    let limits = Limits { depth: 20, fields: 10_000, resources: 100, answer: 1_000_000 };
    let document = Document::parse(query).map_err(|error| error.to_string())?;
    let operation = document.operation(None).map_err(|error| error.to_string())?;
    let variables = if query.contains("$var") { Object::from([("var", true)]) } else { Object::new() };
    let root = Root::Resource(Rc::new(root.clone()));
    let data = answer(&document, operation, &variables, &root, &limits, &mut shelf);
    data.map(Value::Object).map_err(|error| error.to_string())
}

/// Members in the order of the alphabet, at every level.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(&str, Value)> = object.iter().map(|(k, v)| (k, sorted(v))).collect();
            members.sort_by_key(|(key, _)| *key);
            Value::Object(members.into_iter().collect::<json::Object>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
