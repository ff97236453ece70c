//! Consultations: asked for, looked at, and moved by asking for a transition.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::consult::ask::{RedFlag, Wish};
use crate::consult::desk::{Ask, Requested};
use crate::consult::state;
use crate::consult::view::ConsultationView;
use crate::consult::{Consult, state::RefundDecision};
use crate::records::error::Error;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/consultations", get(list).post(request))
        .route("/api/consultations/flags", get(flags))
        .route("/api/consultations/{id}", get(read))
        .route("/api/consultations/{id}/assign", post(assign))
        .route("/api/consultations/{id}/emergency", post(emergency))
        .route("/api/consultations/{id}/arrived", post(arrived))
        .route("/api/consultations/{id}/identity", post(identity))
        .route("/api/consultations/{id}/consent", post(consent))
        .route("/api/consultations/{id}/start", post(start))
        .route("/api/consultations/{id}/absent", post(absent))
        .route("/api/consultations/{id}/interrupted", post(interrupted))
        .route("/api/consultations/{id}/resumed", post(resumed))
        .route("/api/consultations/{id}/transfer", post(transfer))
        .route("/api/consultations/{id}/transfer/accept", post(accept))
        .route("/api/consultations/{id}/transfer/decline", post(decline))
        .route("/api/consultations/{id}/complete", post(complete))
        .route("/api/consultations/{id}/addendum", post(addendum))
        .route("/api/consultations/{id}/cancel", post(cancel))
}

/// Whose consultations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Whose {
    /// All of this patient; without it those of the clinic that are not over.
    patient: Option<String>,
}

/// Consultations.
#[derive(Debug, Serialize, ToSchema)]
pub struct Consultations {
    /// Open ones in the order in which they were asked for; of one patient the newest first.
    pub consultations: Vec<ConsultationView>,
}

/// Questions about red flags.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedFlags {
    /// The questions.
    pub flags: Vec<RedFlag>,
}

/// A transition without anything more to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Transition)]
pub struct Plain {
    /// The state that is on the screen; 409 when it is another by now.
    pub(super) expected: state::State,
}

/// Who is to have it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// Account of a doctor who is ONLINE; without it whoever is next.
    doctor: Option<String>,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitionReason {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// The reason.
    pub(super) reason: String,
}

/// That the patient is who he says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityChecked {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// How: `known`, `document`, `question` and the like.
    how: String,
    /// For a minor, the adult who is there, and how they are related.
    adult: Option<String>,
}

/// That the patient agrees.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentNoted {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// `text`, `voice` or `tick`.
    form: String,
}

/// To whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferWish {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// Account of the other doctor.
    to: String,
    /// The reason.
    pub(super) reason: String,
}

/// What is added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddendumText {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// The words.
    text: String,
}

/// That it will not take place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// The state that is on the screen.
    pub(super) expected: state::State,
    /// The reason.
    pub(super) reason: String,
    /// What becomes of money that was paid.
    refund: RefundDecision,
}

/// Consultations of the clinic that are not over, or all of one patient.
#[utoipa::path(get, path = "/api/consultations", operation_id = "list_consultations", tag = "consultations", params(Whose),
    responses((status = 200, body = Consultations)))]
pub(super) async fn list(
    State(app): State<App>,
    who: Actor,
    Query(whose): Query<Whose>,
) -> Result<Json<Consultations>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let consultations = aside(move || room.list(&who, whose.patient.as_deref())).await?;
    Ok(Json(Consultations { consultations }))
}

/// The questions about red flags, and where the rules come from.
#[utoipa::path(get, path = "/api/consultations/flags", operation_id = "list_red_flags", tag = "consultations",
    responses((status = 200, body = RedFlags)))]
pub(super) async fn flags() -> Json<RedFlags> {
    Json(RedFlags { flags: Consult::red_flags().to_vec() })
}

/// Asks for a consultation. The box gives it the longest-idle doctor who is ONLINE, has the specialty and speaks the
/// language; without one it stays REQUESTED until there is.
#[utoipa::path(post, path = "/api/consultations", operation_id = "request_consultation", tag = "consultations", request_body = Wish,
    responses((status = 201, body = ConsultationView), (status = 409), (status = 422)))]
pub(super) async fn request(
    State(app): State<App>,
    who: Actor,
    Json(wish): Json<Wish>,
) -> Result<(StatusCode, Json<ConsultationView>), HttpError> {
    let room = app.rooms()?.consult.clone();
    asked_for(room, who, wish).await
}

/// The same for whoever asks.
pub(super) async fn asked_for(
    room: Consult,
    who: Actor,
    wish: Wish,
) -> Result<(StatusCode, Json<ConsultationView>), HttpError> {
    let done = aside(move || match room.request(&who, &wish)? {
        Requested::Stands(id) => Ok(Ok(room.read(&who, &id)?)),
        Requested::Wrong(wrong) => Ok(Err(wrong)),
    });
    match done.await? {
        Ok(view) => Ok((StatusCode::CREATED, Json(view))),
        Err(wrong) => Err(wrong.into()),
    }
}

/// One consultation.
#[utoipa::path(get, path = "/api/consultations/{id}", operation_id = "read_consultation", tag = "consultations",
    params(("id" = String, Path)), responses((status = 200, body = ConsultationView), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<ConsultationView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.read(&who, &id)).await?))
}

