//! `Composition/$document`: a composition with everything that it refers to.

use std::collections::BTreeSet;

use clinicvault_gateway::fhir::bundle::references;
use clinicvault_gateway::fhir::document::{Entry, assemble, missing};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::Outcome;
use clinicvault_gateway::json::Value;
use clinicvault_vault::Action;

use super::access::Op;
use super::audit::{self, About, patient_of};
use super::error::Error;
use super::gather::parsed;
use super::read::Stored;
use super::summary::MOST_REFERRED;
use super::{Caller, Records};

impl Records {
    /// The document of a composition. What it refers to itself must be there and visible, or there is no document; what
    /// those refer to comes along when it is shared or of the same patient.
    pub fn document_of(&self, from: &Caller, id: &str) -> Result<Value, Error> {
        let kind = ResourceType::COMPOSITION;
        let gone = || Error::missing(kind, id);
        let purpose = self.gate(&from.who, Op::Read, kind)?;
        let (logical, owner) = self.focus(from, kind, Some(id))?.ok_or_else(gone)?;
        let mut gather = self.gather(from, None)?;
        let composition = gather.named(kind, &logical)?.ok_or_else(gone)?;
        let json = parsed(&composition)?;
        let bases: Vec<String> = gather.context().bases.clone();
        let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
        let (mut direct, mut absent) = (BTreeSet::new(), Vec::new());
        for (place, reference) in references(&json) {
            let Some((kind, id)) = reference.local(&bases) else { continue };
            match gather.named(kind, id)? {
                Some(stored) => direct.insert(stored.head.rid),
                None => {
                    absent.push(place);
                    continue;
                }
            };
        }
        if !absent.is_empty() {
            return Err(Error::Broken(Outcome::of(missing(absent))));
        }
        let own = patient_of(&owner);
        let (others, cut) =
            gather.follow(std::slice::from_ref(&composition), MOST_REFERRED, |_, stored| {
                let whose = patient_of(&stored.head.owner);
                Ok(direct.contains(&stored.head.rid) || whose.is_none() || whose == own)
            })?;
        if cut {
            return Err(Error::TooMuch(format!("the document refers to more than {MOST_REFERRED} records")));
        }
        let base = from.base.as_deref().unwrap_or_default();
        let entry = |stored: &Stored| {
            let kind = stored.kind().map_or("", ResourceType::as_str);
            Ok(Entry { full_url: format!("{base}/{kind}/{}", stored.head.id), resource: parsed(stored)? })
        };
        let entries =
            std::iter::once(&composition).chain(&others).map(entry).collect::<Result<Vec<_>, Error>>()?;
        let about = About::record(kind, id, composition.head.version, &owner);
        self.vault().note(audit::done(&from.who, Action::Read, purpose, about))?;
        Ok(assemble(&self.uuid()?, None, self.now(), entries))
    }
}
