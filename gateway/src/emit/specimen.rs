//! Specimen to SPM, and to OBR where a message has no SPM.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::rules::{fill, fill_but};
use super::segment::{Segment, parts, repeats, text};
use super::types::{Scope, cwe, cwe_of, dtm, period};

/// SPM.
pub(super) fn spm(scope: &Scope<'_>, specimen: &Value, at: usize) -> Segment {
    let mut spm = Segment::numbered("SPM", at);
    let (placer, mut filler) = (scope.ei_of(specimen, "PLAC"), scope.ei_of(specimen, "FILL"));
    if filler == Content::Empty && super::order::identifiers_are_plain(specimen) {
        filler = specimen.items("identifier").first().map_or(Content::Empty, |i| scope.ei(i));
    }
    spm.set(2, parts(vec![placer, filler]));
    spm.set(4, cwe_of(specimen, "type"));
    if let Some(collection) = specimen.get("collection") {
        spm.set(7, cwe_of(collection, "method")).set(8, cwe_of(collection, "bodySite"));
        let (start, end) = period(collection.get("collectedPeriod"));
        let from = collection.str("collectedDateTime").or(start);
        spm.set(17, parts(vec![dtm(from), dtm(end)]));
    }
    spm.set(18, dtm(specimen.str("receivedTime")));
    spm.set(24, repeats(specimen.items("condition").iter().map(cwe)));
    fill_but(scope, &mut spm, "SPM+", specimen, &[14]);
    spm
}

/// Whether OBR can say all that is known of a specimen: one that has a number needs SPM-2.
pub(super) fn fits_order(specimen: &Value) -> bool {
    ["identifier", "accessionIdentifier"].iter().all(|key| specimen.get(key).is_none())
}

/// OBR-10: who collected it, which SPM has no field for.
pub(super) fn collector(scope: &Scope<'_>, specimen: &Value, obr: &mut Segment) {
    let who = specimen.get("collection").and_then(|c| c.get("collector"));
    obr.set(10, who.map_or(Content::Empty, |who| scope.xcn(who)));
}

/// OBR-9, 10, 14, 15 and 39: the specimen of messages that have no SPM.
pub(super) fn in_order(scope: &Scope<'_>, specimen: &Value, obr: &mut Segment) {
    collector(scope, specimen, obr);
    obr.set(14, dtm(specimen.str("receivedTime")));
    let inner = |concept: Option<&Value>| concept.map_or(Content::Empty, coded);
    let additive = specimen.items("container").first().and_then(|c| c.get("additiveCodeableConcept"));
    let site = specimen.get("collection").and_then(|c| c.get("bodySite"));
    obr.set(
        15,
        parts(vec![
            inner(specimen.get("type")),
            inner(additive),
            Content::Empty,
            inner(site),
            Content::Empty,
            inner(specimen.items("condition").first()),
        ]),
    );
    fill(scope, obr, "OBRS", specimen);
    if !obr.has(7) {
        let collection = specimen.get("collection");
        let (start, end) = period(collection.and_then(|c| c.get("collectedPeriod")));
        let when = collection.and_then(|c| c.str("collectedDateTime"));
        obr.set(7, dtm(when.or(start))).set(8, dtm(end));
    }
}

/// A coded value in one component: code, words and system.
fn coded(concept: &Value) -> Content {
    let coding = concept.items("coding").first();
    let code = coding.and_then(|c| c.str("code"));
    let words = concept.str("text").or_else(|| coding.and_then(|c| c.str("display")));
    let system = super::rules::system(coding.and_then(|c| c.str("system")));
    parts(vec![text(code), text(words.filter(|words| Some(*words) != code)), system])
}
