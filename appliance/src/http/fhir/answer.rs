//! Answers of the FHIR face: a record, the result of a write, a bundle, an outcome.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome, Severity};
use clinicvault_gateway::json::Value;
use clinicvault_vault::Head;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::ask::Ask;
use super::conditions::{etag, http_date, unchanged};
use super::media::Form;
use super::negotiate::Return;
use super::reduced::Reduced;
use crate::http::error::HttpError;
use crate::records::change::{Did, Written};
use crate::records::read::Stored;

/// A record as it is stored, with its tag and date; 304 when the peer has it already.
pub fn record(ask: &Ask, stored: Stored) -> Result<Response, HttpError> {
    if unchanged(&ask.headers, stored.head.version, stored.head.time) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        describe(response.headers_mut(), &stored.head);
        return Ok(response);
    }
    let shown = Reduced::of_read(&ask.parameters)?.apply(&stored.body)?;
    let mut response = body(StatusCode::OK, shown);
    describe(response.headers_mut(), &stored.head);
    Ok(response)
}

/// The result of a create or update in the form that `Prefer` asks for.
pub fn written(ask: &Ask, written: Written) -> Response {
    let status = if written.did == Did::Created { StatusCode::CREATED } else { StatusCode::OK };
    let head = written.stored.head.clone();
    let location = location(&ask.base, &written.stored);
    let mut response = match ask.wish.back.unwrap_or(Return::Representation) {
        Return::Minimal => empty(status),
        Return::Representation => body(status, written.stored.body),
        Return::OperationOutcome => {
            let message = match written.did {
                Did::Created => "Created.",
                Did::Updated => "Updated.",
                Did::Nothing => "Nothing had to be changed.",
            };
            body(status, said(message))
        }
    };
    describe(response.headers_mut(), &head);
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// Address of one version: `base/Type/id/_history/v`.
pub fn location(base: &str, stored: &Stored) -> String {
    let kind = stored.kind().map_or("", |kind| kind.as_str());
    format!("{base}/{kind}/{}/_history/{}", stored.head.id, stored.head.version)
}

/// An OperationOutcome that says one thing, as bytes.
pub fn said(message: &str) -> Bytes {
    let issue = Issue { severity: Severity::Information, ..Issue::error(IssueCode::Informational, message) };
    text(&Outcome::from(issue).to_json())
}

/// A tree as text.
pub fn text(value: &Value) -> Bytes {
    value.to_vec().into()
}

/// An answer with FHIR content, written as JSON. `form` gives it the form that the peer asked for.
pub fn body(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(Form::Json.media_type()));
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// `ETag` and `Last-Modified` of a version.
pub fn describe(headers: &mut HeaderMap, head: &Head) {
    headers.insert(header::ETAG, etag(head.version));
    if let Ok(value) = HeaderValue::from_str(&http_date(head.time)) {
        headers.insert(header::LAST_MODIFIED, value);
    }
}
