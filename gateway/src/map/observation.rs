//! One OBX with its notes to an Observation.

use crate::hl7::Segment;
use crate::json::{Object, Value};

use super::apply::Around;
use super::book::{Book, Spot};
use super::codes;
use super::draft::{Draft, Drafts};
use super::meaning::{Label, Row, Tone};
use super::people::{self, Task};
use super::types::{self, Scope};
use super::value::{self, Attached};

/// What an Observation takes from the order it belongs to.
pub(super) struct Frame<'a> {
    pub patient: Value,
    pub encounter: Option<Value>,
    pub request: Option<Value>,
    /// What it belongs to, such as a vaccination.
    pub part_of: Option<Value>,
    pub specimen: Option<Value>,
    pub category: &'static str,
    pub effective: Option<(&'static str, Value)>,
    pub issued: Option<String>,
    pub notes: Vec<Segment<'a>>,
}

/// An OBX as a resource, or as an attachment of the report, and as a row for the message screen.
pub(super) struct Observed<'a> {
    pub draft: Draft,
    pub attached: Option<Attached<'a>>,
    pub row: Row,
}

/// Maps one OBX. `id` is the Observation's.
pub(super) fn observation<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    obx: Segment<'a>,
    code: Value,
    frame: Frame<'a>,
    id: String,
) -> Observed<'a> {
    let f = |n| book.field(obx, n);
    book.structural(obx, &[1]);
    let mut draft = Draft::new("Observation", id);
    status(&mut draft, f(11));
    draft.append("category", category(frame.category));
    draft.set("code", Some(code.clone()), f(3));
    draft.put("subject", frame.patient);
    for (key, reference) in [("encounter", frame.encounter), ("specimen", frame.specimen)] {
        if let Some(reference) = reference {
            draft.put(key, reference);
        }
    }
    for (key, reference) in [("basedOn", frame.request), ("partOf", frame.part_of)] {
        if let Some(reference) = reference {
            draft.append(key, reference);
        }
    }
    if !draft.set("effectiveDateTime", f(14).date_time(), f(14))
        && let Some((key, value)) = frame.effective
    {
        draft.put(key, value);
    }
    if let Some(issued) = f(19).instant() {
        draft.set("issued", Some(issued), f(19));
    } else if let Some(issued) = frame.issued {
        draft.put("issued", issued);
    }
    performers(&mut draft, scope, drafts, [f(15), f(16), f(23), f(25)]);
    let shown = value::set(&mut draft, f(2), f(5), f(6));
    let range = f(7).has_content().then(|| value::reference_range(f(7), f(6))).flatten();
    let range_text = range.as_ref().and_then(|r| r.str("text")).map(str::to_owned);
    draft.push("referenceRange", range, f(7));
    let flag = interpretation(&mut draft, f(8));
    let around = Around { book, scope, refs: Default::default() };
    around.add(drafts, obx, "OBX+", &mut draft);
    draft.set("method", f(17).reps().into_iter().find_map(types::cwe), f(17));
    for note in &frame.notes {
        if let Some(annotation) = note_of(book, scope, drafts, *note) {
            draft.push("note", Some(annotation), book.field(*note, 3));
        }
    }
    if shown.text.is_none() && shown.attached.is_none() && !draft.body.contains_key("component") {
        draft.put("dataAbsentReason", absent());
    }
    let unit = f(6).c(2).peek().or_else(|| f(6).c(1).peek());
    let text = shown.text.clone().unwrap_or_default();
    let row = Row {
        label: Label::Text(value::shown_concept(&code)),
        value: match unit {
            Some(unit) if !text.is_empty() => format!("{text} {unit}"),
            Some(_) | None => text,
        },
        tone: flag.as_deref().and_then(Tone::of_flag),
        flag,
        range: range_text,
        segment: obx.index(),
    };
    Observed { draft, attached: shown.attached, row }
}

fn status(draft: &mut Draft, spot: Spot<'_>) {
    let sent = spot.c(1).take();
    let status = sent.as_deref().and_then(|s| codes::observation_status(spot.book.maps, s));
    match (&sent, status) {
        (_, Some(status)) => {
            draft.set("status", Some(status), spot);
        }
        (Some(sent), None) => {
            spot.unknown_code(sent);
            draft.set("status", Some("unknown"), spot);
        }
        (None, None) => {
            spot.warn("statusMissing", "The result has no status; it is stored as unknown.");
            draft.put("status", "unknown");
        }
    }
}

