//! `Prefer: respond-async` for any request, and `async=true` of `$process-message`: it is kept as a job, carried out by the same router, and its answer is fetched
//! from the job.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::ask::{self, Ask};
use super::bulk::{kick_off, prefers, taken};
use super::{media, messages};
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::extract::{Actor, Peer};
use crate::http::front;
use crate::http::guard::Inside;
use crate::jobs::job::Later;
use crate::jobs::later::{Answered, Answering, Carrier, Sent, Unanswered};

/// Headers that change what a request means or what it answers.
const KEPT: [HeaderName; 7] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    HeaderName::from_static("if-none-exist"),
    HeaderName::from_static("x-security-context"),
];

/// Keeps a request that is to be answered later; every other goes on.
pub async fn turn(State(app): State<App>, request: Request, next: Next) -> Response {
    if !is_wanted(&request) {
        return next.run(request).await;
    }
    keep(app, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// Whether this request asks for it. What answers later by itself, the jobs themselves, and what needs nobody to be signed
/// in are as they are: a preference may be passed over (RFC 7240).
fn is_wanted(request: &Request) -> bool {
    let path = request.uri().path();
    let wanted = prefers(request.headers(), "respond-async") || messages::wants_later(request.uri());
    wanted
        && request.extensions().get::<Actor>().is_some()
        && !["/$export", "/$import"].iter().any(|end| path.ends_with(end))
        && !["/fhir/_jobs/", "/fhir/_uploads"].iter().any(|start| path.starts_with(start))
}

async fn keep(app: App, request: Request) -> Result<Response, HttpError> {
    let (mut parts, body) = request.into_parts();
    let ask = Ask::whatever_is_accepted(&mut parts, &app).await?;
    let peer = Peer::from_request_parts(&mut parts, &app).await?;
    let head = Later {
        target: messages::at_once(&parts.uri),
        headers: kept(&parts.headers),
        tls: peer.tls,
        peer: peer.address.to_string(),
    };
    let request = Request::from_parts(parts, body);
    let from = kick_off(&ask, &request);
    let body = ask::read(request, &app).await?;
    taken(&app, move |jobs| jobs.later(&from, head, &body)).await
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = KEPT
        .iter()
        .filter_map(|name| Some((name.as_str().to_owned(), headers.get(name)?.to_str().ok()?.to_owned())))
        .collect();
    let preferences: Vec<&str> =
        media::list(headers, "prefer").filter(|each| !each.eq_ignore_ascii_case("respond-async")).collect();
    if !preferences.is_empty() {
        kept.push(("prefer".to_owned(), preferences.join(", ")));
    }
    kept
}

/// Carries kept requests out: they pass the guard and the handlers as they would have at once.
pub struct Within {
    app: App,
    router: Router,
}

impl Within {
    /// Requests go through `router`.
    pub fn new(app: App, router: Router) -> Self {
        Self { app, router }
    }
}

impl Carrier for Within {
    fn carry(&self, sent: Sent) -> Answering {
        let router = self.router.clone();
        let most = self.app.config().jobs.answer_mib << 20;
        Box::pin(async move {
            let response = match request(sent) {
                Some(request) => front::within(router, request).await,
                None => HttpError::bad_request("The request can no longer be read.").into_outcome(""),
            };
            let (parts, body) = response.into_parts();
            let header = |(name, value): (&HeaderName, &HeaderValue)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            };
            let headers = parts.headers.iter().filter_map(header).collect();
            match Limited::new(body, most).collect().await {
                Ok(body) => Ok(Answered { status: parts.status.as_u16(), headers, body: body.to_bytes() }),
                Err(error) if error.is::<LengthLimitError>() => Err(Unanswered::TooLong),
                Err(_) => Ok(Answered { status: 500, headers: Vec::new(), body: bytes::Bytes::new() }),
            }
        })
    }
}

fn request(sent: Sent) -> Option<Request> {
    let host = sent.base.split_once("://")?.1.strip_suffix("/fhir")?.to_owned();
    let mut request = http::Request::builder().method(sent.method.as_str()).uri(&sent.head.target);
    request = request.header(header::HOST, host);
    for (name, value) in &sent.head.headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(sent.body)).ok()?;
    let peer = Peer { address: sent.head.peer.parse().ok()?, tls: sent.head.tls };
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(Inside(sent.who));
    Some(request)
}
