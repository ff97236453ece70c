//! Records of laboratory analysers (LIS2-A2) to FHIR transactions, as pure code.
//!
//! P becomes Patient, O becomes Specimen, ServiceRequest and DiagnosticReport, R becomes Observation, C a note on what it
//! follows. Like the map of HL7 v2, it keeps account of every place it reads; what has no place in the record (M records
//! among it) is listed. Ids follow from the analyser, the sample and the day, so a replay updates; a sample number that
//! comes again on another day, as counters do, never meets yesterday's patient. Results of quality control are marked and
//! belong to nobody.

mod account;
mod build;
mod code;
mod order;
mod patient;
pub mod printout;
mod result;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::astm::Message;
use crate::hl7::accept::Event;
use crate::hl7::datetime::{self, Fallback};
use crate::json::{Object, Value};

use super::draft::{Link, Meeting};
use super::identity::PatientIdentity;
use super::ids;
use super::meaning::{Label, Row};
use super::report::MappingReport;
use account::{Account, Spot};
use build::Drafts;

/// What the map needs to know besides the records.
#[derive(Debug, Clone)]
pub struct Context {
    /// The zone of times that state no offset; analysers state none.
    pub zone: TimeZone,
    /// The name of the analyser here; without one, H-5 names it.
    pub analyser: Option<String>,
    /// The component of O-3 that holds the sample number, from 1. Without content there, O-4 holds it.
    pub sample: u16,
    /// What the analyser's own test codes mean.
    pub codes: Vec<TestCode>,
    /// When the records came; it stands in for H-14 of an analyser without a clock.
    pub received: Option<Timestamp>,
}

impl Context {
    /// An analyser of which only the zone is known.
    pub fn plain(zone: TimeZone) -> Self {
        Self { zone, analyser: None, sample: 1, codes: Vec::new(), received: None }
    }
}

/// One of the analyser's own test codes in another code system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCode {
    /// As the analyser sends it, empty components at both ends left out: `WBC^1`.
    pub local: String,
    /// The URI of the other system.
    pub system: String,
    /// The code there.
    pub code: String,
    /// Its display.
    pub display: String,
}

/// Records as FHIR.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// A transaction Bundle of PUTs; without entries when the records hold neither patient, order nor result.
    pub bundle: Value,
    /// For each entry of the bundle: how it meets what is stored.
    pub meetings: Vec<Meeting>,
    /// The logical id that the bundle gives the patient; empty when the records name none, and then no entry has a
    /// subject.
    pub patient_id: String,
    /// Who the records say the patient is.
    pub patient: PatientIdentity,
    /// Sample numbers, in order: where the records name no patient, these lead to one.
    pub samples: Vec<String>,
    /// These are results of quality control (H-12 or O-12 is `Q`): nobody's.
    pub quality_control: bool,
    /// What was used and what was not.
    pub report: MappingReport,
    /// From places in the records to places in the bundle.
    pub links: Vec<Link>,
    /// What it means, for a person.
    pub meaning: Vec<Row>,
}

impl Mapped {
    /// The same as the map of HL7 v2 answers it for an unsolicited result: it is stored by the same rules.
    pub fn into_result(self) -> super::Mapped {
        super::Mapped {
            event: Event::RESULT,
            bundle: self.bundle,
            meetings: self.meetings,
            patient_id: self.patient_id,
            patient: self.patient,
            others: Vec::new(),
            report: self.report,
            links: self.links,
            meaning: self.meaning,
        }
    }
}

/// True when the records state a time of their own: then equal bytes are the same message sent again, and not the next
/// measurement of an analyser without a clock.
pub fn states_time(message: &Message) -> bool {
    message.records().any(|record| {
        let fields: &[usize] = match record.kind() {
            'H' => &[14],
            'O' => &[7, 8],
            'R' => &[12, 13],
            _ => &[],
        };
        fields.iter().any(|field| record.field(*field).has_content())
    })
}

/// Names the patient in every entry that can have one and names none: for records that only a sample number leads from.
pub fn give_subject(bundle: &mut Value, patient: &str) {
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten();
    let resources = entries.filter_map(|entry| entry.get_mut("resource")).filter_map(Value::as_object_mut);
    for resource in resources {
        let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let has_one = matches!(
            kind,
            "Specimen" | "ServiceRequest" | "DiagnosticReport" | "Observation" | "DocumentReference"
        );
        if has_one && resource.get("subject").and_then(|subject| subject.str("reference")).is_none() {
            resource.insert("subject", Object::new().with("reference", format!("Patient/{patient}")));
        }
    }
}

