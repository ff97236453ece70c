//! FHIR's date, dateTime and instant: reading with precision, half-open spans in time, and writing instants.
//!
//! A text such as `2024-02` covers all of February; everything that compares or indexes dates works on such spans.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::digits::Digits;

/// A half-open stretch of time `[low, high)` in microseconds from 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// First microsecond; [`Span::OPEN_LOW`] when there is no beginning.
    pub low: i64,
    /// First microsecond after it; [`Span::OPEN_HIGH`] when there is no end.
    pub high: i64,
}

impl Span {
    /// No beginning.
    pub const OPEN_LOW: i64 = i64::MIN;
    /// No end.
    pub const OPEN_HIGH: i64 = i64::MAX;
}

/// How exactly a text names a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2024`
    Year,
    /// `2024-02`
    Month,
    /// `2024-02-29`
    Day,
    /// `2024-02-29T10:15` (search values only)
    Minute,
    /// `2024-02-29T10:15:30+05:30`, with or without a fraction
    Second,
}

/// A text that has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    date: (i16, u8, u8),
    time: (u8, u8, u8),
    /// Fraction in microseconds and the number of digits that gave it.
    fraction: (u32, u8),
    /// Minutes east of Greenwich.
    offset: Option<i16>,
    precision: Precision,
}

impl Moment {
    /// Reads a `date`: year, year and month, or day. Days must exist.
    pub fn date(text: &str) -> Option<Self> {
        let mut reader = Reader(Digits::new(text));
        let moment = reader.date()?;
        reader.0.is_empty().then_some(moment)
    }

    /// Reads a `dateTime`: a date, or a date with seconds and zone.
    pub fn date_time(text: &str) -> Option<Self> {
        let moment = Self::lenient(text)?;
        let complete = moment.precision == Precision::Second && moment.offset.is_some();
        (moment.precision <= Precision::Day || complete).then_some(moment)
    }

    /// Reads an `instant`: day, time to the second or finer, and zone.
    pub fn instant(text: &str) -> Option<Self> {
        Self::lenient(text).filter(|m| m.precision == Precision::Second && m.offset.is_some())
    }

    /// Reads what a search may name: a `dateTime` whose seconds and zone may be missing.
    pub fn lenient(text: &str) -> Option<Self> {
        let mut reader = Reader(Digits::new(text));
        let mut moment = reader.date()?;
        if moment.precision == Precision::Day && reader.0.take(b'T') {
            reader.time(&mut moment, true)?;
            moment.offset = reader.0.zone()?;
        }
        reader.0.is_empty().then_some(moment)
    }

    /// How exactly it names a time.
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Year, month, day; the month and day are 1 where the text leaves them out.
    pub const fn ymd(&self) -> (i16, u8, u8) {
        self.date
    }

    /// The stretch of time meant. A text without zone is read in the clinic's `zone`.
    pub fn span(&self, zone: &TimeZone) -> Span {
        let (y, m, d) = self.date;
        let start = days(y, m, d) * DAY;
        let end = match self.precision {
            Precision::Year => days(y.saturating_add(1), 1, 1) * DAY,
            Precision::Month if m == 12 => days(y.saturating_add(1), 1, 1) * DAY,
            Precision::Month => days(y, m.saturating_add(1), 1) * DAY,
            Precision::Day => start + DAY,
            Precision::Minute | Precision::Second => {
                let (h, min, s) = self.time;
                let seconds = i64::from(h) * 3600 + i64::from(min) * 60 + i64::from(s);
                let low = start + seconds * SECOND + i64::from(self.fraction.0);
                let width = match (self.precision, self.fraction.1) {
                    (Precision::Minute, _) => 60 * SECOND,
                    (_, digits) => SECOND / 10_i64.pow(u32::from(digits.min(6))),
                };
                return self.in_zone(low, low + width, zone, true);
            }
        };
        self.in_zone(start, end, zone, false)
    }

