#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
//! HL7 v2 messages to FHIR transactions, as pure code.
//!
//! [`to_transaction`] reads a message while keeping account of every place it reads; what was not read is listed as
//! unmapped. Ids follow from what the sender calls things, so a replay updates and never doubles. An empty field
//! changes nothing and `""` deletes; [`merge`] carries that to what is stored. Whose record it is, [`matching`]
//! decides from facts that the caller looks up.
//!
//! Source of the tables: HL7's v2-to-FHIR guide 1.0.0 (STU 1); local choices are marked where they are made.

mod apply;
mod book;
pub mod clinic;
mod clinical;
mod codes;
pub(crate) mod concepts;
mod document;
mod draft;
pub mod fhir;
pub mod identity;
pub mod ids;
pub mod matching;
pub mod meaning;
mod medication;
pub mod merge;
mod merging;
mod observation;
pub(crate) mod order;
mod orderer;
mod participation;
mod patient;
mod people;
mod provenance;
mod referral;
pub mod report;
pub(crate) mod rules;
mod schedule;
mod segments;
mod slots;
mod specimen;
mod telecom;
mod timing;
mod types;
mod vaccination;
mod value;
mod visit;

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::hl7::accept::Event;
use crate::hl7::datetime::{self, Fallback};
use crate::hl7::structure::{Class, Layout};
use crate::hl7::{Header, Message, Segment};
use crate::json::Value;

use apply::Around;
use book::Book;
use clinic::Maps;
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
    /// The clinic's own codes and rules for Z-segments.
    pub maps: Maps,
}

/// What another patient of a message is to the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A patient whom the message is about.
    Subject,
    /// A number that turned out to be the first patient's: its record is kept, inactive, and points to the first one.
    Merged,
}

/// A patient that a message names.
#[derive(Debug, Clone)]
pub struct Party {
    /// The logical id that the bundle gives it; see [`Mapped::patient_id`].
    pub patient_id: String,
    /// Who the message says it is.
    pub patient: PatientIdentity,
    /// What it is to the first patient.
    pub role: Role,
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
    /// The other patients that it names: who was merged into the first one, or changes places with it.
    pub others: Vec<Party>,
    /// What was used and what was not.
    pub report: MappingReport,
    /// From places in the message to places in the bundle.
    pub links: Vec<Link>,
    /// What it means, for a person.
    pub meaning: Vec<Row>,
}

impl Mapped {
    /// Takes a patient that is known nowhere out of the bundle, with the links that lead to it.
    pub fn leave_out(&mut self, kind: &str, id: &str) {
        let gone = format!("{kind}/{id}");
        let is_gone = |e: &Value| e.get("request").and_then(|r| r.str("url")) == Some(gone.as_str());
        let Some(at) = self.bundle.items("entry").iter().position(is_gone) else { return };
        if let Some(entries) = self.bundle.get_mut("entry").and_then(Value::as_array_mut) {
            entries.remove(at);
            for resource in entries.iter_mut().filter_map(|e| e.get_mut("resource")) {
                forget(resource, &gone);
            }
        }
        self.meetings.remove(at);
        self.links.retain(|l| l.entry != at);
        for link in self.links.iter_mut().filter(|l| l.entry > at) {
            link.entry -= 1;
        }
    }
}

/// Removes the items of `link` and `target` that lead to a record that is not there.
fn forget(resource: &mut Value, gone: &str) {
    let leads = |v: &Value| {
        v.str("reference") == Some(gone) || v.get("other").and_then(|o| o.str("reference")) == Some(gone)
    };
    let Some(object) = resource.as_object_mut() else { return };
    for key in ["link", "target"] {
        let Some(items) = object.get_mut(key).and_then(Value::as_array_mut) else { continue };
        items.retain(|item| !leads(item));
        if items.is_empty() {
            object.remove(key);
        }
    }
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
    let book = Book::new(message, fallback, &context.maps);
    let (drafts, parties, meaning) = map_all(&book, message, event, context);
    let report = book.close();
    let (bundle, meetings, links) = drafts.finish();
    let mut parties = parties.into_iter();
    let (patient_id, patient) = parties.next().map(|p| (p.patient_id, p.patient)).unwrap_or_default();
    Mapped { event, bundle, meetings, patient_id, patient, others: parties.collect(), report, links, meaning }
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
) -> (Drafts, Vec<Party>, Vec<Row>) {
    let sender = sender(message.header());
    let scope = Scope { sender, authorities: &context.authorities, authors: RefCell::default() };
    head(book);
    let layout = Layout::of(message);
    for at in &layout.tree.misplaced {
        let known = message.segment(*at).map(|s| s.name()).unwrap_or_default();
        book.warn(
            known,
            "outOfPlace",
            "The segment stands where its message has no place for it; it was kept.",
        );
    }
    let mut all =
        Whole { book, scope: &scope, layout: &layout, event, drafts: Drafts::default(), rows: Vec::new() };
    let mut parties = Vec::new();
    for (n, patient) in layout.patients.iter().enumerate() {
        let Some(pid) = message.segment(patient.pid) else { continue };
        let about: Vec<Segment<'a>> = patient.about.iter().filter_map(|i| message.segment(*i)).collect();
        parties.extend(all.patient(pid, &about, n == 0));
    }
    if event.class() == Class::Link {
        merging::linked(&mut all.drafts, &parties);
    }
    let (mut drafts, rows) = (all.drafts, all.rows);
    clinic::zsegments::apply(book, &scope, &mut drafts, &context.maps);
    provenance::of_event(book, &scope, &mut drafts);
    for authority in scope.authors.take().0 {
        drafts.add(authority);
    }
    (drafts, parties, rows)
}

