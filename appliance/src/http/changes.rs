//! The polling twin of the live feed, for networks that do not let a WebSocket through.

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::clinic::live::{Change, known};

/// Changes of one answer.
pub(super) const AT_ONCE: usize = 500;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/changes", get(changes))
}

/// Where the reader stands.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Position {
    /// The last transaction that was seen; 0 for "from now".
    #[serde(default)]
    since: u64,
}

/// What changed since.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Oldest first.
    pub changes: Vec<Change>,
    /// Where the reader stands now.
    pub last: u64,
    /// Too much has changed to list: load everything again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// What changed after a transaction, as far as the reader's role may know.
#[utoipa::path(get, path = "/api/changes", params(Position), responses((status = 200, body = Changes)), tag = "live")]
pub(super) async fn changes(
    who: Actor,
    State(app): State<App>,
    Query(position): Query<Position>,
) -> Result<Json<Changes>, HttpError> {
    let records = app.rooms()?.records.clone();
    let since = aside(move || {
        let mut since = records.since(position.since, AT_ONCE)?;
        let mut heard = Vec::new();
        for event in since.events.drain(..) {
            if records.hears(&who, &event)? {
                heard.extend(known(&event, &who));
            }
        }
        Ok::<_, crate::records::error::Error>((heard, since.last, since.reset))
    });
    let (changes, last, reset) = since.await?;
    Ok(Json(Changes { changes, last, reset }))
}
