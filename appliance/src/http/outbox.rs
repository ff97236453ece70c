//! Messages that leave the box: the list, one message with its attempts, sending again, putting aside, pausing.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::exchange::outbox::desk::{OutboxMessage, OutboxPage};
use crate::exchange::outbox::row::State as RowState;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/outbox", get(list))
        .route("/api/outbox/{seq}", get(one))
        .route("/api/outbox/{seq}/resend", post(resend))
        .route("/api/outbox/{seq}/edit", post(edit))
        .route("/api/outbox/{seq}/discard", post(discard))
        .route("/api/destinations/{channel}/{name}/pause", post(pause))
        .route("/api/destinations/{channel}/{name}/resume", post(resume))
        .route("/api/destinations/{channel}/{name}/secret", put(set_secret).delete(drop_secret))
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WantedRows {
    /// `waiting`, `accepted`, `sent`, `failed`, `discarded` or `replaced`; without it all.
    state: Option<String>,
    /// Rows below this number.
    before: Option<u64>,
}

/// Another text of a message.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OtherText {
    /// The whole message, one segment a line.
    text: String,
}

/// Why a message is put aside.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PutAside {
    /// In a person's words.
    reason: String,
}

/// What the box shows to a destination to say who it is.
#[derive(Deserialize, ToSchema)]
pub struct DestinationSecret {
    /// The token of `bearer`, or the password of `basic`: printable ASCII.
    #[schema(min_length = 1, max_length = 8000, write_only, format = Password)]
    secret: String,
}

/// The row that is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutboxSeq {
    /// Its number.
    seq: u64,
}

/// Rows of the outbox, newest first.
#[utoipa::path(get, path = "/api/outbox", operation_id = "list_outbox", params(WantedRows), responses((status = 200, body = OutboxPage)), tag = "messages")]
pub(super) async fn list(
    who: Actor,
    State(app): State<App>,
    Query(wanted): Query<WantedRows>,
) -> Result<Json<OutboxPage>, HttpError> {
    let state = match wanted.state.as_deref().filter(|word| *word != "all") {
        None => None,
        Some(word) => Some(RowState::parse(word).ok_or_else(|| {
            HttpError::bad_request(
                "state is one of waiting, accepted, sent, failed, discarded, replaced, all.",
            )
        })?),
    };
    let outbox = app.rooms()?.exchange.outbox().clone();
    Ok(Json(aside(move || outbox.list(&who, state, wanted.before)).await?))
}

/// One message with its attempts.
#[utoipa::path(get, path = "/api/outbox/{seq}", operation_id = "read_outbox", params(("seq" = u64, Path)),
    responses((status = 200, body = OutboxMessage), (status = 404)), tag = "messages")]
pub(super) async fn one(
    who: Actor,
    State(app): State<App>,
    Path(seq): Path<u64>,
) -> Result<Json<OutboxMessage>, HttpError> {
    let outbox = app.rooms()?.exchange.outbox().clone();
    Ok(Json(aside(move || outbox.one(&who, seq)).await?))
}

/// Sends a failed message again, byte for byte. 412 when it has not failed.
#[utoipa::path(post, path = "/api/outbox/{seq}/resend", operation_id = "resend_outbox", params(("seq" = u64, Path)),
    responses((status = 200, body = OutboxSeq), (status = 404), (status = 412)), tag = "messages")]
pub(super) async fn resend(
    who: Actor,
    State(app): State<App>,
    Path(seq): Path<u64>,
) -> Result<Json<OutboxSeq>, HttpError> {
    let outbox = app.rooms()?.exchange.outbox().clone();
    aside(move || outbox.resend(&who, seq)).await?;
    Ok(Json(OutboxSeq { seq }))
}

/// Sends another text in the place of a failed message, which is kept. Answers the number of the new one.
#[utoipa::path(post, path = "/api/outbox/{seq}/edit", operation_id = "edit_outbox", params(("seq" = u64, Path)), request_body = OtherText,
    responses((status = 200, body = OutboxSeq), (status = 404), (status = 412), (status = 422)), tag = "messages")]
