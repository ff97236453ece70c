//! PV1 and PV2 to Encounter.

use crate::hl7::Segment;
use crate::hl7::structure::{Class, Event};
use crate::json::{Object, Value};

use super::book::{Book, Spot};
use super::codes;
use super::draft::{Draft, Drafts};
use super::ids;
use super::people;
use super::types::{self, Scope};

/// The Encounter of a message, or `None` when PV1 names no visit.
pub(super) fn encounter<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    event: Event,
    patient: &Draft,
    about: &[Segment<'a>],
) -> Option<Draft> {
    let pv1 = *about.iter().find(|s| s.is("PV1"))?;
    let f = |n| book.field(pv1, n);
    book.structural(pv1, &[1]);
    // Some senders name the visit by the alternative number only.
    let first = if f(19).c(1).peek().is_some() { 19 } else { 50 };
    let number = types::cx(scope, f(first));
    let start = f(44).c(1).peek();
    if number.is_none()
        && !((event.has_visit() || event.class() == Class::Charge)
            && (start.is_some() || f(2).c(1).peek().is_some_and(|c| c != "N")))
    {
        return None;
    }
    let id = match &number {
        Some(n) => ids::stable("Encounter", &[&n.system, &n.value]),
        None => ids::stable("Encounter", &[&patient.id, "from", start.as_deref().unwrap_or("open")]),
    };
    let mut draft = Draft::partial("Encounter", id);
    if let Some(n) = number {
        let own = n.kind.clone().filter(|k| k != "VN");
        let mut json = types::Identified { kind: Some("VN".to_owned()), ..n }.json();
        if let Some(kind) = json.get_mut("type").and_then(Value::as_object_mut) {
            if let (Some(own), Some(codings)) = (own, kind.get_mut("coding").and_then(Value::as_array_mut)) {
                let system = "http://terminology.hl7.org/CodeSystem/v2-0203";
                codings
                    .push(Object::new().with("system", system).with("code", types::code_text(&own)).into());
            }
            kind.insert("text", "visit number");
        }
        draft.push("identifier", Some(json), f(first));
    }
    for (n, spot) in f(50).reps().into_iter().enumerate() {
        // The first one has named the visit where PV1-19 does not.
        if (first == 19 || n > 0)
            && let Some(other) = types::cx(scope, spot)
        {
            draft.push("identifier", Some(other.json()), spot);
        }
    }
    class(&mut draft, f(2));
    draft.put("subject", patient.reference());
    draft.push("type", types::cwe_of(f(4), "v2-0007"), f(4));
    draft.set("serviceType", types::cwe_of(f(10), "v2-0069"), f(10));
    for (field, code, display) in
        [(7, "ATND", "attender"), (8, "REF", "referrer"), (9, "CON", "consultant"), (17, "ADM", "admitter")]
    {
        for spot in f(field).reps() {
            if let Some(who) = people::practitioner(scope, drafts, spot) {
                draft.push("participant", Some(participant(code, display, who)), spot);
            }
        }
    }
    // A place for somebody who is only expected is planned.
    let place = if f(2).c(1).peek().as_deref() == Some("P") { "planned" } else { "active" };
    for (field, status) in [(3, place), (11, "active"), (6, "completed")] {
        if let Some(place) = people::location(scope, drafts, f(field)) {
            let at = Object::new().with("location", place).with("status", status);
            draft.push("location", Some(at), f(field));
        }
    }
    let hospitalization = Object::new()
        .with_some("admitSource", types::cwe_of(f(14), "v2-0023"))
        .with_some("dischargeDisposition", types::cwe_of(f(36), "v2-0112"));
    if !hospitalization.is_empty() {
        draft.set("hospitalization", Some(hospitalization), if f(36).has_content() { f(36) } else { f(14) });
    }
    for pv2 in about.iter().filter(|s| s.is("PV2")) {
        for spot in book.field(*pv2, 3).reps() {
            draft.push("reasonCode", types::cwe(spot), spot);
        }
    }
    let ended = period(book, &mut draft, event, f);
    status(&mut draft, event, ended, f(2).c(1).peek());
    Some(draft)
}

fn class(draft: &mut Draft, spot: Spot<'_>) {
    const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let Some(sent) = spot.c(1).take() else {
        draft.assume(
            "class",
            Object::new().with("system", ACT).with("code", "AMB").with("display", "ambulatory"),
        );
        return;
    };
    let coding = match codes::encounter_class(spot.book.maps, &sent) {
        Some(found) => found.coding(),
        None => {
            spot.unknown_code(&sent);
            Object::new()
                .with("system", "http://terminology.hl7.org/CodeSystem/v2-0004")
                .with("code", types::code_text(&sent))
                .into()
        }
    };
    draft.set("class", Some(coding), spot);
}

fn participant(code: &str, display: &str, who: Value) -> Object {
    let coding = Object::new()
        .with("system", "http://terminology.hl7.org/CodeSystem/v3-ParticipationType")
        .with("code", code)
        .with("display", display);
    let kind = Object::new().with("coding", vec![Value::from(coding)]).with("text", display);
    Object::new().with("type", vec![Value::from(kind)]).with("individual", who)
}

/// Sets the period; true when the visit has ended. A discharge without PV1-45 ends when the event occurred.
fn period<'a>(book: &'a Book<'a>, draft: &mut Draft, event: Event, f: impl Fn(u16) -> Spot<'a>) -> bool {
    let start = f(44).date_time();
    let mut end = f(45).date_time();
    if event.trigger() == "A03" && end.is_none() {
        end = book.message.first("EVN").and_then(|evn| {
            let at = |n| book.field(evn, n).date_time();
            at(6).or_else(|| at(2))
        });
    }
    let ended = end.is_some();
    if start.is_some() || ended {
        let from = if f(45).has_content() { f(45) } else { f(44) };
        let period = types::stretch(start, end, &from);
        draft.set("period", period, from);
    }
    ended
}

fn status(draft: &mut Draft, event: Event, ended: bool, class: Option<String>) {
    let stated = match event.trigger() {
        "A01" if !ended => "in-progress",
        "A02" | "A06" | "A07" | "A09" | "A10" | "A12" | "A13" | "A17" | "A22" | "A25" | "A26" | "A32"
        | "A33"
            if event.has_visit() && !ended =>
        {
            "in-progress"
        }
        "A04" if !ended => "arrived",
        "A05" | "A14" if event.has_visit() => "planned",
        "A11" | "A27" | "A38" if event.has_visit() => "cancelled",
        "A21" if event.has_visit() => "onleave",
        "A03" => "finished",
        _ if ended => "finished",
        _ => {
            // By the class of the visit (the guide's PatientClass[EncounterStatus]); what is stored wins.
            let unsure = event.has_visit() || event.class() == Class::Charge;
            let by_class = match class.as_deref() {
                Some("P") => "planned",
                Some("E" | "I" | "O" | "R" | "B" | "C") => "in-progress",
                _ if unsure => "in-progress",
                _ => "unknown",
            };
            return draft.assume("status", by_class);
        }
    };
    draft.put("status", stated);
}
