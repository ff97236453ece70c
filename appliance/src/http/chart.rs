//! One patient: the chart, the results of a test, who looked, allergies, problems, documents.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aside::{aside, caller};
use super::error::HttpError;
use super::extract::{Actor, Json};
use super::files;
use crate::app::App;
use crate::clinic::chart::{Chart, ResultRow};
use crate::records::access_log::AccessRow;
use crate::records::entries::{NewAllergy, NewProblem};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/patients/{id}/chart", get(chart))
        .route("/api/patients/{id}/results/{code}", get(results))
        .route("/api/patients/{id}/access-log", get(access_log))
        .route("/api/patients/{id}/allergies", post(add_allergy))
        .route("/api/patients/{id}/problems", post(add_problem))
        .route("/api/patients/{id}/documents/{document}", get(document))
}

/// Who opened a record.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessLog {
    /// The newest first.
    pub rows: Vec<AccessRow>,
}

/// The id of a new entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct Added {
    /// Logical id.
    pub id: String,
}

/// Names the document within the patient's record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DocumentPath {
    id: String,
    document: String,
}

/// The chart of a patient. Opening it is recorded.
#[utoipa::path(get, path = "/api/patients/{id}/chart", params(("id" = String, Path)), responses((status = 200, body = Chart)), tag = "chart")]
pub(super) async fn chart(
    who: Actor,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Chart>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    aside(move || records.chart(&from, &id)).await.map(Json)
}

/// Every reading of one test; `code` is `system|code`, a code, or the words of a test without one.
#[utoipa::path(get, path = "/api/patients/{id}/results/{code}", params(("id" = String, Path), ("code" = String, Path)),
    responses((status = 200, body = ResultRow), (status = 404)), tag = "chart")]
pub(super) async fn results(
    who: Actor,
    State(app): State<App>,
    Path((id, code)): Path<(String, String)>,
) -> Result<Json<ResultRow>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    let rows = aside(move || records.result_series(&from, &id, &code)).await?;
    // A test reported in several units has a row for each; the one with the newest reading is meant.
    let row = rows.into_iter().max_by(|a, b| a.latest.at.cmp(&b.latest.at));
    row.map(Json).ok_or_else(|| HttpError::not_found("There is no such result."))
}

/// Who opened this record, when, in what role and why.
#[utoipa::path(get, path = "/api/patients/{id}/access-log", params(("id" = String, Path)), responses((status = 200, body = AccessLog)), tag = "chart")]
pub(super) async fn access_log(
    who: Actor,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<AccessLog>, HttpError> {
    let (records, from) = (app.rooms()?.records.clone(), caller(who));
    let rows = aside(move || records.access_log(&from, &id)).await?;
    Ok(Json(AccessLog { rows }))
}

/// Adds an allergy, or records that none are known.
#[utoipa::path(post, path = "/api/patients/{id}/allergies", params(("id" = String, Path)), request_body = NewAllergy,
    responses((status = 201, body = Added)), tag = "chart")]
pub(super) async fn add_allergy(
    who: Actor,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(new): Json<NewAllergy>,
) -> Result<(StatusCode, Json<Added>), HttpError> {
    let records = app.rooms()?.records.clone();
    let id = records.add_allergy(&caller(who), &id, new).await??;
    Ok((StatusCode::CREATED, Json(Added { id })))
}

/// Adds a problem.
#[utoipa::path(post, path = "/api/patients/{id}/problems", params(("id" = String, Path)), request_body = NewProblem,
    responses((status = 201, body = Added)), tag = "chart")]
pub(super) async fn add_problem(
    who: Actor,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(new): Json<NewProblem>,
) -> Result<(StatusCode, Json<Added>), HttpError> {
    let records = app.rooms()?.records.clone();
    let id = records.add_problem(&caller(who), &id, new).await??;
    Ok((StatusCode::CREATED, Json(Added { id })))
}

/// The bytes of a document, for saving. They come from outside, so the browser is told to treat them as a stranger's.
#[utoipa::path(get, path = "/api/patients/{id}/documents/{document}", params(("id" = String, Path), ("document" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 404)), tag = "chart")]
pub(super) async fn document(
    who: Actor,
    State(app): State<App>,
    Path(path): Path<DocumentPath>,
) -> Result<Response, HttpError> {
    let (records, room) = (app.rooms()?.records.clone(), app.rooms()?.consult.clone());
    let (as_who, at) = (who.clone(), path.clone());
    if let Some(file) = aside(move || room.file_of_document(&as_who, &at.id, &at.document)).await? {
        return files::given(file);
    }
    let from = caller(who);
    let found = aside(move || records.document(&from, &path.id, &path.document)).await?;
    let mut response = Response::new(Body::from(found.bytes));
    let headers = response.headers_mut();
    let disposition = format!("attachment; filename=\"{}\"", found.file_name);
    for (name, value) in [
        (header::CONTENT_TYPE, found.content_type.as_str()),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| HttpError::internal())?);
    }
    Ok(response)
}

/// A field of a small form that is not acceptable.
impl From<crate::clinic::form::Wrong> for HttpError {
    fn from(wrong: crate::clinic::form::Wrong) -> Self {
        Self::invalid(wrong.message).code(wrong.code).field(wrong.field)
    }
}
