//! Small readings of FHIR JSON that every part of the chart needs.
//!
//! Owns the plain words of a concept, the moment of a date text for sorting, and comparing decimals by their digits.

use std::cmp::Ordering;

use clinicvault_gateway::fhir::datetime::Moment;
use clinicvault_gateway::json::Value;
use jiff::tz::TimeZone;

/// The plain words of a CodeableConcept: its text, else the first display, else the first code.
#[must_use]
pub fn words(concept: Option<&Value>) -> Option<String> {
    let concept = concept?;
    let coding = |key| concept.items("coding").iter().find_map(move |coding| coding.str(key));
    let found = concept.str("text").or_else(|| coding("display")).or_else(|| coding("code"))?;
    Some(found.trim().to_owned()).filter(|words| !words.is_empty())
}

/// Whether a CodeableConcept (or any of several) has one of these codes.
#[must_use]
pub fn has_code(owner: &Value, key: &str, codes: &[&str]) -> bool {
    let all = owner.items(key).iter().flat_map(|concept| concept.items("coding"));
    all.filter_map(|coding| coding.str("code")).any(|code| codes.contains(&code))
}

/// The words shown for a reference: its display, else nothing. Names are not looked up from here.
#[must_use]
pub fn display(reference: Option<&Value>) -> Option<String> {
    reference?.str("display").map(str::to_owned)
}

/// The first instant a date text covers, in microseconds; a text that is no date sorts first.
#[must_use]
pub fn instant(text: &str, zone: &TimeZone) -> i64 {
    Moment::lenient(text).map_or(i64::MIN, |moment| moment.span(zone).low)
}

/// The calendar day of a date text in the clinic's zone, `YYYY-MM-DD`; shorter texts stay as they are.
#[must_use]
pub fn day(text: &str, zone: &TimeZone) -> String {
    if text.len() <= 10 {
        return text.to_owned();
    }
    let micros = instant(text, zone);
    jiff::Timestamp::from_microsecond(micros).map_or_else(
        |_| text.get(..10).unwrap_or(text).to_owned(),
        |at| at.to_zoned(zone.clone()).date().to_string(),
    )
}

/// Compares two decimals by their digits, never through floating point. `None` when either is no plain decimal.
#[must_use]
pub fn compare_decimals(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Decimal::read(a)?, Decimal::read(b)?);
    Some(match (a.negative, b.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.size(&b),
        (true, true) => b.size(&a),
    })
}

struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (sign, body) = text.strip_prefix('-').map_or((false, text), |body| (true, body));
        let (whole, rest) = body.split_once('.').unwrap_or((body, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(rest) {
            return None;
        }
        let (whole, rest) = (whole.trim_start_matches('0'), rest.trim_end_matches('0'));
        Some(Self { negative: sign && !(whole.is_empty() && rest.is_empty()), whole, rest })
    }

    fn size(&self, other: &Self) -> Ordering {
        let whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(other.whole));
        whole.then_with(|| self.rest.cmp(other.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_by_their_digits() {
        for (a, b, expected) in [
            ("6.1", "5.10", Some(Ordering::Greater)),
            ("6.10", "6.1", Some(Ordering::Equal)),
            ("-0.0", "0", Some(Ordering::Equal)),
            ("-2", "-10", Some(Ordering::Greater)),
            ("0.30000000000000004", "0.3", Some(Ordering::Greater)),
            ("1e3", "5", None),
            ("", "5", None),
        ] {
            assert_eq!(compare_decimals(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_day_is_the_clinics_day() {
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        assert_eq!(day("2026-11-20T20:00:00Z", &zone), "2026-11-21");
        assert_eq!(day("2026-11", &zone), "2026-11");
    }
}
