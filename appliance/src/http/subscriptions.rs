//! Subscriptions on the owner's screen: how each is, and pausing, resuming, trying again.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::subscriptions::{Listed, Wanted};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/subscriptions", get(list))
        .route("/api/subscriptions/{id}/pause", post(pause))
        .route("/api/subscriptions/{id}/resume", post(resume))
        .route("/api/subscriptions/{id}/retry", post(retry))
}

/// Every subscription.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionList {
    /// By id.
    subscriptions: Vec<SubscriptionLine>,
}

/// A subscription. No value of a header is in it, and no query of its endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionLine {
    /// Id of the Subscription.
    id: String,
    /// `requested`, `active`, `error` or `off`.
    state: &'static str,
    /// It is off because somebody paused it; it can go on from where it was.
    paused: bool,
    owner: SubscriptionOwner,
    /// The query, or the topic's address with its filters, one a line.
    criteria: String,
    /// `rest-hook` or `websocket`.
    channel: String,
    /// Where notifications are sent, without query; absent for a websocket.
    endpoint: Option<String>,
    /// `empty`, `id-only` or `full-resource`.
    content: String,
    /// Events found so far.
    events: u64,
    /// Events that were taken, or passed over because they may no longer be told.
    delivered: u64,
    /// Events that wait.
    queued: u64,
    /// Transactions that were not looked at yet.
    behind: u64,
    /// Sockets that listen.
    sockets: usize,
    /// When the receiver took something last.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_delivery: Option<Timestamp>,
    /// Failures in a row.
    failures: u32,
    /// Nothing is tried before.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt: Option<Timestamp>,
    /// What went wrong last.
    error: Option<String>,
    /// When it is turned off.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
}

/// On whose behalf a subscription watches.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionOwner {
    /// Id of the account, token or program.
    id: String,
    name: String,
}

/// Lists the subscriptions.
#[utoipa::path(get, path = "/api/subscriptions", operation_id = "list_subscriptions", tag = "subscriptions",
    responses((status = 200, body = SubscriptionList)))]
pub(super) async fn list(State(app): State<App>, _: Actor) -> Result<Json<SubscriptionList>, HttpError> {
    let room = app.rooms()?.subscriptions.clone();
    let listed = aside(move || room.list()).await?;
    Ok(Json(SubscriptionList { subscriptions: listed.into_iter().map(line).collect() }))
}

fn line(listed: Listed) -> SubscriptionLine {
    let Listed { row, behind, sockets } = listed;
    let line = row.line();
    let endpoint = row.endpoint.split('?').next().filter(|endpoint| !endpoint.is_empty());
    SubscriptionLine {
        state: line.state.as_str(),
        paused: line.paused,
        endpoint: endpoint.map(str::to_owned),
        events: line.numbered,
        delivered: line.delivered,
        queued: line.waiting(),
        behind,
        sockets,
        last_delivery: line.last,
        failures: line.failures,
        next_attempt: line.not_before,
        error: line.error,
        end: row.end,
        owner: SubscriptionOwner { id: row.owner.id, name: row.owner.name },
        criteria: row.criteria,
        channel: row.channel,
        content: row.content,
        id: row.id,
    }
}

/// Stops a subscription for now.
#[utoipa::path(post, path = "/api/subscriptions/{id}/pause", operation_id = "pause_subscription", tag = "subscriptions",
    params(("id" = String, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn pause(app: State<App>, who: Actor, id: Path<String>) -> Result<StatusCode, HttpError> {
    want(app, who, id, Wanted::Pause).await
}

/// Lets a paused subscription go on from where it was.
#[utoipa::path(post, path = "/api/subscriptions/{id}/resume", operation_id = "resume_subscription", tag = "subscriptions",
    params(("id" = String, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn resume(app: State<App>, who: Actor, id: Path<String>) -> Result<StatusCode, HttpError> {
    want(app, who, id, Wanted::Resume).await
}

/// Tries at once what waits, also when it was given up.
#[utoipa::path(post, path = "/api/subscriptions/{id}/retry", operation_id = "retry_subscription", tag = "subscriptions",
    params(("id" = String, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn retry(app: State<App>, who: Actor, id: Path<String>) -> Result<StatusCode, HttpError> {
    want(app, who, id, Wanted::Retry).await
}

async fn want(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    wanted: Wanted,
) -> Result<StatusCode, HttpError> {
    let room = app.rooms()?.subscriptions.clone();
    aside(move || room.want(&who, &id, wanted)).await?;
    Ok(StatusCode::NO_CONTENT)
}
