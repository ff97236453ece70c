//! The check of a resource as a policy asks for it.

use std::collections::HashSet;
use std::rc::Rc;

use super::around::{Budget, MOST_OPEN};
use super::walk::{More, Seen, Walk};
use super::{Definitions, Level, Policy, Surroundings, structure};
use super::{MOST_ISSUES, content, form, invariant};
use crate::fhir::definitions::{self, Kind};
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::fhir::profile::check::Check;
use crate::fhir::profile::core_type;
use crate::fhir::resource::kind_of;
use crate::json::Value;

/// Checks resources by a policy, with definitions from wherever they are.
pub struct Validator<'d> {
    definitions: &'d dyn Definitions,
    policy: Policy,
    most_steps: u64,
}

/// Steps that one check may take unless a caller says otherwise: elements that expressions visit, items that they make
/// and compare, elements that are held against profiles.
pub const MOST_STEPS: u64 = Budget::MOST_STEPS;

impl<'d> Validator<'d> {
    /// A validator.
    pub const fn new(definitions: &'d dyn Definitions, policy: Policy) -> Self {
        Self { definitions, policy, most_steps: Budget::MOST_STEPS }
    }

    /// Another bound on the work of one check: elements that expressions visit and that profiles are held against.
    #[must_use]
    pub const fn with_most_steps(mut self, steps: u64) -> Self {
        self.most_steps = steps;
        self
    }

    /// Everything that is wrong with a resource, errors first, each with its place. `profiles` are asked for by the
    /// caller, beyond those that the resource claims in `meta.profile`.
    pub fn check(&self, resource: &Value, profiles: &[&str]) -> Vec<Issue> {
        let budget = Rc::new(Budget::of(self.most_steps));
        let mut issues = self.within(resource, profiles, &budget);
        if budget.left() == 0 {
            let text = if budget.is_too_deep() {
                format!(
                    "its profiles ask for one another by conformsTo more than {MOST_OPEN} deep, which is the limit"
                )
            } else {
                format!(
                    "checking this takes more than {} steps (fhir.validation_steps), so that not all of it was checked; \
                     send it in smaller parts, or look for a costly invariant in its profiles",
                    budget.most()
                )
            };
            let place = resource.str("resourceType").unwrap_or_default();
            issues.insert(0, Issue::error(IssueCode::TooCostly, text).at(place));
        }
        issues
    }

    /// The same, with the work that may be done.
    pub(super) fn within(&self, resource: &Value, profiles: &[&str], budget: &Rc<Budget>) -> Vec<Issue> {
        let kind = match kind_of(resource) {
            Err(outcome) => return outcome.issues,
            Ok(kind) => kind,
        };
        if self.policy.level == Level::Structure && profiles.is_empty() {
            return structure(resource);
        }
        let Some(definition) = definitions::resource(kind) else { return Vec::new() };
        let mut walk = Walk::at(kind.as_str());
        walk.more = Some(More {
            definitions: self.definitions,
            policy: &self.policy,
            around: Surroundings::with(Rc::clone(budget)),
            seen: Vec::new(),
            holders: Vec::new(),
        });
        walk.resource(resource, definition);
        let mut issues = walk.issues;
        let mut notes = walk.notes;
        let seen = walk.more.map(|more| more.seen).unwrap_or_default();
        for (n, one) in seen.iter().enumerate() {
            let asked = if n == 0 { profiles } else { &[] };
            let found = self.whole(one, asked);
            let (errors, rest): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|i| i.severity >= Severity::Error);
            issues.extend(errors);
            notes.extend(rest);
            if issues.len() > MOST_ISSUES {
                break;
            }
        }
        if issues.len() > MOST_ISSUES {
            issues.truncate(MOST_ISSUES);
            issues.push(more());
        }
        notes.truncate(MOST_ISSUES);
        if self.policy.warnings {
            issues.extend(notes);
        }
        issues
    }

    /// What concerns a resource as a whole.
    fn whole(&self, seen: &Seen<'_>, asked: &[&str]) -> Vec<Issue> {
        let mut issues = Vec::new();
        let ruled = self.policy.level >= Level::Invariants;
        for (n, id) in if ruled { invariant::unreferenced(seen.value) } else { Vec::new() } {
            let text = format!("nothing refers to the contained resource \"{id}\" (dom-3)");
            issues
                .push(Issue::error(IssueCode::Invariant, text).at(format!("{}.contained[{n}]", seen.place)));
        }
        if ruled && self.policy.warnings && is_bare(seen) {
            let text = "a resource should have a narrative (dom-6)";
            issues.push(Issue::warning(IssueCode::Invariant, text).at(&*seen.place));
        }
        if ruled && seen.value.str("resourceType") == Some("StructureDefinition") {
            issues.extend(content::profile(self.definitions, seen.value, &seen.place));
        }
        if self.policy.level >= Level::Profiles {
            issues.extend(content::check(self.definitions, &self.policy, seen.value, &seen.place));
            if seen.value.str("resourceType") == Some("QuestionnaireResponse") {
                issues.extend(form::response(self.definitions, &self.policy, seen.value, &seen.place));
            }
        }
        self.profiles(seen, asked, &mut issues);
        issues
    }

    fn profiles(&self, seen: &Seen<'_>, asked: &[&str], issues: &mut Vec<Issue>) {
        let claimed = seen.value.get("meta").map(|m| m.items("profile")).unwrap_or_default();
        let claimed =
            claimed.iter().filter_map(Value::as_str).filter(|_| self.policy.level >= Level::Profiles);
        let urls = asked.iter().map(|url| (*url, true)).chain(claimed.map(|url| (url, false)));
        let mut met = HashSet::new();
        for (url, wanted) in urls.filter(|(url, _)| met.insert(*url)) {
            if core_type(url).is_some_and(|name| seen.value.str("resourceType") == Some(name)) {
                continue;
            }
            let Some(profile) = self.definitions.profile(url) else {
                let text = format!("the profile {url} is not known here; load it first");
                let severity = if wanted { Severity::Error } else { Severity::Warning };
                let place = if wanted { seen.place.clone() } else { format!("{}.meta.profile", seen.place) };
                issues.push(Issue { severity, ..Issue::error(IssueCode::NotFound, text) }.at(place));
                continue;
            };
            let mut check = Check::at(&seen.place, self.definitions, &self.policy, seen.around.clone());
            check.profile(seen.value, Kind::Resource, &profile);
            issues.append(&mut check.issues);
        }
    }
}

/// What stands for the issues that are not listed.
pub fn more() -> Issue {
    let text = format!("There are more problems; the first {MOST_ISSUES} are listed.");
    Issue { severity: Severity::Information, ..Issue::error(IssueCode::TooCostly, text) }
}

/// Neither contained nor with a narrative, though its type has one.
fn is_bare(seen: &Seen<'_>) -> bool {
    let kind = kind_of(seen.value).ok().and_then(definitions::resource);
    !seen.around.is_contained()
        && seen.value.get("text").is_none()
        && kind.is_some_and(|k| k.member("text").is_some())
}
