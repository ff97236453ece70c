//! The authorisation endpoint: a program sends a person here, the person decides, and goes back with a code.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use clinicvault_gateway::fhir::search::query;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};

use super::super::error::HttpError;
use super::super::{limits, session};
use super::{Origin, page};
use crate::admin::error::AdminError;
use crate::admin::smart::authorize::{self, Said, Unasked};
use crate::app::App;
use crate::records::access::{Actor, Who};

/// Largest form, bytes.
const FORM: usize = 64 * 1024;
/// Longest query.
const QUERY: usize = 16 * 1024;

/// Shows the question.
pub async fn ask(State(app): State<App>, origin: Origin, request: Request) -> Result<Response, HttpError> {
    let text = request.uri().query().unwrap_or_default();
    if text.len() > QUERY {
        return Ok(html(StatusCode::BAD_REQUEST, page::refused("The request is too long.")));
    }
    let Some(asked) = read(text) else {
        return Ok(html(StatusCode::BAD_REQUEST, page::refused("The request cannot be read.")));
    };
    let Some(who) = person(&app, request.extensions(), request.headers()) else {
        return Ok(html(StatusCode::OK, page::sign_in(&format!("/oauth/authorize?{text}"))));
    };
    match app.rooms()?.people.ask(&who, asked, &origin.audiences()) {
        Ok(question) => Ok(html_to(&question.redirect, page::question(&question, &who.name, None))),
        Err(Unasked::Here(why)) => Ok(html(StatusCode::BAD_REQUEST, page::refused(why))),
        Err(Unasked::There { redirect, state, refused }) => {
            go(&authorize::back_with_refusal(&redirect, state.as_deref(), &refused))
        }
        Err(Unasked::Box(error)) => Err(error.into()),
    }
}

/// Takes the answer. It comes from a form of our own page: the browser says so, and the form holds a secret that only
/// the page of the same session was given.
pub async fn answer(State(app): State<App>, request: Request) -> Result<Response, HttpError> {
    let (parts, body) = request.into_parts();
    from_own_form(&parts.headers)?;
    let who = person(&app, &parts.extensions, &parts.headers).ok_or_else(HttpError::unauthenticated)?;
    let patience = Duration::from_secs(app.config().limits.body_seconds);
    let bytes = limits::read_body(body, FORM, patience).await?;
    let unreadable = || HttpError::bad_request("The form cannot be read.");
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
    let mut said = Said::default();
    for (name, value) in query::decode(text).map_err(|_| unreadable())? {
        match name.as_str() {
            "handle" => said.handle = value,
            "answer" => said.yes = value == "yes",
            "patient" => said.patient = Some(value).filter(|value| !value.is_empty()),
            "keep" => {
                said.keep.insert(value);
            }
            _ => return Err(unreadable()),
        }
    }
    match app.rooms()?.people.answered(&who, said).await {
        Ok(address) => go(&address),
        Err(error @ (AdminError::LoginOver | AdminError::Invalid(..))) => {
            let why = match error {
                AdminError::Invalid(_, why) => format!("{why} Go back, and answer again."),
                _ => "This question was answered, or is too old. Begin again in the program.".to_owned(),
            };
            Ok(html(StatusCode::BAD_REQUEST, page::refused(&why)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The person who is signed in in this browser.
fn person(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Option<Actor> {
    session::cookie(headers)?;
    if session::bearer(headers).is_some() {
        return None;
    }
    let who = session::identify(app, extensions, headers, true).ok()?;
    matches!(who.who, Who::Person { .. }).then_some(who)
}

fn from_own_form(headers: &HeaderMap) -> Result<(), HttpError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => match (text("origin"), text("host")) {
            (Some(origin), Some(host)) => {
                let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
                rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
            }
            (Some(_) | None, Some(_) | None) => false,
        },
    };
    if own {
        Ok(())
    } else {
        Err(HttpError::forbidden("This answer did not come from this box's own page.").code("crossSite"))
    }
}

fn read(text: &str) -> Option<authorize::Request> {
    let mut asked = authorize::Request::default();
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in query::decode(text).ok()? {
        if !seen.insert(name.clone()) {
            return None;
        }
        match name.as_str() {
            "client_id" => asked.client = value,
            "redirect_uri" => asked.redirect = value,
            "response_type" => asked.response = value,
            "scope" => asked.scope = value,
            "state" => asked.state = Some(value),
            "code_challenge" => asked.challenge = value,
            "code_challenge_method" => asked.method = value,
            "nonce" => asked.nonce = Some(value),
            "aud" => asked.audience = Some(value),
            // RFC 6749 section 3.1: parameters that are not known are ignored.
            _ => {}
        }
    }
    Some(asked)
}

fn go(address: &str) -> Result<Response, HttpError> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let address = HeaderValue::from_str(address).map_err(|_| HttpError::internal())?;
    response.headers_mut().insert(header::LOCATION, address);
    Ok(response)
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The page whose form leads to the program in the end: browsers hold the address behind a form to the page's policy.
fn html_to(redirect: &str, text: String) -> Response {
    let mut response = html(StatusCode::OK, text);
    let origin = redirect.parse::<http::Uri>().ok();
    let origin = origin.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {}; frame-ancestors 'none'; \
         base-uri 'none'",
        origin.unwrap_or_default()
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
