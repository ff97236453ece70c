//! The entries of a batch, each for itself, and the searches and histories of a transaction after its commit.
//!
//! Entries of one method run side by side, so that their commits share a flush of the disk; the methods keep the
//! order that the standard gives them.

use std::sync::Arc;

use clinicvault_gateway::fhir::bundle::{Answer, Bundle, Entry, Method, Target};
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::version_id;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::patch::{Budget, Patch};
use clinicvault_gateway::fhir::search::query as search_query;
use clinicvault_gateway::json::Limits;
use futures_util::StreamExt;
use futures_util::stream;

use super::ask::Ask;
use super::bundle::unsupported;
use super::conditions::tag_version;
use super::negotiate::Return;
use super::reduced::Reduced;
use super::{answer, history, metadata, search};
use crate::app::App;
use crate::http::error::HttpError;
use crate::records::change::{Did, Expected, Written};
use crate::records::conditional::Whom;
use crate::records::error::Error;
use crate::records::read::Stored;
use crate::records::search::Field;
use crate::records::write::Draft;

/// Entries of one method that are under way at once.
const SIDE_BY_SIDE: usize = 64;

/// Carries out a batch; answers stand in the order of the entries.
pub async fn carry(app: &App, ask: &Ask, bundle: Bundle) -> Vec<Answer> {
    let mut answers = vec![Answer::default(); bundle.len];
    for (index, outcome) in bundle.refused {
        put(&mut answers, index, Answer::refused("400 Bad Request", outcome));
    }
    let patches = ask.records.patch_budget();
    let mut groups: [Vec<Entry>; 4] = Default::default();
    for entry in bundle.entries {
        let [deletes, posts, puts, gets] = &mut groups;
        match entry.method {
            Method::Delete => deletes.push(entry),
            Method::Post => posts.push(entry),
            Method::Put | Method::Patch => puts.push(entry),
            Method::Get | Method::Head => gets.push(entry),
        }
    }
    for group in groups {
        let mut under_way = stream::iter(group)
            .map(|entry| async { (entry.index, one(app, ask, entry, &patches).await) })
            .buffer_unordered(SIDE_BY_SIDE);
        while let Some((index, answer)) = under_way.next().await {
            put(&mut answers, index, answer);
        }
    }
    answers
}

/// Whether an entry of a transaction is answered after the commit.
pub fn is_later(entry: &Entry) -> bool {
    matches!(entry.method, Method::Get | Method::Head)
        && match &entry.target {
            Target::Type { .. } | Target::History { .. } | Target::Log { .. } | Target::Metadata => true,
            Target::Instance { query, .. } => !query.is_empty(),
            Target::Version { .. } => false,
        }
}

/// Answers a GET entry.
pub async fn look(app: &App, ask: &Ask, entry: &Entry) -> Answer {
    let mut answer =
        looked(app, ask, entry).await.unwrap_or_else(|error| refused(error, &entry.expression()));
    let known = entry.if_none_match.as_deref().unwrap_or_default();
    if answer.etag.as_deref().is_some_and(|tag| known.split(',').any(|known| known.trim() == tag)) {
        answer.status = "304 Not Modified".to_owned();
        answer.resource = None;
    }
    if entry.method == Method::Head {
        answer.resource = None;
    }
    answer
}

async fn one(app: &App, ask: &Ask, entry: Entry, patches: &Arc<Budget>) -> Answer {
    let place = entry.expression();
    match entry.method {
        Method::Get | Method::Head => look(app, ask, &entry).await,
        Method::Post | Method::Put | Method::Patch | Method::Delete => {
            changed(ask, entry, patches).await.unwrap_or_else(|error| refused(error, &place))
        }
    }
}

