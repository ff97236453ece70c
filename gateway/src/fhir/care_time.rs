//! When the care took place that a record is about, as a stretch of time: what `start` and `end` of `$everything` mean.

use jiff::tz::TimeZone;

use super::datetime::{Moment, Span};
use super::search::terms::WHEN;
use crate::json::Value;

/// The stretch that the telling member of a record names; none when it names no time. A day covers all of it, a period
/// without an end goes on.
pub fn span(resource: &Value, zone: &TimeZone) -> Option<Span> {
    WHEN.iter().find_map(|key| {
        let element = resource.get(key)?;
        match element.as_str() {
            Some(text) => Some(Moment::lenient(text)?.span(zone)),
            None => period(element, zone),
        }
    })
}

fn period(element: &Value, zone: &TimeZone) -> Option<Span> {
    let bound = |key: &str| element.str(key).and_then(Moment::lenient).map(|moment| moment.span(zone));
    let (start, end) = (bound("start"), bound("end"));
    (start.is_some() || end.is_some()).then(|| Span {
        low: start.map_or(Span::OPEN_LOW, |span| span.low),
        high: end.map_or(Span::OPEN_HIGH, |span| span.high),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn a_record_covers_the_time_that_it_names() {
        let check = |text: &str, inside: &str, expected: Option<bool>| {
            let zone = TimeZone::UTC;
            let json = parse(text.as_bytes(), &Limits::default()).unwrap();
            let at = Moment::lenient(inside).unwrap().span(&zone);
            let found = span(&json, &zone).map(|span| span.low < at.high && at.low < span.high);
            assert_eq!(found, expected, "{text} {inside}");
        };
        check(r#"{"effectiveDateTime":"2020-05"}"#, "2020-05-31", Some(true));
        check(r#"{"effectiveDateTime":"2020-05"}"#, "2020-06-01", Some(false));
        check(r#"{"period":{"start":"2020-05-02"}}"#, "2024-06-01", Some(true));
        check(r#"{"period":{"start":"2020-05-02","end":"2020-06"}}"#, "2020-06-30", Some(true));
        check(r#"{"period":{"start":"2020-05-02","end":"2020-06"}}"#, "2020-07-01", Some(false));
        check(r#"{"period":{}}"#, "2020-07-01", None);
        check(r#"{"status":"final"}"#, "2020-07-01", None);
    }
}
