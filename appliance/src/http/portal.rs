//! What patients do for themselves: come in by a link of the clinic, ask for a consultation, pay, look.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aside::aside;
use super::chart::AccessLog;
use super::consultations::{Cancellation, Consultations, Plain, asked_for, turn};
use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::papers::{PrintWish, page};
use super::payments::{Claim, picture, proven};
use super::session::with_cookie;
use crate::app::App;
use crate::clinic::identity::Identity;
use crate::consult::Consult;
use crate::consult::ask::{RedFlag, Wish};
use crate::consult::desk::Ask;
use crate::consult::door::JoinLink;
use crate::consult::money::{Callback, Order};
use crate::consult::papers::own::OwnPapers;
use crate::consult::state::RefundDecision;
use crate::consult::view::{ConsultationView, Fee};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/patients/{id}/join-link", post(link))
        .route("/api/join", post(join))
        .route("/api/portal", get(own))
        .route("/api/portal/leave", post(leave))
        .route("/api/portal/consultations", get(list).post(request))
        .route("/api/portal/consultations/{id}", get(read))
        .route("/api/portal/consultations/{id}/arrived", post(arrived))
        .route("/api/portal/consultations/{id}/cancel", post(cancel))
        .route("/api/portal/papers", get(papers))
        .route("/api/portal/consultations/{id}/documents/{document}/pdf", get(pdf))
        .route("/api/portal/access-log", get(access_log))
        .route("/api/portal/payments/{id}/upi.svg", get(upi))
        .route("/api/portal/payments/{id}/claim", post(claim))
        .route("/api/portal/payments/{id}/order", post(order))
        .route("/api/portal/payments/{id}/callback", post(callback))
}

/// What a patient who comes in brings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinWish {
    /// What stands behind `/join#`.
    token: String,
    /// The year of birth.
    birth_year: u16,
}

/// A patient's own home.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Portal {
    /// Who it is.
    pub patient: Identity,
    /// The clinic's name.
    pub clinic: String,
    /// The clinic's phone.
    pub phone: String,
    /// Questions about red flags.
    pub flags: Vec<RedFlag>,
    /// Specialties and the modes and fees they are offered at today.
    pub offers: Vec<Offer>,
    /// Languages that doctors of the clinic speak.
    pub languages: Vec<String>,
}

/// What can be asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConsultationOffer)]
pub struct Offer {
    /// Code of the specialty.
    pub specialty: String,
    /// How they meet.
    pub mode: crate::consult::ask::Mode,
    /// Paise today.
    pub paise: u64,
}

/// Makes a link by which this patient comes in: once, for a day, with the year of birth.
#[utoipa::path(post, path = "/api/patients/{id}/join-link", operation_id = "make_join_link", tag = "portal", params(("id" = String, Path)),
    responses((status = 201, body = JoinLink), (status = 404), (status = 409, description = "the year of birth is not known")))]
pub(super) async fn link(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JoinLink>), HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok((StatusCode::CREATED, Json(aside(move || room.join_link(&who, &id)).await?)))
}

/// Comes in by a link. Links and years that are not right are answered alike.
#[utoipa::path(post, path = "/api/join", operation_id = "join", tag = "portal", request_body = JoinWish,
    responses((status = 204), (status = 401), (status = 429)))]
pub(super) async fn join(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Json(wish): Json<JoinWish>,
) -> Result<Response, HttpError> {
    let refused = || {
        let message =
            "The link or the year is not right, or the link was used. Ask the clinic for a new one.";
        HttpError::new(StatusCode::UNAUTHORIZED, "join", "login", message)
    };
    let from = peer.address.ip().to_canonical();
    let room = app.rooms()?.consult.clone();
    let name = room.link_name(&wish.token);
    let guessed = name
        .map_or_else(|| "join".to_owned(), |name| format!("join {}", data_encoding::HEXLOWER.encode(&name)));
    app.gate().attempt(&guessed, from, app.now())?;
    let Some(name) = name else { return Err(refused()) };
    let year = wish.birth_year;
    let secret = aside(move || room.come_in(name, year, &from.to_string())).await?.ok_or_else(refused)?;
    app.gate().passed(&guessed, from);
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &secret))
}

/// The patient's own home.
#[utoipa::path(get, path = "/api/portal", operation_id = "read_portal", tag = "portal", responses((status = 200, body = Portal)))]
pub(super) async fn own(State(app): State<App>, who: Actor) -> Result<Json<Portal>, HttpError> {
    let rooms = app.rooms()?;
    let (clinic, room) = (rooms.people.clinic(), rooms.consult.clone());
    let portal = aside(move || {
        let offers = room.offers()?;
        Ok(Portal {
            patient: room.own(&who)?,
            clinic: clinic.name,
            phone: clinic.phone,
            flags: Consult::red_flags().to_vec(),
            offers: offers
                .into_iter()
                .map(|(specialty, mode, paise)| Offer { specialty, mode, paise })
                .collect(),
            languages: room.languages()?,
        })
    });
    Ok(Json(portal.await?))
}

