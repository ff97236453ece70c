//! Date parameters: half-open spans of time, once by their start and once by their end.
//!
//! Values, by their first byte: 1 start, end; 2 end, start; both as microseconds, order-preserving; 3 a time that is not
//! known. `_lastUpdated` is a
//! point and has one value of its own: the point alone.

use jiff::Timestamp;

use super::Context;
use super::index::{Check, TermRange, after};
use super::params::Datatype;
use crate::fhir::datetime::{Moment, Span};
use crate::json::Value;
use std::ops::Bound;

const BY_START: u8 = 1;
const BY_END: u8 = 2;
const UNKNOWN: u8 = 3;

/// How a search value compares (R4 search, prefixes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Equal: the stored range lies within the range of the search value.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// Starts after.
    Sa,
    /// Ends before.
    Eb,
    /// Approximately: within a tenth.
    Ap,
}

impl Prefix {
    /// Splits a search value into its prefix (`eq` when there is none) and the rest.
    pub fn split(text: &str) -> (Self, &str) {
        let Some((head, rest)) = text.split_at_checked(2) else { return (Self::Eq, text) };
        let prefix = match head {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "lt" => Self::Lt,
            "ge" => Self::Ge,
            "le" => Self::Le,
            "sa" => Self::Sa,
            "eb" => Self::Eb,
            "ap" => Self::Ap,
            _ => return (Self::Eq, text),
        };
        (prefix, rest)
    }
}

/// Values of an element: a date, dateTime or instant, a Period, the events and bounds of a Timing.
pub fn values(element: &Value, datatype: Datatype, context: &Context, out: &mut Vec<Vec<u8>>) {
    match (element, datatype) {
        (Value::String(text), _) => {
            if let Some(moment) = Moment::lenient(text) {
                push(moment.span(&context.zone), out);
            }
        }
        (Value::Object(_), Datatype::Timing) => match timing(element, context) {
            Some(span) => push(span, out),
            None => out.push(vec![UNKNOWN]),
        },
        (Value::Object(_), _) => match period(element, context) {
            Some(span) => push(span, out),
            None => out.push(vec![UNKNOWN]),
        },
        _ => {}
    }
}

/// The span of a Timing: only its outer limits count (R4 search, date), from the first to the last of its events and bounds.
fn timing(element: &Value, context: &Context) -> Option<Span> {
    let events = element.items("event").iter().filter_map(Value::as_str);
    let events = events.filter_map(|event| Some(Moment::lenient(event)?.span(&context.zone)));
    let bounds = element.get("repeat").and_then(|r| r.get("boundsPeriod")).and_then(|b| period(b, context));
    events.chain(bounds).reduce(|a, b| Span { low: a.low.min(b.low), high: a.high.max(b.high) })
}

