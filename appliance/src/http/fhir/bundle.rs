//! `POST /fhir`: transaction (all or none) and batch (each entry for itself).

use axum::extract::State;
use axum::response::Response;
use clinicvault_gateway::fhir::bundle::{Answer, BundleKind, parse, response};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome, Severity};
use http::StatusCode;

use super::answer;
use super::ask::{Ask, FhirBody};
use super::batch;
use super::negotiate::Return;
use crate::app::App;
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::transaction::Rules;

/// A bundle sent to the base.
pub async fn apply(State(app): State<App>, ask: Ask, body: FhirBody) -> Result<Response, HttpError> {
    let most_entries = app.config().limits.bundle_entries;
    let rules = Rules {
        check_references: app.config().limits.check_references,
        representation: ask.wish.back == Some(Return::Representation),
        skip_broken: false,
    };
    // Reading, checking and sealing a long bundle takes a while: off the threads that serve everybody.
    let (records, caller) = (ask.records.clone(), ask.caller.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        let bundle = parse(body.value()?, most_entries).map_err(unreadable)?;
        if bundle.kind == BundleKind::Batch {
            return Ok((Some(bundle), None));
        }
        let looks: Vec<_> = bundle.entries.iter().filter(|entry| batch::is_later(entry)).cloned().collect();
        Ok::<_, Error>((None, Some((records.prepare(&caller, bundle, rules)?, looks))))
    });
    let (kind, answers) = match prepared.await.map_err(|_| HttpError::internal())?? {
        (Some(bundle), _) => (BundleKind::Batch, batch::carry(&app, &ask, bundle).await),
        (None, Some((job, looks))) => {
            let done = ask.records.unit(ask.caller.who.clone(), move |work| job.run(work)).await?;
            let mut answers = done.0;
            for entry in looks {
                let index = entry.index;
                let found = batch::look(&app, &ask, &entry).await;
                if let Some(slot) = answers.get_mut(index) {
                    *slot = found;
                }
            }
            (BundleKind::Transaction, answers)
        }
        (None, None) => return Err(HttpError::internal()),
    };
    let mut answers = absolute(answers, &ask.base);
    if ask.wish.back == Some(Return::OperationOutcome) {
        answers.iter_mut().for_each(tell);
    }
    let bytes = response(kind, &answers);
    Ok(answer::body(StatusCode::OK, bytes.into()))
}

/// A refused bundle; the limit on entries names its setting.
fn unreadable(mut outcome: Outcome) -> Error {
    for issue in outcome.issues.iter_mut().filter(|issue| issue.code == IssueCode::TooCostly) {
        issue.diagnostics.push_str(" (limits.bundle_entries)");
    }
    Error::Unreadable(outcome)
}

/// Locations become addresses under the base that the peer uses.
fn absolute(mut answers: Vec<Answer>, base: &str) -> Vec<Answer> {
    for answer in &mut answers {
        if let Some(location) = &mut answer.location {
            if answer.resource.is_some() {
                answer.full_url = location.split("/_history/").next().map(|path| format!("{base}/{path}"));
            }
            *location = format!("{base}/{location}");
        }
    }
    answers
}

/// Says in an outcome what came of a write; what was looked at, or is told already, stays as it is.
fn tell(answer: &mut Answer) {
    let message = match (answer.status.get(..3), &answer.location) {
        (Some("201"), Some(_)) => "Created.",
        (Some("200"), Some(_)) => "Stored.",
        (Some("204"), _) => "Deleted, or there was nothing to delete.",
        _ => return,
    };
    let issue = Issue { severity: Severity::Information, ..Issue::error(IssueCode::Informational, message) };
    answer.outcome.get_or_insert_with(|| Outcome::from(issue));
}

/// The refusal of an entry that no bundle of this box can carry.
pub(super) fn unsupported(what: &str) -> HttpError {
    let issue = Issue::error(IssueCode::NotSupported, format!("{what} is not supported here."));
    Error::Unreadable(issue.into()).into()
}
