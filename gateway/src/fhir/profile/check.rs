//! A value against a profile. The structure of the base type is known to be right, or has been reported.

use super::compare::{fits, same};
use super::compile::type_of;
use super::{Node, Profile, TypeRef, core_type};
use crate::fhir::definitions::{self, Kind, Type};
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::fhir::search::decimal;
use crate::fhir::validate::coded;
use crate::fhir::validate::invariant;
use crate::fhir::validate::{Definitions, Outside, Policy, Surroundings};
use crate::json::{Object, Value};

/// Profiles within profiles beyond which a check stops.
const MOST_DEPTH: usize = 24;

/// One check against profiles.
pub struct Check<'a, 'd> {
    /// Where profiles and codes are found.
    pub definitions: &'d dyn Definitions,
    /// What is looked at.
    pub policy: &'d Policy,
    /// What was found.
    pub issues: Vec<Issue>,
    /// The place at hand.
    pub path: String,
    /// The resource at hand and what is around it.
    pub around: Surroundings<'a>,
    /// Profiles that are being checked, with the place of the value: a ring ends here.
    open: Vec<(*const Value, String)>,
}

/// One occurrence of an element.
#[derive(Clone, Copy)]
pub(super) struct Occurrence<'a> {
    /// Its value; none when a primitive has extensions alone.
    pub value: Option<&'a Value>,
    /// The member `_name` beside it.
    pub twin: Option<&'a Value>,
    /// Its type.
    pub kind: Kind,
    /// Its number in a list.
    pub index: Option<usize>,
}

impl<'a> Occurrence<'a> {
    /// The name of its type; that of the resource itself where any may stand.
    pub fn type_name(&self) -> &'a str {
        match self.kind {
            Kind::Resource => self.value.and_then(|v| v.str("resourceType")).unwrap_or("Resource"),
            other => type_of(other).unwrap_or_default(),
        }
    }

    /// The object with its elements: itself, or the twin of a primitive.
    pub fn object(&self) -> Option<&'a Object> {
        match self.kind {
            Kind::Primitive(..) => self.twin.and_then(Value::as_object),
            Kind::Complex(_) | Kind::Reference(..) | Kind::Resource => self.value.and_then(Value::as_object),
        }
    }

    /// The definition of its elements.
    pub fn definition(&self) -> Option<&'static Type> {
        match self.kind {
            Kind::Primitive(..) => definitions::by_name("Element"),
            Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
            Kind::Resource => definitions::by_name(self.value?.str("resourceType")?),
        }
    }
}

/// The occurrences of an element in an object, whatever form of a choice it stands in.
pub(super) fn occurrences<'a>(
    object: &'a Object,
    definition: &'static Type,
    name: &str,
) -> Vec<Occurrence<'a>> {
    let mut out: Vec<Occurrence<'a>> = Vec::new();
    for (key, value) in object.iter() {
        let (plain, is_twin) = key.strip_prefix('_').map_or((key, false), |k| (k, true));
        let Some((element, kind)) = definition.member(plain) else { continue };
        if element.name != name || (is_twin && object.contains_key(plain)) {
            continue;
        }
        let partner = if is_twin { None } else { object.get(&format!("_{plain}")) };
        let pair = |value, twin, index| match is_twin {
            true => Occurrence { value: None, twin: Some(value), kind, index },
            false => Occurrence { value: Some(value), twin, kind, index },
        };
        match value {
            Value::Array(items) => out.extend(items.iter().enumerate().map(|(n, item)| {
                let twin =
                    partner.and_then(Value::as_array).and_then(|p| p.get(n)).filter(|t| **t != Value::Null);
                let mut one = pair(item, twin, Some(n));
                one.value = one.value.filter(|v| **v != Value::Null);
                one
            })),
            one => out.push(pair(one, partner, None)),
        }
    }
    out
}

impl<'a, 'd> Check<'a, 'd> {
    /// A check that starts at a place.
    pub fn at(
        place: &str,
        definitions: &'d dyn Definitions,
        policy: &'d Policy,
        around: Surroundings<'a>,
    ) -> Self {
        Self { definitions, policy, issues: Vec::new(), path: place.to_owned(), around, open: Vec::new() }
    }

    /// What expressions may ask for.
    fn outside(&self) -> Outside<'a, 'd> {
        Outside { definitions: self.definitions, policy: self.policy, around: self.around.clone() }
    }

    fn issue(&mut self, severity: Severity, code: IssueCode, text: String) {
        if severity >= Severity::Error || self.policy.warnings {
            self.issues.push(Issue { severity, ..Issue::error(code, text) }.at(self.path.clone()));
        }
    }

    pub(super) fn error(&mut self, code: IssueCode, text: String) {
        self.issue(Severity::Error, code, text);
    }

    /// Does something at a place within.
    pub(super) fn within(&mut self, name: &str, index: Option<usize>, then: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        if let Some(index) = index {
            self.path.push_str(&format!("[{index}]"));
        }
        then(self);
        self.path.truncate(length);
    }

