//! State, result and files of long work, for the client that asked for it and for nobody else.
//!
//! `GET /fhir/_jobs/{job}` is 202 while it runs and 200 with the result afterwards; `DELETE` gives it up. Files are
//! handed out block by block, packed as they are kept or by ranges of their plain bytes, so that a broken download goes on
//! where it stopped.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use clinicvault_gateway::fhir::bulk::manifest::{FileLine, Manifest};
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::json::{Object, Value};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;

use super::answer;
use super::ask::Ask;
use super::conditions::http_date;
use super::media::{self, Form};
use super::negotiate::{Shape, shape};
use crate::app::App;
use crate::http::aside::aside;
use crate::http::error::HttpError;
use crate::http::ranges::{self, Wanted};
use crate::jobs::Jobs;
use crate::jobs::job::{Import, Job, State as Stands, Work};
use crate::jobs::pages::Role;
use crate::records::error::Error;

/// Longest time that a client is told to wait before it asks again, in seconds.
const LONGEST_WAIT: i64 = 60;

/// The state of a job, or its result.
pub async fn state(State(app): State<App>, ask: Ask, Path(id): Path<String>) -> Result<Response, HttpError> {
    let jobs = app.rooms()?.jobs.clone();
    let (rooms, who) = (jobs.clone(), ask.caller.who.clone());
    let job = aside(move || rooms.of(&who, &id)).await?;
    match (job.state, &job.work) {
        (Stands::Waiting | Stands::Running | Stands::Dropped, _) => Ok(under_way(&job, app.now())),
        (Stands::Failed, _) => Err(failed(&job)),
        (Stands::Done, Work::Export(export)) => {
            let since = export.pairs.iter().any(|(name, _)| name == "_since");
            Ok(result(&jobs, &job, exported(&job, since)))
        }
        (Stands::Done, Work::Import(import)) => Ok(result(&jobs, &job, imported(&job, import))),
        (Stands::Done, Work::Upload(_)) => Ok(result(&jobs, &job, uploaded(&job))),
        (Stands::Done, Work::Later(_)) => later(jobs, job, &ask).await,
    }
}

/// Gives a job up, with all that it has made.
pub async fn end(State(app): State<App>, ask: Ask, Path(id): Path<String>) -> Result<Response, HttpError> {
    let jobs = app.rooms()?.jobs.clone();
    aside(move || jobs.end(&ask.caller.who, &id)).await?;
    Ok(answer::body(StatusCode::ACCEPTED, answer::said("Given up; its files are being deleted.")))
}

fn under_way(job: &Job, now: Timestamp) -> Response {
    let mut response = answer::empty(StatusCode::ACCEPTED);
    let progress = match job.state {
        Stands::Waiting => "waiting".to_owned(),
        _ => format!("{} %", job.progress.percent()),
    };
    let waited = now.duration_since(job.created).as_secs();
    set(&mut response, HeaderName::from_static("x-progress"), &progress);
    set(&mut response, header::RETRY_AFTER, &(waited / 4).clamp(1, LONGEST_WAIT).to_string());
    response
}

fn failed(job: &Job) -> HttpError {
    let Some(failure) = &job.failure else { return HttpError::internal() };
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let issue = match failure.code.as_str() {
        "forbidden" => "forbidden",
        "invalid" => "invalid",
        "processing" => "processing",
        "not-found" => "not-found",
        "too-costly" => "too-costly",
        "timeout" => "timeout",
        "transient" => "transient",
        _ => "exception",
    };
    HttpError::new(status, "jobFailed", issue, failure.text.clone())
}

fn result(jobs: &Jobs, job: &Job, manifest: Value) -> Response {
    let mut response = Response::new(Body::from(manifest.to_vec()));
    set(&mut response, header::CONTENT_TYPE, "application/json");
    if let Some(expires) = jobs.expires(job) {
        set(&mut response, header::EXPIRES, &http_date(expires));
    }
    response
}

fn exported(job: &Job, since: bool) -> Value {
    let deleted = files(job, Role::Deleted);
    let manifest = Manifest {
        transaction_time: job.created,
        request: &job.request,
        output: &files(job, Role::Output),
        deleted: since.then_some(&deleted),
        error: &files(job, Role::Error),
    };
    manifest.to_json()
}

fn files(job: &Job, role: Role) -> Vec<FileLine> {
    let files = job.files.iter().filter(|file| file.role == role && file.count > 0);
    let mut lines: Vec<FileLine> = files
        .map(|file| FileLine {
            kind: file.kind.clone(),
            url: format!("{}/{}", job.address(), file.name),
            count: file.count,
        })
        .collect();
    lines.sort_by(|a, b| a.kind.cmp(&b.kind));
    lines
}

fn imported(job: &Job, import: &Import) -> Value {
    let outputs = import.inputs.iter().map(|input| {
        let line = Object::new().with("type", input.kind.as_str()).with("inputUrl", input.url.as_str());
        Value::Object(line.with("count", input.count))
    });
    let errors = files(job, Role::Error).into_iter().map(|file| {
        let line = Object::new().with("type", file.kind).with("url", file.url);
        Value::Object(line.with("count", file.count))
    });
    Value::Object(
        Object::new()
            .with("transactionTime", datetime::instant(job.created))
            .with("request", job.request.as_str())
            .with("requiresAccessToken", true)
            .with("stored", import.stored)
            .with("unchanged", import.unchanged)
            .with("output", outputs.collect::<Vec<_>>())
            .with("error", errors.collect::<Vec<_>>()),
    )
}

