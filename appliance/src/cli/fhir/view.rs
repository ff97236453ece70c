//! `clinicvault fhir view`: the rows that a ViewDefinition (SQL on FHIR) makes of files.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use clinicvault_gateway::fhir::sql::{Around, Format, View as Definition, Writer};
use clinicvault_gateway::fhirpath::NoHost;
use clinicvault_gateway::json::Value;

use super::file;
use crate::cli::{WrongUse, note};
use crate::clock::{Clock, SystemClock};

#[derive(Debug, Args)]
#[command(
    after_help = "A Bundle gives the rows of the resources in its entries.\n\nExit codes: 0 written, 1 a file cannot be \
    read or a resource does not fit the view, 2 wrong usage or not a view."
)]
pub struct View {
    /// The ViewDefinition as .json
    view: PathBuf,
    /// Resources as .json, .xml or .ndjson; - reads JSON from stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Form of the table
    #[arg(long, value_parser = ["ndjson", "json", "csv"], default_value = "ndjson")]
    format: String,
    /// Leave the line of names out of CSV
    #[arg(long)]
    no_header: bool,
}

/// Prints the table, file after file. What cannot be shown is named on stderr; the rest is printed all the same.
pub fn run(command: &View) -> anyhow::Result<()> {
    let failed = write(command, &mut std::io::stdout().lock())?;
    if failed > 0 {
        bail!("{failed} could not be shown");
    }
    Ok(())
}

fn write(command: &View, out: &mut impl std::io::Write) -> anyhow::Result<usize> {
    let view = definition(&command.view)?;
    let format = match command.format.as_str() {
        "json" => Format::Json,
        "csv" => Format::Csv { header: !command.no_header },
        _ => Format::Ndjson,
    };
    let zone = jiff::tz::TimeZone::system();
    let now = SystemClock.now();
    let mut writer = Writer::new(&view, format);
    let (mut text, mut failed) = (Vec::new(), 0);
    writer.open(&mut text);
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
            let resource = match resource {
                Ok(resource) => resource,
                Err(outcome) => {
                    note(format_args!("{place}: {outcome}"));
                    failed += 1;
                    continue;
                }
            };
            let around = Around { now, zone: &zone, host: &NoHost };
            for resource in unwrapped(&resource, &view) {
                if let Err(error) = view.rows(resource, &around, &mut |row| writer.row(row, &mut text)) {
                    note(format_args!("{place}: {error}"));
                    failed += 1;
                }
                out.write_all(&text)?;
                text.clear();
            }
        }
    }
    writer.close(&mut text);
    out.write_all(&text)?;
    if format == Format::Json {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(failed)
}

/// The resource, or those of a Bundle's entries unless the view is about Bundles.
fn unwrapped<'a>(resource: &'a Value, view: &Definition) -> Vec<&'a Value> {
    if resource.str("resourceType") != Some("Bundle") || view.kind.as_str() == "Bundle" {
        return vec![resource];
    }
    resource.items("entry").iter().filter_map(|entry| entry.get("resource")).collect()
}

fn definition(file: &Path) -> anyhow::Result<Definition> {
    let name = file.display();
    let wrong = |why: String| WrongUse(format!("{name}: {why}"));
    let mut read = file::read(file, false).map_err(|error| wrong(format!("{error:#}")))?;
    let only = match (read.pop(), read.is_empty()) {
        (Some((_, Ok(only))), true) => only,
        (Some((_, Err(outcome))), true) => return Err(wrong(outcome.to_string()).into()),
        _ => return Err(wrong("one ViewDefinition is needed".to_owned()).into()),
    };
    let told = |outcome: clinicvault_gateway::fhir::outcome::Outcome| {
        let issues: Vec<String> = outcome.issues.iter().map(ToString::to_string).collect();
        wrong(format!("not a view:\n  {}", issues.join("\n  ")))
    };
    Ok(Definition::read(&only).map_err(told)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_one_table_and_what_does_not_fit_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let view = put(
            "view.json",
            r#"{"resourceType":"ViewDefinition","resource":"Patient","select":[{"column":[{"name":"id","path":"id"},
            {"name":"family","path":"name.family"}]}]}"#,
        );
        let lines = put(
            "a.ndjson",
            "{\"resourceType\":\"Patient\",\"id\":\"1\",\"name\":[{\"family\":\"Rao\"}]}\n{\"resourceType\":\"Patient\",\
             \"id\":\"2\",\"name\":[{\"family\":\"A\"},{\"family\":\"B\"}]}\n",
        );
        let bundle = put(
            "b.json",
            r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"3"}}]}"#,
        );
        let command = |format: &str, view: &PathBuf| View {
            view: view.clone(),
            files: vec![lines.clone(), bundle.clone()],
            format: format.to_owned(),
            no_header: false,
        };
        let mut out = Vec::new();
        assert_eq!(write(&command("csv", &view), &mut out).unwrap(), 1);
        assert_eq!(String::from_utf8(out).unwrap(), "id,family\r\n1,Rao\r\n3,\r\n");
        let mut out = Vec::new();
        write(&command("json", &view), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "[{\"id\":\"1\",\"family\":\"Rao\"},{\"id\":\"3\",\"family\":null}]\n");
        let broken = put("broken.json", r#"{"resource":"Patient","select":[{"forEach":"@@"}]}"#);
        let error = run(&command("ndjson", &broken)).unwrap_err();
        assert!(error.is::<WrongUse>() && error.to_string().contains("select[0].forEach"), "{error}");
    }
}
