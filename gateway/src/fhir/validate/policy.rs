//! What a check looks at, and where it finds definitions.

use std::sync::Arc;

use crate::fhir::outcome::Severity;
use crate::fhir::profile::{self, Profile};
use crate::fhir::terminology::{self, CodeSystem, ConceptMap, Source, ValueSet};
use crate::json::Value;

/// How far a check goes. Each level has those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The structure of R4: elements, types, counts, formats, references, required codes, narratives.
    Structure,
    /// And the invariants of R4.
    Invariants,
    /// And bindings, codes and displays, as far as the content is here.
    Terminology,
    /// And the profiles that a resource claims, extensions, and what bundles, forms and definitions ask for.
    Profiles,
}

impl Level {
    /// The level of a name; the setting and the command line use the same names.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "structure" => Self::Structure,
            "invariants" => Self::Invariants,
            "terminology" => Self::Terminology,
            "profiles" => Self::Profiles,
            _ => return None,
        })
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Invariants => "invariants",
            Self::Terminology => "terminology",
            Self::Profiles => "profiles",
        }
    }
}

/// What a check looks at and how grave it takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How far it goes.
    pub level: Level,
    /// Whether warnings and hints are listed too; without them only errors are looked for.
    pub warnings: bool,
    /// What an extension is whose definition is not known.
    pub unknown_extensions: Severity,
    /// What a display is that is none of the code's.
    pub displays: Severity,
    /// Whether text that looks like markup outside narratives is an error.
    pub refuse_markup: bool,
    /// Whether addresses of `example.org` outside of test data are an error.
    pub refuse_examples: bool,
}

impl Policy {
    /// What a write is checked for: errors alone.
    pub const fn write(level: Level) -> Self {
        Self {
            level,
            warnings: false,
            unknown_extensions: Severity::Information,
            displays: Severity::Warning,
            refuse_markup: false,
            refuse_examples: false,
        }
    }

    /// What `$validate` lists: warnings and hints too.
    pub const fn report(level: Level) -> Self {
        Self { warnings: true, unknown_extensions: Severity::Warning, ..Self::write(level) }
    }

    /// As the standard's own validator: every extension must be known, displays must be right,
    /// no markup outside narratives.
    pub const fn strict() -> Self {
        Self {
            unknown_extensions: Severity::Error,
            displays: Severity::Error,
            refuse_markup: true,
            ..Self::report(Level::Profiles)
        }
    }
}

/// Where a check finds profiles, forms and the targets of references, besides terminology.
pub trait Definitions: Source {
    /// A profile or the definition of an extension, by its address with or without version.
    fn profile(&self, url: &str) -> Option<Arc<Profile>>;
    /// A Questionnaire, by its address.
    fn questionnaire(&self, url: &str) -> Option<Arc<Value>> {
        let _ = url;
        None
    }
    /// Another resource, by a reference such as `Patient/7`.
    fn resource(&self, reference: &str) -> Option<Arc<Value>> {
        let _ = reference;
        None
    }
}

/// What R4 itself defines, and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Core;

impl Source for Core {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        terminology::Core.code_system(url, version)
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        terminology::Core.value_set(url, version)
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        terminology::Core.concept_map(url, version)
    }
}

impl Definitions for Core {
    fn profile(&self, url: &str) -> Option<Arc<Profile>> {
        profile::embedded(url)
    }
}
