//! The official suite for R4: every test is counted, and each that fails is in [`MISSES`] with its reason.

mod xml;

use std::collections::HashMap;
use std::path::PathBuf;

use super::{Collection, Context, ErrorKind, Expression, Item, Node};
use crate::json::{self, Limits, Value};
use xml::Element;

/// Tests of the suite that this engine answers otherwise, and why.
const MISSES: &[(&str, &str)] =
    &[("HighBoundaryDateTimeMillisecond1", AN_HOUR), ("HighBoundaryDateTimeMillisecond3", AN_HOUR)];
const AN_HOUR: &str =
    "the suite takes T08 for the minute 08:00; as an hour its last millisecond is 08:59:59.999";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir/fhirpath")
}

fn input(name: &str) -> Value {
    let bytes = std::fs::read(folder().join(name)).unwrap();
    if name.ends_with(".json") {
        return json::parse(&bytes, &Limits::default()).unwrap();
    }
    crate::fhir::xml::read(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_official_suite() {
    let Ok(suite) = std::fs::read_to_string(folder().join("tests-fhir-r4.xml")) else {
        println!("skipped: the suite is not there");
        return;
    };
    let suite = xml::read(&suite);
    let mut inputs: HashMap<&str, Value> = HashMap::new();
    let tests: Vec<&Element> = suite.children("group").flat_map(|group| group.children("test")).collect();
    for test in &tests {
        if let Some(name) = test.attribute("inputfile") {
            inputs.entry(name).or_insert_with(|| input(name));
        }
    }
    let nothing = Value::from([("resourceType", "Basic")]);
    let mut failed = Vec::new();
    for test in &tests {
        let resource = test.attribute("inputfile").map_or(&nothing, |name| &inputs[name]);
        if let Err(reason) = run(test, resource) {
            failed.push((test.attribute("name").unwrap(), reason));
        }
    }
    println!("{} of {} tests pass", tests.len() - failed.len(), tests.len());
    // Two of the 937 in the file stand in comments.
    assert_eq!(tests.len(), 935);
    let mut problems = Vec::new();
    for (name, reason) in &failed {
        if !MISSES.iter().any(|(n, _)| n == name) {
            problems.push(format!("{name}: {reason}"));
        }
    }
    for (name, _) in MISSES {
        if !failed.iter().any(|(n, _)| n == name) {
            problems.push(format!("{name}: passes, take it from the list"));
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert!(tests.len() - failed.len() >= 930);
}

fn run(test: &Element, resource: &Value) -> Result<(), String> {
    let expression = test.children("expression").next().unwrap();
    let invalid = expression.attribute("invalid");
    let strict = test.attribute("mode") == Some("strict") || invalid == Some("semantic");
    let answer = evaluate(&expression.text, resource, strict);
    if let Some(invalid) = invalid {
        return match answer {
            Ok(found) => Err(format!("is answered with {found:?}")),
            Err((ErrorKind::Syntax, _)) if invalid != "syntax" && invalid != "execution" => {
                Err("is a syntax error".into())
            }
            Err(_) => Ok(()),
        };
    }
    let mut found = answer.map_err(|(_, message)| message)?;
    if test.attribute("predicate") == Some("true") {
        found = vec![("boolean".into(), found.iter().all(|(_, text)| text != "false").to_string())];
    }
    let mut expected: Vec<(String, String)> = test
        .children("output")
        .map(|output| {
            let kind = output.attribute("type").unwrap_or_default().to_ascii_lowercase();
            (kind, output.text.trim_start_matches('@').trim_start_matches('T').to_owned())
        })
        .collect();
    if test.attribute("ordered") == Some("false") {
        expected.sort();
        found.sort();
    }
    let same = found.len() == expected.len()
        && found.iter().zip(&expected).all(|((kind, text), (wanted, value))| {
            let zero = |t: &str| t.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
            (wanted.is_empty() || kind == wanted) && (text == value || (zero(text) && zero(value)))
        });
    if same { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

/// Types and texts of the answer, or the error.
fn evaluate(
    text: &str,
    resource: &Value,
    strict: bool,
) -> Result<Vec<(String, String)>, (ErrorKind, String)> {
    let failed = |error: super::Error| (error.kind, error.to_string());
    let expression = Expression::parse(text).map_err(failed)?;
    let now: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut context = Context::new(resource).with_now(now, &jiff::tz::TimeZone::UTC);
    if strict {
        expression.check(resource.str("resourceType").unwrap()).map_err(failed)?;
        context = context.strict();
    }
    let found: Collection<'_> = expression.evaluate(&context, Node::resource(resource)).map_err(failed)?;
    Ok(found.iter().map(described).collect())
}

fn described(item: &Item<'_>) -> (String, String) {
    let kind = item.type_info().map(|t| t.name.to_ascii_lowercase()).unwrap_or_default();
    (
        kind,
        item.to_text()
            .map(|t| t.into_owned())
            .unwrap_or_else(|| item.to_json().to_vec().escape_ascii().to_string()),
    )
}