/// Leaves.
#[utoipa::path(post, path = "/api/portal/leave", operation_id = "leave_portal", tag = "portal", responses((status = 204)))]
pub(super) async fn leave(State(app): State<App>, who: Actor) -> Result<StatusCode, HttpError> {
    let room = app.rooms()?.consult.clone();
    aside(move || room.leave(&who)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The own consultations, the newest first.
#[utoipa::path(get, path = "/api/portal/consultations", operation_id = "list_own_consultations", tag = "portal",
    responses((status = 200, body = Consultations)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<Consultations>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(Consultations { consultations: aside(move || room.list(&who, None)).await? }))
}

/// Asks for a consultation for oneself.
#[utoipa::path(post, path = "/api/portal/consultations", operation_id = "request_own_consultation", tag = "portal", request_body = Wish,
    responses((status = 201, body = ConsultationView), (status = 409), (status = 422)))]
pub(super) async fn request(
    State(app): State<App>,
    who: Actor,
    Json(wish): Json<Wish>,
) -> Result<(StatusCode, Json<ConsultationView>), HttpError> {
    asked_for(app.rooms()?.consult.clone(), who, wish).await
}

/// One of the own consultations.
#[utoipa::path(get, path = "/api/portal/consultations/{id}", operation_id = "read_own_consultation", tag = "portal",
    params(("id" = String, Path)), responses((status = 200, body = ConsultationView), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<ConsultationView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.read(&who, &id)).await?))
}

/// The patient is there and waits.
#[utoipa::path(post, path = "/api/portal/consultations/{id}/arrived", operation_id = "note_own_arrival", tag = "portal",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn arrived(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Arrived).await
}

/// The patient does not want it any more; money that was paid goes back.
#[utoipa::path(post, path = "/api/portal/consultations/{id}/cancel", operation_id = "cancel_own_consultation", tag = "portal",
    params(("id" = String, Path)), request_body = Cancellation,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn cancel(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Cancellation>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Cancel { reason: sent.reason, refund: RefundDecision::Full }).await
}

/// What was signed for the patient and what was added later, each the newest first.
#[utoipa::path(get, path = "/api/portal/papers", operation_id = "list_own_papers", tag = "portal", responses((status = 200, body = OwnPapers)))]
pub(super) async fn papers(State(app): State<App>, who: Actor) -> Result<Json<OwnPapers>, HttpError> {
    let room = app.rooms()?.consult.clone();
    aside(move || room.own_papers(&who)).await.map(Json)
}

/// An own signed paper as PDF.
#[utoipa::path(get, path = "/api/portal/consultations/{id}/documents/{document}/pdf", operation_id = "print_own_paper", tag = "portal",
    params(("id" = String, Path), ("document" = String, Path), PrintWish),
    responses((status = 200, description = "application/pdf"), (status = 404), (status = 503, description = "a box built without fonts")))]
pub(super) async fn pdf(
    State(app): State<App>,
    who: Actor,
    Path((id, document)): Path<(String, String)>,
    Query(wish): Query<PrintWish>,
) -> Result<Response, HttpError> {
    page(&app, who, id, document, wish).await
}

/// Who looked at the patient's record or changed it, when, in what role and why.
#[utoipa::path(get, path = "/api/portal/access-log", operation_id = "read_own_access_log", tag = "portal", responses((status = 200, body = AccessLog)))]
pub(super) async fn access_log(State(app): State<App>, who: Actor) -> Result<Json<AccessLog>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(AccessLog { rows: aside(move || room.own_access_log(&who)).await? }))
}

/// The UPI link of an own payment as a QR picture.
#[utoipa::path(get, path = "/api/portal/payments/{id}/upi.svg", operation_id = "draw_own_upi", tag = "portal", params(("id" = String, Path)),
    responses((status = 200, content_type = "image/svg+xml", body = String), (status = 404), (status = 409)))]
pub(super) async fn upi(app: State<App>, who: Actor, id: Path<String>) -> Result<Response, HttpError> {
    picture(app, who, id).await
}

/// The patient typed the reference of a UPI payment.
#[utoipa::path(post, path = "/api/portal/payments/{id}/claim", operation_id = "claim_own_payment", tag = "portal", params(("id" = String, Path)),
    request_body = Claim, responses((status = 200, body = Fee), (status = 404), (status = 409)))]
pub(super) async fn claim(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Claim>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.fee(&who, &room.claim(&who, &id, sent.reference)?)).await?))
}

/// Makes the payment gateway's order for an own payment.
#[utoipa::path(post, path = "/api/portal/payments/{id}/order", operation_id = "order_own_payment", tag = "portal", params(("id" = String, Path)),
    responses((status = 200, body = Order), (status = 404), (status = 409), (status = 503)))]
pub(super) async fn order(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<Order>, HttpError> {
    Ok(Json(app.rooms()?.consult.clone().order(&who, &id).await?))
}

/// The patient's browser brings the payment gateway's proof.
#[utoipa::path(post, path = "/api/portal/payments/{id}/callback", operation_id = "prove_own_payment", tag = "portal", params(("id" = String, Path)),
    request_body = Callback, responses((status = 200, body = Fee), (status = 404), (status = 409)))]
pub(super) async fn callback(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Callback>,
) -> Result<Json<Fee>, HttpError> {
    proven(app.rooms()?.consult.clone(), who, id, sent).await
}
