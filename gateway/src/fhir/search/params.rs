//! Search parameters: numbers, types, and where their values stand.
//!
//! The standard's come from `tables/search.txt` (see `table`), which `gateway/definitions` writes from the published
//! definitions; a clinic's own stand beside them in [`super::Context`]. Numbers stand in stored keys: append only, never
//! renumber.

use std::borrow::Cow;

use super::table;
use crate::fhir::id::ResourceType;

/// `_id`
pub const ID: u16 = 1;
/// `_lastUpdated`
pub const LAST_UPDATED: u16 = 2;
/// `_tag`
pub const TAG: u16 = 3;
/// `_profile`
pub const PROFILE: u16 = 4;
/// `_security`
pub const SECURITY: u16 = 5;
/// `_source`
pub const SOURCE: u16 = 6;
/// A clinic's own parameters take numbers from here up to [`OWN_END`], each once for ever.
pub const OWN: u16 = 20_000;
/// First number behind a clinic's own parameters.
pub const OWN_END: u16 = 50_000;
/// `_text`: words of narratives; see `words`.
pub const NARRATIVE_WORDS: u16 = 59_997;
/// `_content`: words of all text.
pub const CONTENT_WORDS: u16 = 59_998;
/// Not a parameter of queries: which of a clinic's own parameters could not be evaluated for a record, and of which
/// composites or words it has more than are kept.
pub const UNDECIDED: u16 = 59_999;
/// Not a parameter of queries: the records of one patient, newest first.
pub const TIMELINE: u16 = 60_000;
/// Not a parameter of queries: the record whose rights hold for a Binary (its `securityContext`).
pub const SECURITY_CONTEXT: u16 = 60_001;
/// Not parameters of queries: the clinic's own search for people takes the numbers from here.
pub const PEOPLE: u16 = 60_100;

/// Grows whenever records would get other terms than before: what was indexed under a lower number is indexed anew.
pub const INDEX_VERSION: u32 = 5;

/// Search parameter type (value set search-param-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// Text, folded.
    String,
    /// Code with system.
    Token,
    /// Another record.
    Reference,
    /// Time span.
    Date,
    /// Number.
    Number,
    /// Number with unit.
    Quantity,
    /// URI.
    Uri,
    /// Several values of one element.
    Composite,
    /// A place on the earth, `near` only.
    Special,
    /// Logical id, `_id` only.
    Id,
    /// Time point, `_lastUpdated` only.
    Instant,
}

impl ParamType {
    /// The type of a code of search-param-type.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "string" => Self::String,
            "token" => Self::Token,
            "reference" => Self::Reference,
            "date" => Self::Date,
            "number" => Self::Number,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            "composite" => Self::Composite,
            "special" => Self::Special,
            _ => return None,
        })
    }

    /// The code that a CapabilityStatement shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Token | Self::Id => "token",
            Self::Reference => "reference",
            Self::Date | Self::Instant => "date",
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Composite => "composite",
            Self::Special => "special",
        }
    }
}

/// Data types whose shape matters for encoding; every other is read by its JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datatype {
    /// CodeableConcept
    CodeableConcept,
    /// Coding
    Coding,
    /// Identifier
    Identifier,
    /// ContactPoint
    ContactPoint,
    /// Period
    Period,
    /// Timing
    Timing,
    /// Range
    Range,
    /// SampledData
    SampledData,
    /// A whole resource, where a reference would stand
    Resource,
    /// `Patient.deceased[x]`, asked as yes or no
    Deceased,
    /// Any other
    Other,
}

impl Datatype {
    /// The shape of a data type by its name.
    pub fn of(name: &str) -> Self {
        match name {
            "CodeableConcept" => Self::CodeableConcept,
            "Coding" => Self::Coding,
            "Identifier" => Self::Identifier,
            "ContactPoint" => Self::ContactPoint,
            "Period" => Self::Period,
            "Timing" => Self::Timing,
            "Range" => Self::Range,
            "SampledData" => Self::SampledData,
            "Resource" => Self::Resource,
            "deceased" => Self::Deceased,
            _ => Self::Other,
        }
    }
}

