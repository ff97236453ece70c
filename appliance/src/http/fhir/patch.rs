//! `PATCH /fhir/{type}/{id}` and `PATCH /fhir/{type}?…`: JSON Patch, or Parameters as FHIRPath Patch.

use axum::extract::{FromRequest, Path, Request};
use axum::response::Response;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::patch::{JSON_PATCH, Patch};
use http::{StatusCode, header};

use super::answer;
use super::ask::{self, Ask, FhirBody};
use super::conditions::if_match;
use super::media::Form;
use crate::app::App;
use crate::http::error::HttpError;
use crate::records::conditional::Whom;
use crate::records::error::Error;

/// The body of a PATCH.
pub struct PatchBody(Patch);

impl FromRequest<App> for PatchBody {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let typed = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let typed = typed.unwrap_or_default();
        if typed.split(';').next().map(str::trim) == Some(JSON_PATCH) {
            let limits = ask::json_limits(app);
            let bytes = ask::read(request, app).await?;
            return Ok(Self(Patch::read_json(&bytes, &limits).map_err(Error::from)?));
        }
        if Form::of(typed).is_none() {
            let message = format!(
                "A patch is {JSON_PATCH}, or Parameters as application/fhir+json or application/fhir+xml."
            );
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(HttpError::new(status, "unsupportedType", "not-supported", message));
        }
        let parameters = FhirBody::from_request(request, app).await?.value()?;
        Ok(Self(Patch::of_parameters(&parameters).map_err(Error::from)?))
    }
}

/// Patches the record with an id.
pub async fn of_one(
    Path((kind, id)): Path<(String, String)>,
    ask: Ask,
    PatchBody(patch): PatchBody,
) -> Result<Response, HttpError> {
    ask.without_query(ask::NAMED)?;
    let (kind, id) = (ask::kind(&kind)?, ask::id(&id)?);
    carry(&ask, kind, Whom::Named(id), patch).await
}

/// Patches the record that matches.
pub async fn matching(
    Path(kind): Path<String>,
    ask: Ask,
    PatchBody(patch): PatchBody,
) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
    let condition = ask.records.condition(&ask.caller, kind, &ask.parameters)?;
    carry(&ask, kind, Whom::Matching(Box::new(condition)), patch).await
}

async fn carry(ask: &Ask, kind: ResourceType, whom: Whom, patch: Patch) -> Result<Response, HttpError> {
    let expected = if_match(&ask.headers)?;
    let written = ask.records.patch(&ask.caller, kind, whom, patch, expected).await?;
    Ok(answer::written(ask, written))
}
