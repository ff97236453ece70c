//! The values an expression works on and answers with.

use std::borrow::Cow;

use super::node::Node;
use super::temporal::{Span, Temporal};
use super::types::{self, TypeInfo};
use crate::decimal::Decimal;
use crate::fhir::definitions::Primitive;
use crate::json::Value;

/// One value: an element of a document, or a value of FHIRPath's own types.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// An element of a document.
    Node(Node<'a>),
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number, held in 64 bits.
    Integer(i64),
    /// A decimal number.
    Decimal(Decimal),
    /// A text.
    String(Cow<'a, str>),
    /// A date, time of day or point in time.
    Temporal(Temporal),
    /// A number with a unit.
    Quantity(Box<Quantity<'a>>),
    /// What `type()` answers.
    Type(TypeInfo),
}

/// What an expression answers: items in order, none for "empty".
pub type Collection<'a> = Vec<Item<'a>>;

/// A number with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity<'a> {
    /// The number.
    pub value: Decimal,
    /// A UCUM code, or the name of a part of the calendar.
    pub unit: Cow<'a, str>,
    /// Whether the unit is a part of the calendar (`1 month`), not a code (`1 'mo'`).
    pub calendar: bool,
}

impl<'a> Quantity<'a> {
    /// A number with a UCUM code.
    pub fn of(value: Decimal, unit: impl Into<Cow<'a, str>>) -> Self {
        Self { value, unit: unit.into(), calendar: false }
    }

    /// A number with a part of the calendar, singular or plural; `None` for any other word.
    pub fn calendar(value: Decimal, word: &str) -> Option<Self> {
        span_of(word).map(|_| Self { value, unit: Cow::Owned(word.to_owned()), calendar: true })
    }

    /// The part of the calendar that the unit names, or that a UCUM code of a fixed length stands for.
    pub(super) fn span(&self) -> Option<Span> {
        if self.calendar {
            return span_of(&self.unit);
        }
        Some(match &*self.unit {
            "wk" => Span::Week,
            "d" => Span::Day,
            "h" => Span::Hour,
            "min" => Span::Minute,
            "s" => Span::Second,
            "ms" => Span::Millisecond,
            word => return span_of(word),
        })
    }

    /// The UCUM code. A calendar's year and month have none, because their length is not fixed.
    pub(super) fn code(&self) -> Option<&str> {
        if !self.calendar {
            return Some(&self.unit);
        }
        match span_of(&self.unit)? {
            Span::Year | Span::Month => None,
            other => Some(code_of(other)),
        }
    }

    /// The UCUM code that comes nearest: `a` and `mo` for the calendar's year and month.
    pub(super) fn nearest_code(&self) -> &str {
        if self.calendar { span_of(&self.unit).map_or("1", code_of) } else { &self.unit }
    }
}

impl std::fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.calendar {
            write!(f, "{} {}", self.value, self.unit)
        } else {
            write!(f, "{} '{}'", self.value, self.unit)
        }
    }
}

fn span_of(word: &str) -> Option<Span> {
    Some(match word.strip_suffix('s').unwrap_or(word) {
        "year" => Span::Year,
        "month" => Span::Month,
        "week" => Span::Week,
        "day" => Span::Day,
        "hour" => Span::Hour,
        "minute" => Span::Minute,
        "second" => Span::Second,
        "millisecond" => Span::Millisecond,
        _ => return None,
    })
}

const fn code_of(span: Span) -> &'static str {
    match span {
        Span::Year => "a",
        Span::Month => "mo",
        Span::Week => "wk",
        Span::Day => "d",
        Span::Hour => "h",
        Span::Minute => "min",
        Span::Second => "s",
        Span::Millisecond => "ms",
    }
}

