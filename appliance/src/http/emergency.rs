//! Opening a record in an emergency.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aside::caller;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new().route("/api/patients/{id}/emergency", post(open))
}

/// Why a record has to be opened now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// In 10 to 500 characters; it stands in the audit log and in the patient's access log.
    reason: String,
}

/// A record that is open.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedRecord {
    /// Until then, to this person.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// Opens to a clinician what a patient's consent withholds, for an hour. It is recorded with its reason.
#[utoipa::path(post, path = "/api/patients/{id}/emergency", operation_id = "open_in_emergency", tag = "chart",
    params(("id" = String, Path)), request_body = Emergency, responses((status = 200, body = OpenedRecord), (status = 404),
        (status = 403, description = "a fresh proof is needed: proveAgain"), (status = 422, description = "no reason")))]
pub async fn open(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(emergency): Json<Emergency>,
) -> Result<Json<OpenedRecord>, HttpError> {
    let rooms = app.rooms()?;
    rooms.people.recently_proven(&who)?;
    let until = rooms.records.break_glass(&caller(who), &id, &emergency.reason).await?;
    Ok(Json(OpenedRecord { until }))
}
