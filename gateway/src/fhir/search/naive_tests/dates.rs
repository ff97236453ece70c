//! Dates as days.

use jiff::civil::Date;

use super::Value;
use super::numbers::prefixed;

/// Days since 1970, half-open.
pub(super) fn days(text: &str) -> (i64, i64) {
    let parts: Vec<i16> = text.split('-').map(|part| part.parse().unwrap()).collect();
    let day = |y: i16, m: i16, d: i16| {
        let date = Date::new(y, i8::try_from(m).unwrap(), i8::try_from(d).unwrap()).unwrap();
        i64::from((date - Date::new(1970, 1, 1).unwrap()).get_days())
    };
    match *parts.as_slice() {
        [y] => (day(y, 1, 1), day(y + 1, 1, 1)),
        [y, 12] => (day(y, 12, 1), day(y + 1, 1, 1)),
        [y, m] => (day(y, m, 1), day(y, m + 1, 1)),
        [y, m, d] => (day(y, m, d), day(y, m, d) + 1),
        _ => unreachable!(),
    }
}

pub(super) const FAR: i64 = 1_000_000_000;

pub(super) fn span(element: &Value) -> Option<(i64, i64)> {
    if let Some(text) = element.as_str() {
        return Some(days(text));
    }
    let period = |element: &Value| {
        let (start, end) = (element.str("start").map(days), element.str("end").map(days));
        if start.is_none() && end.is_none() {
            return None;
        }
        let low = start.map_or(-FAR, |s| s.0);
        Some((low, end.map_or(FAR, |e| e.1)))
    };
    let events = element.items("event").iter().map(|event| days(event.as_str().unwrap()));
    let bounds = element.pointer("/repeat/boundsPeriod").and_then(period);
    let timing = events.chain(bounds).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    timing.or_else(|| period(element))
}

pub(super) fn date_holds(value: &str, (r1, r2): (i64, i64)) -> bool {
    let (prefix, rest) = prefixed(value);
    let (s1, s2) = days(rest);
    let equal = s1 <= r1 && r2 <= s2;
    match prefix {
        "ne" => !equal,
        "gt" => r2 > s2,
        "lt" => r1 < s1,
        "ge" => r2 > s2 || equal,
        "le" => r1 < s1 || equal,
        "sa" => r1 >= s2,
        "eb" => r2 <= s1,
        // In tenths of a day, with 1970 as now.
        "ap" => r1 * 10 < s2 * 10 + s2.abs() && r2 * 10 > s1 * 10 - s1.abs(),
        _ => equal,
    }
}
