//! Observation: what was found.

use super::{Concept, Quantity, Range, Stretch};
use crate::json::Value;

/// An Observation.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a>(pub &'a Value);

/// A component, such as the systolic part of a blood pressure.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a>(pub &'a Value);

/// The value of an observation or component.
#[derive(Debug, Clone, Copy)]
pub enum Measured<'a> {
    /// A number with unit.
    Quantity(Quantity<'a>),
    /// A coded answer.
    Concept(Concept<'a>),
    /// Text; also dates and times.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
    /// A whole number without unit.
    Number(&'a crate::json::Number),
    /// Anything else: ratio, range, sampled data, period.
    Other(&'a Value),
}

impl Measured<'_> {
    /// The value as a person reads it; `None` for structures.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Quantity(quantity) => quantity.text(),
            Self::Concept(concept) => concept.label().map(str::to_owned),
            Self::Text(text) => Some((*text).to_owned()),
            Self::Flag(flag) => Some(if *flag { "yes" } else { "no" }.to_owned()),
            Self::Number(number) => Some(number.to_string()),
            Self::Other(_) => None,
        }
    }
}

fn value_of(json: &Value) -> Option<Measured<'_>> {
    let (key, value) = json.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    Some(match (key, value) {
        ("valueQuantity", quantity) => Measured::Quantity(Quantity(quantity)),
        ("valueCodeableConcept", concept) => Measured::Concept(Concept(concept)),
        (_, Value::String(text)) => Measured::Text(text),
        (_, Value::Bool(flag)) => Measured::Flag(*flag),
        (_, Value::Number(number)) => Measured::Number(number),
        (_, other) => Measured::Other(other),
    })
}

/// The first code of the first interpretation, such as `H` or `LL`.
fn interpretation_of(json: &Value) -> Option<&str> {
    json.items("interpretation")
        .iter()
        .find_map(|i| Concept(i).codings().map(|c| c.code).find(|c| !c.is_empty()))
}

impl<'a> Observation<'a> {
    /// Logical id.
    pub fn id(&self) -> Option<&'a str> {
        self.0.str("id")
    }

    /// `status`
    pub fn status(&self) -> Option<&'a str> {
        self.0.str("status")
    }

    /// What was looked at.
    pub fn code(&self) -> Option<Concept<'a>> {
        self.0.get("code").map(Concept)
    }

    /// Whether one of its categories has a code, such as `laboratory` or `vital-signs`.
    pub fn in_category(&self, code: &str) -> bool {
        self.0.items("category").iter().any(|c| Concept(c).has_code(code))
    }

    /// What was found.
    pub fn value(&self) -> Option<Measured<'a>> {
        value_of(self.0)
    }

    /// Why nothing was found.
    pub fn absent_reason(&self) -> Option<Concept<'a>> {
        self.0.get("dataAbsentReason").map(Concept)
    }

    /// The first code of the interpretation: `H`, `L`, `HH` …
    pub fn interpretation(&self) -> Option<&'a str> {
        interpretation_of(self.0)
    }

    /// What is usual; the first range.
    pub fn range(&self) -> Option<Range<'a>> {
        self.0.items("referenceRange").first().map(Range)
    }

    /// When it was so: `effective[x]`.
    pub fn effective(&self) -> Option<Stretch<'a>> {
        Stretch::first_of(self.0, &["effectiveDateTime", "effectiveInstant", "effectivePeriod"])
    }

    /// When it was released.
    pub fn issued(&self) -> Option<&'a str> {
        self.0.str("issued")
    }

    /// Parts.
    pub fn components(&self) -> impl Iterator<Item = Component<'a>> + use<'a> {
        self.0.items("component").iter().map(Component)
    }

    /// Who says so: the first performer that has a name.
    pub fn performer(&self) -> Option<&'a str> {
        self.0.items("performer").iter().find_map(|p| p.str("display"))
    }

    /// Remarks.
    pub fn notes(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.items("note").iter().filter_map(|n| n.str("text"))
    }
}

impl<'a> Component<'a> {
    /// What was looked at.
    pub fn code(&self) -> Option<Concept<'a>> {
        self.0.get("code").map(Concept)
    }

    /// What was found.
    pub fn value(&self) -> Option<Measured<'a>> {
        value_of(self.0)
    }

    /// The first code of the interpretation.
    pub fn interpretation(&self) -> Option<&'a str> {
        interpretation_of(self.0)
    }

    /// What is usual.
    pub fn range(&self) -> Option<Range<'a>> {
        self.0.items("referenceRange").first().map(Range)
    }
}
