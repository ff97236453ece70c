//! Tokens of machine clients, for whoever may change settings.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new().route("/api/tokens", get(list).post(add)).route("/api/tokens/{id}", delete(end))
}

/// All tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
    /// Newest first.
    tokens: Vec<Token>,
}

/// A token; its secret is not kept anywhere.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    id: String,
    name: String,
    scope: String,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
    /// Since the box started.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Timestamp>,
}

/// Lists the tokens.
#[utoipa::path(get, path = "/api/tokens", operation_id = "list_tokens", tag = "tokens", responses((status = 200, body = Tokens)))]
pub async fn list(State(app): State<App>, _: Actor) -> Result<Json<Tokens>, HttpError> {
    let tokens = app.rooms()?.people.tokens().into_iter().map(|listed| Token {
        id: listed.token.id,
        name: listed.token.name,
        scope: listed.token.scope,
        created: listed.token.created,
        expires: listed.token.expires,
        last_used: listed.last_used,
    });
    Ok(Json(Tokens { tokens: tokens.collect() }))
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// What the machine is.
    name: String,
    /// SMART scopes, such as `system/*.cruds`.
    scope: String,
    /// Life in hours.
    ttl_hours: i64,
}

/// A token just made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeToken {
    /// The secret, shown this once.
    token: String,
    id: String,
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
}

/// Makes a token.
#[utoipa::path(post, path = "/api/tokens", operation_id = "add_token", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = MadeToken), (status = 422, description = "the scope or the life is not accepted")))]
pub async fn add(
    State(app): State<App>,
    who: Actor,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), HttpError> {
    let hours = new.ttl_hours.clamp(0, i64::from(u16::MAX));
    let life = SignedDuration::from_hours(hours);
    let (text, token) = app.rooms()?.people.add_token(&who, &new.name, &new.scope, life).await?;
    let made = MadeToken { token: text.to_string(), id: token.id, expires: token.expires };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Takes a token back.
#[utoipa::path(delete, path = "/api/tokens/{id}", operation_id = "end_token", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn end(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    app.rooms()?.people.drop_token(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
