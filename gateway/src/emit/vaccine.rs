//! Immunization to ORC, RXA, RXR and OBX.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::observation::{notes, observation};
use super::segment::{Segment, text};
use super::types::{Scope, code_of, cwe, cwe_of, day, dtm};
use super::value;

/// One vaccination.
pub(super) fn vaccination(scope: &Scope<'_>, given: &Value, out: &mut Vec<Segment>) {
    let number = given.items("identifier").first().map_or_else(|| text(given.str("id")), |i| scope.ei(i));
    let mut orc = Segment::new("ORC").with(1, "RE").with(3, number);
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
    rxa.set(11, given.get("location").map_or(Content::Empty, |place| scope.pl(place)));
    rxa.set(15, text(given.str("lotNumber"))).set(16, day(given.str("expirationDate")));
    if let Some(maker) = given.get("manufacturer") {
        let found = scope.set.get(Some(maker));
        let number = found.and_then(|o| o.items("identifier").first());
        let name = found.and_then(|o| o.str("name")).or_else(|| maker.str("display"));
        let system = number.and_then(|i| i.str("system")).map(codes::system_name);
        let code = number.and_then(|i| i.str("value"));
        rxa.set(17, super::segment::parts(vec![text(code), text(name), text(system.as_deref())]));
    }
    let status = given.str("status").unwrap_or("completed");
    rxa.set(18, cwe_of(given, "statusReason"));
    let (completion, action) = codes::vaccination(status);
    rxa.set(20, completion).set(21, action).set(22, dtm(given.str("recorded")));
    out.push(rxa);
    let rxr = Segment::new("RXR").with(1, cwe_of(given, "route")).with(2, cwe_of(given, "site"));
    if given.get("route").is_some() || given.get("site").is_some() {
        out.push(rxr);
    }
    let mut n = 0;
    for reaction in given.items("reaction").iter().filter_map(|r| scope.set.get(r.get("detail"))) {
        observation(scope, reaction, &mut n, out);
    }
    notes(given, "note", out);
}

/// Who did it in a role of table 0443.
fn performer<'a>(given: &'a Value, role: &str) -> Option<&'a Value> {
    let plays = |p: &&Value| code_of(p.get("function")) == Some(role);
    given.items("performer").iter().find(plays).and_then(|p| p.get("actor"))
}
