//! Results that a doctor has to look at, in one record and in the whole clinic, and the mark that it was done.
//!
//! Owns finding who has looked at which result, storing the mark in one unit with its audit line, and the list for the
//! first screen. Which readings wait is the chart's pure part; what the mark says is `clinic::review`'s.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::fhir::search::params;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Dir, Head, Kind, Snapshot, TermRange};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Area, Op, Purpose, Subject, decide};
use super::audit::{self, About, patient_of};
use super::compartment::parsed;
use super::error::Error;
use super::read::Stored;
use super::write::Draft;
use super::{Caller, Records};
use crate::clinic::chart::{self, Alert, Reviews};
use crate::clinic::identity::Identity;
use crate::clinic::review::{self, Reviewed, Reviewer};

/// Results looked through for the list, newest first; this bounds the time of an answer.
const WALKED: usize = 2_000;
/// Rows of the list.
const SHOWN: usize = 50;
/// Marks this young are shown below it.
const SETTLED_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How many of those.
const SETTLED_SHOWN: usize = 10;

/// A critical result and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriticalResult {
    /// Whose it is.
    pub patient: Identity,
    /// The result.
    pub result: Alert,
}

/// Critical results of the clinic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriticalResults {
    /// Those that wait for a doctor, the newest first.
    pub waiting: Vec<CriticalResult>,
    /// Those that a doctor has looked at since yesterday, the newest first.
    pub reviewed: Vec<CriticalResult>,
    /// Whether there are more than these.
    pub more: bool,
}

impl Records {
    /// Marks a version of a result as looked at by this doctor; a mark that stands already is the answer.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but a doctor, [`Error::NotFound`] when this patient has no such result,
    /// [`Error::Precondition`] when it has changed since, [`Error::Broken`] when nothing about it needs a look.
    pub async fn review(
        &self,
        from: &Caller,
        patient: &str,
        observation: &str,
        version: u64,
    ) -> Result<Reviewed, Error> {
        let purpose = self.may_review(from, Op::Create, patient)?;
        let (json, head) = self.result(patient, observation)?;
        if head.version != version {
            return Err(changed());
        }
        if !chart::is_result(&json) || chart::flag(&json).is_none() {
            let message = "Only a result outside its usual range is marked as reviewed.";
            return Err(Error::Broken(Outcome::error(IssueCode::BusinessRule, message)));
        }
        let by = Reviewer { account: &from.who.id, name: &from.who.name, at: self.now() };
        let task = review::resource(patient, observation, version, by);
        let id = self.review_id(observation, version)?;
        let sealed = Draft::of(task)?.check(self.level())?.seal(&id, &self.context(from));
        let observation = observation.to_owned();
        let done = self.unit(from.who.clone(), move |work| {
            let now = work.head(ResourceType::OBSERVATION, &observation)?.filter(|head| !head.deleted);
            if now.is_none_or(|head| head.version != version) {
                return Err(changed());
            }
            let standing = work.head(ResourceType::TASK, id.as_str())?.filter(|head| !head.deleted);
            let Some(head) = standing else { return work.put(&sealed, purpose) };
            let about = About::record(ResourceType::TASK, &head.id, head.version, &head.owner);
            let line = audit::done(work.who(), Action::Read, purpose, about);
            work.audit(line)?;
            Ok(Stored { body: bytes::Bytes::from_owner(work.body(&head)?), head })
        });
        let stored = done.await?.0;
        let json = clinicvault_gateway::json::parse(
            &stored.body,
            &clinicvault_gateway::json::Limits::bytes(usize::MAX),
        );
        let task = json.map_err(|_| Error::Damaged(format!("Task record {}", stored.head.rid.0)))?;
        review::read(&task).ok_or_else(|| Error::precondition("Another task has the place of this mark."))
    }

    /// Takes the mark of a version of a result away again.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but a doctor, [`Error::NotFound`] when there is no mark.
    pub async fn unreview(
        &self,
        from: &Caller,
        patient: &str,
        observation: &str,
        version: u64,
    ) -> Result<(), Error> {
        let purpose = self.may_review(from, Op::Delete, patient)?;
        self.result(patient, observation)?;
        let id = self.review_id(observation, version)?;
        let done = self.unit(from.who.clone(), move |work| {
            let standing = work.head(ResourceType::TASK, id.as_str())?.filter(|head| !head.deleted);
            standing.ok_or_else(|| Error::missing(ResourceType::TASK, id.as_str()))?;
            work.remove(ResourceType::TASK, id.as_str(), purpose).map(|_| ())
        });
        done.await.map(|_| ())
    }

