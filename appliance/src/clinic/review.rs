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
        ("focus", reference(&format!("Observation/{observation}/_history/{version}"))),
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

/// What a Task of this kind says; `None` for any other Task, and for one that is not completed.
#[must_use]
pub fn read(task: &Value) -> Option<Reviewed> {
    let codings = task.get("code")?.items("coding");
    let ours = |coding: &Value| coding.str("system") == Some(SYSTEM) && coding.str("code") == Some(REVIEW);
    if task.str("status") != Some("completed") || !codings.iter().any(ours) {
        return None;
    }
    let by = task.get("owner")?.str("display")?.to_owned();
    Some(Reviewed { by, at: task.get("executionPeriod")?.str("end")?.to_owned() })
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
        let expected = Reviewed { by: "Dr Meera Kulkarni".into(), at: "1970-01-01T00:00:00Z".into() };
        let found = read(&task()).unwrap();
        assert_eq!(found.by, expected.by);
        assert!(found.at.starts_with("1970-01-01T00:00:00"), "{found:?}");
    }

    #[test]
    fn another_task_is_no_review() {
        let mut other = task();
        other.as_object_mut().unwrap().insert("status", text("requested"));
        assert_eq!(read(&other), None);
        let mut other = task();
        other.as_object_mut().unwrap().insert("code", concept([coding("urn:x", REVIEW, "x")], "x"));
        assert_eq!(read(&other), None);
    }

    #[test]
    fn a_corrected_result_has_another_task() {
        let of = |observation, version| id("clinic", observation, version).unwrap().as_str().to_owned();
        assert_eq!(of("o1", 1), of("o1", 1));
        assert_ne!(of("o1", 1), of("o1", 2));
        assert_ne!(of("o1", 1), of("o2", 1));
    }
}
