//! Recordings of consultations: lists, the files themselves with ranges, and their deletion.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use super::ranges::{self, Wanted};
use crate::app::App;
use crate::consult::recordings::view::{OwnRecording, Playable, RecordingView};

/// Parts that wait for the network.
const WAITING: usize = 4;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/consultations/{id}/recordings", get(list))
        .route("/api/consultations/{id}/recordings/{recording}", get(play).delete(delete))
        .route("/api/portal/consultations/{id}/recordings", get(own))
}

/// Recordings of a consultation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recordings {
    /// In the order in which they begin; one for each person and stay, or camera that was switched.
    recordings: Vec<RecordingView>,
}

/// Recordings of an own consultation.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnRecordings {
    /// In the order in which they begin.
    recordings: Vec<OwnRecording>,
}

/// Why a recording is deleted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingDeletion {
    /// 1 to 500 characters.
    reason: String,
}

/// The recordings of a consultation, for its doctors and the owner.
#[utoipa::path(get, path = "/api/consultations/{id}/recordings", operation_id = "list_recordings", tag = "consultations",
    params(("id" = String, Path)), responses((status = 200, body = Recordings), (status = 403), (status = 404)))]
pub(super) async fn list(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<Recordings>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(Recordings { recordings: aside(move || room.recordings_of(&who, &id)).await? }))
}

/// A recording as WebM, for the doctors of the consultation; ranges of bytes as a player asks for them.
#[utoipa::path(get, path = "/api/consultations/{id}/recordings/{recording}", operation_id = "play_recording", tag = "consultations",
    params(("id" = String, Path), ("recording" = String, Path)),
    responses((status = 200, content_type = "video/webm"), (status = 206), (status = 403), (status = 404),
        (status = 409, description = "it is being made"), (status = 416)))]
pub(super) async fn play(
    State(app): State<App>,
    who: Actor,
    Path((id, recording)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let room = app.rooms()?.consult.clone();
    let playable = aside(move || room.play(&who, &id, &recording)).await?;
    let (length, tag) = (playable.length(), playable.tag());
    let (status, from, to) = match ranges::range(&headers, &tag, length) {
        Wanted::Beyond => return Err(ranges::beyond(length)),
        Wanted::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Wanted::Whole => (StatusCode::OK, 0, length),
    };
    let kind = playable.content_type();
    let mut response = Response::new(poured(playable, from, to));
    *response.status_mut() = status;
    let mut said = vec![
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, (to - from).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        // A page may play it; opened by itself it is saved, not shown.
        (header::CONTENT_DISPOSITION, "attachment; filename=\"recording.webm\"".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'".to_owned()),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{length}", to.saturating_sub(1));
        said.push((header::CONTENT_RANGE, range));
    }
    for (name, value) in said {
        let value = HeaderValue::from_str(&value).map_err(|_| HttpError::internal())?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The bytes of a recording, opened chunk by chunk as they are sent; nothing is opened for a reader who is gone.
fn poured(playable: Playable, from: u64, to: u64) -> Body {
    let (parts, poured) = mpsc::channel::<Result<Bytes, std::io::Error>>(WAITING);
    tokio::task::spawn_blocking(move || {
        let done = playable.pour(from, to, |part| parts.blocking_send(Ok(part)).is_ok());
        if let Err(error) = done {
            tracing::error!(op = "recording", %error, "a recording cannot be read");
            // The connection breaks, so that nobody takes a part for the whole.
            let _ = parts.blocking_send(Err(std::io::Error::other("the recording cannot be read")));
        }
    });
    Body::from_stream(stream::unfold(poured, |mut poured| async {
        poured.recv().await.map(|part| (part, poured))
    }))
}

/// Deletes a recording, for the owner. That it was there, who deleted it and why stays.
#[utoipa::path(delete, path = "/api/consultations/{id}/recordings/{recording}", operation_id = "delete_recording", tag = "consultations",
    params(("id" = String, Path), ("recording" = String, Path)), request_body = RecordingDeletion,
    responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub(super) async fn delete(
    State(app): State<App>,
    who: Actor,
    Path((id, recording)): Path<(String, String)>,
    Json(sent): Json<RecordingDeletion>,
) -> Result<StatusCode, HttpError> {
    let room = app.rooms()?.consult.clone();
    aside(move || room.delete_recording(&who, &id, &recording, &sent.reason)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// That recordings of an own consultation are there.
#[utoipa::path(get, path = "/api/portal/consultations/{id}/recordings", operation_id = "list_own_recordings", tag = "portal",
    params(("id" = String, Path)), responses((status = 200, body = OwnRecordings), (status = 404)))]
pub(super) async fn own(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<OwnRecordings>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(OwnRecordings { recordings: aside(move || room.own_recordings(&who, &id)).await? }))
}
