//! Timing to the fields of TQ1: how often, when, and for how long.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::segment::{Segment, parts, repeats, text};
use super::types::{cwe, dtm, period};
use super::value::{digits, unit};

/// Sets what a Timing says.
pub(super) fn set(timing: &Value, tq1: &mut Segment) {
    let none = Value::Null;
    let repeat = timing.get("repeat").unwrap_or(&none);
    let length = |number: &str, unit: &str| {
        let sent = digits(repeat.get(number));
        if sent == Content::Empty { Content::Empty } else { parts(vec![sent, text(repeat.str(unit))]) }
    };
    let (every, offset) = (digits(repeat.get("period")), digits(repeat.get("offset")));
    let minutes = if offset == Content::Empty { Content::Empty } else { "min".into() };
    let when = repeat.items("when").first().and_then(Value::as_str);
    tq1.set(
        3,
        parts(vec![
            timing.get("code").map_or(Content::Empty, pattern),
            Content::Empty,
            Content::Empty,
            Content::Empty,
            every,
            text(repeat.str("periodUnit")),
            Content::Empty,
            text(when),
            offset,
            minutes,
        ]),
    );
    let hours = repeat.items("timeOfDay").iter().filter_map(Value::as_str);
    tq1.set(4, repeats(hours.map(|t| Content::from(t.replace(':', "").as_str()))));
    if let Some(bounds) = repeat.get("boundsDuration") {
        tq1.set(6, parts(vec![digits(bounds.get("value")), unit_of(bounds)]));
    }
    let (start, end) = period(repeat.get("boundsPeriod"));
    tq1.set(7, dtm(start)).set(8, dtm(end));
    tq1.set(13, length("duration", "durationUnit")).set(14, digits(repeat.get("count")));
}

/// A unit of time, its code first.
fn unit_of(quantity: &Value) -> Content {
    match (quantity.str("code"), quantity.str("unit")) {
        (Some(code), Some(shown)) if code != shown => parts(vec![code.into(), shown.into()]),
        (Some(code), _) => code.into(),
        _ => unit(quantity),
    }
}

/// RPT.1: a coded pattern in sub-components.
fn pattern(concept: &Value) -> Content {
    match cwe(concept) {
        Content::Parts(all) => parts(all.into_iter().take(3).collect()),
        other => other,
    }
}
