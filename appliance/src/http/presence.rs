//! Doctors who can be given patients.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::consult::doctors::{DoctorProfile, DoctorView};
use crate::consult::presence::{PresenceState, Wanted};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/presence", get(list))
        .route("/api/presence/me", post(want))
        .route("/api/presence/me/beat", post(beat))
        .route("/api/presence/{id}/profile", put(describe))
}

/// Doctors of the clinic.
#[derive(Debug, Serialize, ToSchema)]
pub struct Doctors {
    /// By name.
    pub doctors: Vec<DoctorView>,
}

/// What a doctor wants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresenceWish {
    /// During a patient it counts afterwards.
    state: Wanted,
}

/// How a doctor stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnPresence {
    /// Whether the doctor can be given a patient.
    state: PresenceState,
}

/// Doctors and whether they can be given patients.
#[utoipa::path(get, path = "/api/presence", operation_id = "list_doctors", tag = "consultations", responses((status = 200, body = Doctors)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<Doctors>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(Doctors { doctors: aside(move || room.doctors(&who)).await? }))
}

/// A doctor asks to be given patients, for a pause, or goes.
#[utoipa::path(post, path = "/api/presence/me", operation_id = "set_presence", tag = "consultations", request_body = PresenceWish,
    responses((status = 200, body = OwnPresence), (status = 409)))]
pub(super) async fn want(
    State(app): State<App>,
    who: Actor,
    Json(wish): Json<PresenceWish>,
) -> Result<Json<OwnPresence>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let state = aside(move || {
        room.want(&who, wish.state)?;
        room.beats(&who)
    });
    Ok(Json(OwnPresence { state: state.await? }))
}

/// A doctor's screen is there; every 30 s, and after 90 s without one the doctor is OFFLINE.
#[utoipa::path(post, path = "/api/presence/me/beat", operation_id = "beat", tag = "consultations", responses((status = 200, body = OwnPresence)))]
pub(super) async fn beat(State(app): State<App>, who: Actor) -> Result<Json<OwnPresence>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(OwnPresence { state: aside(move || room.beats(&who)).await? }))
}

/// The owner says which specialties and languages a doctor has.
#[utoipa::path(put, path = "/api/presence/{id}/profile", operation_id = "describe_doctor", tag = "consultations",
    params(("id" = String, Path)), request_body = DoctorProfile, responses((status = 204), (status = 404), (status = 422)))]
pub(super) async fn describe(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(profile): Json<DoctorProfile>,
) -> Result<StatusCode, HttpError> {
    let room = app.rooms()?.consult.clone();
    match aside(move || room.describe(&who, &id, profile)).await? {
        None => Ok(StatusCode::NO_CONTENT),
        Some(wrong) => Err(wrong.into()),
    }
}