    /// Critical results of the clinic that wait for a doctor, and those that a doctor has just looked at.
    pub fn critical_results(&self, from: &Caller) -> Result<CriticalResults, Error> {
        let purpose = self.gate(&from.who, Op::Search, ResourceType::OBSERVATION)?;
        let context = self.context(from);
        let (now, zone) = (context.now, &context.zone);
        let snapshot = self.vault().snapshot()?;
        let (mut found, mut more) = recent_results(&snapshot, chart::alert_since(now))?;
        found.retain(|_, results| results.iter().any(|result| chart::is_critical(chart::flag(result))));
        let since = now.checked_sub(SETTLED_AGE).unwrap_or(Timestamp::MIN);
        let (mut waiting, mut reviewed) = (Vec::new(), Vec::new());
        for (patient, results) in found {
            let reviews = self.reviews(&snapshot, &results)?;
            let rows = chart::rows(&results, &reviews, zone);
            let head = snapshot.head(Kind(ResourceType::PATIENT.number()), &patient)?;
            let Some(head) = head.filter(|head| !head.deleted) else { continue };
            let patient = Identity::of(&parsed(&snapshot, &head)?);
            let named = |result: Alert| CriticalResult { patient: patient.clone(), result };
            waiting.extend(chart::alerts(&rows, now, zone).into_iter().map(named));
            reviewed.extend(chart::settled(&rows, since, zone).into_iter().map(named));
        }
        let newest = |a: &CriticalResult, b: &CriticalResult| b.result.at.cmp(&a.result.at);
        waiting.sort_by(newest);
        reviewed.sort_by(|a, b| mark(b).cmp(&mark(a)));
        more |= waiting.len() > SHOWN;
        waiting.truncate(SHOWN);
        reviewed.truncate(SETTLED_SHOWN);
        let about = About::of_type(ResourceType::OBSERVATION, None);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(CriticalResults { waiting, reviewed, more })
    }

    /// Who has looked at which of these Observations, as they stand.
    pub(super) fn reviews(&self, snapshot: &Snapshot, observations: &[Value]) -> Result<Reviews, Error> {
        let mut reviews = Reviews::new();
        for observation in observations.iter().filter(|each| chart::flag(each).is_some()) {
            let Some(id) = observation.str("id") else { continue };
            let task = self.review_id(id, chart::version(observation))?;
            let head = snapshot.head(Kind(ResourceType::TASK.number()), task.as_str())?;
            let Some(head) = head.filter(|head| !head.deleted) else { continue };
            if let Some(reviewed) = review::read(&parsed(snapshot, &head)?) {
                reviews.insert(id.to_owned(), reviewed);
            }
        }
        Ok(reviews)
    }

    fn may_review(&self, from: &Caller, op: Op, patient: &str) -> Result<Purpose, Error> {
        decide(&from.who, op, &Subject::area_only(Area::Review)).check().map_err(|why| {
            self.deny(&from.who, op, why, About::of_type(ResourceType::TASK, Some(patient)));
            Error::Refused(why)
        })
    }

    fn review_id(&self, observation: &str, version: u64) -> Result<LogicalId, Error> {
        let id = review::id(self.vault().clinic_id(), observation, version);
        id.ok_or_else(|| Error::Fault("a made id is none".to_owned()))
    }

    /// A stored Observation of this patient.
    fn result(&self, patient: &str, observation: &str) -> Result<(Value, Head), Error> {
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(ResourceType::OBSERVATION.number()), observation)?;
        let theirs = head.filter(|head| !head.deleted && patient_of(&head.owner) == Some(patient));
        let head = theirs.ok_or_else(|| Error::missing(ResourceType::OBSERVATION, observation))?;
        Ok((parsed(&snapshot, &head)?, head))
    }
}

fn changed() -> Error {
    Error::precondition("The result has changed in the meantime. Look at it again.")
}

fn mark(result: &CriticalResult) -> Option<&str> {
    result.result.reviewed.as_ref().map(|reviewed| reviewed.at.as_str())
}

/// Results that arrived since then by patient, and whether there are more than are looked through.
fn recent_results(
    snapshot: &Snapshot,
    since: Timestamp,
) -> Result<(BTreeMap<String, Vec<Value>>, bool), Error> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let newest = TermRange::all(params::LAST_UPDATED);
    let kind = Kind(ResourceType::OBSERVATION.number());
    for (walked, row) in snapshot.scan(kind, &newest, Dir::Descending, snapshot.tx())?.enumerate() {
        let (_, rid) = row?;
        let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted) else { continue };
        if head.time < since {
            break;
        }
        if walked == WALKED {
            return Ok((found, true));
        }
        if let Some(patient) = patient_of(&head.owner) {
            let json = parsed(snapshot, &head)?;
            if chart::is_result(&json) {
                found.entry(patient.to_owned()).or_default().push(json);
            }
        }
    }
    Ok((found, false))
}
