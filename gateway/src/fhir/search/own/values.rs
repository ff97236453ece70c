//! What own parameters find in a record: their expressions evaluated, each value as a parameter of the type keeps it.
//!
//! A record is never refused because of an own parameter: one whose expression cannot be evaluated for it, or that has
//! more values than are kept, is marked as undecided for that record, and searches by the parameter say so.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use super::super::params::{Datatype, ParamType, Path};
use super::super::terms::encode;
use super::super::{Context, Term, composite, reference};
use super::{OwnParam, undecided_by};
use crate::fhir::definitions::{self, Kind};
use crate::fhir::id::Reference;
use crate::fhir::resource::Resource;
use crate::fhirpath::{self, Expression, Host, Item, Node};
use crate::json::{Number, Object, Value};

/// Work that all own parameters together may do for one record, in steps of FHIRPath.
pub const MOST_STEPS: u64 = 1_000_000;
/// Most values of one own parameter of one record.
pub const MOST_VALUES: usize = 256;
/// Most terms of a record, those of the standard's parameters included, up to which own parameters add any.
pub const MOST_IN_ALL: usize = 3_500;
/// Most addresses of this server that one record uses.
const MOST_BASES: usize = 16;

/// Adds the terms of the own parameters to those that a record has.
pub(in super::super) fn terms(resource: &Resource, context: &Context, out: &mut Vec<Term>) {
    let mut steps = MOST_STEPS;
    for own in context.own.of(resource.kind()) {
        let (values, whole) = values(own, resource.json(), context, &mut steps);
        let room = MOST_IN_ALL.saturating_sub(out.len());
        if !whole || values.len() > room {
            out.push(undecided_by(own.param.number));
        }
        out.extend(values.into_iter().take(room).map(|value| Term { param: own.param.number, value }));
    }
}

/// The values of one parameter, and whether they are all.
fn values(own: &OwnParam, json: &Value, context: &Context, steps: &mut u64) -> (Vec<Vec<u8>>, bool) {
    let (mut values, alone) = (Vec::new(), Alone::default());
    let Some(items) = found(&own.expression, json, Node::resource(json).into(), &alone, steps) else {
        return (values, false);
    };
    for item in items {
        if own.param.kind == ParamType::Composite {
            if !parts((own, json), item, context, &alone, steps, &mut values) {
                return (values, false);
            }
        } else {
            with_element(own.param.kind, &item, &mut |path, element| {
                encode(own.param.kind, path, element, context, &mut values);
            });
        }
        if values.len() > MOST_VALUES {
            values.truncate(MOST_VALUES);
            return (values, false);
        }
    }
    (values, true)
}

/// A record by itself: what its expression asks of terminology or profiles would change without it, so it is not decided.
#[derive(Default)]
struct Alone(Cell<bool>);

impl<'a> Host<'a> for Alone {
    fn member_of(&self, _: &Item<'a>, _: &str) -> Option<bool> {
        self.0.set(true);
        None
    }

    fn subsumes(&self, _: &Item<'a>, _: &Item<'a>) -> Option<bool> {
        self.0.set(true);
        None
    }

    fn conforms_to(&self, _: Node<'a>, _: &str) -> Option<bool> {
        self.0.set(true);
        None
    }
}

/// What an expression finds from a focus; none when it cannot be evaluated within the steps that are left.
fn found<'a>(
    expression: &'a Expression,
    json: &'a Value,
    focus: Item<'a>,
    alone: &'a Alone,
    steps: &mut u64,
) -> Option<Vec<Item<'a>>> {
    let evaluation = fhirpath::Context::new(json).for_search().with_host(alone).with_most_steps(*steps);
    let found = expression.evaluate(&evaluation, focus);
    *steps = steps.saturating_sub(evaluation.spent());
    found.ok().filter(|_| !alone.0.get())
}

/// Adds the values of a composite at one of its elements; answers whether every part could be evaluated.
fn parts<'a>(
    (own, json): (&'a OwnParam, &'a Value),
    focus: Item<'a>,
    context: &Context,
    alone: &'a Alone,
    steps: &mut u64,
    out: &mut Vec<Vec<u8>>,
) -> bool {
    let mut parts = Vec::with_capacity(own.parts.len());
    for (component, expression) in own.param.components.iter().zip(&own.parts) {
        let Some(items) = found(expression, json, focus.clone(), alone, steps) else { return false };
        let mut values = Vec::new();
        for item in &items {
            with_element(component.kind, item, &mut |path, element| {
                composite::part_values(component.kind, path, element, context, &mut values);
            });
        }
        parts.push(Rc::new(values));
    }
    if parts.iter().all(|part| !part.is_empty()) {
        composite::combine(&parts, out);
    }
    true
}