/// One message on its way.
struct Whole<'a, 'b> {
    book: &'a Book<'a>,
    scope: &'b Scope<'b>,
    layout: &'b Layout,
    event: Event,
    drafts: Drafts,
    rows: Vec<Row>,
}

impl<'a> Whole<'a, '_> {
    /// Maps a patient with all that is about it; the first one with the orders, too. Answers who is meant.
    fn patient(&mut self, pid: Segment<'a>, about: &[Segment<'a>], first: bool) -> Vec<Party> {
        let (book, scope, event) = (self.book, self.scope, self.event);
        let mut others = Drafts::default();
        let (mut patient, mut identity) = patient::patient(book, scope, &mut others, pid, about);
        if event.class() == Class::Renumber {
            merging::renumbered(book, scope, &mut patient, &mut identity, about);
        }
        self.rows.push(Row::plain(Label::Key("patient"), shown(&identity), pid.index()));
        let mut around = Around { book, scope, refs: BTreeMap::new() };
        around.refs.insert("patient", patient.reference());
        around.add(&mut others, pid, "PID+", &mut patient);
        for block in ["PIDM", "PIDA"] {
            if let Some(draft) = around.resource_by(&mut others, pid, block) {
                others.add(draft);
            }
        }
        let mut parties =
            vec![Party { patient_id: patient.id.clone(), patient: identity, role: Role::Subject }];
        parties.extend(merging::merged(book, scope, &mut others, &mut patient, about, event));
        let mut encounter = visit::encounter(book, scope, &mut others, event, &patient, about);
        let account = others.0.iter().find(|d| d.kind == "Account").map(Draft::reference);
        if event.class() == Class::Account {
            merging::account(&around, &mut others, about, account.clone());
        }
        if let (Some(encounter), Some(account)) = (&mut encounter, account) {
            encounter.append("account", account);
        }
        if let Some(encounter) = &encounter {
            around.refs.insert("encounter", encounter.reference());
            if let Some(pv1) = about.iter().find(|s| s.is("PV1")) {
                self.rows.push(Row::plain(Label::Key("visit"), visit_text(encounter), pv1.index()));
            }
        }
        let in_orders: Vec<Segment<'a>> = self
            .layout
            .orders
            .iter()
            .filter(|_| first)
            .flat_map(|o| &o.others)
            .filter_map(|i| book.segment(*i))
            .collect();
        let every = || about.iter().chain(&in_orders).copied();
        segments::map(&around, &mut others, &mut patient, &mut encounter, every(), &mut self.rows);
        let mut mine = Drafts(vec![patient]);
        mine.0.extend(encounter);
        mine.0.append(&mut others.0);
        if first {
            self.orders(&mut mine, &around);
            referral::referral(&around, &mut mine, event, &mut self.rows);
            schedule::appointment(&around, &mut mine, about, self.layout, event, &mut self.rows);
            document::document(&around, &mut mine, about, self.layout, event, &mut self.rows);
            document::beside(&around, &mut mine, event, &mut self.rows);
            participation::followers(&around, &mut mine, self.layout);
        }
        for draft in mine.0 {
            self.drafts.add(draft);
        }
        parties
    }

    fn orders(&mut self, drafts: &mut Drafts, around: &Around<'a, '_>) {
        let refs = |name: &str| around.refs.get(name).cloned();
        let mut orders = order::Orders {
            book: self.book,
            scope: self.scope,
            layout: self.layout,
            patient: refs("patient").unwrap_or_default(),
            encounter: refs("encounter"),
            asks_only: matches!(self.event.class(), Class::Order | Class::Reply),
            seen: BTreeMap::new(),
            rows: std::mem::take(&mut self.rows),
        };
        for one in &self.layout.orders {
            let done = vaccination::vaccination(around, drafts, one, &mut orders)
                || medication::medication(around, drafts, one, &mut orders);
            if !done {
                orders.map(drafts, one, around);
            }
        }
        if self.event.class() != Class::Document {
            orders.loose(drafts);
        }
        self.rows = orders.rows;
    }
}

/// MSH and EVN: used for the decision, the answer, the provenance and the row itself.
fn head<'a>(book: &'a Book<'a>) {
    for segment in book.message.segments() {
        if segment.is("MSH") {
            book.structural(segment, &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 18]);
        } else if segment.is("EVN") || segment.is("MSA") {
            book.structural(segment, &[1, 2]);
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

#[cfg(test)]
mod account;
pub mod analyser;
#[cfg(test)]
mod comparison;
#[cfg(test)]
mod tests;
