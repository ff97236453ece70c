//! The walk along a tree and its definition, side by side.

mod more;

use std::collections::HashSet;

use super::primitive::{name_of, problem};
use super::rules::{self, TypeRules};
use super::validator::more;
use super::{MOST_ISSUES, invariant, xhtml};
use crate::fhir::definitions::{self, Element, Kind, Primitive, Type};
use crate::fhir::id::Reference;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::resource::kind_of;
use crate::json::{Object, Value};

pub use more::{Holder, More, Seen};

enum Step<'a> {
    Name(&'a str),
    Item(usize),
}

/// How often an element of the object at hand was met, and under which name.
#[derive(Clone, Copy, Default)]
struct Met<'a> {
    name: Option<&'a str>,
    count: usize,
}

pub struct Walk<'a, 'd> {
    pub issues: Vec<Issue>,
    /// Warnings and hints, which do not count against the most issues.
    pub notes: Vec<Issue>,
    /// Checks beyond the structure, when there are any.
    pub more: Option<More<'a, 'd>>,
    path: Vec<Step<'a>>,
    met: Vec<Met<'a>>,
    /// Ids of the resources that the outermost resource contains; looked at for `#id`.
    contained: HashSet<&'a str>,
    inside_contained: bool,
}

impl<'a, 'd> Walk<'a, 'd> {
    /// A walk that starts at a place.
    pub fn at(place: &'a str) -> Self {
        Self {
            issues: Vec::new(),
            notes: Vec::new(),
            more: None,
            path: vec![Step::Name(place)],
            met: Vec::new(),
            contained: HashSet::new(),
            inside_contained: false,
        }
    }

    /// A resource that is not contained in another.
    pub fn resource(&mut self, value: &'a Value, definition: &'static Type) {
        let outer_around = self.enter(value);
        let inner = value.items("contained").iter().filter_map(|c| c.str("id")).collect();
        let outer = std::mem::replace(&mut self.contained, inner);
        let was_inside = std::mem::replace(&mut self.inside_contained, false);
        self.members(value, definition, true);
        self.contained = outer;
        self.inside_contained = was_inside;
        self.leave(outer_around);
    }

    /// An element that has elements.
    pub fn complex(&mut self, value: &'a Value, definition: &'static Type) {
        self.members(value, definition, false);
    }

    fn full(&self) -> bool {
        self.issues.len() > MOST_ISSUES
    }

    fn issue(&mut self, code: IssueCode, text: impl Into<String>) {
        if self.issues.len() == MOST_ISSUES {
            self.issues.push(more());
        }
        if !self.full() {
            let place = self.expression();
            self.issues.push(Issue::error(code, text).at(place));
        }
    }

    fn issue_at(&mut self, name: &'a str, code: IssueCode, text: impl Into<String>) {
        self.path.push(Step::Name(name));
        self.issue(code, text);
        self.path.pop();
    }

