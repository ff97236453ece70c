//! The endpoints for programs: token, introspection, revocation. Bodies are forms, refusals are those of RFC 6749.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use clinicvault_gateway::fhir::search::query;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::super::error::HttpError;
use super::super::limits;
use super::Origin;
use crate::admin::error::AdminError;
use crate::admin::smart::grant::{Given, Proof};
use crate::admin::smart::{Refused, SmartError};
use crate::app::App;

/// Largest form, bytes.
const FORM: usize = 64 * 1024;
/// The one form of a signed assertion (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Tokens for a code, a refresh token, or an assertion.
pub async fn token(State(app): State<App>, origin: Origin, request: Request) -> Response {
    answered(give(&app, &origin, request).await)
}

/// What a token is worth (RFC 7662).
pub async fn introspect(State(app): State<App>, origin: Origin, request: Request) -> Response {
    answered(look(&app, &origin, request).await)
}

/// Takes a token back (RFC 7009).
pub async fn revoke(State(app): State<App>, origin: Origin, request: Request) -> Response {
    answered(end(&app, &origin, request).await)
}

async fn give(app: &App, origin: &Origin, request: Request) -> Result<Value, Failed> {
    let form = Form::read(app, request).await?;
    let (proof, people) = (form.proof()?, &app.rooms().map_err(HttpError::from)?.people);
    let from = origin.from();
    let given = match form.need("grant_type")? {
        "client_credentials" => {
            people.by_assertion(&proof, form.get("scope").unwrap_or_default(), &from).await?
        }
        "authorization_code" => {
            let shown = (form.need("code")?, form.need("redirect_uri")?, form.need("code_verifier")?);
            people.by_code(&proof, shown, &from).await?
        }
        "refresh_token" => {
            people.by_refresh(&proof, (form.need("refresh_token")?, form.get("scope")), &from).await?
        }
        _ => {
            let why = "grant_type is authorization_code, refresh_token or client_credentials.";
            return Err(Refused::new("unsupported_grant_type", why).into());
        }
    };
    Ok(told(&given))
}

async fn look(app: &App, origin: &Origin, request: Request) -> Result<Value, Failed> {
    let form = Form::read(app, request).await?;
    let people = &app.rooms().map_err(HttpError::from)?.people;
    let found = people.introspect(&form.proof()?, form.need("token")?, &origin.from()).await?;
    let Some(access) = found else { return Ok(json!({"active": false})) };
    let mut out = Map::new();
    out.insert("active".to_owned(), json!(true));
    out.insert("scope".to_owned(), json!(access.scope));
    out.insert("client_id".to_owned(), json!(access.client));
    out.insert("exp".to_owned(), json!(access.expires.as_second()));
    out.insert("token_type".to_owned(), json!("Bearer"));
    let named = [("sub", access.account), ("patient", access.patient)];
    out.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
    Ok(Value::Object(out))
}

async fn end(app: &App, origin: &Origin, request: Request) -> Result<Value, Failed> {
    let form = Form::read(app, request).await?;
    let people = &app.rooms().map_err(HttpError::from)?.people;
    people.revoke(&form.proof()?, form.need("token")?, &origin.from()).await?;
    Ok(json!({}))
}

fn told(given: &Given) -> Value {
    let mut out = Map::new();
    out.insert("access_token".to_owned(), json!(given.access.as_str()));
    out.insert("token_type".to_owned(), json!("Bearer"));
    out.insert("expires_in".to_owned(), json!(given.seconds));
    out.insert("scope".to_owned(), json!(given.scope));
    if let Some(refresh) = &given.refresh {
        out.insert("refresh_token".to_owned(), json!(refresh.as_str()));
    }
    if let Some(identity) = &given.identity {
        out.insert("id_token".to_owned(), json!(identity));
    }
    if let Some(patient) = &given.patient {
        out.insert("patient".to_owned(), json!(patient));
        out.insert("need_patient_banner".to_owned(), json!(true));
    }
    Value::Object(out)
}

/// A refusal to the program, or of the box.
enum Failed {
    Program(Refused),
    Box(HttpError),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Failed::Program(refused)
    }
}

impl From<HttpError> for Failed {
    fn from(error: HttpError) -> Self {
        Failed::Box(error)
    }
}