/// Gives it a doctor: a certain one, or whoever is next.
#[utoipa::path(post, path = "/api/consultations/{id}/assign", operation_id = "assign_consultation", tag = "consultations",
    params(("id" = String, Path)), request_body = Assignment,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn assign(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Assignment>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Assign { doctor: sent.doctor }).await
}

/// A clinician says that nobody may wait for money; the reason is kept.
#[utoipa::path(post, path = "/api/consultations/{id}/emergency", operation_id = "exempt_consultation", tag = "consultations",
    params(("id" = String, Path)), request_body = TransitionReason,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn emergency(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<TransitionReason>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Emergency { reason: sent.reason }).await
}

/// The patient is here.
#[utoipa::path(post, path = "/api/consultations/{id}/arrived", operation_id = "note_arrival", tag = "consultations",
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

/// Somebody made sure who the patient is.
#[utoipa::path(post, path = "/api/consultations/{id}/identity", operation_id = "check_identity", tag = "consultations",
    params(("id" = String, Path)), request_body = IdentityChecked,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn identity(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<IdentityChecked>,
) -> Result<Json<ConsultationView>, HttpError> {
    if sent.how.trim().is_empty() {
        return Err(HttpError::invalid("Say how it was checked.").field("how"));
    }
    turn(app, who, id, sent.expected, Ask::Identity { how: sent.how, adult: sent.adult }).await
}

/// Somebody noted that the patient agrees.
#[utoipa::path(post, path = "/api/consultations/{id}/consent", operation_id = "note_consent", tag = "consultations",
    params(("id" = String, Path)), request_body = ConsentNoted,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn consent(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<ConsentNoted>,
) -> Result<Json<ConsultationView>, HttpError> {
    if !["text", "voice", "tick"].contains(&sent.form.as_str()) {
        return Err(HttpError::invalid("The form is text, voice or tick.").field("form"));
    }
    turn(app, who, id, sent.expected, Ask::Consent { form: sent.form }).await
}

/// The doctor begins.
#[utoipa::path(post, path = "/api/consultations/{id}/start", operation_id = "start_consultation", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn start(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Start).await
}

/// The patient has not come; possible once the time for it is over.
#[utoipa::path(post, path = "/api/consultations/{id}/absent", operation_id = "note_absence", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn absent(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Absent).await
}

/// Media or device are lost; it stays ACTIVE.
#[utoipa::path(post, path = "/api/consultations/{id}/interrupted", operation_id = "note_interruption", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn interrupted(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Interrupted).await
}

/// They are back.
#[utoipa::path(post, path = "/api/consultations/{id}/resumed", operation_id = "note_resumption", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn resumed(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Resumed).await
}

/// The doctor offers it to another one, who has to take it.
#[utoipa::path(post, path = "/api/consultations/{id}/transfer", operation_id = "offer_transfer", tag = "consultations",
    params(("id" = String, Path)), request_body = TransferWish,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn transfer(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<TransferWish>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Offer { to: sent.to, reason: sent.reason }).await
}

/// The other doctor, ONLINE, takes it.
#[utoipa::path(post, path = "/api/consultations/{id}/transfer/accept", operation_id = "accept_transfer", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn accept(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Accept).await
}

/// The other doctor does not take it, or the offer is taken back.
#[utoipa::path(post, path = "/api/consultations/{id}/transfer/decline", operation_id = "decline_transfer", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn decline(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Decline).await
}

/// The doctor ends it; no draft may be left.
#[utoipa::path(post, path = "/api/consultations/{id}/complete", operation_id = "complete_consultation", tag = "consultations",
    params(("id" = String, Path)), request_body = Plain,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn complete(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Plain>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Complete).await
}

/// A doctor who had it adds words after its end.
#[utoipa::path(post, path = "/api/consultations/{id}/addendum", operation_id = "add_addendum", tag = "consultations",
    params(("id" = String, Path)), request_body = AddendumText,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn addendum(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<AddendumText>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Addendum { text: sent.text }).await
}

/// It will not take place.
#[utoipa::path(post, path = "/api/consultations/{id}/cancel", operation_id = "cancel_consultation", tag = "consultations",
    params(("id" = String, Path)), request_body = Cancellation,
    responses((status = 200, body = ConsultationView), (status = 404), (status = 409)))]
pub(super) async fn cancel(
    app: State<App>,
    who: Actor,
    id: Path<String>,
    Json(sent): Json<Cancellation>,
) -> Result<Json<ConsultationView>, HttpError> {
    turn(app, who, id, sent.expected, Ask::Cancel { reason: sent.reason, refund: sent.refund }).await
}

/// Asks for a transition. A conflict tells where the consultation stands.
pub(super) async fn turn(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    expected: state::State,
    ask: Ask,
) -> Result<Json<ConsultationView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let (told, asking) = (room.clone(), id.clone());
    let done = tokio::task::spawn_blocking(move || {
        room.transition(&who, &id, expected, ask)?;
        room.read(&who, &id)
    });
    match done.await.map_err(|_| HttpError::internal())? {
        Ok(view) => Ok(Json(view)),
        Err(error @ Error::Conflict(_)) => {
            let stands = aside(move || told.course(&asking)).await?.1.state;
            Err(HttpError::from(error).code("stale").with("state", stands.as_str().into()))
        }
        Err(error) => Err(error.into()),
    }
}
