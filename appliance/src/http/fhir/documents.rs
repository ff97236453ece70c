//! `Composition/$document` and `Patient/$summary`: answers that are documents.

use axum::response::Response;
use clinicvault_gateway::fhir::id::{Reference, ResourceType};
use clinicvault_gateway::fhir::summary::{BUNDLE_PROFILE, COMPOSITION_PROFILE};
use http::{HeaderValue, Method, StatusCode, header};

use super::answer;
use super::operations::{Call, On, Rest};
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::write::Draft;

/// The summary of a patient (IPS, Patient/$summary).
pub async fn summary(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let profile = given.text("profile").map_err(Error::Unreadable)?;
    given.finish().map_err(Error::Unreadable)?;
    if profile.is_some_and(|profile| profile != BUNDLE_PROFILE && profile != COMPOSITION_PROFILE) {
        let message = format!("The box writes summaries after {COMPOSITION_PROFILE} only.");
        return Err(HttpError::bad_request(message).field("profile"));
    }
    let On::Instance(_, id) = call.on else { return Err(HttpError::internal()) };
    let ask = call.ask;
    let work = tokio::task::spawn_blocking(move || ask.records.patient_summary(&ask.caller, &id));
    let document = work.await.map_err(|_| HttpError::internal())??;
    Ok(answer::body(StatusCode::OK, answer::text(&document)))
}

/// The document of a composition (R4, Composition/$document).
pub async fn document(call: Call) -> Result<Response, HttpError> {
    let method = call.method.clone();
    let (call, mut given) = call.parameters().await?;
    let persist = given.flag("persist").map_err(Error::Unreadable)?.unwrap_or(false);
    let named = given.text("id").map_err(Error::Unreadable)?;
    given.finish().map_err(Error::Unreadable)?;
    if persist && method != Method::POST {
        let message = "A document that is to be stored (persist) is asked for by POST.";
        return Err(HttpError::bad_request(message).field("persist"));
    }
    let Rest { ask, on, .. } = call;
    let id = match (on, named) {
        (On::Instance(_, id), None) => id,
        (On::Type(_), Some(named)) => id_of(&named, &ask.base)?,
        (On::Type(_), None) => {
            return Err(HttpError::bad_request("The parameter id names the composition.").field("id"));
        }
        (On::Instance(..) | On::System, _) => {
            return Err(HttpError::bad_request("The address names the composition already.").field("id"));
        }
    };
    let (records, caller) = (ask.records.clone(), ask.caller.clone());
    let work = tokio::task::spawn_blocking(move || records.document_of(&caller, &id));
    let document = work.await.map_err(|_| HttpError::internal())??;
    if !persist {
        return Ok(answer::body(StatusCode::OK, answer::text(&document)));
    }
    let written = ask.records.create(&ask.caller, Draft::of(document)?, None).await?;
    let location = answer::location(&ask.base, &written.stored);
    let mut response = answer::body(StatusCode::OK, written.stored.body);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A plain id, `Composition/id`, or the address of a composition of this box.
fn id_of(text: &str, base: &str) -> Result<String, HttpError> {
    if !text.contains('/') {
        return Ok(text.to_owned());
    }
    let reference = Reference::parse(text);
    match reference.as_ref().and_then(|reference| reference.local(&[base])) {
        Some((ResourceType::COMPOSITION, id)) => Ok(id.as_str().to_owned()),
        _ => Err(HttpError::bad_request("The id is not that of a composition of this box.").field("id")),
    }
}
