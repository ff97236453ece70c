//! What happens around every request: request id, panic guard, rendering of refusals, security headers.
//!
//! One function instead of a stack of layers, so that the hot path stays short and the order is readable.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use tower::ServiceExt;

use super::cors::Readable;
use super::error::HttpError;
use super::extract::RequestId;
use super::fhir::form::Wanted;

/// Headers of every response (security-storage reference, section 7), as written there.
const ALWAYS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; font-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types cv",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    // Consultations need camera and microphone, on the box's own pages alone.
    ("permissions-policy", "camera=(self), microphone=(self), geolocation=()"),
];

/// Sent beside them, but never for the box's own name on itself: a browser that has heard it from
/// `https://localhost:8443` would refuse `http://localhost:8080` for a year, whose port it does not look at.
const TRANSPORT: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));

/// Answers one request through `router`. Never panics; a panic inside becomes 500.
pub async fn answer(router: Router, mut request: Request<Body>) -> Response {
    let id = new_request_id();
    let fhir = request.uri().path() == "/fhir" || request.uri().path().starts_with("/fhir/");
    let head = request.method() == Method::HEAD;
    let on_the_box = is_loopback(&request);
    let wanted = fhir.then(|| Wanted::read(&request));
    if fhir && head {
        // The length of another form is known only once the whole answer has been written in it.
        *request.method_mut() = Method::GET;
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let outcome = AssertUnwindSafe(router.oneshot(request)).catch_unwind().await;
    let mut response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!(request = id, "a handler panicked");
            refuse(HttpError::internal(), fhir, &id)
        }
    };
    let readable = response.extensions_mut().remove::<Readable>();
    response = render(response, fhir, &id);
    if let Some(wanted) = wanted {
        response = wanted.shape(response, &id).await;
    }
    if head {
        strip_body(&mut response);
    }
    dress(&mut response, &id);
    if let Some(readable) = readable {
        readable.dress(response.headers_mut());
    }
    if !on_the_box {
        let (name, value) = TRANSPORT;
        response.headers_mut().insert(name, value);
    }
    response
}

/// The same for a request that the box makes by itself: refusals are rendered, content stays JSON.
pub async fn within(router: Router, request: Request<Body>) -> Response {
    let id = new_request_id();
    let mut request = request;
    request.extensions_mut().insert(RequestId(id.clone()));
    let outcome = AssertUnwindSafe(router.oneshot(request)).catch_unwind().await;
    match outcome {
        Ok(Ok(response)) => render(response, true, &id),
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!(request = id, "a handler panicked");
            refuse(HttpError::internal(), true, &id)
        }
    }
}

/// Whether the request was sent to `localhost`, a name below it, or a loopback address.
fn is_loopback<B>(request: &Request<B>) -> bool {
    let header = || request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let Some(authority) = request.uri().authority().cloned().or_else(header) else { return false };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn refuse(error: HttpError, fhir: bool, id: &str) -> Response {
    if fhir { error.into_outcome(id) } else { error.into_json(id) }
}

/// Turns a carried refusal, and what the router itself refuses, into the face's own form.
fn render(mut response: Response, fhir: bool, id: &str) -> Response {
    if let Some(error) = response.extensions_mut().remove::<HttpError>() {
        if error.status.is_server_error() {
            tracing::warn!(request = id, status = error.status.as_u16(), code = %error.code, "refused");
        }
        return refuse(error, fhir, id);
    }
    let status = response.status();
    if status.is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE) {
        let error = match status {
            StatusCode::NOT_FOUND => HttpError::not_found("There is nothing at this address."),
            StatusCode::METHOD_NOT_ALLOWED => HttpError::new(
                status,
                "methodNotAllowed",
                "not-supported",
                "This address does not take this method.",
            ),
            other => HttpError::new(other, "refused", "processing", "The request was refused."),
        };
        let allow = response.headers_mut().remove(header::ALLOW);
        let mut rendered = refuse(error, fhir, id);
        if let Some(allow) = allow {
            rendered.headers_mut().insert(header::ALLOW, allow);
        }
        return rendered;
    }
    response
}

/// A HEAD answer has the headers of GET, its length included, and no body.
fn strip_body(response: &mut Response) {
    let length = axum::body::HttpBody::size_hint(response.body()).exact();
    if let Some(length) = length {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}

fn dress(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        let name = HeaderName::from_static(name);
        // A download states a stricter policy of its own (sandbox).
        if name != header::CONTENT_SECURITY_POLICY || !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

fn new_request_id() -> String {
    let mut random = [0u8; 8];
    // Without randomness ids repeat, which only makes a log line harder to find.
    let _ = getrandom::fill(&mut random);
    data_encoding::HEXLOWER.encode(&random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_box_itself_is_never_told_to_forget_plain_http() {
        for (host, strict) in [
            ("localhost", false),
            ("localhost:8443", false),
            ("LocalHost.", false),
            ("cv.localhost:8443", false),
            ("127.0.0.1:8080", false),
            ("127.8.9.10", false),
            ("[::1]:8443", false),
            ("[::ffff:127.0.0.1]:8443", false),
            ("clinicvault.local:8443", true),
            ("192.168.1.20:8443", true),
            ("localhost.example", true),
            ("notlocalhost", true),
        ] {
            let in_header = Request::builder().uri("/x").header(header::HOST, host);
            let in_target = Request::builder().uri(format!("https://{host}/x"));
            for request in [in_header, in_target] {
                let response = answer(Router::new(), request.body(Body::empty()).unwrap()).await;
                let found = response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY);
                assert_eq!(found, strict, "{host}");
                assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY), "{host}");
            }
        }
    }
}
