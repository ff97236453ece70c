//! RXO, RXE, RXR and TQ1 to MedicationRequest, RXD to MedicationDispense.

use crate::hl7::Segment;
use crate::hl7::structure::Order;
use crate::json::{Object, Value};

use super::apply::Around;
use super::book::Book;
use super::codes;
use super::draft::{Draft, Drafts};
use super::ids;
use super::meaning::{Label, Row};
use super::order::Orders;
use super::timing;
use super::types;
use super::value;

/// Maps an order for a medicine; false when it is none.
pub(super) fn medication<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    order: &Order,
    orders: &mut Orders<'a, '_>,
) -> bool {
    let book = around.book;
    let others: Vec<Segment<'a>> = order.others.iter().filter_map(|i| book.segment(*i)).collect();
    let find = |name: &str| others.iter().copied().find(|s| s.is(name));
    let (ordered, encoded, dispensed) = (find("RXO"), find("RXE"), find("RXD"));
    let Some(first) = ordered.or(encoded).or(dispensed) else { return false };
    let orc = order.orc.and_then(|i| book.segment(i));
    let request = if ordered.is_some() || encoded.is_some() {
        Some(request(around, drafts, orc, ordered, encoded, &others, orders, first))
    } else {
        if let Some(orc) = orc {
            book.structural(orc, &[1]);
        }
        None
    };
    if let Some(rxd) = dispensed {
        let mut here = Around { book, scope: around.scope, refs: around.refs.clone() };
        if let Some(request) = &request {
            here.refs.insert("order", request.clone());
        }
        dispense(&here, drafts, rxd, orc, &others, orders);
    }
    orders.about(drafts, order, request.unwrap_or_default());
    true
}

#[allow(clippy::too_many_arguments)]
fn request<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    orc: Option<Segment<'a>>,
    ordered: Option<Segment<'a>>,
    encoded: Option<Segment<'a>>,
    others: &[Segment<'a>],
    orders: &mut Orders<'a, '_>,
    first: Segment<'a>,
) -> Value {
    let book = around.book;
    let number = |n| orc.and_then(|o| types::ei(around.scope, book.field(o, n), ""));
    let code = |s: Segment<'a>, n| types::cwe(book.field(s, n)).map(|c| super::clinical::key_of(&c));
    let drug = encoded.and_then(|s| code(s, 2)).or_else(|| ordered.and_then(|s| code(s, 1)));
    let id = match number(2).or_else(|| number(3)) {
        Some(n) => ids::stable("MedicationRequest", &[&n.system, &n.value, &drug.unwrap_or_default()]),
        None => {
            let control = String::from_utf8_lossy(book.message.header().control_id()).into_owned();
            let at = first.occurrence().to_string();
            ids::stable("MedicationRequest", &[&around.scope.sender_system(), &control, &at])
        }
    };
    let mut draft = Draft::partial("MedicationRequest", id);
    if let Some(orc) = orc {
        around.add(drafts, orc, "ORCM", &mut draft);
        control(around, &mut draft, orc);
        if let Some(person) = draft.body.remove("requester") {
            draft.put("requester", orders.orderer(drafts, person, Some(orc), around));
        }
    }
    // What was encoded is more exact than what was asked for; what only the latter says is added.
    for (segment, block) in [(encoded, "RXE"), (ordered, "RXO")] {
        if let Some(segment) = segment {
            around.add(drafts, segment, block, &mut draft);
        }
    }
    for segment in others {
        if segment.is("RXR") {
            around.add(drafts, *segment, "RXR+", &mut draft);
        } else if segment.is("TQ1") {
            around.add(drafts, *segment, "TQ1+", &mut draft);
            if let Some((when, _)) = timing::timing(book, *segment) {
                draft.append("dosageInstruction", Object::new().with("timing", when));
            }
        }
    }
    if !others.iter().any(|s| s.is("TQ1")) {
        old_timing(book, &mut draft, orc, encoded);
    }
    join_dosage(&mut draft);
    draft.assume("status", "active");
    draft.assume("intent", "order");
    if !draft.body.contains_key("medicationCodeableConcept") {
        draft.put("medicationCodeableConcept", types::text_concept("(unnamed)"));
    }
    for (key, name) in [("subject", "patient"), ("encounter", "encounter")] {
        if let Some(reference) = around.refs.get(name) {
            draft.put(key, reference.clone());
        }
    }
    for at in others.iter().chain(orc.as_ref()).map(|s| s.index()) {
        for note in orders.notes_at(drafts, at) {
            draft.append("note", note);
        }
    }
    let shown = draft.body.get("medicationCodeableConcept").map(value::shown_concept).unwrap_or_default();
    orders.rows.push(Row::plain(Label::Key("order"), shown, first.index()));
    drafts.add(draft)
}

