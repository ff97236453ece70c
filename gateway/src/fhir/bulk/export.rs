//! The parameters of `$export` (Bulk Data Access 2, "Bulk Data Kick-off Request").

use jiff::Timestamp;

use crate::fhir::compartment;
use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::fhir::search::query;

/// Whose records are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// `[base]/$export`: every record.
    System,
    /// `[base]/Patient/$export`: the compartments of all patients.
    Patient,
    /// `[base]/Group/[id]/$export`: the compartments of the members of a group.
    Group,
}

/// What an export is asked to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportAsk {
    /// Only these types; every type of the level when empty.
    pub types: Vec<ResourceType>,
    /// Only records that changed at or after this time.
    pub since: Option<Timestamp>,
    /// Only records that changed last at or before this time.
    pub until: Option<Timestamp>,
    /// Searches; a record of a type that is named here fulfils at least one of that type's.
    pub filters: Vec<(ResourceType, Vec<(String, String)>)>,
    /// Elements to keep, of one type or of every type.
    pub elements: Vec<(Option<ResourceType>, String)>,
    /// Only these patients.
    pub patients: Vec<LogicalId>,
}

/// An ask that was understood, and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Understood {
    /// What is to be done.
    pub ask: ExportAsk,
    /// Parameters that were passed over, as the client allowed.
    pub warnings: Vec<Issue>,
}

/// Most searches of one export.
const MOST_FILTERS: usize = 64;
/// Most patients named in one request.
const MOST_PATIENTS: usize = 1_000;
/// Parameters of the specification that this server does not serve.
const NOT_SERVED: [&str; 3] = ["includeAssociatedData", "organizeOutputBy", "allowPartialManifests"];

/// Reads the parameters. With `lenient` (`Prefer: handling=lenient`) one that is not served is passed over with a warning; a
/// value that cannot be read is an error in any case. `posted` tells a request by POST, which alone may name patients.
///
/// # Errors
/// An [`Outcome`] with every parameter that cannot be honoured.
pub fn read(
    level: Level,
    pairs: &[(String, String)],
    lenient: bool,
    posted: bool,
    bases: &[&str],
) -> Result<Understood, Outcome> {
    let mut out = Understood::default();
    let mut issues = Vec::new();
    for (name, value) in pairs {
        match one(&mut out.ask, level, name, value, posted, bases) {
            Ok(true) => {}
            Ok(false) if lenient => {
                let text =
                    format!("The parameter \"{}\" was passed over: {}.", shown(name), why_not(name, level));
                out.warnings.push(Issue::warning(IssueCode::NotSupported, text).at(shown(name)));
            }
            Ok(false) => {
                let text = format!(
                    "The parameter \"{}\" cannot be honoured: {}. Prefer: handling=lenient passes it over.",
                    shown(name),
                    why_not(name, level)
                );
                issues.push(Issue::error(IssueCode::NotSupported, text).at(shown(name)));
            }
            Err(text) => issues.push(Issue::error(IssueCode::Value, text).at(shown(name))),
        }
    }
    for (kind, _) in &out.ask.filters {
        if !out.ask.types.is_empty() && !out.ask.types.contains(kind) {
            let text = format!("_typeFilter names {kind}, which _type leaves out.");
            issues.push(Issue::error(IssueCode::Value, text).at("_typeFilter"));
        }
    }
    if issues.is_empty() { Ok(out) } else { Err(Outcome::of(issues)) }
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

fn why_not(name: &str, level: Level) -> &'static str {
    match (name, level) {
        ("patient", Level::System) => "an export of everything names no patients",
        ("patient", _) => "patients are named in the body of a POST only",
        (name, _) if NOT_SERVED.contains(&name) => "this server does not serve it",
        _ => "$export has no such parameter here",
    }
}

/// Takes one parameter in; `false` when it is not served.
fn one(
    ask: &mut ExportAsk,
    level: Level,
    name: &str,
    value: &str,
    posted: bool,
    bases: &[&str],
) -> Result<bool, String> {
    match name {
        "_outputFormat" => {
            let bare = value.replace(' ', "+");
            if !matches!(bare.as_str(), "application/fhir+ndjson" | "application/ndjson" | "ndjson") {
                return Err(format!(
                    "_outputFormat \"{}\" is not served; application/fhir+ndjson is.",
                    shown(value)
                ));
            }
        }
        "_since" => ask.since = Some(instant(name, value)?),
        "_until" => ask.until = Some(instant(name, value)?),
        "_type" => {
            for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                let kind = kind_of(name, part)?;
                if level != Level::System && !in_compartment(kind) {
                    return Err(format!(
                        "{kind} is not in the Patient compartment, so this export holds none."
                    ));
                }
                if !ask.types.contains(&kind) {
                    ask.types.push(kind);
                }
            }
        }
        "_typeFilter" => {
            for filter in split_filters(value) {
                let (kind, text) = filter.split_once('?').ok_or_else(|| {
                    format!("_typeFilter \"{}\" is not of the form Type?query.", shown(filter))
                })?;
                let kind = kind_of(name, kind)?;
                let query = query::decode(text).map_err(|outcome| outcome.to_string())?;
                if ask.filters.len() == MOST_FILTERS {
                    return Err(format!("One export takes at most {MOST_FILTERS} searches in _typeFilter."));
                }
                ask.filters.push((kind, query));
            }
        }
        "_elements" => {
            for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                let (kind, element) = match part.split_once('.') {
                    Some((kind, element)) => (Some(kind_of(name, kind)?), element),
                    None => (None, part),
                };
                if element.is_empty() || !element.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    return Err(format!(
                        "_elements \"{}\" does not name an element at the root.",
                        shown(part)
                    ));
                }
                ask.elements.push((kind, element.to_owned()));
            }
        }
        "patient" if posted && level != Level::System => {
            for part in value.split(',').map(str::trim) {
                let reference = Reference::parse(part);
                let local = reference.as_ref().and_then(|reference| reference.local(bases));
                match local {
                    Some((ResourceType::PATIENT, id)) => ask.patients.push(id.clone()),
                    _ => {
                        return Err(format!(
                            "patient \"{}\" is not a reference to a Patient here.",
                            shown(part)
                        ));
                    }
                }
            }
            if ask.patients.len() > MOST_PATIENTS {
                return Err(format!("One export names at most {MOST_PATIENTS} patients; use a Group."));
            }
        }
        // What goes for every request: the form of the first answer.
        "_format" | "_pretty" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// Whether records of this type lie in compartments of patients.
