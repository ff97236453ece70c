//! The fields of types, and their arguments.

use std::borrow::Cow;

use super::named::{Named, Ref, scalar};
use crate::fhir::definitions::{self, Element, Kind, Type};
use crate::fhir::graphql::connection::NOT_HERE;
use crate::fhir::id::ResourceType;
use crate::fhir::search::params;

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it gives.
    pub gives: Ref,
    takes: Takes,
}

/// Which arguments a field takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Nothing,
    Id,
    Search(ResourceType, bool),
    /// Those that choose among the items of a list.
    Choice(&'static Type),
    Target,
}

/// An argument.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it takes.
    pub takes: Ref,
}

fn argument(name: impl Into<Cow<'static, str>>, takes: Ref) -> Argument {
    Argument { name: name.into(), takes }
}

fn field(name: impl Into<Cow<'static, str>>, gives: Ref, takes: Takes) -> Field {
    Field { name: name.into(), gives, takes }
}

impl Field {
    /// Its arguments.
    pub fn arguments(&self) -> Vec<Argument> {
        let text = || Ref::scalar("String");
        match self.takes {
            Takes::Nothing => Vec::new(),
            Takes::Id => vec![argument("id", Ref::scalar("ID").needed())],
            Takes::Target => vec![
                argument("optional", Ref::scalar("Boolean")),
                argument("type", Ref::scalar("code").list()),
            ],
            Takes::Choice(definition) => {
                let mut out = vec![
                    argument("fhirpath", text()),
                    argument("_offset", Ref::scalar("Int")),
                    argument("_count", Ref::scalar("Int")),
                ];
                for (name, kind) in forms(definition) {
                    if let Kind::Primitive(primitive, _) = kind {
                        out.push(argument(name, Ref::scalar(scalar(primitive)).list()));
                    }
                }
                out
            }
            Takes::Search(kind, connection) => {
                let mut out = vec![argument("fhirpath", text())];
                if connection {
                    out.push(argument("cursor", text()));
                }
                for name in ["_count", "_sort", "_filter"] {
                    out.push(argument(name, if name == "_count" { Ref::scalar("Int") } else { text() }));
                }
                for param in params::of(kind).filter(|param| !NOT_HERE.contains(&&*param.code)) {
                    let name = param.code.replace('-', "_");
                    if !out.iter().any(|known| known.name == name) {
                        out.push(argument(name, text().list()));
                    }
                }
                out
            }
        }
    }
}

/// The fields of a type; none for a value.
pub fn of(named: Named) -> Option<Vec<Field>> {
    let plain = |name: &'static str, gives: &'static str| field(name, Ref::scalar(gives), Takes::Nothing);
    match named {
        Named::Scalar(_) => None,
        Named::Query => {
            let mut out = Vec::new();
            for (kind, definition) in ResourceType::all().filter_map(|k| Some((k, definitions::resource(k)?)))
            {
                let one = Ref::Named(Named::Object(definition));
                out.push(field(kind.as_str(), one.clone(), Takes::Id));
                out.push(field(format!("{kind}List"), one.list(), Takes::Search(kind, false)));
                let page = Ref::Named(Named::Connection(kind));
                out.push(field(format!("{kind}Connection"), page, Takes::Search(kind, true)));
            }
            Some(out)
        }
        Named::Connection(kind) => Some(vec![
            plain("count", "Int"),
            plain("offset", "Int"),
            plain("pagesize", "Int"),
            plain("first", "String"),
            plain("previous", "String"),
            plain("next", "String"),
            plain("last", "String"),
            field("edges", Ref::Named(Named::Edge(kind)).list(), Takes::Nothing),
        ]),
        Named::Edge(kind) => {
            let resource = definitions::resource(kind).map(|d| Ref::Named(Named::Object(d)));
            let mut out = vec![plain("mode", "code"), plain("score", "decimal")];
            out.extend(resource.map(|resource| field("resource", resource, Takes::Nothing)));
            Some(out)
        }
        Named::Object(definition) | Named::Resource(definition) => Some(elements(definition)),
    }
}

fn elements(definition: &'static Type) -> Vec<Field> {
    let mut out = Vec::new();
    let is_resource = definition.name == "Resource" || ResourceType::parse(definition.name).is_some();
    if is_resource {
        out.push(field("resourceType", Ref::scalar("code"), Takes::Nothing));
    }
    let listed = |element: &Element, one: Ref| if element.is_list() { one.list() } else { one };
    for (element, name, kind) in definition.elements.iter().flat_map(named_forms) {
        match kind {
            Kind::Primitive(primitive, _) => {
                let value = listed(element, Ref::scalar(scalar(primitive)));
                out.push(field(name.clone(), value, Takes::Nothing));
                if let Some(twin) = definitions::by_name("Element") {
                    let twin_takes = if element.is_list() { Takes::Choice(twin) } else { Takes::Nothing };
                    let twin = listed(element, Ref::Named(Named::Object(twin)));
                    out.push(field(format!("_{name}"), twin, twin_takes));
                }
            }
            Kind::Complex(id) | Kind::Reference(id, _) => {
                let Some(inner) = definitions::by_id(id) else { continue };
                let takes = if element.is_list() { Takes::Choice(inner) } else { Takes::Nothing };
                out.push(field(name, listed(element, Ref::Named(Named::Object(inner))), takes));
            }
            Kind::Resource => {
                let Some(any) = definitions::by_name("Resource") else { continue };
                out.push(field(name, listed(element, Ref::Named(Named::Resource(any))), Takes::Nothing));
            }
        }
    }
    if definition.name == "Reference"
        && let Some(any) = definitions::by_name("Resource")
    {
        out.push(field("resource", Ref::Named(Named::Resource(any)), Takes::Target));
    }
    out
}

/// The names under which an element stands, with the kind of each.
fn named_forms(
    element: &'static Element,
) -> impl Iterator<Item = (&'static Element, Cow<'static, str>, Kind)> {
    element.kinds.iter().map(move |kind| {
        let name =
            if element.choice { chosen(element.name, *kind).into() } else { Cow::Borrowed(element.name) };
        (element, name, *kind)
    })
}

fn forms(definition: &'static Type) -> impl Iterator<Item = (Cow<'static, str>, Kind)> {
    definition.elements.iter().flat_map(named_forms).map(|(_, name, kind)| (name, kind))
}

/// `valueQuantity`
fn chosen(name: &str, kind: Kind) -> String {
    let code = match kind {
        Kind::Primitive(primitive, _) => primitive.as_str(),
        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id).map_or("", |d| d.name),
        Kind::Resource => "Resource",
    };
    let mut letters = code.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    name.chars().chain(first).chain(letters).collect()
}
