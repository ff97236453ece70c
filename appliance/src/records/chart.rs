//! The chart of one patient: what a reader may see of it, read at one `Tx` and audited as one opening.
//!
//! Owns which types are fetched, how many, and what is left out for whom. Composing the page is `clinic::chart`'s pure
//! part.

use std::sync::Arc;

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Head, Kind, Snapshot};

use super::access::{Actor, Decision, Op, Purpose, Refusal, Subject, Who, decide};
use super::audit::{self, About};
use super::compartment::{newest, parsed};
use super::error::Error;
use super::{Caller, Records};
use crate::clinic::chart::{ByConsent, Chart, ResultRow, Sources, Withheld, closed, compose, series};
use crate::clinic::read::has_code;

/// The newest measurements and results that a chart is made of.
pub(super) const OBSERVATIONS: usize = 2_000;
/// Types of the chart: the name a screen knows the part by, and how many of the newest are read.
const PARTS: [(&str, ResourceType, usize); 7] = [
    ("allergies", ResourceType::ALLERGY_INTOLERANCE, 100),
    ("problems", ResourceType::CONDITION, 200),
    ("medicines", ResourceType::MEDICATION_REQUEST, 300),
    ("results", ResourceType::OBSERVATION, OBSERVATIONS),
    ("visits", ResourceType::ENCOUNTER, 200),
    ("notes", ResourceType::CLINICAL_IMPRESSION, 200),
    ("documents", ResourceType::DOCUMENT_REFERENCE, 100),
];
/// A visit in one of these states means that the patient is in somebody's hands now.
const IN_HOUSE: [&str; 4] = ["arrived", "triaged", "in-progress", "onleave"];
/// The newest visits looked at for that.
const RECENT_VISITS: usize = 5;

/// Whether a reader gets in.
enum Door {
    Open(Snapshot, Head, Purpose),
    Closed(Snapshot, Head),
}

impl Records {
    /// The chart of a patient as this reader may see it. Opening it is recorded. Where a consent withholds the record
    /// from a person of the clinic, the page says so and who it is, nothing else (0079).
    pub fn chart(&self, from: &Caller, patient: &str) -> Result<Chart, Error> {
        let context = self.context(from);
        let (snapshot, head, purpose) = match self.opened_or_closed(&from.who, patient)? {
            Door::Open(snapshot, head, purpose) => (snapshot, head, purpose),
            Door::Closed(snapshot, head) => {
                let parts = PARTS.map(|(part, ..)| part);
                let patient = parsed(&snapshot, &head)?;
                return Ok(closed(&patient, &parts, context.now, &context.zone, snapshot.tx().0));
            }
        };
        let in_care = in_care(&snapshot, &head)?;
        let mut sources = Sources::default();
        sources.add(parsed(&snapshot, &head)?);
        for (part, kind, limit) in PARTS {
            self.part(&from.who, &snapshot, &head, in_care, (part, kind, limit), &mut sources)?;
        }
        if !sees(&from.who, ResourceType::CONDITION, in_care) {
            sources.encounters.iter_mut().for_each(without_words);
        }
        sources.reviews = self.reviews(&snapshot, &sources.observations)?;
        sources.opened = self.opened(&snapshot, patient)?;
        if let Some(until) = self.consents().open_until(&from.who.id, patient, context.now) {
            sources.consent =
                Some(ByConsent { state: Withheld::Open, until: Some(datetime::instant(until)) });
        }
        let about = About::record(ResourceType::PATIENT, patient, head.version, &head.owner);
        self.vault().note(audit::done(&from.who, Action::Read, purpose, about))?;
        Ok(compose(&sources, context.now, &context.zone, snapshot.tx().0))
    }

    /// Every reading of one test, one row for each unit it was reported in.
    pub fn result_series(&self, from: &Caller, patient: &str, name: &str) -> Result<Vec<ResultRow>, Error> {
        let (snapshot, head, _) = self.patient(&from.who, patient)?;
        let purpose = self.gate(&from.who, Op::Read, ResourceType::OBSERVATION)?;
        let in_care = in_care(&snapshot, &head)?;
        let mut sources = Sources::default();
        let part = ("results", ResourceType::OBSERVATION, 10_000);
        self.part(&from.who, &snapshot, &head, in_care, part, &mut sources)?;
        let about = About::of_type(ResourceType::OBSERVATION, Some(patient));
        self.vault().note(audit::done(&from.who, Action::Read, purpose, about))?;
        let reviews = self.reviews(&snapshot, &sources.observations)?;
        Ok(series(&sources.observations, &reviews, name, &self.context(from).zone))
    }

