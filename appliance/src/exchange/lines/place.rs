//! Whose an analyser's results are, which orders they answer, and what of them is older than what is stored.
//!
//! Analysers seldom know the patient: the number on the tube leads to the open order and from there to the patient
//! (decision 0171). Nothing is guessed: a sample that nobody ordered waits for a person.

use std::collections::BTreeSet;
use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits, Object, Value};
use clinicvault_gateway::map::analyser::give_subject;
use clinicvault_gateway::map::matching::{self, Decision};
use clinicvault_gateway::map::report::Warning;
use clinicvault_vault::{Action, Kind, Outcome, QueueItem, Snapshot};

use super::open::Received;
use super::orders::Order;
use crate::exchange::apply::{Opened, sender, unchanged};
use crate::exchange::inbox::leaf;
use crate::exchange::lookup::{self, Found};
use crate::exchange::row::{self, State};
use crate::exchange::{Exchange, INBOX};
use crate::records::Caller;
use crate::records::error::Error;
use crate::records::feed::What;

impl Exchange {
    /// Applies a row of an analyser, holds it, puts it aside, or leaves it for the next round. Blocking.
    pub(in crate::exchange) fn apply_line(&self, item: &QueueItem, opened: Opened) -> Result<State, Error> {
        if matches!(opened.message, Received::Printout(_)) {
            return self.hold(item, Some(opened), "printout", None);
        }
        if opened.sense.control || !has_results(&opened.mapped.bundle) {
            return self.lay_aside(item, opened);
        }
        let from = sender(&opened.facts);
        // What the index does not know yet could be the order, or a second patient of the same number.
        if !self.records().index_is_complete() {
            return Err(Error::Renewing);
        }
        let found = self.whom(&from, &opened)?;
        if contradicts(&opened, &found) {
            return self.hold(item, Some(opened), "conflict", None);
        }
        let known: Vec<_> = found.into_iter().map(|f| f.known).collect();
        let matched = matching::decide(&opened.mapped.patient, &known);
        match matching::conclude(matched, &opened.mapped.patient, false) {
            Decision::Apply(patient) => self.write(item, opened, Some(patient), None),
            // The patient or the order may stand in a message that came before it and is under way.
            _ if self.others_wait(item.seq)? => Ok(State::Received),
            Decision::Hold { why: "noIdentifier" | "unknownPatient", .. }
                if !opened.sense.samples.is_empty() =>
            {
                self.hold(item, Some(opened), "unknownSample", None)
            }
            Decision::Hold { why, .. } => self.hold(item, Some(opened), why, None),
            Decision::Create => self.hold(item, Some(opened), "unknownPatient", None),
        }
    }

    /// Everyone to whom the message leads: by what it says of the patient, and by its sample numbers.
    pub(in crate::exchange) fn whom(&self, from: &Caller, opened: &Opened) -> Result<Vec<Found>, Error> {
        let mut found = self.find(from, &opened.mapped.patient)?;
        let Some(line) = &opened.facts.line else { return Ok(found) };
        let mut patients = BTreeSet::new();
        for sample in &opened.sense.samples {
            patients.extend(self.orders_of(from, sample, line.days)?.into_iter().map(|order| order.patient));
        }
        let snapshot = self.records().vault().snapshot()?;
        patients.extend(before(&snapshot, &opened.mapped.bundle)?);
        for id in patients {
            if let Some(one) = found.iter_mut().find(|one| one.known.id == id) {
                one.known.by_identifier = true;
            } else if let Some(mut one) = lookup::patient(&snapshot, &id)? {
                one.known.by_identifier = true;
                found.push(one);
            }
        }
        Ok(found)
    }