/// What all records of a message share.
struct Scope<'c> {
    context: &'c Context,
    /// The URI that stands for the analyser: the system of its own codes and numbers.
    system: String,
    /// The analyser as a person reads it.
    device: String,
    /// H-14 as sent, or when the records came.
    sent: String,
    /// `Patient/id`, when there is one.
    subject: Option<Value>,
    /// What tells this patient from the analyser's others.
    patient_key: String,
}

/// Maps the records of one patient (a [`crate::astm::Part`], read as a message).
pub fn to_transaction(message: &Message, context: &Context) -> Mapped {
    let header = message.header();
    let text = |field: usize, component: usize| header.field(field).component(component).text();
    let named = context.analyser.clone().unwrap_or_else(|| text(5, 1));
    let name = if named.is_empty() { "analyser".to_owned() } else { named };
    let offset = datetime::read(&text(14, 1), None).ok().and_then(|when| when.offset);
    let account = Account::new(message, Fallback { header: offset, zone: context.zone.clone() });
    let control = |record: crate::astm::record::Record<'_>, field: usize| {
        record.field(field).component(1).text().eq_ignore_ascii_case("Q")
    };
    let quality_control = control(header, 12) || message.records().any(|r| r.kind() == 'O' && control(r, 12));
    let mut scope = Scope {
        context,
        system: system_of(&name),
        device: device_of(&account, &name),
        sent: sent(text(14, 1), context),
        subject: None,
        patient_key: String::new(),
    };
    for record in message.records() {
        match record.kind() {
            'H' => account.structural(record, &[2, 3, 10, 12, 13, 14]),
            'L' => account.structural(record, &[2, 3]),
            _ => {}
        }
    }
    let (mut drafts, mut rows) = (Drafts::default(), Vec::new());
    let mut identity = PatientIdentity::default();
    let mut patient_id = String::new();
    if quality_control {
        account.warn(String::new(), "qualityControl", "These are results of quality control, of no patient.");
    } else if let Some(found) = patient::patient(&account, &scope) {
        let (draft, who) = found;
        scope.subject = Some(draft.reference());
        scope.patient_key = who.identifiers.first().map(|i| i.value.clone()).unwrap_or_else(|| who.name());
        patient_id.clone_from(&draft.id);
        rows.push(Row::plain(Label::Key("patient"), who.name(), draft.record));
        identity = who;
        drafts.add(draft);
    }
    let mut orders = order::Orders {
        account: &account,
        scope: &scope,
        drafts: &mut drafts,
        rows,
        samples: Vec::new(),
        met: BTreeSet::new(),
    };
    orders.all(message);
    let (rows, samples) = (orders.rows, orders.samples);
    let (bundle, meetings, links) = drafts.finish();
    let report = account.close();
    Mapped {
        bundle,
        meetings,
        patient_id,
        patient: identity,
        samples,
        quality_control,
        report,
        links,
        meaning: rows,
    }
}

/// H-14, or when the records came.
fn sent(stated: String, context: &Context) -> String {
    match context.received.filter(|_| stated.is_empty()) {
        Some(at) => context.zone.to_datetime(at).strftime("%Y%m%d%H%M%S").to_string(),
        None => stated,
    }
}

/// H-5 in words: name and serial number.
fn device_of(account: &Account<'_>, name: &str) -> String {
    let spot = account.field(account.message.header(), 5);
    let parts: Vec<String> = spot.all().into_iter().filter(|part| part != name).collect();
    std::iter::once(name.to_owned()).chain(parts).collect::<Vec<_>>().join(" ")
}

/// A URI for an analyser's own codes and numbers: `urn:x-astm:H500`.
fn system_of(name: &str) -> String {
    ids::local_system(name).replacen("urn:x-hl7v2:", "urn:x-astm:", 1)
}

/// The day of a time as sent, or all of it when it is no day.
fn day(text: &str) -> String {
    datetime::read(text, None).map_or_else(|_| text.to_owned(), |when| when.date())
}

/// A reference that only names somebody or something.
fn named(spot: &Spot<'_>) -> Option<Value> {
    let text = spot.all().join(" ");
    (!text.is_empty()).then(|| Object::new().with("display", text).into())
}
