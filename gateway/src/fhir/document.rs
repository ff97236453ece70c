//! Assembling a FHIR document: a Bundle that begins with its Composition and holds what that refers to (R4, Documents).

use jiff::Timestamp;

use super::datetime;
use super::outcome::{Issue, IssueCode};
use crate::json::{Object, Value};

/// One entry: under which address, and the resource.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Absolute address, each once in a document.
    pub full_url: String,
    /// The resource as it is to be read.
    pub resource: Value,
}

/// The Bundle of type `document`. `uuid` identifies it for ever; the first entry must be the Composition.
pub fn assemble(uuid: &str, profile: Option<&str>, at: Timestamp, entries: Vec<Entry>) -> Value {
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|entry| {
            Value::Object(Object::new().with("fullUrl", entry.full_url).with("resource", entry.resource))
        })
        .collect();
    let identifier =
        Object::new().with("system", "urn:ietf:rfc:3986").with("value", format!("urn:uuid:{uuid}"));
    Value::Object(
        Object::new()
            .with("resourceType", "Bundle")
            .with_some("meta", profile.map(|url| Object::new().with("profile", vec![Value::from(url)])))
            .with("identifier", identifier)
            .with("type", "document")
            .with("timestamp", datetime::instant(at))
            .with("entry", entries),
    )
}

/// What a composition refers to itself and a document cannot do without; the place of each that is missing.
pub fn missing(places: Vec<String>) -> Vec<Issue> {
    let one = |place: String| {
        let text = "The composition refers to a record that cannot be given here, so the document would be incomplete.";
        Issue::error(IssueCode::NotFound, text).at(place)
    };
    places.into_iter().take(super::validate::MOST_ISSUES).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::validate::{Core, Level, Policy, Validator};
    use crate::json::{Limits, parse};

    #[test]
    fn a_document_keeps_every_rule() {
        let entry = |url: &str, text: &str| Entry {
            full_url: url.to_owned(),
            resource: parse(text.as_bytes(), &Limits::default()).unwrap(),
        };
        let composition = r#"{"resourceType":"Composition","id":"c","status":"final","type":{"text":"Note"},
            "subject":{"reference":"Patient/p"},"date":"2024","title":"Note","author":[{"reference":"Patient/p"}]}"#;
        let document = assemble(
            "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            None,
            Timestamp::UNIX_EPOCH,
            vec![
                entry("https://b/fhir/Composition/c", composition),
                entry("https://b/fhir/Patient/p", r#"{"resourceType":"Patient","id":"p"}"#),
            ],
        );
        let issues = Validator::new(&Core, Policy::write(Level::Profiles)).check(&document, &[]);
        assert!(issues.is_empty(), "{issues:#?}");
    }
}
