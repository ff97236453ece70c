//! From a StructureDefinition to a [`Profile`]: the base's tree, with each element of the differential laid over it.

use std::sync::Arc;

use super::{
    Aggregation, Binding, Context, Discriminator, Node, Profile, Rules, Slice, Slicing, Strength, TypeRef,
    Versioning, core_type,
};
use crate::fhir::definitions::{self, Element, Kind, Type};
use crate::fhir::validate::rules::Invariant;
use crate::json::Value;

/// Most elements of one definition.
const MOST_ELEMENTS: usize = 5_000;
/// Most names in one path.
const MOST_STEPS: usize = 32;

/// Why a definition cannot be used, with the element at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", path.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
pub struct Refusal {
    /// Path or id of the element.
    pub path: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// Compiles a StructureDefinition. `find` answers other profiles by their address.
///
/// # Errors
/// When it does not constrain a type of R4, its base is not known, or an element names what the base does not have.
pub fn compile(json: &Value, find: &dyn Fn(&str) -> Option<Arc<Profile>>) -> Result<Profile, Refusal> {
    let plain = |reason: String| Refusal { path: None, reason };
    let text = |key: &str| json.str(key).ok_or_else(|| plain(format!("the definition has no {key}")));
    let type_name = text("type")?;
    let base = text("baseDefinition")?;
    if json.str("derivation") == Some("specialization") {
        return Err(plain("a specialization defines a type; only constraints are profiles".to_owned()));
    }
    let definition = definitions::by_name(type_name)
        .ok_or_else(|| plain(format!("\"{type_name}\" is not a type of R4 that can be constrained")))?;
    let differential = json.get("differential").map(|d| d.items("element")).unwrap_or_default();
    let snapshot = json.get("snapshot").map(|d| d.items("element")).unwrap_or_default();
    let own_base = core_type(base) == Some(type_name);
    let known_base = if own_base { None } else { find(base) };
    let (mut root, elements) = match known_base {
        Some(base) if base.type_name != type_name => {
            return Err(plain(format!("its base is a {}, not a {type_name}", base.type_name)));
        }
        Some(base) if !differential.is_empty() => (base.root.clone(), differential),
        _ if own_base && !differential.is_empty() => (Node::of(type_name), differential),
        _ if !snapshot.is_empty() => (Node::of(type_name), snapshot),
        Some(base) => (base.root.clone(), differential),
        None if own_base => (Node::of(type_name), differential),
        None => return Err(plain(format!("its base {base} is not known here; load it first"))),
    };
    if elements.len() > MOST_ELEMENTS {
        return Err(plain(format!("it has more than {MOST_ELEMENTS} elements")));
    }
    let mut trail = Vec::new();
    for element in elements {
        lay(&mut root, definition, element, &mut trail).map_err(|reason| Refusal {
            path: element.str("id").or_else(|| element.str("path")).map(str::to_owned),
            reason,
        })?;
    }
    let contexts = json.items("context").iter().filter_map(|c| {
        Some(Context { kind: c.str("type")?.to_owned(), expression: c.str("expression")?.to_owned() })
    });
    Ok(Profile {
        url: text("url")?.to_owned(),
        version: json.str("version").map(str::to_owned),
        name: json.str("title").or_else(|| json.str("name")).unwrap_or(type_name).to_owned(),
        type_name: type_name.to_owned(),
        contexts: contexts.collect(),
        root,
    })
}

/// One step of a path, with the slice that it goes through.
type Step = (String, Option<String>);

/// Lays an element over the tree. `trail` holds the steps of the element before, whose slices the next one goes on in.
fn lay(
    root: &mut Node,
    definition: &'static Type,
    element: &Value,
    trail: &mut Vec<Step>,
) -> Result<(), String> {
    let path = element.str("path").ok_or("an element without a path")?;
    let steps = steps(path, element, trail)?;
    let (first, rest) = steps.split_first().ok_or("an empty path")?;
    if first.0 != definition.name {
        return Err(format!("the path begins with \"{}\", not with \"{}\"", first.0, definition.name));
    }
    let mut at = Place { node: root, definition: Some(definition), base: None };
    for (name, slice) in rest {
        at = at.down(name, slice.as_deref())?;
    }
    apply(at.node, element, at.base)?;
    *trail = steps;
    Ok(())
}

fn steps(path: &str, element: &Value, trail: &[Step]) -> Result<Vec<Step>, String> {
    let names: Vec<&str> = path.split('.').collect();
    if names.len() > MOST_STEPS {
        return Err(format!("the path has more than {MOST_STEPS} names"));
    }
    if names.iter().any(|name| name.is_empty()) {
        return Err("a name of the path is empty".to_owned());
    }
    let ids: Vec<&str> = element.str("id").map(|id| id.split('.').collect()).unwrap_or_default();
    let by_id = ids.len() == names.len()
        && ids.iter().zip(&names).all(|(id, name)| id.split(':').next() == Some(*name));
    let last = names.len() - 1;
    let mut same = true;
    let mut out = Vec::with_capacity(names.len());
    for (n, name) in names.iter().enumerate() {
        let before = trail.get(n).filter(|_| same);
        same = before.is_some_and(|(own, _)| own == name);
        let slice = if n == last {
            element.str("sliceName").map(str::to_owned)
        } else if by_id {
            ids.get(n).and_then(|id| id.split_once(':')).map(|(_, slice)| slice.to_owned())
        } else {
            before.filter(|_| same).and_then(|(_, slice)| slice.clone())
        };
        out.push(((*name).to_owned(), slice));
    }
    Ok(out)
}

/// A node with the type of what stands in it, as far as it is one.
struct Place<'n> {
    node: &'n mut Node,
    definition: Option<&'static Type>,
    base: Option<&'static Element>,
}

