//! Results that a doctor has to look at, in one record and in the whole clinic, and the mark that it was done.
//!
//! Owns finding who has looked at which result, storing the mark in one unit with its audit line, and the list for the
//! first screen. Which readings wait is the chart's pure part; what the mark says is `clinic::review`'s.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, Head, Kind, Snapshot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Area, Op, Purpose, Subject, decide};
use super::arrivals::{Bounds, arrivals};
use super::audit::{self, About, patient_of};
use super::chart::OBSERVATIONS;
use super::compartment::{newest, parsed};
use super::error::Error;
use super::names::Names;
use super::write::Draft;
use super::{Caller, Records};
use crate::clinic::chart::{self, Alert, ResultRow, Reviews};
use crate::clinic::identity::Identity;
use crate::clinic::read::instant;
use crate::clinic::review::{self, Reviewed, Reviewer};
use crate::collections::ACCOUNTS;

/// What is looked through for the list, newest first.
const WALK: Bounds = Bounds { results: 5_000, opened: 20_000 };
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
    /// Marks a version of a result as looked at by this doctor; a mark that stands already is the answer. A Task that
    /// lies in the mark's place and is none gives way to it.
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
        let (json, head) = self.result(from, patient, observation)?;
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
        let made = review::read(&task, observation, version).map(|mark| mark.reviewed);
        let made = made.ok_or_else(|| Error::Fault("a made mark is none".to_owned()))?;
        let sealed = Draft::of(task)?.check(&self.checks())?.seal(&id, &self.context(from));
        let observation = observation.to_owned();
        let done = self.unit(from.who.clone(), move |work| {
            let now = work.head(ResourceType::OBSERVATION, &observation)?.filter(|head| !head.deleted);
            if now.is_none_or(|head| head.version != version) {
                return Err(changed());
            }
            if let Some(head) = work.head(ResourceType::TASK, id.as_str())?.filter(|head| !head.deleted) {
                let task = json::parse(&work.body(&head)?, &Limits::bytes(usize::MAX))
                    .map_err(|_| Error::Damaged(format!("Task record {}", head.rid.0)))?;
                if let Some(mark) = review::read(&task, &observation, version)
                    && work.unit().doc_get(ACCOUNTS, mark.account.as_bytes())?.is_some()
                {
                    let about = About::record(ResourceType::TASK, &head.id, head.version, &head.owner);
                    let line = audit::done(work.who(), Action::Read, purpose, about);
                    work.audit(line)?;
                    return Ok(mark.reviewed);
                }
            }
            work.put(&sealed, purpose).map(|_| made)
        });
        done.await.map(|(reviewed, _)| reviewed)
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
        self.result(from, patient, observation)?;
        let id = self.review_id(observation, version)?;
        let done = self.unit(from.who.clone(), move |work| {
            let standing = work.head(ResourceType::TASK, id.as_str())?.filter(|head| !head.deleted);
            standing.ok_or_else(|| Error::missing(ResourceType::TASK, id.as_str()))?;
            work.remove(ResourceType::TASK, id.as_str(), purpose).map(|_| ())
        });
        done.await.map(|_| ())
    }

    /// Critical results of the clinic that wait for a doctor, and those that a doctor has just looked at. The log has
    /// a line of every look, and one in the log of each patient shown, once in a session and a working day.
    pub fn critical_results(&self, from: &Caller) -> Result<CriticalResults, Error> {
        let sight = self.sight(&from.who)?;
        let (sees, purpose) = self.gated(&sight, Op::Search, ResourceType::OBSERVATION)?;
        let sees_person = sight.look(Op::Read, ResourceType::PATIENT);
        let context = self.context(from);
        let (now, zone) = (context.now, &context.zone);
        let snapshot = self.vault().snapshot()?;
        let mut found = arrivals(&snapshot, chart::alert_since(now), WALK)?;
        found.unusual.retain(|_, results| results.iter().any(|one| chart::is_critical(chart::flag(one))));
        let since = now.checked_sub(SETTLED_AGE).unwrap_or(Timestamp::MIN);
        let (mut waiting, mut reviewed, mut wholes) = (Vec::new(), Vec::new(), 0);
        for (patient, results) in found.unusual {
            let head = snapshot.head(Kind(ResourceType::PATIENT.number()), &patient)?;
            let Some(head) = head.filter(|head| !head.deleted) else { continue };
            // A consent that withholds any of it takes the patient off this list: rows stand for series of results.
            let withheld = sees.asks_consent_of(&patient) && results.iter().any(|one| sees.withholds(one));
            if withheld || !sees_person.shows(&snapshot, &head)? {
                continue;
            }
            let mut rows = self.result_rows(&snapshot, &results, zone)?;
            if wholes < SHOWN && came_late(&rows, now, zone) {
                wholes += 1;
                rows = self.whole_rows(&snapshot, &patient, zone)?;
            }
            let patient = Identity::of(&parsed(&snapshot, &head)?);
            let named = |result: Alert| CriticalResult { patient: patient.clone(), result };
            waiting.extend(chart::alerts(&rows, now, zone).into_iter().map(named));
            reviewed.extend(chart::settled(&rows, since, zone).into_iter().map(named));
        }
        waiting.sort_by_key(|one| Reverse(instant(&one.result.at, zone)));
        reviewed.sort_by(|a, b| mark(b).cmp(&mark(a)));
        let more = found.more || waiting.len() > SHOWN;
        waiting.truncate(SHOWN);
        reviewed.truncate(SETTLED_SHOWN);
        let about = About::of_type(ResourceType::OBSERVATION, None);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        let patients: BTreeSet<&str> =
            waiting.iter().chain(&reviewed).map(|one| one.patient.id.as_str()).collect();
        for patient in patients.into_iter().filter(|patient| !self.shown().has(&from.who, patient, now)) {
            let about = About::of_type(ResourceType::OBSERVATION, Some(patient));
            self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
            self.shown().add(&from.who, patient, now);
        }
        Ok(CriticalResults { waiting, reviewed, more })
    }

    fn result_rows(
        &self,
        snapshot: &Snapshot,
        results: &[Value],
        zone: &TimeZone,
    ) -> Result<Vec<ResultRow>, Error> {
        Ok(chart::rows(results, &self.reviews(snapshot, results)?, zone))
    }

    /// The rows of a patient as the chart has them.
    fn whole_rows(
        &self,
        snapshot: &Snapshot,
        patient: &str,
        zone: &TimeZone,
    ) -> Result<Vec<ResultRow>, Error> {
        let Some(id) = LogicalId::parse(patient) else { return Ok(Vec::new()) };
        self.result_rows(snapshot, &newest(snapshot, &id, ResourceType::OBSERVATION, OBSERVATIONS)?, zone)
    }

    /// Who has looked at which of these Observations, as they stand. A mark counts when it names that version and an
    /// account that the clinic has.
    pub(super) fn reviews(&self, snapshot: &Snapshot, observations: &[Value]) -> Result<Reviews, Error> {
        let (mut reviews, names) = (Reviews::new(), Names::new(snapshot));
        for observation in observations.iter().filter(|each| chart::flag(each).is_some()) {
            let Some(id) = observation.str("id") else { continue };
            let version = chart::version(observation);
            let task = self.review_id(id, version)?;
            let head = snapshot.head(Kind(ResourceType::TASK.number()), task.as_str())?;
            let Some(head) = head.filter(|head| !head.deleted) else { continue };
            let mark = review::read(&parsed(snapshot, &head)?, id, version);
            if let Some(mark) = mark.filter(|mark| names.has(&mark.account)) {
                reviews.insert(id.to_owned(), mark.reviewed);
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
    fn result(&self, from: &Caller, patient: &str, observation: &str) -> Result<(Value, Head), Error> {
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(ResourceType::OBSERVATION.number()), observation)?;
        let theirs = head.filter(|head| !head.deleted && patient_of(&head.owner) == Some(patient));
        let missing = || Error::missing(ResourceType::OBSERVATION, observation);
        let head = theirs.ok_or_else(missing)?;
        if !self.sight(&from.who)?.look(Op::Read, ResourceType::OBSERVATION).shows(&snapshot, &head)? {
            return Err(missing());
        }
        Ok((parsed(&snapshot, &head)?, head))
    }
}

fn changed() -> Error {
    Error::precondition("The result has changed in the meantime. Look at it again.")
}

fn mark(result: &CriticalResult) -> Option<&str> {
    result.result.reviewed.as_ref().map(|reviewed| reviewed.at.as_str())
}

/// Whether an alert was drawn before the time that is looked through: the mark that speaks for it may then stand at a
/// reading that came before that time, and only the whole record tells.
fn came_late(rows: &[ResultRow], now: Timestamp, zone: &TimeZone) -> bool {
    let since = chart::alert_since(now).as_microsecond();
    chart::alerts(rows, now, zone).iter().any(|alert| instant(&alert.at, zone) < since)
}
