//! FHIRPath Patch (R4, section 3.1.0.9.2): operations as Parameters, places named by FHIRPath.

use super::place::{Place, Step, definition_of, depth, steps_of};
use super::{Budget, MOST_LEVELS, MOST_OPERATIONS, PatchError, shown};
use crate::fhir::definitions::{self, Kind, Type};
use crate::fhirpath::{Context, Expression, Item};
use crate::json::{Object, Value};

/// Work that all expressions of one patch may do, in steps of the evaluator.
const MOST_STEPS: u64 = 4_000_000;

/// A patch that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPatch(Vec<Operation>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Operation {
    /// Where it stands in the Parameters.
    place: String,
    path: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Add { name: String, value: New },
    Insert { index: usize, value: New },
    Delete,
    Replace(New),
    Move { source: usize, destination: usize },
}

/// A value that a patch brings.
#[derive(Debug, Clone, PartialEq, Eq)]
enum New {
    /// `value[x]` with the type that its name tells, and what stands behind `_value[x]`; or a resource.
    Element { suffix: String, value: Value, twin: Value },
    /// Parts, for an element whose type has no name.
    Parts(Vec<(String, New)>),
}

impl PathPatch {
    /// Reads a patch from Parameters.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] with the place of the first parameter that is no operation.
    pub fn read(parameters: &Value) -> Result<Self, PatchError> {
        if parameters.str("resourceType") != Some("Parameters") {
            return Err(PatchError::malformed("resourceType", "A FHIRPath Patch is a Parameters resource."));
        }
        let all = parameters.items("parameter");
        if all.len() > MOST_OPERATIONS {
            let why = format!("A patch may have at most {MOST_OPERATIONS} operations.");
            return Err(PatchError::malformed("Parameters.parameter", why));
        }
        let read = |(n, parameter): (usize, &Value)| {
            let place = format!("Parameters.parameter[{n}]");
            operation_of(parameter, &place).map_err(|why| PatchError::malformed(place, why))
        };
        all.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Shows each text that an operation writes as the `reference` of a Reference, with the place of the operation. One
    /// that came as a `uri` is rewritten with the Parameters; a `string` does not say what it will be.
    pub fn references(&mut self, mut see: impl FnMut(&mut String, &str)) {
        for operation in &mut self.0 {
            match &mut operation.what {
                What::Replace(value) if last_step(&operation.path) == "reference" => {
                    value.references(true, &mut |text| see(text, &operation.place));
                }
                What::Add { name, value } => {
                    value.references(name == "reference", &mut |text| see(text, &operation.place));
                }
                What::Replace(value) | What::Insert { value, .. } => {
                    value.references(false, &mut |text| see(text, &operation.place));
                }
                What::Delete | What::Move { .. } => {}
            }
        }
    }

    /// The resource after all operations.
    ///
    /// # Errors
    /// [`PatchError::Misfit`] where a path names nothing, or several elements where one is needed;
    /// [`PatchError::TooCostly`].
    pub fn apply(&self, resource: &Value, budget: &Budget) -> Result<Value, PatchError> {
        let mut tree = resource.clone();
        let steps = MOST_STEPS / u64::try_from(self.0.len().max(1)).unwrap_or(MOST_STEPS);
        for operation in &self.0 {
            let misfit = |why| PatchError::misfit(operation.place.clone(), why);
            let (found, spent) = operation.found(&tree, steps).map_err(misfit)?;
            budget.take(spent)?;
            operation.apply(&mut tree, &found).map_err(misfit)?;
        }
        Ok(tree)
    }
}

fn operation_of(parameter: &Value, place: &str) -> Result<Operation, String> {
    if parameter.str("name") != Some("operation") {
        return Err("Every parameter of a patch is named \"operation\".".to_owned());
    }
    let part = |name: &str| parameter.items("part").iter().find(|part| part.str("name") == Some(name));
    let text = |name: &str, keys: [&str; 2]| {
        let found = part(name).and_then(|part| keys.iter().find_map(|key| part.str(key)));
        found.map(str::to_owned).ok_or_else(|| format!("The operation needs the part \"{name}\"."))
    };
    let number = |name: &str| {
        let found = part(name).and_then(|part| {
            let value =
                ["valueInteger", "valueUnsignedInt", "valuePositiveInt"].iter().find_map(|key| part.get(key));
            value?.as_number()?.as_u64()
        });
        let number = found.and_then(|n| usize::try_from(n).ok());
        number
            .ok_or_else(|| format!("The operation needs the part \"{name}\", a number that is not negative."))
    };
    let value = || {
        let part = part("value").ok_or("The operation needs the part \"value\".")?;
        new_of(part, 0).ok_or("The part \"value\" holds no value.")
    };
    let path = text("path", ["valueString", "valueCode"])?;
    Expression::parse(&path).map_err(|error| format!("The path cannot be read: {error}."))?;
    let what = match text("type", ["valueCode", "valueString"])?.as_str() {
        "add" => What::Add { name: text("name", ["valueString", "valueCode"])?, value: value()? },
        "insert" => What::Insert { index: number("index")?, value: value()? },
        "delete" => What::Delete,
        "replace" => What::Replace(value()?),
        "move" => What::Move { source: number("source")?, destination: number("destination")? },
        other => {
            let shown = shown(other);
            return Err(format!("\"{shown}\" is not an operation: add, insert, delete, replace or move."));
        }
    };
    Ok(Operation { place: place.to_owned(), path, what })
}

fn new_of(part: &Value, level: usize) -> Option<New> {
    if level > MOST_LEVELS {
        return None;
    }
    if let Some(resource) = part.get("resource") {
        return Some(New::Element { suffix: String::new(), value: resource.clone(), twin: Value::Null });
    }
    let object = part.as_object()?;
    let suffix = object.iter().find_map(|(key, _)| key.trim_start_matches('_').strip_prefix("value"));
    if let Some(suffix) = suffix {
        let value = object.get(&format!("value{suffix}")).cloned().unwrap_or_default();
        let twin = object.get(&format!("_value{suffix}")).cloned().unwrap_or_default();
        return Some(New::Element { suffix: suffix.to_owned(), value, twin });
    }
    let parts = part.items("part");
    let each = parts.iter().map(|part| Some((part.str("name")?.to_owned(), new_of(part, level + 1)?)));
    let parts: Vec<_> = each.collect::<Option<_>>()?;
    (!parts.is_empty()).then_some(New::Parts(parts))
}

impl Operation {
    /// Changes the tree at the places that its path names.
    fn apply(&self, tree: &mut Value, found: &[Vec<Step>]) -> Result<(), String> {
        match &self.what {
            What::Add { name, value } => add(tree, one(found)?, name, value),
            What::Delete => match found {
                [] => Ok(()),
                [steps] => {
                    let place = Place::of(steps).ok_or("A resource cannot delete itself.")?;
                    place.delete(tree);
                    Ok(())
                }
                _ => Err("The path names several elements; one can be deleted at a time.".to_owned()),
            },
            What::Replace(value) => replace(tree, one(found)?, value),
            What::Insert { index, value } => {
                let place = list(found)?;
                let definition = definition_of(tree, &place.container).ok_or("The type is not known.")?;
                let kind = definition.member(&place.key).ok_or("The element is not known.")?.1;
                let (value, twin) = value.clone().into_value(kind)?;
                check_depth(place.container.len() + 2, &value)?;
                place.insert(tree, *index, value, twin)
            }
            What::Move { source, destination } => list(found)?.shift(tree, *source, *destination),
        }
    }

