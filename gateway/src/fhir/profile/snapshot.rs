//! The snapshot of a profile: every element of its base type with what the profile adds, as ElementDefinitions.

use std::collections::HashMap;

use super::compile::type_of;
use super::{Binding, Node, Profile, Rules, Slice, Slicing, Strength, TypeRef};
use crate::fhir::definitions::{self, Element, Kind, Type};
use crate::fhir::validate::rules::{self, Invariant};
use crate::json::{Object, Value};

/// Most elements of one snapshot.
const MOST_ELEMENTS: usize = 20_000;

/// The elements of a snapshot in order, with id, path, counts, types, binding, fixed values, slicing and constraints.
/// Elements of data types appear where the profile says something about them.
pub fn snapshot(profile: &Profile) -> Vec<Value> {
    let Some(definition) = definitions::by_name(&profile.type_name) else { return Vec::new() };
    let mut out = Vec::new();
    let path = profile.type_name.clone();
    let mut root = head(&path, &path, None);
    root.insert("min", profile.root.min.unwrap_or_default());
    root.insert("max", max_text(profile.root.max.unwrap_or(u32::MAX)));
    root.insert("base", base_of(&path, 0, u32::MAX));
    let own = rules::of(definition.name).map(|r| r.invariants.as_slice()).unwrap_or_default();
    constraints(&mut root, own.iter().copied().chain(&profile.root.constraints));
    out.push(Value::Object(root));
    elements(definition, Some(&profile.root), &path, &path, &mut out);
    out
}

/// The same with what a snapshot says in words: a definition of each element (sdf-3), that of the differential or one that
/// leads to the standard, and why a modifier is one (eld-18). The standard's own texts are not kept here.
pub fn described_snapshot(profile: &Profile, definition: &Value) -> Vec<Value> {
    let differential = definition.get("differential").map(|d| d.items("element")).unwrap_or_default();
    let own: HashMap<&str, &str> = differential
        .iter()
        .filter_map(|e| Some((e.str("id").or_else(|| e.str("path"))?, e.str("definition")?)))
        .collect();
    let mut elements = snapshot(profile);
    for element in elements.iter_mut().filter_map(Value::as_object_mut) {
        let text = |key: &str| element.get(key).and_then(Value::as_str).unwrap_or_default();
        let said = own.get(text("id")).map(|t| (*t).to_owned());
        let said = said.unwrap_or_else(|| format!("{} as FHIR R4 defines it.", text("path")));
        element.insert("definition", said);
        let modifies = element.get("isModifier").and_then(Value::as_bool) == Some(true);
        if modifies && !element.contains_key("isModifierReason") {
            element.insert("isModifierReason", "It changes the meaning of what holds it.");
        }
    }
    elements
}

fn elements(definition: &'static Type, node: Option<&Node>, path: &str, id: &str, out: &mut Vec<Value>) {
    for element in &definition.elements {
        if out.len() >= MOST_ELEMENTS {
            return;
        }
        let child = node.and_then(|n| n.child(element.name));
        let suffix = if element.choice { "[x]" } else { "" };
        let path = format!("{path}.{}{suffix}", element.name);
        let id = format!("{id}.{}{suffix}", element.name);
        one(definition, element, child, None, &path, &id, out);
        if let Some(child) = child {
            slices(definition, element, child, &path, &id, out);
        }
    }
}

/// The slices of an element, each followed by those within it.
fn slices(
    owner: &'static Type,
    element: &'static Element,
    node: &Node,
    path: &str,
    id: &str,
    out: &mut Vec<Value>,
) {
    for slice in &node.slices {
        one(owner, element, Some(&slice.node), Some(slice), path, &format!("{id}:{}", slice.name), out);
        slices(owner, element, &slice.node, path, id, out);
    }
}

fn one(
    owner: &'static Type,
    element: &'static Element,
    node: Option<&Node>,
    slice: Option<&Slice>,
    path: &str,
    id: &str,
    out: &mut Vec<Value>,
) {
    let mut written = head(path, id, slice.map(|s| s.name.as_str()));
    if let Some(slicing) = node.and_then(|n| n.slicing.as_ref()) {
        written.insert("slicing", slicing_json(slicing));
    }
    let most = if element.max == u16::MAX { u32::MAX } else { u32::from(element.max) };
    let least = if slice.is_some() { 0 } else { u32::from(element.min) };
    written.insert("min", node.and_then(|n| n.min).unwrap_or(least));
    written.insert("max", max_text(node.and_then(|n| n.max).unwrap_or(most)));
    let base_path = format!("{}.{}{}", owner.name, element.name, if element.choice { "[x]" } else { "" });
    written.insert("base", base_of(&base_path, u32::from(element.min), most));
    let types = match node.and_then(|n| n.types.as_ref()) {
        Some(types) => types.clone(),
        None => element.kinds.iter().filter_map(|kind| base_type(*kind)).collect(),
    };
    let reference = element.kinds.iter().find_map(|kind| content_reference(*kind, owner, element));
    match reference {
        Some(target) => drop(written.insert("contentReference", target)),
        None => drop(written.insert("type", types.iter().map(type_json).collect::<Vec<Value>>())),
    }
    if let Some(node) = node {
        values(&mut written, node, &types);
    }
    let ruled = rules::of(owner.name).and_then(|r| r.element(element.name));
    let inherited = ruled.map(|r| r.invariants.as_slice()).unwrap_or_default().iter().copied();
    constraints(&mut written, inherited.chain(node.map(|n| n.constraints.as_slice()).unwrap_or_default()));
    if let Some(binding) = node.and_then(|n| n.binding.as_ref()).or(ruled.and_then(|r| r.binding.as_ref())) {
        written.insert("binding", binding_json(binding));
    }
    if element.summary {
        written.insert("isSummary", true);
    }
    out.push(Value::Object(written));
    let (definition, nested) = content(element, node, &types);
    if let Some(definition) = definition.filter(|_| reference_free(element, owner))
        && (nested || node.is_some_and(|n| !n.children.is_empty()))
    {
        elements(definition, node, path, id, out);
    }
}

