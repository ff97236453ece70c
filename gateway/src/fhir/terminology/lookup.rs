//! What a code means, and how two codes of a system stand to each other.

use super::code_system::{CodeSystem, Content};
use super::concept::{Concept, Designation, Property};
use super::core::need_system;
use super::{Source, TermError, grammar};

/// What is known about a code (CodeSystem/$lookup).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name of the system.
    pub name: String,
    /// Version of the system that answered.
    pub version: Option<String>,
    /// The code, as the system writes it.
    pub code: String,
    /// Its display.
    pub display: Option<String>,
    /// Its definition.
    pub definition: Option<String>,
    /// Only for grouping.
    pub is_abstract: bool,
    /// No longer to be used.
    pub inactive: bool,
    /// Other texts, by language.
    pub designations: Vec<Designation>,
    /// Properties; `parent` and `child` among them.
    pub properties: Vec<(String, Property)>,
    /// What properties mean, by their codes.
    pub described: Vec<(String, String)>,
}

/// How a first code stands to a second (value set concept-subsumption-outcome).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same concept.
    Equivalent,
    /// The first stands above the second.
    Subsumes,
    /// The first stands below the second.
    SubsumedBy,
    /// Neither.
    NotSubsumed,
}

impl Relation {
    /// The code of the value set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Subsumes => "subsumes",
            Self::SubsumedBy => "subsumed-by",
            Self::NotSubsumed => "not-subsumed",
        }
    }
}

/// What a code of a system means.
///
/// # Errors
/// When the system is not here or has no such code.
pub fn lookup(
    source: &dyn Source,
    system: &str,
    version: Option<&str>,
    code: &str,
) -> Result<Found, TermError> {
    let unknown = || TermError::UnknownCode { system: system.to_owned(), code: code.to_owned() };
    let Some(known) = source.code_system(system, version) else {
        return match grammar::check(system, code) {
            Some(true) => Ok(bare(system, code)),
            Some(false) => Err(unknown()),
            None => Err(TermError::UnknownSystem(system.to_owned())),
        };
    };
    let concept = known.find(code).ok_or_else(unknown)?;
    Ok(found(&known, &concept))
}

/// A code that only a grammar knows: it has no other text than itself.
fn bare(system: &str, code: &str) -> Found {
    Found {
        name: system.to_owned(),
        version: None,
        code: code.to_owned(),
        display: Some(code.to_owned()),
        definition: None,
        is_abstract: false,
        inactive: false,
        designations: Vec::new(),
        properties: Vec::new(),
        described: Vec::new(),
    }
}

fn found(system: &CodeSystem, concept: &Concept) -> Found {
    let mut properties = concept.properties.clone();
    properties.retain(|(name, _)| !matches!(name.as_str(), "parent" | "child" | "subsumedBy"));
    properties.extend(system.parents(concept).into_iter().map(|p| ("parent".to_owned(), Property::Code(p))));
    properties.extend(system.children(concept).into_iter().map(|c| ("child".to_owned(), Property::Code(c))));
    Found {
        name: system.name.clone().unwrap_or_else(|| {
            system.url.rsplit(['/', ':']).next().unwrap_or(system.url.as_str()).to_owned()
        }),
        version: system.version.clone(),
        code: concept.code.clone(),
        display: concept.display.clone(),
        definition: concept.definition.clone(),
        is_abstract: concept.is_abstract,
        inactive: concept.inactive,
        designations: concept.designations.clone(),
        properties,
        described: system.described.clone(),
    }
}

/// How code `a` stands to code `b` of the same system.
///
/// # Errors
/// When the system is not here, or has not got one of the codes.
pub fn subsumes(
    source: &dyn Source,
    system: &str,
    version: Option<&str>,
    a: &str,
    b: &str,
) -> Result<Relation, TermError> {
    let known = need_system(source, system, version)?;
    for code in [a, b] {
        if known.find(code).is_none() {
            return Err(match known.content {
                Content::NotPresent => TermError::UnknownSystem(system.to_owned()),
                Content::Complete | Content::Partial | Content::Supplement => {
                    TermError::UnknownCode { system: system.to_owned(), code: code.to_owned() }
                }
            });
        }
    }
    let (above, below) = (known.is_a(b, a), known.is_a(a, b));
    Ok(match (above, below) {
        (true, true) => Relation::Equivalent,
        (true, false) => Relation::Subsumes,
        (false, true) => Relation::SubsumedBy,
        (false, false) => Relation::NotSubsumed,
    })
}
