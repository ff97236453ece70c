//! Naming a place in the JSON of a Bundle: `Patient.name[0].family`, `Observation[1].status`, `Bundle.identifier.value`.
//!
//! Numbers count from 0, as in FHIRPath. Every name is held against the definitions of R4 when a place is read, so that one
//! that no message can have is refused when a rule is written.

use std::fmt;
use std::str::FromStr;

use super::definitions::{self, Kind, Primitive, TypeId};
use super::id::ResourceType;

/// Most steps of a place.
const MOST_STEPS: usize = 16;
/// Highest number in brackets.
const HIGHEST: usize = 500;

/// A place: a type of resource, which of that type, and the way inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `Bundle`, or the type of an entry's resource.
    pub kind: String,
    /// Which resource of that type; not written, the first or any, as the caller needs it.
    pub occurrence: Option<usize>,
    /// The way inside; empty for the whole resource.
    pub steps: Vec<Step>,
    /// What stands there.
    pub leaf: Leaf,
}

/// One member on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The JSON member.
    pub name: String,
    /// Which of the list; not written, the first or any.
    pub index: Option<usize>,
    /// Whether the member is a list.
    pub list: bool,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    /// A resource.
    Resource,
    /// A text, a number, a truth value.
    Primitive(Primitive),
    /// A value with members.
    Complex(TypeId),
}

/// A place that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The text has another shape.
    #[error("not a place in a FHIR message: write it like Patient.name[0].family")]
    Shape,
    /// No such type.
    #[error("not a place in a FHIR message: there is no type of resource {0}")]
    Type(String),
    /// No such element.
    #[error("not a place in a FHIR message: {0} has no element {1}")]
    Element(String, String),
    /// A number where there is one value only.
    #[error("not a place in a FHIR message: {0} is no list")]
    NoList(String),
    /// Resources inside resources.
    #[error("not a place that rules reach: name a resource of the message by its own type")]
    Inner,
    /// Too long a way or too high a number.
    #[error("not a place that rules reach: at most {MOST_STEPS} steps, and numbers up to {HIGHEST}")]
    TooFar,
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let mut parts = text.split('.');
        let (kind, occurrence) = part(parts.next().unwrap_or_default())?;
        if !kind.starts_with(|c: char| c.is_ascii_uppercase()) {
            return Err(PlaceError::Shape);
        }
        ResourceType::parse(kind).ok_or_else(|| PlaceError::Type(kind.to_owned()))?;
        if kind == "Bundle" && occurrence.is_some() {
            return Err(PlaceError::NoList(kind.to_owned()));
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut leaf = Leaf::Resource;
        let mut inside = definitions::by_name(kind);
        for one in parts {
            let (name, index) = part(one)?;
            let no_element = |of: &str| PlaceError::Element(of.to_owned(), name.to_owned());
            let of = inside.ok_or_else(|| no_element(steps.last().map_or(kind, |step| &step.name)))?;
            let (element, next) = of.member(name).ok_or_else(|| no_element(of.name))?;
            if index.is_some() && !element.is_list() {
                return Err(PlaceError::NoList(name.to_owned()));
            }
            (leaf, inside) = match next {
                Kind::Primitive(primitive, _) => (Leaf::Primitive(primitive), None),
                Kind::Complex(id) | Kind::Reference(id, _) => (Leaf::Complex(id), definitions::by_id(id)),
                Kind::Resource => return Err(PlaceError::Inner),
            };
            steps.push(Step { name: name.to_owned(), index, list: element.is_list() });
            if steps.len() > MOST_STEPS {
                return Err(PlaceError::TooFar);
            }
        }
        Ok(Self { kind: kind.to_owned(), occurrence, steps, leaf })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |f: &mut fmt::Formatter<'_>, n: Option<usize>| n.map_or(Ok(()), |n| write!(f, "[{n}]"));
        f.write_str(&self.kind)?;
        number(f, self.occurrence)?;
        for step in &self.steps {
            write!(f, ".{}", step.name)?;
            number(f, step.index)?;
        }
        Ok(())
    }
}

/// A name with or without a number in brackets.
fn part(text: &str) -> Result<(&str, Option<usize>), PlaceError> {
    let (name, number) = match text.split_once('[') {
        None => (text, None),
        Some((name, rest)) => {
            let digits = rest.strip_suffix(']').ok_or(PlaceError::Shape)?;
            let right = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            let number = digits.parse::<usize>().ok().filter(|_| right).ok_or(PlaceError::Shape)?;
            (name, Some(number))
        }
    };
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    match number {
        _ if !named => Err(PlaceError::Shape),
        Some(number) if number > HIGHEST => Err(PlaceError::TooFar),
        number => Ok((name, number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_place_is_held_against_the_definitions() {
        for (text, expected) in [
            ("Patient", None),
            ("Patient.name[0].family", None),
            ("Observation[1].valueQuantity.value", None),
            ("Observation.subject.reference", None),
            ("Bundle.identifier.value", None),
            ("MessageHeader.eventCoding.code", None),
            ("PID-3", Some("Shape")),
            ("patient.name", Some("Shape")),
            ("Patient.name[x]", Some("Shape")),
            ("Patient..name", Some("Shape")),
            ("Person1.name", Some("Type")),
            ("Patient.nmae", Some("Element")),
            ("Patient.gender.code", Some("Element")),
            ("Observation.value", Some("Element")),
            ("Patient.gender[0]", Some("NoList")),
            ("Bundle[0].type", Some("NoList")),
            ("Patient.contained.id", Some("Inner")),
            ("Patient.name[501]", Some("TooFar")),
        ] {
            let read = text.parse::<Place>();
            match (&read, expected) {
                (Ok(place), None) => assert_eq!(place.to_string(), text),
                (Err(error), Some(name)) => {
                    assert!(format!("{error:?}").starts_with(name), "{text}: {error:?}");
                }
                _ => panic!("{text}: {read:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
            }
        }
    }
}
