//! `$validate`: what is wrong with a resource (R4, Resource/$validate). Nothing is stored; a resource with errors is
//! answered with 200 and the list of them.

use axum::response::Response;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome, Severity};
use clinicvault_gateway::json::Value;
use http::StatusCode;

use super::answer;
use super::operations::{Call, On, Rest};
use crate::http::error::HttpError;
use crate::records::access::Op;
use crate::records::error::Error;

/// What the resource is about to be used for (value set resource-validation-mode).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    Delete,
    Profile,
}

/// What is asked.
struct Asked {
    resource: Option<Value>,
    mode: Option<Mode>,
    profiles: Vec<String>,
}

/// `/fhir/{type}/$validate` and `/fhir/{type}/{id}/$validate`
pub async fn check(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters_or("resource").await?;
    let unreadable = |outcome: Outcome| HttpError::from(Error::Unreadable(outcome));
    let mode = match given.text("mode").map_err(unreadable)?.as_deref() {
        None => None,
        Some("create") => Some(Mode::Create),
        Some("update") => Some(Mode::Update),
        Some("delete") => Some(Mode::Delete),
        Some("profile") => Some(Mode::Profile),
        Some(_) => return Err(HttpError::bad_request("The mode is create, update, delete or profile.")),
    };
    let resource = given.resource("resource").map_err(unreadable)?;
    let profiles = given.texts("profile").map_err(unreadable)?;
    given.finish().map_err(unreadable)?;
    let asked = Asked { resource, mode, profiles };
    let work = tokio::task::spawn_blocking(move || issues(&call, asked));
    let issues = work.await.map_err(|_| HttpError::internal())??;
    let outcome = if issues.is_empty() {
        let text = "Nothing is wrong with it.";
        Outcome::from(Issue {
            severity: Severity::Information,
            ..Issue::error(IssueCode::Informational, text)
        })
    } else {
        Outcome::of(issues)
    };
    Ok(answer::body(StatusCode::OK, answer::text(&outcome.to_json())))
}

fn issues(call: &Rest, asked: Asked) -> Result<Vec<Issue>, HttpError> {
    let (kind, id) = match &call.on {
        On::System => return Err(HttpError::internal()),
        On::Type(kind) => (*kind, None),
        On::Instance(kind, id) => (*kind, Some(id.as_str())),
    };
    let (records, caller) = (&call.ask.records, &call.ask.caller);
    if let (Some(Mode::Update | Mode::Delete | Mode::Profile), None) = (asked.mode, id) {
        return Err(HttpError::bad_request("This mode is about a record: put its id into the address."));
    }
    if let (Some(Mode::Create), Some(_)) = (asked.mode, id) {
        return Err(HttpError::bad_request("What is about to be created has no id in the address."));
    }
    let mut issues = Vec::new();
    let resource = match (asked.resource, id) {
        (None, None) => return Err(HttpError::bad_request("Send the resource that is to be checked.")),
        // The record as it stands; whoever may not read it gets no word about it.
        (None, Some(id)) => records.tree(caller, kind, id)?,
        (Some(resource), Some(id)) => {
            if asked.mode.is_some() {
                records.tree(caller, kind, id)?;
            }
            issues.extend(other_id(&resource, kind, id));
            resource
        }
        (Some(resource), None) => resource,
    };
    if asked.mode == Some(Mode::Delete) {
        records.may(caller, &[Op::Delete], kind)?;
        return Ok(Vec::new());
    }
    records.may(caller, &[Op::Read, Op::Create, Op::Update], kind)?;
    if resource.str("resourceType") != Some(kind.as_str()) {
        let shown: String = resource.str("resourceType").unwrap_or_default().chars().take(64).collect();
        let text = format!("The address says {kind}, the resource is a {shown}.");
        issues.push(Issue::error(IssueCode::Invalid, text).at("resourceType"));
    }
    let profiles: Vec<&str> = asked.profiles.iter().map(String::as_str).collect();
    issues.extend(records.validate(caller, &resource, &profiles));
    Ok(issues)
}

/// An update states the id of its record.
fn other_id(resource: &Value, kind: ResourceType, id: &str) -> Option<Issue> {
    let text = "The id in the resource is not the id in the address.";
    (resource.str("id") != Some(id)).then(|| Issue::error(IssueCode::Invalid, text).at(format!("{kind}.id")))
}
