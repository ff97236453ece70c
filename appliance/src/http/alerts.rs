//! What about channels is worth a look now.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::exchange::channels::alerts::{ChannelAlert, ChannelAlertList};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/alerts", get(list))
        .route("/api/alerts/{channel}/{about}/acknowledge", post(acknowledge))
}

/// What about channels is worth a look now.
#[utoipa::path(get, path = "/api/alerts", operation_id = "list_alerts", tag = "channels", responses((status = 200, body = ChannelAlertList)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<ChannelAlertList>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let destination = app.config().alerts.destination.clone();
    Ok(Json(aside(move || exchange.alerts(&who, &destination)).await?))
}

/// Says that somebody has seen an alert and sees to it: it stays until it is over, and is not counted any more. Who was first
/// stands with it.
#[utoipa::path(post, path = "/api/alerts/{channel}/{about}/acknowledge", operation_id = "acknowledge_alert", tag = "channels",
    params(("channel" = String, Path), ("about" = String, Path, description = "silent, errors, waiting, certificate or failed")),
    responses((status = 200, body = ChannelAlert), (status = 404, description = "there is no such alert any more")))]
pub(super) async fn acknowledge(
    State(app): State<App>,
    who: Actor,
    Path((channel, about)): Path<(String, String)>,
) -> Result<Json<ChannelAlert>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.acknowledge_alert(&who, &channel, &about)).await?))
}
