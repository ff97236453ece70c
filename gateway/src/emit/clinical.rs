//! AllergyIntolerance, Condition and Coverage to AL1 and IAM, DG1, IN1 and IN2.

use crate::hl7::encode::Content;
use crate::json::Value;
use crate::map::concepts;

use super::codes;
use super::contact::xpn;
use super::rules::{fill, fill_but, mapped};
use super::segment::{Segment, parts, repeats, text};
use super::types::{Scope, code_of, cwe, cwe_of, day, dtm, period};
use super::value;

/// AL1; IAM where the message has them and the record says what only IAM has.
pub(super) fn allergy(scope: &Scope<'_>, allergy: &Value, at: usize, iam: bool) -> Segment {
    let only = ["identifier", "recordedDate", "recorder", "note", "lastOccurrence", "onsetString"];
    if !iam || !only.iter().any(|key| allergy.get(key).is_some()) {
        return al1(allergy, at);
    }
    let mut iam = Segment::numbered("IAM", at);
    iam.set(2, kind(allergy)).set(6, "A");
    fill(scope, &mut iam, "IAM", allergy);
    iam
}

/// Table 0127: the code that stands for both the category and the type of an allergy, where one does.
fn kind(allergy: &Value) -> Content {
    let category = allergy.items("category").first().and_then(Value::as_str);
    let (Some(category), own) = (category, allergy.str("type")) else {
        return text(allergy.str("type").and_then(|own| concepts::back("allergy-type", own).next()));
    };
    let both = concepts::back("allergy-category", category)
        .find(|sent| own.is_some() && concepts::find("allergy-type", sent).map(|c| c.code) == own);
    text(both.or_else(|| codes::allergy_category(category)))
}

