//! Long work on the owner's screen: what runs and what has ended, and giving it up.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::jobs::Jobs;
use crate::jobs::job::{Job, Work};
use crate::jobs::pages::Role;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/jobs", get(list)).route("/api/jobs/{id}", delete(end))
}

/// Jobs that are not over.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// Newest first.
    jobs: Vec<JobLine>,
}

/// A job. Nothing in it names a patient: a request is shown without its query.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobLine {
    id: String,
    /// `export`, `import`, `request` or `upload`.
    kind: &'static str,
    /// `waiting`, `running`, `done` or `failed`.
    state: &'static str,
    owner: JobOwner,
    /// Method and path of the request.
    request: String,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished: Option<Timestamp>,
    /// When what it has made is deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
    /// Part done, 0 to 100.
    percent: u64,
    /// Records given out or taken in so far.
    records: u64,
    /// Lines that were left out, and warnings.
    problems: u64,
    /// Bytes of its files, unpacked.
    bytes: u64,
    /// Why it failed.
    failure: Option<String>,
}

/// On whose behalf a job runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobOwner {
    /// Id of the account or token.
    id: String,
    name: String,
}

/// Lists the jobs.
#[utoipa::path(get, path = "/api/jobs", operation_id = "list_jobs", tag = "jobs", responses((status = 200, body = JobList)))]
pub(super) async fn list(State(app): State<App>, _: Actor) -> Result<Json<JobList>, HttpError> {
    let rooms = app.rooms()?.jobs.clone();
    let jobs = aside(move || {
        let all = rooms.all()?;
        Ok(all.into_iter().map(|job| line(&rooms, job)).collect())
    });
    Ok(Json(JobList { jobs: jobs.await? }))
}

fn line(jobs: &Jobs, job: Job) -> JobLine {
    let of = |role: Role| job.files.iter().filter(move |file| file.role == role);
    let records = match &job.work {
        Work::Import(import) => import.stored + import.unchanged,
        Work::Export(_) | Work::Later(_) | Work::Upload(_) => of(Role::Output).map(|file| file.count).sum(),
    };
    let path = job.request.split('?').next().unwrap_or_default();
    let path = path.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    JobLine {
        kind: job.work.name(),
        state: job.state.as_str(),
        request: format!("{} {}", job.method, path.unwrap_or_default()),
        created: job.created,
        finished: job.finished,
        expires: jobs.expires(&job),
        percent: if job.state.is_open() { job.progress.percent() } else { 100 },
        records,
        problems: of(Role::Error).map(|file| file.count).sum(),
        bytes: job.files.iter().filter(|file| file.role != Role::Inner).map(|file| file.plain).sum(),
        failure: job.failure.as_ref().map(|failure| failure.text.clone()),
        owner: JobOwner { id: job.owner.id.clone(), name: job.owner.name.clone() },
        id: job.id,
    }
}

/// Gives a job up, with all that it has made.
#[utoipa::path(delete, path = "/api/jobs/{id}", operation_id = "end_job", tag = "jobs", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn end(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    let jobs = app.rooms()?.jobs.clone();
    aside(move || jobs.end_any(&who, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
