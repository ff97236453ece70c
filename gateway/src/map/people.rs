//! Persons, organisations and places that a message mentions, each once: XCN, XON and PL to Practitioner,
//! Organization and Location.

use crate::json::{Object, Value};

use super::book::Spot;
use super::draft::{Draft, Drafts};
use super::ids;
use super::types::{Scope, name_parts};

/// XCN: the Practitioner and a reference to it with the name as display.
pub(super) fn practitioner(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let number = spot.c(1).take();
    let named = name_parts(spot, 2);
    if number.is_none() && named.is_none() {
        return None;
    }
    let display = named.as_ref().map(|n| {
        let prefix = n.json.items("prefix").iter().filter_map(Value::as_str);
        let given = n.given.iter().map(String::as_str);
        prefix.chain(given).chain(n.family.as_deref()).collect::<Vec<_>>().join(" ")
    });
    let system = scope.authority(spot.c(9)).unwrap_or_else(|| scope.sender_system());
    // The name type says nothing about a clinician; the identifier type goes into the identifier.
    spot.c(10).mark();
    let kind = spot.c(13).take();
    let id = match (&number, &display) {
        (Some(n), _) => ids::stable("Practitioner", &[&system, n]),
        (None, name) => {
            ids::stable("Practitioner", &[&scope.sender_system(), "name", name.as_deref().unwrap_or("")])
        }
    };
    let mut draft = Draft::partial("Practitioner", id);
    if let Some(n) = number {
        let identifier = super::types::Identified { system, value: n, kind, assumed: false };
        draft.push("identifier", Some(identifier.json()), spot);
    }
    if let Some(n) = named {
        draft.push("name", Some(n.json), spot);
    }
    Some(with_display(drafts.add(draft), display.as_deref()))
}

/// XON: the Organization.
pub(super) fn organization(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let name = spot.c(1).take();
    let number = spot.c(10).take().or_else(|| spot.c(3).take());
    organization_of(scope, drafts, name, number.map(|n| (n, scope.authority(spot.c(6)))), spot)
}

/// An Organization from a name and a number with its authority.
pub(super) fn organization_of(
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    name: Option<String>,
    number: Option<(String, Option<String>)>,
    from: Spot<'_>,
) -> Option<Value> {
    if name.is_none() && number.is_none() {
        return None;
    }
    let number = number.map(|(n, system)| (n, system.unwrap_or_else(|| scope.sender_system())));
    let id = match (&number, &name) {
        (Some((n, system)), _) => ids::stable("Organization", &[system, n]),
        (None, name) => {
            ids::stable("Organization", &[&scope.sender_system(), "name", name.as_deref().unwrap_or("")])
        }
    };
    let mut draft = Draft::partial("Organization", id);
    if let Some((value, system)) = number {
        let identifier = Object::new().with("system", system).with("value", value);
        draft.push("identifier", Some(identifier), from);
    }
    let display = name.clone();
    draft.set("name", name, from);
    Some(with_display(drafts.add(draft), display.as_deref()))
}

/// PL: the Location, named from the point of care to the building.
pub(super) fn location(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let levels: Vec<String> = [1, 2, 3, 4, 7, 8].into_iter().filter_map(|n| spot.c(n).s(1).take()).collect();
    let text = spot.c(9).take();
    let name = text.unwrap_or_else(|| levels.join(", "));
    if name.is_empty() {
        return None;
    }
    let mut parts = vec![scope.sender_system()];
    parts.extend(levels);
    parts.push(name.clone());
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut draft = Draft::partial("Location", ids::stable("Location", &parts));
    draft.set("name", Some(name.as_str()), spot);
    Some(with_display(drafts.add(draft), Some(&name)))
}

fn with_display(mut reference: Value, display: Option<&str>) -> Value {
    if let (Some(object), Some(display)) = (reference.as_object_mut(), display) {
        object.insert("display", display);
    }
    reference
}
