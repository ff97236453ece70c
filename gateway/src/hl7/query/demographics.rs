//! QPD-3 of a query for people: `@PID.5.1^NAME~@PID.7^19680314` (QIP).

use super::{Authority, LONGEST_TEXT, MOST, Number, qpd_field, value};
use crate::hl7::datetime;
use crate::hl7::error::{ErrorCode, Place, Problem};
use crate::hl7::message::Segment;

/// What must be true of a person, all of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Demographics {
    /// A number (PID-3).
    pub number: Option<Number>,
    /// Family name (PID-5.1), or how it begins.
    pub family: Option<String>,
    /// A given name (PID-5.2), or how it begins.
    pub given: Option<String>,
    /// Birth (PID-7) as a FHIR `date` of the precision asked.
    pub birth: Option<String>,
    /// administrative-gender (PID-8).
    pub sex: Option<&'static str>,
    /// City or village (PID-11.3).
    pub city: Option<String>,
    /// Postal code (PID-11.5).
    pub postal: Option<String>,
    /// A telephone number (PID-13 or PID-14).
    pub phone: Option<String>,
}

/// Shows the shape only.
impl std::fmt::Debug for Demographics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Demographics(number {}, birth {})", self.number.is_some(), self.birth.is_some())
    }
}

const FIELDS: &str = "PID.3, PID.5.1, PID.5.2, PID.7, PID.8, PID.11.3, PID.11.5 and PID.13";

/// Reads QPD-3; `None` when something in it is wrong.
pub(super) fn read(qpd: Segment<'_>, wrong: &mut Vec<Problem>) -> Option<Demographics> {
    let before = wrong.len();
    let mut found = Demographics::default();
    let (mut number, mut giver) = (None, [const { String::new() }; 3]);
    for (n, one) in (1..).zip(qpd.field(3).repeats()) {
        let place = Place { repetition: n, ..qpd_field(3) };
        if n as usize > MOST {
            let text = format!("A query searches by at most {MOST} fields.");
            wrong.push(Problem::error(ErrorCode::Cardinality, Some(place), text));
            break;
        }
        if !one.has_content() {
            continue;
        }
        let name = one.component(1).text().trim().trim_start_matches('@').to_ascii_uppercase();
        let at = Place { component: 2, ..place.clone() };
        let Some(text) = value(one.component(2).sub(1), &at, wrong) else { continue };
        if text.is_empty() {
            continue;
        }
        let fits = match name.as_str() {
            "PID.3" | "PID.3.1" => put(&mut number, text),
            "PID.3.4" | "PID.3.4.1" => put_text(&mut giver[0], text),
            "PID.3.4.2" => put_text(&mut giver[1], text),
            "PID.3.4.3" => put_text(&mut giver[2], text),
            "PID.5" | "PID.5.1" | "PID.5.1.1" => start(&mut found.family, text, &at, wrong),
            "PID.5.2" => start(&mut found.given, text, &at, wrong),
            "PID.7" | "PID.7.1" => match datetime::read(&text, None) {
                Ok(when) => put(&mut found.birth, when.date()),
                Err(error) => {
                    let why = format!("The birth date is {error}.");
                    wrong.push(Problem::error(ErrorCode::DataType, Some(at.clone()), why));
                    true
                }
            },
            "PID.8" => match sex(&text) {
                Some(sex) => put(&mut found.sex, sex),
                None => {
                    let why = "PID-8 is M, F, O, A, N or U (table 0001).";
                    wrong.push(Problem::error(ErrorCode::TableValue, Some(at.clone()), why));
                    true
                }
            },
            "PID.11.3" => start(&mut found.city, text, &at, wrong),
            "PID.11.5" => start(&mut found.postal, text, &at, wrong),
            "PID.13" | "PID.13.1" | "PID.14" | "PID.14.1" => put(&mut found.phone, text),
            _ => {
                let why = format!("People are found here by {FIELDS}, not by this field.");
                wrong.push(Problem::error(ErrorCode::Other, Some(Place { component: 1, ..place }), why));
                true
            }
        };
        if !fits {
            let why = "The same field is asked twice.";
            wrong.push(Problem::error(ErrorCode::Cardinality, Some(at), why));
        }
    }
    let [namespace, universal, kind] = giver;
    let named = !namespace.is_empty() || !universal.is_empty();
    let authority = named.then_some(Authority { namespace, universal, kind, place: qpd_field(3) });
    found.number = match (number, &authority) {
        (Some(value), _) => Some(Number { value, authority }),
        (None, None) => None,
        (None, Some(_)) => {
            let why = "Who gave a number is asked, but no number (PID.3.1).";
            wrong.push(Problem::error(ErrorCode::RequiredField, Some(qpd_field(3)), why));
            None
        }
    };
    if wrong.len() == before && !found.says_enough() {
        let why = format!(
            "Ask by a number, a name, a birth date or a telephone number, at most {LONGEST_TEXT} characters each; the sex or the place alone means half of everybody."
        );
        wrong.push(Problem::error(ErrorCode::RequiredField, Some(qpd_field(3)), why));
    }
    (wrong.len() == before).then_some(found)
}

impl Demographics {
    /// Whether it is about somebody and not about half of everybody.
    fn says_enough(&self) -> bool {
        self.number.is_some()
            || self.family.is_some()
            || self.given.is_some()
            || self.birth.is_some()
            || self.phone.is_some()
    }
}

/// False when there is one already.
fn put<T>(slot: &mut Option<T>, value: T) -> bool {
    slot.replace(value).is_none()
}

fn put_text(slot: &mut String, text: String) -> bool {
    let free = slot.is_empty();
    *slot = text;
    free
}

/// A text that matches from its beginning; a star at its end says the same.
fn start(slot: &mut Option<String>, text: String, at: &Place, wrong: &mut Vec<Problem>) -> bool {
    let plain = text.strip_suffix('*').unwrap_or(&text).trim().to_owned();
    if plain.contains('*') || plain.is_empty() {
        let why = "A star stands only at the end of a text.";
        wrong.push(Problem::error(ErrorCode::Other, Some(at.clone()), why));
        return true;
    }
    put(slot, plain)
}

/// Table 0001 as administrative-gender.
fn sex(text: &str) -> Option<&'static str> {
    match text.to_ascii_uppercase().as_str() {
        "M" => Some("male"),
        "F" => Some("female"),
        "O" | "A" | "N" => Some("other"),
        "U" => Some("unknown"),
        _ => None,
    }
}