    /// The places that the path names, and the steps that finding them took.
    fn found(&self, tree: &Value, most_steps: u64) -> Result<(Vec<Vec<Step>>, u64), String> {
        let expression = Expression::parse(&self.path).map_err(|error| error.to_string())?;
        let context = Context::new(tree).with_most_steps(most_steps);
        let items = expression.evaluate(&context, crate::fhirpath::Node::resource(tree));
        let items = items.map_err(|error| format!("The path cannot be evaluated: {error}."))?;
        let each = items.iter().map(|item| match item {
            Item::Node(node) => node.value().or(node.twin()).and_then(|value| steps_of(tree, value)),
            _ => None,
        });
        let places = each.collect::<Option<_>>();
        let places = places.ok_or_else(|| "The path names no element of the resource.".to_owned())?;
        Ok((places, context.spent()))
    }
}

fn one(found: &[Vec<Step>]) -> Result<&Vec<Step>, String> {
    match found {
        [one] => Ok(one),
        [] => Err("The path names nothing in the resource.".to_owned()),
        _ => Err("The path names several elements where one is needed.".to_owned()),
    }
}

/// The list whose items the path names.
fn list(found: &[Vec<Step>]) -> Result<Place, String> {
    let first = found.first().ok_or("The path names nothing in the resource.")?;
    let place = Place::of(first).filter(|place| place.index.is_some()).ok_or("The path names no list.")?;
    let same = |steps: &Vec<Step>| {
        Place::of(steps).is_some_and(|other| other.container == place.container && other.key == place.key)
    };
    if found.iter().all(same) { Ok(place) } else { Err("The path names items of several lists.".to_owned()) }
}

fn add(tree: &mut Value, steps: &[Step], name: &str, value: &New) -> Result<(), String> {
    let definition = definition_of(tree, steps).ok_or("The path names an element that has no elements.")?;
    let key = key_of(definition, name, value)?;
    let (element, kind) = definition.member(&key).ok_or("The element is not known.")?;
    let (value, twin) = value.clone().into_value(kind)?;
    check_depth(steps.len() + 2, &value)?;
    let place = Place { container: steps.to_vec(), key, index: None };
    if element.is_list() {
        let end = place.len(tree);
        return place.insert(tree, end, value, twin);
    }
    if place.stands(tree, element.choice.then_some((definition, element.name))) {
        return Err(format!("{} is there already; use replace.", shown(name)));
    }
    place.set(tree, value, twin)
}

fn replace(tree: &mut Value, steps: &[Step], value: &New) -> Result<(), String> {
    let mut place = Place::of(steps).ok_or("A resource cannot replace itself by a patch.")?;
    let definition = definition_of(tree, &place.container).ok_or("The type is not known.")?;
    let (element, _) = definition.member(&place.key).ok_or("The element is not known.")?;
    if element.choice {
        // Another type stands under another name.
        let key = key_of(definition, element.name, value)?;
        if key != place.key {
            place.rename(tree, &key);
        }
    }
    let kind = definition.member(&place.key).ok_or("The element is not known.")?.1;
    let (value, twin) = value.clone().into_value(kind)?;
    check_depth(steps.len() + 1, &value)?;
    place.set(tree, value, twin)
}

/// The JSON member for an element: its name, with the type for a choice.
fn key_of(definition: &Type, name: &str, value: &New) -> Result<String, String> {
    let key = match value {
        New::Element { suffix, .. } if definition.member(name).is_none() => format!("{name}{suffix}"),
        New::Element { .. } | New::Parts(_) => name.to_owned(),
    };
    match definition.member(&key) {
        Some(_) => Ok(key),
        None => Err(format!("{} has no element \"{}\" of this type.", definition.name, shown(name))),
    }
}

/// The member that a path ends with.
fn last_step(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default().trim()
}

impl New {
    /// Texts that are, or that parts name, a `reference`.
    fn references(&mut self, named: bool, see: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Element { suffix, value: Value::String(text), .. } if named && suffix == "String" => {
                see(text)
            }
            Self::Element { .. } => {}
            Self::Parts(parts) => {
                for (name, part) in parts {
                    part.references(name == "reference", see);
                }
            }
        }
    }

