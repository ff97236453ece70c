//! Codes against value sets and systems.

use super::policy::{Definitions, Policy};
use crate::fhir::outcome::{IssueCode, Severity};
use crate::fhir::profile::{Binding, Strength};
use crate::fhir::terminology::{Content, Membership, canonical, in_system, is_text_of, member};
use crate::json::Value;

/// One thing that is wrong: under which member, how grave, what kind, in words.
pub type Fault = (&'static str, Severity, IssueCode, String);

/// What is wrong with a coded value under a binding.
pub fn bound(
    definitions: &dyn Definitions,
    policy: &Policy,
    binding: &Binding,
    type_name: &str,
    value: &Value,
) -> Vec<Fault> {
    let severity = match binding.strength {
        Strength::Required => Severity::Error,
        Strength::Extensible => Severity::Warning,
        Strength::Preferred => Severity::Information,
        Strength::Example => return Vec::new(),
    };
    if severity < Severity::Error && !policy.warnings {
        return Vec::new();
    }
    let (url, version) = canonical(&binding.value_set);
    let Some(set) = definitions.value_set(url, version) else {
        return unknown(
            policy,
            format!("the value set {url} is not known here, so its codes were not checked"),
        );
    };
    let asked: Vec<(Option<&str>, &str)> = match type_name {
        "CodeableConcept" => value.items("coding").iter().filter_map(coding).collect(),
        "Coding" => coding(value).into_iter().collect(),
        "Quantity" | "SimpleQuantity" | "Age" | "Duration" | "Count" | "Distance" | "MoneyQuantity" => {
            coding(value).into_iter().collect()
        }
        _ => value.as_str().map(|code| (None, code)).into_iter().collect(),
    };
    if asked.is_empty() {
        let text_only = value.get("text").is_some();
        let absent = value.get("extension").is_some();
        let grave = binding.strength == Strength::Required && !absent && type_name != "Quantity";
        let what = format!("a code from the value set {} is needed", set.label());
        return match (grave, text_only) {
            (true, _) => vec![("", Severity::Error, IssueCode::CodeInvalid, what)],
            _ => Vec::new(),
        };
    }
    let mut missing = None;
    for (system, code) in &asked {
        match member(definitions, &set, *system, code) {
            Membership::In => return Vec::new(),
            Membership::Unknown(what) => missing = Some(what),
            Membership::Out => {}
        }
    }
    if let Some(what) = missing {
        return unknown(
            policy,
            format!("{what} is not known here, so the codes of {} were not checked", set.label()),
        );
    }
    let shown: Vec<String> = asked
        .iter()
        .map(|(system, code)| match system {
            Some(system) => format!("{}|{}", short(system), short(code)),
            None => short(code),
        })
        .collect();
    let text = format!(
        "{} is not in the value set {} ({})",
        shown.join(", "),
        set.label(),
        binding.strength.as_str()
    );
    vec![("", severity, IssueCode::CodeInvalid, text)]
}

fn unknown(policy: &Policy, text: String) -> Vec<Fault> {
    if policy.warnings { vec![("", Severity::Warning, IssueCode::NotFound, text)] } else { Vec::new() }
}

fn coding(value: &Value) -> Option<(Option<&str>, &str)> {
    value.str("code").map(|code| (value.str("system"), code))
}

/// What is wrong with a Coding by itself: its system, its code in the system, its display.
pub fn coding_alone(definitions: &dyn Definitions, policy: &Policy, value: &Value) -> Vec<Fault> {
    let Some(system) = value.str("system") else { return Vec::new() };
    let version = value.str("version");
    let known = definitions.code_system(system, version);
    let mut faults = Vec::new();
    if let Some(known) = known.as_ref().filter(|k| k.content == Content::Supplement) {
        let text = format!("{} is a supplement and cannot be the system of a code", known.url);
        faults.push(("system", Severity::Error, IssueCode::Invalid, text));
        return faults;
    }
    let Some(code) = value.str("code") else { return faults };
    match in_system(definitions, system, version, code) {
        Membership::In => {}
        Membership::Out => {
            let text = format!("the code system {} has no code \"{}\"", short(system), short(code));
            faults.push(("code", Severity::Error, IssueCode::CodeInvalid, text));
        }
        Membership::Unknown(what) => {
            let text = format!(
                "the code system {} is not known here, so \"{}\" was not checked",
                short(&what),
                short(code)
            );
            faults.extend(unknown(policy, text));
        }
    }
    let concept = known.as_ref().and_then(|k| k.find(code));
    if let (Some(concept), Some(display)) = (concept, value.str("display"))
        && !is_text_of(&concept, display)
        && (policy.warnings || policy.displays >= Severity::Error)
    {
        let right = concept.display.as_deref().unwrap_or_default();
        let text =
            format!("the display \"{}\" is not that of {}: it is \"{right}\"", short(display), short(code));
        faults.push(("display", policy.displays, IssueCode::Invalid, text));
    }
    faults
}

/// At most a hundred characters of a text from outside.
pub fn short(text: &str) -> String {
    text.chars().take(100).collect()
}
