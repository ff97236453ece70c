//! Columns and their types: what a value must be to stand in one.

use crate::fhir::definitions::{self, Kind, Primitive, TypeId};
use crate::fhirpath::{Item, Temporal, TemporalKind};
use crate::json::Value;

/// One column of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name in the output.
    pub name: String,
    /// `type` as it is written: `string`, `dateTime`, `Coding`; none when the view does not say.
    pub kind: Option<String>,
    /// Whether a cell holds a list.
    pub collection: bool,
    pub(super) wanted: Wanted,
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Anything,
    Boolean,
    Integer,
    Decimal,
    Date,
    DateTime,
    Time,
    Text,
    Complex(TypeId),
}

impl Wanted {
    /// The type behind a name: a FHIR type or its address, or a type of FHIRPath itself.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(system) = name.strip_prefix("http://hl7.org/fhirpath/System.") {
            return match system {
                "Boolean" => Some(Self::Boolean),
                "Integer" | "Long" => Some(Self::Integer),
                "Decimal" => Some(Self::Decimal),
                "Date" => Some(Self::Date),
                "DateTime" => Some(Self::DateTime),
                "Time" => Some(Self::Time),
                "String" => Some(Self::Text),
                _ => None,
            };
        }
        let name = name.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(name);
        if name == "integer64" {
            return Some(Self::Integer);
        }
        let Some(primitive) = Primitive::parse(name) else {
            return definitions::id_of(name).filter(|_| !name.contains('.')).map(Self::Complex);
        };
        Some(match primitive {
            Primitive::Boolean => Self::Boolean,
            Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => Self::Integer,
            Primitive::Decimal => Self::Decimal,
            Primitive::Date => Self::Date,
            Primitive::DateTime | Primitive::Instant => Self::DateTime,
            Primitive::Time => Self::Time,
            Primitive::Base64Binary
            | Primitive::Canonical
            | Primitive::Code
            | Primitive::Id
            | Primitive::Markdown
            | Primitive::Oid
            | Primitive::String
            | Primitive::Uri
            | Primitive::Url
            | Primitive::Uuid
            | Primitive::Xhtml => Self::Text,
        })
    }

    /// Whether a value is of the type.
    pub fn takes(self, item: &Item<'_>) -> bool {
        match self {
            Self::Anything => true,
            Self::Boolean => item.as_bool().is_some(),
            Self::Integer => matches!(item.system(), Some(Item::Integer(_))),
            Self::Decimal => matches!(item.system(), Some(Item::Integer(_) | Item::Decimal(_))),
            Self::Date => is_time(item, |kind| kind == TemporalKind::Date, Temporal::date),
            Self::DateTime => is_time(item, |kind| kind != TemporalKind::Time, Temporal::date_time),
            Self::Time => is_time(item, |kind| kind == TemporalKind::Time, Temporal::time),
            Self::Text => matches!(item.to_json(), Value::String(_)),
            Self::Complex(wanted) => match item {
                Item::Node(node) => match node.kind() {
                    Some(Kind::Complex(id) | Kind::Reference(id, _)) => definitions::is_a(id, wanted),
                    Some(Kind::Resource | Kind::Primitive(..)) | None => false,
                },
                Item::Quantity(_) => definitions::id_of("Quantity") == Some(wanted),
                _ => false,
            },
        }
    }
}

/// A time of an accepted kind, or a text that reads as one.
fn is_time(
    item: &Item<'_>,
    takes: impl Fn(TemporalKind) -> bool,
    read: impl Fn(&str) -> Option<Temporal>,
) -> bool {
    match item.system() {
        Some(Item::Temporal(value)) => takes(value.kind),
        Some(Item::String(text)) => read(&text).is_some(),
        _ => false,
    }
}

/// What a value is, in the words of an error.
pub(super) fn described(item: &Item<'_>) -> String {
    item.type_info().map_or_else(|| "an element of no known type".to_owned(), |info| info.name.to_owned())
}
