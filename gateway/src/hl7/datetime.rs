//! HL7 timestamps with the precision and the offset they state.
//!
//! `YYYY[MM[DD[HH[MM[SS[.S{1,4}]]]]]][+/-ZZZZ]`, and what peers make of it. Precision is kept: a date stays a date.
//! FHIR forbids a time without an offset; the field's own comes first, then MSH-7's, then the channel's zone. The
//! offset that was sent is kept, times are never moved to the zone of the server.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{Offset, TimeZone};

/// How much of a timestamp was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `YYYY`
    Year,
    /// `YYYYMM`
    Month,
    /// `YYYYMMDD`
    Day,
    /// `YYYYMMDDHH`
    Hour,
    /// `YYYYMMDDHHMM`
    Minute,
    /// `YYYYMMDDHHMMSS`, with or without a fraction
    Second,
}

/// Why a timestamp cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// Only zeros: the sender does not know.
    #[error("only zeros")]
    Zero,
    /// Characters that no timestamp has, or too few or too many digits.
    #[error("not of the form YYYYMMDDHHMMSS")]
    Form,
    /// A month, day, hour, minute or second that does not exist.
    #[error("no such date or time")]
    Range,
}

/// A parsed timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    date: civil::Date,
    hour: i8,
    minute: i8,
    second: i8,
    /// Digits after the decimal point as sent, at most nine.
    fraction: String,
    /// Minutes east of Greenwich, when sent.
    pub offset: Option<i16>,
    /// What was sent.
    pub precision: Precision,
    /// The form was not the standard's (dashes, `Z`, `+05`, more than four fraction digits, 24:00).
    pub loose: bool,
}

/// Where a missing offset comes from.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// MSH-7's offset in minutes, when it has one.
    pub header: Option<i16>,
    /// The channel's zone.
    pub zone: TimeZone,
}

/// Reads the text of a DTM or TS, its old precision component (`^D`) given separately.
///
/// # Errors
/// [`DateError`] says whether it is unknown, misshapen or impossible.
pub fn read(text: &str, stated: Option<char>) -> Result<When, DateError> {
    let text = text.trim();
    let (clock, offset, mut loose) = split_offset(text)?;
    let (digits, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let mut plain = String::with_capacity(14);
    for c in digits.chars() {
        match c {
            '0'..='9' => plain.push(c),
            '-' | ':' | 'T' | ' ' | '/' => loose = true,
            _ => return Err(DateError::Form),
        }
    }
    if !plain.is_empty() && plain.bytes().all(|b| b == b'0') {
        return Err(DateError::Zero);
    }
    let precision = match plain.len() {
        4 => Precision::Year,
        6 => Precision::Month,
        8 => Precision::Day,
        10 => Precision::Hour,
        12 => Precision::Minute,
        14 => Precision::Second,
        _ => return Err(DateError::Form),
    };
    let fraction_ok = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    if !fraction_ok || (!fraction.is_empty() && precision != Precision::Second) {
        return Err(DateError::Form);
    }
    loose |= fraction.len() > 4;
    let number = |from: usize, len: usize| {
        plain
            .get(from..from + len)
            .map_or(Ok(None), |d| d.parse::<i16>().map(Some))
            .map_err(|_| DateError::Form)
    };
    let small = |from| number(from, 2).map(|n| n.and_then(|n| i8::try_from(n).ok()));
    let (year, month, day) = (number(0, 4)?.unwrap_or(0), small(4)?.unwrap_or(1), small(6)?.unwrap_or(1));
    let (mut hour, minute, second) =
        (small(8)?.unwrap_or(0), small(10)?.unwrap_or(0), small(12)?.unwrap_or(0));
    let mut date = civil::Date::new(year, month, day).map_err(|_| DateError::Range)?;
    if year < 1 || minute > 59 || second > 60 || hour > 24 || (hour == 24 && (minute > 0 || second > 0)) {
        return Err(DateError::Range);
    }
    if hour == 24 {
        // Midnight at the end of the day, which FHIR cannot write.
        date = date.tomorrow().map_err(|_| DateError::Range)?;
        hour = 0;
        loose = true;
    }
    let precision = stated.and_then(stated_precision).map_or(precision, |s| s.min(precision));
    Ok(When { date, hour, minute, second, fraction: fraction.to_owned(), offset, precision, loose })
}

/// The old second component of TS: Y, L, D, H, M, S.
fn stated_precision(letter: char) -> Option<Precision> {
    match letter {
        'Y' => Some(Precision::Year),
        'L' => Some(Precision::Month),
        'D' => Some(Precision::Day),
        'H' => Some(Precision::Hour),
        'M' => Some(Precision::Minute),
        'S' => Some(Precision::Second),
        _ => None,
    }
}

/// Splits `+0530`, `-05:00`, `+05` or `Z` off the end. A dash inside an ISO date is no offset.
fn split_offset(text: &str) -> Result<(&str, Option<i16>, bool), DateError> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Ok((clock, Some(0), true));
    }
    let sign = text.rfind('+').or_else(|| {
        let at = text.rfind('-')?;
        let iso_date = text.get(4..5) == Some("-") && at <= 7;
        (!iso_date).then_some(at)
    });
    let Some(at) = sign else { return Ok((text, None, false)) };
    let (clock, zone) = text.split_at(at);
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DateError::Form);
    }
    let n: i16 = digits.parse().map_err(|_| DateError::Form)?;
    let (minutes, loose) = match digits.len() {
        4 if n / 100 <= 14 && n % 100 < 60 => (n / 100 * 60 + n % 100, zone.contains(':')),
        2 if n <= 14 => (n * 60, true),
        2 | 4 => return Err(DateError::Range),
        _ => return Err(DateError::Form),
    };
    let minutes = if zone.starts_with('-') { -minutes } else { minutes };
    Ok((clock, Some(minutes), loose))
}