    /// The value for an element of a kind, and its twin.
    fn into_value(self, kind: Kind) -> Result<(Value, Value), String> {
        let parts = match self {
            Self::Element { value, twin, .. } => return Ok((value, twin)),
            Self::Parts(parts) => parts,
        };
        let definition = match kind {
            Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
            Kind::Primitive(..) | Kind::Resource => None,
        };
        let definition = definition.ok_or("Parts make only elements that have elements.")?;
        let mut object = Object::new();
        for (name, part) in parts {
            let key = key_of(definition, &name, &part)?;
            let (element, kind) = definition.member(&key).ok_or("The element is not known.")?;
            let (list, (value, twin)) = (element.is_list(), part.into_value(kind)?);
            let mut inner = Value::Object(std::mem::take(&mut object));
            let place = Place { container: Vec::new(), key, index: None };
            if list {
                let end = place.len(&inner);
                place.insert(&mut inner, end, value, twin)?;
            } else {
                place.set(&mut inner, value, twin)?;
            }
            if let Value::Object(inner) = inner {
                object = inner;
            }
        }
        Ok((Value::Object(object), Value::Null))
    }
}

fn check_depth(level: usize, value: &Value) -> Result<(), String> {
    if level + depth(value) <= MOST_LEVELS {
        return Ok(());
    }
    Err(format!("The result would be nested more than {MOST_LEVELS} levels deep."))
}
