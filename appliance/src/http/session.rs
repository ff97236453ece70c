//! The session cookie, who stands behind a request, and a person's own affairs: session, choices, password, sessions.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Extension, Router};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::refusal::mistyped;
use crate::admin::account::{Account, Looks};
use crate::admin::session::Session;
use crate::admin::sign_in::Origin;
use crate::app::App;
use crate::records::access::{Area, Role};

/// Name of the cookie, of whole and of half-open sessions. `__Host-` binds it to this host, TLS and the root path.
const COOKIE: &str = "__Host-cv";
/// Longest secret that is looked at.
const LONGEST: usize = 200;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/session", get(read))
        .route("/api/session/prove", post(prove))
        .route("/api/logout", post(logout))
        .route("/api/me", patch(change))
        .route("/api/me/password", post(password))
        .route("/api/me/pin", put(pin))
        .route("/api/me/sessions", get(sessions))
        .route("/api/me/sessions/{id}", delete(end))
}

/// Who sends this request, by bearer token or session cookie. A bearer token wins: whoever sends one means it.
pub fn identify(
    app: &App,
    extensions: &Extensions,
    headers: &HeaderMap,
    touch: bool,
) -> Result<Actor, HttpError> {
    let rooms = app.rooms()?;
    let people = &rooms.people;
    let source = extensions.get::<Peer>().map(|peer| peer.address.ip().to_canonical().to_string());
    let source = source.unwrap_or_default();
    let found = match bearer(headers) {
        Some(token) => people.by_bearer(token, &source),
        None => cookie(headers).and_then(|token| {
            let staff = people.by_session(token, &source, touch);
            staff.or_else(|| rooms.consult.by_session(token, &source, touch))
        }),
    };
    found.ok_or_else(HttpError::unauthenticated)
}

/// The bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && token.len() <= LONGEST).then(|| token.trim())
}

/// The secret in the cookie.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value).filter(|value| value.len() <= LONGEST)
}

/// Puts a secret into the browser; it forgets it when it is closed.
pub fn with_cookie(mut response: Response, token: &str) -> Response {
    let cookie = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict");
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

fn without_cookie(mut response: Response) -> Response {
    let cookie = "__Host-cv=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(cookie));
    response
}

/// Where a request comes from.
pub fn origin(peer: Peer, headers: &HeaderMap) -> Origin {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin { address: peer.address.ip().to_canonical(), agent: agent.to_owned() }
}

/// What the screens know of the one who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// The person.
    pub user: Me,
    /// Letter of the permission matrix by area: F, W, R, S, O or -.
    pub can: BTreeMap<&'static str, &'static str>,
    /// Quiet seconds after which the session ends.
    pub idle_seconds: i64,
    /// Ends then in any case.
    #[schema(value_type = String, format = DateTime)]
    pub absolute_ends: Timestamp,
}

/// The person who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Id of the account.
    pub id: String,
    /// Name shown.
    pub name: String,
    /// Sign-in name.
    pub username: String,
    /// Roles.
    pub roles: Vec<&'static str>,
    /// Has an authenticator.
    pub second_factor: bool,
    /// Language chosen.
    pub language: Option<String>,
    /// Theme chosen.
    pub theme: Option<String>,
    /// Density chosen.
    pub density: Option<String>,
}

/// The view of an account's session.
pub fn view(account: &Account, session: &Session) -> SessionView {
    let best = |area: Area| {
        let grants = account.roles.iter().map(|role| crate::records::access::grant(*role, area));
        grants.max().map_or("-", |grant| grant.letter())
    };
    SessionView {
        can: Area::ALL.into_iter().map(|area| (area.as_str(), best(area))).collect(),
        idle_seconds: session.idle,
        absolute_ends: session.ends,
        user: Me {
            id: account.id.clone(),
            name: account.name.clone(),
            username: account.username.clone(),
            roles: account.roles.iter().map(|role: &Role| role.as_str()).collect(),
            second_factor: account.seed.is_some(),
            language: account.looks.language.clone(),
            theme: account.looks.theme.clone(),
            density: account.looks.density.clone(),
        },
    }
}

/// The session of the one who asks. Does not keep it alive.
#[utoipa::path(get, path = "/api/session", operation_id = "read_session", tag = "session",
    responses((status = 200, body = SessionView), (status = 401, description = "nobody is signed in")))]
pub async fn read(State(app): State<App>, who: Actor) -> Result<Json<SessionView>, HttpError> {
    let people = &app.rooms()?.people;
    Ok(Json(view(&people.own_account(&who)?, &people.own_session(&who)?)))
}

/// The password once more.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Proof {
    password: String,
}

/// Proves again who one is; dangerous changes need a proof of the last five minutes.
#[utoipa::path(post, path = "/api/session/prove", tag = "session", request_body = Proof,
    responses((status = 204), (status = 422, description = "not the password")))]
