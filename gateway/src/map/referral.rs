//! RF1 with its PRD to the ServiceRequest of a referral.

use crate::hl7::structure::{Class, Event};

use super::apply::Around;
use super::draft::Drafts;
use super::meaning::{Label, Row};
use super::value;

/// Adds the referral of a REF message, with who sends the patient and to whom.
pub(super) fn referral(around: &Around<'_, '_>, drafts: &mut Drafts, event: Event, rows: &mut Vec<Row>) {
    let book = around.book;
    let (Class::Referral, Some(rf1)) = (event.class(), book.message.first("RF1")) else { return };
    let Some(mut draft) = around.resource(drafts, rf1) else { return };
    for prd in book.message.all("PRD") {
        let Some(person) = around.resource(drafts, prd) else { continue };
        let person = drafts.add(person);
        let role = book.field(prd, 1).c(1);
        // Table 0286; other roles are persons of the message and have no part in the request.
        match role.peek().as_deref() {
            Some("RP") if !draft.body.contains_key("requester") => draft.put("requester", person),
            Some("RT" | "CP") => draft.append_once("performer", person),
            _ => continue,
        }
        role.mark();
    }
    if event.trigger() == "I14" {
        // I14 takes the referral back.
        draft.put("status", "revoked");
    }
    let title = draft.body.get("code").map(value::shown_concept).unwrap_or_default();
    rows.push(Row::plain(Label::Key("order"), title, rf1.index()));
    drafts.add(draft);
}
