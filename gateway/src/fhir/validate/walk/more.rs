//! What a walk looks at beyond the structure: invariants, bindings, extensions; and the resources that it meets.

use super::super::around::Surroundings;
use super::super::rules::{ElementRules, Invariant, TypeRules};
use super::super::{Definitions, Level, MOST_ISSUES, Outside, Policy, coded, extension, invariant};
use super::{Step, Walk};
use crate::fhir::definitions::{self, Kind, Type};
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::fhir::profile::Strength;
use crate::json::Value;

/// A resource that the walk met, for the checks that look at it as a whole.
pub struct Seen<'a> {
    /// Its place.
    pub place: String,
    /// The resource.
    pub value: &'a Value,
    /// What is around it.
    pub around: Surroundings<'a>,
}

/// Where an element stands: the type that has it, its name, and its own kind.
#[derive(Clone, Copy)]
pub struct Holder {
    /// The type that has it.
    pub of: &'static Type,
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
}

/// What a walk needs beyond the structure.
pub struct More<'a, 'd> {
    /// Where profiles and codes are found.
    pub definitions: &'d dyn Definitions,
    /// What is looked at.
    pub policy: &'d Policy,
    /// The resource at hand.
    pub around: Surroundings<'a>,
    /// Resources that were met, the outermost first.
    pub seen: Vec<Seen<'a>>,
    /// The elements around the one at hand.
    pub holders: Vec<Holder>,
}

impl<'a, 'd> Walk<'a, 'd> {
    /// Notes a resource that the walk comes to, and answers what was around before.
    pub(super) fn enter(&mut self, value: &'a Value) -> Option<Surroundings<'a>> {
        let place = self.more.is_some().then(|| self.expression())?;
        let more = self.more.as_mut()?;
        let inner = more.around.within(value);
        more.seen.push(Seen { place, value, around: inner.clone() });
        Some(std::mem::replace(&mut more.around, inner))
    }

    pub(super) fn leave(&mut self, outer: Option<Surroundings<'a>>) {
        if let (Some(more), Some(outer)) = (self.more.as_mut(), outer) {
            more.around = outer;
        }
    }

    /// The policy, when a level is asked for.
    pub(super) fn asks(&self, level: Level) -> Option<&More<'a, 'd>> {
        self.more.as_ref().filter(|more| more.policy.level >= level)
    }

    /// Adds what another check found at the place at hand, or under a member of it.
    pub(super) fn add(&mut self, member: &str, severity: Severity, code: IssueCode, text: String) {
        if severity >= Severity::Error {
            let length = self.path.len();
            if member.is_empty() {
                return self.issue(code, text);
            }
            let place = format!("{}.{member}", self.expression());
            if self.issues.len() < MOST_ISSUES && length > 0 {
                self.issues.push(Issue::error(code, text).at(place));
            }
        } else if self.notes.len() < MOST_ISSUES {
            let mut place = self.expression();
            if !member.is_empty() {
                place = format!("{place}.{member}");
            }
            self.notes.push(Issue { severity, ..Issue::error(code, text) }.at(place));
        }
    }

    /// Invariants of the type, and the code of a Coding or a Quantity by itself.
    pub(super) fn type_rules(
        &mut self,
        value: &'a Value,
        definition: &'static Type,
        rules: &'static TypeRules,
    ) {
        if let (false, Some(id)) = (rules.invariants.is_empty(), rules.id) {
            self.invariants(Some(value), None, Kind::Complex(id), &rules.invariants);
        }
        if let Some(more) = self.asks(Level::Terminology)
            && matches!(definition.name, "Coding" | "Quantity" | "Age" | "Duration" | "Count" | "Distance")
        {
            for (member, severity, code, text) in coded::coding_alone(more.definitions, more.policy, value) {
                self.add(member, severity, code, text);
            }
        }
    }

    pub(super) fn invariants(
        &mut self,
        value: Option<&'a Value>,
        twin: Option<&'a Value>,
        kind: Kind,
        list: &[&'static Invariant],
    ) {
        let Some(more) = self.asks(Level::Invariants).filter(|_| !list.is_empty()) else { return };
        let around = more.around.clone();
        let outside = Outside { definitions: more.definitions, policy: more.policy, around };
        let warnings = more.policy.warnings;
        for invariant in list.iter().filter(|i| i.is_error || warnings) {
            if let Some((severity, why)) = invariant::judge(invariant, value, twin, kind, &outside) {
                self.add("", severity, IssueCode::Invariant, why);
            }
        }
    }

    /// Binding and invariants of an element, on each occurrence.
    pub(super) fn element_rules(
        &mut self,
        value: &'a Value,
        twin: Option<&'a Value>,
        kind: Kind,
        rules: &'static ElementRules,
    ) {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let is_list = matches!(value, Value::Array(_));
        for (n, item) in items.iter().enumerate() {
            if is_list {
                self.path.push(Step::Item(n));
            }
            let beside = match twin {
                Some(Value::Array(twins)) => twins.get(n).filter(|t| **t != Value::Null),
                other => other,
            };
            self.invariants(Some(item), beside, kind, &rules.invariants);
            self.binding(item, kind, rules);
            if is_list {
                self.path.pop();
            }
        }
    }

    pub(super) fn binding(&mut self, item: &'a Value, kind: Kind, rules: &'static ElementRules) {
        let Some(more) = self.asks(Level::Terminology) else { return };
        let (Some(binding), false) = (&rules.binding, matches!(kind, Kind::Primitive(_, Some(_)))) else {
            return;
        };
        let name = match kind {
            Kind::Primitive(primitive, _) => primitive.as_str(),
            Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id).map_or("", |d| d.name),
            Kind::Resource => "Resource",
        };
        for (member, severity, code, text) in coded::bound(more.definitions, more.policy, binding, name, item)
        {
            self.add(member, severity, code, text);
        }
    }

    /// The definition of an extension: known, allowed here, and followed.
    pub(super) fn known_extension(&mut self, value: &'a Value) {
        let Some(more) = self.asks(Level::Profiles) else { return };
        let modifying = more.holders.last().is_some_and(|h| h.name == "modifierExtension");
        let found = extension::check(more, value, modifying, &self.expression());
        for issue in found {
            match issue.severity {
                Severity::Error | Severity::Fatal if self.issues.len() < MOST_ISSUES => {
                    self.issues.push(issue)
                }
                Severity::Warning | Severity::Information if self.notes.len() < MOST_ISSUES => {
                    self.notes.push(issue);
                }
                _ => {}
            }
        }
    }

    /// A primitive with extensions alone where a code is required.
    pub(super) fn absent(&mut self, value: &Value, rules: Option<&'static ElementRules>) {
        let binding = rules.and_then(|r| r.binding.as_ref());
        let required = binding.is_some_and(|b| b.strength == Strength::Required);
        if required && self.asks(Level::Terminology).is_some() {
            let first = if matches!(value, Value::Array(_)) { "[0]" } else { "" };
            let place = format!("{}{first}", self.expression());
            if self.issues.len() < MOST_ISSUES {
                let text = "no code is given, and one of the value set is required";
                self.issues.push(Issue::error(IssueCode::CodeInvalid, text).at(place));
            }
        }
    }
}
