//! The open orders of a sample: by the sample's number in the order, or in the specimen that the order names.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::json::{self, Limits, Value};
use jiff::{SignedDuration, Timestamp};

use crate::exchange::Exchange;
use crate::exchange::lookup::escape;
use crate::records::Caller;
use crate::records::error::Error;
use crate::records::search::Asked;

/// Rows looked at for one question.
const MOST: usize = 40;
/// What the systems of an analyser's own numbers begin with: they say nothing about the next tube.
const OWN: &str = "urn:x-astm:";

/// An open order.
#[derive(Clone)]
pub(in crate::exchange) struct Order {
    /// Logical id of the ServiceRequest.
    pub id: String,
    /// Logical id of its patient.
    pub patient: String,
    /// The request.
    pub resource: Value,
}

impl Order {
    /// Its codes with their systems: of the request and of its details.
    pub fn codes(&self) -> Vec<(String, String)> {
        let concepts = self.resource.get("code").into_iter().chain(self.resource.items("orderDetail"));
        let codings = concepts.flat_map(|concept| concept.items("coding"));
        codings
            .filter_map(|c| Some((c.str("system").unwrap_or_default().to_owned(), c.str("code")?.to_owned())))
            .collect()
    }

    /// The number on the tube, where the order itself states one.
    pub fn number(&self) -> Option<String> {
        let own = numbers(&self.resource).next();
        own.map(str::to_owned)
    }
}

impl Exchange {
    /// The open orders of a sample that are not older than `days`.
    pub(in crate::exchange) fn orders_of(
        &self,
        from: &Caller,
        sample: &str,
        days: u16,
    ) -> Result<Vec<Order>, Error> {
        let mut found: BTreeMap<String, Order> = BTreeMap::new();
        let value = escape(sample);
        for parameter in ["identifier", "requisition"] {
            for resource in self.asked(from, ResourceType::SERVICE_REQUEST, &[(parameter, &value), OPEN])? {
                if numbers(&resource).any(|number| number == sample) {
                    self.add(&mut found, resource, days);
                }
            }
        }
        for parameter in ["accession", "identifier"] {
            for specimen in self.asked(from, ResourceType::SPECIMEN, &[(parameter, &value)])? {
                let of = specimen.get("accessionIdentifier").into_iter().chain(specimen.items("identifier"));
                if !of.filter(|i| foreign(i)).any(|i| i.str("value") == Some(sample)) {
                    continue;
                }
                let Some(id) = specimen.str("id") else { continue };
                let reference = format!("Specimen/{id}");
                let asked = [("specimen", reference.as_str()), OPEN];
                for resource in self.asked(from, ResourceType::SERVICE_REQUEST, &asked)? {
                    self.add(&mut found, resource, days);
                }
                for request in specimen.items("request") {
                    let id = request.str("reference").and_then(|r| r.strip_prefix("ServiceRequest/"));
                    let Some(id) = id else { continue };
                    for resource in self.asked(from, ResourceType::SERVICE_REQUEST, &[("_id", id), OPEN])? {
                        self.add(&mut found, resource, days);
                    }
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// The open orders of a patient that state a sample number.
    pub(super) fn orders_for(&self, from: &Caller, patient: &str, days: u16) -> Result<Vec<Order>, Error> {
        let mut found = BTreeMap::new();
        let reference = format!("Patient/{patient}");
        for resource in
            self.asked(from, ResourceType::SERVICE_REQUEST, &[("subject", reference.as_str()), OPEN])?
        {
            if numbers(&resource).next().is_some() {
                self.add(&mut found, resource, days);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Whether a final report answers the order already.
    pub(in crate::exchange) fn is_answered(&self, from: &Caller, order: &Order) -> Result<bool, Error> {
        let reference = format!("ServiceRequest/{}", order.id);
        let asked = [("based-on", reference.as_str()), ("status", "final,amended,corrected")];
        Ok(!self.asked(from, ResourceType::DIAGNOSTIC_REPORT, &asked)?.is_empty())
    }

    fn add(&self, found: &mut BTreeMap<String, Order>, resource: Value, days: u16) {
        let patient = resource.get("subject").and_then(|s| s.str("reference")?.strip_prefix("Patient/"));
        let (Some(id), Some(patient)) = (resource.str("id"), patient) else { return };
        if is_recent(&resource, self.records().now(), days) {
            let (id, patient) = (id.to_owned(), patient.to_owned());
            found.entry(id.clone()).or_insert(Order { id, patient, resource });
        }
    }

    fn asked(&self, from: &Caller, kind: ResourceType, asked: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let mut parameters: Vec<(String, String)> =
            asked.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        parameters.push(("_count".to_owned(), MOST.to_string()));
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: MOST };
        let page = self.records().search(from, &asked)?;
        Ok(page
            .rows
            .iter()
            .filter_map(|row| json::parse(&row.body, &Limits::bytes(usize::MAX)).ok())
            .collect())
    }
}

const OPEN: (&str, &str) = ("status", "active");

/// The numbers of an order, an analyser's own left out.
fn numbers(request: &Value) -> impl Iterator<Item = &str> {
    let all = request.items("identifier").iter().chain(request.get("requisition"));
    all.filter(|identifier| foreign(identifier)).filter_map(|identifier| identifier.str("value"))
}

fn foreign(identifier: &Value) -> bool {
    !identifier.str("system").is_some_and(|system| system.starts_with(OWN))
}

/// Sample numbers begin anew: an order that stayed open for long is not the one that the tube of today belongs to.
fn is_recent(request: &Value, now: Timestamp, days: u16) -> bool {
    let written = request.str("authoredOn").and_then(instant);
    let stored = request.get("meta").and_then(|meta| meta.str("lastUpdated")).and_then(instant);
    let limit = SignedDuration::from_hours(24).saturating_mul(i32::from(days));
    written.or(stored).is_some_and(|at| now.duration_since(at) <= limit)
}

/// The moment of a FHIR `dateTime`; of a day alone, its end, so that no order of that day is too old.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    day.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        json::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn an_order_is_recent_by_when_it_was_written() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        for (request, expected) in [
            (r#"{"authoredOn":"2026-11-21T10:00:00+05:30"}"#, true),
            (r#"{"authoredOn":"2026-11-16"}"#, true),
            (r#"{"authoredOn":"2026-11-14"}"#, false),
            (r#"{"authoredOn":"2025-11-21T10:00:00Z","meta":{"lastUpdated":"2026-11-22T09:00:00Z"}}"#, false),
            (r#"{"meta":{"lastUpdated":"2026-11-22T09:00:00Z"}}"#, true),
            (r#"{}"#, false),
        ] {
            assert_eq!(is_recent(&json(request), now, 7), expected, "{request}");
        }
    }

    #[test]
    fn an_analysers_own_numbers_lead_nowhere() {
        let request = json(
            r#"{"identifier":[{"system":"urn:x-astm:Meter","value":"7"},{"system":"urn:clinic","value":"S-1"}],
               "requisition":{"value":"G-2"}}"#,
        );
        assert_eq!(numbers(&request).collect::<Vec<_>>(), ["S-1", "G-2"]);
    }
}
