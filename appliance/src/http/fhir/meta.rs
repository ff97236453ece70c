//! `$meta`: profiles, tags and labels of a record (R4, Resource/$meta).

use axum::response::Response;
use clinicvault_gateway::fhir::parameters::Answer;
use clinicvault_gateway::json::{self, Limits, Object, Value};
use http::StatusCode;

use super::answer;
use super::operations::{Call, On};
use crate::http::error::HttpError;
use crate::records::error::Error;

/// The meta of one record.
pub async fn show(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters().await?;
    given.finish().map_err(Error::Unreadable)?;
    let On::Instance(kind, id) = &call.on else { return Err(HttpError::internal()) };
    let stored = call.ask.records.read(&call.ask.caller.who, *kind, id)?;
    let json = json::parse(&stored.body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("{kind} record {}", stored.head.rid.0)))?;
    let meta = json.get("meta").cloned().unwrap_or_else(|| Value::Object(Object::new()));
    let mut response = answer::body(
        StatusCode::OK,
        answer::text(&Answer::new().value("return", "valueMeta", meta).to_json()),
    );
    answer::describe(response.headers_mut(), &stored.head);
    Ok(response)
}
