//! Stored definitions for whoever sees a part of them: the same questions, answered from the records that a look shows and
//! from what is public.

use std::cell::RefCell;
use std::sync::Arc;

use clinicvault_gateway::fhir::profile::{Profile, compile, embedded};
use clinicvault_gateway::fhir::terminology::{CodeSystem, ConceptMap, Core, Source, ValueSet, canonical};
use clinicvault_gateway::fhir::validate::Definitions;
use clinicvault_gateway::json::Value;

use super::super::sight::Look;
use super::kept::{Found, Kept};
use super::{Conformance, MOST_BASES};

/// How much of one type of definitions somebody sees.
pub enum Eyes {
    /// Every record.
    All,
    /// Those that it shows.
    Some(Box<Glass>),
    /// No record: what is public only.
    None,
}

/// A look at a type of definitions, with what was seen by it: nobody else is answered from that, and it goes with the request.
pub struct Glass {
    look: Look,
    seen: Kept,
}

impl Eyes {
    /// What a look at the type shows.
    pub fn of(look: Look) -> Self {
        match (look.gate().allowed(), look.looks_inside()) {
            (false, _) => Self::None,
            (true, false) => Self::All,
            (true, true) => Self::Some(Box::new(Glass { look, seen: Kept::default() })),
        }
    }
}

impl Conformance {
    /// The definition at an address out of those that are shown.
    fn shown(
        &self,
        glass: &Glass,
        (kind, url, version): (&'static str, &str, Option<&str>),
        read: impl FnOnce(&Value) -> Option<Found>,
    ) -> Option<Found> {
        let (state, known) = glass.seen.get(kind, url, version);
        if let Some(known) = known {
            return known;
        }
        let found = match self.resource_at(kind, url, version, Some(&glass.look)) {
            Ok(found) => found.and_then(|(value, size)| Some((read(&value)?, size))),
            Err(error) => {
                tracing::warn!(%error, kind, "a stored definition could not be looked for");
                return None;
            }
        };
        glass.seen.put(state, (kind, url, version), found.clone());
        found.map(|(found, _)| found)
    }

    /// A code system.
    pub fn code_system_for(&self, eyes: &Eyes, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let stored = match eyes {
            Eyes::All => return self.code_system(url, version),
            Eyes::Some(glass) => self.shown(glass, ("CodeSystem", url, version), |value| {
                Some(Found::System(Arc::new(CodeSystem::from_json(value).ok()?)))
            }),
            Eyes::None => None,
        };
        match stored {
            Some(Found::System(system)) => Some(system),
            _ => self.public_system(url, version),
        }
    }

    /// A value set.
    pub fn value_set_for(&self, eyes: &Eyes, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        let stored = match eyes {
            Eyes::All => return self.value_set(url, version),
            Eyes::Some(glass) => self.shown(glass, ("ValueSet", url, version), |value| {
                Some(Found::Set(Arc::new(ValueSet::from_json(value).ok()?)))
            }),
            Eyes::None => None,
        };
        match stored {
            Some(Found::Set(set)) => Some(set),
            _ => Core.value_set(url, version),
        }
    }

    /// A concept map.
    pub fn concept_map_for(&self, eyes: &Eyes, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        let stored = match eyes {
            Eyes::All => return self.concept_map(url, version),
            Eyes::Some(glass) => self.shown(glass, ("ConceptMap", url, version), |value| {
                Some(Found::Map(Arc::new(ConceptMap::from_json(value).ok()?)))
            }),
            Eyes::None => None,
        };
        match stored {
            Some(Found::Map(map)) => Some(map),
            _ => Core.concept_map(url, version),
        }
    }

    /// Maps among which one is looked for that nobody named.
    pub fn concept_maps_for(&self, eyes: &Eyes) -> Vec<Arc<ConceptMap>> {
        match eyes {
            Eyes::All => self.concept_maps(),
            Eyes::Some(glass) => self.maps(Some(&glass.look)),
            Eyes::None => Core.concept_maps(),
        }
    }

    /// Supplements of a code system.
    pub fn supplements_for(&self, eyes: &Eyes, url: &str) -> Vec<Arc<CodeSystem>> {
        match eyes {
            Eyes::All => self.supplements(url),
            Eyes::Some(glass) => self.supplements_of(url, Some(&glass.look)),
            Eyes::None => Core.supplements(url),
        }
    }

    /// A profile, which rests on profiles that are shown, too.
    pub fn profile_for(&self, eyes: &Eyes, url: &str) -> Option<Arc<Profile>> {
        match eyes {
            Eyes::All => self.profile(url),
            Eyes::Some(glass) => self.profile_shown(glass, url, &RefCell::default()),
            Eyes::None => embedded(url),
        }
    }

    fn profile_shown(&self, glass: &Glass, url: &str, open: &RefCell<Vec<String>>) -> Option<Arc<Profile>> {
        let (name, version) = canonical(url);
        if open.borrow().len() >= MOST_BASES || open.borrow().iter().any(|other| other == name) {
            return None;
        }
        let found = self.shown(glass, ("StructureDefinition", name, version), |value| {
            open.borrow_mut().push(name.to_owned());
            let compiled = compile(value, &|base| self.profile_shown(glass, base, open));
            open.borrow_mut().pop();
            Some(Found::Profile(Arc::new(compiled.ok()?)))
        });
        match found {
            Some(Found::Profile(profile)) => Some(profile),
            _ => embedded(url),
        }
    }

    /// A form.
    pub fn questionnaire_for(&self, eyes: &Eyes, url: &str) -> Option<Arc<Value>> {
        let (name, version) = canonical(url);
        match eyes {
            Eyes::All => self.questionnaire(url),
            Eyes::Some(glass) => {
                let read = |value: &Value| Some(Found::Form(Arc::new(value.clone())));
                match self.shown(glass, ("Questionnaire", name, version), read) {
                    Some(Found::Form(form)) => Some(form),
                    _ => None,
                }
            }
            Eyes::None => None,
        }
    }
}
