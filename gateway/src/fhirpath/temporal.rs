//! Dates, times of day and points in time with the precision they were written with.
//!
//! Two values that agree as far as the less precise one goes cannot be put in order: the answer is "unknown".

use std::cmp::Ordering;
use std::fmt;

use jiff::civil;

use crate::decimal::{Decimal, Rounding};
use crate::digits::Digits;

/// Which of the three types a value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemporalKind {
    /// A day, month or year.
    Date,
    /// The same, or finer, with or without a zone.
    DateTime,
    /// A time of day.
    Time,
}

/// The last part that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Each is the part of its own name.
pub enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

/// A date, time of day or point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    /// Which type it has.
    pub kind: TemporalKind,
    /// The last part that was written.
    pub part: Part,
    date: (i16, i8, i8),
    time: (i8, i8, i8),
    /// Fraction of the second, nanoseconds.
    nano: i32,
    /// Digits of the fraction that were written, at most nine are kept.
    digits: u8,
    /// Minutes east of Greenwich.
    offset: Option<i16>,
}

impl Temporal {
    /// Reads a date: `2015`, `2015-02`, `2015-02-04`.
    pub fn date(text: &str) -> Option<Self> {
        let mut reader = Reader(Digits::new(text));
        let value = reader.date(TemporalKind::Date)?;
        reader.0.is_empty().then_some(value)
    }

    /// Reads a point in time: a date, which may be followed by `T`, a time of any precision and a zone.
    pub fn date_time(text: &str) -> Option<Self> {
        let mut reader = Reader(Digits::new(text));
        let mut value = reader.date(TemporalKind::DateTime)?;
        if reader.0.take(b'T') && !reader.0.is_empty() {
            if value.part != Part::Day {
                return None;
            }
            reader.time(&mut value)?;
            value.offset = reader.0.zone()?;
        }
        reader.0.is_empty().then_some(value)
    }

    /// Reads a time of day: `14`, `14:34`, `14:34:28`, `14:34:28.123`.
    pub fn time(text: &str) -> Option<Self> {
        let mut reader = Reader(Digits::new(text));
        let mut value = Self {
            kind: TemporalKind::Time,
            part: Part::Hour,
            date: (1, 1, 1),
            time: (0, 0, 0),
            nano: 0,
            digits: 0,
            offset: None,
        };
        reader.time(&mut value)?;
        reader.0.is_empty().then_some(value)
    }

    /// Reads what follows `@` in an expression, and answers how many bytes it took.
    pub(super) fn literal(text: &str) -> Option<(Self, usize)> {
        let bytes = text.as_bytes();
        let mut end = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
        if bytes.get(end) != Some(&b'T') {
            return Some((Self::date(text.get(..end)?)?, end));
        }
        let day = end;
        end += 1;
        let digits = |at: usize| bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
        end += digits(end);
        while bytes.get(end) == Some(&b':') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if bytes.get(end) == Some(&b'.') && end > day + 1 && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if day == 0 {
            return Some((Self::time(text.get(1..end)?)?, end));
        }
        match bytes.get(end) {
            Some(b'Z') => end += 1,
            Some(b'+' | b'-')
                if end > day + 1 && digits(end + 1) == 2 && bytes.get(end + 3) == Some(&b':') =>
            {
                end += 4 + digits(end + 4);
            }
            _ => {}
        }
        Some((Self::date_time(text.get(..end)?)?, end))
    }

    /// An instant on the wall of a zone, to the millisecond.
    pub fn at(now: jiff::Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        let offset = zone.to_offset(now);
        let wall = offset.to_datetime(now);
        Self {
            kind: TemporalKind::DateTime,
            part: Part::Millisecond,
            date: (wall.year().max(1), wall.month(), wall.day()),
            time: (wall.hour(), wall.minute(), wall.second()),
            nano: i32::from(wall.millisecond()) * 1_000_000,
            digits: 3,
            offset: i16::try_from(offset.seconds() / 60).ok(),
        }
    }

    /// The day of a point in time, as far as it was written.
    #[must_use]
    pub fn as_date(self) -> Self {
        let (part, offset) = (self.part.min(Part::Day), None);
        Self { kind: TemporalKind::Date, part, offset, time: (0, 0, 0), nano: 0, digits: 0, ..self }
    }

    /// The same value as a point in time.
    #[must_use]
    pub fn as_date_time(self) -> Self {
        Self { kind: TemporalKind::DateTime, ..self }
    }

