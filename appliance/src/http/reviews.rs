//! Critical results that wait for a doctor, and the mark that one has looked.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::aside::{aside, caller};
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::clinic::review::Reviewed;
use crate::records::reviews::CriticalResults;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/results/critical", get(critical))
        .route("/api/patients/{id}/observations/{observation}/review", post(review).delete(unreview))
}

/// Names a result within the patient's record.
#[derive(Debug, Deserialize)]
pub(super) struct ResultPath {
    id: String,
    observation: String,
}

/// Which version of a result.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Seen {
    /// The version that was on the screen.
    version: u64,
}

/// Critical results of the clinic: those that wait, and those that a doctor has looked at since yesterday.
#[utoipa::path(get, path = "/api/results/critical", operation_id = "list_critical_results", tag = "results",
    responses((status = 200, body = CriticalResults)))]
pub(super) async fn critical(who: Actor, State(app): State<App>) -> Result<Json<CriticalResults>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    aside(move || records.critical_results(&from)).await.map(Json)
}

/// Marks a result as looked at by the doctor who asks. Marking it again answers the mark that stands.
#[utoipa::path(post, path = "/api/patients/{id}/observations/{observation}/review", operation_id = "review_result", tag = "results",
    params(("id" = String, Path), ("observation" = String, Path)), request_body = Seen,
    responses((status = 200, body = Reviewed), (status = 404), (status = 412, description = "the result has changed"),
        (status = 422, description = "nothing about this result needs a look")))]
pub(super) async fn review(
    who: Actor,
    State(app): State<App>,
    Path(path): Path<ResultPath>,
    Json(seen): Json<Seen>,
) -> Result<Json<Reviewed>, HttpError> {
    let records = app.rooms()?.records.clone();
    Ok(Json(records.review(&caller(who), &path.id, &path.observation, seen.version).await?))
}

/// Takes the mark away again.
#[utoipa::path(delete, path = "/api/patients/{id}/observations/{observation}/review", operation_id = "unreview_result", tag = "results",
    params(("id" = String, Path), ("observation" = String, Path), Seen), responses((status = 204), (status = 404)))]
pub(super) async fn unreview(
    who: Actor,
    State(app): State<App>,
    Path(path): Path<ResultPath>,
    Query(seen): Query<Seen>,
) -> Result<StatusCode, HttpError> {
    let records = app.rooms()?.records.clone();
    records.unreview(&caller(who), &path.id, &path.observation, seen.version).await?;
    Ok(StatusCode::NO_CONTENT)
}
