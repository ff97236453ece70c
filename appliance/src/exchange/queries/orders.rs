//! The order query of analysers that speak HL7 v2 (QBP^Q11): the open orders of a sample.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::hl7::{ErrorCode, Place, Problem};

use super::found::{Found, Hit};
use super::problem;
use crate::exchange::Exchange;
use crate::records::Caller;
use crate::records::error::Error;
use crate::records::search::Asked;

/// An order is found by its sample number for so many days: sample numbers begin anew.
const DAYS: u16 = 7;

impl Exchange {
    pub(super) fn orders_told(&self, from: &Caller, sample: &str) -> Result<Found, Problem> {
        let mut orders = Vec::new();
        for order in self.orders_of(from, sample, DAYS).map_err(|error| problem(&error))? {
            if !self.is_answered(from, &order).map_err(|error| problem(&error))? {
                orders.push(order);
            }
        }
        let Some(patient) = orders.first().map(|order| order.patient.clone()) else {
            return Ok(Found { total: Some(0), ..Found::default() });
        };
        // A number that leads to two patients is no number: whoever gets the result could be the other one.
        if orders.iter().any(|order| order.patient != patient) {
            let text = "This sample number leads to two patients.";
            let place = Place { repetition: 1, component: 1, ..Place::field("QPD", 1, 3) };
            return Err(Problem::error(ErrorCode::DuplicateKey, Some(place), text));
        }
        let mut hits = self.by_id(from, ResourceType::PATIENT, &patient).map_err(|error| problem(&error))?;
        let Some(hit) = hits.first_mut() else { return Ok(Found { total: Some(0), ..Found::default() }) };
        for order in orders {
            for specimen in order.resource.items("specimen") {
                let id = specimen.str("reference").and_then(|r| r.strip_prefix("Specimen/"));
                let Some(id) = id else { continue };
                let named = self.by_id(from, ResourceType::SPECIMEN, id).map_err(|error| problem(&error))?;
                for one in named {
                    if !hit.specimens.contains(&one.patient) {
                        hit.specimens.push(one.patient);
                    }
                }
            }
            hit.requests.push(order.resource);
        }
        Ok(Found { hits, total: Some(1), before: Some(0), ..Found::default() })
    }

    fn by_id(&self, from: &Caller, kind: ResourceType, id: &str) -> Result<Vec<Hit>, Error> {
        let parameters = [("_id".to_owned(), id.to_owned())];
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 1 };
        self.records().search(from, &asked)?.rows.iter().map(Hit::of).collect()
    }
}