    /// The time of day of a point in time.
    #[must_use]
    pub fn as_time(self) -> Self {
        Self { kind: TemporalKind::Time, date: (1, 1, 1), offset: None, ..self }
    }

    /// Minutes east of Greenwich, where a zone was written.
    pub const fn offset(&self) -> Option<i16> {
        self.offset
    }

    /// Order in time. `None` for a time of day against a date; `Some(None)` where the precisions leave it open.
    pub fn compare(&self, other: &Self) -> Option<Option<Ordering>> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return None;
        }
        let timed = |t: &Self| t.part > Part::Day && t.kind == TemporalKind::DateTime;
        match (timed(self) && timed(other), self.offset, other.offset) {
            (true, Some(a), Some(b)) if a != b => Some(self.in_utc().by_parts(&other.in_utc())),
            (true, Some(_), None) => Some(self.by_possible_zones(other)),
            (true, None, Some(_)) => Some(other.by_possible_zones(self).map(Ordering::reverse)),
            _ => Some(self.by_parts(other)),
        }
    }

    /// Part by part, down to the less precise one's last.
    fn by_parts(&self, other: &Self) -> Option<Ordering> {
        let from = if self.kind == TemporalKind::Time { Part::Hour } else { Part::Year };
        let (mine, theirs) = (self.fields(), other.fields());
        let last = |t: &Self| t.part.min(Part::Second);
        let common = last(self).min(last(other));
        for (part, (a, b)) in PARTS.iter().zip(mine.iter().zip(theirs.iter())) {
            if *part < from {
                continue;
            }
            if *part > common {
                break;
            }
            match a.cmp(b) {
                Ordering::Equal => {}
                different => return Some(different),
            }
        }
        (last(self) == last(other)).then_some(Ordering::Equal)
    }

    /// A value with a zone against one without: certain only if it holds in every zone there is.
    fn by_possible_zones(&self, other: &Self) -> Option<Ordering> {
        let mine = self.in_utc();
        let earliest = mine.by_parts(&Self { offset: Some(EASTMOST), ..*other }.in_utc());
        let latest = mine.by_parts(&Self { offset: Some(WESTMOST), ..*other }.in_utc());
        earliest.filter(|order| *order != Ordering::Equal && Some(*order) == latest)
    }

    /// Seconds and their fraction count as one part.
    fn fields(&self) -> [i64; 6] {
        let ((y, m, d), (h, min, s)) = (self.date, self.time);
        let second = i64::from(s) * 1_000_000_000 + i64::from(self.nano);
        [i64::from(y), i64::from(m), i64::from(d), i64::from(h), i64::from(min), second]
    }

    /// What two values share when [`Temporal::compare`] finds them equal: whether it is a time of day, the last part, and
    /// the parts up to that, in UTC where there is a zone.
    pub(super) fn sameness(&self) -> (bool, Part, [i64; 6]) {
        let last = self.part.min(Part::Second);
        let is_time = self.kind == TemporalKind::Time;
        let timed = self.part > Part::Day && self.kind == TemporalKind::DateTime;
        let mut fields = if timed { self.in_utc().fields() } else { self.fields() };
        let from = if is_time { Part::Hour } else { Part::Year };
        for (part, field) in PARTS.iter().zip(fields.iter_mut()) {
            if *part < from || *part > last {
                *field = 0;
            }
        }
        (is_time, last, fields)
    }

    fn in_utc(&self) -> Self {
        let Some(offset) = self.offset.filter(|o| *o != 0) else { return *self };
        let leap = self.time.2 == 60;
        let moved = self.civil().and_then(|wall| wall.checked_sub(minutes(i64::from(offset))).ok());
        let Some(moved) = moved else { return *self };
        let mut out = Self { offset: Some(0), ..*self }.placed(moved);
        if leap {
            out.time.2 = 60;
        }
        out
    }

    fn civil(&self) -> Option<civil::DateTime> {
        let ((y, m, d), (h, min, s)) = (self.date, self.time);
        civil::DateTime::new(y, m, d, h, min, s.min(59), self.nano).ok()
    }

    fn placed(self, wall: civil::DateTime) -> Self {
        Self {
            date: (wall.year(), wall.month(), wall.day()),
            time: (wall.hour(), wall.minute(), wall.second()),
            nano: wall.subsec_nanosecond(),
            ..self
        }
    }

    /// Adds an amount of a part; what is finer than the value's own precision is cut. `None` beyond the years 1 to 9999.
    pub fn plus(&self, amount: Decimal, part: Span) -> Option<Self> {
        let whole = amount.round(0, Rounding::Truncate).as_i64()?;
        let (whole, part) = self.to_own_precision(whole, part);
        let span = match part {
            Span::Year => jiff::Span::new().try_years(whole),
            Span::Month => jiff::Span::new().try_months(whole),
            Span::Week => jiff::Span::new().try_weeks(whole),
            Span::Day => jiff::Span::new().try_days(whole),
            Span::Hour => jiff::Span::new().try_hours(whole),
            Span::Minute => jiff::Span::new().try_minutes(whole),
            Span::Second => jiff::Span::new().try_seconds(whole),
            Span::Millisecond => jiff::Span::new().try_milliseconds(whole),
        }
        .ok()?;
        if self.kind == TemporalKind::Time {
            if part <= Span::Day {
                return None;
            }
            let wall = civil::Time::new(self.time.0, self.time.1, self.time.2.min(59), self.nano).ok()?;
            let moved = wall.wrapping_add(span);
            let date = civil::Date::new(1, 1, 1).ok()?;
            return Some(self.widened(part).placed(date.to_datetime(moved)));
        }
        let moved = self.civil()?.checked_add(span).ok()?;
        (1..=9999).contains(&moved.year()).then(|| self.widened(part).placed(moved))
    }

    /// Milliseconds added to whole seconds are kept.
    fn widened(self, part: Span) -> Self {
        if part == Span::Millisecond && self.part == Part::Second {
            return Self { part: Part::Millisecond, digits: 3, ..self };
        }
        self
    }

    /// An amount of something finer than the last part as whole amounts of that part (30 days a month, 365 a year).
    fn to_own_precision(self, amount: i64, part: Span) -> (i64, Span) {
        let (unit, own) = match self.part {
            Part::Year => (365 * 86_400_000, Span::Year),
            Part::Month => (30 * 86_400_000, Span::Month),
            Part::Day => (86_400_000, Span::Day),
            Part::Hour => (3_600_000, Span::Hour),
            Part::Minute => (60_000, Span::Minute),
            Part::Second | Part::Millisecond => return (amount, part),
        };
        let (size, finer) = match part {
            Span::Year => (365 * 86_400_000, false),
            Span::Month => (30 * 86_400_000, self.part < Part::Month),
            Span::Week => (7 * 86_400_000, self.part < Part::Day),
            Span::Day => (86_400_000, self.part < Part::Day),
            Span::Hour => (3_600_000, self.part < Part::Hour),
            Span::Minute => (60_000, self.part < Part::Minute),
            Span::Second => (1000, true),
            Span::Millisecond => (1, true),
        };
        if part == Span::Month && own == Span::Year {
            return (amount / 12, Span::Year);
        }
        if finer { (amount.saturating_mul(size) / unit, own) } else { (amount, part) }
    }

    /// Digits written, without separators: 4 for a year, 8 for a day, 17 for a point in time to the millisecond.
    pub const fn precision(&self) -> i64 {
        let digits = match self.part {
            Part::Year => 4,
            Part::Month => 6,
            Part::Day => 8,
            Part::Hour => 10,
            Part::Minute => 12,
            Part::Second => 14,
            Part::Millisecond => 17,
        };
        if matches!(self.kind, TemporalKind::Time) { digits - 8 } else { digits }
    }

    /// The earliest (or, with `high`, the latest) value it may stand for, written to `precision` digits.
    pub fn boundary(&self, precision: Option<i64>, high: bool) -> Option<Self> {
        let most = match self.kind {
            TemporalKind::Date => 8,
            TemporalKind::DateTime => 17,
            TemporalKind::Time => 9,
        };
        let precision = precision.unwrap_or(most);
        let in_full = if self.kind == TemporalKind::Time { precision + 8 } else { precision };
        let part = PARTS_AND_DIGITS.iter().find(|(_, digits)| *digits == in_full).map(|(part, _)| *part)?;
        if precision > most || (self.kind == TemporalKind::Time && part < Part::Hour) {
            return None;
        }
        let mut out = *self;
        if out.part < Part::Month {
            out.date.1 = if high { 12 } else { 1 };
        }
        if out.part < Part::Day {
            out.date.2 = if high { days_in_month(out.date.0, out.date.1) } else { 1 };
        }
        if out.part < Part::Hour {
            out.time.0 = if high { 23 } else { 0 };
        }
        if out.part < Part::Minute {
            out.time.1 = if high { 59 } else { 0 };
        }
        if out.part < Part::Second {
            out.time.2 = if high { 59 } else { 0 };
        }
        if out.part < Part::Millisecond {
            out.nano = if high { 999_000_000 } else { 0 };
        }
        if self.kind == TemporalKind::DateTime && part > Part::Day && out.offset.is_none() {
            out.offset = Some(if high { WESTMOST } else { EASTMOST });
        }
        if part <= Part::Day {
            out.offset = None;
        }
        (out.part, out.digits) = (part, if part == Part::Millisecond { 3 } else { 0 });
        Some(out)
    }
}

