//! Channels for whoever may change settings: how each is, its document and versions, changing, pausing, deleting.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clinicvault_gateway::fhir::outcome::Outcome;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use super::fhir::conditions::{etag, if_match, of_update};
use super::limits;
use crate::app::App;
use crate::exchange::channels::document::{self, Channel};
use crate::exchange::channels::store::{Kept, Wanted};
use crate::exchange::channels::view::{self, ChannelLine};
use crate::exchange::channels::{DEFAULT, schema};
use crate::exchange::trying::{Input, Tried};
use crate::records::error::Error;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/channels", get(list))
        .route("/api/channels/schema", get(described))
        .route("/api/channels/{name}", get(read).put(put).delete(end))
        .route("/api/channels/{name}/pause", post(pause))
        .route("/api/channels/{name}/resume", post(resume))
        .route("/api/channels/{name}/try", post(try_out))
        .route("/api/channels/{name}/versions", get(versions))
        .route("/api/channels/{name}/versions/{version}", get(version))
        .route("/api/channels/{name}/versions/{version}/restore", post(restore))
}

/// Every channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelList {
    /// The listener of the settings first, then by name.
    channels: Vec<ChannelLine>,
}

/// Every version of a channel, at most the newest 1,000.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelVersions {
    /// Newest first.
    versions: Vec<ChannelVersion>,
}

/// A version of a channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelVersion {
    version: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The name of the person, or `operator` for the command line.
    by: String,
    /// `created`, `changed`, `paused`, `resumed`, `restored` or `deleted`.
    done: &'static str,
    /// Places of the document that differ from the version before.
    changed: Vec<String>,
}

/// A document in the form that its `Content-Type` names.
pub(super) struct Document(Channel);

impl FromRequest<App> for Document {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let typed = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let typed = typed.and_then(|t| t.split(';').next()).map(str::trim).unwrap_or_default().to_owned();
        let patience = std::time::Duration::from_secs(app.config().limits.body_seconds);
        let bytes: Bytes = limits::read_body(request.into_body(), document::LONGEST, patience).await?;
        let read = match typed.as_str() {
            "application/json" => Channel::from_json(&bytes),
            "application/toml" | "text/toml" => {
                let text =
                    std::str::from_utf8(&bytes).map_err(|_| HttpError::bad_request("Send TOML as UTF-8."))?;
                Channel::from_toml(text)
            }
            _ => {
                return Err(HttpError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupportedType",
                    "not-supported",
                    "Send application/json or application/toml.",
                ));
            }
        };
        read.map(Document).map_err(broken)
    }
}

/// Lists the channels with their state.
#[utoipa::path(get, path = "/api/channels", operation_id = "list_channels", tag = "channels", responses((status = 200, body = ChannelList)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<ChannelList>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let channels = aside(move || view::list(&app, &exchange, &who)).await?;
    Ok(Json(ChannelList { channels }))
}

/// The JSON Schema of a channel's document.
#[utoipa::path(get, path = "/api/channels/schema", operation_id = "channel_schema", tag = "channels",
    responses((status = 200, description = "a JSON Schema (2020-12)")))]
pub(super) async fn described(_: Actor) -> Response {
    let text = schema::document().to_string();
    ([(header::CONTENT_TYPE, "application/schema+json")], text).into_response()
}

/// The document of a channel; `ETag` is its version.
#[utoipa::path(get, path = "/api/channels/{name}", operation_id = "read_channel", tag = "channels", params(("name" = String, Path)),
    responses((status = 200, body = Channel), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
) -> Result<Response, HttpError> {
    let live = app.rooms()?.exchange.channels().read(&who, &name)?;
    Ok(shown(&live.kept(), StatusCode::OK))
}

/// Writes a document, as JSON or TOML. A channel that is there is changed with `If-Match: W/"n"`; a change that changes nothing
/// makes no version.
#[utoipa::path(put, path = "/api/channels/{name}", operation_id = "put_channel", tag = "channels", params(("name" = String, Path)),
    request_body = Channel,
    responses((status = 200, body = Channel), (status = 201, body = Channel), (status = 412), (status = 422, description = "issues names each place")))]
pub(super) async fn put(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
    headers: HeaderMap,
    Document(channel): Document,
) -> Result<Response, HttpError> {
    own(&name)?;
    if channel.name != name {
        let why = format!(
            "The name in the document is \"{}\" and that of the address is \"{name}\".",
            channel.name
        );
        return Err(HttpError::invalid(why).field("name"));
    }
    let expected = of_update(&headers)?;
    let channels = app.rooms()?.exchange.channels().clone();
    let work = move || channels.change(&who, &name, expected, Wanted::Document(Box::new(channel)));
    let (kept, new) = aside(work).await?;
    let made = new && kept.version == 1;
    Ok(shown(&kept, if made { StatusCode::CREATED } else { StatusCode::OK }))
}

/// Deletes a channel: its source stops, its versions stay readable.
#[utoipa::path(delete, path = "/api/channels/{name}", operation_id = "end_channel", tag = "channels", params(("name" = String, Path)),
    responses((status = 204), (status = 404), (status = 412)))]
pub(super) async fn end(
    app: State<App>,
    who: Actor,
    name: Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    change(app, who, name, headers, Wanted::Gone).await.map(|_| StatusCode::NO_CONTENT)
}

/// Stops a channel for now.
#[utoipa::path(post, path = "/api/channels/{name}/pause", operation_id = "pause_channel", tag = "channels", params(("name" = String, Path)),
    responses((status = 200, body = Channel), (status = 404), (status = 412)))]
