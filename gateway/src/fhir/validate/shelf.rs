//! Definitions held in memory, in front of those of R4: what a command or a test loads from files.

use std::collections::HashMap;
use std::sync::Arc;

use super::policy::{Core, Definitions};
use crate::fhir::profile::{Profile, compile};
use crate::fhir::terminology::{CodeSystem, ConceptMap, Source, ValueSet};
use crate::json::Value;

/// Definitions by their addresses.
#[derive(Default)]
pub struct Shelf {
    profiles: HashMap<String, Arc<Profile>>,
    systems: HashMap<String, Arc<CodeSystem>>,
    sets: HashMap<String, Arc<ValueSet>>,
    maps: HashMap<String, Arc<ConceptMap>>,
    forms: HashMap<String, Arc<Value>>,
}

impl Shelf {
    /// Puts definitions onto the shelf, in any order; entries of a Bundle one by one. Answers what could not be used,
    /// by address, with the reason.
    pub fn add(&mut self, resources: &[&Value]) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for resource in resources {
            if resource.str("resourceType") == Some("Bundle") {
                all.extend(resource.items("entry").iter().filter_map(|e| e.get("resource")));
            } else {
                all.push(*resource);
            }
        }
        let mut refused = Vec::new();
        let mut waiting = Vec::new();
        for resource in all {
            if resource.str("resourceType") == Some("StructureDefinition") {
                waiting.push(resource);
            } else if let Err(why) = self.one(resource) {
                refused.push((resource.str("url").unwrap_or_default().to_owned(), why));
            }
        }
        // A profile may rest on another that comes later: go round as long as one more is understood.
        loop {
            let before = waiting.len();
            let mut left = Vec::new();
            let mut reasons = Vec::new();
            for resource in waiting {
                match compile(resource, &|url| self.profile(url)) {
                    Ok(profile) => drop(self.profiles.insert(profile.url.clone(), Arc::new(profile))),
                    Err(why) => {
                        reasons.push((resource.str("url").unwrap_or_default().to_owned(), why.to_string()));
                        left.push(resource);
                    }
                }
            }
            if left.is_empty() || left.len() == before {
                refused.extend(reasons);
                return refused;
            }
            waiting = left;
        }
    }

    fn one(&mut self, resource: &Value) -> Result<(), String> {
        let Some(url) = resource.str("url").map(str::to_owned) else { return Ok(()) };
        match resource.str("resourceType") {
            Some("CodeSystem") => {
                let read = CodeSystem::from_json(resource).map_err(|e| e.to_string())?;
                self.systems.insert(url, Arc::new(read));
            }
            Some("ValueSet") => {
                let read = ValueSet::from_json(resource).map_err(|e| e.to_string())?;
                self.sets.insert(url, Arc::new(read));
            }
            Some("ConceptMap") => {
                let read = ConceptMap::from_json(resource).map_err(|e| e.to_string())?;
                self.maps.insert(url, Arc::new(read));
            }
            Some("Questionnaire") => drop(self.forms.insert(url, Arc::new(resource.clone()))),
            _ => {}
        }
        Ok(())
    }
}

fn plain(url: &str) -> &str {
    url.split(['|', '#']).next().unwrap_or(url)
}

impl Source for Shelf {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.systems.get(plain(url)).cloned().or_else(|| Core.code_system(url, version))
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.sets.get(plain(url)).cloned().or_else(|| Core.value_set(url, version))
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.maps.get(plain(url)).cloned().or_else(|| Core.concept_map(url, version))
    }
}

impl Definitions for Shelf {
    fn profile(&self, url: &str) -> Option<Arc<Profile>> {
        self.profiles.get(plain(url)).cloned().or_else(|| Core.profile(url))
    }

    fn questionnaire(&self, url: &str) -> Option<Arc<Value>> {
        self.forms.get(plain(url)).cloned()
    }
}
