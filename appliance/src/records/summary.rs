//! `Patient/$summary`: which records of a patient a summary is made of. Putting them together is the gateway's pure part.

use std::cmp::Reverse;

use clinicvault_gateway::fhir::care_time;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::summary::{self, Sources};
use clinicvault_gateway::json::Value;
use clinicvault_vault::Action;

use super::access::Op;
use super::audit::{self, About, patient_of};
use super::error::Error;
use super::gather::{Gather, parsed};
use super::read::Stored;
use super::{Caller, Records};

/// The newest records of a type that are looked at.
const MOST: usize = 5_000;
/// Most records that those of a summary or document refer to.
pub(super) const MOST_REFERRED: usize = 1_000;
/// Who writes summaries.
const AUTHOR: &str = concat!("ClinicVault ", env!("CARGO_PKG_VERSION"));

impl Records {
    /// The summary of a patient, of what this caller sees, as a document.
    pub fn patient_summary(&self, from: &Caller, patient: &str) -> Result<Value, Error> {
        let missing = || Error::missing(ResourceType::PATIENT, patient);
        let purpose = self.gate(&from.who, Op::Read, ResourceType::PATIENT)?;
        let (id, owner) = self.focus(from, ResourceType::PATIENT, Some(patient))?.ok_or_else(missing)?;
        let mut gather = self.gather(from, None)?;
        let person = gather.named(ResourceType::PATIENT, &id)?.ok_or_else(missing)?;
        let mut withheld = Vec::new();
        let mut stored = Vec::new();
        for kind in summary::kinds() {
            if gather.sees(kind) {
                stored.extend(newest(&mut gather, &id, kind)?);
            } else {
                withheld.push(kind);
            }
        }
        let records = stored.iter().map(parsed).collect::<Result<Vec<Value>, Error>>()?;
        let chosen: Vec<Stored> =
            summary::chosen(&records).into_iter().filter_map(|at| stored.get(at).cloned()).collect();
        let own = patient_of(&owner);
        let (supporting, cut) = gather.follow(&chosen, MOST_REFERRED, |_, stored| {
            let whose = patient_of(&stored.head.owner);
            Ok(whose.is_none() || whose == own)
        })?;
        if cut {
            return Err(Error::TooMuch(format!("the summary refers to more than {MOST_REFERRED} records")));
        }
        let base = from.base.as_deref().unwrap_or_default();
        let document = summary::summary(Sources {
            base,
            patient: parsed(&person)?,
            records,
            supporting: supporting.iter().map(parsed).collect::<Result<_, _>>()?,
            withheld,
            now: self.now(),
            uuids: [self.uuid()?, self.uuid()?, self.uuid()?],
            author: AUTHOR,
        });
        let about = About::record(ResourceType::PATIENT, patient, person.head.version, &owner);
        self.vault().note(audit::done(&from.who, Action::Read, purpose, about))?;
        Ok(document)
    }

    /// A new UUID as text.
    pub(super) fn uuid(&self) -> Result<String, Error> {
        Ok(self.new_id()?.as_str().to_owned())
    }
}

/// The newest records of a type that are this patient's own, the newest care first.
fn newest(gather: &mut Gather, patient: &LogicalId, kind: ResourceType) -> Result<Vec<Stored>, Error> {
    let rids = gather.members(ResourceType::PATIENT, Some(patient), kind)?;
    let mut found = Vec::new();
    for rid in rids.into_iter().rev().take(MOST) {
        let Some(stored) = gather.open(kind, rid)? else { continue };
        if patient_of(&stored.head.owner) == Some(patient.as_str()) {
            let at = care_time::span(&parsed(&stored)?, &gather.context().zone).map(|span| span.low);
            found.push((Reverse(at), stored));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, stored)| stored).collect())
}
