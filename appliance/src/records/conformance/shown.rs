//! Stored terminology for whoever sees a part of it: the same questions, answered from the records that a look shows and
//! from what is public.

use std::sync::Arc;

use clinicvault_gateway::fhir::terminology::{CodeSystem, ConceptMap, Core, Source, ValueSet};

use super::super::sight::Look;
use super::Conformance;

/// How much of one type of definitions somebody sees.
pub enum Eyes {
    /// Every record.
    All,
    /// Those that it shows.
    Some(Box<Look>),
    /// No record: what is public only.
    None,
}

impl Eyes {
    /// What a look at the type shows.
    pub fn of(look: Look) -> Self {
        match (look.gate().allowed(), look.looks_inside()) {
            (false, _) => Self::None,
            (true, false) => Self::All,
            (true, true) => Self::Some(Box::new(look)),
        }
    }
}

impl Conformance {
    /// A code system.
    pub fn code_system_for(&self, eyes: &Eyes, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let stored = match eyes {
            Eyes::All => return self.code_system(url, version),
            Eyes::Some(look) => self.shown(look, ("CodeSystem", url, version), |value| {
                CodeSystem::from_json(value).ok().map(Arc::new)
            }),
            Eyes::None => None,
        };
        stored.or_else(|| self.public_system(url, version))
    }

    /// A value set.
    pub fn value_set_for(&self, eyes: &Eyes, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        let stored = match eyes {
            Eyes::All => return self.value_set(url, version),
            Eyes::Some(look) => self.shown(look, ("ValueSet", url, version), |value| {
                ValueSet::from_json(value).ok().map(Arc::new)
            }),
            Eyes::None => None,
        };
        stored.or_else(|| Core.value_set(url, version))
    }

    /// A concept map.
    pub fn concept_map_for(&self, eyes: &Eyes, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        let stored = match eyes {
            Eyes::All => return self.concept_map(url, version),
            Eyes::Some(look) => self.shown(look, ("ConceptMap", url, version), |value| {
                ConceptMap::from_json(value).ok().map(Arc::new)
            }),
            Eyes::None => None,
        };
        stored.or_else(|| Core.concept_map(url, version))
    }

    /// Maps among which one is looked for that nobody named.
    pub fn concept_maps_for(&self, eyes: &Eyes) -> Vec<Arc<ConceptMap>> {
        match eyes {
            Eyes::All => self.concept_maps(),
            Eyes::Some(look) => self.maps(Some(look)),
            Eyes::None => Core.concept_maps(),
        }
    }

    /// Supplements of a code system.
    pub fn supplements_for(&self, eyes: &Eyes, url: &str) -> Vec<Arc<CodeSystem>> {
        match eyes {
            Eyes::All => self.supplements(url),
            Eyes::Some(look) => self.supplements_of(url, Some(look)),
            Eyes::None => Core.supplements(url),
        }
    }
}
