//! The answer to an analyser's question: the open orders of a sample or of a patient, as P and O records.

use std::collections::BTreeMap;

use clinicvault_gateway::astm::write::{self, NoOrders, Writer};
use clinicvault_gateway::astm::{Message, query};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, Kind, Outcome, Snapshot};
use jiff::Timestamp;

use super::intake::actor;
use super::orders::Order;
use super::{Analyser, Peer};
use crate::clinic::identity::{NUMBER_SYSTEM, number_of};
use crate::exchange::Exchange;
use crate::exchange::inbox::leaf;
use crate::records::Caller;
use crate::records::error::Error;

/// Most samples and patients that one question may name.
const MOST_ASKED: usize = 100;
/// The name of the box in H-5.
const HOST: &str = "CLINICVAULT";

/// Orders by patient and sample.
type Found = BTreeMap<String, BTreeMap<String, Vec<Order>>>;

impl Exchange {
    /// The records that answer a question; `None` when it takes back an earlier one. Blocking.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn answer(
        &self,
        question: &Message,
        analyser: &Analyser,
        peer: &Peer,
    ) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let queries = query::queries(question, usize::from(analyser.query_sample));
        if queries.is_empty() || queries.iter().all(|query| query.cancelled) {
            return Ok(None);
        }
        let from =
            Caller { who: std::sync::Arc::new(actor(&analyser.name, peer.wire, &peer.name)), base: None };
        let asked: usize = queries.iter().map(|query| query.samples.len() + query.patients.len()).sum();
        // What would tell an analyser everything is not answered, nor is what asks for nothing.
        let everything = queries.iter().any(|query| query.everything);
        let orders = if everything || asked == 0 || asked > MOST_ASKED || !analyser.queries {
            Err(NoOrders::Unanswerable)
        } else {
            let mut found = Found::new();
            for query in queries.iter().filter(|query| !query.cancelled) {
                self.gather(&from, query, analyser, &mut found)?;
            }
            Ok(self.told(&from, found, analyser)?)
        };
        let told = orders.as_ref().map(Vec::len).unwrap_or_default();
        tracing::info!(op = "line.query", analyser = analyser.name, asked, patients = told);
        let writer = Writer::new(*question.delimiters(), question.charset());
        let receiver = question.header().field(5).component(1).text();
        let zone = &self.rules().map.zone;
        let patients = orders.as_deref().map_err(|why| *why);
        Ok(Some(write::answer(&writer, HOST, &receiver, patients, self.records().now(), zone)))
    }

    fn gather(
        &self,
        from: &Caller,
        query: &query::Query,
        analyser: &Analyser,
        found: &mut Found,
    ) -> Result<(), Error> {
        let mut add = |sample: String, order: Order| {
            found.entry(order.patient.clone()).or_default().entry(sample).or_default().push(order);
        };
        for sample in &query.samples {
            let orders = self.orders_of(from, sample, analyser.days)?;
            // A number that leads to two patients is no number: whoever gets the result could be the other one.
            let one = orders.first().map(|order| order.patient.clone());
            if orders.iter().any(|order| Some(&order.patient) != one.as_ref()) {
                tracing::warn!(
                    op = "line.query",
                    analyser = analyser.name,
                    outcome = "a sample number of two patients"
                );
                continue;
            }
            for order in orders {
                if self.is_wanted(from, &order, query, analyser)? {
                    add(sample.clone(), order);
                }
            }
        }
        for number in &query.patients {
            let identity = clinicvault_gateway::map::PatientIdentity {
                identifiers: vec![clinicvault_gateway::map::PatientIdentifier {
                    system: NUMBER_SYSTEM.to_owned(),
                    value: number.clone(),
                    kind: None,
                    assumed: false,
                }],
                ..Default::default()
            };
            for one in self.find(from, &identity)?.into_iter().filter(|one| one.known.by_identifier) {
                for order in self.orders_for(from, &one.known.id, analyser.days)? {
                    if let (Some(sample), true) =
                        (order.number(), self.is_wanted(from, &order, query, analyser)?)
                    {
                        add(sample, order);
                    }
                }
            }
        }
        Ok(())
    }

    /// An order that no final report answers yet, with a test that the analyser knows and asked for.
    fn is_wanted(
        &self,
        from: &Caller,
        order: &Order,
        query: &query::Query,
        analyser: &Analyser,
    ) -> Result<bool, Error> {
        let tests = tests(order, analyser);
        let asked = tests.iter().any(|test| query.tests.is_empty() || query.tests.contains(test));
        Ok(asked && !self.is_answered(from, order)?)
    }

    /// The orders in the words of a record, each patient's disclosure in the log.
    fn told(
        &self,
        from: &Caller,
        found: Found,
        analyser: &Analyser,
    ) -> Result<Vec<(write::Patient, Vec<write::Order>)>, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let mut all = Vec::new();
        for (patient, samples) in found {
            let Some(who) = read_patient(&snapshot, &patient)? else { continue };
            let orders = samples
                .into_iter()
                .map(|(sample, orders)| {
                    let mut codes: Vec<String> =
                        orders.iter().flat_map(|order| tests(order, analyser)).collect();
                    codes.sort();
                    codes.dedup();
                    let urgency =
                        orders.iter().map(|order| urgency(&order.resource)).max().unwrap_or_default();
                    let collected = orders.iter().find_map(|order| occurrence(&order.resource));
                    write::Order {
                        sample,
                        tests: codes,
                        priority: ['R', 'A', 'S'][usize::from(urgency.min(2))],
                        collected,
                    }
                })
                .collect();
            let reason = Some("orders told to an analyser".to_owned());
            let mut looked = leaf(&from.who, Action::Read, Outcome::Success, 0, Some(patient), None);
            looked.reason = reason;
            self.records().vault().note(looked)?;
            all.push((described(&who, analyser.names), orders));
        }
        Ok(all)
    }
}