/// An observation category.
pub(super) fn category(code: &str) -> Value {
    let coding = Object::new()
        .with("system", "http://terminology.hl7.org/CodeSystem/observation-category")
        .with("code", code);
    Object::new().with("coding", vec![Value::from(coding)]).into()
}

fn absent() -> Value {
    let coding = Object::new()
        .with("system", "http://terminology.hl7.org/CodeSystem/data-absent-reason")
        .with("code", "unknown");
    Object::new().with("coding", vec![Value::from(coding)]).into()
}

fn performers(draft: &mut Draft, scope: &Scope<'_>, drafts: &mut Drafts, spots: [Spot<'_>; 4]) {
    let [producer, observer, organization, performer] = spots;
    if producer.has_content() {
        // OBX-15 is a coded producer's id: code and name.
        let (code, name) = (producer.c(1).take(), producer.c(2).take());
        let number = code.map(|c| types::Identified::plain(scope.sender_system(), c, None));
        let who = people::organization_of(scope, drafts, name, number, producer);
        draft.push("performer", who, producer);
    }
    for spot in observer.reps() {
        if let Some(person) = people::practitioner(scope, drafts, spot) {
            draft.append_once("performer", people::role(scope, drafts, Task::Observer, person, None));
            draft.link(spot, "/performer");
        }
    }
    let mut directors = performer.reps().into_iter().filter_map(|spot| {
        let person = people::practitioner(scope, drafts, spot)?;
        draft.link(spot, "/performer");
        Some(person)
    });
    let directors: Vec<Value> = directors.by_ref().collect();
    let mut places = Vec::new();
    for spot in organization.reps() {
        if let Some(who) = people::organization(scope, drafts, spot) {
            let around = Around { book: spot.book, scope, refs: Default::default() };
            around.add_to(drafts, who.str("reference"), spot.segment, "OBX24");
            draft.link(spot, "/performer");
            places.push(who);
        }
    }
    // OBX-25 directs what OBX-23 names; without a director the organisation performs itself.
    for person in &directors {
        let at = places.first().cloned();
        draft.append_once("performer", people::role(scope, drafts, Task::Director, person.clone(), at));
    }
    for place in places.into_iter().skip(usize::from(!directors.is_empty())) {
        draft.append_once("performer", place);
    }
}

/// OBX-8, all repetitions; answers the first flag.
fn interpretation(draft: &mut Draft, spot: Spot<'_>) -> Option<String> {
    let mut first = None;
    for flag in spot.reps() {
        let Some(sent) = flag.c(1).peek() else { continue };
        let concept = match codes::interpretation(flag.book.maps, &sent) {
            Some(found) => {
                [1, 2, 3].into_iter().for_each(|n| flag.c(n).mark());
                first = first.or(Some(found.code.to_owned()));
                Some(types::concept(found, found.code, "0078"))
            }
            None => {
                flag.unknown_code(&sent);
                first = first.or(Some(sent));
                types::cwe(flag)
            }
        };
        draft.push("interpretation", concept, flag);
    }
    first
}

/// An NTE as an annotation: all repetitions of the comment as lines, who entered it (NTE-5) and when (NTE-6).
pub(super) fn note_of<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    nte: Segment<'a>,
) -> Option<Value> {
    let text = note_text(book, nte)?;
    let author = people::practitioner(scope, drafts, book.field(nte, 5));
    let time = book.field(nte, 6).date_time();
    Some(Object::new().with_some("authorReference", author).with_some("time", time).with("text", text).into())
}

/// The comment of an NTE alone.
pub(super) fn note_text<'a>(book: &'a Book<'a>, nte: Segment<'a>) -> Option<String> {
    book.structural(nte, &[1, 2]);
    let comment = book.field(nte, 3);
    let lines: Vec<String> = comment.reps().iter().map(|s| s.peek().unwrap_or_default()).collect();
    comment.mark();
    let text = lines.join("\n");
    (!text.trim().is_empty()).then_some(text)
}
