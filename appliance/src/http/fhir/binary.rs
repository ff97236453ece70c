//! Binary as bytes: sent and fetched under their own media type (R4, Binary, "Serving Binary Resources using the RESTful
//! API").
//!
//! What is uploaded is a stranger's: it goes out for saving, with a policy that lets it do nothing in this box's name.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::binary;
use clinicvault_gateway::fhir::id::{Reference, ResourceType};
use clinicvault_gateway::json::{self, Limits, Value};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::answer;
use super::ask::{self, Ask, FhirBody};
use super::conditions::unchanged;
use super::form::AsItIs;
use super::media::{self, Form, list};
use super::negotiate;
use crate::app::App;
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::read::Stored;

/// Names the record whose rights hold for a Binary that is sent or answered as bytes.
const CONTEXT: HeaderName = HeaderName::from_static("x-security-context");

/// The head of a request about one record. For a Binary an `Accept` that names no form of FHIR is not refused: it asks
/// for the bytes.
pub struct AskForOne(pub Ask);

impl FromRequestParts<App> for AskForOne {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        if is_about_binary(parts.uri.path()) {
            return Ask::whatever_is_accepted(parts, app).await.map(Self);
        }
        Ask::from_request_parts(parts, app).await.map(Self)
    }
}

fn is_about_binary(path: &str) -> bool {
    let kind = path.strip_prefix("/fhir/").and_then(|rest| rest.split('/').next());
    kind == Some(ResourceType::BINARY.as_str())
}

/// The body of a create or an update: a resource, or the bytes of a Binary.
pub enum Content {
    /// A resource in a form of FHIR.
    Fhir(FhirBody),
    /// Bytes under their own type.
    Bytes {
        /// Their media type as it was sent.
        content_type: String,
        /// The reference of `X-Security-Context`.
        context: Option<String>,
        /// The bytes.
        bytes: Bytes,
    },
}

impl FromRequest<App> for Content {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let typed = request.headers().get(header::CONTENT_TYPE);
        let raw = typed.filter(|_| is_about_binary(request.uri().path())).filter(|typed| !is_fhir(typed));
        let Some(raw) = raw else {
            if request.headers().contains_key(CONTEXT) {
                let message = "X-Security-Context goes with bytes; a Binary in a form of FHIR says it in securityContext.";
                return Err(HttpError::bad_request(message).field("X-Security-Context"));
            }
            return FhirBody::from_request(request, app).await.map(Self::Fhir);
        };
        let content_type =
            raw.to_str().ok().filter(|text| binary::is_media_type(text)).map(str::to_owned).ok_or_else(
                || HttpError::bad_request("Content-Type is not a media type.").field("Content-Type"),
            )?;
        let context = context(request.headers())?;
        let bytes = read(request, app).await?;
        Ok(Self::Bytes { content_type, context, bytes })
    }
}

/// Whether a media type is one under which a resource travels, of whatever version.
fn is_fhir(typed: &HeaderValue) -> bool {
    let name = typed.to_str().ok().and_then(|text| text.split(';').next());
    name.is_some_and(|name| Form::of(name).is_some())
}

fn context(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    let Some(value) = headers.get(CONTEXT) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    match Reference::parse(text) {
        Some(Reference::Record { .. }) => Ok(Some(text.to_owned())),
        Some(Reference::Fragment(_) | Reference::Conditional { .. } | Reference::Uri(_)) | None => {
            let message = "X-Security-Context names one record, such as DocumentReference/7.";
            Err(HttpError::bad_request(message).field("X-Security-Context"))
        }
    }
}

async fn read(request: Request, app: &App) -> Result<Bytes, HttpError> {
    let mib = app.config().limits.binary_mib;
    let read = ask::read_at_most(request, app, mib << 20).await.map_err(|error| {
        if error.status != StatusCode::PAYLOAD_TOO_LARGE {
            return error;
        }
        let message = format!("The bytes of a Binary are at most {mib} MiB here (limits.binary_mib).");
        HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "too-long", message)
    })?;
    if read.is_empty() {
        return Err(HttpError::bad_request("There are no bytes to keep."));
    }
    Ok(read)
}

impl Content {
    /// The resource, for bytes a Binary around them. `id` is that of the address, which bytes cannot carry themselves.
    pub fn value(self, id: Option<&str>) -> Result<Value, Error> {
        match self {
            Self::Fhir(body) => body.value(),
            Self::Bytes { content_type, context, bytes } => {
                let mut binary = binary::of_bytes(&content_type, context.as_deref(), &bytes);
                if let (Some(id), Some(object)) = (id, binary.as_object_mut()) {
                    object.insert_at(1, "id", id);
                }
                Ok(binary)
            }
        }
    }
}

/// A record as it was asked for: the bytes of a Binary, or the resource.
pub fn answer(ask: &Ask, stored: Stored) -> Result<Response, HttpError> {
    if stored.kind() != Some(ResourceType::BINARY) || !wants_bytes(ask)? {
        return answer::record(ask, stored);
    }
    if unchanged(&ask.headers, stored.head.version, stored.head.time) {
        let mut response = answer::empty(StatusCode::NOT_MODIFIED);
        answer::describe(response.headers_mut(), &stored.head);
        return Ok(response);
    }
    let binary = json::parse(&stored.body, &Limits::bytes(usize::MAX)).map_err(|_| HttpError::internal())?;
    let bytes = binary::bytes(&binary)
        .ok_or_else(|| HttpError::not_found(format!("Binary/{} holds no bytes.", stored.head.id)))?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    answer::describe(headers, &stored.head);
    let disposition = format!("attachment; filename=\"Binary-{}\"", stored.head.id);
    for (name, value) in [
        (header::CONTENT_TYPE, binary::content_type(&binary)),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
        (header::VARY, "accept"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| HttpError::internal())?);
    }
    let context = binary.get("securityContext").and_then(|context| context.str("reference"));
    if let Some(value) = context.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(CONTEXT, value);
    }
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}

/// Whether the peer would rather have the bytes: the best type that it names is none of FHIR's. Wildcards and the pages
/// that browsers ask for mean the resource, as everywhere.
fn wants_bytes(ask: &Ask) -> Result<bool, HttpError> {
    if let Some((_, format)) = ask.parameters.iter().rev().find(|(name, _)| name == "_format")
        && Form::of_parameter(format).is_none()
        && binary::is_media_type(&format.replace(' ', "+"))
    {
        return Ok(!is_fhir(&HeaderValue::from_str(format).unwrap_or(HeaderValue::from_static(""))));
    }
    let named_by_format = ask.parameters.iter().any(|(name, _)| name == "_format");
    let mut best: Option<(f32, bool)> = None;
    for range in list(&ask.headers, header::ACCEPT.as_str()).filter(|_| !named_by_format) {
        let name = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let quality = range.split(';').skip(1).find_map(media::quality).unwrap_or(1.0);
        let bytes = match (name.as_str(), Form::of(range)) {
            ("*/*" | "application/*" | "text/html" | "application/xhtml+xml", _) => continue,
            (_, Some(_)) => false,
            // FHIR of another version is not bytes.
            (name, None) if Form::of(name).is_some() => continue,
            (_, None) => true,
        };
        if quality > best.map_or(0.0, |(best, _)| best) {
            best = Some((quality, bytes));
        }
    }
    match best {
        Some((_, bytes)) => Ok(bytes),
        None => negotiate::shape(&ask.headers, &ask.parameters).map(|_| false),
    }
}
