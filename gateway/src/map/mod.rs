#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
//! HL7 v2 messages to FHIR transactions, as pure code.
//!
//! [`to_transaction`] reads a message while keeping account of every place it reads; what was not read is listed as
//! unmapped. Ids follow from what the sender calls things, so a replay updates and never doubles. An empty field
//! changes nothing and `""` deletes; [`merge`] carries that to what is stored. Whose record it is, [`matching`]
//! decides from facts that the caller looks up.
//!
//! Source of the tables: HL7's v2-to-FHIR guide 1.0.0 (STU 1); local choices are marked where they are made.

mod book;
mod clinical;
mod codes;
mod draft;
pub mod identity;
pub mod ids;
pub mod matching;
pub mod meaning;
pub mod merge;
mod observation;
mod order;
mod patient;
mod people;
pub mod report;
mod types;
mod value;
mod visit;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::hl7::accept::Event;
use crate::hl7::datetime::{self, Fallback};
use crate::hl7::structure::Layout;
use crate::hl7::{Header, Message};
use crate::json::Value;

use book::Book;
use draft::{Draft, Drafts};
pub use draft::{Link, Meeting};
pub use identity::{PatientIdentifier, PatientIdentity};
use meaning::{Label, Row};
pub use report::MappingReport;
use types::Scope;

/// What the map needs to know besides the message.
#[derive(Debug, Clone)]
pub struct MapContext {
    /// The zone of times that state no offset, when MSH-7 states none either.
    pub zone: TimeZone,
    /// URIs for names of assigning authorities, such as the clinic's own.
    pub authorities: Vec<(String, String)>,
}

/// A message as FHIR.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// The event it was mapped as.
    pub event: Event,
    /// A transaction Bundle of PUTs.
    pub bundle: Value,
    /// For each entry of the bundle: how it meets what is stored.
    pub meetings: Vec<Meeting>,
    /// The logical id that the bundle gives the patient. When the patient is known under another id, the caller
    /// replaces it with [`merge::retarget`].
    pub patient_id: String,
    /// Who the message says the patient is.
    pub patient: PatientIdentity,
    /// What was used and what was not.
    pub report: MappingReport,
    /// From places in the message to places in the bundle.
    pub links: Vec<Link>,
    /// What it means, for a person.
    pub meaning: Vec<Row>,
}

/// Who sent a message, in the words of its header: facility, or application where there is none.
pub fn sender(header: &Header) -> String {
    let read = |field| String::from_utf8_lossy(header.component(field, 1)).trim().to_owned();
    let facility = read(4);
    if facility.is_empty() || facility == "\"\"" { read(3) } else { facility }
}

/// Maps an accepted message.
pub fn to_transaction(message: &Message, event: Event, context: &MapContext) -> Mapped {
    let fallback = Fallback { header: header_offset(message), zone: context.zone.clone() };
    let book = Book::new(message, fallback);
    let (drafts, patient_id, patient, meaning) = map_all(&book, message, event, context);
    let report = book.close();
    let (bundle, meetings, links) = drafts.finish();
    Mapped { event, bundle, meetings, patient_id, patient, report, links, meaning }
}

fn header_offset(message: &Message) -> Option<i16> {
    let text = message.first("MSH")?.field(7).component(1).text();
    datetime::read(&text, None).ok()?.offset
}

fn map_all<'a>(
    book: &'a Book<'a>,
    message: &'a Message,
    event: Event,
    context: &MapContext,
) -> (Drafts, String, PatientIdentity, Vec<Row>) {
    let scope = Scope { sender: sender(message.header()), authorities: &context.authorities };
    head(book);
    let mut drafts = Drafts::default();
    let mut rows = Vec::new();
    let Some(pid) = message.first("PID") else {
        return (drafts, String::new(), PatientIdentity::default(), rows);
    };
    let mut others = Drafts::default();
    let (patient, identity) = patient::patient(book, &scope, &mut others, pid);
    rows.push(Row::plain(Label::Key("patient"), shown(&identity), pid.index()));
    let encounter = visit::encounter(book, &scope, &mut others, event, &patient);
    let encounter_ref = encounter.as_ref().map(Draft::reference);
    if let (Some(encounter), Some(pv1)) = (&encounter, message.first("PV1")) {
        rows.push(Row::plain(Label::Key("visit"), visit_text(encounter), pv1.index()));
    }
    let patient_ref = patient.reference();
    let patient_id = patient.id.clone();
    clinical(book, &scope, &mut others, &patient, encounter_ref.as_ref(), &mut rows);
    drafts.add(patient);
    if let Some(encounter) = encounter {
        drafts.add(encounter);
    }
    drafts.0.append(&mut others.0);
    let layout = Layout::of(message);
    let mut orders = order::Orders {
        book,
        scope: &scope,
        layout: &layout,
        patient: patient_ref,
        encounter: encounter_ref,
        seen: BTreeMap::new(),
        rows,
    };
    for one in &layout.orders {
        orders.map(&mut drafts, one);
    }
    orders.loose(&mut drafts);
    (drafts, patient_id, identity, orders.rows)
}

/// MSH and EVN: used for the decision, the answer, the provenance and the row itself.
fn head<'a>(book: &'a Book<'a>) {
    for segment in book.message.segments() {
        if segment.is("MSH") {
            book.structural(segment, &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 18]);
        } else if segment.is("EVN") {
            book.structural(segment, &[1, 2, 6]);
        }
    }
}

fn clinical<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    patient: &Draft,
    encounter: Option<&Value>,
    rows: &mut Vec<Row>,
) {
    let text = |d: &Draft| d.body.get("code").map(value::shown_concept).unwrap_or_default();
    for segment in book.message.segments() {
        let found = if segment.is("AL1") {
            clinical::allergy(book, patient, segment).map(|d| ("allergy", text(&d), d))
        } else if segment.is("DG1") {
            clinical::condition(book, scope, drafts, patient, encounter, segment)
                .map(|d| ("problem", text(&d), d))
        } else if segment.is("IN1") {
            clinical::coverage(book, scope, drafts, patient, segment).map(|d| {
                let payer = d.body.get("payor").and_then(Value::as_array).and_then(<[Value]>::first);
                ("cover", payer.and_then(|p| p.str("display")).unwrap_or("").to_owned(), d)
            })
        } else {
            None
        };
        if let Some((key, value, draft)) = found {
            rows.push(Row::plain(Label::Key(key), value, segment.index()));
            drafts.add(draft);
        }
    }
}

fn shown(identity: &PatientIdentity) -> String {
    let sex = identity.sex.map(|s| match s {
        "female" => "F",
        "male" => "M",
        "other" => "O",
        _ => "U",
    });
    [Some(identity.name()), sex.map(str::to_owned), identity.birth.clone(), identity.place.clone()]
        .into_iter()
        .flatten()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

fn visit_text(encounter: &Draft) -> String {
    let text = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(encounter.body.get(first)?, |v, key| v.get(key))?.as_str()
    };
    [
        text(&["class", "display"]).or(text(&["class", "code"])),
        text(&["period", "start"]),
        text(&["period", "end"]),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

pub mod analyser;
#[cfg(test)]
mod tests;
