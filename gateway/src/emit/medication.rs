//! MedicationRequest to ORC, TQ1, RXO and RXR.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::observation::{notes, observation};
use super::order;
use super::rules::{fill, fill_but};
use super::segment::{Segment, text};
use super::types::{Scope, cwe_of};

/// An order for a medicine, with what was observed for it.
pub(super) fn prescription(scope: &Scope<'_>, request: &Value, out: &mut Vec<Segment>) {
    out.push(orc(scope, request));
    let dosages = request.items("dosageInstruction");
    if dosages.is_empty() {
        timing(scope, request, &Value::Null, out);
    }
    dosages.iter().for_each(|dosage| timing(scope, request, dosage, out));
    out.push(rxo(scope, request));
    notes(scope, request, out);
    for dosage in dosages {
        let mut rxr = Segment::new("RXR");
        // What is to be heeded stands in RXO-7.
        fill_but(scope, &mut rxr, "RXR+", &with_dosage(request, dosage), &[5]);
        // RXR-1 is required: without a way there is no RXR.
        if rxr.has(1) {
            out.push(rxr);
        }
    }
    let of =
        |o: &&Value| scope.set.all_of(o.items("basedOn")).iter().any(|r| r.get("id") == request.get("id"));
    let mut n = 0;
    for one in scope.set.of_kind("Observation").filter(of) {
        observation(scope, one, &mut n, out);
    }
}

/// ORC: control code, numbers, status, when and by whom.
fn orc(scope: &Scope<'_>, request: &Value) -> Segment {
    let status = request.str("status").unwrap_or("unknown");
    let mut orc = Segment::new("ORC");
    orc.set(1, codes::prescription_control(status));
    if order::identifiers_are_plain(request) {
        let first = request.items("identifier").first();
        orc.set(2, first.map_or_else(|| text(request.str("id")), |i| scope.ei(i)));
    }
    orc.set(5, text(codes::prescription_status(status)));
    fill(scope, &mut orc, "ORCM", request);
    orc
}

/// RXO: the drug, how much of it is given, the form, and what the pharmacy hands out.
fn rxo(scope: &Scope<'_>, request: &Value) -> Segment {
    let mut rxo = Segment::new("RXO");
    let named = scope.set.get(request.get("medicationReference")).map(|m| cwe_of(m, "code"));
    let shown = request.get("medicationReference").and_then(|m| m.str("display"));
    rxo.set(1, cwe_of(request, "medicationCodeableConcept"));
    if !rxo.has(1) {
        rxo.set(1, named.unwrap_or(Content::Empty));
    }
    if !rxo.has(1) {
        rxo.set(1, Content::Parts(vec![Content::Empty, shown.unwrap_or("(unnamed)").into()]));
    }
    let substitution = request.get("substitution");
    rxo.set(9, substitution.map_or(Content::Empty, |s| cwe_of(s, "allowedCodeableConcept")));
    if substitution.and_then(|s| s.get("allowedBoolean")).and_then(Value::as_bool) == Some(false) {
        rxo.set(9, "N");
    }
    // The first dosage is the order's; notes follow as NTE, who orders stands in ORC-12.
    let first = request.items("dosageInstruction").first();
    let one = first.map_or_else(|| request.clone(), |dosage| with_dosage(request, dosage));
    fill_but(scope, &mut rxo, "RXO", &one, &[6, 14]);
    rxo
}

/// TQ1: how much at a time, how often, from when to when, and in which words.
fn timing(scope: &Scope<'_>, request: &Value, dosage: &Value, out: &mut Vec<Segment>) {
    let mut tq1 = Segment::numbered("TQ1", out.iter().filter(|s| s.is("TQ1")).count());
    if let Some(when) = dosage.get("timing") {
        super::timing::set(when, &mut tq1);
        // So many times a day has a code of its own.
        let plain = when.get("repeat").filter(|r| when.get("code").is_none() && r.get("when").is_none());
        tq1.set(3, text(plain.and_then(pattern).as_deref()));
    }
    // What is to be heeded stands in RXO-7.
    fill_but(scope, &mut tq1, "TQ1+", &with_dosage(request, dosage), &[10]);
    if tq1.says_something() {
        out.push(tq1);
    }
}

/// TQ1-3 (table 0335): so many times a day, or every so often.
fn pattern(repeat: &Value) -> Option<String> {
    let number = |key: &str| Some(repeat.get(key)?.as_number()?.as_str());
    let (often, span, unit) =
        (number("frequency").unwrap_or("1"), number("period")?, repeat.str("periodUnit")?);
    match (often, span, unit) {
        ("1", "1", "d") => Some("QD".to_owned()),
        ("2", "1", "d") => Some("BID".to_owned()),
        ("3", "1", "d") => Some("TID".to_owned()),
        ("4", "1", "d") => Some("QID".to_owned()),
        ("1", "1", "h") => Some("QH".to_owned()),
        ("1", span, unit) if span.bytes().all(|b| b.is_ascii_digit()) => {
            let unit = match unit {
                "s" => 'S',
                "min" => 'M',
                "h" => 'H',
                "d" => 'D',
                "wk" => 'W',
                "mo" => 'L',
                _ => return None,
            };
            Some(format!("Q{span}{unit}"))
        }
        _ => None,
    }
}

/// The order with this dosage alone.
fn with_dosage(request: &Value, dosage: &Value) -> Value {
    let mut one = request.clone();
    if let Some(one) = one.as_object_mut() {
        match dosage {
            Value::Null => one.remove("dosageInstruction"),
            dosage => one.insert("dosageInstruction", vec![dosage.clone()]),
        };
    }
    one
}
