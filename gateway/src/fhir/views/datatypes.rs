//! Concepts, quantities, ranges and stretches of time.

use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::json::{Number, Value};

/// A CodeableConcept.
#[derive(Debug, Clone, Copy)]
pub struct Concept<'a>(pub &'a Value);

/// A Coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding<'a> {
    /// `system`, empty when not said.
    pub system: &'a str,
    /// `code`, empty when not said.
    pub code: &'a str,
    /// `display`
    pub display: Option<&'a str>,
}

impl<'a> Concept<'a> {
    /// What a person reads: the text, else the first display, else the first code.
    pub fn label(&self) -> Option<&'a str> {
        self.0
            .str("text")
            .or_else(|| self.codings().find_map(|c| c.display))
            .or_else(|| self.codings().map(|c| c.code).find(|c| !c.is_empty()))
    }

    /// Codings in order.
    pub fn codings(&self) -> impl Iterator<Item = Coding<'a>> + use<'a> {
        self.0.items("coding").iter().map(|c| Coding {
            system: c.str("system").unwrap_or_default(),
            code: c.str("code").unwrap_or_default(),
            display: c.str("display"),
        })
    }

    /// The code of the first coding of a system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        self.codings().find(|c| c.system == system).map(|c| c.code)
    }

    /// Whether one of its codings has this code, in whatever system.
    pub fn has_code(&self, code: &str) -> bool {
        self.codings().any(|c| c.code == code)
    }
}

/// A Quantity.
#[derive(Debug, Clone, Copy)]
pub struct Quantity<'a>(pub &'a Value);

impl<'a> Quantity<'a> {
    /// The number, as it was written.
    pub fn value(&self) -> Option<&'a Number> {
        self.0.get("value")?.as_number()
    }

    /// The unit for people: `unit`, else the code.
    pub fn unit(&self) -> Option<&'a str> {
        self.0.str("unit").or_else(|| self.0.str("code"))
    }

    /// The coded unit.
    pub fn code(&self) -> Option<&'a str> {
        self.0.str("code")
    }

    /// `<`, `<=`, `>=` or `>`
    pub fn comparator(&self) -> Option<&'a str> {
        self.0.str("comparator")
    }

    /// Comparator, number and unit as a person reads them: `<5.40 mmol/l`.
    pub fn text(&self) -> Option<String> {
        let number = self.value()?;
        let comparator = self.comparator().unwrap_or_default();
        Some(match self.unit() {
            Some(unit) => format!("{comparator}{number} {unit}"),
            None => format!("{comparator}{number}"),
        })
    }
}

/// A reference range of an Observation, or a Range.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a>(pub &'a Value);

impl<'a> Range<'a> {
    /// Lower end.
    pub fn low(&self) -> Option<Quantity<'a>> {
        self.0.get("low").map(Quantity)
    }

    /// Upper end.
    pub fn high(&self) -> Option<Quantity<'a>> {
        self.0.get("high").map(Quantity)
    }

    /// The range in words, as sent.
    pub fn text(&self) -> Option<&'a str> {
        self.0.str("text")
    }
}

/// A dateTime or a Period, as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The time, or the start.
    pub start: Option<&'a str>,
    /// The end of a period that has one.
    pub end: Option<&'a str>,
}

impl<'a> Stretch<'a> {
    /// Reads the first member that is there; members are dateTimes, instants or Periods.
    pub fn first_of(json: &'a Value, keys: &[&str]) -> Option<Self> {
        keys.iter().find_map(|key| match json.get(key)? {
            Value::String(text) => Some(Self { start: Some(text), end: None }),
            period @ Value::Object(_) => Some(Self { start: period.str("start"), end: period.str("end") }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        })
    }
}

/// Type and id that a Reference element points at on this server (relative references).
pub fn target(element: &Value) -> Option<(ResourceType, LogicalId)> {
    let reference = Reference::parse(element.str("reference")?)?;
    reference.local(&[]).map(|(kind, id)| (kind, id.clone()))
}