    fn expression(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            match step {
                Step::Name(name) => {
                    if !out.is_empty() {
                        out.push('.');
                    }
                    out.extend(name.chars().take(64));
                }
                Step::Item(n) => out.push_str(&format!("[{n}]")),
            }
        }
        out
    }

    fn members(&mut self, value: &'a Value, definition: &'static Type, is_resource: bool) {
        let Value::Object(object) = value else {
            return self.issue(IssueCode::Structure, format!("must be an object, not {}", name_of(value)));
        };
        if object.is_empty() {
            return self.issue(IssueCode::Structure, "must not be empty");
        }
        let rules = self.more.as_ref().and_then(|_| rules::of(definition.name));
        let floor = self.met.len();
        self.met.resize(floor + definition.elements.len(), Met::default());
        for (key, member) in object.iter() {
            if self.full() {
                break;
            }
            if !(is_resource && key == "resourceType") {
                self.member(object, definition, key, member, floor, rules);
            }
        }
        self.required(definition, floor);
        self.met.truncate(floor);
        match definition.name {
            "Extension" => {
                self.extension(object);
                self.known_extension(value);
            }
            "Reference" => self.reference(object),
            name => {
                if let Some(why) = invariant::broken_natively(name, value) {
                    self.issue(IssueCode::Invariant, why);
                }
            }
        }
        if let Some(rules) = rules {
            self.type_rules(value, definition, rules);
        }
    }

    fn member(
        &mut self,
        object: &'a Object,
        definition: &'static Type,
        key: &'a str,
        value: &'a Value,
        floor: usize,
        rules: Option<&'static TypeRules>,
    ) {
        let (name, is_twin) = key.strip_prefix('_').map_or((key, false), |name| (name, true));
        let Some((at, element, kind)) = definition.place(name) else {
            let text = format!(
                "{} has no element \"{}\"",
                definition.name,
                key.chars().take(64).collect::<String>()
            );
            return self.issue_at(key, IssueCode::Structure, text);
        };
        if is_twin && !matches!(kind, Kind::Primitive(..)) {
            let text = format!("{}.{name} is not a primitive and takes no \"{key}\"", definition.name);
            return self.issue_at(key, IssueCode::Structure, text);
        }
        self.meet(element, name, floor + at, value);
        self.path.push(Step::Name(element.name));
        if let Some(more) = self.more.as_mut() {
            more.holders.push(Holder { of: definition, name: element.name, kind });
        }
        match (element.is_list(), value) {
            (_, Value::Null) => self.issue(IssueCode::Structure, "must not be null"),
            (true, Value::Array(items)) if items.is_empty() => {
                self.issue(IssueCode::Structure, "must not be an empty array")
            }
            (true, Value::Array(items)) => self.items(object, name, is_twin, kind, items),
            (true, other) => {
                self.issue(IssueCode::Structure, format!("must be an array, not {}", name_of(other)))
            }
            (false, Value::Array(_)) => self.issue(IssueCode::Structure, "must not be an array"),
            (false, one) if is_twin => self.twin(one),
            (false, one) => self.one(one, kind, name == "contained"),
        }
        if let Some(more) = self.more.as_mut() {
            more.holders.pop();
            if let (Some(rules), false) = (rules.and_then(|r| r.element(element.name)), is_twin) {
                let twin =
                    matches!(kind, Kind::Primitive(..)).then(|| object.get(&format!("_{name}"))).flatten();
                self.element_rules(value, twin, kind, rules);
            } else if is_twin && !object.contains_key(name) {
                self.absent(value, rules.and_then(|r| r.element(element.name)));
            }
        }
        self.path.pop();
    }

    /// Counts an element and refuses a second form of a choice.
    fn meet(&mut self, element: &'static Element, name: &'a str, at: usize, value: &Value) {
        let count = value.as_array().map_or(1, <[Value]>::len);
        let Some(met) = self.met.get_mut(at) else { return };
        met.count = met.count.max(count);
        let first = *met.name.get_or_insert(name);
        if first != name {
            let text = format!("only one of {first} and {name} may be present");
            self.issue_at(element.name, IssueCode::Structure, text);
        }
    }

    fn required(&mut self, definition: &'static Type, floor: usize) {
        for (n, element) in definition.elements.iter().enumerate() {
            let met = self.met.get(floor + n).copied().unwrap_or_default();
            if element.min > 0 && met.count == 0 {
                let suffix = if element.choice { "[x]" } else { "" };
                self.issue_at(
                    element.name,
                    IssueCode::Required,
                    format!("{}{suffix} is required", element.name),
                );
            } else if met.count < usize::from(element.min) {
                self.issue_at(
                    element.name,
                    IssueCode::Required,
                    format!("at least {} are required", element.min),
                );
            } else if element.max != u16::MAX && element.is_list() && met.count > usize::from(element.max) {
                self.issue_at(
                    element.name,
                    IssueCode::Structure,
                    format!("at most {} are allowed", element.max),
                );
            }
        }
    }

    fn items(&mut self, object: &'a Object, name: &'a str, is_twin: bool, kind: Kind, items: &'a [Value]) {
        let partner = match kind {
            Kind::Primitive(..) if is_twin => object.get(name),
            Kind::Primitive(..) => object.get(&format!("_{name}")),
            Kind::Complex(_) | Kind::Reference(..) | Kind::Resource => None,
        };
        let partner = partner.and_then(Value::as_array);
        if is_twin && partner.is_some_and(|p| p.len() != items.len()) {
            self.issue(IssueCode::Structure, format!("{name} and _{name} must have the same length"));
        }
        if is_twin && items.iter().all(|item| *item == Value::Null) {
            self.issue(IssueCode::Structure, format!("_{name} must not hold only nulls"));
        }
        for (n, item) in items.iter().enumerate() {
            if self.full() {
                return;
            }
            self.path.push(Step::Item(n));
            match item {
                Value::Null => {
                    let filled = partner.and_then(|p| p.get(n)).is_some_and(|other| *other != Value::Null);
                    let alone = is_twin && partner.is_none();
                    if !filled && !alone {
                        self.issue(
                            IssueCode::Structure,
                            "must not be null without an extension or value beside it",
                        );
                    }
                }
                Value::Array(_) => self.issue(IssueCode::Structure, "must not be an array within an array"),
                item if is_twin => self.twin(item),
                item => self.one(item, kind, name == "contained"),
            }
            self.path.pop();
        }
    }

    /// What stands behind `_x`: id and extensions of a primitive.
    fn twin(&mut self, value: &'a Value) {
        if let Some(definition) = definitions::by_name("Element") {
            self.complex(value, definition);
        }
    }

    fn one(&mut self, value: &'a Value, kind: Kind, contained: bool) {
        match kind {
            Kind::Primitive(primitive, codes) => self.primitive(value, primitive, codes),
            Kind::Complex(id) => {
                if let Some(definition) = definitions::by_id(id) {
                    self.complex(value, definition);
                }
            }
            Kind::Reference(id, targets) => {
                if let Some(definition) = definitions::by_id(id) {
                    self.complex(value, definition);
                }
                if let Some(list) = targets {
                    self.target(value, list);
                }
            }
            Kind::Resource => self.inner_resource(value, contained),
        }
    }

    fn primitive(&mut self, value: &'a Value, primitive: Primitive, codes: Option<u16>) {
        if let Some(problem) = problem(value, primitive) {
            return self.issue(IssueCode::Value, problem);
        }
        let Value::String(text) = value else { return };
        if primitive == Primitive::Xhtml
            && let Err(why) = xhtml::check(text)
        {
            self.issue(IssueCode::Invalid, format!("the narrative is not acceptable: {why}"));
        }
        if let Some(set) = codes.filter(|set| !definitions::has_code(*set, text)) {
            let known = definitions::codes(set);
            let list = if known.len() <= 20 { format!(": {}", known.join(", ")) } else { String::new() };
            let shown: String = text.chars().take(64).collect();
            self.issue(IssueCode::CodeInvalid, format!("\"{shown}\" is not one of the required codes{list}"));
        }
    }

    fn inner_resource(&mut self, value: &'a Value, contained: bool) {
        let definition = match kind_of(value) {
            Ok(kind) => definitions::resource(kind),
            Err(outcome) => {
                for issue in outcome.issues {
                    self.issue(issue.code, issue.diagnostics);
                }
                return;
            }
        };
        let Some(definition) = definition else { return };
        if !contained {
            return self.resource(value, definition);
        }
        if self.inside_contained {
            return self.issue(IssueCode::Structure, "a contained resource must not contain another");
        }
        if value.get("id").is_none() {
            self.issue_at("id", IssueCode::Required, "a contained resource needs an id");
        }
        let meta = value.get("meta");
        for key in ["versionId", "lastUpdated", "security"] {
            if meta.is_some_and(|meta| meta.get(key).is_some()) {
                self.issue(IssueCode::Invariant, format!("a contained resource must not have meta.{key}"));
            }
        }
        self.inside_contained = true;
        let outer = self.enter(value);
        self.members(value, definition, true);
        self.leave(outer);
        self.inside_contained = false;
    }

    /// ext-1: a value or further extensions, not both, not neither.
    fn extension(&mut self, object: &Object) {
        let nested = object.contains_key("extension");
        let valued = object.iter().any(|(key, _)| key.trim_start_matches('_').starts_with("value"));
        if nested == valued {
            self.issue(IssueCode::Extension, "an extension has either a value or further extensions");
        }
    }

    /// Shape of a reference, and that what it says is contained is there (ref-1).
    fn reference(&mut self, object: &'a Object) {
        let Some(text) = object.get("reference").and_then(Value::as_str).filter(|t| !t.is_empty()) else {
            return;
        };
        let shown = || text.chars().take(100).collect::<String>();
        match Reference::parse(text) {
            None => {
                let why = format!("\"{}\" is not Type/id, #id, Type?query or an absolute address", shown());
                self.issue_at("reference", IssueCode::Value, why);
            }
            Some(Reference::Fragment(id)) if !id.is_empty() && !self.contained.contains(id.as_str()) => {
                let why = format!("nothing with the id \"{}\" is contained", shown().trim_start_matches('#'));
                self.issue_at("reference", IssueCode::Invariant, why);
            }
            Some(_) => {}
        }
    }

    fn target(&mut self, value: &Value, list: u16) {
        let allowed = definitions::targets(list);
        if let Some(Reference::Record { kind, .. } | Reference::Conditional { kind, .. }) =
            value.str("reference").and_then(Reference::parse)
            && !allowed.contains(&kind)
        {
            let names: Vec<&str> = allowed.iter().map(|k| k.as_str()).collect();
            let why = format!("a reference to {kind} is not allowed here, only to {}", names.join(", "));
            self.issue_at("reference", IssueCode::Invalid, why);
        }
    }
}