impl<'a> Item<'a> {
    /// The element, if it is one.
    pub const fn as_node(&self) -> Option<Node<'a>> {
        if let Self::Node(node) = self { Some(*node) } else { None }
    }

    /// The item as a value of FHIRPath's own types: itself, or what a primitive element or a Quantity holds. `None` for
    /// any other element, and for one whose text is not of its type.
    pub fn system(&self) -> Option<Item<'a>> {
        match self {
            Self::Node(node) => system(*node),
            Self::Type(_) => None,
            other => Some(other.clone()),
        }
    }

    /// The truth value that it is or holds.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(b) => Some(*b),
            Self::Node(node) => match (node.kind(), node.value()) {
                (Some(_), Some(Value::Bool(b))) => Some(*b),
                (None, Some(Value::Bool(b))) => Some(*b),
                _ => None,
            },
            _ => None,
        }
    }

    /// The text that it is or holds.
    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::Node(node) => match system(*node)? {
                Item::String(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The quantity that it is or holds.
    pub(super) fn as_quantity(&self) -> Option<Quantity<'a>> {
        match self.system()? {
            Item::Quantity(quantity) => Some(*quantity),
            _ => None,
        }
    }

    /// The type's family and name; `None` for an element that the standard does not know.
    pub fn type_info(&self) -> Option<TypeInfo> {
        types::info(self)
    }

    /// The text that `toString` gives; `None` for an element that is neither primitive nor a quantity.
    pub fn to_text(&self) -> Option<Cow<'a, str>> {
        Some(match self.system()? {
            Item::Boolean(true) => Cow::Borrowed("true"),
            Item::Boolean(false) => Cow::Borrowed("false"),
            Item::Integer(n) => n.to_string().into(),
            Item::Decimal(n) => n.to_string().into(),
            Item::String(text) => text,
            Item::Temporal(value) => value.to_string().into(),
            Item::Quantity(quantity) => quantity.to_string().into(),
            Item::Node(_) | Item::Type(_) => return None,
        })
    }

    /// The item as JSON: an element as it stands in its document, a text, number, truth value, or
    /// `{"value": …, "unit": …}`.
    pub fn to_json(&self) -> Value {
        let number = |text: String| crate::json::Number::parse(&text).map_or(Value::Null, Value::Number);
        match self {
            Self::Node(node) => node.value().cloned().unwrap_or_default(),
            Self::Boolean(b) => Value::Bool(*b),
            Self::Integer(n) => Value::from(*n),
            Self::Decimal(n) => number(n.to_string()),
            Self::String(text) => Value::from(&**text),
            Self::Temporal(value) => Value::from(value.to_string()),
            Self::Quantity(q) => {
                Value::from([("value", number(q.value.to_string())), ("unit", Value::from(&*q.unit))])
            }
            Self::Type(info) => Value::from([("namespace", info.namespace), ("name", info.name)]),
        }
    }
}

/// The value of a primitive element or of a Quantity.
fn system(node: Node<'_>) -> Option<Item<'_>> {
    let value = node.value()?;
    let Some(primitive) = node.primitive() else {
        return match (node.kind(), value) {
            (None, Value::Bool(b)) => Some(Item::Boolean(*b)),
            (None, Value::String(text)) => Some(Item::String(Cow::Borrowed(text))),
            (None, Value::Number(number)) => decimal_or_integer(number.as_str()),
            (Some(_), Value::Object(_)) => quantity(node).map(|q| Item::Quantity(Box::new(q))),
            _ => None,
        };
    };
    match (primitive, value) {
        (Primitive::Boolean, Value::Bool(b)) => Some(Item::Boolean(*b)),
        (Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt, Value::Number(n)) => {
            n.as_i64().map(Item::Integer)
        }
        (Primitive::Decimal, Value::Number(n)) => Decimal::parse(n.as_str()).map(Item::Decimal),
        (Primitive::Date, Value::String(text)) => Temporal::date(text).map(Item::Temporal),
        (Primitive::DateTime | Primitive::Instant, Value::String(text)) => {
            Temporal::date_time(text).map(Item::Temporal)
        }
        (Primitive::Time, Value::String(text)) => Temporal::time(text).map(Item::Temporal),
        (
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
            | Primitive::Xhtml,
            Value::String(text),
        ) => Some(Item::String(Cow::Borrowed(text))),
        _ => None,
    }
}

fn decimal_or_integer(text: &str) -> Option<Item<'static>> {
    match text.parse() {
        Ok(number) => Some(Item::Integer(number)),
        Err(_) => Decimal::parse(text).map(Item::Decimal),
    }
}

/// A Quantity as FHIRPath sees it. One with a comparator (`< 5 mg`) is no single value.
fn quantity(node: Node<'_>) -> Option<Quantity<'_>> {
    let is_quantity = match (node.kind()?, crate::fhir::definitions::id_of("Quantity")?) {
        (crate::fhir::definitions::Kind::Complex(id), wanted) => crate::fhir::definitions::is_a(id, wanted),
        _ => false,
    };
    if !is_quantity || node.str("comparator").is_some() {
        return None;
    }
    let value = Decimal::parse(node.value()?.get("value")?.as_number()?.as_str())?;
    let code = node.str("code").or_else(|| node.str("unit"));
    if node.str("system") == Some("http://unitsofmeasure.org") {
        // The year and month of UCUM stand for the calendar's in FHIR.
        match code {
            Some("a") => return Quantity::calendar(value, "year"),
            Some("mo") => return Quantity::calendar(value, "month"),
            _ => {}
        }
    }
    Some(Quantity::of(value, code.unwrap_or("1")))
}

impl From<bool> for Item<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Item<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<Decimal> for Item<'_> {
    fn from(value: Decimal) -> Self {
        Self::Decimal(value)
    }
}

impl<'a> From<&'a str> for Item<'a> {
    fn from(value: &'a str) -> Self {
        Self::String(Cow::Borrowed(value))
    }
}

impl From<String> for Item<'_> {
    fn from(value: String) -> Self {
        Self::String(Cow::Owned(value))
    }
}

impl From<Temporal> for Item<'_> {
    fn from(value: Temporal) -> Self {
        Self::Temporal(value)
    }
}

impl<'a> From<Node<'a>> for Item<'a> {
    fn from(value: Node<'a>) -> Self {
        Self::Node(value)
    }
}

impl<'a> From<Quantity<'a>> for Item<'a> {
    fn from(value: Quantity<'a>) -> Self {
        Self::Quantity(Box::new(value))
    }
}
