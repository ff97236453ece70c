//! Pages of other makers in a browser: which of them may read what the box answers (Fetch, section "HTTP-CORS protocol").
//!
//! Browsers send the origin of the page; the box names it back only when it is listed (`listen.origins`) or is that of an
//! address to which a registered program sends people back. Credentials of the browser are never asked for: such a page
//! proves itself by its token. What may be asked beyond that is decided as for everybody.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::error::HttpError;
use super::fhir::media::list;
use crate::app::App;
use crate::lan::origin::origin_of;

/// Headers of an answer that a page may read beside those that every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Content-Location, Last-Modified, X-Request-Id, X-Progress, Retry-After, Expires, \
     WWW-Authenticate, Content-Disposition, X-Security-Context",
);
/// Headers that a page may send.
const TAKEN: [&str; 14] = [
    "accept",
    "accept-charset",
    "authorization",
    "content-encoding",
    "content-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-exist",
    "if-none-match",
    "prefer",
    "x-request-id",
    "x-requested-with",
    "x-security-context",
];
/// Most headers that one question may name.
const MOST_ASKED: usize = 32;
/// How long a browser may keep the answer to its question, seconds.
const KEPT: HeaderValue = HeaderValue::from_static("600");

/// Carried by an answer under an address that pages of other makers may ask: the origin that may read it, if any. `front`
/// writes the headers, because refusals get their form there.
#[derive(Clone)]
pub struct Readable(Option<HeaderValue>);

impl Readable {
    /// Writes the headers.
    pub fn dress(self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.0 {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Lets a request through and notes who may read its answer; answers `OPTIONS` itself.
pub async fn turn(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(methods) = methods(request.uri().path()) else { return next.run(request).await };
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| origin.to_str().is_ok_and(|text| is_allowed(&app, text)));
    let mut response = if request.method() == Method::OPTIONS {
        options(request.headers(), methods, allowed.is_some())
    } else {
        next.run(request).await
    };
    response.extensions_mut().insert(Readable(allowed));
    response
}

/// What may be asked of an address by a page of another maker; none where only our own pages have business.
fn methods(path: &str) -> Option<&'static str> {
    match path {
        "/fhir" => Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        "/.well-known/smart-configuration" | "/.well-known/openid-configuration" | "/oauth/jwks" => {
            Some("GET, HEAD, OPTIONS")
        }
        "/oauth/token" | "/oauth/introspect" | "/oauth/revoke" => Some("POST, OPTIONS"),
        _ if path.starts_with("/fhir/.well-known/") => Some("GET, HEAD, OPTIONS"),
        _ if path.starts_with("/fhir/") => Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        _ => None,
    }
}

/// The answer to `OPTIONS`: what the address takes, and for a browser's question whether its page may ask.
fn options(headers: &HeaderMap, methods: &'static str, allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let own = response.headers_mut();
    own.insert(header::ALLOW, HeaderValue::from_static(methods));
    let Some(method) = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD) else { return response };
    if !allowed {
        return HttpError::forbidden(
            "Pages of this origin may not ask the box; register the program, or list its origin (listen.origins).",
        )
        .code("crossSite")
        .into_response();
    }
    own.append(header::VARY, HeaderValue::from_static("access-control-request-method"));
    own.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
    if !methods.split(", ").any(|each| method == each) {
        return response;
    }
    own.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    own.insert(header::ACCESS_CONTROL_MAX_AGE, KEPT);
    let asked = list(headers, "access-control-request-headers").take(MOST_ASKED);
    let taken: Vec<&str> =
        asked.filter_map(|name| TAKEN.iter().find(|own| name.eq_ignore_ascii_case(own)).copied()).collect();
    if let Ok(taken) = HeaderValue::from_str(&taken.join(", "))
        && !taken.is_empty()
    {
        own.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, taken);
    }
    response
}

fn is_allowed(app: &App, origin: &str) -> bool {
    let Some(origin) = origin_of(origin) else { return false };
    let listed = &app.config().listen.origins;
    listed.iter().filter_map(|listed| origin_of(listed)).any(|listed| listed == origin)
        || app.rooms().is_ok_and(|rooms| {
            rooms.people.sends_back_to(&|address| origin_of(address) == Some(origin.clone()))
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_question_is_answered_with_what_is_asked_and_taken() {
        let headers = asked(&[
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "Authorization, content-type, x-clinicvault, cookie"),
        ]);
        let answer = options(&headers, "GET, PUT", true);
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(answer.status(), 204);
        assert_eq!(header("access-control-allow-headers").as_deref(), Some("authorization, content-type"));
        assert_eq!(header("access-control-allow-methods").as_deref(), Some("GET, PUT"));
        assert_eq!(header("access-control-allow-credentials"), None);
        assert_eq!(options(&headers, "GET, PUT", false).status(), 403);
        assert!(!options(&headers, "GET", true).headers().contains_key("access-control-allow-methods"));
        assert_eq!(options(&HeaderMap::new(), "GET", false).headers()["allow"], "GET");
    }

    #[test]
    fn our_own_addresses_are_for_our_own_pages() {
        for path in ["/api/login", "/", "/oauth/authorize", "/fhirs", "/health"] {
            assert_eq!(methods(path), None, "{path}");
        }
        assert!(methods("/fhir/Patient/1").is_some() && methods("/fhir").is_some());
    }
}
