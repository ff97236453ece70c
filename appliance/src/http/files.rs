//! Files of consultations: taken as they are, looked at before anything else, given out for saving only.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use clinicvault_gateway::files::{MOST_BYTES, Unfit};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use super::limits;
use crate::app::App;
use crate::consult::files::{Given, OwnFile, Sent};
use crate::consult::room::protocol::ChatMessage;

/// Files that are looked at or given out at once: each is in memory as a whole.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/consultations/{id}/files", post(send))
        .route("/api/consultations/{id}/files/{file}", get(read))
        .route("/api/portal/files", get(list_own))
        .route("/api/portal/consultations/{id}/files", post(send_own))
        .route("/api/portal/consultations/{id}/files/{file}", get(read_own))
}

/// What the sender calls a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Naming {
    /// Its name; what cannot be shown or saved is left out, and the ending is that of its content.
    #[serde(default)]
    name: String,
    /// The sender's own name for this sending, 8 to 64 letters and digits: sent again, it is kept once.
    key: String,
}

/// Hands a file over in the room of a consultation: JPEG, PNG, WebP or PDF of at most 10 MiB, told by its content. The answer is
/// the message by which it stands in the chat.
#[utoipa::path(post, path = "/api/consultations/{id}/files", operation_id = "send_file", tag = "consultations",
    params(("id" = String, Path), Naming), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = ChatMessage), (status = 403), (status = 404), (status = 409), (status = 413), (status = 415),
        (status = 422)))]
pub(super) async fn send(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Query(naming): Query<Naming>,
    request: Request,
) -> Result<(StatusCode, Json<ChatMessage>), HttpError> {
    let patience = std::time::Duration::from_secs(app.config().limits.body_seconds);
    let room = app.rooms()?.consult.clone();
    let content = limits::read_body(request.into_body(), MOST_BYTES, patience).await;
    let content = content.map_err(|error| match error.status {
        StatusCode::PAYLOAD_TOO_LARGE => HttpError::from(Unfit::TooLarge),
        _ => error,
    })?;
    let _turn = AT_ONCE.acquire().await.map_err(|_| HttpError::internal())?;
    let sent = aside(move || room.send_file(&who, &id, (&naming.name, &naming.key), &content)).await?;
    match sent {
        Sent::Stands(message) => Ok((StatusCode::CREATED, Json(message))),
        Sent::Unfit(why) => Err(why.into()),
        Sent::Wrong(wrong) => Err(wrong.into()),
    }
}

/// A file, for saving. It comes from outside, so the browser is told to treat it as a stranger's.
#[utoipa::path(get, path = "/api/consultations/{id}/files/{file}", operation_id = "read_file", tag = "consultations",
    params(("id" = String, Path), ("file" = u64, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 403), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    who: Actor,
    Path((id, file)): Path<(String, u64)>,
) -> Result<Response, HttpError> {
    let room = app.rooms()?.consult.clone();
    let _turn = AT_ONCE.acquire().await.map_err(|_| HttpError::internal())?;
    given(aside(move || room.file(&who, &id, file)).await?)
}

/// Files of the patient's consultations.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnFiles {
    /// The newest first.
    pub files: Vec<OwnFile>,
}

/// The files that the patient and the clinic handed each other in consultations, the newest first.
#[utoipa::path(get, path = "/api/portal/files", operation_id = "list_own_files", tag = "portal",
    responses((status = 200, body = OwnFiles)))]
pub(super) async fn list_own(State(app): State<App>, who: Actor) -> Result<Json<OwnFiles>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(OwnFiles { files: aside(move || room.own_files(&who)).await? }))
}

/// Hands a file over in the room of an own consultation.
#[utoipa::path(post, path = "/api/portal/consultations/{id}/files", operation_id = "send_own_file", tag = "portal",
    params(("id" = String, Path), Naming), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = ChatMessage), (status = 404), (status = 409), (status = 413), (status = 415), (status = 422)))]
pub(super) async fn send_own(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    naming: Query<Naming>,
    request: Request,
) -> Result<(StatusCode, Json<ChatMessage>), HttpError> {
    send(app, who, id, naming, request).await
}

/// A file of an own consultation, for saving.
#[utoipa::path(get, path = "/api/portal/consultations/{id}/files/{file}", operation_id = "read_own_file", tag = "portal",
    params(("id" = String, Path), ("file" = u64, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 404)))]
pub(super) async fn read_own(
    app: State<App>,
    who: Actor,
    path: Path<(String, u64)>,
) -> Result<Response, HttpError> {
    read(app, who, path).await
}

/// A file as an answer that a browser saves and never shows.
pub(super) fn given(file: Given) -> Result<Response, HttpError> {
    let mut response = Response::new(Body::from(file.content));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, file.media_type.as_str()),
        (header::CONTENT_DISPOSITION, disposition(&file.name).as_str()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| HttpError::internal())?);
    }
    Ok(response)
}

/// The name twice: in plain letters for old browsers, and as it is (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || " .-_()".contains(c);
    let plain: String = name.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    let mut whole = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
            whole.push(char::from(byte));
        } else {
            whole.push_str(&format!("%{byte:02X}"));
        }
    }
    whole
}

impl From<Unfit> for HttpError {
    fn from(why: Unfit) -> Self {
        let (status, issue) = match why {
            Unfit::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-long"),
            Unfit::Type(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported"),
            Unfit::Empty
            | Unfit::Damaged(_)
            | Unfit::Trailing(_)
            | Unfit::Hidden(_)
            | Unfit::Dots
            | Unfit::Unusual(_)
            | Unfit::Active(_)
            | Unfit::Locked
            | Unfit::Closed => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        };
        HttpError::new(status, why.code(), issue, why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_header() {
        let check = |name: &str, expected: &str| assert_eq!(disposition(name), expected);
        check("x-ray 1.png", "attachment; filename=\"x-ray 1.png\"; filename*=UTF-8''x-ray%201.png");
        check(
            "जाँच.pdf",
            "attachment; filename=\"____.pdf\"; filename*=UTF-8''%E0%A4%9C%E0%A4%BE%E0%A4%81%E0%A4%9A.pdf",
        );
        check("a\"; b\r\nc", "attachment; filename=\"a__ b__c\"; filename*=UTF-8''a%22%3B%20b%0D%0Ac");
    }
}