/// Hands over an item as the element that it is or would be, when a parameter of the type has values of such elements.
fn with_element(kind: ParamType, item: &Item<'_>, take: &mut dyn FnMut(&Path, &Value)) {
    let path = |name: &str| Path {
        steps: Vec::new(),
        from_resource: false,
        datatype: Datatype::of(name),
        system: None,
        targets: Vec::new(),
        only: None,
    };
    let (name, made);
    let element = match item {
        Item::Node(node) => {
            let Some(value) = node.value() else { return };
            name = name_of(node);
            value
        }
        other => {
            let Some((as_type, value)) = element_of(other) else { return };
            (name, made) = (as_type, value);
            &made
        }
    };
    if fits(kind, name, element) {
        take(&path(name), element);
    }
}

fn name_of(node: &Node<'_>) -> &'static str {
    match node.kind() {
        Some(Kind::Complex(id) | Kind::Reference(id, _)) => definitions::by_id(id).map_or("", |t| t.name),
        Some(Kind::Primitive(primitive, _)) => primitive.as_str(),
        Some(Kind::Resource) | None => "Resource",
    }
}

/// A value of FHIRPath's own types as an element of FHIR.
fn element_of(item: &Item<'_>) -> Option<(&'static str, Value)> {
    let number = |text: String| Number::parse(&text).map(Value::Number);
    Some(match item {
        Item::Boolean(value) => ("boolean", Value::Bool(*value)),
        Item::Integer(value) => ("integer", number(value.to_string())?),
        Item::Decimal(value) => ("decimal", number(value.to_string())?),
        Item::String(text) => ("string", Value::from(&**text)),
        Item::Temporal(time) => ("dateTime", Value::from(time.to_string())),
        Item::Quantity(quantity) => {
            let value = number(quantity.value.to_string())?;
            let object = Object::new().with("value", value).with("unit", &*quantity.unit);
            let coded = |object: Object| {
                object.with("system", super::super::quantity::UCUM).with("code", &*quantity.unit)
            };
            ("Quantity", Value::Object(if quantity.calendar { object } else { coded(object) }))
        }
        Item::Node(_) | Item::Type(_) => return None,
    })
}

/// Whether a parameter of a type has values of elements of a data type (R4 search, the table of parameter types).
fn fits(kind: ParamType, name: &str, element: &Value) -> bool {
    let primitive = element.as_object().is_none();
    match kind {
        ParamType::String => primitive || matches!(name, "HumanName" | "Address"),
        ParamType::Token => {
            primitive || matches!(name, "CodeableConcept" | "Coding" | "Identifier" | "ContactPoint")
        }
        ParamType::Reference => {
            matches!(name, "Reference" | "Resource" | "canonical" | "uri" | "url" | "oid" | "uuid" | "string")
                || element.str("resourceType").is_some()
        }
        ParamType::Date => matches!(name, "date" | "dateTime" | "instant" | "Period" | "Timing"),
        ParamType::Number => element.as_number().is_some() || name == "Range",
        ParamType::Quantity => {
            const UNITS: [&str; 10] = [
                "Quantity",
                "Age",
                "Count",
                "Distance",
                "Duration",
                "SimpleQuantity",
                "MoneyQuantity",
                "Money",
                "Range",
                "SampledData",
            ];
            element.as_number().is_some() || UNITS.contains(&name)
        }
        ParamType::Uri => element.as_str().is_some(),
        ParamType::Composite | ParamType::Special | ParamType::Id | ParamType::Instant => false,
    }
}

/// Addresses of this server that a record's references stand below: its terms name the record, not the address.
pub(super) fn bases(json: &Value, terms: &[Term]) -> Vec<String> {
    let known: HashSet<&[u8]> = terms.iter().map(|term| term.value.as_slice()).collect();
    let mut bases: Vec<String> = Vec::new();
    let mut open = vec![json];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => open.extend(object.iter().map(|(_, member)| member)),
            Value::Array(items) => open.extend(items),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        let text = value.str("reference").unwrap_or_default();
        let Some(Reference::Record { base: Some(base), kind, id, .. }) = Reference::parse(text) else {
            continue;
        };
        let as_address = reference::to_canonical(&format!("{base}/{kind}/{id}"));
        let is_own = known.contains(reference::record(kind, id.as_str()).as_slice())
            && !known.contains(as_address.as_slice());
        if is_own && bases.len() < MOST_BASES && !bases.contains(&base) {
            bases.push(base);
        }
    }
    bases
}