impl<'n> Place<'n> {
    fn down(self, name: &str, slice: Option<&str>) -> Result<Place<'n>, String> {
        let bare = name.strip_suffix("[x]").unwrap_or(name);
        let (base, implied) = match self.definition {
            None => (None, None),
            Some(definition) => match definition.elements.iter().find(|e| e.name == bare) {
                Some(base) => (Some(base), None),
                None => match definition.member(name) {
                    Some((base, kind)) if base.choice => (Some(base), Some(kind)),
                    _ => return Err(format!("{} has no element \"{name}\"", definition.name)),
                },
            },
        };
        let node = child(self.node, base.map_or(bare, |b| b.name))?;
        let inherited = content(node, base);
        let (node, definition) = match (implied, slice) {
            (Some(kind), slice) => {
                let sliced = type_slice(node, slice.unwrap_or(name), type_of(kind))?;
                (sliced, type_of(kind).and_then(definition_of))
            }
            (None, Some(slice)) => {
                let sliced = named_slice(node, slice)?;
                let own = if sliced.types.is_some() { content(sliced, base) } else { inherited };
                (sliced, own)
            }
            (None, None) => (node, inherited),
        };
        Ok(Place { node, definition, base })
    }
}

fn child<'n>(node: &'n mut Node, name: &str) -> Result<&'n mut Node, String> {
    let at = node.children.iter().position(|c| c.name == name).unwrap_or_else(|| {
        node.children.push(Node::of(name));
        node.children.len() - 1
    });
    node.children.get_mut(at).ok_or_else(|| name.to_owned())
}

/// The slice of a name; `outer/inner` is a slice within the slice `outer`, where there is one.
fn named_slice<'n>(node: &'n mut Node, name: &str) -> Result<&'n mut Node, String> {
    if let Some((outer, _)) = name.rsplit_once('/')
        && has_slice(node, outer)
    {
        let outer = named_slice(node, outer)?;
        return own_slice(outer, name);
    }
    own_slice(node, name)
}

fn has_slice(node: &Node, name: &str) -> bool {
    node.slices.iter().any(|slice| {
        slice.name == name || name.starts_with(&format!("{}/", slice.name)) && has_slice(&slice.node, name)
    })
}

