//! Finding and registering people.

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::{aside, caller};
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::clinic::form::{NewPatient, Sketch};
use crate::clinic::identity::Identity;
use crate::records::people::{Candidate, Hit};
use crate::records::register::Registered;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/search", get(search))
        .route("/api/patients", post(register))
        .route("/api/patients/recent", get(recent))
        .route("/api/patients/duplicates", post(duplicates))
}

/// What was typed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Typed {
    /// Part of a name in any script, phone digits, clinic number, ABHA number, or birth year.
    #[serde(default)]
    q: String,
}

/// People found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hits {
    /// The best first.
    pub hits: Vec<Hit>,
    /// Whether there are more than these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
}

/// People who look like the one being registered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Candidates {
    /// The likeliest first.
    pub candidates: Vec<Candidate>,
}

/// People who match what was typed.
#[utoipa::path(get, path = "/api/search", params(Typed), responses((status = 200, body = Hits)), tag = "patients")]
pub(super) async fn search(
    who: Actor,
    State(app): State<App>,
    Query(typed): Query<Typed>,
) -> Result<Json<Hits>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    let (hits, more) = aside(move || records.find_people(&from, &typed.q)).await?;
    Ok(Json(Hits { hits, more: Some(more) }))
}

/// People in whose record something happened last.
#[utoipa::path(get, path = "/api/patients/recent", responses((status = 200, body = Hits)), tag = "patients")]
pub(super) async fn recent(who: Actor, State(app): State<App>) -> Result<Json<Hits>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    let hits = aside(move || records.recent_people(&from)).await?;
    Ok(Json(Hits { hits, more: None }))
}

/// People who look like the one being typed.
#[utoipa::path(post, path = "/api/patients/duplicates", request_body = Sketch, responses((status = 200, body = Candidates)), tag = "patients")]
pub(super) async fn duplicates(
    who: Actor,
    State(app): State<App>,
    Json(sketch): Json<Sketch>,
) -> Result<Json<Candidates>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    let candidates = aside(move || records.look_alikes(&from, &sketch)).await?;
    Ok(Json(Candidates { candidates }))
}

/// Registers a patient. 409 with candidates when a likely duplicate was not decided about.
#[utoipa::path(post, path = "/api/patients", request_body = NewPatient,
    responses((status = 201, body = Identity), (status = 409, body = Candidates)), tag = "patients")]
pub(super) async fn register(
    who: Actor,
    State(app): State<App>,
    Json(form): Json<NewPatient>,
) -> Result<(StatusCode, Json<Identity>), HttpError> {
    let records = app.rooms()?.records.clone();
    match records.register(&caller(who), form).await? {
        Registered::Stored(identity) => Ok((StatusCode::CREATED, Json(identity))),
        Registered::Wrong(wrong) => Err(wrong.into()),
        Registered::Undecided(candidates) => {
            let list = serde_json::to_value(candidates).map_err(|_| HttpError::internal())?;
            Err(HttpError::conflict("Somebody who looks like this is already registered. Open that record, or say why it is another person.")
                .code("duplicate")
                .with("candidates", list))
        }
    }
}
