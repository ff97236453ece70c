//! A doctor's mark that a result was looked at: the FHIR Task that says so, made and read.
//!
//! One Task for one version of one Observation, under an id that follows from both: marking twice is marking once, and
//! a result that the laboratory corrects is a version that nobody has looked at
//! (`docs/decisions/0075-a-review-is-a-completed-task.md`).

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::LogicalId;
use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::ids;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::make::{coding, concept, identifier, obj, reference, text};

/// Code system of the clinic's own kinds of task.
const SYSTEM: &str = "urn:clinicvault:task";
/// The one kind so far.
const REVIEW: &str = "review-result";
/// Identifies the account that did a task; accounts are no FHIR resources.
const ACCOUNT: &str = "urn:clinicvault:account";

/// Who has looked at a result, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reviewed {
    /// Name of the doctor, as it was then.
    pub by: String,
    /// When.
    pub at: String,
}

/// The account and the moment of a review.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer<'a> {
    /// Id of the account.
    pub account: &'a str,
    /// Its name.
    pub name: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The id of the Task for a version of an Observation of this clinic.
#[must_use]
pub fn id(clinic: &str, observation: &str, version: u64) -> Option<LogicalId> {
    LogicalId::parse(&ids::stable("Task", &[REVIEW, clinic, observation, &version.to_string()]))
}

/// The Task.
#[must_use]
pub fn resource(patient: &str, observation: &str, version: u64, by: Reviewer<'_>) -> Value {
    let at = datetime::instant(by.at);
    obj([
        ("resourceType", text("Task")),
        ("status", text("completed")),
        ("intent", text("order")),
        ("code", concept([coding(SYSTEM, REVIEW, "Review of a result")], "Review of a result")),
        ("focus", reference(&focus(observation, version))),
        ("for", reference(&format!("Patient/{patient}"))),
        ("executionPeriod", obj([("start", text(&at)), ("end", text(&at))])),
        ("authoredOn", text(&at)),
        ("lastModified", text(&at)),
        (
            "owner",
            obj([
                ("type", text("Practitioner")),
                ("identifier", identifier(ACCOUNT, by.account)),
                ("display", text(by.name)),
            ]),
        ),
    ])
}

/// A mark as a stored Task states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Id of the account that is said to have made it; whether the clinic has it is for the reader to find out.
    pub account: String,
    /// Who, and when: not later than the Task was stored.
    pub reviewed: Reviewed,
}

/// What a Task says about this version of this Observation; `None` for any other Task, one that is about something
/// else, and one that is not completed.
#[must_use]
pub fn read(task: &Value, observation: &str, version: u64) -> Option<Mark> {
    let codings = task.get("code")?.items("coding");
    let ours = |coding: &Value| coding.str("system") == Some(SYSTEM) && coding.str("code") == Some(REVIEW);
    if task.str("status") != Some("completed") || !codings.iter().any(ours) {
        return None;
    }
    if task.get("focus")?.str("reference")? != focus(observation, version) {
        return None;
    }
    let owner = task.get("owner")?;
    let account = owner.get("identifier").filter(|id| id.str("system") == Some(ACCOUNT))?.str("value")?;
    let end = task.get("executionPeriod")?.str("end")?;
    let stored = task.get("meta").and_then(|meta| meta.str("lastUpdated"));
    let at = match (end.parse::<Timestamp>().ok()?, stored.and_then(|at| at.parse::<Timestamp>().ok())) {
        (said, Some(known)) if known < said => stored?,
        _ => end,
    };
    let reviewed = Reviewed { by: owner.str("display")?.to_owned(), at: at.to_owned() };
    Some(Mark { account: account.to_owned(), reviewed })
}

fn focus(observation: &str, version: u64) -> String {
    format!("Observation/{observation}/_history/{version}")
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::fhir::resource::Resource;

    use super::*;

    fn task() -> Value {
        let by = Reviewer { account: "p-1", name: "Dr Meera Kulkarni", at: Timestamp::UNIX_EPOCH };
        resource("7", "o1", 2, by)
    }

    #[test]
    fn the_task_keeps_the_rules_of_fhir_and_is_read_back() {
        Resource::from_value(task()).unwrap();
        let found = read(&task(), "o1", 2).unwrap();
        assert_eq!((found.account.as_str(), found.reviewed.by.as_str()), ("p-1", "Dr Meera Kulkarni"));
        assert!(found.reviewed.at.starts_with("1970-01-01T00:00:00"), "{found:?}");
    }

    fn with(key: &str, value: Value) -> Value {
        let mut other = task();
        other.as_object_mut().unwrap().insert(key, value);
        other
    }

    #[test]
    fn another_task_is_no_review() {
        let owner = |id| obj([("identifier", id), ("display", text("Dr Meera Kulkarni"))]);
        for other in [
            with("status", text("requested")),
            with("code", concept([coding("urn:x", REVIEW, "x")], "x")),
            with("focus", reference("Observation/o1")),
            with("focus", reference("Observation/o1/_history/1")),
            with("focus", reference("Observation/o2/_history/2")),
            with("owner", obj([("display", text("Dr Meera Kulkarni"))])),
            with("owner", owner(identifier("urn:x", "p-1"))),
            with("executionPeriod", obj([("end", text("whenever"))])),
        ] {
            assert_eq!(read(&other, "o1", 2), None, "{other:?}");
        }
        assert_eq!(read(&task(), "o1", 1), None);
    }

    #[test]
    fn a_mark_is_not_later_than_it_was_stored() {
        let at = |json: &Value| read(json, "o1", 2).unwrap().reviewed.at;
        let stored = |at: &str| with("meta", obj([("lastUpdated", text(at))]));
        assert_eq!(at(&stored("1969-12-31T23:00:00.000Z")), "1969-12-31T23:00:00.000Z");
        assert_eq!(at(&stored("2026-11-21T10:00:00.000Z")), at(&task()));
    }

    #[test]
    fn a_corrected_result_has_another_task() {
        let of = |observation, version| id("clinic", observation, version).unwrap().as_str().to_owned();
        assert_eq!(of("o1", 1), of("o1", 1));
        assert_ne!(of("o1", 1), of("o1", 2));
        assert_ne!(of("o1", 1), of("o2", 1));
    }
}
