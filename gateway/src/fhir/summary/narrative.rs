//! What a person reads in a section: a small table, made from the records and escaped.

use super::url_of;
use crate::fhir::views::{Concept, Measured, Observation, Stretch};
use crate::json::{Object, Value};

/// Longest text of one cell, in characters.
const LONGEST: usize = 300;

/// A narrative of a heading and one sentence.
pub fn text(heading: &str, sentence: &str) -> Value {
    narrative(&format!("<h3>{}</h3><p>{}</p>", escaped(heading), escaped(sentence)))
}

/// A narrative with one row a record. `all` says how many there are, of which these are the newest.
pub fn table(heading: &str, rows: &[&Value], supporting: &[Value], all: usize) -> Value {
    let mut out = format!(
        "<h3>{}</h3><table><thead><tr><th>What</th><th>Details</th><th>When</th></tr></thead><tbody>",
        escaped(heading)
    );
    for row in rows {
        let cells = [what(row, supporting), details(row), when(row)].map(|cell| escaped(&cell));
        let [what, details, when] = cells;
        out.push_str(&format!("<tr><td>{what}</td><td>{details}</td><td>{when}</td></tr>"));
    }
    out.push_str("</tbody></table>");
    if all > rows.len() {
        out.push_str(&format!("<p>The newest {} of {all}.</p>", rows.len()));
    }
    narrative(&out)
}

/// Name, birth and sex of a person in one line.
pub fn person(patient: &Value) -> String {
    let name = patient.items("name").iter().find_map(|name| {
        let parts: Vec<&str> =
            name.items("given").iter().filter_map(Value::as_str).chain(name.str("family")).collect();
        name.str("text").map(str::to_owned).or_else(|| (!parts.is_empty()).then(|| parts.join(" ")))
    });
    let name = name.unwrap_or_else(|| "No name is recorded".to_owned());
    let rest = [patient.str("gender"), patient.str("birthDate")];
    std::iter::once(name.as_str()).chain(rest.into_iter().flatten()).collect::<Vec<_>>().join(", ")
}

fn narrative(content: &str) -> Value {
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{content}</div>");
    Object::new().with("status", "generated").with("div", div).into()
}

/// Text as XHTML content: no markup of its own, no control characters, no endless cells.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match c {
            _ if at == LONGEST => {
                out.push('…');
                break;
            }
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn what(record: &Value, supporting: &[Value]) -> String {
    let concept = ["code", "vaccineCode", "medicationCodeableConcept"]
        .iter()
        .find_map(|key| Concept(record.get(key)?).label().map(str::to_owned));
    let referred = || {
        let reference = ["medicationReference", "device"].iter().find_map(|key| record.get(key))?;
        let display = reference.str("display").map(str::to_owned);
        display.or_else(|| {
            let target = reference.str("reference")?;
            let found = supporting.iter().find(|other| target.ends_with(&url_of(other)))?;
            let named = found.items("deviceName").iter().find_map(|name| name.str("name"));
            Concept(found.get("code").or_else(|| found.get("type"))?).label().or(named).map(str::to_owned)
        })
    };
    let titled = || {
        let first = record.items("category").iter().find_map(|c| Concept(c).label());
        record.str("title").or_else(|| record.str("description")).or(first).map(str::to_owned)
    };
    concept.or_else(referred).or_else(titled).unwrap_or_else(|| "Not named".to_owned())
}

fn details(record: &Value) -> String {
    let kind = record.str("resourceType").unwrap_or_default();
    let label = |key: &str| record.get(key).map(Concept).and_then(|c| c.label()).map(str::to_owned);
    let text = |key: &str| record.str(key).map(str::to_owned);
    let parts: Vec<Option<String>> = match kind {
        "Condition" => vec![label("clinicalStatus"), label("severity"), label("verificationStatus")],
        "AllergyIntolerance" => {
            let reactions = record.items("reaction").iter().flat_map(|r| r.items("manifestation"));
            let reactions: Vec<&str> = reactions.filter_map(|m| Concept(m).label()).collect();
            vec![
                label("clinicalStatus"),
                text("criticality").map(|c| format!("criticality {c}")),
                (!reactions.is_empty()).then(|| reactions.join(", ")),
            ]
        }
        "MedicationRequest" | "MedicationStatement" => {
            let key = if kind == "MedicationRequest" { "dosageInstruction" } else { "dosage" };
            let doses = record.items(key).iter();
            let doses: Vec<&str> =
                doses.filter_map(|d| d.str("text").or_else(|| d.str("patientInstruction"))).collect();
            vec![text("status"), (!doses.is_empty()).then(|| doses.join("; "))]
        }
        "Observation" => return measured(record),
        "DiagnosticReport" => vec![text("conclusion")],
        _ => vec![text("status")],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The value, or those of the components with their names.
fn measured(record: &Value) -> String {
    let observation = Observation(record);
    let own = observation.value().as_ref().and_then(Measured::text);
    if let Some(own) = own {
        return own;
    }
    let components = record.items("component").iter().filter_map(|component| {
        let part = Observation(component);
        let value = part.value().as_ref().and_then(Measured::text)?;
        Some(match part.code().and_then(|code| code.label()) {
            Some(label) => format!("{label} {value}"),
            None => value,
        })
    });
    let components: Vec<String> = components.collect();
    if components.is_empty() {
        return observation.absent_reason().and_then(|r| r.label()).unwrap_or_default().to_owned();
    }
    components.join("; ")
}

fn when(record: &Value) -> String {
    const TIMES: [&str; 13] = [
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "onsetDateTime",
        "onsetPeriod",
        "occurrenceDateTime",
        "performedDateTime",
        "performedPeriod",
        "period",
        "authoredOn",
        "recordedDate",
        "recordedOn",
        "dateAsserted",
    ];
    let Some(stretch) = Stretch::first_of(record, &TIMES) else { return String::new() };
    match (stretch.start, stretch.end) {
        (Some(start), Some(end)) => format!("{start} to {end}"),
        (Some(start), None) => start.to_owned(),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => String::new(),
    }
}