/// The amounts of time that can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Each is the amount of its own name.
pub enum Span {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

const PARTS: [Part; 6] = [Part::Year, Part::Month, Part::Day, Part::Hour, Part::Minute, Part::Second];
const PARTS_AND_DIGITS: [(Part, i64); 7] = [
    (Part::Year, 4),
    (Part::Month, 6),
    (Part::Day, 8),
    (Part::Hour, 10),
    (Part::Minute, 12),
    (Part::Second, 14),
    (Part::Millisecond, 17),
];
/// The zones farthest from Greenwich, minutes.
const EASTMOST: i16 = 14 * 60;
const WESTMOST: i16 = -12 * 60;

fn minutes(amount: i64) -> jiff::Span {
    jiff::Span::new().try_minutes(amount).unwrap_or_default()
}

fn days_in_month(year: i16, month: i8) -> i8 {
    civil::Date::new(year, month, 1).map_or(28, |d| d.days_in_month())
}

/// As in an expression, without `@`; a time of day without `T`.
impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((y, m, d), (h, min, s)) = (self.date, self.time);
        if self.kind != TemporalKind::Time {
            write!(f, "{y:04}")?;
            if self.part >= Part::Month {
                write!(f, "-{m:02}")?;
            }
            if self.part >= Part::Day {
                write!(f, "-{d:02}")?;
            }
            if self.part >= Part::Hour {
                f.write_str("T")?;
            }
        }
        if self.part >= Part::Hour {
            write!(f, "{h:02}")?;
        }
        if self.part >= Part::Minute {
            write!(f, ":{min:02}")?;
        }
        if self.part >= Part::Second {
            write!(f, ":{s:02}")?;
        }
        if self.part >= Part::Millisecond {
            let nano = format!("{:09}", self.nano);
            write!(f, ".{}", nano.get(..usize::from(self.digits.clamp(1, 9))).unwrap_or_default())?;
        }
        match self.offset.filter(|_| self.part >= Part::Hour) {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(o) => write!(f, "{}{:02}:{:02}", if o < 0 { '-' } else { '+' }, o.abs() / 60, o.abs() % 60),
        }
    }
}