pub(super) async fn edit(
    who: Actor,
    State(app): State<App>,
    Path(seq): Path<u64>,
    Json(other): Json<OtherText>,
) -> Result<Json<OutboxSeq>, HttpError> {
    let outbox = app.rooms()?.exchange.outbox().clone();
    let seq = aside(move || outbox.edit(&who, seq, &other.text)).await?;
    Ok(Json(OutboxSeq { seq }))
}

/// Puts a message aside that waits or has failed.
#[utoipa::path(post, path = "/api/outbox/{seq}/discard", operation_id = "discard_outbox", params(("seq" = u64, Path)), request_body = PutAside,
    responses((status = 200, body = OutboxSeq), (status = 404), (status = 412)), tag = "messages")]
pub(super) async fn discard(
    who: Actor,
    State(app): State<App>,
    Path(seq): Path<u64>,
    Json(why): Json<PutAside>,
) -> Result<Json<OutboxSeq>, HttpError> {
    let outbox = app.rooms()?.exchange.outbox().clone();
    aside(move || outbox.discard(&who, seq, &why.reason)).await?;
    Ok(Json(OutboxSeq { seq }))
}

/// Pauses a destination: its messages wait.
#[utoipa::path(post, path = "/api/destinations/{channel}/{name}/pause", operation_id = "pause_destination",
    params(("channel" = String, Path), ("name" = String, Path)), responses((status = 204)), tag = "messages")]
pub(super) async fn pause(
    who: Actor,
    State(app): State<App>,
    Path((channel, name)): Path<(String, String)>,
) -> Result<http::StatusCode, HttpError> {
    turn(who, app, &channel, &name, true).await
}

/// Lets a destination go on.
#[utoipa::path(post, path = "/api/destinations/{channel}/{name}/resume", operation_id = "resume_destination",
    params(("channel" = String, Path), ("name" = String, Path)), responses((status = 204)), tag = "messages")]
pub(super) async fn resume(
    who: Actor,
    State(app): State<App>,
    Path((channel, name)): Path<(String, String)>,
) -> Result<http::StatusCode, HttpError> {
    turn(who, app, &channel, &name, false).await
}

/// Sets the secret of a destination, for the scheme, host and port that it has now. Nothing answers it again.
#[utoipa::path(put, path = "/api/destinations/{channel}/{name}/secret", operation_id = "put_destination_secret",
    params(("channel" = String, Path), ("name" = String, Path)), request_body = DestinationSecret,
    responses((status = 204), (status = 404), (status = 422, description = "the destination asks for no secret, or this cannot be one")), tag = "messages")]
pub(super) async fn set_secret(
    who: Actor,
    State(app): State<App>,
    Path((channel, name)): Path<(String, String)>,
    Json(given): Json<DestinationSecret>,
) -> Result<http::StatusCode, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    aside(move || exchange.set_secret(&who, &channel, &name, Some(given.secret))).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Takes the secret of a destination away.
#[utoipa::path(delete, path = "/api/destinations/{channel}/{name}/secret", operation_id = "delete_destination_secret",
    params(("channel" = String, Path), ("name" = String, Path)), responses((status = 204), (status = 404)), tag = "messages")]
pub(super) async fn drop_secret(
    who: Actor,
    State(app): State<App>,
    Path((channel, name)): Path<(String, String)>,
) -> Result<http::StatusCode, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    aside(move || exchange.set_secret(&who, &channel, &name, None)).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

async fn turn(
    who: Actor,
    app: App,
    channel: &str,
    name: &str,
    paused: bool,
) -> Result<http::StatusCode, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let (channel, name) = (channel.to_owned(), name.to_owned());
    aside(move || exchange.turn_destination(&who, &channel, &name, paused)).await?;
    Ok(http::StatusCode::NO_CONTENT)
}
