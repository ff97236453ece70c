//! The writing itself, inside the unit of work: deletes, creates, updates, then reads.

use clinicvault_gateway::fhir::bundle::Answer;
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::Context;
use clinicvault_vault::{Action, Head};

use super::super::access::Op;
use super::super::audit::{self, About};
use super::super::change::{self, By, Did, Written};
use super::super::conditional;
use super::super::error::Error;
use super::super::patch;
use super::super::read::Stored;
use super::super::unit::Work;
use super::build::{Built, local};
use super::plan::{Plan, Step, What, Whom};

/// Carries out the built steps; answers stand in the order of the entries.
pub fn carry(
    work: &mut Work<'_, '_>,
    plan: &Plan,
    built: Vec<Built>,
    context: &Context,
) -> Result<Vec<Answer>, Error> {
    let mut answers = vec![Answer::default(); plan.len];
    let mut refers = Vec::new();
    for (step, built) in plan.steps.iter().zip(built) {
        let place = format!("Bundle.entry[{}]", step.index);
        let answer =
            one(work, plan, step, built, context, &mut refers).map_err(|error| error.within(&place))?;
        if let Some(slot) = answers.get_mut(step.index) {
            *slot = answer;
        }
    }
    for (place, kind, id) in refers {
        // Who may not read all of a type is not told which records of it there are.
        let look = work.sight().look(Op::Read, kind);
        if look.looks_inside() || !look.gate().allowed() {
            continue;
        }
        if work.head(kind, id.as_str())?.is_none_or(|head| head.deleted) {
            let message = format!("{kind}/{id} does not exist here and is not made by this transaction.");
            return Err(Error::Broken(Issue::error(IssueCode::NotFound, message).at(place).into()));
        }
    }
    Ok(answers)
}

fn one(
    work: &mut Work<'_, '_>,
    plan: &Plan,
    step: &Step,
    built: Built,
    context: &Context,
    refers: &mut Vec<(String, ResourceType, LogicalId)>,
) -> Result<Answer, Error> {
    match (built, &step.what) {
        (Built::Put { sealed, local, unmatched }, what) => {
            refers.extend(local);
            if unmatched {
                conditional::may_stand(work, step.kind, sealed.id())?;
            }
            let (expected, by) = match what {
                What::Update { expected, whom: Whom::Matching { stated: false, .. }, .. } => {
                    (*expected, By::Condition)
                }
                What::Update { expected, .. } => (*expected, By::Named),
                _ => (None, By::Create),
            };
            let written = change::put_next(work, &sealed, expected, step.purpose, by)?;
            Ok(written_answer(plan, step.kind, written))
        }
        (Built::Patch { id, patch, broken }, What::Patch { expected, .. }) => {
            let id = id.ok_or_else(|| {
                Error::NotFound(format!("{} that matches the condition of a PATCH", step.kind))
            })?;
            let given = patch::Given { context, checks: &plan.checks, budget: &plan.patches };
            let (written, value) =
                patch::within(work, step.kind, &id, (&patch, broken), *expected, &given, step.purpose)?;
            if plan.rules.check_references {
                refers.extend(local(&value, context, &format!("Bundle.entry[{}].resource", step.index)));
            }
            Ok(written_answer(plan, step.kind, written))
        }
        (Built::Standing(id), _) => {
            let head = work.head(step.kind, id.as_str())?;
            let head = head.ok_or_else(|| Error::missing(step.kind, id.as_str()))?;
            work.may_find(Op::Read, step.kind, &head)?;
            let about = About::record(step.kind, &head.id, head.version, &head.owner);
            let leaf = audit::done(work.who(), Action::Search, step.purpose, about);
            work.audit(leaf)?;
            let body = work.body(&head)?;
            let stored = Stored { head, body: bytes::Bytes::from_owner(body) };
            Ok(written_answer(plan, step.kind, Written { did: Did::Nothing, stored }))
        }
        (Built::Remove(id), What::Delete { expected, .. }) => {
            let head = match id {
                None => {
                    change::check_expected(None, *expected)?;
                    None
                }
                Some(id) => match change::delete(work, step.kind, &id, *expected, step.purpose) {
                    Ok(head) => Some(head),
                    // Deleting what never was is no error, as over REST.
                    Err(Error::NotFound(_)) if expected.is_none() => None,
                    Err(other) => return Err(other),
                },
            };
            let etag = head.map(|head| tag(&head));
            Ok(Answer { status: "204 No Content".to_owned(), etag, ..Answer::default() })
        }
        (Built::Broken(outcome), _) => Ok(Answer::refused("422 Unprocessable Entity", outcome)),
        (Built::Nothing, What::Read { id, version, known, head }) => {
            let mut answer = read(work, step, id, *version)?;
            if let (Some(known), Some(tag)) = (known, &answer.etag)
                && known.split(',').any(|known| known.trim() == tag)
            {
                answer.status = "304 Not Modified".to_owned();
                answer.resource = None;
            }
            if *head {
                answer.resource = None;
            }
            Ok(answer)
        }
        (Built::Nothing | Built::Remove(_) | Built::Patch { .. }, _) => Ok(Answer::default()),
    }
}

fn read(work: &mut Work<'_, '_>, step: &Step, id: &LogicalId, version: Option<u64>) -> Result<Answer, Error> {
    let newest = work.head(step.kind, id.as_str())?;
    let newest = newest.ok_or_else(|| Error::missing(step.kind, id.as_str()))?;
    let head = match version {
        Some(version) if version != newest.version => {
            match work.unit().version(newest.rid, version)? {
                Some(head) => head,
                None => {
                    // As over REST: a record that may not be seen is not there, whatever version is asked for.
                    work.may_find(Op::History, step.kind, &newest)?;
                    return Err(Error::NotFound(format!("{}/{id}/_history/{version}", step.kind)));
                }
            }
        }
        _ => newest,
    };
    let (op, action) =
        if version.is_some() { (Op::History, Action::History) } else { (Op::Read, Action::Read) };
    let purpose = work.may_find(op, step.kind, &head)?;
    if head.deleted {
        return Err(Error::Gone { name: format!("{}/{id}", step.kind), version: head.version });
    }
    let about = About::record(step.kind, &head.id, head.version, &head.owner);
    let leaf = audit::done(work.who(), action, purpose, about);
    work.audit(leaf)?;
    let body = work.body(&head)?;
    Ok(Answer {
        status: "200 OK".to_owned(),
        etag: Some(tag(&head)),
        last_modified: Some(datetime::instant(head.time)),
        resource: Some(body.to_vec()),
        ..Answer::default()
    })
}

fn written_answer(plan: &Plan, kind: ResourceType, written: Written) -> Answer {
    let Written { did, stored } = written;
    let status = if did == Did::Created { "201 Created" } else { "200 OK" };
    let head = &stored.head;
    Answer {
        status: status.to_owned(),
        location: Some(format!("{kind}/{}/_history/{}", head.id, head.version)),
        etag: Some(tag(head)),
        last_modified: Some(datetime::instant(head.time)),
        resource: plan.rules.representation.then(|| stored.body.to_vec()),
        ..Answer::default()
    }
}

fn tag(head: &Head) -> String {
    format!("W/\"{}\"", head.version)
}
