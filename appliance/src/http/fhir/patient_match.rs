//! `Patient/$match` (R4, Patient/$match): who may be meant by a description, with a score and a grade each.

use axum::response::Response;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::patient_match::Person;
use clinicvault_gateway::fhir::validate;
use clinicvault_gateway::json::Value;
use http::StatusCode;

use super::answer;
use super::operations::{Call, Rest};
use super::sets::Set;
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::patient_match::{Matches, Wanted};

/// People answered where the caller does not say.
const DEFAULT_COUNT: usize = 20;

/// Compares the description with everybody whom the caller may find.
pub async fn find(call: Call) -> Result<Response, HttpError> {
    let most = call.app.config().limits.page_rows;
    let (Rest { ask, .. }, mut given) = call.parameters_or("resource").await?;
    let sought = sought(given.resource("resource").map_err(Error::Unreadable)?)?;
    let only_certain = given.flag("onlyCertainMatches").map_err(Error::Unreadable)?.unwrap_or(false);
    let count = match given.integer("count").map_err(Error::Unreadable)? {
        None => DEFAULT_COUNT,
        Some(count) => usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            HttpError::bad_request("count must be a whole number above zero.").field("count")
        })?,
    };
    given.finish().map_err(Error::Unreadable)?;
    let wanted = Wanted { only_certain, count: count.min(most) };
    let work = tokio::task::spawn_blocking(move || {
        let matches = ask.records.match_patients(&ask.caller, &sought, wanted)?;
        Ok::<_, HttpError>(written(&ask.base, &matches))
    });
    let bytes = work.await.map_err(|_| HttpError::internal())??;
    Ok(answer::body(StatusCode::OK, bytes))
}

/// The person of the description. It need not fulfil profiles or invariants, but its structure is R4's, so that nothing
/// that was meant is left out in silence.
fn sought(resource: Option<Value>) -> Result<Person, HttpError> {
    let resource = resource.ok_or_else(|| {
        let text = "Patient/$match takes the parameter resource: a Patient with what is known of the person.";
        let issue = Issue::error(IssueCode::Required, text).at("Parameters.parameter");
        HttpError::from(Error::Unreadable(issue.into()))
    })?;
    let kind = resource.str("resourceType").unwrap_or_default();
    if kind != ResourceType::PATIENT.as_str() {
        let issue =
            Issue::error(IssueCode::Invalid, "The resource to be matched is a Patient.").at("resource");
        return Err(Error::Unreadable(issue.into()).into());
    }
    let issues = validate::structure(&resource);
    if !issues.is_empty() {
        return Err(Error::Broken(Outcome::of(issues)).into());
    }
    let person = Person::of(&resource);
    if !person.can_be_found() {
        let text = "A name, an identifier or a phone number is needed to look for a person.";
        let issue = Issue::error(IssueCode::Required, text).at("Patient");
        return Err(Error::Broken(issue.into()).into());
    }
    Ok(person)
}

fn written(base: &str, matches: &Matches) -> bytes::Bytes {
    let links = [("self", format!("{base}/Patient/$match"))];
    let mut set = Set::open("searchset", Some(matches.total as u64), &links);
    for found in &matches.found {
        set.scored(base, &found.stored, &found.verdict);
    }
    set.warned(&matches.warnings);
    set.close()
}
