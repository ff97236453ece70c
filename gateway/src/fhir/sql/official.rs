//! The test files of SQL on FHIR: every test is counted, and each that fails is in [`MISSES`] with its reason.

use std::path::PathBuf;

use super::tests::around;
use super::{View, write};
use crate::json::{self, Limits, Value};

/// Tests that this engine answers otherwise, by file and title, and why.
const MISSES: &[(&str, &str, &str)] =
    &[("fhirpath", "string join", EMPTY), ("fhirpath", "string join: default separator", EMPTY)];
const EMPTY: &str = "FHIRPath joins an empty collection to nothing; the file expects the empty text";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir/sql-on-fhir")
}

#[test]
fn the_official_files() {
    let Ok(folder) = std::fs::read_dir(folder()) else {
        println!("skipped: the files are not there");
        return;
    };
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut all, mut problems) = (0, Vec::new());
    let mut missed = 0;
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let suite = json::parse(&std::fs::read(path).unwrap(), &Limits::default()).unwrap();
        let (mut count, mut passed) = (0, 0);
        for test in suite.items("tests") {
            let title = test.str("title").unwrap();
            let miss = MISSES.iter().find(|(f, t, _)| *f == file && *t == title);
            count += 1;
            match (run(test, suite.items("resources")), miss) {
                (Ok(()), None) => passed += 1,
                (Ok(()), Some(_)) => problems.push(format!("{file}: {title}: passes, take it from the list")),
                (Err(_), Some((_, _, why))) => {
                    missed += 1;
                    println!("{file}: {title}: missed: {why}");
                }
                (Err(why), None) => problems.push(format!("{file}: {title}: {why}")),
            }
        }
        println!("{file}: {passed} of {count}");
        all += count;
    }
    println!("{} of {all} tests pass, {missed} are missed with a reason", all - missed - problems.len());
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert!(all >= 105);
}

fn run(test: &Value, resources: &[Value]) -> Result<(), String> {
    let answer = rows(test.get("view").unwrap(), resources);
    if test.get("expectError").is_some() {
        return answer.map_or(Ok(()), |rows| Err(format!("gives {} rows, not an error", rows.len())));
    }
    let (columns, mut rows) = answer.map(|rows| (rows.0, rows.1))?;
    if let Some(expected) = test.get("expectColumns").and_then(Value::as_array) {
        let expected: Vec<&str> = expected.iter().filter_map(Value::as_str).collect();
        if columns != expected {
            return Err(format!("columns {columns:?}, expected {expected:?}"));
        }
    }
    // The order of rows is not promised.
    let mut expected: Vec<String> = test.items("expect").iter().map(|row| sorted(row).to_string()).collect();
    expected.sort();
    rows.sort();
    if rows == expected { Ok(()) } else { Err(format!("rows {rows:?}, expected {expected:?}")) }
}

struct Rows(Vec<String>, Vec<String>);

impl Rows {
    fn len(&self) -> usize {
        self.1.len()
    }
}

fn rows(view: &Value, resources: &[Value]) -> Result<Rows, String> {
    let view = View::read(view).map_err(|outcome| outcome.to_json().to_string())?;
    let mut rows = Vec::new();
    for resource in resources {
        view.rows(resource, &around(), &mut |row| {
            let cells = view.columns.iter().zip(row);
            let row: json::Object = cells
                .map(|(column, cell)| (column.name.as_str(), write::value(cell, column.collection)))
                .collect();
            rows.push(sorted(&Value::Object(row)).to_string());
        })
        .map_err(|error| error.to_string())?;
    }
    Ok(Rows(view.columns.iter().map(|column| column.name.clone()).collect(), rows))
}

/// The row with its members in the order of the alphabet, and numbers as values: 0.95 is 0.95000000.
fn sorted(row: &Value) -> Value {
    let mut members: Vec<(&str, &Value)> = row.as_object().unwrap().iter().collect();
    members.sort_by_key(|(key, _)| *key);
    let plain = |value: &Value| match value {
        Value::Number(number) if number.as_str().contains('.') => {
            Value::from(number.as_str().trim_end_matches('0').trim_end_matches('.'))
        }
        other => other.clone(),
    };
    Value::Object(members.into_iter().map(|(key, value)| (key, plain(value))).collect())
}