fn own_slice<'n>(node: &'n mut Node, name: &str) -> Result<&'n mut Node, String> {
    let at = node.slices.iter().position(|s| s.name == name).unwrap_or_else(|| {
        node.slices.push(Slice { name: name.to_owned(), node: Node::of(&node.name) });
        node.slices.len() - 1
    });
    node.slices.get_mut(at).map(|slice| &mut slice.node).ok_or_else(|| name.to_owned())
}

/// `valueQuantity` constrains what stands in `value[x]` when it is a Quantity.
fn type_slice<'n>(
    node: &'n mut Node,
    name: &str,
    code: Option<&'static str>,
) -> Result<&'n mut Node, String> {
    if node.slicing.is_none() {
        let by_type = vec![(Discriminator::Type, "$this".to_owned())];
        node.slicing = Some(Slicing { discriminators: by_type, ..Slicing::default() });
    }
    let slice = named_slice(node, name)?;
    if slice.types.is_none() {
        slice.types = code.map(|code| vec![TypeRef::of(code)]);
    }
    Ok(slice)
}

/// The type of what stands in an element, when there is only one.
fn content(node: &Node, base: Option<&Element>) -> Option<&'static Type> {
    match (node.types.as_deref(), base.map(|b| b.kinds.as_slice())) {
        (Some([only]), Some([Kind::Complex(id)]))
            if only.code == "BackboneElement" || only.code == "Element" =>
        {
            definitions::by_id(*id)
        }
        (Some([only]), _) => definition_of(&only.code),
        (Some(_), _) => None,
        (None, Some([kind])) => match kind {
            Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(*id),
            Kind::Primitive(..) => definitions::by_name("Element"),
            Kind::Resource => None,
        },
        (None, _) => None,
    }
}

fn definition_of(code: &str) -> Option<&'static Type> {
    match definitions::Primitive::parse(code) {
        Some(_) => definitions::by_name("Element"),
        None => definitions::by_name(code),
    }
}

/// Name of the type of a kind.
pub(super) fn type_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Primitive(primitive, _) => Some(primitive.as_str()),
        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id).map(|d| d.name),
        Kind::Resource => None,
    }
}

fn apply(node: &mut Node, element: &Value, base: Option<&'static Element>) -> Result<(), String> {
    counts(node, element, base)?;
    let types: Vec<TypeRef> = element.items("type").iter().filter_map(type_ref).collect();
    if !types.is_empty() {
        allowed(&types, base)?;
        node.types = Some(types);
    }
    for (key, value) in element.as_object().into_iter().flat_map(|o| o.iter()) {
        let slot = match key {
            k if k.starts_with("fixed") => &mut node.fixed,
            k if k.starts_with("pattern") => &mut node.pattern,
            k if k.starts_with("minValue") => &mut node.min_value,
            k if k.starts_with("maxValue") => &mut node.max_value,
            _ => continue,
        };
        *slot = Some(value.clone());
    }
    if let Some(number) = element.get("maxLength").and_then(Value::as_number) {
        node.max_length = number.as_u64().and_then(|n| u32::try_from(n).ok());
    }
    node.is_modifier |= element.get("isModifier").and_then(Value::as_bool).unwrap_or_default();
    if let Some(binding) = element.get("binding") {
        let strength = binding.str("strength").and_then(Strength::parse);
        if let (Some(strength), Some(value_set)) = (strength, binding.str("valueSet")) {
            node.binding = Some(Binding { strength, value_set: value_set.to_owned() });
        }
    }
    for constraint in element.items("constraint") {
        if let Some(invariant) = invariant(constraint)
            && !node.constraints.iter().any(|known| known.key == invariant.key)
        {
            node.constraints.push(invariant);
        }
    }
    if let Some(slicing) = element.get("slicing") {
        node.slicing = Some(read_slicing(slicing)?);
    }
    Ok(())
}

