//! `$meta`, `$meta-add`, `$meta-delete`: profiles, tags and security labels (R4, Resource/$meta and neighbours).

use axum::response::Response;
use clinicvault_gateway::fhir::parameters::{Answer, Parameters};
use clinicvault_gateway::fhir::patch::{MetaChange, Patch};
use clinicvault_gateway::json::{self, Limits, Object, Value};
use http::StatusCode;

use super::answer;
use super::ask;
use super::conditions::if_match;
use super::operations::{Call, On, Rest};
use crate::http::error::HttpError;
use crate::records::conditional::Whom;
use crate::records::error::Error;
use crate::records::read::Stored;

/// The meta of a record, or all labels in use on a type or on the whole box.
pub async fn show(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters().await?;
    given.finish().map_err(Error::Unreadable)?;
    let Rest { ask, on, .. } = call;
    match on {
        On::Instance(kind, id) => answered(&ask.records.read(&ask.caller.who, kind, &id)?),
        On::Type(_) | On::System => {
            let kind = on.kind();
            let work = tokio::task::spawn_blocking(move || ask.records.labels(&ask.caller, kind));
            let meta = work.await.map_err(|_| HttpError::internal())??;
            Ok(answer::body(StatusCode::OK, answer::text(&returned(meta))))
        }
    }
}

/// Puts labels on a record.
pub async fn add(call: Call) -> Result<Response, HttpError> {
    change(call, MetaChange::add).await
}

/// Takes labels off a record.
pub async fn delete(call: Call) -> Result<Response, HttpError> {
    change(call, MetaChange::delete).await
}

async fn change(call: Call, how: fn(Value) -> MetaChange) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let meta = meta_of(&mut given).map_err(Error::Unreadable)?;
    given.finish().map_err(Error::Unreadable)?;
    let On::Instance(kind, id) = &call.on else { return Err(HttpError::internal()) };
    let (id, expected) = (ask::id(id)?, if_match(&call.ask.headers)?);
    let patch = Patch::Meta(how(meta));
    let ask = &call.ask;
    let written = ask.records.patch(&ask.caller, *kind, Whom::Named(id), patch, expected).await?;
    answered(&written.stored)
}

fn meta_of(given: &mut Parameters) -> Result<Value, clinicvault_gateway::fhir::outcome::Outcome> {
    use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
    let missing =
        || Issue::error(IssueCode::Required, "The parameter meta (valueMeta) is needed.").at("meta");
    given.complex("meta", "Meta")?.ok_or_else(|| missing().into())
}

fn answered(stored: &Stored) -> Result<Response, HttpError> {
    let json = json::parse(&stored.body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("record {}", stored.head.rid.0)))?;
    let meta = json.get("meta").cloned().unwrap_or_else(|| Value::Object(Object::new()));
    let mut response = answer::body(StatusCode::OK, answer::text(&returned(meta)));
    answer::describe(response.headers_mut(), &stored.head);
    Ok(response)
}

/// An empty meta is no element of R4: then nothing is returned.
fn returned(meta: Value) -> Value {
    match meta.as_object().is_some_and(Object::is_empty) {
        true => Answer::new().to_json(),
        false => Answer::new().value("return", "valueMeta", meta).to_json(),
    }
}
