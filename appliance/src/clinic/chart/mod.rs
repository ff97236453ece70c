//! The patient chart: one page made from the patient's resources.
//!
//! Owns the composition as a pure function of the resources, what the reader may see, and the time. Fetching the
//! resources, auditing that the chart was opened and answering HTTP are left to `records` and `http`. What a reader may
//! not see is left out as a whole and says so, so that an empty list never looks like "none".

pub(crate) mod allergies;
mod dto;
mod medicines;
mod problems;
mod results;
mod visits;

pub use allergies::allergy_resource;
pub use dto::{
    Alert, Allergies, AllergyItem, AllergyState, BloodPressure, ByConsent, Chart, Document, Flag, Medicine,
    MedicineStatus, Opened, Person, Point, Problem, Range, ResultRow, Trends, Visit, Withheld,
};
pub use problems::problem_resource;
pub use results::{
    Reviews, alert_since, alerts, flag, is_critical, is_reported, is_result, rows, series, settled, version,
};
pub(crate) use visits::TRANSCRIPT;

use clinicvault_gateway::json::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::identity::{ABHA_SYSTEM, Identity};

/// Everything the chart is made of, as read at one `Tx`. A kind the reader may not see stays empty and is named in
/// `hidden`.
#[derive(Debug, Default)]
pub struct Sources {
    /// The Patient.
    pub patient: Value,
    /// AllergyIntolerance.
    pub allergies: Vec<Value>,
    /// Condition.
    pub conditions: Vec<Value>,
    /// MedicationRequest.
    pub medicines: Vec<Value>,
    /// Observation, vital signs and results together.
    pub observations: Vec<Value>,
    /// Encounter.
    pub encounters: Vec<Value>,
    /// ClinicalImpression.
    pub impressions: Vec<Value>,
    /// DocumentReference, without their bytes being needed.
    pub documents: Vec<Value>,
    /// Who has looked at which of the Observations.
    pub reviews: Reviews,
    /// The parts that were left out because the reader's role does not reach them.
    pub hidden: Vec<&'static str>,
    /// What a consent of the patient withholds.
    pub consent: Option<ByConsent>,
    /// Who opened the record before.
    pub opened: Vec<Opened>,
}

impl Sources {
    /// Puts a resource where it belongs; kinds that the chart does not show are dropped.
    pub fn add(&mut self, resource: Value) {
        let place = match resource.str("resourceType") {
            Some("Patient") => {
                self.patient = resource;
                return;
            }
            Some("AllergyIntolerance") => &mut self.allergies,
            Some("Condition") => &mut self.conditions,
            Some("MedicationRequest") => &mut self.medicines,
            Some("Observation") => &mut self.observations,
            Some("Encounter") => &mut self.encounters,
            Some("ClinicalImpression") => &mut self.impressions,
            Some("DocumentReference") => &mut self.documents,
            Some(_) | None => return,
        };
        place.push(resource);
    }
}

/// Composes the chart as it stands at `now` in the clinic's zone.
#[must_use]
pub fn compose(sources: &Sources, now: Timestamp, zone: &TimeZone, as_of: u64) -> Chart {
    let rows = results::rows(&sources.observations, &sources.reviews, zone);
    Chart {
        patient: person(&sources.patient),
        allergies: allergies::state(&sources.allergies, sources.hidden.contains(&"allergies"), zone),
        problems: problems::standing(&sources.conditions, zone),
        medicines: medicines::list(&sources.medicines, now, zone),
        alerts: results::alerts(&rows, now, zone),
        results: results::shorten(rows),
        trends: Trends { blood_pressure: results::blood_pressure(&sources.observations, zone) },
        visits: visits::list(sources, zone),
        documents: visits::documents(&sources.documents, zone),
        opened: sources.opened.clone(),
        hidden: sources.hidden.iter().map(|part| (*part).to_owned()).collect(),
        consent: sources.consent.clone(),
        as_of,
    }
}

/// The chart of a patient whose record a consent withholds: who it is, and that there is a record.
#[must_use]
pub fn closed(patient: &Value, parts: &[&'static str], now: Timestamp, zone: &TimeZone, as_of: u64) -> Chart {
    let consent = Some(ByConsent { state: Withheld::All, until: None });
    let sources = Sources { hidden: parts.to_vec(), consent, ..Sources::default() };
    let identity = Identity::of(patient).brief();
    Chart {
        patient: Person { identity, address: None, guardian: None, abha: None },
        ..compose(&sources, now, zone, as_of)
    }
}

fn person(patient: &Value) -> Person {
    let address = patient.items("address").first();
    let lines = address
        .map(|address| address.items("line").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    let contact = patient.items("contact").iter().find_map(|contact| contact.get("name")?.str("text"));
    let abha = patient.items("identifier").iter().find(|id| id.str("system") == Some(ABHA_SYSTEM));
    Person {
        identity: Identity::of(patient),
        address: lines.filter(|lines| !lines.is_empty()),
        guardian: contact.map(str::to_owned),
        abha: abha.and_then(|id| id.str("value")).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