pub async fn prove(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(proof): Json<Proof>,
) -> Result<StatusCode, HttpError> {
    let from = origin(peer, &headers);
    let proven = app.rooms()?.people.prove(&who, &proof.password, &from).await;
    proven.map_err(|error| mistyped(error, "password"))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out and wipes what the browser keeps of this box.
#[utoipa::path(post, path = "/api/logout", tag = "session", responses((status = 204)))]
pub async fn logout(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    if let Some(token) = cookie(&headers) {
        app.rooms()?.people.logout(token, &origin(peer, &headers)).await?;
    }
    let mut response = without_cookie(StatusCode::NO_CONTENT.into_response());
    response.headers_mut().insert(
        header::HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"cookies\", \"storage\""),
    );
    Ok(response)
}

/// Choices for the screen; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LooksChange {
    language: Option<String>,
    theme: Option<String>,
    density: Option<String>,
}

/// Changes how the person likes the screen.
#[utoipa::path(patch, path = "/api/me", operation_id = "change_me", tag = "session", request_body = LooksChange,
    responses((status = 200, body = SessionView)))]
pub async fn change(
    State(app): State<App>,
    who: Actor,
    Json(wish): Json<LooksChange>,
) -> Result<Json<SessionView>, HttpError> {
    let people = &app.rooms()?.people;
    let looks = Looks { language: wish.language, theme: wish.theme, density: wish.density };
    let account = people.change_looks(&who, looks).await?;
    Ok(Json(view(&account, &people.own_session(&who)?)))
}

/// The present password and a PIN for signing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinChange {
    password: String,
    /// 6 to 12 digits.
    pin: String,
}

/// Chooses the PIN for signing.
#[utoipa::path(put, path = "/api/me/pin", operation_id = "choose_my_pin", tag = "session", request_body = PinChange,
    responses((status = 204), (status = 422, description = "not the present password, or the PIN is not accepted")))]
pub async fn pin(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(change): Json<PinChange>,
) -> Result<StatusCode, HttpError> {
    let from = origin(peer, &headers);
    let chosen = app.rooms()?.people.choose_pin(&who, &change.password, &change.pin, &from).await;
    chosen.map_err(|error| mistyped(error, "password"))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The present password and a new one.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PasswordChange {
    current: String,
    password: String,
}

/// Changes the own password. Every session ends and this browser gets a new one.
#[utoipa::path(post, path = "/api/me/password", operation_id = "change_my_password", tag = "session", request_body = PasswordChange,
    responses((status = 204), (status = 422, description = "not the present password, or the new one is not accepted")))]
pub async fn password(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(change): Json<PasswordChange>,
) -> Result<Response, HttpError> {
    let from = origin(peer, &headers);
    let people = &app.rooms()?.people;
    let signed_in = people.change_password(&who, &change.current, &change.password, &from).await;
    let signed_in = signed_in.map_err(|error| mistyped(error, "current"))?;
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &signed_in.token))
}

/// The own sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSessions {
    /// Newest first.
    sessions: Vec<OwnSession>,
}

/// One of the own sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnSession {
    id: String,
    /// What the browser called itself, and its address.
    device: String,
    #[schema(value_type = String, format = DateTime)]
    started: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// The one that asks.
    current: bool,
}

/// Lists the own sessions.
#[utoipa::path(get, path = "/api/me/sessions", operation_id = "list_my_sessions", tag = "session", responses((status = 200, body = OwnSessions)))]
pub async fn sessions(State(app): State<App>, who: Actor) -> Result<Json<OwnSessions>, HttpError> {
    let own = app.rooms()?.people.own_sessions(&who);
    let sessions = own.into_iter().map(|(session, current)| OwnSession {
        device: if session.agent.is_empty() {
            session.from
        } else {
            format!("{} · {}", session.agent, session.from)
        },
        id: session.id,
        started: session.started,
        last_seen: session.seen,
        current,
    });
    Ok(Json(OwnSessions { sessions: sessions.collect() }))
}

/// Ends one of the own sessions.
#[utoipa::path(delete, path = "/api/me/sessions/{id}", operation_id = "end_my_session", tag = "session", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn end(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    app.rooms()?.people.end_own_session(&who, &id, &origin(peer, &headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_cookie_is_found_among_others_and_nothing_like_it() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(cookie(&headers(header::COOKIE, value)), expected, "{value}");
        };
        check("__Host-cv=abc", Some("abc"));
        check("a=b; __Host-cv=abc; c=d", Some("abc"));
        check("__host-cv=abc", None);
        check("x__Host-cv=abc", None);
        check("__Host-cv", None);
        check(&format!("__Host-cv={}", "a".repeat(201)), None);
    }

    #[test]
    fn a_bearer_token_is_read_in_any_case() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(bearer(&headers(header::AUTHORIZATION, value)), expected, "{value}");
        };
        check("Bearer cv_abc", Some("cv_abc"));
        check("bearer cv_abc", Some("cv_abc"));
        check("Basic cv_abc", None);
        check("Bearer", None);
    }

    #[test]
    fn the_cookie_is_exactly_as_the_sheet_says() {
        let response = with_cookie(StatusCode::OK.into_response(), "abc");
        let value = response.headers()[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(value, "__Host-cv=abc; Path=/; Secure; HttpOnly; SameSite=Strict");
    }
}
