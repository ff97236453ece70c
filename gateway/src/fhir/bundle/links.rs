//! References between the entries of a bundle.
//!
//! A `fullUrl` stands for the record that its entry becomes. `Reference.reference` at any depth, values of the types uri,
//! url, canonical, oid and uuid that equal a `fullUrl`, and `href` and `src` in narratives are rewritten to `Type/id`.

use std::collections::HashMap;

use crate::fhir::definitions::{self, Kind, Primitive, Type};
use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::json::Value;

/// What each address of a bundle became.
#[derive(Debug, Clone, Default)]
pub struct Links {
    map: HashMap<String, String>,
    bases: Vec<String>,
}

impl Links {
    /// No links yet. `bases` are the addresses of this server.
    pub fn new(bases: &[String]) -> Self {
        let bases = bases.iter().map(|b| b.trim_end_matches('/').to_owned()).collect();
        Self { map: HashMap::new(), bases }
    }

    /// An address (a `fullUrl`, or the text of a conditional reference) became a record.
    pub fn add(&mut self, address: &str, kind: ResourceType, id: &LogicalId) {
        self.map.insert(address.to_owned(), format!("{kind}/{id}"));
    }

    /// Rewrites a resource that stands under `full_url` in its bundle. Answers a problem for each reference to a
    /// `urn:uuid:` or `urn:oid:` that no entry stands for.
    pub fn rewrite(&self, resource: &mut Value, full_url: Option<&str>) -> Vec<Issue> {
        let foreign = full_url.and_then(|url| self.foreign_base(url));
        let mut broken = Vec::new();
        let Some(definition) = definition_of(resource) else { return broken };
        let place = definition.name.to_owned();
        walk(resource, definition, &place, &mut |place, leaf, text| match leaf {
            Leaf::Reference => {
                let new = self.target(text, foreign.as_deref());
                if new.is_none() && is_local_urn(text) {
                    let shown: String = text.chars().take(100).collect();
                    let why = format!(
                        "No entry of the bundle has the fullUrl \"{shown}\" that is referred to here."
                    );
                    broken.push(Issue::error(IssueCode::NotFound, why).at(place));
                }
                new
            }
            Leaf::Uri => self.map.get(text).cloned(),
            Leaf::Narrative => self.narrative(text),
        });
        broken
    }

    fn target(&self, text: &str, foreign: Option<&str>) -> Option<String> {
        if text.starts_with('#') {
            return None;
        }
        if let Some(target) = self.map.get(text) {
            return Some(target.clone());
        }
        let Some(Reference::Record { base, kind, id, version }) = Reference::parse(text) else {
            // A fragment of what another entry contains keeps its fragment.
            let (whole, fragment) = text.split_once('#')?;
            return self.map.get(whole).map(|target| format!("{target}#{fragment}"));
        };
        let bare = match (&base, foreign) {
            (Some(base), _) => format!("{base}/{kind}/{id}"),
            (None, Some(foreign)) => format!("{foreign}/{kind}/{id}"),
            (None, None) => format!("{kind}/{id}"),
        };
        match (self.map.get(&bare), version) {
            (Some(target), _) => Some(target.clone()),
            // A relative reference in an entry of another server means that server's record, never ours.
            (None, version) if base.is_none() && foreign.is_some() => {
                Some(version.map_or(bare.clone(), |v| format!("{bare}/_history/{v}")))
            }
            (None, _) => None,
        }
    }

    /// Base of a `fullUrl` that is a record of another server.
    fn foreign_base(&self, full_url: &str) -> Option<String> {
        match Reference::parse(full_url)? {
            Reference::Record { base: Some(base), .. } => (!self.bases.contains(&base)).then_some(base),
            Reference::Record { .. }
            | Reference::Fragment(_)
            | Reference::Conditional { .. }
            | Reference::Uri(_) => None,
        }
    }

    /// Rewrites `href` and `src`; `None` when nothing changes.
    fn narrative(&self, div: &str) -> Option<String> {
        let mut out = String::with_capacity(div.len());
        let mut rest = div;
        let mut changed = false;
        while let Some((at, quote)) = next_link(rest) {
            let (head, tail) = rest.split_at_checked(at)?;
            out.push_str(head);
            let end = tail.find(quote)?;
            let (address, after) = tail.split_at_checked(end)?;
            match self.map.get(address) {
                Some(target) => {
                    out.push_str(target);
                    changed = true;
                }
                None => out.push_str(address),
            }
            rest = after;
        }
        out.push_str(rest);
        changed.then_some(out)
    }
}

/// Place behind the opening quote of the next `href` or `src`, and the quote.
fn next_link(text: &str) -> Option<(usize, char)> {
    ["href=", "src="]
        .iter()
        .flat_map(|name| {
            text.match_indices(name).find_map(|(at, _)| {
                let quote =
                    text.get(at + name.len()..)?.chars().next().filter(|c| matches!(c, '"' | '\''))?;
                let spaced = text.get(..at)?.ends_with(char::is_whitespace);
                spaced.then_some((at + name.len() + 1, quote))
            })
        })
        .min()
}

