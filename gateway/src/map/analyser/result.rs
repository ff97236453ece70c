//! R to Observation.

use crate::astm::record::Record;
use crate::json::{Object, Value};

use super::super::clinic::Maps;
use super::super::codes;
use super::super::meaning::{Label, Row, Tone};
use super::super::value::{json_number, limits, split_number};
use super::account::{Account, Spot};
use super::build::Draft;
use super::code::{Test, code_text};
use super::order::Frame;
use super::{Scope, named, unit};

/// An R record as a resource and as a row for the message screen.
pub(super) fn observation<'m>(
    account: &'m Account<'m>,
    scope: &Scope<'_>,
    record: Record<'m>,
    test: Option<Test>,
    frame: &Frame,
    id: String,
) -> (Draft, Row) {
    let f = |n| account.field(record, n);
    account.structural(record, &[1, 2]);
    let mut draft = Draft::new("Observation", id, record.index());
    status(&mut draft, f(9), frame.status);
    let coding = Object::new()
        .with("system", "http://terminology.hl7.org/CodeSystem/observation-category")
        .with("code", "laboratory");
    draft.append("category", Object::new().with("coding", vec![Value::from(coding)]));
    let name = test.as_ref().map_or_else(|| "(unnamed)".to_owned(), |t| t.shown.clone());
    let code = test.map_or_else(
        || {
            f(3).warn("testUnnamed", "The result does not say what was measured.");
            Object::new().with("text", "(unnamed)").into()
        },
        |t| t.concept,
    );
    draft.set("code", Some(code), f(3));
    if let Some(subject) = &scope.subject {
        draft.put("subject", subject.clone());
    }
    if let Some(request) = &frame.request {
        draft.append("basedOn", request.clone());
    }
    if let Some(specimen) = &frame.specimen {
        draft.put("specimen", specimen.clone());
    }
    times(&mut draft, frame, f(12), f(13));
    for n in 1..=2 {
        // Who operated it and who verified it.
        let who = f(11).c(n).take().map(|name| Object::new().with("display", name));
        draft.push("performer", who, f(11).c(n));
    }
    let device = named(&f(14));
    if !draft.set("device", device, f(14)) {
        draft.put("device", Object::new().with("display", scope.device.as_str()));
    }
    let unit_text = f(5).c(1).take();
    let shown = value(&mut draft, f(4), unit_text.as_deref());
    if unit_text.is_some() && !draft.body.contains_key("valueQuantity") {
        f(5).warn("unitWithoutNumber", "A unit stands beside a value that is no number; it is in the note.");
        draft.append(
            "note",
            Object::new().with("text", format!("R-5: {}", unit_text.clone().unwrap_or_default())),
        );
    }
    let range = range(f(6), unit_text.as_deref());
    let range_text = range.as_ref().and_then(|r| r.str("text")).map(str::to_owned);
    draft.push("referenceRange", range, f(6));
    let flag = interpretation(&mut draft, f(7));
    if shown.is_none() {
        let coding = Object::new()
            .with("system", "http://terminology.hl7.org/CodeSystem/data-absent-reason")
            .with("code", "unknown");
        draft.put("dataAbsentReason", Object::new().with("coding", vec![Value::from(coding)]));
    }
    let text = match (shown, unit_text) {
        (Some(value), Some(unit)) => format!("{value} {unit}"),
        (Some(value), None) => value,
        (None, _) => String::new(),
    };
    let row = Row {
        label: Label::Text(name),
        value: text,
        tone: flag.as_deref().and_then(Tone::of_flag),
        flag,
        range: range_text,
        segment: record.index(),
    };
    (draft, row)
}