fn counts(node: &mut Node, element: &Value, base: Option<&'static Element>) -> Result<(), String> {
    if let Some(min) = element.get("min").and_then(Value::as_number).and_then(|n| n.as_u64()) {
        node.min = Some(u32::try_from(min).map_err(|_| "min is too large".to_owned())?);
    }
    if let Some(max) = element.str("max") {
        let number = if max == "*" { Some(u32::MAX) } else { max.parse().ok() };
        node.max = Some(number.ok_or_else(|| format!("max \"{max}\" is neither a number nor *"))?);
    }
    let (min, max) = (node.min.unwrap_or_default(), node.max.unwrap_or(u32::MAX));
    if min > max {
        return Err(format!("min {min} is more than max {max}"));
    }
    if let Some(base) = base
        && let (Some(max), false) = (node.max, base.is_list())
        && max > 1
    {
        return Err(format!(
            "max {max} is more than the base allows",
            max = if max == u32::MAX { "*".to_owned() } else { max.to_string() }
        ));
    }
    Ok(())
}

fn type_ref(json: &Value) -> Option<TypeRef> {
    let urls = |key| json.items(key).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let code = json.str("code")?;
    let code = if code.starts_with("http://hl7.org/fhirpath/System.") { "string" } else { code };
    Some(TypeRef {
        profiles: urls("profile"),
        targets: urls("targetProfile"),
        aggregation: json
            .items("aggregation")
            .iter()
            .filter_map(|mode| Aggregation::parse(mode.as_str()?))
            .collect(),
        versioning: json.str("versioning").and_then(Versioning::parse).unwrap_or_default(),
        ..TypeRef::of(code)
    })
}

/// Types must be among those of the base.
fn allowed(types: &[TypeRef], base: Option<&'static Element>) -> Result<(), String> {
    let Some(base) = base else { return Ok(()) };
    for wanted in types {
        let fits = base.kinds.iter().any(|kind| match kind {
            Kind::Resource => definitions::by_name(&wanted.code).is_some(),
            Kind::Primitive(own, _) => {
                own.as_str() == wanted.code || matches!(wanted.code.as_str(), "string" | "id" | "uri")
            }
            Kind::Complex(_) | Kind::Reference(..) => type_of(*kind).is_some_and(|own| {
                own == wanted.code
                    || own.contains('.')
                    || matches!(wanted.code.as_str(), "Element" | "BackboneElement")
                    || (own == "Quantity"
                        && matches!(
                            wanted.code.as_str(),
                            "SimpleQuantity" | "MoneyQuantity" | "Age" | "Count" | "Distance" | "Duration"
                        ))
            }),
        });
        if !fits {
            return Err(format!("the type {} is not one of {}", wanted.code, base.name));
        }
    }
    Ok(())
}

pub(super) fn invariant(json: &Value) -> Option<Invariant> {
    Some(Invariant::new(
        json.str("key")?,
        json.str("severity") != Some("warning"),
        json.str("expression")?,
        json.str("human").unwrap_or_default(),
    ))
}

fn read_slicing(json: &Value) -> Result<Slicing, String> {
    let mut discriminators = Vec::new();
    for item in json.items("discriminator") {
        let path = item.str("path").ok_or("a discriminator without a path")?;
        let kind = match item.str("type") {
            Some("value" | "pattern") => Discriminator::Value,
            Some("exists") => Discriminator::Exists,
            Some("type") => Discriminator::Type,
            Some("profile") => Discriminator::Profile,
            other => {
                return Err(format!("\"{}\" is not a kind of discriminator", other.unwrap_or_default()));
            }
        };
        discriminators.push((kind, path.to_owned()));
    }
    let rules = match json.str("rules") {
        Some("open") | None => Rules::Open,
        Some("closed") => Rules::Closed,
        Some("openAtEnd") => Rules::OpenAtEnd,
        Some(other) => return Err(format!("\"{other}\" is not a rule of slicing")),
    };
    let ordered = json.get("ordered").and_then(Value::as_bool).unwrap_or_default();
    Ok(Slicing { discriminators, rules, ordered })
}
