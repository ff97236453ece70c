//! Notes and prescriptions: drafts that screens keep, and signing.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::refusal::mistyped;
use super::session::origin;
use crate::admin::signing::Pen;
use crate::app::App;
use crate::consult::papers::Paper;
use crate::consult::papers::desk::{Kept, NoteKept, PrescriptionKept};
use crate::consult::papers::paper::NotKept;
use crate::consult::papers::printing::{Page, Wanted};
use crate::consult::papers::sign::{Done, ToSign};
use crate::consult::papers::view::{NoteView, PrescriptionView, SignedDoc};
use crate::records::error::Error;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/consultations/{id}/note", get(note).put(keep_note))
        .route("/api/consultations/{id}/note/extract", post(extract_note))
        .route("/api/consultations/{id}/note/discard", post(discard_note))
        .route("/api/consultations/{id}/prescription", get(prescription).put(keep_prescription))
        .route("/api/consultations/{id}/prescription/discard", post(discard_prescription))
        .route("/api/consultations/{id}/prescription/cancel", post(cancel_prescription))
        .route("/api/consultations/{id}/sign", post(sign))
        .route("/api/consultations/{id}/documents/{document}/pdf", get(pdf))
}

/// A draft that is not to be signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftDiscard {
    /// The version on the screen.
    version: u64,
    /// The reason.
    reason: String,
}

/// A signed prescription that is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrescriptionCancel {
    /// The version on the screen.
    version: u64,
    /// The reason.
    reason: String,
    /// The PIN for signing, or
    pin: Option<String>,
    /// the password.
    password: Option<String>,
}

/// What is signed, and with what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignWish {
    /// Version of the note, to sign it.
    note: Option<u64>,
    /// Version of the prescription, to sign it.
    prescription: Option<u64>,
    /// The PIN for signing, or
    pin: Option<String>,
    /// the password.
    password: Option<String>,
}

/// What was signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedPapers {
    /// The note first.
    pub signed: Vec<SignedDoc>,
}

/// How a signed paper is printed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PrintWish {
    /// `a4` or `a5`.
    paper: Option<String>,
    /// Millimetres of a printed letterhead at the top of the first page.
    top: Option<u8>,
    /// Language of the patient's part.
    language: Option<String>,
}

/// The note of a consultation: draft, or as signed.
#[utoipa::path(get, path = "/api/consultations/{id}/note", operation_id = "read_note", tag = "papers",
    params(("id" = String, Path)), responses((status = 200, body = NoteView), (status = 404)))]
pub(super) async fn note(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<NoteView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.note(&who, &id)).await?))
}

/// Keeps the draft of a note. 409 `stale` or `leased` carries what is stored as `current`.
#[utoipa::path(put, path = "/api/consultations/{id}/note", operation_id = "keep_note", tag = "papers",
    params(("id" = String, Path)), request_body = NoteKept,
    responses((status = 200, body = NoteView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn keep_note(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<NoteKept>,
) -> Result<Json<NoteView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    answer(move || {
        let kept = room.keep_note(&who, &id, sent)?;
        Ok((kept, room.note(&who, &id)?))
    })
    .await
}

/// Looks through the consultation's transcript: `suggestions` of the answer. No text of the note changes.
#[utoipa::path(post, path = "/api/consultations/{id}/note/extract", operation_id = "extract_note", tag = "papers",
    params(("id" = String, Path)), responses((status = 200, body = NoteView), (status = 404), (status = 409)))]
pub(super) async fn extract_note(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<NoteView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let found = aside(move || {
        room.find_in_transcript(&who, &id)?;
        room.note(&who, &id)
    });
    Ok(Json(found.await?))
}

/// Discards the draft of a note, with a reason.
#[utoipa::path(post, path = "/api/consultations/{id}/note/discard", operation_id = "discard_note", tag = "papers",
    params(("id" = String, Path)), request_body = DraftDiscard,
    responses((status = 200, body = NoteView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn discard_note(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<DraftDiscard>,
) -> Result<Json<NoteView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    answer(move || {
        let kept = room.discard_note(&who, &id, sent.version, &sent.reason)?;
        Ok((kept, room.note(&who, &id)?))
    })
    .await
}

/// The prescription of a consultation: draft, or as signed, with what stands against signing it.
#[utoipa::path(get, path = "/api/consultations/{id}/prescription", operation_id = "read_prescription", tag = "papers",
    params(("id" = String, Path)), responses((status = 200, body = PrescriptionView), (status = 404)))]
pub(super) async fn prescription(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<PrescriptionView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.prescription(&who, &id)).await?))
}

