//! Interactions with one record: read, vread, create, update, delete; named by its id or by a query.

use axum::extract::Path;
use axum::response::Response;
use clinicvault_gateway::fhir::id::version_id;
use http::StatusCode;

use super::answer;
use super::ask::{self, Ask, FhirBody};
use super::binary::{self, AskForOne, Content};
use super::conditions::{etag, if_match, of_update};
use super::negotiate::Return;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::error::Error;
use crate::records::write::Draft;

/// `GET /fhir/{type}/{id}`
pub async fn read(
    AskForOne(ask): AskForOne,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
    let stored = ask.records.read(&ask.caller.who, kind, &id)?;
    binary::answer(&ask, stored)
}

/// `GET /fhir/{type}/{id}/_history/{version}`
pub async fn version(
    AskForOne(ask): AskForOne,
    Path((kind, id, version)): Path<(String, String, String)>,
) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
    let Some(number) = version_id(&version) else {
        return Err(Error::NotFound(format!("This version of {kind}/{id}")).into());
    };
    let stored = ask.records.version(&ask.caller.who, kind, &id, number)?;
    binary::answer(&ask, stored)
}

/// `POST /fhir/{type}`, conditional with `If-None-Exist`.
pub async fn create(
    Path(kind): Path<String>,
    AskForOne(ask): AskForOne,
    body: Content,
) -> Result<Response, HttpError> {
    ask.without_query("a create that depends on a query carries it in If-None-Exist")?;
    let kind = ask::kind(&kind)?;
    let draft = Draft::of(body.value(None)?)?.expect(kind)?;
    let unless = match ask.headers.get("if-none-exist") {
        None => None,
        Some(value) => {
            let text =
                value.to_str().map_err(|_| HttpError::bad_request("If-None-Exist is not readable."))?;
            let text = text.split_once('?').map_or(text, |(_, query)| query);
            Some(ask.records.condition(&ask.caller, kind, &query::pairs(text)?)?)
        }
    };
    let written = ask.records.create(&ask.caller, draft, unless).await?;
    Ok(answer::written(&ask, written))
}

/// `PUT /fhir/{type}/{id}`, guarded by `If-Match`.
pub async fn update(
    Path((kind, id)): Path<(String, String)>,
    AskForOne(ask): AskForOne,
    body: Content,
) -> Result<Response, HttpError> {
    ask.without_query(ask::NAMED)?;
    let (kind, id) = (ask::kind(&kind)?, ask::id(&id)?);
    let expected = of_update(&ask.headers)?;
    let draft = Draft::of(body.value(Some(id.as_str()))?)?.expect(kind)?;
    let written = ask.records.update(&ask.caller, &id, draft, expected).await?;
    Ok(answer::written(&ask, written))
}

/// `PUT /fhir/{type}?…`: updates the one that matches, creates one when none does.
pub async fn update_matching(
    Path(kind): Path<String>,
    ask: Ask,
    body: FhirBody,
) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
    let expected = of_update(&ask.headers)?;
    let condition = ask.records.condition(&ask.caller, kind, &ask.parameters)?;
    let draft = Draft::of(body.value()?)?.expect(kind)?;
    let written = ask.records.update_matching(&ask.caller, draft, condition, expected).await?;
    Ok(answer::written(&ask, written))
}

/// `DELETE /fhir/{type}/{id}`; repeating it, or deleting what never was, is 204 as well.
pub async fn delete(ask: Ask, Path((kind, id)): Path<(String, String)>) -> Result<Response, HttpError> {
    ask.without_query(ask::NAMED)?;
    let (kind, id) = (ask::kind(&kind)?, ask::id(&id)?);
    let expected = if_match(&ask.headers)?;
    match ask.records.delete(&ask.caller, kind, &id, expected).await {
        Ok(head) => Ok(deleted(&ask, Some(head.version))),
        Err(Error::NotFound(_)) if expected.is_none() => Ok(deleted(&ask, None)),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /fhir/{type}?…`: the one that matches; several are a refusal (`single`), none is 204.
pub async fn delete_matching(ask: Ask, Path(kind): Path<String>) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
    let expected = if_match(&ask.headers)?;
    let condition = ask.records.condition(&ask.caller, kind, &ask.parameters)?;
    let head = ask.records.delete_matching(&ask.caller, kind, condition, expected).await?;
    Ok(deleted(&ask, head.map(|head| head.version)))
}

fn deleted(ask: &Ask, version: Option<u64>) -> Response {
    let mut response = match ask.wish.back {
        Some(Return::OperationOutcome) => {
            let message = if version.is_some() { "Deleted." } else { "There was nothing to delete." };
            answer::body(StatusCode::OK, answer::said(message))
        }
        Some(Return::Minimal | Return::Representation) | None => answer::empty(StatusCode::NO_CONTENT),
    };
    if let Some(version) = version {
        response.headers_mut().insert(http::header::ETAG, etag(version));
    }
    response
}
