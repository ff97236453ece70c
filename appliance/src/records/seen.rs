//! Definitions as one caller sees them: a stored value set, code system, map, profile or form is a record, and whoever may not
//! read it gets neither its content nor, by `:in`, `$expand` and `$validate`, what is in it (`docs/decisions/0137-stored-terminology-is-seen-by-right.md`).

use std::sync::{Arc, OnceLock};

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::profile::Profile;
use clinicvault_gateway::fhir::terminology::{CodeSystem, ConceptMap, Source, ValueSet};
use clinicvault_gateway::fhir::validate::Definitions;
use clinicvault_gateway::json::Value;

use super::Records;
use super::access::{Actor, Op};
use super::conformance::Eyes;

/// The definitions for one caller. What they see is found out when something is looked for.
pub struct Seen {
    records: Records,
    who: Actor,
    systems: OnceLock<Eyes>,
    sets: OnceLock<Eyes>,
    maps: OnceLock<Eyes>,
    profiles: OnceLock<Eyes>,
    forms: OnceLock<Eyes>,
}

impl Seen {
    /// Those of `records` for `who`.
    pub fn new(records: Records, who: Actor) -> Self {
        Self {
            records,
            who,
            systems: OnceLock::new(),
            sets: OnceLock::new(),
            maps: OnceLock::new(),
            profiles: OnceLock::new(),
            forms: OnceLock::new(),
        }
    }

    fn eyes<'a>(&self, kept: &'a OnceLock<Eyes>, kind: &str) -> &'a Eyes {
        kept.get_or_init(|| {
            let Some(kind) = ResourceType::parse(kind) else { return Eyes::None };
            match self.records.sight(&self.who) {
                Ok(sight) => Eyes::of(sight.look(Op::Read, kind)),
                Err(error) => {
                    tracing::warn!(%error, "what a caller sees of definitions could not be found out");
                    Eyes::None
                }
            }
        })
    }

    fn systems(&self) -> &Eyes {
        self.eyes(&self.systems, "CodeSystem")
    }

    fn sets(&self) -> &Eyes {
        self.eyes(&self.sets, "ValueSet")
    }

    fn maps(&self) -> &Eyes {
        self.eyes(&self.maps, "ConceptMap")
    }
}

impl Source for Seen {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.records.definitions().code_system_for(self.systems(), url, version)
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.records.definitions().value_set_for(self.sets(), url, version)
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.records.definitions().concept_map_for(self.maps(), url, version)
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        self.records.definitions().concept_maps_for(self.maps())
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        self.records.definitions().supplements_for(self.systems(), url)
    }
}

impl Definitions for Seen {
    fn profile(&self, url: &str) -> Option<Arc<Profile>> {
        let eyes = self.eyes(&self.profiles, "StructureDefinition");
        self.records.definitions().profile_for(eyes, url)
    }

    fn questionnaire(&self, url: &str) -> Option<Arc<Value>> {
        let eyes = self.eyes(&self.forms, "Questionnaire");
        self.records.definitions().questionnaire_for(eyes, url)
    }
}
