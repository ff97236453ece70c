//! The answer of a finished export (Bulk Data Access 2, "Response - Complete Status").

use jiff::Timestamp;

use crate::fhir::datetime;
use crate::json::{Object, Value};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    /// Type of the records in it.
    pub kind: String,
    /// Where it is.
    pub url: String,
    /// Records in it.
    pub count: u64,
}

/// What a finished export answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// The moment whose state was exported: everything that changed up to it, and nothing after.
    pub transaction_time: Timestamp,
    /// Address of the request.
    pub request: &'a str,
    /// The records.
    pub output: &'a [FileLine],
    /// Records deleted since `_since`; absent when that was not asked.
    pub deleted: Option<&'a [FileLine]>,
    /// What went wrong or was passed over.
    pub error: &'a [FileLine],
}

impl Manifest<'_> {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let head = Object::new()
            .with("transactionTime", datetime::instant(self.transaction_time))
            .with("request", self.request)
            .with("requiresAccessToken", true)
            .with("output", lines(self.output));
        let head = head.with_some("deleted", self.deleted.map(lines));
        Value::Object(head.with("error", lines(self.error)))
    }
}

fn lines(files: &[FileLine]) -> Vec<Value> {
    let line = |file: &FileLine| {
        let line = Object::new().with("type", file.kind.as_str()).with("url", file.url.as_str());
        Value::Object(line.with("count", file.count))
    };
    files.iter().map(line).collect()
}

/// The transaction that repeats a delete, as a line of a file of deleted records.
pub fn deletion(kind: &str, id: &str) -> Value {
    let request = Object::new().with("method", "DELETE").with("url", format!("{kind}/{id}"));
    let entry = Value::Object(Object::new().with("request", request));
    Value::Object(
        Object::new().with("resourceType", "Bundle").with("type", "transaction").with("entry", vec![entry]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_its_members_in_order() {
        let file = FileLine { kind: "Patient".into(), url: "https://box/f".into(), count: 3 };
        let manifest = Manifest {
            transaction_time: "2026-01-01T00:00:00.123456Z".parse().unwrap(),
            request: "https://box/fhir/$export",
            output: std::slice::from_ref(&file),
            deleted: Some(&[]),
            error: &[],
        };
        assert_eq!(
            String::from_utf8(manifest.to_json().to_vec()).unwrap(),
            r#"{"transactionTime":"2026-01-01T00:00:00.123Z","request":"https://box/fhir/$export","requiresAccessToken":true,"output":[{"type":"Patient","url":"https://box/f","count":3}],"deleted":[],"error":[]}"#
        );
    }

    #[test]
    fn a_deletion_is_a_transaction_that_this_server_takes() {
        let bundle = crate::fhir::bundle::parse(deletion("Patient", "7"), 10).unwrap();
        assert!(bundle.refused.is_empty());
        assert_eq!(bundle.entries.len(), 1);
    }
}