    fn in_zone(&self, low: i64, high: i64, zone: &TimeZone, same_offset: bool) -> Span {
        if let Some(minutes) = self.offset {
            let shift = i64::from(minutes) * 60 * SECOND;
            return Span { low: low - shift, high: high - shift };
        }
        let shifted = to_utc(low, zone);
        Span { low: shifted, high: if same_offset { shifted + (high - low) } else { to_utc(high, zone) } }
    }
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A wall-clock time (microseconds as if it were UTC) of a zone as UTC. Beyond what the calendar crate covers the zone
/// is taken as UTC.
fn to_utc(wall: i64, zone: &TimeZone) -> i64 {
    let Ok(wall_as_utc) = jiff::Timestamp::from_microsecond(wall) else { return wall };
    let civil = TimeZone::UTC.to_datetime(wall_as_utc);
    zone.to_timestamp(civil).map_or(wall, |t| t.as_microsecond())
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
fn days(year: i16, month: u8, day: u8) -> i64 {
    let (y, m) = (i64::from(year) - i64::from(month <= 2), i64::from(month));
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Days in a month of a year.
pub(crate) const fn days_in_month(year: i16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Whether a text is a FHIR `time`: `hh:mm:ss` with an optional fraction; 24:00 is not a time.
pub fn is_time(text: &str) -> bool {
    let mut reader = Reader(Digits::new(text));
    let mut moment = Moment {
        date: (1970, 1, 1),
        time: (0, 0, 0),
        fraction: (0, 0),
        offset: None,
        precision: Precision::Day,
    };
    reader.time(&mut moment, false).is_some() && reader.0.is_empty()
}

struct Reader<'a>(Digits<'a>);

impl Reader<'_> {
    fn date(&mut self) -> Option<Moment> {
        let year = i16::try_from(self.0.number(4)?).ok().filter(|y| *y > 0)?;
        let mut date = (year, 1, 1);
        let mut precision = Precision::Year;
        if self.0.take(b'-') {
            (date.1, precision) = (self.0.two(1..=12)?, Precision::Month);
            if self.0.take(b'-') {
                (date.2, precision) = (self.0.two(1..=days_in_month(year, date.1))?, Precision::Day);
            }
        }
        Some(Moment { date, time: (0, 0, 0), fraction: (0, 0), offset: None, precision })
    }

    fn time(&mut self, moment: &mut Moment, minutes_suffice: bool) -> Option<()> {
        let hour = self.0.two(0..=23)?;
        let minute = self.0.take(b':').then(|| self.0.two(0..=59)).flatten()?;
        moment.precision = Precision::Minute;
        moment.time = (hour, minute, 0);
        if !self.0.take(b':') {
            return minutes_suffice.then_some(());
        }
        moment.time.2 = self.0.two(0..=60)?;
        moment.precision = Precision::Second;
        if self.0.take(b'.') {
            moment.fraction = self.0.fraction(6)?;
        }
        Some(())
    }
}

/// An instant as the box writes it: UTC, milliseconds, `2026-11-21T19:50:00.123Z`.
pub fn instant(at: jiff::Timestamp) -> String {
    let t: civil::DateTime = TimeZone::UTC.to_datetime(at);
    let (y, m, d) = (t.year().max(1), t.month(), t.day());
    format!(
        "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str, zone: &str) -> (String, String) {
        let span = Moment::lenient(text).unwrap().span(&TimeZone::get(zone).unwrap());
        let show = |micros| instant(jiff::Timestamp::from_microsecond(micros).unwrap());
        (show(span.low), show(span.high))
    }

    #[test]
    fn a_text_covers_as_much_as_it_leaves_open() {
        let check = |text: &str, zone: &str, low: &str, high: &str| {
            assert_eq!(span(text, zone), (low.to_owned(), high.to_owned()), "{text} in {zone}");
        };
        check("2024", "UTC", "2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z");
        check("2024-02", "UTC", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z");
        check("2023-12", "UTC", "2023-12-01T00:00:00.000Z", "2024-01-01T00:00:00.000Z");
        check("2024-02-29", "Asia/Kolkata", "2024-02-28T18:30:00.000Z", "2024-02-29T18:30:00.000Z");
        check("2024-03-31", "Europe/Berlin", "2024-03-30T23:00:00.000Z", "2024-03-31T22:00:00.000Z");
        check("2024-02-29T10:15", "Asia/Kolkata", "2024-02-29T04:45:00.000Z", "2024-02-29T04:46:00.000Z");
        check("2024-02-29T10:15:30+05:30", "UTC", "2024-02-29T04:45:30.000Z", "2024-02-29T04:45:31.000Z");
        check("2024-02-29T10:15:30.25Z", "UTC", "2024-02-29T10:15:30.250Z", "2024-02-29T10:15:30.260Z");
        check("2016-12-31T23:59:60Z", "UTC", "2017-01-01T00:00:00.000Z", "2017-01-01T00:00:01.000Z");
        check("0001-01-01", "UTC", "0001-01-01T00:00:00.000Z", "0001-01-02T00:00:00.000Z");
        let last = Moment::date("9999").unwrap().span(&TimeZone::UTC);
        assert!(last.high > last.low);
    }

    #[test]
    fn each_type_has_its_own_grammar() {
        let check = |text: &str, date: bool, date_time: bool, instant: bool| {
            let seen = (Moment::date(text), Moment::date_time(text), Moment::instant(text));
            let seen = (seen.0.is_some(), seen.1.is_some(), seen.2.is_some());
            assert_eq!(seen, (date, date_time, instant), "{text}");
        };
        check("2024", true, true, false);
        check("2024-02-29", true, true, false);
        check("2024-02-29T00:00:00Z", false, true, true);
        check("2024-02-29T00:00:00.123456789+14:00", false, true, true);
        for bad in [
            "0000",
            "24",
            "2023-02-29",
            "1900-02-29",
            "2024-13",
            "2024-00",
            "2024-1-1",
            "2024-04-31",
            "2024-02-29T24:00:00Z",
            "2024-02-29T10:15:61Z",
            "2024-02-29T10:15:30",
            "2024-02-29T10:15Z",
            "2024-02-29T10:15:30.Z",
            "2024-02-29T10:15:30+14:30",
            "2024-02-29T10:15:30+0530",
            "2024-02-29 10:15:30Z",
            "2024-02-29Z",
            " 2024",
            "2024 ",
            "2024-02-29T10:15:30z",
            "",
            "2024T10:00:00Z",
            "२०२४",
        ] {
            check(bad, false, false, false);
        }
    }

    #[test]
    fn times_of_day() {
        for good in ["00:00:00", "23:59:60", "10:15:30.5"] {
            assert!(is_time(good), "{good}");
        }
        for bad in ["24:00:00", "10:15", "10:15:30Z", "1:15:30", ""] {
            assert!(!is_time(bad), "{bad}");
        }
    }
}