fn is_local_urn(text: &str) -> bool {
    text.starts_with("urn:uuid:") || text.starts_with("urn:oid:")
}

/// A reference that a transaction must resolve by a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionalReference {
    /// The whole text, as [`Links::add`] wants it once the record is known.
    pub text: String,
    /// Type that is searched.
    pub kind: ResourceType,
    /// The query, still encoded.
    pub query: String,
    /// Where it stands, such as `Observation.subject`.
    pub expression: String,
}

/// Every `Type?query` reference of a resource.
pub fn conditional_references(resource: &Value) -> Vec<ConditionalReference> {
    let mut found = Vec::new();
    for (expression, text) in reference_texts(resource) {
        if let Some(Reference::Conditional { kind, query }) = Reference::parse(&text) {
            found.push(ConditionalReference { text, kind, query, expression });
        }
    }
    found
}

/// Every reference of a resource that can be read, with its place.
pub fn references(resource: &Value) -> Vec<(String, Reference)> {
    let texts = reference_texts(resource).into_iter();
    texts.filter_map(|(place, text)| Some((place, Reference::parse(&text)?))).collect()
}

/// Every reference of a resource as it is written, with its place.
pub(super) fn reference_texts(resource: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some(definition) = definition_of(resource) {
        each(resource, definition, definition.name, &mut |place, leaf, text| {
            if leaf == Leaf::Reference {
                found.push((place.to_owned(), text.to_owned()));
            }
        });
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Reference,
    Uri,
    Narrative,
}

fn definition_of(resource: &Value) -> Option<&'static Type> {
    definitions::resource(ResourceType::parse(resource.str("resourceType")?)?)
}

fn leaf_of(definition: &Type, key: &str, kind: Kind) -> Option<Leaf> {
    match kind {
        Kind::Primitive(Primitive::String, _) if definition.name == "Reference" && key == "reference" => {
            Some(Leaf::Reference)
        }
        Kind::Primitive(Primitive::Uri, _) if definition.name == "Extension" && key == "url" => None,
        Kind::Primitive(
            Primitive::Uri | Primitive::Url | Primitive::Canonical | Primitive::Oid | Primitive::Uuid,
            _,
        ) => Some(Leaf::Uri),
        Kind::Primitive(Primitive::Xhtml, _) => Some(Leaf::Narrative),
        Kind::Primitive(..) | Kind::Complex(_) | Kind::Reference(..) | Kind::Resource => None,
    }
}

/// Definition of what stands in a member: of a type, of a contained resource, or of the extensions behind `_x`.
fn inner(definition: &'static Type, key: &str, value: &Value) -> Option<&'static Type> {
    if let Some(twin) = key.strip_prefix('_') {
        definition.member(twin)?;
        return definitions::by_name("Element");
    }
    match definition.member(key)?.1 {
        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
        Kind::Resource => definition_of(value),
        Kind::Primitive(..) => None,
    }
}

type Change<'a> = dyn FnMut(&str, Leaf, &str) -> Option<String> + 'a;

/// Shows every reference, URI and narrative to `change` and puts in what it answers.
fn walk(value: &mut Value, definition: &'static Type, place: &str, change: &mut Change<'_>) {
    let Value::Object(object) = value else { return };
    for (key, member) in object.iter_mut() {
        let leaf = definition.member(key).and_then(|(_, kind)| leaf_of(definition, key, kind));
        let items = match member {
            Value::Array(items) => items.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        let many = items.len() > 1;
        for (n, item) in items.iter_mut().enumerate() {
            match (leaf, item) {
                (Some(leaf), Value::String(text)) => {
                    if let Some(new) = change(place, leaf, text) {
                        *text = new;
                    }
                }
                (None, item @ Value::Object(_)) => {
                    if let Some(next) = inner(definition, key, item) {
                        let place =
                            if many { format!("{place}.{key}[{n}]") } else { format!("{place}.{key}") };
                        walk(item, next, &place, change);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Like [`walk`], without changing anything.
fn each(value: &Value, definition: &'static Type, place: &str, see: &mut dyn FnMut(&str, Leaf, &str)) {
    let Value::Object(object) = value else { return };
    for (key, member) in object.iter() {
        let leaf = definition.member(key).and_then(|(_, kind)| leaf_of(definition, key, kind));
        let items = member.as_array().unwrap_or(std::slice::from_ref(member));
        for (n, item) in items.iter().enumerate() {
            match (leaf, item) {
                (Some(leaf), Value::String(text)) => see(place, leaf, text),
                (None, item @ Value::Object(_)) => {
                    if let Some(next) = inner(definition, key, item) {
                        let many = items.len() > 1;
                        let place =
                            if many { format!("{place}.{key}[{n}]") } else { format!("{place}.{key}") };
                        each(item, next, &place, see);
                    }
                }
                _ => {}
            }
        }
    }
}
