//! The last step of every FHIR answer: JSON becomes the form that was asked for, laid out or packed.
//!
//! Handlers write JSON only; refusals of every layer pass here too, so that an outcome has the form of any other answer.

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::outcome::Outcome;
use clinicvault_gateway::fhir::xml::{self, Style};
use clinicvault_gateway::json::{self, Limits};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;

use super::media::{Form, takes_gzip};
use super::negotiate::{Shape, shape};
use super::packing;
use crate::http::error::HttpError;
use crate::http::query;

/// Carried by an answer whose bytes are not FHIR, whatever its type says.
#[derive(Debug, Clone, Copy)]
pub struct AsItIs;

/// What the head of a request says about the answer's form.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    shape: Shape,
    gzip: bool,
}

impl Wanted {
    /// Reads the head. A form that the box does not have is refused elsewhere; the refusal itself is JSON.
    pub fn read(request: &Request<Body>) -> Self {
        let parameters = query::pairs(request.uri().query().unwrap_or_default()).unwrap_or_default();
        let shape = shape(request.headers(), &parameters).unwrap_or_default();
        Self { shape, gzip: takes_gzip(request.headers()) }
    }

    /// Gives a JSON answer its form. Answers of another type, and those that are streamed, pass as they are.
    pub async fn shape(self, mut response: Response, request_id: &str) -> Response {
        let shape = response.extensions_mut().remove::<Shape>().unwrap_or(self.shape);
        if response.extensions_mut().remove::<AsItIs>().is_some() {
            return response;
        }
        let is_json =
            response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v == Form::Json.media_type());
        if !is_json || response.body().size_hint().exact().is_none() {
            return response;
        }
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        if shape == Shape::default() && !self.gzip {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let Ok(body) = body.collect().await else { return refused(HttpError::internal(), request_id) };
        let work = tokio::task::spawn_blocking(move || {
            let plain = shaped(body.to_bytes(), shape)?;
            Ok((self.gzip.then(|| packing::packed(&plain)).flatten(), plain))
        });
        let (packed, plain) = match work.await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return refused(error, request_id),
            Err(_) => return refused(HttpError::internal(), request_id),
        };
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shape.form.media_type()));
        parts.headers.remove(header::CONTENT_LENGTH);
        match packed {
            None => Response::from_parts(parts, Body::from(plain)),
            Some(packed) => {
                parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                Response::from_parts(parts, Body::from(packed))
            }
        }
    }
}

fn shaped(json: Bytes, shape: Shape) -> Result<Bytes, HttpError> {
    if shape == Shape::default() {
        return Ok(json);
    }
    let value = json::parse(&json, &Limits { max_bytes: usize::MAX, max_depth: Limits::MOST_DEPTH });
    let value = value.map_err(|error| {
        tracing::error!(%error, "an answer is not JSON");
        HttpError::internal()
    })?;
    match (shape.form, shape.pretty) {
        (Form::Json, _) => Ok(value.pretty().into()),
        (Form::Ndjson, _) => {
            let mut out = Vec::with_capacity(json.len() + 1);
            clinicvault_gateway::fhir::ndjson::write(&value, &mut out);
            Ok(out.into())
        }
        (Form::Xml, pretty) => {
            let style = if pretty { Style::Pretty } else { Style::Compact };
            xml::write(&value, style).map(Bytes::from).map_err(not_in_xml)
        }
    }
}

/// 406: this content cannot be shown as XML. Said in JSON.
fn not_in_xml(outcome: Outcome) -> HttpError {
    let message = "This cannot be shown as XML.";
    HttpError::new(StatusCode::NOT_ACCEPTABLE, "notAcceptable", "not-supported", message).listing(outcome)
}

fn refused(error: HttpError, request_id: &str) -> Response {
    error.into_outcome(request_id)
}