/// The analyser's own codes of an order: by its table; without a table, the order's codes as they stand.
fn tests(order: &Order, analyser: &Analyser) -> Vec<String> {
    let own = format!("urn:x-astm:{}", analyser.name);
    let mut all: Vec<String> = Vec::new();
    for (system, code) in order.codes() {
        let known =
            analyser.codes.iter().filter(|c| c.system == system && c.code == code).map(|c| c.local.clone());
        all.extend(known);
        if system == own || analyser.codes.is_empty() {
            all.push(code);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// 2 at once, 1 soon, 0 routine.
fn urgency(request: &Value) -> u8 {
    match request.str("priority") {
        Some("stat") => 2,
        Some("asap" | "urgent") => 1,
        _ => 0,
    }
}

fn occurrence(request: &Value) -> Option<Timestamp> {
    request.str("occurrenceDateTime")?.parse().ok()
}

fn read_patient(snapshot: &Snapshot, id: &str) -> Result<Option<Value>, Error> {
    let head = snapshot.head(Kind(ResourceType::PATIENT.number()), id)?;
    let Some(head) = head.filter(|head| !head.deleted) else { return Ok(None) };
    let body = snapshot.body(&head)?;
    let json = json::parse(&body, &Limits::bytes(usize::MAX));
    json.map(Some).map_err(|_| Error::Damaged(format!("Patient record {}", head.rid.0)))
}

/// What an analyser is told of a patient: the clinic's number, and what reference ranges depend on.
fn described(patient: &Value, names: bool) -> write::Patient {
    let name = patient.items("name").first().filter(|_| names);
    let family = name.and_then(|name| name.str("family")).unwrap_or_default().to_owned();
    let given = name.and_then(|name| name.items("given").first()?.as_str()).unwrap_or_default().to_owned();
    let birth =
        patient.str("birthDate").filter(|birth| birth.len() == 10).unwrap_or_default().replace('-', "");
    let sex = patient.str("gender").map(|gender| match gender {
        "male" => 'M',
        "female" => 'F',
        _ => 'U',
    });
    write::Patient {
        number: number_of(patient).unwrap_or_default().to_owned(),
        name: (family, given),
        birth,
        sex,
    }
}