    /// Makes the bundle fit what is stored: the patient where none is named, the clinic's orders in place of the
    /// analyser's own requests, and nothing that a later state would undo.
    pub(in crate::exchange) fn fit(
        &self,
        from: &Caller,
        opened: &mut Opened,
        patient: &str,
    ) -> Result<(), Error> {
        let Some(days) = opened.facts.line.as_ref().map(|line| line.days) else { return Ok(()) };
        give_subject(&mut opened.mapped.bundle, patient);
        for sample in opened.sense.samples.clone() {
            let mut orders = self.orders_of(from, &sample, days)?;
            orders.retain(|order| order.patient == patient);
            if !orders.is_empty() {
                link(&mut opened.mapped.bundle, &mut opened.sense.skip, &sample, &orders);
            }
        }
        let snapshot = self.records().vault().snapshot()?;
        for (index, entry) in opened.mapped.bundle.items("entry").iter().enumerate() {
            let Some(resource) = entry.get("resource") else { continue };
            let Some(new) = rank(resource) else { continue };
            let Some(stored) = stored(&snapshot, resource)? else { continue };
            if rank(&stored).is_some_and(|old| new < old) {
                opened.sense.skip.insert(index);
                opened.mapped.report.warnings.push(Warning {
                    path: resource.str("resourceType").unwrap_or_default().to_owned(),
                    code: "outdated",
                    text: "It came after a final result and is not final; the record keeps the final one."
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Quality control and messages without results concern no patient: they are kept and wait for nobody.
    fn lay_aside(&self, item: &QueueItem, opened: Opened) -> Result<State, Error> {
        let damaged = || Error::Damaged(format!("inbox row {}", item.seq));
        let (mut facts, bytes) = row::decode(&item.row.body).ok_or_else(damaged)?;
        facts.report(&opened.mapped.report);
        let terms = self.terms(&facts, item.at, &opened.message);
        let body = row::encode(&facts, bytes).map_err(|e| Error::Fault(e.to_string()))?;
        let (seq, was) = (item.seq, item.row.state);
        let reason = if opened.sense.control { "quality control" } else { "no results" };
        self.records().unit_blocking(Arc::clone(&sender(&facts).who), move |work| {
            unchanged(work, seq, was)?;
            work.unit().queue_set(INBOX, seq, State::Dismissed.number(), None, Some(&body))?;
            work.unit().queue_terms_set(INBOX, seq, &terms)?;
            let line = leaf(
                work.who(),
                Action::MessageSettled,
                Outcome::Success,
                seq,
                None,
                Some(reason.to_owned()),
            );
            work.audit(line)?;
            work.announce(What::Inbox { seq, state: State::Dismissed.number() });
            Ok(())
        })?;
        Ok(State::Dismissed)
    }
}

fn has_results(bundle: &Value) -> bool {
    let resources = bundle.items("entry").iter().filter_map(|entry| entry.get("resource"));
    resources.into_iter().any(|resource| resource.str("resourceType") == Some("Observation"))
}

/// The clinic's own number in the records is another patient's than the one that the sample leads to.
fn contradicts(opened: &Opened, found: &[Found]) -> bool {
    let numbers: Vec<&str> = opened
        .mapped
        .patient
        .identifiers
        .iter()
        .map(|identifier| identifier.value.as_str())
        .filter(|value| lookup::is_clinic_number(value))
        .collect();
    let meant = found.iter().filter(|one| one.known.by_identifier);
    !numbers.is_empty() && meant.into_iter().any(|one| !numbers.contains(&one.identity.number.as_str()))
}

/// The patients of stored results that this message carries on: a final result after a preliminary one, or a correction.
/// Another final result under the same sample number says nothing: the number may have begun anew.
fn before(snapshot: &Snapshot, bundle: &Value) -> Result<Vec<String>, Error> {
    let mut patients = BTreeSet::new();
    for resource in bundle.items("entry").iter().filter_map(|entry| entry.get("resource")) {
        if resource.str("resourceType") != Some("Observation") {
            continue;
        }
        let Some(stored) = stored(snapshot, resource)? else { continue };
        let carries_on =
            resource.str("status") == Some("corrected") || rank(&stored).is_some_and(|old| old < FINAL);
        let patient = stored.get("subject").and_then(|s| s.str("reference")?.strip_prefix("Patient/"));
        match patient {
            Some(patient) if carries_on => patients.insert(patient.to_owned()),
            // One result that is another one makes the whole message doubtful.
            _ => return Ok(Vec::new()),
        };
    }
    Ok(patients.into_iter().collect())
}

/// What is stored under the id of a resource, unless it was deleted.
fn stored(snapshot: &Snapshot, resource: &Value) -> Result<Option<Value>, Error> {
    let kind = resource.str("resourceType").and_then(ResourceType::parse);
    let (Some(kind), Some(id)) = (kind, resource.str("id")) else { return Ok(None) };
    let Some(head) = snapshot.head(Kind(kind.number()), id)?.filter(|head| !head.deleted) else {
        return Ok(None);
    };
    let body = snapshot.body(&head)?;
    let json = json::parse(&body, &Limits::bytes(usize::MAX));
    json.map(Some).map_err(|_| Error::Damaged(format!("{kind} record {}", head.rid.0)))
}

/// The rank of a final result.
const FINAL: u8 = 2;

/// How settled a result or report is; `None` for other records.
fn rank(resource: &Value) -> Option<u8> {
    if !matches!(resource.str("resourceType")?, "Observation" | "DiagnosticReport") {
        return None;
    }
    Some(match resource.str("status")? {
        "registered" => 0,
        "preliminary" | "partial" | "unknown" => 1,
        _ => FINAL,
    })
}

/// Puts the clinic's orders where the analyser's own request of this sample stands: each result under the orders of its
/// code, or under all when none has it.
fn link(bundle: &mut Value, skip: &mut BTreeSet<usize>, sample: &str, orders: &[Order]) {
    let mut own = Vec::new();
    for (index, entry) in bundle.items("entry").iter().enumerate() {
        let Some(resource) = entry.get("resource") else { continue };
        let (kind, id) =
            (resource.str("resourceType").unwrap_or_default(), resource.str("id").unwrap_or_default());
        let numbers = match kind {
            "ServiceRequest" => resource.items("identifier").iter().collect::<Vec<_>>(),
            "Specimen" => resource.get("accessionIdentifier").into_iter().collect(),
            _ => continue,
        };
        if numbers.iter().any(|number| number.str("value") == Some(sample)) {
            own.push(format!("{kind}/{id}"));
            if kind == "ServiceRequest" {
                skip.insert(index);
            }
        }
    }
    let is_own = |reference: &Value| reference.str("reference").is_some_and(|r| own.iter().any(|o| o == r));
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten();
    for resource in entries.filter_map(|entry| entry.get_mut("resource")) {
        let belongs = matches!(resource.str("resourceType"), Some("Observation" | "DiagnosticReport"))
            && (resource.items("basedOn").iter().any(is_own)
                || resource.get("specimen").is_some_and(is_own)
                || resource.items("specimen").iter().any(is_own));
        if !belongs {
            continue;
        }
        let codings = resource.get("code").map(|code| code.items("coding")).unwrap_or_default();
        let has = |order: &&Order| {
            let codes = order.codes();
            codings.iter().any(|coding| {
                let (system, code) = (coding.str("system").unwrap_or_default(), coding.str("code"));
                codes.iter().any(|(of, own)| of == system && Some(own.as_str()) == code)
            })
        };
        let mut chosen: Vec<&Order> = orders.iter().filter(has).collect();
        if chosen.is_empty() {
            chosen = orders.iter().collect();
        }
        let references: Vec<Value> = chosen
            .into_iter()
            .map(|order| Object::new().with("reference", format!("ServiceRequest/{}", order.id)).into())
            .collect();
        if let Some(resource) = resource.as_object_mut() {
            resource.insert("basedOn", references);
        }
    }
}