pub(super) async fn pause(
    app: State<App>,
    who: Actor,
    name: Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    change(app, who, name, headers, Wanted::On(false)).await.map(|kept| shown(&kept, StatusCode::OK))
}

/// Lets a paused channel run again.
#[utoipa::path(post, path = "/api/channels/{name}/resume", operation_id = "resume_channel", tag = "channels", params(("name" = String, Path)),
    responses((status = 200, body = Channel), (status = 404), (status = 412)))]
pub(super) async fn resume(
    app: State<App>,
    who: Actor,
    name: Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    change(app, who, name, headers, Wanted::On(true)).await.map(|kept| shown(&kept, StatusCode::OK))
}

/// A message to try, and the document by which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelAttempt {
    /// The message; segments may be ended by line feeds.
    message: Option<String>,
    /// Instead of it, the number of a message of the inbox, for whoever may read it.
    seq: Option<u64>,
    /// A document instead of the one that holds.
    #[schema(value_type = Option<Channel>)]
    document: Option<serde_json::Value>,
}

/// Tries a channel's rules on a message and stores nothing: before and after, whether it passes, and the FHIR it would
/// become.
#[utoipa::path(post, path = "/api/channels/{name}/try", operation_id = "try_channel", tag = "channels", params(("name" = String, Path)),
    request_body = ChannelAttempt, responses((status = 200, body = Tried), (status = 404), (status = 422)))]
pub(super) async fn try_out(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
    Json(attempt): Json<ChannelAttempt>,
) -> Result<Json<Tried>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let channel = match attempt.document {
        Some(document) => Channel::read(document).map_err(broken)?,
        None => exchange.channels().read(&who, &name)?.kept().document.clone(),
    };
    let input = match (attempt.message, attempt.seq) {
        (Some(message), None) => Input::Text(message),
        (None, Some(seq)) => Input::Stored(seq),
        (Some(_), Some(_)) | (None, None) => {
            return Err(HttpError::bad_request("Send either message or seq."));
        }
    };
    Ok(Json(aside(move || exchange.try_out(&who, &channel, input)).await?))
}

/// The versions of a channel: who changed what, and when. Those of a deleted channel stay.
#[utoipa::path(get, path = "/api/channels/{name}/versions", operation_id = "list_channel_versions", tag = "channels",
    params(("name" = String, Path)), responses((status = 200, body = ChannelVersions), (status = 404)))]
pub(super) async fn versions(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
) -> Result<Json<ChannelVersions>, HttpError> {
    let channels = app.rooms()?.exchange.channels().clone();
    let all = aside(move || channels.versions(&who, &name)).await?;
    let line = |(kept, by): (Kept, String)| ChannelVersion {
        version: kept.version,
        at: kept.at,
        by,
        done: kept.done.as_str(),
        changed: kept.changed,
    };
    Ok(Json(ChannelVersions { versions: all.into_iter().map(line).collect() }))
}

/// The document as it was in a version.
#[utoipa::path(get, path = "/api/channels/{name}/versions/{version}", operation_id = "read_channel_version", tag = "channels",
    params(("name" = String, Path), ("version" = u64, Path)), responses((status = 200, body = Channel), (status = 404)))]
pub(super) async fn version(
    State(app): State<App>,
    who: Actor,
    Path((name, version)): Path<(String, u64)>,
) -> Result<Response, HttpError> {
    let channels = app.rooms()?.exchange.channels().clone();
    let kept = aside(move || channels.version(&who, &name, version)).await?;
    Ok(shown(&kept, StatusCode::OK))
}

/// Lets the document of a version hold again, as a new version; a deleted channel is there again.
#[utoipa::path(post, path = "/api/channels/{name}/versions/{version}/restore", operation_id = "restore_channel", tag = "channels",
    params(("name" = String, Path), ("version" = u64, Path)),
    responses((status = 200, body = Channel), (status = 404), (status = 412), (status = 422)))]
pub(super) async fn restore(
    app: State<App>,
    who: Actor,
    Path((name, version)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let kept = change(app, who, Path(name), headers, Wanted::Version(version)).await?;
    Ok(shown(&kept, StatusCode::OK))
}

async fn change(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Wanted,
) -> Result<Kept, HttpError> {
    own(&name)?;
    let expected = if_match(&headers)?;
    let channels = app.rooms()?.exchange.channels().clone();
    let done = tokio::task::spawn_blocking(move || channels.change(&who, &name, expected, wanted));
    match done.await {
        Ok(Ok((kept, _))) => Ok(kept),
        Ok(Err(Error::Broken(outcome))) => Err(broken(outcome)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(HttpError::internal()),
    }
}

/// The listener of the settings has no document.
fn own(name: &str) -> Result<(), HttpError> {
    if name == DEFAULT {
        let why = "This channel is the listener of the settings (listen.mllp and hl7.*); change it there.";
        return Err(HttpError::conflict(why));
    }
    Ok(())
}

fn shown(kept: &Kept, status: StatusCode) -> Response {
    let mut response = Json(&kept.document).into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(header::ETAG, etag(kept.version));
    response
}

/// A document that cannot be used: every place with what is wrong there.
pub(super) fn broken(outcome: Outcome) -> HttpError {
    let issues: Vec<_> = outcome
        .issues
        .iter()
        .map(|issue| json!({"place": issue.expression.first(), "message": issue.diagnostics}))
        .collect();
    let first = outcome.issues.first();
    let mut refusal = HttpError::invalid(first.map_or("", |issue| issue.diagnostics.as_str()))
        .with("issues", json!(issues));
    if let Some(place) = first.and_then(|issue| issue.expression.first()) {
        refusal = refusal.field(place.as_str());
    }
    refusal
}
