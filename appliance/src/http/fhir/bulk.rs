//! Kick-off of Bulk Data Access 2: `$export` and `$import`, and the lines that an import may name.
//!
//! What is taken is answered with 202 and the address of its state, which `jobs` serves.

use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use clinicvault_gateway::fhir::bulk::export::Level;
use clinicvault_gateway::fhir::bulk::pairs;
use clinicvault_gateway::fhir::id::LogicalId;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::answer;
use super::ask::{self, Ask, FhirBody};
use super::media::{self, Form};
use super::negotiate;
use super::operations::{Call, On};
use crate::app::App;
use crate::http::error::HttpError;
use crate::jobs::job::Job;
use crate::jobs::pages::UPLOAD;
use crate::jobs::{ExportKickOff, JobError, Jobs, KickOff};
use crate::records::error::Error;

/// `$export` of everything, of all patients, or of a group.
pub async fn export(call: Call) -> Result<Response, HttpError> {
    let Call { app, ask, on, method, request } = call;
    must_be_later(&ask.headers, "$export")?;
    // Whoever sits down at an open screen does not carry the whole clinic away (0055).
    app.rooms()?.people.recently_proven(&ask.caller.who)?;
    let (level, group) = match on {
        On::System => (Level::System, None),
        On::Type(_) => (Level::Patient, None),
        On::Instance(kind, id) => {
            let missing = || HttpError::from(Error::missing(kind, "this id"));
            (Level::Group, Some(LogicalId::parse(&id).ok_or_else(missing)?))
        }
    };
    let from = kick_off(&ask, &request);
    let posted = method == Method::POST;
    let mut given = ask.parameters.clone();
    if posted && !axum::body::HttpBody::is_end_stream(request.body()) {
        let body = FhirBody::from_request(request, &app).await?.value()?;
        given.extend(pairs(&body).map_err(Error::Unreadable)?);
    }
    let lenient = prefers(&ask.headers, "handling=lenient");
    let asked = ExportKickOff { level, group, pairs: given, lenient, posted };
    taken(&app, move |jobs| jobs.export(&from, asked)).await
}

/// `$import` of a manifest.
pub async fn import(call: Call) -> Result<Response, HttpError> {
    let Call { app, ask, request, .. } = call;
    must_be_later(&ask.headers, "$import")?;
    if let Some((name, _)) =
        ask.parameters.iter().find(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"))
    {
        let shown: String = name.chars().take(100).collect();
        return Err(HttpError::bad_request("$import takes its manifest in the body.").field(shown));
    }
    let from = kick_off(&ask, &request);
    let manifest = FhirBody::from_request(request, &app).await?.value()?;
    taken(&app, move |jobs| jobs.import(&from, &manifest)).await
}

/// `POST /fhir/_uploads`: lines that an import to come may name. Answers 201 with their address.
pub async fn upload(State(app): State<App>, ask: Ask, request: Request) -> Result<Response, HttpError> {
    if negotiate::content(request.headers())? != Form::Ndjson {
        return Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupportedType",
            "not-supported",
            "Lines are uploaded as application/fhir+ndjson.",
        ));
    }
    let from = kick_off(&ask, &request);
    let body = ask::read(request, &app).await?;
    let jobs = app.rooms()?.jobs.clone();
    let job = blocking(move || jobs.upload(&from, &body)).await?;
    let mut response = answer::empty(StatusCode::CREATED);
    locate(&mut response, header::LOCATION, &format!("{}/{UPLOAD}", job.address()));
    Ok(response)
}

/// What every kick-off says of its request.
pub(super) fn kick_off(ask: &Ask, request: &Request) -> KickOff {
    let origin = ask.base.strip_suffix("/fhir").unwrap_or(&ask.base);
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    KickOff {
        caller: ask.caller.clone(),
        method: request.method().as_str().to_owned(),
        address: format!("{origin}{target}"),
    }
}

/// Takes a job and answers where its state is.
pub(super) async fn taken(
    app: &App,
    take: impl FnOnce(&Jobs) -> Result<Job, JobError> + Send + 'static,
) -> Result<Response, HttpError> {
    let jobs = app.rooms()?.jobs.clone();
    let job = blocking(move || take(&jobs)).await?;
    let mut response =
        answer::body(StatusCode::ACCEPTED, answer::said("Taken; Content-Location says where its state is."));
    locate(&mut response, header::CONTENT_LOCATION, &job.address());
    Ok(response)
}

fn locate(response: &mut Response, name: header::HeaderName, address: &str) {
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(name, value);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
) -> Result<T, HttpError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(HttpError::from),
        Err(_) => Err(HttpError::internal()),
    }
}

/// Whether `Prefer` says this (RFC 7240).
pub(super) fn prefers(headers: &HeaderMap, wanted: &str) -> bool {
    media::list(headers, "prefer").any(|preference| {
        let plain: String = preference.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
        plain.eq_ignore_ascii_case(wanted)
    })
}

/// The specification lets a server refuse what does not ask for it; so nobody starts an export by following a link.
fn must_be_later(headers: &HeaderMap, name: &str) -> Result<(), HttpError> {
    if prefers(headers, "respond-async") {
        return Ok(());
    }
    Err(HttpError::bad_request(format!("{name} is answered later: send Prefer: respond-async."))
        .field("Prefer"))
}

impl From<JobError> for HttpError {
    fn from(error: JobError) -> Self {
        let text = error.to_string();
        match error {
            JobError::Records(error) => error.into(),
            JobError::TooMany(..) => {
                let mut many = Self::too_many(60);
                let mut letters = text.chars();
                let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
                many.message = format!("{first}{}.", letters.as_str());
                many
            }
        }
    }
}