    /// A resource, or a value of a type, against a profile.
    pub fn profile(&mut self, value: &'a Value, kind: Kind, profile: &Profile) {
        let key = (std::ptr::from_ref(value), profile.url.clone());
        if self.open.contains(&key) || self.open.len() > MOST_DEPTH {
            return;
        }
        let one = Occurrence { value: Some(value), twin: None, kind, index: None };
        let own = one.type_name();
        let quantity = profile.type_name == "Quantity" && own != "Quantity";
        if own != profile.type_name
            && !quantity
            && !matches!(profile.type_name.as_str(), "Resource" | "DomainResource")
        {
            let text = format!("is a {own}, but the profile {} is for {}", profile.url, profile.type_name);
            return self.error(IssueCode::Structure, text);
        }
        self.open.push(key);
        let (is_resource, outer) = (matches!(kind, Kind::Resource), self.around.clone());
        if is_resource && self.around.resource.is_some_and(|r| !std::ptr::eq(r, value)) {
            self.around = self.around.within(value);
        }
        self.occurrence(&one, &profile.root, &profile.url);
        self.around = outer;
        self.open.pop();
    }

    /// What a profile finds wrong, without reporting it.
    pub(super) fn attempt(&mut self, value: &'a Value, kind: Kind, profile: &Profile) -> Vec<Issue> {
        let before = std::mem::take(&mut self.issues);
        self.profile(value, kind, profile);
        std::mem::replace(&mut self.issues, before)
    }

    /// Whether a value follows a profile.
    pub fn follows(&mut self, value: &'a Value, kind: Kind, profile: &Profile) -> bool {
        !self.attempt(value, kind, profile).iter().any(|i| i.severity >= Severity::Error)
    }

    /// Counts a piece of work; false when the whole check has had enough of it, which is told at its end.
    pub(super) fn charge(&mut self) -> bool {
        self.around.budget.take(1)
    }

    /// One occurrence against what a profile says about it.
    pub(super) fn occurrence(&mut self, one: &Occurrence<'a>, node: &Node, profile: &str) {
        if !self.charge() {
            return;
        }
        if let Some(types) = &node.types {
            self.types(one, types);
        }
        if let Some(value) = one.value {
            self.value(value, node);
            if let Some(binding) = &node.binding {
                for (member, severity, code, text) in
                    coded::bound(self.definitions, self.policy, binding, one.type_name(), value)
                {
                    let at =
                        if member.is_empty() { self.path.clone() } else { format!("{}.{member}", self.path) };
                    self.issues.push(Issue { severity, ..Issue::error(code, text) }.at(at));
                }
            }
        }
        for constraint in &node.constraints {
            if !constraint.is_error && !self.policy.warnings {
                continue;
            }
            if let Some((severity, why)) =
                invariant::judge(constraint, one.value, one.twin, one.kind, &self.outside())
            {
                self.issue(severity, IssueCode::Invariant, format!("{why} (from {profile})"));
            }
        }
        if node.children.is_empty() {
            return;
        }
        let Some(definition) = one.definition() else { return };
        let outer = self.around.clone();
        if let (Kind::Resource, Some(value)) = (one.kind, one.value)
            && !self.around.resource.is_some_and(|r| std::ptr::eq(r, value))
        {
            self.around = self.around.within(value);
        }
        self.content(one, definition, node, profile);
        self.around = outer;
    }

    fn content(&mut self, one: &Occurrence<'a>, definition: &'static Type, node: &Node, profile: &str) {
        match one.object() {
            Some(object) => self.children(object, definition, node, profile),
            None => {
                for child in
                    node.children.iter().filter(|c| c.min.unwrap_or_default() > 0 && c.name != "value")
                {
                    self.within(&child.name, None, |check| {
                        check.error(
                            IssueCode::Required,
                            format!("{} is required (from {profile})", child.name),
                        );
                    });
                }
            }
        }
    }

    fn children(&mut self, object: &'a Object, definition: &'static Type, node: &Node, profile: &str) {
        for child in &node.children {
            let found = occurrences(object, definition, &child.name);
            self.counts(found.len(), child, profile);
            for one in &found {
                self.within(&child.name, one.index, |check| check.occurrence(one, child, profile));
            }
            if !child.slices.is_empty() || child.slicing.is_some() {
                self.slices(&found, child, profile, None);
            }
        }
    }

    fn counts(&mut self, count: usize, node: &Node, profile: &str) {
        let (min, max) = (node.min.unwrap_or_default(), node.max.unwrap_or(u32::MAX));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count < min {
            let text = format!("at least {min} of {} needed, {count} found (from {profile})", node.name);
            self.within(&node.name, None, |check| check.error(IssueCode::Required, text));
        } else if count > max {
            let text = format!("at most {max} of {} allowed, {count} found (from {profile})", node.name);
            self.within(&node.name, None, |check| check.error(IssueCode::Structure, text));
        }
    }

