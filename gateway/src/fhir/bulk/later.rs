//! The answer of a request that was answered later (`Prefer: respond-async`): a batch-response with one entry.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fhir::bundle::{EntryParts, Writer};
use crate::json::{self, Limits, Object, Value};

/// An HTTP answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// Status.
    pub status: u16,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// `Location`
    pub location: Option<&'a str>,
    /// `ETag`
    pub etag: Option<&'a str>,
    /// `Last-Modified`, as HTTP writes it; it is left out of the bundle, whose `lastModified` is an instant.
    pub last_modified: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// The bundle. FHIR content stands in the entry as it is, an OperationOutcome of a refusal as `response.outcome`, and
/// everything else as a Binary.
pub fn bundle(answer: &Answer<'_>) -> Vec<u8> {
    let parsed =
        json::parse(answer.body, &Limits { max_bytes: usize::MAX, max_depth: Limits::MOST_DEPTH }).ok();
    let kind = parsed.as_ref().and_then(|value| value.str("resourceType"));
    let (is_fhir, refused) = (kind.is_some(), answer.status >= 400 && kind == Some("OperationOutcome"));
    let response = Object::new()
        .with("status", answer.status.to_string())
        .with_some("location", answer.location)
        .with_some("etag", answer.etag)
        .with_some("outcome", if refused { parsed } else { None });
    let binary = (!is_fhir && !answer.body.is_empty()).then(|| binary(answer).to_vec());
    let resource =
        if refused || answer.body.is_empty() { None } else { binary.as_deref().or(Some(answer.body)) };
    let response = Value::Object(response);
    let mut writer = Writer::new("batch-response", None);
    writer.entry(&EntryParts { resource, response: Some(&response), ..EntryParts::default() });
    writer.finish()
}

fn binary(answer: &Answer<'_>) -> Value {
    let kind = answer.content_type.unwrap_or("application/octet-stream");
    Value::Object(
        Object::new()
            .with("resourceType", "Binary")
            .with("contentType", kind)
            .with("data", STANDARD.encode(answer.body)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: Answer<'_>) -> String {
        String::from_utf8(bundle(&answer)).unwrap()
    }

    #[test]
    fn the_answer_stands_in_one_entry() {
        let patient = br#"{"resourceType":"Patient","id":"1"}"#;
        assert_eq!(
            written(Answer {
                status: 201,
                location: Some("l"),
                etag: Some("W/\"1\""),
                body: patient,
                ..Answer::default()
            }),
            r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"resource":{"resourceType":"Patient","id":"1"},"response":{"status":"201","location":"l","etag":"W/\"1\""}}]}"#
        );
        let outcome = br#"{"resourceType":"OperationOutcome","issue":[]}"#;
        let refused = written(Answer { status: 404, body: outcome, ..Answer::default() });
        assert!(refused.contains(r#""response":{"status":"404","outcome":{"resourceType""#), "{refused}");
        assert!(!refused.contains("\"resource\":"), "{refused}");
        let text = written(Answer {
            status: 200,
            content_type: Some("text/csv"),
            body: b"a,b",
            ..Answer::default()
        });
        assert!(
            text.contains(r#"{"resourceType":"Binary","contentType":"text/csv","data":"YSxi"}"#),
            "{text}"
        );
        assert!(!written(Answer { status: 204, ..Answer::default() }).contains("\"resource\":"));
    }
}