impl When {
    /// FHIR `date`: the day, month or year. The time is dropped, the caller keeps it where FHIR has a place for it.
    pub fn date(&self) -> String {
        match self.precision {
            Precision::Year => format!("{:04}", self.date.year()),
            Precision::Month => format!("{:04}-{:02}", self.date.year(), self.date.month()),
            Precision::Day | Precision::Hour | Precision::Minute | Precision::Second => self.date.to_string(),
        }
    }

    /// FHIR `dateTime` with the precision that was sent; minutes and seconds that FHIR demands are added as zeros.
    pub fn date_time(&self, fallback: &Fallback) -> String {
        if self.precision <= Precision::Day {
            return self.date();
        }
        let dot = if self.fraction.is_empty() { "" } else { "." };
        format!(
            "{}T{:02}:{:02}:{:02}{dot}{}{}",
            self.date,
            self.hour,
            self.minute,
            self.second,
            self.fraction,
            colon(self.offset_minutes(fallback))
        )
    }

    /// FHIR `instant`, or `None` when the precision is less than a day's time.
    pub fn instant(&self, fallback: &Fallback) -> Option<String> {
        (self.precision > Precision::Day).then(|| self.date_time(fallback))
    }

    /// The `instant` so many minutes later, with the same offset; `None` when no time was sent.
    pub fn later(&self, minutes: i64, fallback: &Fallback) -> Option<String> {
        let clock = self.date.at(self.hour, self.minute, self.second.min(59), 0);
        let then = clock.checked_add(jiff::Span::new().try_minutes(minutes).ok()?).ok()?;
        let moved = Self {
            date: then.date(),
            hour: then.hour(),
            minute: then.minute(),
            second: then.second(),
            fraction: String::new(),
            offset: Some(self.offset_minutes(fallback)),
            ..self.clone()
        };
        moved.instant(fallback)
    }

    /// FHIR `time` of the day, or `None` when no time was sent.
    pub fn time(&self) -> Option<String> {
        (self.precision > Precision::Day)
            .then(|| format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second))
    }

    fn offset_minutes(&self, fallback: &Fallback) -> i16 {
        if let Some(offset) = self.offset.or(fallback.header) {
            return offset;
        }
        let clock = self.date.at(self.hour, self.minute, self.second.min(59), 0);
        let offset =
            fallback.zone.to_ambiguous_timestamp(clock).compatible().map(|t| fallback.zone.to_offset(t));
        offset.ok().and_then(|o| i16::try_from(o.seconds() / 60).ok()).unwrap_or(0)
    }
}