impl From<SmartError> for Failed {
    fn from(error: SmartError) -> Self {
        match error {
            SmartError::Refused(refused) => Failed::Program(refused),
            SmartError::Box(error) => Failed::Box(error.into()),
        }
    }
}

impl From<AdminError> for Failed {
    fn from(error: AdminError) -> Self {
        Failed::Box(error.into())
    }
}

fn answered(done: Result<Value, Failed>) -> Response {
    let (status, body) = match done {
        Ok(body) => (StatusCode::OK, body),
        Err(Failed::Box(error)) => return error.into_response(),
        Err(Failed::Program(refused)) => {
            let status = match refused.error {
                "invalid_client" => StatusCode::UNAUTHORIZED,
                _ => StatusCode::BAD_REQUEST,
            };
            (status, json!({"error": refused.error, "error_description": refused.description}))
        }
    };
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"clinicvault\""));
    }
    response
}

/// The form of a request, and what its head says of the program.
struct Form {
    pairs: Vec<(String, Zeroizing<String>)>,
    basic: Option<(String, Zeroizing<String>)>,
}

impl Form {
    async fn read(app: &App, request: Request) -> Result<Form, Failed> {
        let wrong = |why: &str| Failed::Program(Refused::new("invalid_request", why));
        let (parts, body) = request.into_parts();
        let typed =
            parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let typed = typed.split(';').next().unwrap_or_default().trim();
        if !typed.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(wrong("Send application/x-www-form-urlencoded."));
        }
        let patience = Duration::from_secs(app.config().limits.body_seconds);
        let bytes = limits::read_body(body, FORM, patience).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("The form is not UTF-8."))?;
        let pairs = query::decode(text).map_err(|_| wrong("The form cannot be read."))?;
        let mut form = Form { pairs: Vec::new(), basic: basic(&parts.headers)? };
        for (name, value) in pairs {
            if form.pairs.iter().any(|(other, _)| *other == name) {
                return Err(wrong("A parameter is there twice."));
            }
            form.pairs.push((name, Zeroizing::new(value)));
        }
        Ok(form)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Failed> {
        self.get(name).ok_or_else(|| Refused::new("invalid_request", format!("{name} is missing.")).into())
    }

    /// How the program proves itself; one way at most.
    fn proof(&self) -> Result<Proof, Failed> {
        let wrong = |why: &str| Failed::Program(Refused::new("invalid_request", why));
        let (secret, assertion) = (self.get("client_secret"), self.get("client_assertion"));
        let ways = [self.basic.is_some(), secret.is_some(), assertion.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            return Err(wrong("A program proves itself in one way, not in several."));
        }
        let stated = self.get("client_id").map(str::to_owned);
        if let Some((id, secret)) = &self.basic {
            if stated.is_some_and(|stated| stated != *id) {
                return Err(wrong("client_id is not that of the Authorization header."));
            }
            return Ok(Proof { client: Some(id.clone()), secret: Some(secret.clone()), assertion: None });
        }
        if assertion.is_some() && self.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(wrong("client_assertion_type is that of a JWT bearer."));
        }
        // An assertion names its program itself; what it says counts only once its signature holds.
        let client = stated.or_else(|| assertion.and_then(subject));
        Ok(Proof {
            client,
            secret: secret.map(|secret| Zeroizing::new(secret.to_owned())),
            assertion: assertion.map(str::to_owned),
        })
    }
}

/// The program that an assertion says it is of.
fn subject(assertion: &str) -> Option<String> {
    let payload = assertion.get(..8 * 1024).unwrap_or(assertion).split('.').nth(1)?;
    let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

/// Id and secret of a Basic header; each is form-encoded first (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, Zeroizing<String>)>, Failed> {
    let wrong =
        || Failed::Program(Refused::new("invalid_client", "The Authorization header cannot be read."));
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| wrong())?;
    let (scheme, encoded) = value.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let bytes = data_encoding::BASE64.decode(encoded.trim().as_bytes()).map_err(|_| wrong())?;
    let text = Zeroizing::new(String::from_utf8(bytes).map_err(|_| wrong())?);
    let (id, secret) = text.split_once(':').ok_or_else(wrong)?;
    let plain = |part: &str| {
        let decoded = query::decode(&format!("{part}=")).ok()?;
        decoded.into_iter().next().map(|(name, _)| name)
    };
    Ok(Some((plain(id).ok_or_else(wrong)?, Zeroizing::new(plain(secret).ok_or_else(wrong)?))))
}