/// The type of what stands within, and whether its elements belong to the owner itself.
fn content(element: &Element, node: Option<&Node>, types: &[TypeRef]) -> (Option<&'static Type>, bool) {
    if let [Kind::Complex(id)] = element.kinds.as_slice()
        && let Some(definition) = definitions::by_id(*id).filter(|d| d.name.contains('.'))
    {
        return (Some(definition), true);
    }
    let only = match (node.and_then(|n| n.types.as_deref()), types) {
        (Some([only]), _) | (None, [only]) => definitions::by_name(&only.code),
        _ => None,
    };
    (only, false)
}

fn reference_free(element: &Element, owner: &Type) -> bool {
    !element.kinds.iter().any(|kind| content_reference(*kind, owner, element).is_some())
}

/// `#Questionnaire.item` for an element that has the content of another one.
fn content_reference(kind: Kind, owner: &Type, element: &Element) -> Option<String> {
    let Kind::Complex(id) = kind else { return None };
    let name = definitions::by_id(id)?.name;
    (name.contains('.') && name != format!("{}.{}", owner.name, element.name)).then(|| format!("#{name}"))
}

fn base_type(kind: Kind) -> Option<TypeRef> {
    let (code, targets) = match kind {
        Kind::Reference(_, list) => ("Reference", list.map(definitions::targets).unwrap_or_default()),
        Kind::Resource => ("Resource", &[][..]),
        Kind::Complex(id) => {
            let name = definitions::by_id(id)?.name;
            (if name.contains('.') { "BackboneElement" } else { name }, &[][..])
        }
        Kind::Primitive(..) => (type_of(kind)?, &[][..]),
    };
    let address = |name: &str| format!("http://hl7.org/fhir/StructureDefinition/{name}");
    let targets = targets.iter().map(|t| address(t.as_str())).collect();
    Some(TypeRef { targets, ..TypeRef::of(code) })
}

fn head(path: &str, id: &str, slice: Option<&str>) -> Object {
    Object::new().with("id", id).with("path", path).with_some("sliceName", slice)
}

fn max_text(max: u32) -> String {
    if max == u32::MAX { "*".to_owned() } else { max.to_string() }
}

fn base_of(path: &str, min: u32, max: u32) -> Value {
    Value::Object(Object::new().with("path", path).with("min", min).with("max", max_text(max)))
}

fn type_json(one: &TypeRef) -> Value {
    let list = |urls: &[String]| {
        (!urls.is_empty()).then(|| urls.iter().map(|u| Value::from(u.as_str())).collect::<Vec<Value>>())
    };
    let modes: Vec<Value> = one.aggregation.iter().map(|mode| Value::from(mode.as_str())).collect();
    Value::Object(
        Object::new()
            .with("code", one.code.as_str())
            .with_some("profile", list(&one.profiles))
            .with_some("targetProfile", list(&one.targets))
            .with_some("aggregation", (!modes.is_empty()).then_some(modes))
            .with_some("versioning", one.versioning.as_str()),
    )
}

/// `fixed[x]` and its like take the name of the type.
fn values(written: &mut Object, node: &Node, types: &[TypeRef]) {
    let code = types.first().map(|t| t.code.as_str()).unwrap_or_default();
    let mut letters = code.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let upper: String = first.into_iter().chain(letters).collect();
    for (word, value) in [
        ("fixed", &node.fixed),
        ("pattern", &node.pattern),
        ("minValue", &node.min_value),
        ("maxValue", &node.max_value),
    ] {
        if let Some(value) = value {
            written.insert(format!("{word}{upper}"), value.clone());
        }
    }
    if let Some(most) = node.max_length {
        written.insert("maxLength", most);
    }
    if node.is_modifier {
        written.insert("isModifier", true);
    }
}

fn constraints<'i>(written: &mut Object, list: impl Iterator<Item = &'i Invariant>) {
    let one = |i: &Invariant| {
        Value::Object(
            Object::new()
                .with("key", &*i.key)
                .with("severity", if i.is_error { "error" } else { "warning" })
                .with("human", &*i.human)
                .with("expression", &*i.expression),
        )
    };
    let all: Vec<Value> = list.map(one).collect();
    if !all.is_empty() {
        written.insert("constraint", all);
    }
}

fn binding_json(binding: &Binding) -> Value {
    let strength: Strength = binding.strength;
    Value::Object(
        Object::new().with("strength", strength.as_str()).with("valueSet", binding.value_set.as_str()),
    )
}

fn slicing_json(slicing: &Slicing) -> Value {
    let one = |(kind, path): &(super::Discriminator, String)| {
        Value::Object(Object::new().with("type", kind.as_str()).with("path", path.as_str()))
    };
    let rules = match slicing.rules {
        Rules::Open => "open",
        Rules::Closed => "closed",
        Rules::OpenAtEnd => "openAtEnd",
    };
    let discriminators: Vec<Value> = slicing.discriminators.iter().map(one).collect();
    Value::Object(
        Object::new()
            .with_some("discriminator", (!discriminators.is_empty()).then_some(discriminators))
            .with("ordered", slicing.ordered)
            .with("rules", rules),
    )
}
