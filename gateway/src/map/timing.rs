//! TQ1 to Timing: how often, when, and for how long (the guide's TQ1 and RPT maps).
//!
//! TQ1-14 stands as `count`, not as `countMax` as in the guide: R4 has no `countMax` without a `count` (invariant tim-8).

use crate::hl7::Segment;
use crate::hl7::datetime::time_of_day;
use crate::json::{Number, Object, Value};

use super::book::{Book, Spot};
use super::codes;
use super::ids;
use super::types;
use super::value;

const UCUM: &str = "http://unitsofmeasure.org";
/// Table 0335.
const PATTERNS: &str = "http://terminology.hl7.org/CodeSystem/v2-0335";

/// The Timing of a TQ1, with the places that it was read from as pointers into it; `None` when nothing is said of time.
pub(super) fn timing<'a>(
    book: &'a Book<'a>,
    tq1: Segment<'a>,
) -> Option<(Value, Vec<(Spot<'a>, &'static str)>)> {
    let f = |n| book.field(tq1, n);
    let mut repeat = Object::new();
    let mut from = Vec::new();
    // A `Period` or a `Duration` (TQ1-6) bounds it, not both.
    let (start, end) = (f(7).date_time(), f(8).date_time());
    if start.is_some() || end.is_some() {
        for (n, there) in [(7, start.is_some()), (8, end.is_some())] {
            if there {
                from.push((f(n), "/repeat/boundsPeriod"));
            }
        }
        repeat.insert("boundsPeriod", types::stretch(start, end, &f(8)).unwrap_or_default());
    } else if let Some(bounds) = Length::read(f(6).c(1), f(6).c(2)) {
        let code = bounds.keep();
        let quantity = Object::new().with("value", bounds.number).with("unit", bounds.shown);
        repeat.insert("boundsDuration", quantity.with("system", UCUM).with("code", code));
        from.push((f(6), "/repeat/boundsDuration"));
    }
    if let Some(times) = f(14).c(1).peek().and_then(|t| t.parse::<u32>().ok()).filter(|n| *n > 0) {
        f(14).c(1).mark();
        repeat.insert("count", times);
        from.push((f(14), "/repeat/count"));
    }
    if let Some(duration) = Length::read(f(13).c(1), f(13).c(2)) {
        repeat.insert("durationUnit", duration.keep());
        repeat.insert("duration", duration.number);
        from.push((f(13), "/repeat/duration"));
    }
    let pattern = f(3).reps().into_iter().next().unwrap_or_else(|| f(3));
    let said = repeats(pattern, &mut repeat);
    if !repeat.contains_key("when") {
        // An hour of the day and an event of it do not go together (tim-10).
        let hours: Vec<(Spot<'a>, String)> =
            f(4).reps().into_iter().filter_map(|s| Some((s, time_of_day(&s.c(1).peek()?)?))).collect();
        if !hours.is_empty() {
            hours.iter().for_each(|(spot, _)| spot.c(1).mark());
            repeat.insert("timeOfDay", hours.into_iter().map(|(_, t)| Value::from(t)).collect::<Vec<_>>());
            from.push((f(4), "/repeat/timeOfDay"));
        }
    }
    let code = code(pattern);
    if code.is_some() {
        from.push((f(3), "/code"));
    }
    if said {
        from.push((f(3), "/repeat"));
    }
    let whole =
        Object::new().with_some("repeat", (!repeat.is_empty()).then_some(repeat)).with_some("code", code);
    (!whole.is_empty()).then(|| (whole.into(), from))
}

/// The Timing of a TQ, as older senders have it in ORC-7, OBR-27 and RXE-1 (the guide's TQ and RI maps): interval, duration,
/// start, end, and how often in all.
pub(super) fn old(spot: Spot<'_>) -> Option<Value> {
    let mut repeat = Object::new();
    let (start, end) = (spot.c(4).date_time(), spot.c(5).date_time());
    if let Some(bounds) = types::stretch(start, end, &spot.c(5)) {
        repeat.insert("boundsPeriod", bounds);
    } else if let Some(bounds) = lasting(spot.c(3)) {
        repeat.insert("boundsDuration", bounds);
    }
    if let Some(times) = spot.c(12).peek().and_then(|t| t.parse::<u32>().ok()).filter(|n| *n > 0) {
        spot.c(12).mark();
        repeat.insert("count", times);
    }
    let hours = spot.c(2).s(2).peek().map(|all| all.split(',').map(time_of_day).collect::<Option<Vec<_>>>());
    if let Some(hours) = hours.flatten().filter(|hours| !hours.is_empty()) {
        spot.c(2).s(2).mark();
        repeat.insert("timeOfDay", hours.into_iter().map(Value::from).collect::<Vec<_>>());
    }
    let code = spot.c(2).s(1).take().map(|code| {
        let coding = Object::new().with("system", PATTERNS).with("code", types::code_text(&code));
        Object::new().with("coding", vec![Value::from(coding)]).with("text", code)
    });
    let whole =
        Object::new().with_some("repeat", (!repeat.is_empty()).then_some(repeat)).with_some("code", code);
    (!whole.is_empty()).then(|| whole.into())
}

/// TQ.6.
pub(super) fn old_priority(spot: Spot<'_>) -> Option<&str> {
    let priority = spot.c(6).s(1);
    let found = spot.book.maps.find("order-priority", &priority.peek()?)?;
    priority.mark();
    Some(found.code)
}

/// TQ.1: a number and its unit in sub-components.
pub(super) fn old_quantity(spot: Spot<'_>) -> Option<Value> {
    let spot = spot.c(1);
    let number = value::json_number(&spot.s(1).peek()?)?;
    spot.s(1).mark();
    Some(Object::new().with("value", number).with_some("unit", spot.s(2).take()).into())
}

/// TQ.3: `D7` is seven days.
fn lasting(spot: Spot<'_>) -> Option<Value> {
    let sent = spot.s(1).peek()?;
    let number = value::json_number(sent.get(1..)?).filter(|n| !n.as_str().starts_with('-'))?;
    let (unit, code) = match sent.get(..1)? {
        "S" => ("seconds", "s"),
        "M" => ("minutes", "min"),
        "H" => ("hours", "h"),
        "D" => ("days", "d"),
        "W" => ("weeks", "wk"),
        "L" => ("months", "mo"),
        _ => return None,
    };
    spot.s(1).mark();
    Some(
        Object::new().with("value", number).with("unit", unit).with("system", UCUM).with("code", code).into(),
    )
}

/// RPT.1, a coded pattern in sub-components; a code without a system is of table 0335.
fn code(pattern: Spot<'_>) -> Option<Value> {
    let part = pattern.c(1);
    let (code, words, system) = (part.s(1).take(), part.s(2).take(), part.s(3).take());
    // `HL7xxx` and `HL7nnnn` are the standard's own placeholders for the number of a table.
    let unnamed =
        |s: &String| s.strip_prefix("HL7").is_some_and(|n| n.chars().all(|c| matches!(c, 'x' | 'n')));
    let uri = match system.filter(|s| !unnamed(s)) {
        Some(s) => codes::code_system(&s).unwrap_or_else(|| ids::local_system(&s)),
        None => PATTERNS.to_owned(),
    };
    let text = words.clone().or_else(|| code.clone())?;
    let coding = code.map(|code| {
        let coding = Object::new().with("system", uri).with("code", types::code_text(&code));
        vec![Value::from(coding.with_some("display", words))]
    });
    Some(Object::new().with_some("coding", coding).with("text", text).into())
}

/// RPT.5 to RPT.10: every so often, at an event of the day, so long before or after it.
fn repeats(pattern: Spot<'_>, repeat: &mut Object) -> bool {
    let before = repeat.len();
    if let Some(period) = Length::read(pattern.c(5), pattern.c(6)) {
        repeat.insert("periodUnit", period.keep());
        repeat.insert("period", period.number);
    }
    let event = pattern.c(8);
    let Some(sent) = event.s(1).peek() else { return repeat.len() > before };
    let Some(found) = pattern.book.maps.find("timing-event", &sent) else {
        event.unknown_code(&sent);
        return repeat.len() > before;
    };
    event.s(1).mark();
    repeat.insert("when", vec![Value::from(found.code)]);
    // What is with a meal is neither before nor after it (tim-9).
    let offset = Length::read(pattern.c(9), pattern.c(10)).filter(|_| !found.code.starts_with('C'));
    if let Some((offset, minutes)) = offset.and_then(|offset| offset.minutes().map(|m| (offset, m))) {
        offset.keep();
        repeat.insert("offset", minutes);
    }
    repeat.len() > before
}

/// A number and its unit of time as UCUM has it; neither without the other (tim-1, tim-2).
struct Length<'a> {
    number: Number,
    unit: &'a str,
    /// The unit as a person reads it.
    shown: String,
    from: (Spot<'a>, Spot<'a>),
}

impl<'a> Length<'a> {
    fn read(number: Spot<'a>, unit: Spot<'a>) -> Option<Self> {
        let sent = unit.s(1).peek()?;
        let read = value::json_number(&number.peek()?).filter(|n| !n.as_str().starts_with('-'))?;
        let found = unit.book.maps.find("time-unit", &sent)?;
        let shown = unit.s(2).peek().unwrap_or(sent);
        Some(Self { number: read, unit: found.code, shown, from: (number, unit) })
    }

    /// Marks the places that it was read from; answers the unit.
    fn keep(&self) -> &'a str {
        let (number, unit) = &self.from;
        number.mark();
        (1..=3).for_each(|n| unit.s(n).mark());
        self.unit
    }

    /// In minutes, where it is a whole number of them.
    fn minutes(&self) -> Option<u32> {
        let n = self.number.as_str().parse::<u32>().ok()?;
        match self.unit {
            "s" => n.is_multiple_of(60).then_some(n / 60),
            "min" => Some(n),
            "h" => n.checked_mul(60),
            "d" => n.checked_mul(1440),
            _ => None,
        }
    }
}