async fn changed(ask: &Ask, mut entry: Entry, patches: &Arc<Budget>) -> Result<Answer, HttpError> {
    let expected = match &entry.if_match {
        None if entry.if_none_match.is_some() => Some(Expected::Nothing),
        None => None,
        Some(text) => Some(Expected::Version(
            tag_version(text).ok_or_else(|| HttpError::bad_request("ifMatch must be a version tag."))?,
        )),
    };
    let resource = entry.resource.take();
    let representation = ask.wish.back == Some(Return::Representation);
    match (entry.method, &entry.target, resource) {
        (Method::Post, Target::Type { kind, .. }, Some(resource)) => {
            let draft = Draft::of(resource)?.expect(*kind)?;
            let unless = match &entry.if_none_exist {
                None => None,
                Some(text) => {
                    let text = text.split_once('?').map_or(text.as_str(), |(_, query)| query);
                    let pairs = search_query::decode(text).map_err(Error::Unreadable)?;
                    Some(ask.records.condition(&ask.caller, *kind, &pairs)?)
                }
            };
            let written = ask.records.create(&ask.caller, draft, unless).await?;
            Ok(written_answer(written, representation))
        }
        (Method::Put, Target::Instance { kind, id, .. }, Some(resource)) => {
            let draft = Draft::of(resource)?.expect(*kind)?;
            let written = ask.records.update(&ask.caller, id, draft, expected).await?;
            Ok(written_answer(written, representation))
        }
        (Method::Put, Target::Type { kind, query }, Some(resource)) => {
            let draft = Draft::of(resource)?.expect(*kind)?;
            let condition = ask.records.condition(&ask.caller, *kind, query)?;
            let written = ask.records.update_matching(&ask.caller, draft, condition, expected).await?;
            Ok(written_answer(written, representation))
        }
        (Method::Patch, target, Some(resource)) => {
            let (kind, whom) = match target {
                Target::Instance { kind, id, .. } => (*kind, Whom::Named(id.clone())),
                Target::Type { kind, query } => {
                    (*kind, Whom::Matching(Box::new(ask.records.condition(&ask.caller, *kind, query)?)))
                }
                Target::Version { .. } | Target::History { .. } | Target::Log { .. } | Target::Metadata => {
                    return Err(unsupported("PATCH at this address"));
                }
            };
            let patch = Patch::of_entry(&resource, &Limits::default()).map_err(Error::from)?;
            let written = ask.records.patch_within(&ask.caller, kind, whom, patch, expected, patches.clone());
            let written = written.await?;
            Ok(written_answer(written, representation))
        }
        (Method::Delete, Target::Instance { kind, id, .. }, None) => {
            match ask.records.delete(&ask.caller, *kind, id, expected).await {
                Ok(head) => Ok(deleted_answer(Some(head.version))),
                Err(Error::NotFound(_)) if expected.is_none() => Ok(deleted_answer(None)),
                Err(error) => Err(error.into()),
            }
        }
        (Method::Delete, Target::Type { kind, query }, None) => {
            let condition = ask.records.condition(&ask.caller, *kind, query)?;
            let head = ask.records.delete_matching(&ask.caller, *kind, condition, expected).await?;
            Ok(deleted_answer(head.map(|head| head.version)))
        }
        (method, _, _) => Err(unsupported(&format!("{} at this address", method.as_str()))),
    }
}

async fn looked(app: &App, ask: &Ask, entry: &Entry) -> Result<Answer, HttpError> {
    match &entry.target {
        Target::Instance { kind, id, query } => {
            let mut stored = ask.records.read(&ask.caller.who, *kind, id.as_str())?;
            stored.body = Reduced::of_read(query)?.apply(&stored.body)?;
            Ok(stored_answer(stored))
        }
        Target::Version { kind, id, version } => {
            let number = version_id(version)
                .ok_or_else(|| Error::NotFound(format!("{kind}/{id}/_history/{version}")))?;
            Ok(stored_answer(ask.records.version(&ask.caller.who, *kind, id.as_str(), number)?))
        }
        Target::Type { kind, query } => {
            Ok(whole(search::answer_bytes(app, &ask.with(query.clone()), Field::Type(*kind)).await?))
        }
        Target::History { kind, id, query } => {
            Ok(whole(history::answer_bytes(app, &ask.with(query.clone()), *kind, id.as_str()).await?))
        }
        Target::Log { kind, query } => {
            Ok(whole(history::many_bytes(app, &ask.with(query.clone()), *kind).await?))
        }
        Target::Metadata => Ok(whole(answer::text(&metadata::value(app, &ask.base)))),
    }
}

fn deleted_answer(version: Option<u64>) -> Answer {
    let etag = version.map(|version| format!("W/\"{version}\""));
    Answer { status: "204 No Content".to_owned(), etag, ..Answer::default() }
}

fn whole(bytes: bytes::Bytes) -> Answer {
    Answer { status: "200 OK".to_owned(), resource: Some(bytes.to_vec()), ..Answer::default() }
}

fn stored_answer(stored: Stored) -> Answer {
    Answer {
        status: "200 OK".to_owned(),
        etag: Some(format!("W/\"{}\"", stored.head.version)),
        last_modified: Some(datetime::instant(stored.head.time)),
        resource: Some(stored.body.to_vec()),
        ..Answer::default()
    }
}

fn written_answer(written: Written, representation: bool) -> Answer {
    let kind = written.stored.kind().map_or("", |kind| kind.as_str());
    let head = &written.stored.head;
    Answer {
        status: if written.did == Did::Created { "201 Created" } else { "200 OK" }.to_owned(),
        location: Some(format!("{kind}/{}/_history/{}", head.id, head.version)),
        etag: Some(format!("W/\"{}\"", head.version)),
        last_modified: Some(datetime::instant(head.time)),
        resource: representation.then(|| written.stored.body.to_vec()),
        ..Answer::default()
    }
}

fn refused(error: HttpError, place: &str) -> Answer {
    let status = error.status;
    let issues = if error.issues.is_empty() {
        let code = IssueCode::of(error.issue).unwrap_or(IssueCode::Processing);
        vec![Issue::error(code, error.message.clone())]
    } else {
        error.issues.clone()
    };
    let status = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    Answer::refused(status, Outcome::of(issues).within(place))
}

fn put(answers: &mut [Answer], index: usize, answer: Answer) {
    if let Some(slot) = answers.get_mut(index) {
        *slot = answer;
    }
}
