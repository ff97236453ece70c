//! What handlers ask for: who is there, over which wire, with which body.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::HttpError;
use super::limits;
use super::session;
use crate::app::App;
pub use crate::records::access::Actor;

/// The wire a request came over; put into every request by the server loop.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The peer's address.
    pub address: SocketAddr,
    /// True over HTTPS.
    pub tls: bool,
}

/// The certificate that a client has shown over HTTPS, DER. It has proved that it has the key, and no more.
#[derive(Debug, Clone)]
pub struct ClientCertificate(pub Arc<[u8]>);

/// The id of this request, in the answer's `X-Request-Id` and in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl FromRequestParts<App> for Peer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, HttpError> {
        parts.extensions.get::<Peer>().copied().ok_or_else(HttpError::internal)
    }
}

impl FromRequestParts<App> for Actor {
    type Rejection = HttpError;

    /// The guard has found out; where it did not ask, nobody may be assumed.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        match parts.extensions.get::<Actor>() {
            Some(actor) => Ok(actor.clone()),
            None => session::identify(app, &parts.extensions, &parts.headers, false),
        }
    }
}

/// A JSON body of the UI's API, at most 1 MiB. Unknown keys are the type's business.
#[derive(Debug)]
pub struct Json<T>(pub T);

const API_BODY: usize = 1 << 20;

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let typed = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        if typed.and_then(|t| t.split(';').next()).map(str::trim) != Some("application/json") {
            return Err(HttpError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupportedType",
                "not-supported",
                "Send application/json.",
            ));
        }
        let patience = Duration::from_secs(app.config().limits.body_seconds);
        let bytes = limits::read_body(request.into_body(), API_BODY, patience).await?;
        // serde_json names the place but may quote the value; the place is enough and holds no content.
        serde_json::from_slice(&bytes).map(Json).map_err(|error| {
            HttpError::bad_request(format!(
                "The body does not have the expected form (line {}, column {}).",
                error.line(),
                error.column()
            ))
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let mut response = Response::new(bytes.into());
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                HttpError::internal().into_response()
            }
        }
    }
}
