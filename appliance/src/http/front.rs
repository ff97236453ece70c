//! What happens around every request: request id, panic guard, rendering of refusals, security headers.
//!
//! One function instead of a stack of layers, so that the hot path stays short and the order is readable.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use tower::ServiceExt;

use super::error::HttpError;
use super::extract::RequestId;

/// Headers of every response (security-storage reference, section 7), exactly as written there.
const ALWAYS: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types cv",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

/// Answers one request through `router`. Never panics; a panic inside becomes 500.
pub async fn answer(router: Router, mut request: Request<Body>) -> Response {
    let id = new_request_id();
    let fhir = request.uri().path() == "/fhir" || request.uri().path().starts_with("/fhir/");
    let head = request.method() == Method::HEAD;
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
    response = render(response, fhir, &id);
    if head {
        strip_body(&mut response);
    }
    dress(&mut response, &id);
    response
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