struct Reader<'a>(Digits<'a>);

impl Reader<'_> {
    fn two(&mut self, least: u8, most: u8) -> Option<i8> {
        i8::try_from(self.0.two(least..=most)?).ok()
    }

    fn date(&mut self, kind: TemporalKind) -> Option<Temporal> {
        let year = i16::try_from(self.0.number(4)?).ok().filter(|year| *year > 0)?;
        let mut date = (year, 1, 1);
        let mut part = Part::Year;
        if self.0.take(b'-') {
            (date.1, part) = (self.two(1, 12)?, Part::Month);
            if self.0.take(b'-') {
                (date.2, part) = (self.two(1, u8::try_from(days_in_month(year, date.1)).ok()?)?, Part::Day);
            }
        }
        Some(Temporal { kind, part, date, time: (0, 0, 0), nano: 0, digits: 0, offset: None })
    }

    fn time(&mut self, value: &mut Temporal) -> Option<()> {
        value.time.0 = self.two(0, 23)?;
        value.part = Part::Hour;
        if !self.0.take(b':') {
            return Some(());
        }
        value.time.1 = self.two(0, 59)?;
        value.part = Part::Minute;
        if !self.0.take(b':') {
            return Some(());
        }
        value.time.2 = self.two(0, 60)?;
        value.part = Part::Second;
        if self.0.take(b'.') {
            let (nano, digits) = self.0.fraction(9)?;
            (value.nano, value.digits) = (i32::try_from(nano).ok()?, digits);
            value.part = Part::Millisecond;
        }
        Some(())
    }
}
