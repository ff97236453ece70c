//! The rules of each field: what was typed, tidied into what is stored, or a sentence that says what is wrong.

use jiff::ToSpan;
use jiff::civil::Date;

use super::{BirthForm, Wrong};

/// A birth date as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// FHIR date with the precision that is known.
    pub date: String,
    /// The age that was told instead, in UCUM.
    pub stated: Option<(i64, &'static str)>,
}

/// Nobody is older; the oldest person known reached 122 years.
const OLDEST_YEARS: i64 = 125;
/// Ages in months are for small children.
const MOST_MONTHS: i64 = 60;
/// Ages in weeks are for newborns.
const MOST_WEEKS: i64 = 52;
/// Longest name, characters.
pub const MOST_NAME: usize = 200;
/// Longest line of the folded fields, characters.
pub const MOST_LINE: usize = 300;

impl BirthForm {
    /// The date, from whichever one member is given.
    pub fn check(&self, today: Date) -> Result<Birth, Wrong> {
        match (self.date.as_deref(), self.age_years, self.age_months, self.age_weeks) {
            (Some(date), None, None, None) => born_on(date.trim(), today),
            (None, Some(years), None, None) => {
                within(years, OLDEST_YEARS, "years")?;
                let year = i64::from(today.year()) - years;
                Ok(Birth { date: format!("{year:04}"), stated: Some((years, "a")) })
            }
            (None, None, Some(months), None) => {
                within(months, MOST_MONTHS, "months")?;
                let date = today.checked_sub(months.months()).map_err(|_| birth_missing())?;
                Ok(Birth { date: month(date), stated: Some((months, "mo")) })
            }
            (None, None, None, Some(weeks)) => {
                within(weeks, MOST_WEEKS, "weeks")?;
                let date = today.checked_sub(weeks.weeks()).map_err(|_| birth_missing())?;
                Ok(Birth { date: month(date), stated: Some((weeks, "wk")) })
            }
            _ => Err(birth_missing()),
        }
    }
}

fn month(date: Date) -> String {
    format!("{:04}-{:02}", date.year(), date.month())
}

fn born_on(date: &str, today: Date) -> Result<Birth, Wrong> {
    let first: Option<Date> = match date.len() {
        4 => format!("{date}-01-01").parse().ok(),
        7 => format!("{date}-01").parse().ok(),
        10 => date.parse().ok(),
        _ => None,
    };
    let first =
        first.ok_or_else(|| wrong("birth", "badDate", "This is not a date. Type it like 14 mar 1968."))?;
    if first > today {
        return Err(wrong("birth", "future", "The birth date lies in the future."));
    }
    if i64::from(today.year() - first.year()) > OLDEST_YEARS {
        return Err(wrong(
            "birth",
            "tooOld",
            format!("The birth date is more than {OLDEST_YEARS} years ago."),
        ));
    }
    Ok(Birth { date: date.to_owned(), stated: None })
}

fn within(age: i64, most: i64, unit: &str) -> Result<(), Wrong> {
    if (0..=most).contains(&age) {
        Ok(())
    } else {
        Err(wrong("birth", "ageOutOfRange", format!("The age must be 0 to {most} {unit}.")))
    }
}

/// Neither a date nor an age.
pub fn birth_missing() -> Wrong {
    wrong("birth", "required", "Give the birth date or the age.")
}

/// A broken rule.
pub fn wrong(field: &'static str, code: &'static str, message: impl Into<String>) -> Wrong {
    Wrong { field, code, message: message.into() }
}

/// Checks a field that may be left out; blank counts as left out.
pub fn optional<T>(
    value: Option<&str>,
    check: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Result<Option<T>, Wrong> {
    value.filter(|value| !value.trim().is_empty()).map(check).transpose()
}

/// Spaces made single; control characters refused, because they hide what is stored.
fn tidy(field: &'static str, value: &str, most: usize) -> Result<String, Wrong> {
    let tidy = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if tidy.chars().any(char::is_control) {
        return Err(wrong(field, "control", "This holds characters that cannot be shown. Type it again."));
    }
    if tidy.chars().count() > most {
        return Err(wrong(field, "tooLong", format!("This has more than {most} characters.")));
    }
    Ok(tidy)
}

/// A name: single spaces, at least one letter.
pub fn name(field: &'static str, value: &str) -> Result<String, Wrong> {
    let name = tidy(field, value, MOST_NAME)?;
    if name.is_empty() {
        return Err(wrong(field, "required", "Give the name."));
    }
    if !name.chars().any(char::is_alphabetic) {
        return Err(wrong(field, "noLetters", "A name needs at least one letter."));
    }
    Ok(name)
}

/// One line of text that is not empty.
pub fn line(field: &'static str, value: &str) -> Result<String, Wrong> {
    let line = tidy(field, value, MOST_LINE)?;
    if line.is_empty() {
        return Err(wrong(field, "required", "This cannot be empty."));
    }
    Ok(line)
}

/// Ten digits as Indian numbers are written, or `+` with country code; `None` only with "no phone".
pub fn phone(value: Option<&str>, no_phone: bool) -> Result<Option<String>, Wrong> {
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    match (value, no_phone) {
        (None, true) => Ok(None),
        (None, false) => Err(wrong("phone", "required", "Give the phone, or mark that there is none.")),
        (Some(_), true) => {
            Err(wrong("phone", "both", "A phone is given and \"no phone\" is marked. Choose one."))
        }
        (Some(value), false) => phone_number(value).map(Some),
    }
}

fn phone_number(value: &str) -> Result<String, Wrong> {
    if value.chars().any(|c| !(c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')'))) {
        return Err(wrong("phone", "notDigits", "A phone has only digits."));
    }
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let abroad = value.starts_with('+') && !digits.starts_with("91");
    if abroad {
        return match digits.len() {
            8..=15 => Ok(format!("+{digits}")),
            count => Err(wrong(
                "phone",
                "length",
                format!("Phone has {count} digits. With a country code it needs 8 to 15."),
            )),
        };
    }
    let national = match digits.len() {
        12 => digits.strip_prefix("91"),
        11 => digits.strip_prefix('0'),
        _ => Some(digits.as_str()),
    };
    match national {
        Some(number) if number.len() == 10 => Ok(number.to_owned()),
        _ => Err(wrong("phone", "length", format!("Phone has {} digits. It needs 10.", digits.len()))),
    }
}

/// 14 digits, written 2-4-4-4.
pub fn abha(value: &str) -> Result<String, Wrong> {
    let plain = value.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ' '));
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if !plain || digits.len() != 14 {
        return Err(wrong(
            "abha",
            "length",
            format!("ABHA number has {} digits. It needs 14.", digits.len()),
        ));
    }
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}", part(0..2), part(2..6), part(6..10), part(10..14)))
}
