//! AllergyIntolerance, Condition and Coverage to AL1, DG1 and IN1.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::segment::{Segment, repeats, text};
use super::types::{Scope, code_of, cwe, cwe_of, day, dtm, period, xpn};

/// AL1.
pub(super) fn al1(allergy: &Value, at: usize) -> Segment {
    let mut al1 = Segment::numbered("AL1", at);
    let category = allergy.items("category").first().and_then(Value::as_str);
    al1.set(2, text(category.and_then(codes::allergy_category)));
    al1.set(3, cwe_of(allergy, "code"));
    let reactions = allergy.items("reaction");
    let severity = reactions.iter().find_map(|r| r.str("severity"));
    let severity = severity.or_else(|| match allergy.str("criticality") {
        Some("high") => Some("severe"),
        Some("low") => Some("mild"),
        _ => None,
    });
    al1.set(4, text(severity.and_then(codes::allergy_severity)));
    let shown = reactions.iter().flat_map(|r| r.items("manifestation"));
    let words = shown.map(|m| text(m.str("text").or_else(|| display(m)).or_else(|| code_of(Some(m)))));
    al1.set(5, repeats(words));
    let began = reactions.iter().find_map(|r| r.str("onset")).or_else(|| allergy.str("onsetDateTime"));
    al1.set(6, day(began));
    al1
}

fn display(concept: &Value) -> Option<&str> {
    concept.items("coding").first()?.str("display")
}

/// DG1.
pub(super) fn dg1(scope: &Scope<'_>, condition: &Value, at: usize) -> Segment {
    let mut dg1 = Segment::numbered("DG1", at);
    let code = condition.get("code");
    if let Some(code) = code {
        dg1.set(3, cwe(code));
        dg1.set(4, text(code.str("text").filter(|_| !code.items("coding").is_empty())));
    }
    dg1.set(5, dtm(condition.str("onsetDateTime")));
    let sure = condition.get("verificationStatus");
    let kind = match code_of(sure) {
        Some("confirmed") => Some("F"),
        Some("provisional" | "differential" | "unconfirmed") => Some("W"),
        _ => None,
    };
    dg1.set(6, text(kind));
    dg1.set(16, condition.get("asserter").map_or(Content::Empty, |who| scope.xcn(who)));
    dg1.set(19, dtm(condition.str("recordedDate")));
    dg1
}

/// IN1.
pub(super) fn in1(scope: &Scope<'_>, coverage: &Value, at: usize) -> Segment {
    let mut in1 = Segment::numbered("IN1", at);
    let class = |kind: &str| coverage.items("class").iter().find(|c| code_of(c.get("type")) == Some(kind));
    if let Some(plan) = class("plan") {
        let (value, name) = (plan.str("value"), plan.str("name"));
        in1.set(2, super::segment::parts(vec![text(value), text(name.filter(|n| Some(*n) != value))]));
    }
    if let Some(payer) = coverage.items("payor").first() {
        let found = scope.set.get(Some(payer));
        let number = found.and_then(|o| o.items("identifier").first());
        in1.set(3, number.map_or(Content::Empty, |i| scope.cx(i)));
        in1.set(4, text(found.and_then(|o| o.str("name")).or_else(|| payer.str("display"))));
    }
    if let Some(group) = class("group") {
        in1.set(8, text(group.str("value"))).set(9, text(group.str("name")));
    }
    let (from, to) = period(coverage.get("period"));
    in1.set(12, dtm(from)).set(13, dtm(to));
    in1.set(15, cwe_of(coverage, "type"));
    if let Some(holder) = scope.set.get(coverage.get("policyHolder")) {
        in1.set(16, holder.items("name").first().map_or(Content::Empty, xpn));
    }
    in1.set(17, cwe_of(coverage, "relationship"));
    let policy = coverage.items("identifier").first().and_then(|i| i.str("value"));
    in1.set(36, text(policy));
    in1.set(49, text(coverage.str("subscriberId").filter(|member| Some(*member) != policy)));
    in1
}
