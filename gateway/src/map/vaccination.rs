//! RXA with ORC, RXR and OBX to Immunization.

use crate::hl7::structure::Order;

use super::apply::Around;
use super::draft::Drafts;
use super::meaning::{Label, Row};
use super::order::Orders;
use super::value;

/// Maps an order that is a vaccination; false when it is none.
pub(super) fn vaccination<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    order: &Order,
    orders: &mut Orders<'a, '_>,
) -> bool {
    let book = around.book;
    let others: Vec<_> = order.others.iter().filter_map(|i| book.segment(*i)).collect();
    let Some(rxa) = others.iter().copied().find(|s| s.is("RXA")) else { return false };
    let Some(mut draft) = around.resource(drafts, rxa) else { return false };
    book.structural(rxa, &[1, 2]);
    if let Some(orc) = order.orc.and_then(|i| book.segment(i)) {
        around.add(drafts, orc, "ORCI", &mut draft);
        book.structural(orc, &[1]);
    }
    for rxr in others.iter().filter(|s| s.is("RXR")) {
        around.add(drafts, *rxr, "RXRI", &mut draft);
    }
    if !draft.body.contains_key("occurrenceDateTime") {
        draft.put("occurrenceString", "unknown");
    }
    let shown = draft.body.get("vaccineCode").map(value::shown_concept).unwrap_or_default();
    orders.rows.push(Row::plain(Label::Key("order"), shown, rxa.index()));
    for at in std::iter::once(rxa.index()).chain(order.orc) {
        for note in orders.notes_at(drafts, at) {
            draft.append("note", note);
        }
    }
    let reference = drafts.add(draft);
    orders.about(drafts, order, reference);
    true
}
