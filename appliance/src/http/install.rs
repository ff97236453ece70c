//! The install page, its parts, and the authority's certificate: what a device needs before it trusts the box.
//!
//! Over plain HTTP from elsewhere this is all there is; over HTTPS it lies beside the application, for testing.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;

use super::error::HttpError;
use crate::app::App;
use crate::lan::authority;
use crate::lan::install::{self, Facts, Language};

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/install", get(page))
        .route("/install/{file}", get(part))
        .route("/ca.crt", get(certificate_pem))
        .route("/ca.der", get(certificate_der))
}

/// What everybody else on plain HTTP gets: the page at every address that is nothing else.
pub fn only() -> Router<App> {
    routes().fallback(get(page))
}

/// A wish for a language.
#[derive(Debug, Deserialize)]
pub struct Wish {
    lang: Option<String>,
}

/// The page.
pub async fn page(State(app): State<App>, Query(wish): Query<Wish>, headers: HeaderMap) -> Response {
    let accept = text(&headers, header::ACCEPT_LANGUAGE);
    let language = Language::choose(wish.lang.as_deref(), accept);
    let host = host(&app, &headers);
    let facts = Facts {
        fingerprint: app.tls().fingerprint(),
        secure: format!("https://{host}:{}", app.bound_https()),
        plain: format!("http://{host}:{}/", app.bound_http()),
    };
    typed("text/html; charset=utf-8", install::page(language, &facts))
}

/// Style, script, worker and QR code of the page.
pub async fn part(
    State(app): State<App>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    match file.as_str() {
        "install.css" => Ok(typed("text/css; charset=utf-8", install::CSS)),
        "install.js" => Ok(typed("text/javascript; charset=utf-8", install::JS)),
        "icon.svg" => Ok(typed("image/svg+xml", install::ICON)),
        "worker.js" => Ok(typed("text/javascript; charset=utf-8", install::WORKER)),
        "qr.svg" => {
            let address = format!("http://{}:{}/", host(&app, &headers), app.bound_http());
            let svg = install::qr_svg(&address).ok_or_else(HttpError::internal)?;
            Ok(typed("image/svg+xml", svg))
        }
        _ => Err(HttpError::not_found("There is nothing at this address.")),
    }
}

/// The authority's certificate as devices install it.
pub async fn certificate_pem(State(app): State<App>) -> Result<Response, HttpError> {
    let der = app.tls().authority().ok_or_else(no_authority)?;
    let mut response = typed("application/x-x509-ca-cert", authority::pem(&der));
    let name = HeaderValue::from_static("attachment; filename=\"clinicvault-ca.crt\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// The same as bare DER.
pub async fn certificate_der(State(app): State<App>) -> Result<Response, HttpError> {
    let der = app.tls().authority().ok_or_else(no_authority)?;
    Ok(typed("application/x-x509-ca-cert", der))
}

fn no_authority() -> HttpError {
    HttpError::not_found("This box has not been set up yet, so it has no certificate authority.")
}

/// The name under which the peer reached the box, so that links lead back to it. Anything that is no host name or
/// address is replaced by the box's own name.
fn host(app: &App, headers: &HeaderMap) -> String {
    let given = text(headers, header::HOST);
    let name = match given.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        Some(_) | None => given,
    };
    let legal = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    let own = app.tls().names().first().map_or("localhost", String::as_str);
    if legal { name.to_owned() } else { own.to_owned() }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn typed(kind: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = body.into().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