    fn value(&mut self, value: &'a Value, node: &Node) {
        if let Some(fixed) = node.fixed.as_ref().filter(|fixed| !same(value, fixed)) {
            self.error(IssueCode::Value, format!("must be exactly {}", coded::short(&fixed.to_string())));
        }
        if let Some(pattern) = node.pattern.as_ref().filter(|pattern| !fits(value, pattern)) {
            self.error(IssueCode::Value, format!("must hold {}", coded::short(&pattern.to_string())));
        }
        if let (Some(most), Some(text)) = (node.max_length, value.as_str())
            && text.chars().count() > most as usize
        {
            self.error(IssueCode::TooLong, format!("must not be longer than {most} characters"));
        }
        for (limit, wrong, word) in [
            (&node.min_value, std::cmp::Ordering::Less, "least"),
            (&node.max_value, std::cmp::Ordering::Greater, "most"),
        ] {
            if let Some(limit) = limit
                && order(value, limit) == Some(wrong)
            {
                self.error(IssueCode::Value, format!("must be at {word} {limit}"));
            }
        }
    }

    fn types(&mut self, one: &Occurrence<'a>, types: &[TypeRef]) {
        let own = one.type_name();
        let matching: Vec<&TypeRef> = types.iter().filter(|t| is_type(own, &t.code)).collect();
        if matching.is_empty() {
            let names: Vec<&str> = types.iter().map(|t| t.code.as_str()).collect();
            return self.error(IssueCode::Structure, format!("must be {}, not {own}", names.join(" or ")));
        }
        let Some(value) = one.value else { return };
        let profiles: Vec<&str> = matching.iter().flat_map(|t| &t.profiles).map(String::as_str).collect();
        if !profiles.is_empty() && matching.iter().all(|t| !t.profiles.is_empty()) {
            self.any_profile(value, one.kind, &profiles);
        }
        let targets: Vec<&str> = matching.iter().flat_map(|t| &t.targets).map(String::as_str).collect();
        if own == "Reference" {
            if !targets.is_empty() {
                self.target(value, &targets);
            }
            self.place_of_target(value, &matching);
        }
        if matches!(own, "Reference" | "canonical") {
            self.version_of_target(value, &matching);
        }
    }

    /// A value must follow one of several profiles. Those that are not known here are taken to be followed.
    fn any_profile(&mut self, value: &'a Value, kind: Kind, urls: &[&str]) {
        let mut first: Option<(String, Vec<Issue>)> = None;
        for url in urls {
            if core_type(url).is_some() {
                return;
            }
            let Some(profile) = self.definitions.profile(url) else { return };
            let issues = self.attempt(value, kind, &profile);
            if !issues.iter().any(|i| i.severity >= Severity::Error) {
                self.issues.extend(issues);
                return;
            }
            first.get_or_insert_with(|| (profile.url.clone(), issues));
        }
        match first {
            Some((_, issues)) if urls.len() == 1 => self.issues.extend(issues),
            Some((url, issues)) => {
                let why = issues.iter().find(|i| i.severity >= Severity::Error).map(Issue::to_string);
                let text =
                    format!("follows none of {}; {url} says: {}", urls.join(", "), why.unwrap_or_default());
                self.error(IssueCode::Structure, text);
            }
            None => {}
        }
    }
}

/// Whether a value of a type may stand where another is named.
pub(super) fn is_type(own: &str, wanted: &str) -> bool {
    own == wanted
        || matches!(wanted, "Resource" | "DomainResource" | "Element" | "BackboneElement")
        || (own.contains('.') && !wanted.contains('.') && matches!(wanted, "Element" | "BackboneElement"))
        || (own == "Quantity"
            && matches!(
                wanted,
                "SimpleQuantity" | "MoneyQuantity" | "Age" | "Count" | "Distance" | "Duration"
            ))
        || (wanted == "Quantity" && matches!(own, "Age" | "Count" | "Distance" | "Duration"))
}

/// How a value stands to a limit: numbers by value, dates and times by text of the same length, quantities by value
/// when the unit is the same.
fn order(value: &Value, limit: &Value) -> Option<std::cmp::Ordering> {
    match (value, limit) {
        (Value::Number(a), Value::Number(b)) => {
            Some(decimal::encode(a.as_str())?.cmp(&decimal::encode(b.as_str())?))
        }
        (Value::String(a), Value::String(b)) => {
            let length = a.len().min(b.len());
            Some(a.get(..length)?.cmp(b.get(..length)?))
        }
        (Value::Object(_), Value::Object(_)) => {
            let unit = |v: &Value| v.str("code").or_else(|| v.str("unit")).map(str::to_owned);
            if unit(value) != unit(limit) {
                return None;
            }
            order(value.get("value")?, limit.get("value")?)
        }
        _ => None,
    }
}