fn uploaded(job: &Job) -> Value {
    let file = job.files.first();
    Value::Object(
        Object::new()
            .with("url", format!("{}/{}", job.address(), crate::jobs::pages::UPLOAD))
            .with("bytes", file.map_or(0, |file| file.plain))
            .with("count", file.map_or(0, |file| file.count)),
    )
}

/// The answer of a request that was answered later: handed out block by block, but where it has to be written anew in
/// another form, which takes it into memory once (`jobs.answer_mib`).
async fn later(jobs: Jobs, job: Job, ask: &Ask) -> Result<Response, HttpError> {
    let expires = jobs.expires(&job);
    let number = job.files.iter().position(|file| file.role == Role::Answer);
    let number = number.ok_or_else(|| Error::Damaged("the answer of a job".to_owned()))?;
    let (plain, packed) = job.files.get(number).map_or((0, 0), |file| (file.plain, file.packed));
    let as_it_is = shape(&ask.headers, &ask.parameters)? == Shape::default();
    let gzip = as_it_is && media::takes_gzip(&ask.headers);
    let body = if gzip { packed_body(jobs, job, number) } else { plain_body(jobs, job, number, 0, plain) };
    let mut response = if as_it_is {
        let mut response = Response::new(body);
        set(&mut response, header::CONTENT_TYPE, Form::Json.media_type());
        set(&mut response, header::VARY, "accept, accept-encoding");
        set(&mut response, header::CONTENT_LENGTH, &(if gzip { packed } else { plain }).to_string());
        response
    } else {
        let whole = body.collect().await.map_err(|_| Error::NotFound("this job".to_owned()))?;
        answer::body(StatusCode::OK, whole.to_bytes())
    };
    if gzip {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    if let Some(expires) = expires {
        set(&mut response, header::EXPIRES, &http_date(expires));
    }
    Ok(response)
}

/// One file of a job that is done.
pub async fn file(
    State(app): State<App>,
    ask: Ask,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let jobs = app.rooms()?.jobs.clone();
    let (rooms, who) = (jobs.clone(), ask.caller.who.clone());
    let (job, number) = aside(move || {
        let missing = || Error::NotFound("this file".to_owned());
        let job = rooms.of(&who, &id)?;
        let found = job.files.iter().position(|file| file.role.is_fetched() && file.name == name);
        let number = found.filter(|_| job.state == Stands::Done).ok_or_else(missing)?;
        rooms.note_download(&who, &job)?;
        Ok((job, number))
    })
    .await?;
    let Some(file) = job.files.get(number) else { return Err(HttpError::internal()) };
    let tag = format!("\"{}-{number}\"", job.id);
    let wanted = ranges::range(&ask.headers, &tag, file.plain);
    let (plain, packed) = (file.plain, file.packed);
    let (status, from, to, gzip) = match wanted {
        Wanted::Beyond => return Err(ranges::beyond(plain)),
        Wanted::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to, false),
        Wanted::Whole => (StatusCode::OK, 0, plain, media::takes_gzip(&ask.headers)),
    };
    let body = if gzip { packed_body(jobs, job, number) } else { plain_body(jobs, job, number, from, to) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "application/fhir+ndjson");
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::VARY, "accept-encoding");
    let (length, tag) = if gzip { (packed, tag.replace("-", "-gzip-")) } else { (to - from, tag) };
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    set(&mut response, header::ETAG, &tag);
    if gzip {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    if status == StatusCode::PARTIAL_CONTENT {
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {from}-{}/{plain}", to.saturating_sub(1)));
    }
    Ok(response)
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Plain bytes from `from` to before `to`. When the job is given up on the way the connection breaks, so that nobody
/// takes half a file for the whole.
fn plain_body(jobs: Jobs, job: Job, number: usize, from: u64, to: u64) -> Body {
    let job = std::sync::Arc::new(job);
    Body::from_stream(stream::try_unfold(from, move |at| {
        let (jobs, job) = (jobs.clone(), job.clone());
        async move {
            if at >= to {
                return Ok(None);
            }
            let part = aside(move || jobs.plain(&job, number, at)).await.map_err(|_| gone())?;
            let left = usize::try_from(to - at).unwrap_or(usize::MAX);
            let part = part.slice(..part.len().min(left));
            if part.is_empty() {
                return Err(gone());
            }
            let next = at + part.len() as u64;
            Ok::<_, std::io::Error>(Some((part, next)))
        }
    }))
}

fn packed_body(jobs: Jobs, job: Job, number: usize) -> Body {
    let job = std::sync::Arc::new(job);
    let blocks = job.files.get(number).map_or(0, |file| file.blocks());
    Body::from_stream(stream::try_unfold(0, move |block| {
        let (jobs, job) = (jobs.clone(), job.clone());
        async move {
            if block >= blocks {
                return Ok(None);
            }
            let part = aside(move || jobs.packed(&job, number, block)).await.map_err(|_| gone())?;
            Ok::<_, std::io::Error>(Some((part.ok_or_else(gone)?, block + 1)))
        }
    }))
}

fn gone() -> std::io::Error {
    std::io::Error::other("the file was given up")
}