pub fn in_compartment(kind: ResourceType) -> bool {
    compartment::codes(ResourceType::PATIENT, kind).is_some()
}

/// Searches stand one to a parameter, or several with commas between them; a comma within a search is one of its own.
fn split_filters(value: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in value.match_indices(',') {
        let next = value.get(at + 1..).unwrap_or_default();
        let kind = next.split('?').next().filter(|kind| kind.len() < next.len());
        if kind.and_then(ResourceType::parse).is_some() {
            parts.extend(value.get(start..at));
            start = at + 1;
        }
    }
    parts.extend(value.get(start..));
    parts
}

fn kind_of(name: &str, text: &str) -> Result<ResourceType, String> {
    let found = ResourceType::parse(text);
    found.ok_or_else(|| format!("{name}: \"{}\" is not a resource type of FHIR R4.", shown(text)))
}

fn instant(name: &str, value: &str) -> Result<Timestamp, String> {
    // In a query a plus that was not escaped has become a space.
    let text = value.replace(' ', "+");
    text.parse()
        .map_err(|_| format!("{name} must be an instant with its zone, such as 2026-01-31T08:00:00Z."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(level: Level, query: &str, lenient: bool) -> Result<Understood, Vec<String>> {
        let pairs = query::decode(query).unwrap();
        read(level, &pairs, lenient, true, &["https://box/fhir"])
            .map_err(|outcome| outcome.issues.iter().map(|issue| issue.expression.join(",")).collect())
    }

    #[test]
    fn parameters_are_read() {
        let got = ask(
            Level::Patient,
            "_type=Patient,Observation&_since=2026-01-01T00:00:00%2B05:30&_until=2026-02-01T00:00:00Z&_outputFormat=ndjson\
             &_typeFilter=Observation%3Fcode%3Da%2Cb%2CObservation%3Fstatus%3Dfinal&_typeFilter=Patient%3Fgender%3Dfemale\
             &_elements=Patient.name,id&patient=Patient/1,https://box/fhir/Patient/2",
            false,
        )
        .unwrap();
        assert_eq!(got.ask.types, [ResourceType::PATIENT, ResourceType::OBSERVATION]);
        assert_eq!(got.ask.since.unwrap().to_string(), "2025-12-31T18:30:00Z");
        let filters: Vec<String> = got
            .ask
            .filters
            .iter()
            .map(|(kind, pairs)| format!("{kind} {}={}", pairs[0].0, pairs[0].1))
            .collect();
        assert_eq!(filters, ["Observation code=a,b", "Observation status=final", "Patient gender=female"]);
        assert_eq!(
            got.ask.elements,
            [(Some(ResourceType::PATIENT), "name".to_owned()), (None, "id".to_owned())]
        );
        assert_eq!(got.ask.patients.len(), 2);
        assert!(got.warnings.is_empty());
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        for (query, place) in [
            ("_since=2026-01-01", "_since"),
            ("_since=yesterday", "_since"),
            ("_type=Pacient", "_type"),
            ("_type=Organization", "_type"),
            ("_outputFormat=text/csv", "_outputFormat"),
            ("_typeFilter=Observation", "_typeFilter"),
            ("_type=Patient&_typeFilter=Observation%3Fcode%3Da", "_typeFilter"),
            ("_elements=Patient.name.family", "_elements"),
            ("patient=Observation/1", "patient"),
            ("patient=https://else/fhir/Patient/1", "patient"),
            ("includeAssociatedData=LatestProvenanceResources", "includeAssociatedData"),
            ("organizeOutputBy=Patient", "organizeOutputBy"),
            ("frobnicate=1", "frobnicate"),
        ] {
            assert_eq!(ask(Level::Group, query, false), Err(vec![place.to_owned()]), "{query}");
        }
        let lenient =
            ask(Level::System, "frobnicate=1&includeAssociatedData=x&patient=Patient/1", true).unwrap();
        assert_eq!(lenient.warnings.len(), 3);
        assert!(ask(Level::System, "_type=Organization", false).is_ok());
        assert!(
            ask(Level::System, "_since=x", true).is_err(),
            "a value that cannot be read is never passed over"
        );
        let by_get =
            read(Level::Patient, &[("patient".to_owned(), "Patient/1".to_owned())], false, false, &[]);
        assert!(by_get.is_err());
    }
}
