//! The clinic's own maps of HL7 v2, for whoever may change settings: the document that holds, its versions, writing it.

use axum::Router;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clinicvault_gateway::map::clinic::LONGEST_DOCUMENT;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::channels::broken;
use super::error::HttpError;
use super::extract::{Actor, Json};
use super::fhir::conditions::{etag, of_update};
use super::limits;
use crate::app::App;
use crate::exchange::maps::Kept;
use crate::exchange::maps_trial::MapsTried;
use crate::records::error::Error;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/hl7/maps", get(read).put(put))
        .route("/api/hl7/maps/try", post(try_out))
        .route("/api/hl7/maps/versions", get(versions))
        .route("/api/hl7/maps/versions/{version}", get(version))
}

/// What the clinic's peers mean: the form of the document that is read and written here.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Hl7Maps {
    /// Codes of senders; they go before ours. At most 5,000.
    #[schema(required = false, default = json!([]))]
    concepts: Vec<Hl7Concept>,
    /// Places for fields of Z-segments. At most 500.
    #[schema(required = false, default = json!([]))]
    zsegments: Vec<Hl7ZField>,
}

/// A sender's code and where it leads. Either `table` or `codeSystem` is stated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hl7Concept {
    /// A table of ours such as `sex`, one of HL7 such as `v2-0007`, or `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// The coding system as senders name it in component 3 of a coded value.
    #[serde(skip_serializing_if = "Option::is_none")]
    code_system: Option<String>,
    /// The code that is sent, whatever the case of its letters.
    code: String,
    to: Hl7Target,
}

/// A code of FHIR.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Hl7Target {
    /// A URI; the table's own when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<String>,
}

/// A field of a Z-segment and the one thing that it becomes: `extension` or `identifier` of the `resource` that the
/// segment stands behind, or an `observation` of its own.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Hl7ZField {
    /// Such as `ZPI-3` or `ZPI-3.1`.
    field: String,
    /// A resource type such as `Patient` or `Encounter`; not with `observation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    /// `{url, type}`; the type is string, code, dateTime, integer, decimal or boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<serde_json::Value>,
    /// `{system}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<serde_json::Value>,
    /// `{system, code, display, type, unit}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    observation: Option<serde_json::Value>,
}

/// Every version of the maps, at most the newest 1,000.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hl7MapVersions {
    /// Newest first.
    versions: Vec<Hl7MapVersion>,
}

/// A version of the maps.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hl7MapVersion {
    version: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The name of the person.
    by: String,
    /// Places of the document that differ from the version before.
    changed: Vec<String>,
}

/// The bytes of a document, which the maps read themselves.
pub(super) struct Document(Vec<u8>);

impl FromRequest<App> for Document {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let typed = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let typed = typed.and_then(|t| t.split(';').next()).map(str::trim).unwrap_or_default();
        if typed != "application/json" {
            return Err(HttpError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupportedType",
                "not-supported",
                "Send application/json.",
            ));
        }
        let patience = std::time::Duration::from_secs(app.config().limits.body_seconds);
        let bytes = limits::read_body(request.into_body(), LONGEST_DOCUMENT, patience).await?;
        Ok(Self(bytes.to_vec()))
    }
}

/// The maps that hold; `ETag` is their version. Empty, without a version, until the clinic writes some.
#[utoipa::path(get, path = "/api/hl7/maps", operation_id = "read_hl7_maps", tag = "channels", responses((status = 200, body = Hl7Maps)))]
pub(super) async fn read(State(app): State<App>, who: Actor) -> Result<Response, HttpError> {
    Ok(match app.rooms()?.exchange.own_maps().read(&who)? {
        Some(kept) => shown(&kept, StatusCode::OK),
        None => Json(serde_json::json!({"concepts": [], "zsegments": []})).into_response(),
    })
}

/// Writes the maps; they hold from the next message on. Maps that are there are changed with `If-Match: W/"n"`; a
/// change that changes nothing makes no version.
#[utoipa::path(put, path = "/api/hl7/maps", operation_id = "put_hl7_maps", tag = "channels", request_body = Hl7Maps,
    responses((status = 200, body = Hl7Maps), (status = 201, body = Hl7Maps), (status = 412), (status = 422, description = "issues names each place")))]
pub(super) async fn put(
    State(app): State<App>,
    who: Actor,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, HttpError> {
    let expected = of_update(&headers)?;
    let maps = app.rooms()?.exchange.own_maps().clone();
    match tokio::task::spawn_blocking(move || maps.change(&who, expected, &document)).await {
        Ok(Ok(kept)) => {
            let new = kept.version == 1 && expected.is_none();
            Ok(shown(&kept, if new { StatusCode::CREATED } else { StatusCode::OK }))
        }
        Ok(Err(Error::Broken(outcome))) => Err(broken(outcome)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(HttpError::internal()),
    }
}

/// Which message maps are tried on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MapsTrial {
    /// The number of its row; without it the newest messages.
    seq: Option<u64>,
}

/// Tries maps that are only being written on stored messages, for whoever may read them: what would be read otherwise.
/// Nothing is stored.
#[utoipa::path(post, path = "/api/hl7/maps/try", operation_id = "try_hl7_maps", tag = "channels", params(MapsTrial), request_body = Hl7Maps,
    responses((status = 200, body = MapsTried), (status = 404), (status = 422, description = "issues names each place")))]
pub(super) async fn try_out(
    State(app): State<App>,
    who: Actor,
    Query(trial): Query<MapsTrial>,
    Document(document): Document,
) -> Result<Json<MapsTried>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    match tokio::task::spawn_blocking(move || exchange.try_maps(&who, &document, trial.seq)).await {
        Ok(Ok(tried)) => Ok(Json(tried)),
        Ok(Err(Error::Broken(outcome))) => Err(broken(outcome)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(HttpError::internal()),
    }
}

/// The versions of the maps: who changed what, and when.
#[utoipa::path(get, path = "/api/hl7/maps/versions", operation_id = "list_hl7_map_versions", tag = "channels", responses((status = 200, body = Hl7MapVersions)))]
pub(super) async fn versions(State(app): State<App>, who: Actor) -> Result<Json<Hl7MapVersions>, HttpError> {
    let maps = app.rooms()?.exchange.own_maps().clone();
    let all = super::aside::aside(move || maps.versions(&who)).await?;
    let line = |(kept, by): (Kept, String)| Hl7MapVersion {
        version: kept.version,
        at: kept.at,
        by,
        changed: kept.changed,
    };
    Ok(Json(Hl7MapVersions { versions: all.into_iter().map(line).collect() }))
}

/// The maps as they were in a version.
#[utoipa::path(get, path = "/api/hl7/maps/versions/{version}", operation_id = "read_hl7_map_version", tag = "channels",
    params(("version" = u64, Path)), responses((status = 200, body = Hl7Maps), (status = 404)))]
pub(super) async fn version(
    State(app): State<App>,
    who: Actor,
    Path(version): Path<u64>,
) -> Result<Response, HttpError> {
    let maps = app.rooms()?.exchange.own_maps().clone();
    let kept = super::aside::aside(move || maps.version(&who, version)).await?;
    Ok(shown(&kept, StatusCode::OK))
}

fn shown(kept: &Kept, status: StatusCode) -> Response {
    let mut response = Json(&kept.document).into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(header::ETAG, etag(kept.version));
    response
}