/// One place where values of a parameter stand.
#[derive(Debug, Clone)]
pub struct Path {
    /// Members from the resource (or the root of a composite) inwards.
    pub steps: Vec<Step>,
    /// Of a component: the path begins at the resource, not at the composite's root.
    pub from_resource: bool,
    /// Type of what stands there.
    pub datatype: Datatype,
    /// System of a bound code.
    pub system: Option<&'static str>,
    /// Types that a reference may point at; none means any.
    pub targets: Vec<ResourceType>,
    /// References to any other type are no values (`where(resolve() is …)`).
    pub only: Option<ResourceType>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of the JSON member.
    pub key: &'static str,
    /// Which of its items.
    pub filter: Filter,
}

/// Which items of a member a step takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All.
    All,
    /// Those with a member of this value.
    With(&'static str, &'static str),
    /// The one at this position.
    At(usize),
}

/// A parameter whose stored values another parameter asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The number that the values are stored under.
    pub number: u16,
    /// Only references to this type count.
    pub only: Option<ResourceType>,
}

/// One part of a composite parameter.
#[derive(Debug, Clone)]
pub struct Component {
    /// The parameter whose values it has.
    pub code: Cow<'static, str>,
    /// Its type.
    pub kind: ParamType,
    /// Types that its references may point at; none means any.
    pub targets: Vec<ResourceType>,
    /// Where its values stand, from the composite's root.
    pub paths: Vec<Path>,
}

/// A search parameter of one resource type.
#[derive(Debug)]
pub struct Param {
    /// Number in stored keys. One that asks a single other parameter has that one's.
    pub number: u16,
    /// Name in queries.
    pub code: Cow<'static, str>,
    /// Its type.
    pub kind: ParamType,
    /// Where its values stand, when it has values of its own.
    pub paths: Vec<Path>,
    /// Parameters whose values it asks instead; none: its own.
    pub asks: Vec<Asked>,
    /// Where the parts of a composite have their common element.
    pub root: Vec<Step>,
    /// Parts of a composite.
    pub components: Vec<Component>,
    pub(super) targets: Vec<ResourceType>,
}

impl Asked {
    /// Whether a reference to this type counts.
    pub fn counts(&self, kind: ResourceType) -> bool {
        self.only.is_none_or(|only| only == kind)
    }
}

impl Param {
    /// Types that its references may point at; none means any.
    pub fn targets(&self) -> Vec<ResourceType> {
        self.targets.clone()
    }

    /// Under which numbers its values are stored, and which of them are its own.
    pub fn stored(&self) -> Vec<Asked> {
        if self.asks.is_empty() {
            return vec![Asked { number: self.number, only: None }];
        }
        self.asks.clone()
    }
}

/// The standard's parameters of a resource type, those of every type last.
pub fn of(kind: ResourceType) -> impl Iterator<Item = &'static Param> {
    table::of(kind)
}

/// The standard's parameter of a resource type with this name.
pub fn find(kind: ResourceType, code: &str) -> Option<&'static Param> {
    of(kind).find(|p| p.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_stored_keys_stay() {
        for (kind, code, number) in [
            (ResourceType::PATIENT, "identifier", 10),
            (ResourceType::parse("Coverage").unwrap(), "patient", 11),
            (ResourceType::OBSERVATION, "subject", 12),
            (ResourceType::ENCOUNTER, "date", 18),
            (ResourceType::PATIENT, "birthdate", 221),
            (ResourceType::PATIENT, "_id", 1),
        ] {
            assert_eq!(find(kind, code).map(|p| p.number), Some(number), "{kind}.{code}");
        }
        assert_eq!(find(ResourceType::OBSERVATION, "patient").unwrap().targets(), [ResourceType::PATIENT]);
        assert!(find(ResourceType::PATIENT, "nonsense").is_none());
    }

    #[test]
    fn what_others_have_costs_no_rows() {
        let patient = find(ResourceType::OBSERVATION, "patient").unwrap();
        assert_eq!(patient.stored(), [Asked { number: 12, only: Some(ResourceType::PATIENT) }]);
        assert_eq!(patient.number, 12);
        let combo = find(ResourceType::OBSERVATION, "combo-code").unwrap();
        let numbers: Vec<_> = combo.stored().iter().map(|a| a.number).collect();
        assert_eq!(numbers, [24, 210]);
        let both = find(ResourceType::OBSERVATION, "combo-code-value-quantity").unwrap();
        assert_eq!(both.components.len(), 2);
    }
}
