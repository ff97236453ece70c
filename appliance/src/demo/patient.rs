//! The Patient resource of a person of the cast.

use clinicvault_gateway::json::Value;
use jiff::ToSpan;
use jiff::civil::Date;

use super::people::{Born, Person};
use crate::clinic::form::names;
use crate::clinic::identity::{NUMBER_SYSTEM, number_text};
use crate::clinic::make::{identifier, list, obj, text};

/// Day of birth (the first of the month or year where only those are known) and its text in a Patient.
#[must_use]
pub fn birth(born: Born, today: Date) -> (Date, String) {
    let day = |years: i16, month: i8, day: i8| Date::new(today.year() - years, month, day).unwrap_or(today);
    match born {
        Born::Day { years, month, day: of_month } => {
            let this_year = day(years, month, of_month);
            let had_birthday = (today.month(), today.day()) >= (month, of_month);
            let date = if had_birthday { this_year } else { day(years + 1, month, of_month) };
            (date, date.to_string())
        }
        Born::Year { years } => (day(years, 1, 1), format!("{:04}", today.year() - years)),
        Born::Months { months } => {
            let date = today.checked_sub(i64::from(months).months()).unwrap_or(today);
            (date.first_of_month(), format!("{:04}-{:02}", date.year(), date.month()))
        }
        Born::Weeks { weeks } => {
            let date = today.checked_sub(i64::from(weeks).weeks()).unwrap_or(today);
            (date, date.to_string())
        }
    }
}

/// The fields of the Patient after its id.
#[must_use]
pub fn fields(person: &Person, today: Date) -> Vec<(&'static str, Value)> {
    let mut fields = vec![
        ("active", Value::Bool(true)),
        ("identifier", list([identifier(NUMBER_SYSTEM, &number_text(u64::from(person.number)))])),
        ("name", list(names(person.name, person.other_name))),
    ];
    if let Some(phone) = person.phone {
        fields.push((
            "telecom",
            list([obj([
                ("system", text("phone")),
                ("value", text(format!("+91{phone}"))),
                ("use", text("mobile")),
            ])]),
        ));
    }
    fields.push(("gender", text(person.sex.code())));
    fields.push(("birthDate", text(birth(person.born, today).1)));
    fields.push((
        "address",
        list([obj([
            ("use", text("home")),
            ("city", text(person.village)),
            ("district", text("Ahilyanagar")),
            ("state", text("Maharashtra")),
            ("country", text("IN")),
        ])]),
    ));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birthday_later_this_year_is_not_yet_counted() {
        let today = Date::constant(2026, 11, 21);
        for (born, expected) in [
            (Born::Day { years: 58, month: 3, day: 14 }, "1968-03-14"),
            (Born::Day { years: 71, month: 12, day: 2 }, "1954-12-02"),
            (Born::Year { years: 31 }, "1995"),
            (Born::Months { months: 7 }, "2026-04"),
            (Born::Weeks { weeks: 3 }, "2026-10-31"),
        ] {
            assert_eq!(birth(born, today).1, expected);
        }
    }
}
