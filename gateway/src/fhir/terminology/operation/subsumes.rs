//! CodeSystem/$subsumes.

use std::sync::Arc;

use super::super::{CodeSystem, Source, TermError, subsumes as compare};
use super::code::First;
use super::coding::Coding;
use super::{Refusal, coding};
use crate::fhir::parameters::{Answer, Parameters};
use crate::json::Value;

/// How code A stands to code B. `stored` is the system that the address names, when it names one.
///
/// # Errors
/// [`Refusal::Missing`] when the system or a code is not here, [`Refusal::Malformed`] for codes of two systems.
pub fn subsumes(
    source: &dyn Source,
    mut given: Parameters,
    stored: Option<&Value>,
) -> Result<Value, Refusal> {
    let (system, version) = (given.text("system")?, given.text("version")?);
    let mut one = |code: &str, coding: &str| match (given.text(code)?, coding::one(&mut given, coding)?) {
        (Some(code), None) => Ok(Coding::of(code, system.clone(), version.clone())),
        (None, Some(coding)) => Ok(coding),
        (Some(_), Some(_)) => Err(Refusal::invalid(format!("Give either \"{code}\" or \"{coding}\"."))),
        (None, None) => Err(Refusal::required(format!("Give \"{code}\" or \"{coding}\"."))),
    };
    let (a, b) = (one("codeA", "codingA")?, one("codeB", "codingB")?);
    given.finish()?;
    let own = stored.map(CodeSystem::from_json).transpose()?;
    let named: Vec<&str> = [own.as_ref().map(|o| o.url.as_str()), a.system.as_deref(), b.system.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let Some(first) = named.first() else {
        return Err(Refusal::required("Name the system of the codes."));
    };
    if let Some(other) = named.iter().find(|other| *other != first) {
        let text =
            format!("The codes are of several systems, {first} and {other}: neither stands above the other.");
        return Err(Refusal::invalid(text));
    }
    let url = (*first).to_owned();
    let wanted = a.version.or(b.version);
    let relation = match own {
        Some(own) => compare(&First { source, own: Arc::new(own) }, &url, None, &a.code, &b.code),
        None => compare(source, &url, wanted.as_deref(), &a.code, &b.code),
    };
    let relation = relation.map_err(|error| match error {
        TermError::UnknownSystem(_) => Refusal::missing(format!("The code system {url} is not known here.")),
        other => other.into(),
    })?;
    Ok(Answer::new().value("outcome", "valueCode", relation.as_str()).to_json())
}