/// R-9 (LIS2-A2, 10.1.9); without one, what the order's report says.
fn status(draft: &mut Draft, spot: Spot<'_>, of_order: Option<&'static str>) {
    let sent = spot.c(1).take();
    let status = sent.as_deref().and_then(|text| match text.to_ascii_uppercase().as_str() {
        // R: sent before; V: verified by a person. Both are as good as final.
        "F" | "R" | "V" => Some("final"),
        "C" => Some("corrected"),
        // S: some of it; M: a level of a series; W: the analyser doubts it.
        "P" | "S" | "M" | "W" => Some("preliminary"),
        "X" => Some("cancelled"),
        "I" => Some("registered"),
        _ => None,
    });
    match (&sent, status) {
        (_, Some(status)) => {
            draft.set("status", Some(status), spot);
        }
        (Some(sent), None) => {
            spot.unknown_code(sent);
            draft.put("status", "unknown");
            draft.append("note", Object::new().with("text", format!("R-9: {sent}")));
        }
        (None, None) if of_order.is_some() => draft.put("status", of_order.unwrap_or("unknown")),
        (None, None) => {
            spot.warn("statusMissing", "The result has no status; it is stored as unknown.");
            draft.put("status", "unknown");
        }
    }
}

/// When it holds for the patient: the collection, else the measurement. When it was there: R-13.
fn times(draft: &mut Draft, frame: &Frame, started: Spot<'_>, completed: Spot<'_>) {
    let (start, end) = (started.date_time(), completed.date_time());
    match (&frame.collected, start.or_else(|| end.clone())) {
        (Some(collected), _) => draft.put("effectiveDateTime", collected.as_str()),
        (None, Some(measured)) => {
            draft.set("effectiveDateTime", Some(measured), completed);
        }
        (None, None) => {}
    }
    draft.set("issued", completed.instant(), completed);
}

/// a number with its comparator, a ratio, or text. Answers it as a person reads it.
fn value(draft: &mut Draft, spot: Spot<'_>, unit: Option<&str>) -> Option<String> {
    let repeats = spot.reps();
    let texts: Vec<Vec<String>> = repeats.iter().map(Spot::all).filter(|parts| !parts.is_empty()).collect();
    let text = match texts.as_slice() {
        [] => return None,
        [parts] => match parts.as_slice() {
            [one] => one.clone(),
            several => {
                spot.warn("valueInParts", "The value has several parts; they are kept as one text.");
                several.join(" ")
            }
        },
        several => several.iter().map(|parts| parts.join(" ")).collect::<Vec<_>>().join("\n"),
    };
    if let Some((comparator, number)) = split_number(&text) {
        draft.set("valueQuantity", Some(unit::quantity(number, comparator, unit)), spot);
    } else if let Some((a, b)) =
        text.split_once(':').and_then(|(a, b)| Some((json_number(a.trim())?, json_number(b.trim())?)))
    {
        let part = |n| Object::new().with("value", n);
        let ratio = Object::new().with("numerator", part(a)).with("denominator", part(b));
        draft.set("valueRatio", Some(ratio), spot);
    } else {
        draft.set("valueString", Some(text.as_str()), spot);
    }
    Some(text)
}

/// the range as limits where it is one, and always its text; its name in the second component.
fn range(spot: Spot<'_>, unit: Option<&str>) -> Option<Value> {
    let text = spot.c(1).take()?;
    let (low, high) = limits(&text);
    let limit = |n| Value::from(unit::quantity(n, None, unit));
    let name = spot.c(2).take().map(|name| Object::new().with("text", name));
    let range = Object::new().with_some("low", low.map(limit)).with_some("high", high.map(limit));
    Some(range.with_some("type", name).with("text", text).into())
}

/// R-7, all repeats; answers the first flag.
fn interpretation(draft: &mut Draft, spot: Spot<'_>) -> Option<String> {
    let mut first = None;
    for flag in spot.reps() {
        let Some(sent) = flag.c(1).take() else { continue };
        let concept = match codes::interpretation(Maps::none(), &sent) {
            Some(found) => {
                first = first.or_else(|| Some(found.code.to_owned()));
                Object::new().with("coding", vec![found.coding()])
            }
            None => {
                flag.c(1).unknown_code(&sent);
                first = first.or_else(|| Some(code_text(&sent)));
                Object::new().with("text", sent.as_str())
            }
        };
        draft.push("interpretation", Some(concept), flag);
    }
    first
}