/// ORC-7 or RXE-1 of senders before TQ1 existed; the second repeats the first.
fn old_timing<'a>(
    book: &'a Book<'a>,
    draft: &mut Draft,
    orc: Option<Segment<'a>>,
    encoded: Option<Segment<'a>>,
) {
    let spots = [orc.map(|s| book.field(s, 7)), encoded.map(|s| book.field(s, 1))];
    let mut spots = spots.into_iter().flatten().filter(|s| s.has_content());
    let Some(first) = spots.next() else { return };
    if let Some(again) = spots.next().filter(|again| again.raw_text() == first.raw_text()) {
        again.mark();
    }
    let Some(spot) = first.reps().into_iter().next() else { return };
    let dose = timing::old_quantity(spot).map(|q| vec![Value::from(Object::new().with("doseQuantity", q))]);
    let dosage = Object::new()
        .with_some("text", spot.c(8).take())
        .with_some("timing", timing::old(spot))
        .with_some("doseAndRate", dose);
    if !dosage.is_empty() {
        draft.append("dosageInstruction", dosage);
    }
    if !draft.body.contains_key("priority") {
        draft.set("priority", timing::old_priority(spot), spot);
    }
}

/// ORC-1 stands in for a missing ORC-5.
fn control<'a>(around: &Around<'a, '_>, draft: &mut Draft, orc: Segment<'a>) {
    let spot = around.book.field(orc, 1).c(1);
    let status = match draft.body.get("status").and_then(Value::as_str) {
        Some("revoked") => Some("cancelled"),
        Some(_) => None,
        None => spot
            .peek()
            .and_then(|c| codes::order_control(around.book.maps, &c))
            .map(|s| if s == "revoked" { "cancelled" } else { s }),
    };
    spot.mark();
    if let Some(status) = status {
        draft.put("status", status);
    }
}

/// Each block made a dosage of its own; one order has one.
fn join_dosage(draft: &mut Draft) {
    let Some(Value::Array(all)) = draft.body.remove("dosageInstruction") else { return };
    let mut joined: Vec<Object> = Vec::new();
    for dosage in all {
        let Value::Object(dosage) = dosage else { continue };
        let fits = |one: &Object| {
            dosage.iter().all(|(key, value)| value.as_array().is_some() || !one.contains_key(key))
        };
        if !joined.last().is_some_and(fits) {
            joined.push(Object::new());
        }
        let Some(one) = joined.last_mut() else { continue };
        for (key, value) in dosage {
            match (one.get_mut(&key), value) {
                (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
                (_, value) => {
                    one.insert(key, value);
                }
            }
        }
    }
    draft.links.retain(|l| !l.4.starts_with("/dosageInstruction"));
    draft.put("dosageInstruction", joined.into_iter().map(Value::from).collect::<Vec<_>>());
}

fn dispense<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    rxd: Segment<'a>,
    orc: Option<Segment<'a>>,
    others: &[Segment<'a>],
    orders: &mut Orders<'a, '_>,
) {
    let Some(mut draft) = around.resource(drafts, rxd) else { return };
    around.book.structural(rxd, &[1]);
    for rxr in others.iter().filter(|s| s.is("RXR")) {
        around.add(drafts, *rxr, "RXRD", &mut draft);
    }
    join_dosage(&mut draft);
    if let Some(orc) = orc {
        for n in [2, 3] {
            let spot = around.book.field(orc, n);
            if let Some(number) = types::ei(around.scope, spot, if n == 2 { "PLAC" } else { "FILL" }) {
                draft.push("identifier", Some(number.json()), spot);
            }
        }
    }
    let shown = draft.body.get("medicationCodeableConcept").map(value::shown_concept).unwrap_or_default();
    orders.rows.push(Row::plain(Label::Key("order"), shown, rxd.index()));
    drafts.add(draft);
}
