//! Transcripts: what was said in a consultation or dictated about a patient, and how transcription stands.

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::routing::{get, post};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use super::limits;
use crate::app::App;
use crate::scribe::Dictation;
use crate::scribe::transcriber::TranscriptionStatus;
use crate::scribe::transcript::Transcript;

/// Longest recording in bytes: half an hour of 16 kHz, 16 bits, mono.
const LONGEST: usize = 60 << 20;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/transcription", get(status))
        .route("/api/consultations/{id}/transcript", get(of_consultation))
        .route("/api/patients/{id}/dictations", post(dictate))
        .route("/api/dictations/{id}", get(of_dictation))
}

/// Tells what hears, with which model, and why not something faster.
#[utoipa::path(get, path = "/api/transcription", operation_id = "transcription_status", tag = "transcripts",
    responses((status = 200, body = TranscriptionStatus)))]
pub(super) async fn status(State(app): State<App>, _: Actor) -> Result<Json<TranscriptionStatus>, HttpError> {
    Ok(Json(app.rooms()?.transcriber.status()))
}

/// What was said, for the doctors of the consultation: captions until the transcript is made.
#[utoipa::path(get, path = "/api/consultations/{id}/transcript", operation_id = "read_transcript", tag = "transcripts",
    params(("id" = String, Path)), responses((status = 200, body = Transcript), (status = 403), (status = 404)))]
pub(super) async fn of_consultation(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<Transcript>, HttpError> {
    let rooms = app.rooms()?;
    Ok(Json(aside(move || rooms.transcriber.of_consultation(&who, &rooms.consult, &id)).await?))
}

/// How a dictation is spoken.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Spoken {
    /// Two letters; English without it.
    language: Option<String>,
}

/// A dictation that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dictated {
    /// Under which its transcript is asked for.
    pub id: String,
}

/// Takes a recording about a patient and has it heard.
#[utoipa::path(post, path = "/api/patients/{id}/dictations", operation_id = "dictate", tag = "transcripts",
    params(("id" = String, Path), Spoken), request_body(content = Vec<u8>, content_type = "audio/wav"),
    responses((status = 202, body = Dictated), (status = 404), (status = 409), (status = 413), (status = 415)))]
pub(super) async fn dictate(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Query(spoken): Query<Spoken>,
    request: Request,
) -> Result<(StatusCode, Json<Dictated>), HttpError> {
    let typed = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let typed = typed.and_then(|value| value.split(';').next()).map(str::trim).unwrap_or_default();
    if !matches!(typed, "audio/wav" | "audio/x-wav" | "audio/vnd.wave") {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(HttpError::new(
            code,
            "unsupportedType",
            "not-supported",
            "Send the recording as audio/wav.",
        ));
    }
    let language = spoken.language.unwrap_or_else(|| "en".to_owned());
    if !(2..=3).contains(&language.len()) || !language.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return Err(HttpError::bad_request("Name the language as two letters, such as en."));
    }
    let patience = std::time::Duration::from_secs(app.config().limits.body_seconds);
    let rooms = app.rooms()?;
    let file = limits::read_body(request.into_body(), LONGEST, patience).await?;
    let id = aside(move || {
        let about = Dictation { patient: &id, language, vocabulary: rooms.consult.vocabulary(&id) };
        rooms.transcriber.dictate(&who, about, &file)
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(Dictated { id })))
}

/// What was dictated, for whoever dictated it.
#[utoipa::path(get, path = "/api/dictations/{id}", operation_id = "read_dictation", tag = "transcripts",
    params(("id" = String, Path)), responses((status = 200, body = Transcript), (status = 404)))]
pub(super) async fn of_dictation(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<Transcript>, HttpError> {
    let rooms = app.rooms()?;
    Ok(Json(aside(move || rooms.transcriber.of_dictation(&who, &id)).await?))
}
