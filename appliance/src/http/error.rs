//! Every refusal of the HTTP face: one type, rendered as OperationOutcome under `/fhir` and as
//! `{"error":{code,message,field?,requestId}}` elsewhere.
//!
//! Handlers return it; `front` renders it, because only there are the face and the request id known.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use clinicvault_gateway::fhir::outcome::{Issue, Outcome};
use clinicvault_gateway::json;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::app::Closed;
use crate::records::error::Error;

/// What a peer is told when something is refused. Boxed: it travels in every `Result` of this face.
#[derive(Debug, Clone)]
pub struct HttpError(Box<Told>);

/// The parts of a refusal. Texts are for people and hold no stored content.
#[derive(Debug, Clone)]
pub struct Told {
    /// HTTP status.
    pub status: StatusCode,
    /// Code for programs on the UI's side, camelCase.
    pub code: Cow<'static, str>,
    /// Issue type (FHIR `issue-type`) for the FHIR face.
    pub issue: &'static str,
    /// A sentence.
    pub message: String,
    /// The field or path it is about.
    pub field: Option<String>,
    /// More keys for the UI's answer, beside `error`.
    pub extra: Map<String, Value>,
    /// All problems of a FHIR body, when there are more than one.
    pub issues: Vec<Issue>,
    /// More response headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Deref for HttpError {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl DerefMut for HttpError {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.0
    }
}

impl HttpError {
    /// A refusal with its status, UI code, FHIR issue type and sentence.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        issue: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Told {
            status,
            code: code.into(),
            issue,
            message: message.into(),
            field: None,
            extra: Map::new(),
            issues: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "badRequest", "invalid", message)
    }

    /// 401: nobody is signed in, or the token is not known.
    pub fn unauthenticated() -> Self {
        let mut error = Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "login",
            "Sign in or send a bearer token.",
        );
        error.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        error
    }

    /// 403: known, but not allowed.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "forbidden", message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "not-found", message)
    }

    /// 409: the state has moved on, or a duplicate stands in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "conflict", message)
    }

    /// 422: understood, but a rule is broken.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "invariant", message)
    }

    /// 429 with the seconds to wait.
    pub fn too_many(seconds: u64) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "tooMany",
            "throttled",
            format!("Too many attempts; wait {seconds} s."),
        );
        error.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        error
    }

    /// 503: the box cannot do it now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "transient", message)
    }

    /// 500. `message` must not hold internals; they belong into the log beside the request id.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "exception",
            "The box could not answer; the request id finds the reason in its log.",
        )
    }

    /// The same refusal with another UI code.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// The same refusal about `field` (a UI field name, or a FHIR path).
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same refusal with one more key in the UI's answer.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }

    /// The answer as the FHIR face gives it.
    pub(super) fn into_outcome(self, request_id: &str) -> Response {
        let issues: Vec<json::Value> = if self.issues.is_empty() {
            let place = self.field.as_ref().map(|field| vec![json::Value::from(field)]);
            let issue = json::Object::new()
                .with("severity", "error")
                .with("code", self.issue)
                .with_some("details", self.step())
                .with("diagnostics", self.message.as_str())
                .with_some("expression", place);
            vec![json::Value::Object(issue)]
        } else {
            self.issues.iter().map(Issue::to_json).collect()
        };
        let outcome = json::Object::new()
            .with("resourceType", "OperationOutcome")
            .with("id", request_id)
            .with("issue", issues);
        self.answer("application/fhir+json; charset=utf-8", json::Value::Object(outcome).to_vec())
    }

    /// The answer as the UI's API gives it.
    pub(super) fn into_json(self, request_id: &str) -> Response {
        let mut error = json!({"code": self.code, "message": self.message, "requestId": request_id});
        if let (Some(field), Some(map)) = (&self.field, error.as_object_mut()) {
            map.insert("field".to_owned(), json!(field));
        }
        let mut body = self.extra.clone();
        body.insert("error".to_owned(), error);
        self.answer("application/json", Value::Object(body).to_string().into_bytes())
    }

    /// What a page has to do before it asks again, as a code; an outcome has no other place for it.
    fn step(&self) -> Option<json::Value> {
        let coding = |code| json::Object::new().with("system", "urn:clinicvault:refusal").with("code", code);
        (self.code == "proveAgain").then(|| {
            let codings = vec![json::Value::Object(coding("proveAgain"))];
            json::Value::Object(json::Object::new().with("coding", codings))
        })
    }

    fn answer(self, content_type: &'static str, body: Vec<u8>) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in self.0.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Closed> for HttpError {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Setup => Self::unavailable("This box has not been set up yet.").code("setup"),
            Closed::Sealed => Self::unavailable("The vault is sealed; unlock it first.").code("sealed"),
            Closed::Rescue => {
                Self::unavailable("The box failed too often; open its page to see why.").code("rescue")
            }
        }
    }
}

impl HttpError {
    /// The same refusal with all the issues of an outcome.
    #[must_use]
    pub fn listing(mut self, outcome: Outcome) -> Self {
        self.issues = outcome.issues;
        self
    }
}

/// Every refusal of the records room, by name: a new one does not compile until it has its status here.
impl From<Error> for HttpError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NotFound(_) => Self::not_found(format!("{message}.")),
            Error::Gone { version, .. } => {
                let mut gone = Self::new(StatusCode::GONE, "deleted", "deleted", format!("{message}."));
                if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{version}\"")) {
                    gone.headers.push((header::ETAG, tag));
                }
                gone
            }
            Error::Refused(why) => Self::forbidden(why.sentence()).code(why.code()),
            Error::Fixed(_) => Self::new(StatusCode::METHOD_NOT_ALLOWED, "fixed", "not-supported", message),
            Error::NotYours(_) => Self::not_found(sentence(&message)),
            Error::Unreadable(outcome) => {
                Self::new(StatusCode::BAD_REQUEST, "badRequest", "invalid", message).listing(outcome)
            }
            Error::Broken(outcome) => Self::invalid(message).listing(outcome),
            Error::Precondition(outcome) => {
                Self::new(StatusCode::PRECONDITION_FAILED, "precondition", "conflict", message)
                    .listing(outcome)
            }
            Error::Conflict(outcome) => Self::conflict(message).listing(outcome),
            Error::TooMuch(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "tooMuch", "too-costly", sentence(&message))
            }
            Error::PageExpired => Self::new(StatusCode::GONE, "pageExpired", "not-found", sentence(&message)),
            Error::NoRoom => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "noRoom", "no-store", sentence(&message))
            }
            Error::Busy => {
                let mut busy = Self::unavailable(sentence(&message)).code("busy");
                busy.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
                busy
            }
            Error::Renewing => {
                let mut renewing = Self::unavailable(sentence(&message)).code("renewing");
                renewing.headers.push((header::RETRY_AFTER, HeaderValue::from_static("30")));
                renewing
            }
            Error::Indexing(outcome) => {
                let mut indexing = Self::unavailable(message).code("indexing").listing(outcome);
                indexing.headers.push((header::RETRY_AFTER, HeaderValue::from_static("10")));
                indexing
            }
            Error::Stopped(why) => {
                tracing::error!(why, "the vault has stopped");
                Self::unavailable("The vault has stopped; the box needs attention.").code("stopped")
            }
            Error::Damaged(what) => {
                tracing::error!(what, "a stored record is damaged");
                Self::internal().code("damaged")
            }
            Error::Unknown => Self::unavailable(sentence(&message)).code("unknown"),
            Error::Fault(what) => {
                tracing::error!(what, "a fault of the program");
                Self::internal()
            }
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
