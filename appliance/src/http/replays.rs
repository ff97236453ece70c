//! Messages that were held or refused, taken up again many at a time.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::exchange::replay::{Replay, ReplayAsk, ReplayList, ReplayPreview, ReplayState};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/replays", get(list).post(begin))
        .route("/api/replays/preview", post(preview))
        .route("/api/replays/{id}", get(read))
        .route("/api/replays/{id}/pause", post(pause))
        .route("/api/replays/{id}/resume", post(resume))
        .route("/api/replays/{id}/cancel", post(cancel))
}

/// A replay that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayWanted {
    /// Which messages.
    ask: ReplayAsk,
    /// As many as a preview named: 412 when there are others now.
    expect: Option<u64>,
}

/// Replays, newest first.
#[utoipa::path(get, path = "/api/replays", operation_id = "list_replays", tag = "messages", responses((status = 200, body = ReplayList)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<ReplayList>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.replays(&who)).await?))
}

/// What a replay would do, without doing it: counts by state, type and reason, the first messages, and what would become of
/// some of them.
#[utoipa::path(post, path = "/api/replays/preview", operation_id = "preview_replay", tag = "messages", request_body = ReplayAsk,
    responses((status = 200, body = ReplayPreview), (status = 413)))]
pub(super) async fn preview(
    State(app): State<App>,
    who: Actor,
    Json(ask): Json<ReplayAsk>,
) -> Result<Json<ReplayPreview>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.replay_preview(&who, &ask)).await?))
}

/// Begins a replay; it goes on by itself, also over a restart of the box. One goes at a time.
#[utoipa::path(post, path = "/api/replays", operation_id = "begin_replay", tag = "messages", request_body = ReplayWanted,
    responses((status = 201, body = Replay), (status = 412), (status = 413)))]
pub(super) async fn begin(
    State(app): State<App>,
    who: Actor,
    Json(wanted): Json<ReplayWanted>,
) -> Result<(StatusCode, Json<Replay>), HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let begun = aside(move || exchange.begin_replay(&who, wanted.ask, wanted.expect)).await?;
    Ok((StatusCode::CREATED, Json(begun)))
}

/// One replay, with how far it is.
#[utoipa::path(get, path = "/api/replays/{id}", operation_id = "read_replay", tag = "messages", params(("id" = u64, Path)),
    responses((status = 200, body = Replay), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<u64>,
) -> Result<Json<Replay>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.replay(&who, id)).await?))
}

/// Stops a replay for now; messages that were taken up already are applied.
#[utoipa::path(post, path = "/api/replays/{id}/pause", operation_id = "pause_replay", tag = "messages", params(("id" = u64, Path)),
    responses((status = 200, body = Replay), (status = 404), (status = 412)))]
pub(super) async fn pause(app: State<App>, who: Actor, id: Path<u64>) -> Result<Json<Replay>, HttpError> {
    turn(app, who, id, ReplayState::Paused).await
}

/// Lets a paused replay go on.
#[utoipa::path(post, path = "/api/replays/{id}/resume", operation_id = "resume_replay", tag = "messages", params(("id" = u64, Path)),
    responses((status = 200, body = Replay), (status = 404), (status = 412)))]
pub(super) async fn resume(app: State<App>, who: Actor, id: Path<u64>) -> Result<Json<Replay>, HttpError> {
    turn(app, who, id, ReplayState::Running).await
}

/// Gives a replay up; messages that were taken up already are applied.
#[utoipa::path(post, path = "/api/replays/{id}/cancel", operation_id = "cancel_replay", tag = "messages", params(("id" = u64, Path)),
    responses((status = 200, body = Replay), (status = 404), (status = 412)))]
pub(super) async fn cancel(app: State<App>, who: Actor, id: Path<u64>) -> Result<Json<Replay>, HttpError> {
    turn(app, who, id, ReplayState::Cancelled).await
}

async fn turn(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<u64>,
    to: ReplayState,
) -> Result<Json<Replay>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.turn_replay(&who, id, to)).await?))
}
