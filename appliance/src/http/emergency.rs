//! Opening a record in an emergency.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aside::{aside, caller};
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::records::consents::Opening;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new().route("/api/patients/{id}/emergency", post(open)).route("/api/emergencies", get(openings))
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

/// Records that were opened so.
#[derive(Debug, Serialize, ToSchema)]
pub struct Openings {
    /// The newest first, at most 100.
    openings: Vec<Opening>,
    /// There were more.
    more: bool,
}

/// Who opened which record in an emergency, and why.
#[utoipa::path(get, path = "/api/emergencies", operation_id = "list_emergencies", tag = "chart",
    responses((status = 200, body = Openings)))]
pub async fn openings(State(app): State<App>, who: Actor) -> Result<Json<Openings>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    let (openings, more) = aside(move || records.openings(&from)).await?;
    Ok(Json(Openings { openings, more }))
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
