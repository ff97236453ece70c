//! DocumentReference to TXA and OBX.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::participation::is_participant;
use super::rules::fill_but;
use super::segment::{Segment, repeats, text};
use super::types::{Scope, cwe_of, dtm, period};
use super::value;

/// TXA.
pub(super) fn txa(scope: &Scope<'_>, document: &Value) -> Segment {
    let mut txa = Segment::numbered("TXA", 0);
    txa.set(2, cwe_of(document, "type"));
    let forms = || document.items("content").iter().filter_map(|c| c.get("attachment"));
    let kind = forms().find_map(|a| a.str("contentType"));
    txa.set(3, kind.map_or("TX", presentation));
    let context = document.get("context");
    let (start, _) = period(context.and_then(|c| c.get("period")));
    txa.set(4, dtm(start));
    let people = || {
        document.items("author").iter().filter(|who| {
            !scope.is(who, "Organization") && !scope.is(who, "Device") && !is_participant(scope, who)
        })
    };
    txa.set(5, repeats(people().map(|who| scope.xcn(who))));
    txa.set(6, dtm(forms().find_map(|a| a.str("creation")).or_else(|| document.str("date"))));
    txa.set(9, repeats(people().map(|who| scope.xcn(who))));
    txa.set(10, document.get("authenticator").map_or(Content::Empty, |who| scope.xcn(who)));
    let master = document.get("masterIdentifier").or_else(|| document.items("identifier").first());
    txa.set(12, master.map_or_else(|| text(document.str("id")), |i| scope.ei(i)));
    let before = document.items("relatesTo").first().and_then(|r| scope.set.get(r.get("target")));
    txa.set(13, before.and_then(|d| d.get("masterIdentifier")).map_or(Content::Empty, |i| scope.ei(i)));
    fill_but(scope, &mut txa, "TXA", document, &[9, 22]);
    if !txa.has(16) {
        txa.set(16, text(forms().find_map(|a| a.str("title"))));
    }
    txa.set(17, codes::document_completion(document.str("docStatus").unwrap_or("final")).unwrap_or("AU"));
    txa.set(19, text(document.str("status").and_then(codes::document_availability)));
    txa
}

/// TXA-3 (table 0191).
fn presentation(kind: &str) -> &'static str {
    match kind.split('/').next() {
        Some("text") => "TX",
        Some("image") => "IM",
        Some("audio") => "AU",
        _ => "AP",
    }
}

/// The document itself, one OBX for each form of it.
pub(super) fn content(document: &Value, out: &mut Vec<Segment>) {
    let forms = document.items("content").iter().filter_map(|c| c.get("attachment"));
    for (n, typed) in forms.filter_map(value::attachment).enumerate() {
        let mut obx = Segment::numbered("OBX", n);
        obx.set(2, typed.kind).set(3, cwe_of(document, "type")).set(5, typed.value).set(11, "F");
        out.push(obx);
    }
}
