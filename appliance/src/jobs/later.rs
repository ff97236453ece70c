//! A request that is answered later: what is handed to whoever answers requests, and how its answer is kept.
//!
//! A request that was under way when the box stopped is carried out again when that can do no harm. Of any other it is
//! told that nobody knows whether it was done.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use clinicvault_gateway::fhir::bulk::later;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};

use super::job::{Job, Later, State};
use super::pages::Role;
use super::shelf::Shelf;
use crate::records::access::Actor;
use crate::records::error::Error;

/// Name of the file that holds the answer.
const ANSWER: &str = "answer";

/// A request to be carried out now.
pub struct Sent {
    /// On whose behalf.
    pub who: Actor,
    /// Method.
    pub method: String,
    /// What was kept of its head.
    pub head: Later,
    /// Host that the peer used, for links in the answer.
    pub base: String,
    /// Body.
    pub body: Bytes,
}

/// Its answer, content as JSON where it is FHIR.
pub struct Answered {
    /// Status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The answer is longer than `jobs.answer_mib`.
    TooLong,
}

/// Under way.
pub type Answering = Pin<Box<dyn Future<Output = Result<Answered, Unanswered>> + Send>>;

/// Whoever answers requests.
pub trait Carrier: Send + Sync + 'static {
    /// Carries out a request.
    fn carry(&self, sent: Sent) -> Answering;
}

/// Whether carrying it out twice is the same as once.
fn is_safe(job: &Job, head: &Later) -> bool {
    let path = head.target.split('?').next().unwrap_or_default();
    matches!(job.method.as_str(), "GET" | "HEAD") || path.ends_with("/_search")
}

/// Takes a request up; none when it is answered by that already, because it was cut off.
pub fn begin(shelf: &Shelf, job: &Job, head: &Later) -> Result<Option<Sent>, Error> {
    if job.state == State::Running && !is_safe(job, head) {
        let text = "The box stopped while this request was carried out; it is not known whether it was. Look before \
                    sending it again.";
        let outcome = Outcome::error(IssueCode::Transient, text).to_json().to_vec();
        let answered = Answered { status: 503, headers: Vec::new(), body: outcome.into() };
        finish(shelf, job, Ok(answered))?;
        return Ok(None);
    }
    let who = job.owner.actor()?;
    let body = Bytes::from(shelf.whole(job, 0)?);
    shelf.change(who.clone().into(), &job.id, Vec::new(), Vec::new(), |job, _| job.state = State::Running)?;
    Ok(Some(Sent { who, method: job.method.clone(), head: head.clone(), base: job.base.clone(), body }))
}

/// Keeps the answer as the bundle that the caller will fetch.
pub fn finish(shelf: &Shelf, job: &Job, answered: Result<Answered, Unanswered>) -> Result<(), Error> {
    let answered = match answered {
        Ok(answered) => answered,
        Err(Unanswered::TooLong) => {
            let text = "The answer is longer than jobs.answer_mib allows; ask for less at once.";
            let outcome = Outcome::error(IssueCode::TooLong, text).to_json().to_vec();
            Answered { status: 413, headers: Vec::new(), body: outcome.into() }
        }
    };
    let header =
        |name: &str| answered.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let bundle = later::bundle(&later::Answer {
        status: answered.status,
        content_type: header("content-type"),
        location: header("location"),
        etag: header("etag"),
        last_modified: header("last-modified"),
        body: &answered.body,
    });
    let mut pages = shelf.pages(job)?;
    let file = pages.file(ANSWER, "Bundle", Role::Answer);
    pages.push(file, &bundle, 1);
    let (files, blocks) = pages.take()?;
    let who = job.owner.actor()?;
    shelf.change(who.into(), &job.id, blocks, Vec::new(), move |job, now| {
        job.files = files;
        job.state = State::Done;
        job.finished = Some(now);
    })?;
    Ok(())
}