    /// The stored Patient, for a reader who may see who it is.
    fn patient(&self, who: &Arc<Actor>, patient: &str) -> Result<(Snapshot, Head, Purpose), Error> {
        let (look, purpose) = self.gated(&self.sight(who)?, Op::Read, ResourceType::PATIENT)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(ResourceType::PATIENT.number()), patient)?;
        let head = head.ok_or_else(|| Error::missing(ResourceType::PATIENT, patient))?;
        if head.deleted {
            return Err(Error::Gone { name: format!("Patient/{patient}"), version: head.version });
        }
        self.allow_stored(&look, ResourceType::PATIENT, &snapshot, &head)?;
        Ok((snapshot, head, purpose))
    }

    /// The stored Patient, or that a consent withholds it from a person of the clinic; that is recorded as a refusal.
    fn opened_or_closed(&self, who: &Arc<Actor>, patient: &str) -> Result<Door, Error> {
        let (look, _) = self.gated(&self.sight(who)?, Op::Read, ResourceType::PATIENT)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(ResourceType::PATIENT.number()), patient)?.filter(|head| !head.deleted);
        if let Some(head) = head.filter(|_| matches!(who.who, Who::Person { .. }))
            && look.stored(&snapshot, &head)? == Decision::Refuse(Refusal::NoConsent)
        {
            let about = About::record(ResourceType::PATIENT, patient, head.version, &head.owner);
            self.deny(who, Op::Read, Refusal::NoConsent, about);
            return Ok(Door::Closed(snapshot, head));
        }
        let (snapshot, head, purpose) = self.patient(who, patient)?;
        Ok(Door::Open(snapshot, head, purpose))
    }

    fn part(
        &self,
        who: &Actor,
        snapshot: &Snapshot,
        head: &Head,
        in_care: bool,
        (part, kind, limit): (&'static str, ResourceType, usize),
        sources: &mut Sources,
    ) -> Result<(), Error> {
        let look = self.sight(who)?.look(Op::Read, kind);
        if !look.gate().allowed() && !sees(who, kind, in_care) {
            sources.hidden.push(part);
            return Ok(());
        }
        let Some(id) = LogicalId::parse(&head.id) else { return Ok(()) };
        let by_consent = look.asks_consent_of(&head.id);
        let mut withheld = false;
        for resource in newest(snapshot, &id, kind, limit)? {
            if by_consent && look.withholds(&resource) {
                withheld = true;
                continue;
            }
            let vital =
                kind == ResourceType::OBSERVATION && has_code(&resource, "category", &["vital-signs"]);
            if decide(who, Op::Read, &Subject::of_type(kind.as_str(), vital).in_care(in_care)).allowed() {
                sources.add(resource);
            }
        }
        if withheld {
            sources.consent = Some(ByConsent { state: Withheld::Part, until: None });
        }
        if withheld || (kind == ResourceType::OBSERVATION && !sees(who, kind, in_care)) {
            sources.hidden.push(part);
        }
        Ok(())
    }
}

/// Whether the patient is in the clinic's hands now: one of the newest visits is under way.
pub(super) fn in_care(snapshot: &Snapshot, patient: &Head) -> Result<bool, Error> {
    let Some(id) = LogicalId::parse(&patient.id) else { return Ok(false) };
    let visits = newest(snapshot, &id, ResourceType::ENCOUNTER, RECENT_VISITS)?;
    Ok(visits.iter().any(|visit| visit.str("status").is_some_and(|status| IN_HOUSE.contains(&status))))
}

fn sees(who: &Actor, kind: ResourceType, in_care: bool) -> bool {
    matches!(
        decide(who, Op::Read, &Subject::of_type(kind.as_str(), false).in_care(in_care)),
        Decision::Allow(_)
    )
}

/// Leaves when a visit was and with whom, and takes away what it was for.
fn without_words(encounter: &mut Value) {
    if let Some(encounter) = encounter.as_object_mut() {
        for key in ["type", "reasonCode", "reasonReference", "diagnosis", "serviceType", "text"] {
            encounter.remove(key);
        }
    }
}