/// The span of a Period; `None` when neither end can be read.
pub fn period(element: &Value, context: &Context) -> Option<Span> {
    let end_of = |key| Some(Moment::lenient(element.str(key)?)?.span(&context.zone));
    let (start, end) = (end_of("start"), end_of("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    let low = start.map_or(Span::OPEN_LOW, |s| s.low);
    // An end before the start leaves the start alone.
    Some(Span { low, high: end.map_or(Span::OPEN_HIGH, |s| s.high).max(low.saturating_add(1)) })
}

fn push(span: Span, out: &mut Vec<Vec<u8>>) {
    out.push([&[BY_START][..], &ordered(span.low), &ordered(span.high)].concat());
    out.push([&[BY_END][..], &ordered(span.high), &ordered(span.low)].concat());
}

/// A number of microseconds as bytes in the order of time.
pub(super) fn ordered(micros: i64) -> [u8; 8] {
    (micros.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The number of microseconds in the first eight bytes.
pub(super) fn read(bytes: &[u8]) -> Option<i64> {
    let word: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    Some((u64::from_be_bytes(word) ^ (1 << 63)).cast_signed())
}

/// The end of the span that a value by start holds.
pub(super) fn stored_end(value: &[u8]) -> Option<i64> {
    (value.first() == Some(&BY_START)).then(|| read(value.get(9..)?)).flatten()
}

fn tagged(tag: u8, micros: i64) -> Vec<u8> {
    [&[tag][..], &ordered(micros)].concat()
}

fn from(param: u16, tag: u8, micros: i64) -> TermRange {
    TermRange { param, low: Bound::Included(tagged(tag, micros)), high: after(&[tag]), check: None }
}

fn until(param: u16, tag: u8, micros: i64) -> TermRange {
    TermRange::between(param, vec![tag], tagged(tag, micros))
}

/// Ranges of the stored spans that compare to a search value as its prefix says; they do not overlap.
pub fn ranges(param: u16, prefix: Prefix, moment: &Moment, context: &Context) -> Vec<TermRange> {
    let span = moment.span(&context.zone);
    let starting_within =
        || TermRange::between(param, tagged(BY_START, span.low), tagged(BY_START, span.high));
    let equal = || starting_within().checked(Check::EndsBy(span.high));
    let ending_after = || from(param, BY_END, span.high.saturating_add(1));
    match prefix {
        Prefix::Eq => vec![equal()],
        Prefix::Ne => vec![
            until(param, BY_START, span.low),
            from(param, BY_START, span.high),
            starting_within().checked(Check::EndsAfter(span.high)),
        ],
        Prefix::Gt => vec![ending_after()],
        Prefix::Ge => vec![ending_after(), equal()],
        Prefix::Lt => vec![until(param, BY_START, span.low)],
        Prefix::Le => vec![until(param, BY_START, span.low), equal()],
        Prefix::Sa => vec![from(param, BY_START, span.high)],
        Prefix::Eb => vec![until(param, BY_END, span.low.saturating_add(1))],
        Prefix::Ap => {
            let wide = widened(span, context.now);
            vec![until(param, BY_START, wide.high).checked(Check::EndsAfter(wide.low))]
        }
    }
}

/// A span widened by a tenth of its distance to now, at either end.
pub fn widened(span: Span, now: Timestamp) -> Span {
    let now = now.as_microsecond();
    let by = |at: i64| i64::try_from(now.abs_diff(at) / 10).unwrap_or(i64::MAX);
    Span { low: span.low.saturating_sub(by(span.low)), high: span.high.saturating_add(by(span.high)) }
}

/// The value of `_lastUpdated`, which is a point, to the millisecond as it is shown.
pub fn point(at: Timestamp) -> Vec<u8> {
    ordered(at.as_millisecond().saturating_mul(1000)).to_vec()
}

/// Ranges of points that compare to a search value as its prefix says.
pub fn point_ranges(param: u16, prefix: Prefix, moment: &Moment, context: &Context) -> Vec<TermRange> {
    let span = moment.span(&context.zone);
    let at_least = |m: i64| TermRange {
        param,
        low: Bound::Included(ordered(m).to_vec()),
        high: Bound::Unbounded,
        check: None,
    };
    let below = |m: i64| TermRange {
        param,
        low: Bound::Unbounded,
        high: Bound::Excluded(ordered(m).to_vec()),
        check: None,
    };
    let within = |s: Span| TermRange::between(param, ordered(s.low).to_vec(), ordered(s.high).to_vec());
    match prefix {
        Prefix::Eq => vec![within(span)],
        Prefix::Ne => vec![below(span.low), at_least(span.high)],
        Prefix::Gt | Prefix::Sa => vec![at_least(span.high)],
        Prefix::Ge => vec![at_least(span.low)],
        Prefix::Lt | Prefix::Eb => vec![below(span.low)],
        Prefix::Le => vec![below(span.high)],
        Prefix::Ap => vec![within(widened(span, context.now))],
    }
}

/// The values to sort by: starts when ascending, ends when descending.
pub fn sorted(param: u16, descending: bool) -> TermRange {
    TermRange::prefix(param, vec![if descending { BY_END } else { BY_START }])
}
