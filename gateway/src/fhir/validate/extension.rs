//! Extensions against their own definitions: known, in a place where they may stand, and followed.

use super::around::Surroundings;
use super::coded::short;
use super::walk::{Holder, More};
use crate::fhir::definitions::{self, Kind};
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::fhir::profile::check::Check;
use crate::fhir::profile::{Context, Profile};
use crate::json::Value;

/// What is wrong with an extension by its definition. Parts of a larger extension are judged by that one's.
pub fn check<'a>(more: &More<'a, '_>, value: &'a Value, modifying: bool, place: &str) -> Vec<Issue> {
    let Some(url) = value.str("url").filter(|url| url.contains(':')) else { return Vec::new() };
    let at = |severity, code, text: String| Issue { severity, ..Issue::error(code, text) }.at(place);
    let Some(profile) = more.definitions.profile(url) else {
        let severity = if is_of_hl7(url) { Severity::Warning } else { more.policy.unknown_extensions };
        if severity < Severity::Error && !more.policy.warnings {
            return Vec::new();
        }
        let text = format!("the extension {} is not known here", short(url));
        return vec![at(severity, IssueCode::Extension, text)];
    };
    let mut issues = Vec::new();
    if profile.type_name != "Extension" {
        let text = format!("{} is a profile on {}, not an extension", short(url), profile.type_name);
        return vec![at(Severity::Error, IssueCode::Extension, text)];
    }
    if profile.root.is_modifier != modifying {
        let text = match modifying {
            true => format!("{} does not modify; it belongs into extension", short(url)),
            false => format!("{} modifies what it stands in; it belongs into modifierExtension", short(url)),
        };
        issues.push(at(Severity::Error, IssueCode::Extension, text));
    }
    if !may_stand(&profile, more) {
        let places: Vec<&str> = profile.contexts.iter().map(|c| c.expression.as_str()).collect();
        let text = format!("{} may not stand here, only in {}", short(url), places.join(", "));
        issues.push(at(Severity::Error, IssueCode::Extension, text));
    }
    if let Some(id) = definitions::id_of("Extension") {
        let mut inner = Check::at(place, more.definitions, more.policy, more.around.clone());
        inner.profile(value, Kind::Complex(id), &profile);
        issues.append(&mut inner.issues);
    }
    issues
}

/// Addresses that HL7 gives out for every release: later extensions of the standard, and elements of other releases
/// (`http://hl7.org/fhir/5.0/StructureDefinition/extension-…`). They exist even where they are not known here.
fn is_of_hl7(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://hl7.org/fhir/") else { return false };
    let release = |text: &str| {
        text.split_once('/').is_some_and(|(release, rest)| {
            release.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && rest.starts_with("StructureDefinition/extension-")
        })
    };
    rest.starts_with("StructureDefinition/") || release(rest)
}

fn may_stand(profile: &Profile, more: &More<'_, '_>) -> bool {
    if profile.contexts.is_empty() {
        return true;
    }
    let holders = more.holders.split_last().map(|(_, outer)| outer).unwrap_or_default();
    profile.contexts.iter().any(|context| fits(context, holders, &more.around))
}

fn fits(context: &Context, holders: &[Holder], around: &Surroundings<'_>) -> bool {
    let wanted = context.expression.as_str();
    let resource = around.resource.and_then(|r| r.str("resourceType")).unwrap_or_default();
    let Some(last) = holders.last().filter(|h| !matches!(h.kind, Kind::Resource)) else {
        return is_type(resource, wanted) || matches!(wanted, "Element" | "Resource" | "DomainResource");
    };
    match context.kind.as_str() {
        // The parts of an extension and conditions on a place are left to the definition of the outer one.
        "extension" | "fhirpath" => true,
        _ => {
            let names = || {
                let inner: Vec<&str> = holders
                    .iter()
                    .rev()
                    .take_while(|h| !matches!(h.kind, Kind::Resource))
                    .map(|h| h.name)
                    .collect();
                let inner: Vec<&str> = inner.into_iter().rev().collect();
                format!("{resource}.{}", inner.join("."))
            };
            let bare = |path: &str| path.replace("[x]", "");
            let own = match last.kind {
                Kind::Primitive(primitive, _) => primitive.as_str(),
                Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id).map_or("", |d| d.name),
                Kind::Resource => "",
            };
            wanted == "Element"
                || is_type(own, wanted)
                || (wanted == "BackboneElement" && own.contains('.'))
                || bare(wanted) == format!("{}.{}", last.of.name, last.name)
                || bare(wanted) == names()
        }
    }
}

/// Whether a type is another or specialises it.
fn is_type(own: &str, wanted: &str) -> bool {
    own == wanted
        || definitions::id_of(own)
            .zip(definitions::id_of(wanted))
            .is_some_and(|(own, wanted)| definitions::is_a(own, wanted))
}
