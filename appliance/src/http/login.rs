//! Signing in, step by step. Each answer says what is next and carries a new cookie.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::HttpError;
use super::extract::{Json, Peer};
use super::session::{self, SessionView};
use crate::admin::error::AdminError;
use crate::admin::sign_in::{Asks, Progress, Second, SignedIn};
use crate::app::App;
use crate::lan::install::qr_svg;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/login", post(login))
        .route("/api/login/totp", post(totp))
        .route("/api/login/enrol", post(enrol))
        .route("/api/login/password", post(password))
}

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Credentials {
    username: String,
    password: String,
}

/// What a step of signing in answers: a session, or what is next.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginAnswer {
    /// Signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionView>,
    /// Recovery codes, once, right after enrolment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recovery_codes: Vec<String>,
    /// `totp`, `enrol` or `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
    /// Seed of the authenticator in base 32, when `next` is `enrol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The same as an address that authenticator apps read.
    #[serde(skip_serializing_if = "Option::is_none")]
    otpauth: Option<String>,
    /// The address as a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_svg: Option<String>,
}

/// Begins to sign in.
#[utoipa::path(post, path = "/api/login", tag = "login", request_body = Credentials,
    responses((status = 200, body = LoginAnswer), (status = 401, description = "name or password is not right"),
        (status = 429, description = "too many attempts")))]
pub async fn login(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(given): Json<Credentials>,
) -> Result<Response, HttpError> {
    let from = session::origin(peer, &headers);
    let progress = app.rooms()?.people.login(&given.username, &given.password, &from).await?;
    Ok(answer(progress))
}

/// A code of the authenticator, or a recovery code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondFactor {
    code: Option<String>,
    recovery_code: Option<String>,
}

/// Shows the second factor.
#[utoipa::path(post, path = "/api/login/totp", operation_id = "login_totp", tag = "login", request_body = SecondFactor,
    responses((status = 200, body = LoginAnswer), (status = 401, description = "the code is not right")))]
pub async fn totp(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(given): Json<SecondFactor>,
) -> Result<Response, HttpError> {
    let from = session::origin(peer, &headers);
    let shown = match (&given.code, &given.recovery_code) {
        (Some(code), None) => Second::Code(code),
        (None, Some(code)) => Second::RecoveryCode(code),
        (Some(_) | None, Some(_) | None) => {
            return Err(HttpError::bad_request("Send either code or recoveryCode.").field("code"));
        }
    };
    let progress = app.rooms()?.people.login_second(half(&headers)?, shown, &from).await?;
    Ok(answer(progress))
}

/// Six digits.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Code {
    code: String,
}

/// Shows the first code of a newly enrolled authenticator.
#[utoipa::path(post, path = "/api/login/enrol", operation_id = "login_enrol", tag = "login", request_body = Code,
    responses((status = 200, body = LoginAnswer), (status = 401, description = "the code is not right")))]
pub async fn enrol(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(given): Json<Code>,
) -> Result<Response, HttpError> {
    let from = session::origin(peer, &headers);
    let progress = app.rooms()?.people.login_enrol(half(&headers)?, &given.code, &from).await?;
    Ok(answer(progress))
}

/// A password of one's own.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OwnPassword {
    password: String,
}

/// Replaces the temporary password.
#[utoipa::path(post, path = "/api/login/password", operation_id = "login_password", tag = "login", request_body = OwnPassword,
    responses((status = 200, body = LoginAnswer), (status = 422, description = "the password is not accepted")))]
pub async fn password(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(given): Json<OwnPassword>,
) -> Result<Response, HttpError> {
    let from = session::origin(peer, &headers);
    let progress = app.rooms()?.people.login_password(half(&headers)?, &given.password, &from).await?;
    Ok(answer(progress))
}

fn half(headers: &HeaderMap) -> Result<&str, HttpError> {
    session::cookie(headers).ok_or_else(|| AdminError::LoginOver.into())
}

fn answer(progress: Progress) -> Response {
    match progress {
        Progress::In(signed_in) => session_begun(&signed_in),
        Progress::Asks { token, asks } => {
            let body = match asks {
                Asks::SecondFactor => LoginAnswer { next: Some("totp"), ..LoginAnswer::default() },
                Asks::OwnPassword => LoginAnswer { next: Some("password"), ..LoginAnswer::default() },
                Asks::Enrolment { secret, address } => LoginAnswer {
                    next: Some("enrol"),
                    qr_svg: qr_svg(&address),
                    secret: Some(secret.to_string()),
                    otpauth: Some(address.to_string()),
                    ..LoginAnswer::default()
                },
            };
            session::with_cookie(Json(body).into_response(), &token)
        }
    }
}

fn session_begun(signed_in: &SignedIn) -> Response {
    let body = LoginAnswer {
        session: Some(session::view(&signed_in.account, &signed_in.session)),
        recovery_codes: signed_in.codes.iter().map(|code| code.to_string()).collect(),
        ..LoginAnswer::default()
    };
    session::with_cookie(Json(body).into_response(), &signed_in.token)
}
