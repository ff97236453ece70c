//! What a reference points at: its type and profiles, where it may be, and whether a version is named.

use super::check::Check;
use super::{Aggregation, TypeRef, Versioning, core_type};
use crate::fhir::definitions::Kind;
use crate::fhir::id::Reference;
use crate::fhir::outcome::{IssueCode, Severity};
use crate::json::Value;

impl<'a> Check<'a, '_> {
    /// What a reference points at must be of one of the types, and follow one of the profiles where it can be seen.
    pub(super) fn target(&mut self, value: &'a Value, urls: &[&str]) {
        let Some(text) = value.str("reference") else { return };
        let found = self.around.resolve(text);
        let own = match (found, Reference::parse(text)) {
            (Some(found), _) => found.str("resourceType").map(str::to_owned),
            (None, Some(Reference::Record { kind, .. } | Reference::Conditional { kind, .. })) => {
                Some(kind.as_str().to_owned())
            }
            (None, _) => value.str("type").map(str::to_owned),
        };
        let Some(own) = own else { return };
        let mut names = Vec::new();
        let mut fitting = Vec::new();
        for url in urls {
            let profile = if core_type(url).is_some() { None } else { self.definitions.profile(url) };
            let Some(name) = core_type(url).or(profile.as_ref().map(|p| p.type_name.as_str())) else {
                return;
            };
            if name == own || name == "Resource" {
                fitting.push(profile.clone());
            }
            names.push(name.to_owned());
        }
        if fitting.is_empty() {
            let text = format!("a reference to {own} is not allowed here, only to {}", names.join(", "));
            return self.error(IssueCode::Invalid, text);
        }
        let Some(found) = found.filter(|_| fitting.iter().all(Option::is_some)) else { return };
        let mut why = None;
        for profile in fitting.iter().flatten() {
            let issues = self.attempt(found, Kind::Resource, profile);
            let error = issues.into_iter().find(|i| i.severity >= Severity::Error);
            match error {
                None => return,
                Some(error) => why.get_or_insert((profile.url.clone(), error)),
            };
        }
        if let Some((url, error)) = why {
            self.error(IssueCode::Structure, format!("what it points at does not follow {url}: {error}"));
        }
    }

    /// Where the target of a reference may be. One that is in the same bundle is also a resource of its own.
    pub(super) fn place_of_target(&mut self, value: &Value, types: &[&TypeRef]) {
        let Some(text) = value.str("reference") else { return };
        if types.iter().any(|t| t.aggregation.is_empty()) {
            return;
        }
        let modes: Vec<Aggregation> = types.iter().flat_map(|t| &t.aggregation).copied().collect();
        let place = if text.starts_with('#') {
            Aggregation::Contained
        } else if self.around.resolve(text).is_some() {
            Aggregation::Bundled
        } else {
            Aggregation::Referenced
        };
        let fits = modes.contains(&place)
            || place == Aggregation::Bundled && modes.contains(&Aggregation::Referenced);
        if !fits {
            let wanted: Vec<&str> = modes.iter().map(|mode| mode.as_str()).collect();
            let text =
                format!("what it points at is {}, and must be {}", place.as_str(), wanted.join(" or "));
            self.error(IssueCode::Structure, text);
        }
    }

    /// Whether an address names a version: of a Reference (`/_history/`), or a canonical one (`|`).
    pub(super) fn version_of_target(&mut self, value: &Value, types: &[&TypeRef]) {
        let names_one = match (value.as_str(), value.str("reference")) {
            (Some(canonical), _) => canonical.contains('|'),
            (None, Some(text)) if !text.starts_with('#') => text.contains("/_history/"),
            (None, _) => return,
        };
        let wrong = |t: &&TypeRef| match t.versioning {
            Versioning::Either => false,
            Versioning::Independent => names_one,
            Versioning::Specific => !names_one,
        };
        if !types.is_empty() && types.iter().all(wrong) {
            let text = if names_one { "must not name a version" } else { "must name a version" };
            self.error(IssueCode::Structure, text.to_owned());
        }
    }
}
