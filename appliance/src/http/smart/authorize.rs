//! The authorisation endpoint: a program sends a person here, the person decides, and goes back with a code.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use clinicvault_gateway::fhir::search::query;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};

use super::super::aside::{aside, caller};
use super::super::error::HttpError;
use super::super::{limits, session};
use super::Origin;
use super::page::{self, Choice, Look, Shown, Stop};
use crate::admin::error::AdminError;
use crate::admin::smart::authorize::{self, Question, Said, Stranger, Unasked};
use crate::app::App;
use crate::lan::install::Language;
use crate::records::access::{Actor, Who};

/// Largest form, bytes.
const FORM: usize = 64 * 1024;
/// Longest query.
const QUERY: usize = 16 * 1024;
/// Longest text that a patient is looked for by, in characters.
const LONGEST_SEARCH: usize = 100;
/// Most patients to choose from, where they were looked for and where they are only the newest.
const SHOWN: (usize, usize) = (8, 4);

/// Style of the pages.
pub async fn style() -> Response {
    let mut response = Response::new(page::CSS.into());
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Shows the question.
pub async fn ask(State(app): State<App>, origin: Origin, request: Request) -> Result<Response, HttpError> {
    let text = request.uri().query().unwrap_or_default();
    let person = person(&app, request.extensions(), request.headers());
    let look = look(&app, person.as_ref(), request.headers());
    let asked = if text.len() > QUERY { None } else { read(text) };
    let Some(asked) = asked else { return Ok(refused(&look, Stop::Unreadable)) };
    let Some(who) = person else {
        return Ok(html(StatusCode::OK, page::sign_in(&look, &format!("/oauth/authorize?{text}"))));
    };
    match app.rooms()?.people.ask(&who, asked, &origin.audiences()) {
        Ok(question) => {
            let shown =
                Shown { patients: choice(&app, &who, &question, None, None).await?, ..Shown::default() };
            Ok(html_to(&question.redirect, page::question(&look, &question, &who.name, &shown)))
        }
        Err(Unasked::Here(Stranger::Program)) => Ok(refused(&look, Stop::Program)),
        Err(Unasked::Here(Stranger::Address)) => Ok(refused(&look, Stop::Address)),
        Err(Unasked::There { redirect, state, refused }) => {
            go(&authorize::back_with_refusal(&redirect, state.as_deref(), &refused))
        }
        Err(Unasked::Box(error)) => Err(error.into()),
    }
}

/// Takes the answer. It comes from a form of our own page: the browser says so, and the form holds a secret that only
/// the page of the same session was given. Looking for a patient shows the question again.
pub async fn answer(State(app): State<App>, request: Request) -> Result<Response, HttpError> {
    let (parts, body) = request.into_parts();
    from_own_form(&parts.headers)?;
    let who = person(&app, &parts.extensions, &parts.headers).ok_or_else(HttpError::unauthenticated)?;
    let look = look(&app, Some(&who), &parts.headers);
    let patience = Duration::from_secs(app.config().limits.body_seconds);
    let bytes = limits::read_body(body, FORM, patience).await?;
    let Form { said, find } =
        form(&bytes).ok_or_else(|| HttpError::bad_request("The form cannot be read."))?;
    let people = &app.rooms()?.people;
    let (again, unchosen) = match find {
        Some(typed) => (Some(typed).filter(|typed| !typed.trim().is_empty()), false),
        None => match people.answered(&who, said.clone()).await {
            Ok(address) => return go(&address),
            Err(AdminError::LoginOver) => return Ok(refused(&look, Stop::Over)),
            Err(AdminError::Invalid(..)) => (None, true),
            Err(error) => return Err(error.into()),
        },
    };
    let question = match people.asked_again(&who, &said.handle) {
        Ok(question) => question,
        Err(AdminError::LoginOver) => return Ok(refused(&look, Stop::Over)),
        Err(error) => return Err(error.into()),
    };
    let patients = choice(&app, &who, &question, again, said.patient).await?;
    let shown = Shown { patients, keep: Some(said.keep), unchosen };
    let mut response = html_to(&question.redirect, page::question(&look, &question, &who.name, &shown));
    if unchosen {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

/// What the form of the page holds.
#[derive(Default)]
struct Form {
    said: Said,
    /// What to look for, when no answer was meant.
    find: Option<String>,
}

fn form(bytes: &[u8]) -> Option<Form> {
    let (mut said, mut finds, mut typed) = (Said::default(), false, String::new());
    for (name, value) in query::decode(std::str::from_utf8(bytes).ok()?).ok()? {
        match name.as_str() {
            "handle" => said.handle = value,
            "answer" => (said.yes, finds) = (value == "yes", value == "find"),
            "patient" => said.patient = Some(value).filter(|value| !value.is_empty()),
            "find" if value.chars().count() <= LONGEST_SEARCH => typed = value,
            "keep" => {
                said.keep.insert(value);
            }
            _ => return None,
        }
    }
    Some(Form { said, find: finds.then_some(typed) })
}

/// The patients to choose from, where one has to be chosen: the newest, or those found. Whom the person may not see is
/// refused when the answer comes, as everywhere.
async fn choice(
    app: &App,
    who: &Actor,
    question: &Question,
    typed: Option<String>,
    chosen: Option<String>,
) -> Result<Option<Choice>, HttpError> {
    if !question.asked.wants_patient() {
        return Ok(None);
    }
    let (records, from, text) = (app.rooms()?.records.clone(), caller(who.clone()), typed.clone());
    let found = aside(move || match text {
        Some(text) => Ok(records.find_people(&from, &text)?.0),
        None => records.recent_people(&from),
    });
    let most = if typed.is_some() { SHOWN.0 } else { SHOWN.1 };
    let people = found.await?.into_iter().take(most).map(|hit| hit.patient).collect();
    let today = app.now().to_zoned(app.zone()).date();
    Ok(Some(Choice { people, typed, chosen, today }))
}

/// How the person likes the screen; of somebody unknown the browser says the language.
fn look(app: &App, who: Option<&Actor>, headers: &HeaderMap) -> Look {
    let looks =
        who.and_then(|who| app.rooms().ok()?.people.own_account(who).ok()).map(|account| account.looks);
    let looks = looks.unwrap_or_default();
    let accept =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let theme = match looks.theme.as_deref() {
        Some("light") => Some("light"),
        Some("dark") => Some("dark"),
        Some(_) | None => None,
    };
    Look { language: Language::choose(looks.language.as_deref(), accept), theme }
}

fn refused(look: &Look, why: Stop) -> Response {
    html(StatusCode::BAD_REQUEST, page::refused(look, why))
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
