//! Immunization to ORC, RXA, RXR and OBX.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::observation::{notes, observation};
use super::rules::fill_but;
use super::segment::{Segment, text};
use super::types::{Scope, code_of, cwe, cwe_of, day, dtm, identifier_type};
use super::value;

/// One vaccination.
pub(super) fn vaccination(scope: &Scope<'_>, given: &Value, out: &mut Vec<Segment>) {
    let number = given.items("identifier").first().map_or_else(|| text(given.str("id")), |i| scope.ei(i));
    let mut orc = Segment::new("ORC").with(1, "RE");
    // A number without a kind is the filler's, who is the sender. When it was recorded stands in RXA-22.
    let kinds = |i: &Value| matches!(identifier_type(i), Some("PLAC" | "FILL"));
    if !given.items("identifier").iter().any(kinds) {
        orc.set(3, number);
    }
    let but: &[u16] = if orc.has(3) { &[2, 3, 9] } else { &[9] };
    fill_but(scope, &mut orc, "ORCI", given, but);
    let by = |role: &str| performer(given, role);
    orc.set(12, by("OP").map_or(Content::Empty, |who| scope.xcn(who)));
    out.push(orc);
    let mut rxa = Segment::new("RXA").with(1, "0").with(2, "1");
    let when = given.str("occurrenceDateTime");
    rxa.set(3, dtm(when)).set(4, dtm(when)).set(5, cwe_of(given, "vaccineCode"));
    match given.get("doseQuantity") {
        Some(dose) => {
            rxa.set(6, text(dose.get("value").and_then(Value::as_number).map(|n| n.as_str())));
            rxa.set(7, value::unit(dose));
        }
        // The guide for immunizations: 999 stands for an amount that is not known.
        None => {
            rxa.set(6, "999");
        }
    }
    let own = given.get("primarySource").and_then(Value::as_bool);
    rxa.set(
        9,
        match (given.get("reportOrigin"), own) {
            (Some(origin), _) => cwe(origin),
            (None, Some(true)) => Content::from(["00", "New immunization record", "NIP001"]),
            (None, Some(false)) => {
                Content::from(["01", "Historical information - source unspecified", "NIP001"])
            }
            (None, None) => Content::Empty,
        },
    );
    let giver = by("AP").or_else(|| given.items("performer").first().and_then(|p| p.get("actor")));
    rxa.set(10, giver.map_or(Content::Empty, |who| scope.xcn(who)));
    let place = given.get("location");
    let level = place.and_then(|l| scope.set.get(Some(l))).is_some_and(|l| l.get("physicalType").is_some());
    if let Some(place) = place {
        if level {
            rxa.set(27, scope.pl(place));
        } else {
            rxa.set(11, scope.named_place(place));
        }
    }
    rxa.set(15, text(given.str("lotNumber"))).set(16, day(given.str("expirationDate")));
    rxa.set(17, given.get("manufacturer").map_or(Content::Empty, |maker| scope.named_organization(maker)));
    let status = given.str("status").unwrap_or("completed");
    rxa.set(18, cwe_of(given, "statusReason"));
    let (completion, action) = codes::vaccination(status);
    rxa.set(20, completion).set(21, action).set(22, dtm(given.str("recorded")));
    // The notes follow as NTE.
    fill_but(scope, &mut rxa, "RXA", given, &[9, 11, 27]);
    out.push(rxa);
    notes(scope, given, out);
    super::participation::participants(scope, given, out);
    let rxr = Segment::new("RXR").with(1, cwe_of(given, "route")).with(2, cwe_of(given, "site"));
    if given.get("route").is_some() || given.get("site").is_some() {
        out.push(rxr);
    }
    let mut n = 0;
    for reaction in given.items("reaction").iter().filter_map(|r| scope.set.get(r.get("detail"))) {
        observation(scope, reaction, &mut n, out);
    }
    let part =
        |o: &&Value| scope.set.all_of(o.items("partOf")).iter().any(|g| g.get("id") == given.get("id"));
    for one in scope.set.of_kind("Observation").filter(part) {
        observation(scope, one, &mut n, out);
    }
}

/// Who did it in a role of table 0443.
fn performer<'a>(given: &'a Value, role: &str) -> Option<&'a Value> {
    let plays = |p: &&Value| code_of(p.get("function")) == Some(role);
    given.items("performer").iter().find(plays).and_then(|p| p.get("actor"))
}
