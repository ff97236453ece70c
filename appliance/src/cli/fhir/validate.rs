//! `clinicvault fhir validate`: checks files and prints what is wrong, one issue a line.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use clinicvault_gateway::fhir::outcome::{Issue, Severity};
use clinicvault_gateway::fhir::validate::{Level, Policy, Shelf, Validator};

use super::file::read;
use crate::cli::{WrongUse, say};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 no errors, 1 errors were found, 2 wrong usage or a definition cannot be used."
)]
pub struct Validate {
    /// Resources as .json, .xml or .ndjson; - reads JSON from stdin
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A profile that resources of its type must follow; may be repeated
    #[arg(long, value_name = "FILE")]
    profile: Vec<PathBuf>,
    /// Further definitions: profiles, extensions, value sets, code systems, questionnaires; may be repeated
    #[arg(long, value_name = "FILE")]
    definitions: Vec<PathBuf>,
    /// How far to look
    #[arg(long, value_parser = ["structure", "invariants", "terminology", "profiles"], default_value = "profiles")]
    level: String,
    /// Judge as the standard's own validator: unknown extensions and wrong displays are errors
    #[arg(long)]
    strict: bool,
    /// Allow comments in JSON
    #[arg(long)]
    comments: bool,
    /// Leave out warnings and hints
    #[arg(long)]
    errors_only: bool,
}

/// Prints the issues and a summary. Fails when there are errors.
pub fn run(command: &Validate) -> anyhow::Result<()> {
    let mut shelf = Shelf::default();
    let mut asked = Vec::new();
    let mut loaded = Vec::new();
    let comments = command.comments;
    for (file, wanted) in
        command.definitions.iter().map(|f| (f, false)).chain(command.profile.iter().map(|f| (f, true)))
    {
        let resources =
            read(file, comments).map_err(|error| WrongUse(format!("{}: {error:#}", file.display())))?;
        for (_, resource) in resources {
            let resource = resource.map_err(|o| WrongUse(format!("{}: {o}", file.display())))?;
            if wanted && resource.str("resourceType") == Some("StructureDefinition") {
                let text = |key| resource.str(key).unwrap_or_default().to_owned();
                asked.push((text("type"), text("url")));
            }
            loaded.push(resource);
        }
    }
    let refused = shelf.add(&loaded.iter().collect::<Vec<_>>());
    if let Some((url, why)) = refused.first() {
        return Err(WrongUse(format!("{url} cannot be used: {why}")).into());
    }
    let validator = Validator::new(&shelf, policy(command));
    let mut totals = Totals::default();
    for file in &command.files {
        check_file(file, comments, &validator, &asked, &mut totals);
    }
    totals.tell()
}

fn policy(command: &Validate) -> Policy {
    let level = Level::parse(&command.level).unwrap_or(Level::Profiles);
    let mut policy =
        if command.strict { Policy { level, ..Policy::strict() } } else { Policy::report(level) };
    policy.warnings = !command.errors_only;
    policy
}

/// How many of each were found.
#[derive(Default)]
struct Totals {
    resources: usize,
    errors: usize,
    warnings: usize,
    hints: usize,
}

impl Totals {
    fn note(&mut self, label: &str, issues: &[Issue]) {
        for issue in issues {
            match issue.severity {
                Severity::Error | Severity::Fatal => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Information => self.hints += 1,
            }
            let place = issue.expression.first().map_or("-", String::as_str);
            let (severity, code) = (issue.severity.as_str(), issue.code.as_str());
            say(format_args!("{label}: {severity} {code} {place}: {}", issue.diagnostics));
        }
    }

    fn tell(&self) -> anyhow::Result<()> {
        let Self { resources, errors, warnings, hints } = self;
        say(format_args!("{resources} resources: {errors} errors, {warnings} warnings, {hints} hints"));
        if *errors > 0 {
            bail!("{errors} errors were found");
        }
        Ok(())
    }
}

fn check_file(
    file: &Path,
    comments: bool,
    validator: &Validator<'_>,
    asked: &[(String, String)],
    totals: &mut Totals,
) {
    let name = file.display().to_string();
    let resources = match read(file, comments) {
        Ok(resources) => resources,
        Err(error) => {
            totals.errors += 1;
            return say(format_args!("{name}: fatal structure -: {error:#}"));
        }
    };
    for (line, resource) in resources {
        let label = line.map_or_else(|| name.clone(), |line| format!("{name}:{line}"));
        totals.resources += 1;
        match resource {
            Err(outcome) => totals.note(&label, &outcome.issues),
            Ok(resource) => {
                let kind = resource.str("resourceType").unwrap_or_default();
                let profiles: Vec<&str> =
                    asked.iter().filter(|(own, _)| own == kind).map(|(_, url)| url.as_str()).collect();
                totals.note(&label, &validator.check(&resource, &profiles));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(files: Vec<PathBuf>, profile: Vec<PathBuf>, level: &str) -> Validate {
        Validate {
            files,
            profile,
            definitions: Vec::new(),
            level: level.to_owned(),
            strict: false,
            comments: false,
            errors_only: false,
        }
    }

    #[test]
    fn files_are_judged_by_level_and_profile() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let patient = put("a.json", r#"{"resourceType":"Patient","gender":"female"}"#);
        let lines =
            put("b.ndjson", "{\"resourceType\":\"Patient\"}\n\n{\"resourceType\":\"Patient\",\"x\":1}\n");
        let profile = put(
            "p.json",
            r#"{"resourceType":"StructureDefinition","url":"http://p/1","type":"Patient","derivation":"constraint",
            "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","differential":{"element":[{"path":"Patient.name","min":1}]}}"#,
        );
        let broken = put(
            "q.json",
            r#"{"resourceType":"StructureDefinition","url":"http://p/2","type":"Patient","derivation":"constraint",
            "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","differential":{"element":[{"path":"Patient.nme"}]}}"#,
        );
        assert!(run(&command(vec![patient.clone()], vec![], "profiles")).is_ok());
        assert!(run(&command(vec![patient.clone()], vec![profile], "structure")).is_err());
        let error = run(&command(vec![lines], vec![], "structure")).unwrap_err();
        assert_eq!(error.to_string(), "1 errors were found");
        let error = run(&command(vec![patient], vec![broken], "profiles")).unwrap_err();
        assert!(error.is::<WrongUse>() && error.to_string().contains("nme"), "{error}");
        let noted = put("c.json", "{\"resourceType\": \"Patient\" // x\n}");
        assert!(run(&command(vec![noted.clone()], vec![], "structure")).is_err());
        assert!(run(&Validate { comments: true, ..command(vec![noted], vec![], "structure") }).is_ok());
        assert!(run(&command(vec![folder.path().join("none.json")], vec![], "structure")).is_err());
    }
}
