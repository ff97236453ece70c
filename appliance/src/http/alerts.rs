//! What about channels is worth a look now.

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::exchange::channels::alerts::ChannelAlertList;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/alerts", get(list))
}

/// What about channels is worth a look now.
#[utoipa::path(get, path = "/api/alerts", operation_id = "list_alerts", tag = "channels", responses((status = 200, body = ChannelAlertList)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<ChannelAlertList>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let destination = app.config().alerts.destination.clone();
    Ok(Json(aside(move || exchange.alerts(&who, &destination)).await?))
}