/// AL1.
fn al1(allergy: &Value, at: usize) -> Segment {
    let mut al1 = Segment::numbered("AL1", at);
    al1.set(2, kind(allergy));
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
pub(super) fn dg1(scope: &Scope<'_>, condition: &Value, encounter: Option<&Value>, at: usize) -> Segment {
    let mut dg1 = Segment::numbered("DG1", at);
    let code = condition.get("code");
    if let Some(code) = code {
        dg1.set(3, cwe(code));
        dg1.set(4, text(code.str("text").filter(|_| !code.items("coding").is_empty())));
    }
    dg1.set(5, dtm(condition.str("onsetDateTime")));
    let part = encounter.map(|e| e.items("diagnosis")).unwrap_or_default().iter();
    let part = part
        .rev()
        .find(|d| scope.set.get(d.get("condition")).is_some_and(|c| c.get("id") == condition.get("id")));
    dg1.set(6, text(diagnosis_type(condition, part)));
    dg1.set(15, value::digits(part.and_then(|d| d.get("rank"))));
    if code_of(condition.get("verificationStatus")) == Some("entered-in-error") {
        dg1.set(21, "D");
    }
    dg1.set(16, condition.get("asserter").map_or(Content::Empty, |who| scope.xcn(who)));
    dg1.set(19, dtm(condition.str("recordedDate")));
    fill(scope, &mut dg1, "DG1+", condition);
    dg1
}

/// DG1-6: as the visit has it, else by how sure it is.
fn diagnosis_type<'v>(condition: &'v Value, part: Option<&'v Value>) -> Option<&'v str> {
    let codings = part.and_then(|d| d.get("use")).map(|u| u.items("coding")).unwrap_or_default();
    let sent = codings.iter().find(|c| c.str("system").is_some_and(|s| s.ends_with("v2-0052")));
    let used = || concepts::back("diagnosis-use", codings.first()?.str("code")?).next();
    let sure = || match code_of(condition.get("verificationStatus")) {
        Some("confirmed") => Some("F"),
        Some("provisional" | "differential" | "unconfirmed") => Some("W"),
        _ => None,
    };
    sent.and_then(|c| c.str("code")).or_else(used).or_else(sure)
}

/// IN1, and IN2 where there is something for it.
pub(super) fn cover(scope: &Scope<'_>, coverage: &Value, at: usize, out: &mut Vec<Segment>) {
    out.push(in1(scope, coverage, at));
    let mut in2 = Segment::new("IN2");
    fill(scope, &mut in2, "IN2+", coverage);
    let subscriber = scope.set.get(coverage.get("subscriber"));
    if let Some(person) = subscriber.filter(|s| s.str("resourceType") == Some("RelatedPerson")) {
        fill(scope, &mut in2, "IN2S", person);
    }
    if (1..=72).any(|field| in2.has(field)) {
        out.push(in2);
    }
}

fn in1(scope: &Scope<'_>, coverage: &Value, at: usize) -> Segment {
    let mut in1 = Segment::numbered("IN1", at);
    let class = |kind: &str| coverage.items("class").iter().find(|c| code_of(c.get("type")) == Some(kind));
    let plan = coverage.items("extension").iter().find(|e| e.str("url") == Some("urn:x-hl7v2:IN1-2"));
    if let Some(plan) = plan.and_then(|e| e.get("valueCodeableConcept")) {
        in1.set(2, cwe(plan));
    } else if let Some(plan) = class("plan") {
        let (value, name) = (plan.str("value"), plan.str("name"));
        in1.set(2, parts(vec![text(value), text(name.filter(|n| Some(*n) != value))]));
    }
    if let Some(payer) = coverage.items("payor").first() {
        let found = scope.set.get(Some(payer));
        let number = found.and_then(|o| o.items("identifier").first());
        in1.set(3, number.map_or(Content::Empty, |i| scope.cx(i)));
        in1.set(4, text(found.and_then(|o| o.str("name")).or_else(|| payer.str("display"))));
        if let Some(payer) = found {
            fill(scope, &mut in1, "IN1O", payer);
        }
    }
    if let Some(group) = class("group") {
        in1.set(8, text(group.str("value"))).set(9, text(group.str("name")));
    }
    let (from, to) = period(coverage.get("period"));
    in1.set(12, dtm(from)).set(13, dtm(to));
    in1.set(15, coverage.get("type").map_or(Content::Empty, |kind| mapped("plan-type", kind)));
    in1.set(
        17,
        coverage.get("relationship").map_or(Content::Empty, |r| mapped("subscriber-relationship", r)),
    );
    let plain = |i: &&Value| super::types::identifier_type(i).is_none();
    let policy = coverage.items("identifier").iter().find(plain).and_then(|i| i.str("value"));
    let member = coverage.str("subscriberId");
    in1.set(36, text(policy));
    let subscriber = scope.set.get(coverage.get("subscriber"));
    let subscriber = subscriber.filter(|s| s.str("resourceType") == Some("RelatedPerson"));
    let numbers = subscriber.map(|s| s.items("identifier")).unwrap_or_default();
    if member.is_some_and(|m| !numbers.iter().any(|i| i.str("value") == Some(m))) {
        in1.set(49, text(member.filter(|member| Some(*member) != policy)));
    }
    if let Some(subscriber) = subscriber {
        fill(scope, &mut in1, "IN1S", subscriber);
    }
    if let Some(holder) = scope.set.get(coverage.get("policyHolder")).filter(|_| subscriber.is_none()) {
        in1.set(16, holder.items("name").first().map_or(Content::Empty, xpn));
    }
    let deducted = |c: &&Value| c.get("type").and_then(|t| t.str("text")) == Some("deductible");
    if let Some(cost) = coverage.items("costToBeneficiary").iter().find(deducted) {
        let amount = cost.get("valueMoney");
        let number = value::digits(amount.and_then(|m| m.get("value")));
        let amount = parts(vec![number, text(amount.and_then(|m| m.str("currency")))]);
        in1.set(37, parts(vec![amount, text(code_of(cost.get("type")))]));
    }
    let held = scope.set.get(coverage.get("policyHolder"));
    let held = held.filter(|h| h.str("resourceType") == Some("Organization"));
    let named = held.is_none_or(|h| h.str("name").is_some());
    if let Some(held) = held {
        // Beside its name stands one number (IN1-11); the others, and those of a group without a name, in IN1-10.
        let numbers = held.items("identifier").iter().skip(usize::from(named));
        in1.set(10, repeats(numbers.map(|i| scope.cx(i))));
    }
    fill_but(scope, &mut in1, "IN1+", coverage, if named { &[] } else { &[11] });
    in1
}
