//! An authenticator of one's own accord, from the page about oneself.

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::refusal::mistyped;
use super::session::origin;
use crate::admin::sign_in::Asks;
use crate::app::App;
use crate::lan::install::qr_svg;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/me/second-factor", post(begin))
        .route("/api/me/second-factor/confirm", post(confirm))
}

/// What the authenticator app has to learn.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seed {
    /// In base 32, for typing.
    secret: String,
    /// As an address that apps read.
    otpauth: String,
    /// The address as a QR code.
    qr_svg: Option<String>,
}

/// The first code of the app.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FirstCode {
    code: String,
}

/// The codes that stand in for a lost phone, shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Begins to enrol an authenticator. Needs a fresh proof.
#[utoipa::path(post, path = "/api/me/second-factor", operation_id = "begin_my_second_factor", tag = "session",
    responses((status = 200, body = Seed), (status = 422, description = "there is one already")))]
pub(super) async fn begin(State(app): State<App>, who: Actor) -> Result<Json<Seed>, HttpError> {
    let Asks::Enrolment { secret, address } = app.rooms()?.people.begin_own_factor(&who)? else {
        return Err(HttpError::internal());
    };
    Ok(Json(Seed { qr_svg: qr_svg(&address), secret: secret.to_string(), otpauth: address.to_string() }))
}

/// Shows its first code. From then on a code is asked for at sign-in, and other sessions end.
#[utoipa::path(post, path = "/api/me/second-factor/confirm", operation_id = "confirm_my_second_factor", tag = "session",
    request_body = FirstCode, responses((status = 200, body = RecoveryCodes), (status = 422, description = "the code is not right")))]
pub(super) async fn confirm(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(first): Json<FirstCode>,
) -> Result<Json<RecoveryCodes>, HttpError> {
    let from = origin(peer, &headers);
    let codes = app.rooms()?.people.confirm_own_factor(&who, &first.code, &from).await;
    let codes = codes.map_err(|error| mistyped(error, "code"))?;
    Ok(Json(RecoveryCodes { recovery_codes: codes.iter().map(|code| code.to_string()).collect() }))
}