/// Keeps the draft of a prescription; lines that cannot be read yet are kept with their problem. 409 as for the note.
#[utoipa::path(put, path = "/api/consultations/{id}/prescription", operation_id = "keep_prescription", tag = "papers",
    params(("id" = String, Path)), request_body = PrescriptionKept,
    responses((status = 200, body = PrescriptionView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn keep_prescription(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<PrescriptionKept>,
) -> Result<Json<PrescriptionView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    answer(move || {
        let kept = room.keep_prescription(&who, &id, sent)?;
        Ok((kept, room.prescription(&who, &id)?))
    })
    .await
}

/// Discards the draft of a prescription, with a reason.
#[utoipa::path(post, path = "/api/consultations/{id}/prescription/discard", operation_id = "discard_prescription", tag = "papers",
    params(("id" = String, Path)), request_body = DraftDiscard,
    responses((status = 200, body = PrescriptionView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn discard_prescription(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<DraftDiscard>,
) -> Result<Json<PrescriptionView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    answer(move || {
        let kept = room.discard_prescription(&who, &id, sent.version, &sent.reason)?;
        Ok((kept, room.prescription(&who, &id)?))
    })
    .await
}

/// Takes a signed prescription back, with a reason and the PIN or password.
#[utoipa::path(post, path = "/api/consultations/{id}/prescription/cancel", operation_id = "cancel_prescription", tag = "papers",
    params(("id" = String, Path)), request_body = PrescriptionCancel,
    responses((status = 200, body = SignedPapers), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn cancel_prescription(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(sent): Json<PrescriptionCancel>,
) -> Result<Json<SignedPapers>, HttpError> {
    with_pen(&app, &who, (peer, &headers), sent.pin.as_deref(), sent.password.as_deref()).await?;
    let room = app.rooms()?.consult.clone();
    done(aside(move || room.cancel_prescription(&who, &id, sent.version, &sent.reason)).await?)
}

/// Signs note, prescription or both, in one go, with the PIN or the password of the consultation's doctor.
#[utoipa::path(post, path = "/api/consultations/{id}/sign", operation_id = "sign_papers", tag = "papers",
    params(("id" = String, Path)), request_body = SignWish,
    responses((status = 200, body = SignedPapers), (status = 404), (status = 409), (status = 422), (status = 429)))]
pub(super) async fn sign(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(sent): Json<SignWish>,
) -> Result<Json<SignedPapers>, HttpError> {
    with_pen(&app, &who, (peer, &headers), sent.pin.as_deref(), sent.password.as_deref()).await?;
    let room = app.rooms()?.consult.clone();
    let wish = ToSign { note: sent.note, prescription: sent.prescription };
    done(aside(move || room.sign(&who, &id, wish)).await?)
}

/// A signed paper as PDF. From the second time on it is marked DUPLICATE.
#[utoipa::path(get, path = "/api/consultations/{id}/documents/{document}/pdf", operation_id = "print_paper", tag = "papers",
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

/// A signed paper as a page, for whoever may read it.
pub(super) async fn page(
    app: &App,
    who: Actor,
    id: String,
    document: String,
    wish: PrintWish,
) -> Result<Response, HttpError> {
    let paper = match wish.paper.as_deref() {
        None | Some("a4") => Paper::A4,
        Some("a5") => Paper::A5,
        Some(_) => return Err(HttpError::invalid("The paper is a4 or a5.").field("paper")),
    };
    if wish.top.is_some_and(|space| space > 120) {
        return Err(HttpError::invalid("A letterhead takes at most 120 mm.").field("top"));
    }
    let name = app.tls().names().first().map_or_else(|| "localhost".to_owned(), Clone::clone);
    let base = format!("https://{name}:{}", app.bound_https());
    let wanted = Wanted { paper, letterhead: wish.top, language: wish.language, base };
    let room = app.rooms()?.consult.clone();
    match aside(move || room.paper_page(&who, &id, &document, &wanted)).await? {
        Page::Pdf(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
            headers.insert(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("inline; filename=\"paper.pdf\""),
            );
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Page::NoFonts => Err(HttpError::unavailable(
            "This program was built without fonts, so it makes no PDF; print from the screen, or build it with the web UI's packages.",
        )),
    }
}

/// Makes sure that it is the person of the session who signs.
async fn with_pen(
    app: &App,
    who: &Actor,
    (peer, headers): (Peer, &HeaderMap),
    pin: Option<&str>,
    password: Option<&str>,
) -> Result<(), HttpError> {
    let (pen, field) = match (pin, password) {
        (Some(pin), None) => (Pen::Pin(pin), "pin"),
        (None, Some(password)) => (Pen::Password(password), "password"),
        (Some(_), Some(_)) | (None, None) => {
            return Err(HttpError::invalid("Sign with your PIN or with your password.").field("pin"));
        }
    };
    let held = app.rooms()?.people.holds_pen(who, pen, &origin(peer, headers)).await;
    held.map_err(|error| mistyped(error, field))
}

/// What is stored after a keeping, or why it was not kept with what is stored.
async fn answer<T, F>(job: F) -> Result<Json<T>, HttpError>
where
    T: Serialize + Send + 'static,
    F: FnOnce() -> Result<(Kept, T), Error> + Send + 'static,
{
    let (kept, view) = aside(job).await?;
    let refuse = |message: &str, code: &'static str| {
        let current = serde_json::to_value(&view).unwrap_or_default();
        Err(HttpError::conflict(message).code(code).with("current", current))
    };
    match kept {
        Kept::Done => Ok(Json(view)),
        Kept::Wrong(wrong) => Err(wrong.into()),
        Kept::Not(NotKept::Stale) => refuse("Another version is stored by now; compare the two.", "stale"),
        Kept::Not(NotKept::Leased) => {
            refuse("Another screen is writing here; take it over to go on.", "leased")
        }
        Kept::Not(NotKept::Signed) => {
            refuse("This is signed. Write an addendum, or replace the prescription with a reason.", "signed")
        }
    }
}

fn done(done: Done) -> Result<Json<SignedPapers>, HttpError> {
    match done {
        Done::Papers(signed) => Ok(Json(SignedPapers { signed })),
        Done::Wrong(wrong) => Err(wrong.into()),
        Done::Stale => {
            Err(HttpError::conflict("Another version is stored by now; look at it again.").code("stale"))
        }
    }
}
