//! `clinicvault fhir path`: a FHIRPath expression over a file, one JSON line for each item of the answer.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use clinicvault_gateway::fhirpath::{Context, Error, Expression, Host, Item, Node};
use clinicvault_gateway::json::{Object, Value};

use super::file;
use crate::cli::{WrongUse, note, say};
use crate::clock::{Clock, SystemClock};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 answered, 1 a file cannot be read or an expression has no answer for it, \
    2 wrong usage or not an expression."
)]
pub struct Path {
    /// The expression, such as "name.where(use = 'official').family"
    expression: String,
    /// Resources as .json, .xml or .ndjson; - reads JSON from stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// An element that the type does not have is an error, also where the file would not show it
    #[arg(long)]
    strict: bool,
    /// "as" over several items keeps those of the type, as search parameters expect it
    #[arg(long)]
    search: bool,
}

/// What `trace()` sees goes to stderr.
struct Traces;

impl<'a> Host<'a> for Traces {
    fn trace(&self, name: &str, items: &[Item<'a>]) {
        for item in items {
            note(format_args!("{name}: {}", line(item)));
        }
    }
}

/// Prints `{"type":…,"value":…}` for each item, file after file.
pub fn run(command: &Path) -> anyhow::Result<()> {
    let expression = Expression::parse(&command.expression).map_err(|error| {
        WrongUse(format!("this is not an expression {}", told(&command.expression, &error)))
    })?;
    let mut failed = 0;
    for file in &command.files {
        let name = file.display();
        let resources = match file::read(file, false) {
            Ok(resources) => resources,
            Err(error) => {
                note(format_args!("{name}: {error:#}"));
                failed += 1;
                continue;
            }
        };
        for (number, resource) in resources {
            let place = number.map_or_else(|| name.to_string(), |number| format!("{name}:{number}"));
            let answered = resource
                .map_err(|outcome| anyhow::anyhow!("{outcome}"))
                .and_then(|resource| answer(command, &expression, &resource));
            if let Err(error) = answered {
                note(format_args!("{place}: {error:#}"));
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} could not be answered");
    }
    Ok(())
}

fn answer(command: &Path, expression: &Expression, resource: &Value) -> anyhow::Result<()> {
    let zone = jiff::tz::TimeZone::system();
    let mut context = Context::new(resource).with_now(SystemClock.now(), &zone).with_host(&Traces);
    let failed = |error: Error| anyhow::anyhow!("no answer {}", told(expression.as_str(), &error));
    if command.strict {
        let kind = resource.str("resourceType").unwrap_or_default();
        expression.check(kind).map_err(failed)?;
        context = context.strict();
    }
    if command.search {
        context = context.for_search();
    }
    for item in expression.evaluate(&context, Node::resource(resource)).map_err(failed)? {
        say(line(&item));
    }
    Ok(())
}

/// `{"type":"FHIR.code","value":"home"}`; a primitive with extensions has them too.
fn line(item: &Item<'_>) -> String {
    let kind = item.type_info().map(|info| format!("{}.{}", info.namespace, info.name));
    let twin = item.as_node().and_then(|node| node.twin().cloned());
    let object = Object::new()
        .with("type", kind.map_or(Value::Null, Value::from))
        .with("value", item.to_json())
        .with_some("element", twin);
    String::from_utf8_lossy(&Value::Object(object).to_vec()).into_owned()
}

/// The error, and for an expression of one line the place in it.
fn told(expression: &str, error: &Error) -> String {
    if expression.contains('\n') || expression.len() > 200 {
        return error.to_string();
    }
    let before = expression.get(..error.position.min(expression.len())).unwrap_or_default();
    format!("{error}\n  {expression}\n  {}^", " ".repeat(before.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clinicvault_gateway::json::{self, Limits};

    fn command(expression: &str, files: Vec<PathBuf>) -> Path {
        Path { expression: expression.to_owned(), files, strict: false, search: false }
    }

    #[test]
    fn files_are_answered_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let good = put("a.json", r#"{"resourceType":"Patient","name":[{"family":"Rao"}]}"#);
        let lines = put("b.ndjson", "{\"resourceType\":\"Patient\"}\n\n{\"resourceType\":\"Patient\"}\n");
        let xml = put("c.xml", r#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>"#);
        let bad = put("d.json", "{");
        run(&command("name.family", vec![good.clone(), lines, xml])).unwrap();
        let error = run(&command("name.foo()", vec![good.clone()])).unwrap_err();
        assert!(error.is::<WrongUse>() && error.to_string().contains("at 5"), "{error}");
        for (expression, file) in [("name", &bad), ("name.family + 1", &good)] {
            let error = run(&command(expression, vec![file.clone()])).unwrap_err();
            assert!(!error.is::<WrongUse>(), "{error}");
        }
        run(&command("name.given1", vec![good.clone()])).unwrap();
        run(&Path { strict: true, ..command("name.given1", vec![good]) }).unwrap_err();
    }

    #[test]
    fn an_item_is_one_line_with_its_type() {
        let text = r#"{"resourceType":"Patient","birthDate":"2020","_birthDate":{"id":"b"}}"#;
        let resource = json::parse(text.as_bytes(), &Limits::default()).unwrap();
        let check = |expression: &str, expected: &str| {
            let expression = Expression::parse(expression).unwrap();
            let context = Context::new(&resource);
            let found = expression.evaluate(&context, Node::resource(&resource)).unwrap();
            assert_eq!(line(&found[0]), expected);
        };
        check("birthDate", r#"{"type":"FHIR.date","value":"2020","element":{"id":"b"}}"#);
        check("1.50 + 1", r#"{"type":"System.Decimal","value":2.50}"#);
        check("2 'mg'", r#"{"type":"System.Quantity","value":{"value":2,"unit":"mg"}}"#);
    }

    #[test]
    fn the_place_of_an_error_is_marked() {
        let error = Expression::parse("name.foo()").unwrap_err();
        let expected = "at 5: there is no function \"foo\"\n  name.foo()\n       ^";
        assert_eq!(told("name.foo()", &error), expected);
    }
}