fn colon(minutes: i16) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let m = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", m / 60, m % 60)
}

/// A moment as HL7 writes it, to the second, with its offset: `20261121113802+0530`.
pub fn write(now: Timestamp, offset: Offset) -> String {
    let civil = offset.to_datetime(now);
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let m = minutes.unsigned_abs();
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}{sign}{:02}{:02}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        m / 60,
        m % 60
    )
}

/// Reads an HL7 `TM` (`HH[MM[SS[.S]]]`, an offset allowed) as FHIR `time`; FHIR has no offset here.
pub fn time_of_day(text: &str) -> Option<String> {
    let digits = text.trim().split(['+', '-', '.']).next().unwrap_or_default().replace(':', "");
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), |d| d.parse::<u8>().ok());
    let (h, m, s) = (part(0)?, part(2)?, part(4)?);
    (h < 24 && m < 60 && s < 60).then(|| format!("{h:02}:{m:02}:{s:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kolkata(header: Option<i16>) -> Fallback {
        Fallback { header, zone: TimeZone::get("Asia/Kolkata").unwrap() }
    }

    #[test]
    fn precision_and_offset_are_kept() {
        for (text, expected) in [
            ("1955", "1955"),
            ("195504", "1955-04"),
            ("19550430", "1955-04-30"),
            ("2026112111", "2026-11-21T11:00:00+05:30"),
            ("202611211138", "2026-11-21T11:38:00+05:30"),
            ("20261121113802", "2026-11-21T11:38:02+05:30"),
            ("20261121113802.1234-0500", "2026-11-21T11:38:02.1234-05:00"),
            ("20261121113802.123456", "2026-11-21T11:38:02.123456+05:30"),
            ("20261121113802-0030", "2026-11-21T11:38:02-00:30"),
            ("20261121113802+05", "2026-11-21T11:38:02+05:00"),
            ("2026-11-21T11:38:02+05:30", "2026-11-21T11:38:02+05:30"),
            ("2026-11-21", "2026-11-21"),
            ("2026-11", "2026-11"),
            ("20261121 1138", "2026-11-21T11:38:00+05:30"),
            (" 20261121 ", "2026-11-21"),
            ("20261231240000", "2027-01-01T00:00:00+05:30"),
            ("20261121113802Z", "2026-11-21T11:38:02+00:00"),
            ("20161231235960", "2016-12-31T23:59:60+05:30"),
        ] {
            assert_eq!(read(text, None).unwrap().date_time(&kolkata(None)), expected, "{text}");
        }
        assert_eq!(
            read("202611211138", None).unwrap().date_time(&kolkata(Some(-300))),
            "2026-11-21T11:38:00-05:00"
        );
        assert_eq!(read("20261121000000", Some('D')).unwrap().date_time(&kolkata(None)), "2026-11-21");
    }

    #[test]
    fn the_zone_of_the_channel_knows_summer_time() {
        let berlin = Fallback { header: None, zone: TimeZone::get("Europe/Berlin").unwrap() };
        assert_eq!(read("202607011200", None).unwrap().date_time(&berlin), "2026-07-01T12:00:00+02:00");
        assert_eq!(read("202601011200", None).unwrap().date_time(&berlin), "2026-01-01T12:00:00+01:00");
    }

    #[test]
    fn what_is_no_date_is_said_to_be_none() {
        for (text, expected) in [
            ("00000000", DateError::Zero),
            ("20261301", DateError::Range),
            ("20260230", DateError::Range),
            ("20261121250000", DateError::Range),
            ("2026112111380", DateError::Form),
            ("yesterday", DateError::Form),
            ("", DateError::Form),
            ("20261121113802+9900", DateError::Range),
            ("20261121113802+5", DateError::Form),
            ("१९५५", DateError::Form),
        ] {
            assert_eq!(read(text, None).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn times_of_day_are_read() {
        assert_eq!(time_of_day("0815").as_deref(), Some("08:15:00"));
        assert_eq!(time_of_day("081530.5+0530").as_deref(), Some("08:15:30"));
        assert_eq!(time_of_day("2515"), None);
    }
}
