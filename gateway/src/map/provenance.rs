//! EVN: who did at the sender's what the message tells, when and why, as a Provenance of all it became.

use crate::json::{Object, Value};

use super::apply::Around;
use super::book::Book;
use super::draft::Drafts;
use super::ids;
use super::types::Scope;

/// Most records that one Provenance names.
const MOST_TARGETS: usize = 500;

/// Adds the Provenance of a message whose EVN names a person, a place, a reason or a time of its own.
pub(super) fn of_event<'a>(book: &'a Book<'a>, scope: &Scope<'_>, drafts: &mut Drafts) {
    let message = book.message;
    let Some(evn) = message.first("EVN") else { return };
    let targets: Vec<Value> =
        drafts.0.iter().take(MOST_TARGETS).map(super::draft::Draft::reference).collect();
    let around = Around { book, scope, refs: Default::default() };
    let mut made = Drafts::default();
    let Some(mut draft) = around.resource_by(&mut made, evn, "EVN") else { return };
    if !draft.body.contains_key("recorded") {
        let sent = message.first("MSH").and_then(|m| book.field(m, 7).instant());
        let Some(sent) = sent else {
            let text = "The event has no time; who did it has no place in the record.";
            return book.warn("EVN-2".into(), "eventWithoutTime", text);
        };
        draft.put("recorded", sent);
    }
    if targets.is_empty() {
        return;
    }
    draft.put("target", targets);
    if !draft.body.contains_key("agent") {
        let who = Object::new().with("display", scope.sender.as_str());
        draft.append("agent", Object::new().with("who", who));
    }
    // A Provenance is made once: another message under the same control id has another one.
    let digest = String::from_utf8_lossy(message.bytes()).into_owned();
    draft.id = ids::stable("Provenance", &[&scope.sender_system(), &digest]);
    draft.body.insert("id", draft.id.as_str());
    for draft in made.0 {
        drafts.add(draft);
    }
    drafts.add(draft);
}
