//! Types by name: those of FHIRPath itself (`System.`) and those of FHIR.

use super::error::Error;
use super::item::Item;
use super::temporal::TemporalKind;
use crate::fhir::definitions::{self, Kind, Primitive, TypeId};

macro_rules! system_types {
    ($($name:ident,)*) => {
        /// The types of FHIRPath itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // Each is the type of its own name.
        pub enum SystemType { $($name,)* }
        impl SystemType {
            fn parse(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
            /// The name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}
system_types! { Any, Boolean, Integer, Decimal, String, Date, DateTime, Time, Quantity, }

/// A FHIR type that a value can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FhirType {
    Primitive(Primitive),
    Complex(TypeId),
}

/// A type as an expression names it: in one of the two families, or in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeName {
    pub system: Option<SystemType>,
    pub fhir: Option<FhirType>,
}

impl TypeName {
    /// The type of a name with or without its family; an error for a name that neither knows.
    pub fn resolve(parts: &[Box<str>], at: u32) -> Result<Self, Error> {
        let unknown = || Error::semantic(at, format!("there is no type \"{}\"", parts.join(".")));
        match parts {
            [name] => {
                let found = Self { system: SystemType::parse(name), fhir: fhir(name) };
                if found.system.is_none() && found.fhir.is_none() { Err(unknown()) } else { Ok(found) }
            }
            // A name that FHIRPath does not have is the type of no value.
            [family, name] if &**family == "System" => {
                Ok(Self { system: SystemType::parse(name), fhir: None })
            }
            [family, name] if &**family == "FHIR" => {
                fhir(name).map(|found| Self { system: None, fhir: Some(found) }).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

fn fhir(name: &str) -> Option<FhirType> {
    // Profiles of Quantity that expressions of the standard name like types.
    let name = if matches!(name, "SimpleQuantity" | "MoneyQuantity") { "Quantity" } else { name };
    let primitive = Primitive::parse(name).map(FhirType::Primitive);
    primitive.or_else(|| definitions::id_of(name).map(FhirType::Complex))
}

/// The type that a primitive specialises, for those that are not directly elements.
pub(super) const fn primitive_base(primitive: Primitive) -> Option<Primitive> {
    match primitive {
        Primitive::Code | Primitive::Id | Primitive::Markdown => Some(Primitive::String),
        Primitive::Canonical | Primitive::Oid | Primitive::Url | Primitive::Uuid => Some(Primitive::Uri),
        Primitive::PositiveInt | Primitive::UnsignedInt => Some(Primitive::Integer),
        Primitive::Base64Binary
        | Primitive::Boolean
        | Primitive::Date
        | Primitive::DateTime
        | Primitive::Decimal
        | Primitive::Instant
        | Primitive::Integer
        | Primitive::String
        | Primitive::Time
        | Primitive::Uri
        | Primitive::Xhtml => None,
    }
}

/// The number of `Element`, which every type of element specialises.
fn element() -> Option<TypeId> {
    definitions::id_of("Element")
}

/// Whether a kind of element is `wanted` or, with `derived`, a specialisation of it.
pub(super) fn kind_is(kind: Kind, wanted: FhirType, derived: bool) -> bool {
    match (kind, wanted) {
        (Kind::Primitive(is, _), FhirType::Primitive(wanted)) => {
            is == wanted || (derived && primitive_base(is) == Some(wanted))
        }
        (Kind::Primitive(..), FhirType::Complex(wanted)) => derived && Some(wanted) == element(),
        (Kind::Complex(is) | Kind::Reference(is, _), FhirType::Complex(wanted)) => {
            definitions::is_a(is, wanted)
        }
        (Kind::Complex(_) | Kind::Reference(..), FhirType::Primitive(_)) => false,
        (Kind::Resource, FhirType::Complex(wanted)) => definitions::id_of("Resource") == Some(wanted),
        (Kind::Resource, FhirType::Primitive(_)) => false,
    }
}

/// The type of FHIRPath itself that an item has.
pub(super) const fn system_type(item: &Item<'_>) -> Option<SystemType> {
    Some(match item {
        Item::Node(_) | Item::Type(_) => return None,
        Item::Boolean(_) => SystemType::Boolean,
        Item::Integer(_) => SystemType::Integer,
        Item::Decimal(_) => SystemType::Decimal,
        Item::String(_) => SystemType::String,
        Item::Quantity(_) => SystemType::Quantity,
        Item::Temporal(value) => match value.kind {
            TemporalKind::Date => SystemType::Date,
            TemporalKind::DateTime => SystemType::DateTime,
            TemporalKind::Time => SystemType::Time,
        },
    })
}

/// Whether an item is of a type. With `derived` a specialised type counts too (`is`); without it a primitive must be
/// exactly of the type (`as`, `ofType`).
pub(super) fn is_of(item: &Item<'_>, name: TypeName, derived: bool) -> bool {
    match item {
        Item::Node(node) => match (node.kind(), name.fhir) {
            (Some(kind), Some(wanted)) => kind_is(kind, wanted, derived),
            _ => false,
        },
        other => system_type(other)
            .is_some_and(|is| name.system == Some(is) || (derived && name.system == Some(SystemType::Any))),
    }
}

/// What `type()` answers: a family and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeInfo {
    /// `System` or `FHIR`.
    pub namespace: &'static str,
    /// The name of the type.
    pub name: &'static str,
}

/// The type of an item; for an element without a type of its own name, the type it specialises.
pub(super) fn info(item: &Item<'_>) -> Option<TypeInfo> {
    match item {
        Item::Node(node) => Some(TypeInfo { namespace: "FHIR", name: node.kind().map(kind_name)? }),
        Item::Type(_) => Some(TypeInfo { namespace: "System", name: "TypeInfo" }),
        other => system_type(other).map(|t| TypeInfo { namespace: "System", name: t.as_str() }),
    }
}

/// The name of a kind of element: `HumanName`, `code`, `BackboneElement`.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Primitive(primitive, _) => primitive.as_str(),
        Kind::Complex(id) | Kind::Reference(id, _) => {
            let Some(definition) = definitions::by_id(id) else { return "Element" };
            if !definition.name.contains('.') {
                return definition.name;
            }
            definition.base.and_then(definitions::by_id).map_or("Element", |base| base.name)
        }
        Kind::Resource => "Resource",
    }
}
