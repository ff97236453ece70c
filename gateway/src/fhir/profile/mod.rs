//! Profiles: StructureDefinitions that constrain a type of R4, compiled to a tree of what they add.
//!
//! A [`Profile`] holds only what differs from its base type; the base itself is the table of `fhir::definitions`, which
//! the structure check has looked at already. Owns compiling ([`compile`]), the embedded ones ([`core`]), the snapshot as
//! a list of ElementDefinitions ([`snapshot`]) and the check of a value against a profile.

pub(crate) mod check;
mod compare;
mod compile;
mod core;
mod slice;
mod snapshot;
mod target;

pub use compile::{Refusal, compile};
pub use core::{embedded, embedded_urls};
pub use snapshot::{described_snapshot, snapshot};

use crate::fhir::validate::rules::Invariant;
use crate::json::Value;

/// A compiled profile, or the definition of an extension.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Canonical address without version.
    pub url: String,
    /// Business version.
    pub version: Option<String>,
    /// Name for a person.
    pub name: String,
    /// The type of R4 that is constrained.
    pub type_name: String,
    /// Where an extension may stand.
    pub contexts: Vec<Context>,
    /// The constrained type itself.
    pub root: Node,
}

/// Where an extension may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `element`, `extension` or `fhirpath`.
    pub kind: String,
    /// Path of an element, address of an extension, or an expression.
    pub expression: String,
}

/// What a profile says about one element. An empty node says nothing beyond the base.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Name, without `[x]`.
    pub name: String,
    /// Least number of occurrences.
    pub min: Option<u32>,
    /// Most occurrences; [`u32::MAX`] for any number.
    pub max: Option<u32>,
    /// Types that are left; none: those of the base.
    pub types: Option<Vec<TypeRef>>,
    /// The value must be exactly this.
    pub fixed: Option<Value>,
    /// The value must hold at least this.
    pub pattern: Option<Value>,
    /// Codes.
    pub binding: Option<Binding>,
    /// Invariants.
    pub constraints: Vec<Invariant>,
    /// Longest text, characters.
    pub max_length: Option<u32>,
    /// Least value.
    pub min_value: Option<Value>,
    /// Greatest value.
    pub max_value: Option<Value>,
    /// Only for what changes the meaning of the element that holds it.
    pub is_modifier: bool,
    /// How occurrences are told apart.
    pub slicing: Option<Slicing>,
    /// Groups of occurrences with rules of their own.
    pub slices: Vec<Slice>,
    /// Elements within.
    pub children: Vec<Node>,
}

/// A type, with the profiles that a value or the target of a reference must follow (any one of them).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeRef {
    /// Name of the type.
    pub code: String,
    /// Profiles on the value.
    pub profiles: Vec<String>,
    /// Profiles on what a reference points at.
    pub targets: Vec<String>,
    /// Where the target of a reference may be, any one of these; none: anywhere.
    pub aggregation: Vec<Aggregation>,
    /// Whether a reference or canonical address names a version.
    pub versioning: Versioning,
}

impl TypeRef {
    /// A type without further rules.
    pub fn of(code: &str) -> Self {
        Self { code: code.to_owned(), ..Self::default() }
    }
}

/// Where the target of a reference may be (value set resource-aggregation-mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// In the same resource.
    Contained,
    /// Anywhere else.
    Referenced,
    /// In the same bundle.
    Bundled,
}

impl Aggregation {
    /// The mode of a code.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "contained" => Self::Contained,
            "referenced" => Self::Referenced,
            "bundled" => Self::Bundled,
            _ => return None,
        })
    }

    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contained => "contained",
            Self::Referenced => "referenced",
            Self::Bundled => "bundled",
        }
    }
}

/// Whether a reference names a version (value set reference-version-rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versioning {
    /// As it likes.
    #[default]
    Either,
    /// It must not.
    Independent,
    /// It must.
    Specific,
}

impl Versioning {
    /// The rule of a code.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "either" => Self::Either,
            "independent" => Self::Independent,
            "specific" => Self::Specific,
            _ => return None,
        })
    }

    /// The code, where it says something.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Either => None,
            Self::Independent => Some("independent"),
            Self::Specific => Some("specific"),
        }
    }
}

/// A binding to a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// How binding it is.
    pub strength: Strength,
    /// Address of the value set, perhaps with version.
    pub value_set: String,
}

/// How strong a binding is (value set binding-strength).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Only to show what is meant.
    Example,
    /// Better from there.
    Preferred,
    /// From there, if it has the concept.
    Extensible,
    /// From there.
    Required,
}

impl Strength {
    /// The strength of a code.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "required" => Self::Required,
            "extensible" => Self::Extensible,
            "preferred" => Self::Preferred,
            "example" => Self::Example,
            _ => return None,
        })
    }

    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Extensible => "extensible",
            Self::Preferred => "preferred",
            Self::Example => "example",
        }
    }
}

/// How occurrences are told apart.
#[derive(Debug, Clone, Default)]
pub struct Slicing {
    /// By what: kind and path. None: any occurrence that fits a slice belongs to it.
    pub discriminators: Vec<(Discriminator, String)>,
    /// What about those that fit no slice.
    pub rules: Rules,
    /// Whether slices must stand in the order of their definition.
    pub ordered: bool,
}

/// What a discriminator looks at (value set discriminator-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discriminator {
    /// A fixed value, a pattern or a required binding.
    Value,
    /// Presence or absence.
    Exists,
    /// The type of the value, or of what is referred to.
    Type,
    /// The profile that the value follows.
    Profile,
}

impl Discriminator {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Exists => "exists",
            Self::Type => "type",
            Self::Profile => "profile",
        }
    }
}

/// What about occurrences that fit no slice (value set resource-slicing-rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// Allowed anywhere.
    #[default]
    Open,
    /// Not allowed.
    Closed,
    /// Allowed behind those that fit.
    OpenAtEnd,
}

/// A group of occurrences.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// Its name; a slice within a slice is named after both, `outer/inner`.
    pub name: String,
    /// What its occurrences must be like.
    pub node: Node,
}

impl Node {
    /// A node that says nothing.
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A node within.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|c| c.name == name)
    }
}

/// The type that an address of R4 itself names: `http://hl7.org/fhir/StructureDefinition/Patient` gives `Patient`.
pub fn core_type(url: &str) -> Option<&str> {
    let url = url.split('|').next().unwrap_or(url);
    let name = url.strip_prefix("http://hl7.org/fhir/StructureDefinition/")?;
    let known = crate::fhir::definitions::by_name(name).is_some()
        || crate::fhir::definitions::Primitive::parse(name).is_some()
        || matches!(name, "Resource" | "DomainResource" | "Element" | "BackboneElement");
    known.then_some(name)
}

#[cfg(test)]
mod further;
#[cfg(test)]
mod tests;
