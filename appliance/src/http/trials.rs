//! Trying connections by hand, and what the other side needs to connect.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::exchange::outbox::destination::Place;
use crate::exchange::rehearsal::sheet::ChannelSheet;
use crate::exchange::rehearsal::{DoorTest, TargetTest};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/destinations/{channel}/{name}/test", post(target))
        .route("/api/channels/{name}/test", post(door))
        .route("/api/channels/{name}/sheet", get(sheet))
}

/// Which message is sent to a destination.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetTrial {
    /// A message that the box makes, such as `ORU^R01`; without it `ADT^A08`. None where the destination takes FHIR.
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Which message is sent through the door of a channel.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DoorTrial {
    /// A message that the box makes, such as `ORU^R01`; without it `ADT^A08`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Whether its processing id is `P`, for a channel that takes no other; without it `T`.
    production: bool,
}

/// Sends a message about nobody, marked as a test, to a destination at once and tells what came back, within half a minute.
#[utoipa::path(post, path = "/api/destinations/{channel}/{name}/test", operation_id = "test_destination", tag = "channels",
    params(("channel" = String, Path), ("name" = String, Path)), request_body = TargetTrial,
    responses((status = 200, body = TargetTest), (status = 404), (status = 422)))]
pub(super) async fn target(
    State(app): State<App>,
    who: Actor,
    Path((channel, name)): Path<(String, String)>,
    Json(trial): Json<TargetTrial>,
) -> Result<Json<TargetTest>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let place = Place { data: app.data().to_owned(), folders: app.config().hl7.folders.clone() };
    Ok(Json(exchange.test_target(&who, (&channel, &name), trial.kind.as_deref(), &place).await?))
}

/// Sends a message about nobody through the door of a channel, which answers it as any other and stores nothing; tells what
/// would be written.
#[utoipa::path(post, path = "/api/channels/{name}/test", operation_id = "test_channel", tag = "channels",
    params(("name" = String, Path)), request_body = DoorTrial,
    responses((status = 200, body = DoorTest), (status = 404), (status = 412), (status = 422)))]
pub(super) async fn door(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
    Json(trial): Json<DoorTrial>,
) -> Result<Json<DoorTest>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let kind = trial.kind.as_deref();
    Ok(Json(exchange.test_source(&who, &app, &name, kind, trial.production).await?))
}

/// What another side's IT needs to connect to a channel: where, the certificate, the messages, and some to begin with.
#[utoipa::path(get, path = "/api/channels/{name}/sheet", operation_id = "channel_sheet", tag = "channels",
    params(("name" = String, Path)), responses((status = 200, body = ChannelSheet), (status = 404)))]
pub(super) async fn sheet(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
) -> Result<Json<ChannelSheet>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.sheet(&who, &app, &name)).await?))
}
