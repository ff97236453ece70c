//! The box as it is at this moment, for the owner: the machine, and the rooms in which people meet.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::consult::room::gauge::OpenRoom;
use crate::machine::Machine;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/live", get(live))
}

/// The box at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveView {
    /// Since when the program runs.
    #[schema(value_type = String, format = DateTime)]
    started: Timestamp,
    /// The machine, and what the program takes of it.
    machine: Machine,
    /// Rooms that are open.
    rooms: Vec<OpenRoom>,
}

/// Tells how the box is at this moment.
#[utoipa::path(get, path = "/api/live", operation_id = "live", tag = "box", responses((status = 200, body = LiveView)))]
pub(super) async fn live(State(app): State<App>, _: Actor) -> Result<Json<LiveView>, HttpError> {
    let rooms = app.rooms()?.consult.rooms().gauges();
    let (folder, started) = (app.data().to_owned(), app.started());
    let machine = aside(move || Ok(Machine::now(&folder))).await?;
    Ok(Json(LiveView { started, machine, rooms }))
}
