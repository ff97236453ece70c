//! Rooms of consultations: tickets for their socket, and what was written in them. The socket is `consult_socket`'s.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::consult::room::kept::Segment;
use crate::consult::room::protocol::{ChatMessage, VERSION};
use crate::consult::room::ticket::is_device;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/consultations/{id}/ticket", post(ticket))
        .route("/api/consultations/{id}/chat", get(chat))
        .route("/api/consultations/{id}/segments", get(segments))
        .route("/api/portal/consultations/{id}/ticket", post(own_ticket))
        .route("/api/portal/consultations/{id}/chat", get(own_chat))
}

/// Who asks for a ticket.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketWish {
    /// The browser's own name: 1 to 64 letters, digits and hyphens.
    device: String,
}

/// A ticket for a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomTicket {
    /// Shown in the first message of the socket, once.
    ticket: String,
    /// Counts until then.
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
    /// The version of the protocol that the socket speaks.
    version: u32,
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// The last message that is known; 0 for all.
    #[serde(default)]
    after: u64,
}

/// Messages of a consultation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Chat {
    /// The oldest first, at most 100.
    messages: Vec<ChatMessage>,
    /// There is more after them.
    more: bool,
}

/// In which ways doctor and patient were in touch.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModeSegments {
    /// The oldest first.
    segments: Vec<Segment>,
}

/// A ticket for the room of a consultation: for its doctor, one who is asked to take it over, and nurses.
#[utoipa::path(post, path = "/api/consultations/{id}/ticket", operation_id = "make_room_ticket", tag = "consultations",
    params(("id" = String, Path)), request_body = TicketWish,
    responses((status = 201, body = RoomTicket), (status = 403), (status = 404), (status = 409)))]
pub(super) async fn ticket(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(wish): Json<TicketWish>,
) -> Result<(StatusCode, Json<RoomTicket>), HttpError> {
    if !is_device(&wish.device) {
        let message = "Name the device with 1 to 64 letters, digits and hyphens.";
        return Err(HttpError::invalid(message).field("device"));
    }
    let room = app.rooms()?.consult.clone();
    let (ticket, expires) = aside(move || room.ticket(&who, &id, &wish.device)).await?;
    let ticket = RoomTicket { ticket: ticket.as_str().to_owned(), expires, version: VERSION };
    Ok((StatusCode::CREATED, Json(ticket)))
}

/// What was written in a consultation, also after its end.
#[utoipa::path(get, path = "/api/consultations/{id}/chat", operation_id = "read_chat", tag = "consultations",
    params(("id" = String, Path), After), responses((status = 200, body = Chat), (status = 403), (status = 404)))]
pub(super) async fn chat(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Query(from): Query<After>,
) -> Result<Json<Chat>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let written = aside(move || room.chat(&who, &id, from.after)).await?;
    Ok(Json(Chat { messages: written.messages, more: written.more }))
}

/// In which ways doctor and patient were in touch; it decides which medicines may be prescribed.
#[utoipa::path(get, path = "/api/consultations/{id}/segments", operation_id = "read_segments", tag = "consultations",
    params(("id" = String, Path)), responses((status = 200, body = ModeSegments), (status = 404)))]
pub(super) async fn segments(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<ModeSegments>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let segments = aside(move || {
        room.read(&who, &id)?;
        room.segments(&id)
    });
    Ok(Json(ModeSegments { segments: segments.await? }))
}

/// A ticket for the room of an own consultation.
#[utoipa::path(post, path = "/api/portal/consultations/{id}/ticket", operation_id = "make_own_room_ticket", tag = "portal",
    params(("id" = String, Path)), request_body = TicketWish,
    responses((status = 201, body = RoomTicket), (status = 404), (status = 409)))]
pub(super) async fn own_ticket(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    wish: Json<TicketWish>,
) -> Result<(StatusCode, Json<RoomTicket>), HttpError> {
    ticket(app, who, id, wish).await
}

/// What was written in an own consultation, also after its end.
#[utoipa::path(get, path = "/api/portal/consultations/{id}/chat", operation_id = "read_own_chat", tag = "portal",
    params(("id" = String, Path), After), responses((status = 200, body = Chat), (status = 404)))]
pub(super) async fn own_chat(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    from: Query<After>,
) -> Result<Json<Chat>, HttpError> {
    chat(app, who, id, from).await
}
