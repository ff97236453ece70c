//! CodeSystem/$lookup.

use super::super::{Designation, Found, Property, Source, TermError, lookup as find};
use super::coding::Coding;
use super::{Refusal, coding};
use crate::fhir::parameters::{Answer, Parameters};
use crate::json::Value;

/// What a code means: name, version, display, designations and properties.
///
/// # Errors
/// [`Refusal::Missing`] when the system or the code is not here.
pub fn lookup(source: &dyn Source, mut given: Parameters) -> Result<Value, Refusal> {
    let asked = asked(&mut given)?;
    let language = given.text("displayLanguage")?;
    let wanted = given.texts("property")?;
    given.finish()?;
    let found = found(source, &asked)?;
    let spoken = language.as_deref().and_then(|l| found.designations.iter().find(|d| d.speaks(l)));
    let display = spoken.map(|d| d.value.clone()).or_else(|| found.display.clone());
    let mut out = Answer::new().value("name", "valueString", found.name.as_str());
    if let Some(version) = &found.version {
        out = out.value("version", "valueString", version.as_str());
    }
    out = out.value("display", "valueString", display.unwrap_or_else(|| found.code.clone()));
    let is_asked = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    for designation in &found.designations {
        let by_language = |name: &String| name.strip_prefix("lang.").is_some_and(|l| designation.speaks(l));
        if is_asked("designation") || wanted.iter().any(by_language) {
            out = out.parts("designation", text(designation));
        }
    }
    for (name, value) in properties(&found).iter().filter(|(name, _)| is_asked(name)) {
        let (member, value) = value.member();
        let mut parts = Answer::new().value("code", "valueCode", name.as_str()).value("value", member, value);
        if let Some((_, text)) = found.described.iter().find(|(own, _)| own == name) {
            parts = parts.value("description", "valueString", text.as_str());
        }
        out = out.parts("property", parts);
    }
    Ok(out.to_json())
}

fn asked(given: &mut Parameters) -> Result<Coding, Refusal> {
    let (code, coding) = (given.text("code")?, coding::one(given, "coding")?);
    let (system, version) = (given.text("system")?, given.text("version")?);
    let asked = match (code, coding) {
        (Some(code), None) => Coding::of(code, system, version),
        (None, Some(coding)) => coding,
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("Give either \"coding\" or \"code\" with \"system\"."));
        }
        (None, None) => {
            return Err(Refusal::required("Give the code: \"code\" with \"system\", or \"coding\"."));
        }
    };
    if asked.system.is_none() {
        return Err(Refusal::required("Name the system of the code."));
    }
    Ok(asked)
}

/// What the system says of the code, with what supplements add.
fn found(source: &dyn Source, asked: &Coding) -> Result<Found, Refusal> {
    let system = asked.system.as_deref().unwrap_or_default();
    let mut found =
        find(source, system, asked.version.as_deref(), &asked.code).map_err(|error| match error {
            TermError::UnknownSystem(_) => {
                Refusal::missing(format!("The code system {system} is not known here."))
            }
            other => other.into(),
        })?;
    if let (Some(wanted), Some(own)) = (&asked.version, &found.version)
        && wanted != own
    {
        let text = format!("Of the code system {system} the version {own} is here, not {wanted}.");
        return Err(Refusal::missing(text));
    }
    for supplement in source.supplements(system) {
        if let Some(more) = supplement.find(&asked.code) {
            found.designations.extend(more.designations.iter().cloned());
            found.properties.extend(more.properties.iter().cloned());
        }
    }
    Ok(found)
}

fn text(designation: &Designation) -> Answer {
    let mut parts = Answer::new();
    if let Some(language) = &designation.language {
        parts = parts.value("language", "valueCode", language.as_str());
    }
    if let Some(usage) = designation.usage_json() {
        parts = parts.value("use", "valueCoding", usage);
    }
    parts.value("value", "valueString", designation.value.as_str())
}

/// All properties, with those that every code has: definition, whether it is in use, whether it is only for grouping.
fn properties(found: &Found) -> Vec<(String, Property)> {
    let mut all = found.properties.clone();
    let has = |list: &[(String, Property)], name: &str| list.iter().any(|(own, _)| own == name);
    if let Some(definition) = &found.definition {
        all.insert(0, ("definition".to_owned(), Property::Text(definition.clone())));
    }
    if !has(&all, "inactive") {
        all.push(("inactive".to_owned(), Property::Flag(found.inactive)));
    }
    if found.is_abstract && !has(&all, "notSelectable") {
        all.push(("notSelectable".to_owned(), Property::Flag(true)));
    }
    all
}
