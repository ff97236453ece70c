//! The answer to a FHIR message: a message of its own that says what became of it.

use jiff::Timestamp;

use crate::fhir::outcome::{Issue, IssueCode, Outcome, Severity};
use crate::json::{Object, Value};
use crate::map::ids;

/// How an answer says what became of a message (R4, response-code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseCode {
    /// It was taken.
    Ok,
    /// It may be taken another time.
    TransientError,
    /// It will not be taken as it is.
    FatalError,
}

impl ResponseCode {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::TransientError => "transient-error",
            Self::FatalError => "fatal-error",
        }
    }
}

/// What an answer says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Answering<'a> {
    /// A UUID of its own, which also names its header.
    pub id: &'a str,
    /// Address of the box.
    pub endpoint: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// The answer to a message; `bundle` is it as it came, which need not be readable.
pub fn response(bundle: &Value, code: ResponseCode, outcome: &Outcome, own: &Answering<'_>) -> Value {
    let header = bundle.items("entry").first().and_then(|entry| entry.get("resource"));
    let header = header.filter(|one| one.str("resourceType") == Some("MessageHeader"));
    let details = ids::stable("OperationOutcome", &[own.id]);
    let mut about =
        Object::new().with("identifier", header.and_then(|one| one.str("id")).unwrap_or("unknown"));
    about.insert("code", code.as_str());
    about.insert("details", Object::new().with("reference", format!("urn:uuid:{details}")));
    let mut answer = Object::new().with("resourceType", "MessageHeader").with("id", own.id);
    match header.and_then(|one| one.get("eventCoding")) {
        Some(coding) => answer.insert("eventCoding", coding.clone()),
        None => answer.insert(
            "eventUri",
            header.and_then(|one| one.str("eventUri")).unwrap_or("urn:x-clinicvault:unreadable"),
        ),
    };
    let to = header.and_then(|one| one.get("source")).and_then(|source| source.str("endpoint"));
    if let Some(to) = to {
        answer.insert("destination", Value::from(vec![Value::Object(Object::new().with("endpoint", to))]));
    }
    answer.insert("source", Object::new().with("name", "ClinicVault").with("endpoint", own.endpoint));
    answer.insert("response", about);
    let entry = |id: &str, resource: Value| {
        Value::Object(Object::new().with("fullUrl", format!("urn:uuid:{id}")).with("resource", resource))
    };
    let identifier =
        Object::new().with("system", "urn:ietf:rfc:3986").with("value", format!("urn:uuid:{}", own.id));
    let mut told = outcome.to_json();
    if let Some(told) = told.as_object_mut() {
        told.insert("id", details.as_str());
    }
    Value::Object(
        Object::new()
            .with("resourceType", "Bundle")
            .with("identifier", identifier)
            .with("type", "message")
            .with("timestamp", own.at.to_string())
            .with("entry", Value::from(vec![entry(own.id, Value::Object(answer)), entry(&details, told)])),
    )
}

/// The outcome of a message that was taken.
pub fn taken() -> Outcome {
    let said = "The message is stored; its contents are applied in the order of their patient.";
    Outcome::from(Issue { severity: Severity::Information, ..Issue::error(IssueCode::Informational, said) })
}
