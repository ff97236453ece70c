//! Two readings of one resource: ours, by tables, and that of fhirkit, whose types are generated from the standard by
//! people who do not know us. Where fhirkit finds an error, we must find one; we may be stricter (required codes,
//! contained references, empty objects). A crate of its own, so that benches and
//! the behaviour tests do not wait for fhirkit's sixty thousand lines.

use clinicvault_gateway::fhir::validate::structure;
use clinicvault_gateway::json::{Number, Object, Value};

/// What we say of the structure of a resource.
#[must_use]
pub fn ours(resource: &Value) -> Vec<String> {
    structure(resource).iter().map(ToString::to_string).collect()
}

/// What fhirkit says of it.
#[must_use]
pub fn theirs(resource: &Value) -> Vec<String> {
    match fhirkit::from_json::<fhirkit::r4::Resource>(&text(resource)) {
        Ok((_, issues)) => issues.iter().map(ToString::to_string).collect(),
        Err(error) => vec![format!("{error:?}")],
    }
}

/// The resource as fhirkit writes what it has read; `None` when it could not make one of it.
#[must_use]
pub fn rewritten(resource: &Value) -> Option<String> {
    let (read, _) = fhirkit::from_json::<fhirkit::r4::Resource>(&text(resource)).ok()?;
    read.map(|read| fhirkit::to_json(&read))
}

/// Compact JSON.
#[must_use]
pub fn text(value: &Value) -> String {
    String::from_utf8_lossy(&value.to_vec()).into_owned()
}

/// The resource with one member changed, once for each member and each way to spoil it: removed, renamed, or with a
/// value of another kind. `spoilt` gets what was done and the result; of an array's items the first two are changed.
pub fn spoil(resource: &Value, spoilt: &mut dyn FnMut(&str, &Value)) {
    let mut whole = resource.clone();
    let mut places = Vec::new();
    members(resource, &mut Vec::new(), &mut places);
    for place in places {
        let Some((Step::Member(name), way)) = place.split_last() else { continue };
        for (how, change) in changes(at(resource, &place)) {
            apply(&mut whole, way, name, &change);
            spoilt(&format!("{how} {place:?}"), &whole);
            resource.clone_into(&mut whole);
        }
    }
}

/// One step into a value.
#[derive(Debug, Clone)]
enum Step {
    /// A member of an object.
    Member(String),
    /// An item of an array.
    Item(usize),
}

/// Every member, but those that choose how the rest is read.
fn members(value: &Value, way: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    let mut step = |step: Step, part: &Value, is_member: bool| {
        way.push(step);
        if is_member {
            places.push(way.clone());
        }
        members(part, way, places);
        way.pop();
    };
    match value {
        Value::Object(object) => {
            for (name, part) in object.iter().filter(|(name, _)| !["resourceType", "div"].contains(name)) {
                step(Step::Member(name.to_owned()), part, true);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().take(2) {
                step(Step::Item(index), item, false);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What becomes of a member.
enum Change {
    /// It is left out.
    Gone,
    /// It is called `colour`, which no element is.
    Renamed,
    /// It holds this.
    Holds(Value),
}

fn changes(old: Option<&Value>) -> [(&'static str, Change); 8] {
    [
        ("without", Change::Gone),
        ("renamed", Change::Renamed),
        ("true at", Change::Holds(Value::Bool(true))),
        ("x at", Change::Holds(Value::from("x"))),
        ("null at", Change::Holds(Value::Null)),
        ("1.50 at", Change::Holds(Number::parse("1.50").map_or(Value::Null, Value::Number))),
        ("nothing in", Change::Holds(Value::Object(Object::new()))),
        ("a list of", Change::Holds(Value::Array(vec![old.cloned().unwrap_or_default()]))),
    ]
}

fn at<'v>(value: &'v Value, way: &[Step]) -> Option<&'v Value> {
    way.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Item(index) => value.as_array()?.get(*index),
    })
}

/// Changes the member `name` of the object that `way` leads to; the order of the others stays.
fn apply(whole: &mut Value, way: &[Step], name: &str, change: &Change) {
    let found = way.iter().try_fold(whole, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Item(index) => value.as_array_mut()?.get_mut(*index),
    });
    let Some(object) = found.and_then(Value::as_object_mut) else { return };
    let mut changed = Object::new();
    for (key, value) in object.iter() {
        match change {
            Change::Gone if key == name => None,
            Change::Renamed if key == name => changed.insert("colour", value.clone()),
            Change::Holds(instead) if key == name => changed.insert(key, instead.clone()),
            Change::Gone | Change::Renamed | Change::Holds(_) => changed.insert(key, value.clone()),
        };
    }
    *object = changed;
}
