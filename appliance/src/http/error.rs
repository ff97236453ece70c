//! Every refusal of the HTTP face: one type, rendered as OperationOutcome under `/fhir` and as
//! `{"error":{code,message,field?,requestId}}` elsewhere.
//!
//! Handlers return it; `front` renders it, because only there are the face and the request id known.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::app::Closed;

/// What a peer is told when something is refused. Texts are for people and hold no stored content.
#[derive(Debug, Clone)]
pub struct HttpError {
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
    pub issues: Vec<Problem>,
    /// More response headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// One issue of an OperationOutcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: &'static str,
    pub code: String,
    pub diagnostics: String,
    pub expression: Option<String>,
}

impl HttpError {
    /// A refusal with its status, UI code, FHIR issue type and sentence.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        issue: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            issue,
            message: message.into(),
            field: None,
            extra: Map::new(),
            issues: Vec::new(),
            headers: Vec::new(),
        }
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
        let issues: Vec<Value> = if self.issues.is_empty() {
            vec![issue("error", self.issue, &self.message, self.field.as_deref())]
        } else {
            let whole = self.issues.iter();
            whole.map(|p| issue(p.severity, &p.code, &p.diagnostics, p.expression.as_deref())).collect()
        };
        let body = json!({"resourceType": "OperationOutcome", "id": request_id, "issue": issues});
        self.answer("application/fhir+json; charset=utf-8", &body)
    }

    /// The answer as the UI's API gives it.
    pub(super) fn into_json(self, request_id: &str) -> Response {
        let mut error = json!({"code": self.code, "message": self.message, "requestId": request_id});
        if let (Some(field), Some(map)) = (&self.field, error.as_object_mut()) {
            map.insert("field".to_owned(), json!(field));
        }
        let mut body = self.extra.clone();
        body.insert("error".to_owned(), error);
        self.answer("application/json", &Value::Object(body))
    }

    fn answer(self, content_type: &'static str, body: &Value) -> Response {
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn issue(severity: &str, code: &str, diagnostics: &str, expression: Option<&str>) -> Value {
    let mut issue = json!({"severity": severity, "code": code, "diagnostics": diagnostics});
    if let (Some(path), Some(map)) = (expression, issue.as_object_mut()) {
        map.insert("expression".to_owned(), json!([path]));
    }
    issue
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
        }
    }
}
