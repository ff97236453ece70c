//! What every FHIR handler starts from: who asks, under which base, with which wishes and parameters.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::fhir::{ndjson, xml};
use clinicvault_gateway::json::{self, Limits, Value};
use http::HeaderMap;
use http::header;
use http::request::Parts;

use super::media::Form;
use super::negotiate::{self, Wish};
use super::packing;
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::extract::{Actor, Peer};
use crate::http::{limits, query};
use crate::records::error::Error;
use crate::records::{Caller, Records};

/// The head of a FHIR request, understood.
#[derive(Clone)]
pub struct Ask {
    /// The records room.
    pub records: Records,
    /// On whose behalf.
    pub caller: Caller,
    /// The box's FHIR base as the peer sees it.
    pub base: Arc<str>,
    /// Form of the answer.
    pub wish: Wish,
    /// Query parameters, decoded.
    pub parameters: Vec<(String, String)>,
    /// All headers.
    pub headers: HeaderMap,
}

impl FromRequestParts<App> for Ask {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let ask = Self::whatever_is_accepted(parts, app).await?;
        let wish = negotiate::wish(&ask.headers, &ask.parameters)?;
        Ok(Self { wish, ..ask })
    }
}

impl Ask {
    /// The same for an answer that may not be FHIR: an `Accept` or `_format` that names no form of FHIR is not refused.
    pub async fn whatever_is_accepted(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let who = Actor::from_request_parts(parts, app).await?;
        let peer = Peer::from_request_parts(parts, app).await?;
        let parameters = query::pairs(parts.uri.query().unwrap_or_default())?;
        let wish = negotiate::preferred(&parts.headers, &parameters);
        let base: Arc<str> = base_of(parts, peer.tls).into();
        Ok(Self {
            records: app.rooms()?.records.clone(),
            caller: Caller { who: Arc::new(who), base: Some(base.clone()) },
            base,
            wish,
            parameters,
            headers: parts.headers.clone(),
        })
    }

    /// The same ask with other parameters: an entry of a bundle.
    pub fn with(&self, parameters: Vec<(String, String)>) -> Self {
        Self { parameters, ..self.clone() }
    }

    /// For a write to one address: 400 when a query stands in it that nothing would look at. Parameters that shape
    /// the answer may stand anywhere.
    pub fn without_query(&self, instead: &str) -> Result<(), HttpError> {
        const OF_THE_ANSWER: [&str; 4] = ["_format", "_pretty", "_summary", "_elements"];
        match self.parameters.iter().find(|(name, _)| !OF_THE_ANSWER.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let shown: String = name.chars().take(64).collect();
                Err(HttpError::bad_request(format!("{shown} has no meaning in this address; {instead}.")))
            }
        }
    }
}

/// What a write to `Type/id` says to a query in its address.
pub const NAMED: &str =
    "a write that depends on a query goes to Type?query, one that depends on a version carries If-Match";

/// `https://host:port/fhir` as the peer wrote it. A host that is not a plain name or address is left out, so that
/// nothing strange is ever echoed into a link.
pub fn base_of(parts: &Parts, tls: bool) -> String {
    let host = parts.uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let host = host.filter(|host| host.chars().all(plain)).unwrap_or("localhost");
    format!("{}://{host}/fhir", if tls { "https" } else { "http" })
}

/// The body of a FHIR request: its form known, read and unpacked within the limits.
pub struct FhirBody {
    form: Form,
    bytes: Bytes,
    limits: Limits,
}

impl FromRequest<App> for FhirBody {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let form = negotiate::content(request.headers())?;
        let bytes = read(request, app).await?;
        Ok(Self { form, bytes, limits: json_limits(app) })
    }
}

impl FhirBody {
    /// The one resource that it holds, as a tree.
    pub fn value(self) -> Result<Value, Error> {
        match self.form {
            Form::Json => json::parse(&self.bytes, &self.limits).map_err(|error| unreadable(error.into())),
            Form::Xml => xml::read(&self.bytes, &self.limits).map_err(|error| unreadable(error.into())),
            Form::Ndjson => self.only_line(),
        }
    }

    fn only_line(&self) -> Result<Value, Error> {
        let refuse = |why: &str| Err(Error::Unreadable(Outcome::error(IssueCode::Structure, why)));
        let mut lines = ndjson::lines(&self.bytes, &self.limits);
        match (lines.next(), lines.next()) {
            (Some((_, line)), None) => line.map_err(|error| unreadable(error.into())),
            (None, _) => refuse("The body holds no resource."),
            (Some(_), Some(_)) => {
                refuse("The body holds several resources; send a batch, or import the file.")
            }
        }
    }
}

/// A refused body; the one limit that reading has left names its setting.
fn unreadable(mut outcome: Outcome) -> Error {
    for issue in outcome.issues.iter_mut().filter(|issue| issue.code == IssueCode::TooLong) {
        issue.diagnostics.push_str(" (limits.json_depth)");
    }
    Error::Unreadable(outcome)
}

/// Reads a body within `limits.body_mib` and `limits.body_seconds`; gzip is unpacked within the same size.
pub async fn read(request: Request, app: &App) -> Result<Bytes, HttpError> {
    read_at_most(request, app, app.config().limits.body_mib << 20).await
}

/// The same within another size.
pub async fn read_at_most(request: Request, app: &App, most: usize) -> Result<Bytes, HttpError> {
    let packed = packing::is_gzip(request.headers())?;
    let patience = Duration::from_secs(app.config().limits.body_seconds);
    let bytes = limits::read_body(request.into_body(), most, patience).await?;
    if packed { packing::unpack(bytes, most).await } else { Ok(bytes) }
}

/// The limits of JSON bodies.
pub fn json_limits(app: &App) -> Limits {
    let limits = &app.config().limits;
    Limits { max_bytes: limits.body_mib << 20, max_depth: limits.json_depth }
}

/// The type in an address; 404 when R4 has no such type.
pub fn kind(name: &str) -> Result<ResourceType, HttpError> {
    ResourceType::parse(name).ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        HttpError::not_found(format!("\"{shown}\" is not a resource type of FHIR R4."))
    })
}

/// The id in an address that must be one; 400 otherwise (update).
pub fn id(text: &str) -> Result<LogicalId, HttpError> {
    LogicalId::parse(text).ok_or_else(|| {
        HttpError::bad_request("An id is 1 to 64 letters, digits, dots and dashes.").field("id")
    })
}
