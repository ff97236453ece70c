//! The operations of terminology: `$expand`, `$validate-code`, `$lookup`, `$subsumes`, `$translate`, `$closure`.

use axum::response::Response;
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::IssueCode;
use clinicvault_gateway::fhir::parameters::Parameters;
use clinicvault_gateway::fhir::terminology::Source;
use clinicvault_gateway::fhir::terminology::operation::{
    self, ClosureAsked, Listing, Refusal, lookup, subsumes, translate, validate_in_system,
    validate_in_value_set,
};
use clinicvault_gateway::json::Value;
use http::StatusCode;

use super::answer;
use super::operations::{Call, On, Rest};
use crate::http::error::HttpError;

/// ValueSet/$expand
pub async fn expand(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters_or("valueSet").await?;
    let most = call.app.config().fhir.expansion_codes;
    let timestamp = datetime::instant(call.app.now());
    let identifier = identifier()?;
    answered(call, given, move |source, given, stored| {
        let listing = Listing { identifier: &identifier, timestamp: &timestamp, most };
        operation::expand(source, given, stored, listing)
    })
    .await
}

/// A new `urn:uuid:`, so that two expansions are never taken for one.
fn identifier() -> Result<String, HttpError> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|_| HttpError::internal())?;
    let hex = data_encoding::HEXLOWER.encode(&random);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    // Version 4, variant 1 (RFC 9562, section 5.4).
    let (b, c) = (part(13, 16), part(17, 20));
    Ok(format!("urn:uuid:{}-{}-4{b}-8{c}-{}", part(0, 8), part(8, 12), part(20, 32)))
}

/// ValueSet/$validate-code and CodeSystem/$validate-code
pub async fn validate_code(call: Call) -> Result<Response, HttpError> {
    let of_system = call.on.kind().map(ResourceType::as_str) == Some("CodeSystem");
    let (call, given) = call.parameters().await?;
    answered(call, given, if of_system { validate_in_system } else { validate_in_value_set }).await
}

/// CodeSystem/$lookup
pub async fn look_up(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters().await?;
    answered(call, given, |source, given, _| lookup(source, given)).await
}

/// CodeSystem/$subsumes
pub async fn compare(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters().await?;
    answered(call, given, subsumes).await
}

/// ConceptMap/$translate
pub async fn translated(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters().await?;
    answered(call, given, translate).await
}

/// $closure
pub async fn closure(call: Call) -> Result<Response, HttpError> {
    let (call, given) = call.parameters().await?;
    let asked = ClosureAsked::of(given).map_err(refused)?;
    let answer = call.ask.records.closure(&call.ask.caller, asked).await?.map_err(refused)?;
    Ok(answer::body(StatusCode::OK, answer::text(&answer)))
}

async fn answered<F>(call: Rest, given: Parameters, question: F) -> Result<Response, HttpError>
where
    F: FnOnce(&dyn Source, Parameters, Option<&Value>) -> Result<Value, Refusal> + Send + 'static,
{
    let (kind, id) = match call.on.clone() {
        On::System => return Err(HttpError::internal()),
        On::Type(kind) => (kind, None),
        On::Instance(kind, id) => (kind, Some(id)),
    };
    // A large value set is much work: off the threads that serve everybody.
    let work = tokio::task::spawn_blocking(move || {
        call.ask
            .records
            .ask(&call.ask.caller, kind, id.as_deref(), |source, stored| question(source, given, stored))
    });
    let answer = work.await.map_err(|_| HttpError::internal())??.map_err(refused)?;
    Ok(answer::body(StatusCode::OK, answer::text(&answer)))
}

/// A refusal with its status; the one limit that is a setting is named.
fn refused(refusal: Refusal) -> HttpError {
    let message = refusal.to_string();
    let (mut error, mut outcome) = match refusal {
        Refusal::Malformed(outcome) => (HttpError::bad_request(message), outcome),
        Refusal::Missing(outcome) => (HttpError::not_found(message), outcome),
        Refusal::Impossible(outcome) => (HttpError::invalid(message), outcome),
    };
    for issue in outcome.issues.iter_mut().filter(|issue| issue.code == IssueCode::TooCostly) {
        issue.diagnostics.push_str(" (fhir.expansion_codes)");
    }
    error = error.listing(outcome);
    error
}
