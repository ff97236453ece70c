//! Invariants: those of R4 that are decided here without an expression, and the others.

use std::collections::HashSet;

use jiff::tz::TimeZone;

use super::Outside;
use super::rules::Invariant;
use crate::fhir::datetime::Moment;
use crate::fhir::definitions::Kind;
use crate::fhir::outcome::Severity;
use crate::fhir::views::Concept;
use crate::fhirpath::{Context, Error, Expression, Node};
use crate::json::Value;

/// Invariants that the walk along the structure decides itself, on every level: they are frequent, and cheaper so.
pub const NATIVE: &[&str] = &[
    "ele-1", "ext-1", "ref-1", "per-1", "pat-1", "obs-6", "obs-7", "dom-2", "dom-3", "dom-4", "dom-5",
    "dom-6", "txt-1", "txt-2",
];

/// Whether an invariant is decided here.
pub fn is_native(key: &str) -> bool {
    NATIVE.contains(&key)
}

/// What an invariant says about an element: how grave, in words; `None` when it holds or answers nothing. One that cannot
/// be read or evaluated is a warning that says so. It may do all the work that the whole check has left; when that is used
/// up, nothing is judged any more, and the check is refused.
pub fn judge<'a>(
    invariant: &'a Invariant,
    value: Option<&'a Value>,
    twin: Option<&'a Value>,
    kind: Kind,
    outside: &'a Outside<'a, '_>,
) -> Option<(Severity, String)> {
    let around = &outside.around;
    let unjudged = |why: &Error| {
        (Severity::Warning, format!("the invariant {} could not be evaluated: {why}", invariant.key))
    };
    let resource = around.resource.filter(|_| around.budget.left() > 0)?;
    let expression = match invariant.parsed.get_or_init(|| Expression::parse(&invariant.expression)) {
        Ok(expression) => expression,
        Err(why) => return Some(unjudged(why)),
    };
    let context = Context::new(resource)
        .with_near(around.container()?, around.root()?)
        .with_host(outside)
        .with_most_steps(around.budget.left());
    let answer = expression.test(&context, Node::element(value, twin, kind));
    if !around.budget.take(context.spent() + 1) {
        return None;
    }
    match answer {
        Ok(Some(false)) => {
            let severity = if invariant.is_error { Severity::Error } else { Severity::Warning };
            Some((severity, format!("{} ({})", invariant.human, invariant.key)))
        }
        Ok(_) => None,
        Err(why) => Some(unjudged(&why)),
    }
}

/// What an object of a type breaks, in a sentence.
pub fn broken_natively(type_name: &str, value: &Value) -> Option<&'static str> {
    match type_name {
        "Period" => starts_late(value).then_some("a period must not end before it starts (per-1)"),
        "Patient.contact" => nobody(value)
            .then_some("a contact needs at least a name, a telecom, an address or an organization (pat-1)"),
        "Observation" if has_value(value) && value.get("dataAbsentReason").is_some() => {
            Some("dataAbsentReason is only for observations without a value (obs-6)")
        }
        "Observation" if has_value(value) && repeats_its_code(value) => {
            Some("an observation whose component has the same code must not have a value itself (obs-7)")
        }
        _ => None,
    }
}

fn starts_late(period: &Value) -> bool {
    let span = |key| Some(Moment::date_time(period.str(key)?)?.span(&TimeZone::UTC));
    span("start").zip(span("end")).is_some_and(|(start, end)| start.low >= end.high)
}

fn nobody(contact: &Value) -> bool {
    ["name", "telecom", "address", "organization"].iter().all(|key| contact.get(key).is_none())
}

fn has_value(observation: &Value) -> bool {
    observation.as_object().is_some_and(|o| o.iter().any(|(key, _)| key.starts_with("value")))
}

fn repeats_its_code(observation: &Value) -> bool {
    let Some(code) = observation.get("code").map(Concept) else { return false };
    let own: HashSet<_> = code.codings().map(|own| (own.system, own.code)).collect();
    let components = observation.items("component").iter().filter_map(|c| c.get("code")).map(Concept);
    let mut codings = components.flat_map(|c| c.codings());
    codings.any(|coding| !coding.code.is_empty() && own.contains(&(coding.system, coding.code)))
}

/// Contained resources that nothing in the container refers to, and that do not refer to it (dom-3).
pub fn unreferenced(container: &Value) -> Vec<(usize, &str)> {
    let contained = container.items("contained");
    if contained.is_empty() {
        return Vec::new();
    }
    let mut names = HashSet::new();
    fragments(container, &mut names);
    let alone = |c: &&Value| {
        let mut own = HashSet::new();
        fragments(c, &mut own);
        !own.contains("#")
    };
    let missing = contained.iter().enumerate().filter_map(|(n, c)| {
        let id = c.str("id")?;
        let named = names.contains(format!("#{id}").as_str());
        (!named && alone(&c)).then_some((n, id))
    });
    missing.collect()
}

/// Every text that begins with `#`.
fn fragments<'a>(value: &'a Value, out: &mut HashSet<&'a str>) {
    match value {
        Value::String(text) if text.starts_with('#') => drop(out.insert(text)),
        Value::Array(items) => items.iter().for_each(|item| fragments(item, out)),
        Value::Object(object) => object.iter().for_each(|(_, member)| fragments(member, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
