//! Types of the schema by their names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::fhir::definitions::{self, Kind, Primitive, Type};
use crate::fhir::id::ResourceType;

/// A type that has a name.
#[derive(Debug, Clone, Copy)]
pub enum Named {
    /// Where queries about the whole store begin.
    Query,
    /// A value.
    Scalar(&'static str),
    /// A resource, a data type, or an element with elements of its own.
    Object(&'static Type),
    /// Any resource.
    Resource(&'static Type),
    /// A page of a search.
    Connection(ResourceType),
    /// One row of it.
    Edge(ResourceType),
}

/// A type as an element or argument has it.
#[derive(Debug, Clone)]
pub enum Ref {
    /// By its name.
    Named(Named),
    /// A list.
    List(Box<Ref>),
    /// Never null.
    Needed(Box<Ref>),
}

impl Ref {
    /// A value.
    pub const fn scalar(name: &'static str) -> Self {
        Self::Named(Named::Scalar(name))
    }

    /// A list of it.
    pub fn list(self) -> Self {
        Self::List(Box::new(self))
    }

    /// It, never null.
    pub fn needed(self) -> Self {
        Self::Needed(Box::new(self))
    }
}

impl Named {
    /// Its name.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Query => "Query".into(),
            Self::Scalar(name) => name.into(),
            Self::Object(definition) | Self::Resource(definition) => graph_name(definition.name),
            Self::Connection(kind) => format!("{kind}Connection").into(),
            Self::Edge(kind) => format!("{kind}Edge").into(),
        }
    }
}

/// The scalar that a primitive of R4 is.
pub fn scalar(primitive: Primitive) -> &'static str {
    match primitive.as_str() {
        "boolean" => "Boolean",
        "integer" => "Int",
        "string" => "String",
        "id" => "ID",
        other => other,
    }
}

/// The name of a type in the schema: `Patient.contact` is `PatientContact`.
pub fn graph_name(name: &'static str) -> Cow<'static, str> {
    if !name.contains('.') {
        return name.into();
    }
    let mut out = String::with_capacity(name.len());
    for part in name.split('.') {
        let mut letters = part.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out.into()
}

/// The type of a name.
pub fn find(name: &str) -> Option<Named> {
    TABLE.get(name).copied()
}

/// The type of R4 behind a name of the schema.
pub fn type_of_graph(name: &str) -> Option<&'static Type> {
    match find(name)? {
        Named::Object(definition) | Named::Resource(definition) => Some(definition),
        Named::Query | Named::Scalar(_) | Named::Connection(_) | Named::Edge(_) => None,
    }
}

/// Whether the schema has a type of this name.
pub fn is_known(name: &str) -> bool {
    TABLE.contains_key(name) || name.starts_with("__")
}

/// Every type, in the order of the alphabet.
pub fn all() -> impl Iterator<Item = Named> {
    TABLE.values().copied()
}

static TABLE: LazyLock<BTreeMap<String, Named>> = LazyLock::new(|| {
    let mut table = BTreeMap::new();
    let mut put = |named: Named| {
        table.insert(named.name().into_owned(), named);
    };
    put(Named::Query);
    for name in ["Boolean", "Int", "String", "ID"] {
        put(Named::Scalar(name));
    }
    let mut open: Vec<&'static Type> = definitions::by_name("Element").into_iter().collect();
    for kind in ResourceType::all() {
        put(Named::Connection(kind));
        put(Named::Edge(kind));
        open.extend(definitions::resource(kind));
    }
    if let Some(resource) = definitions::by_name("Resource") {
        put(Named::Resource(resource));
    }
    let mut met: Vec<&str> = Vec::new();
    while let Some(definition) = open.pop() {
        if met.contains(&definition.name) {
            continue;
        }
        met.push(definition.name);
        put(Named::Object(definition));
        for kind in definition.elements.iter().flat_map(|element| &element.kinds) {
            match kind {
                Kind::Primitive(primitive, _) => put(Named::Scalar(scalar(*primitive))),
                Kind::Complex(id) | Kind::Reference(id, _) => open.extend(definitions::by_id(*id)),
                Kind::Resource => {}
            }
        }
    }
    table
});
