//! What the one who asks has granted to programs.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::error::HttpError;
use super::super::extract::{Actor, Json};
use crate::admin::smart::own_consents;
use crate::app::App;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new().route("/api/me/consents", get(list)).route("/api/me/consents/{id}", delete(end))
}

/// Everything granted.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnConsents {
    /// By name of the program.
    consents: Vec<OwnConsent>,
}

/// What one program was granted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnConsent {
    id: String,
    /// The program's `client_id`.
    client_id: String,
    /// The program's name.
    client_name: String,
    /// Scopes of SMART App Launch 2, with spaces between.
    scope: String,
    /// Id of the patient that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<String>,
    /// Whether the program renews its access by itself until it ends.
    renews: bool,
    /// Whether it ends with the session in which it was granted.
    ends_with_session: bool,
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
}

impl From<own_consents::OwnConsent> for OwnConsent {
    fn from(own: own_consents::OwnConsent) -> Self {
        OwnConsent {
            id: own.id,
            client_id: own.client,
            client_name: own.name,
            scope: own.scope,
            patient: own.patient,
            renews: own.renews,
            ends_with_session: own.with_session,
            expires: own.expires,
        }
    }
}

/// Lists what the person who asks has granted to programs.
#[utoipa::path(get, path = "/api/me/consents", operation_id = "list_my_consents", tag = "session", responses((status = 200, body = OwnConsents)))]
pub async fn list(State(app): State<App>, who: Actor) -> Result<Json<OwnConsents>, HttpError> {
    let consents = app.rooms()?.people.own_consents(&who).into_iter().map(OwnConsent::from).collect();
    Ok(Json(OwnConsents { consents }))
}

/// Takes back what was granted; the program's tokens of it are worth nothing from then on.
#[utoipa::path(delete, path = "/api/me/consents/{id}", operation_id = "end_my_consent", tag = "session", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn end(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    app.rooms()?.people.end_own_consent(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
