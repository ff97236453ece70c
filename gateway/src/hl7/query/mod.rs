//! Queries by parameter (QBP) and the responses to them (RSP): HL7 v2.5.1 chapter 5, IHE PDQ (ITI-21), IHE PIX (ITI-9) and the
//! order query of analysers (IHE LAW, LAB-27).
//!
//! [`read`] says what is asked, within bounds; [`respond`] writes the answer around what was found. Who may ask and what is
//! found is the appliance's part. A part of a query that is not understood is an error, never ignored.

mod demographics;
mod response;

#[cfg(test)]
mod tests;

use super::error::{ErrorCode, Place, Problem};
use super::header::Header;
use super::message::{Message, Part, Presence, Segment};

pub use demographics::Demographics;
pub use response::{Response, Status, respond};

/// Longest query (QPD) in bytes.
const LONGEST: usize = 8 * 1024;
/// Longest text of one value, in characters.
const LONGEST_TEXT: usize = 200;
/// Longest continuation pointer in bytes.
const LONGEST_POINTER: usize = 8 * 1024;
/// Most domains that a query may name, and most fields that it may search by.
const MOST: usize = 20;

/// The queries that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// QBP^Q11: the open orders of a sample (IHE LAW).
    Q11,
    /// QBP^Q21: one person by a number.
    Q21,
    /// QBP^Q22: everybody who may be meant (IHE PDQ).
    Q22,
    /// QBP^Q23: the other numbers of one person (IHE PIX).
    Q23,
}

impl Trigger {
    /// The query of a header; `None` for other messages.
    pub fn of(header: &Header) -> Option<Self> {
        if header.message_type() != "QBP" {
            return None;
        }
        match header.trigger().as_str() {
            "Q11" => Some(Self::Q11),
            "Q21" => Some(Self::Q21),
            "Q22" => Some(Self::Q22),
            "Q23" => Some(Self::Q23),
            _ => None,
        }
    }

    /// MSH-9 of the response. PDQ's response has the structure that it shares with K21.
    const fn response(self) -> [&'static str; 3] {
        match self {
            Self::Q11 => ["RSP", "K11", "RSP_K11"],
            Self::Q21 => ["RSP", "K21", "RSP_K21"],
            Self::Q22 => ["RSP", "K22", "RSP_K21"],
            Self::Q23 => ["RSP", "K23", "RSP_K23"],
        }
    }
}

/// Who gives numbers, as an HD names it: namespace, universal id and its kind, with its place in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// HD.1.
    pub namespace: String,
    /// HD.2.
    pub universal: String,
    /// HD.3.
    pub kind: String,
    /// Where it stands.
    pub place: Place,
}

/// A number with whoever gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub value: String,
    /// Who gave it.
    pub authority: Option<Authority>,
}

/// Shows the shape only.
impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Number({} characters)", self.value.len())
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The open orders of the sample with this number.
    Orders(String),
    /// The person with this number.
    Person(Number),
    /// Everybody of whom this is true.
    People(Demographics),
    /// All numbers of the person with this number.
    Numbers(Number),
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which one.
    pub trigger: Trigger,
    /// What.
    pub asked: Asked,
    /// Only numbers of these authorities are wanted; empty for all.
    pub domains: Vec<Authority>,
    /// Most persons of one response (RCP-2).
    pub most: Option<usize>,
    /// Where to go on (DSC-1).
    pub pointer: Option<String>,
}

/// Reads a query.
///
/// # Errors
/// All that is wrong with it, each with its place in QPD, RCP or DSC: AE 100 to 104 and 199.
pub fn read(message: &Message, trigger: Trigger) -> Result<Query, Vec<Problem>> {
    let Some(qpd) = message.first("QPD") else {
        let text = "The segment QPD is missing: it says what is asked.";
        return Err(vec![Problem::error(ErrorCode::SegmentSequence, Some(Place::segment("QPD", 1)), text)]);
    };
    if qpd.raw().len() > LONGEST {
        let text = format!("A query has at most {LONGEST} bytes.");
        return Err(vec![Problem::error(ErrorCode::TooLong, Some(Place::segment("QPD", 1)), text)]);
    }
    let mut wrong = Vec::new();
    for (number, what) in [(1_u32, "the name of the query"), (2, "the query tag")] {
        if !qpd.field(number as usize).has_content() {
            wrong.push(missing(qpd_field(number), what));
        }
    }
    let asked = asked(qpd, trigger, &mut wrong);
    let domains = match trigger {
        Trigger::Q11 => Vec::new(),
        Trigger::Q21 | Trigger::Q23 => domains(qpd, 4, &mut wrong),
        Trigger::Q22 => domains(qpd, 8, &mut wrong),
    };
    unread(qpd, trigger, &mut wrong);
    let most = quantity(message, &mut wrong);
    let pointer = pointer(message, &mut wrong);
    match asked {
        Some(asked) if wrong.is_empty() => Ok(Query { trigger, asked, domains, most, pointer }),
        _ => Err(wrong),
    }
}

fn asked(qpd: Segment<'_>, trigger: Trigger, wrong: &mut Vec<Problem>) -> Option<Asked> {
    let field = qpd.field(3);
    if !field.has_content() {
        let text = match trigger {
            Trigger::Q11 => "the number of the sample",
            Trigger::Q21 | Trigger::Q23 => "the number of the person",
            Trigger::Q22 => "what is known of the person, such as @PID.5.1^NAME",
        };
        wrong.push(missing(qpd_field(3), text));
        return None;
    }
    match trigger {
        Trigger::Q22 => demographics::read(qpd, wrong).map(Asked::People),
        Trigger::Q11 | Trigger::Q21 | Trigger::Q23 => {
            if field.repeats().count() > 1 {
                let text = "One query, one number: ask for the second in a query of its own.";
                wrong.push(Problem::error(ErrorCode::Cardinality, Some(qpd_field(3)), text));
            }
            let place = Place { component: 1, repetition: 1, ..qpd_field(3) };
            let one = field.repeat(1);
            let value = value(one.component(1).sub(1), &place, wrong)?;
            if value.is_empty() {
                wrong.push(missing(place, "the number"));
                return None;
            }
            let authority = hd(one.component(4), Place { component: 4, ..place });
            let number = Number { value, authority };
            match trigger {
                Trigger::Q11 => Some(Asked::Orders(number.value)),
                Trigger::Q23 if number.authority.is_none() => {
                    let text = "Say who gave the number: QPD-3.4 names the assigning authority.";
                    let place = Place { component: 4, repetition: 1, ..qpd_field(3) };
                    wrong.push(Problem::error(ErrorCode::RequiredField, Some(place), text));
                    None
                }
                Trigger::Q23 => Some(Asked::Numbers(number)),
                Trigger::Q21 | Trigger::Q22 => Some(Asked::Person(number)),
            }
        }
    }
}

/// The authorities whose numbers are wanted: CX with only its fourth component.
fn domains(qpd: Segment<'_>, field: u32, wrong: &mut Vec<Problem>) -> Vec<Authority> {
    let mut all = Vec::new();
    for (n, one) in (1..).zip(qpd.field(field as usize).repeats()) {
        let place = Place { repetition: n, ..qpd_field(field) };
        if all.len() >= MOST {
            let text = format!("A query names at most {MOST} domains.");
            wrong.push(Problem::error(ErrorCode::Cardinality, Some(place), text));
            break;
        }
        match hd(one.component(4), place.clone()) {
            Some(domain) => all.push(domain),
            None if one.has_content() => {
                let text = "A domain is named in the fourth component, as in ^^^DOMAIN.";
                wrong.push(Problem::error(ErrorCode::RequiredField, Some(place), text));
            }
            None => {}
        }
    }
    all
}

/// Fields of QPD that this query does not know, or that would change the answer in a way that is not known here.
fn unread(qpd: Segment<'_>, trigger: Trigger, wrong: &mut Vec<Problem>) {
    let known: &[usize] = match trigger {
        // What analysers add to the number of a sample: its carrier, its tray and where it stands (IHE LAW). The number
        // alone says which orders are meant; the answer repeats the place with the rest of QPD.
        Trigger::Q11 => &[1, 2, 3, 4, 5, 6, 7, 8],
        Trigger::Q21 | Trigger::Q23 => &[1, 2, 3, 4],
        Trigger::Q22 => &[1, 2, 3, 8],
    };
    for (number, part) in qpd.fields().filter(|(number, part)| !known.contains(number) && part.has_content())
    {
        let place = Place::field("QPD", 1, u32::try_from(number).unwrap_or(u32::MAX));
        let text = if trigger == Trigger::Q22 && (4..=7).contains(&number) {
            "There is one way of finding people here, and all of what is asked must be true: leave QPD-4 to QPD-7 empty."
        } else {
            "This field of the query is not known here; leave it empty."
        };
        if part.presence() != Presence::Delete {
            wrong.push(Problem::error(ErrorCode::Other, Some(place), text));
        }
    }
}

/// RCP: at once, at most so many records.
fn quantity(message: &Message, wrong: &mut Vec<Problem>) -> Option<usize> {
    let rcp = message.first("RCP")?;
    let at = |field, component| {
        let deep = if component > 0 { 1 } else { 0 };
        Place { repetition: deep, component, ..Place::field("RCP", 1, field) }
    };
    if !matches!(rcp.field(1).text().trim(), "" | "I") {
        let text = "Queries are answered at once: RCP-1 is I.";
        wrong.push(Problem::error(ErrorCode::TableValue, Some(at(1, 0)), text));
    }
    if !matches!(rcp.field(3).component(1).text().trim(), "" | "R" | "T") {
        let text = "Queries are answered in real time: RCP-3 is R.";
        wrong.push(Problem::error(ErrorCode::TableValue, Some(at(3, 1)), text));
    }
    let quantity = rcp.field(2);
    let unit = quantity.component(2).sub(1).text().trim().to_owned();
    if !matches!(unit.as_str(), "" | "RD") {
        let text = "Answers are counted in records: the unit in RCP-2.2 is RD.";
        wrong.push(Problem::error(ErrorCode::TableValue, Some(at(2, 2)), text));
    }
    let number = quantity.component(1).text().trim().to_owned();
    if number.is_empty() {
        return None;
    }
    match number.parse::<u32>() {
        Ok(number) if number > 0 => usize::try_from(number).ok(),
        Ok(_) | Err(_) => {
            let text = "RCP-2.1 is a whole number above zero.";
            wrong.push(Problem::error(ErrorCode::DataType, Some(at(2, 1)), text));
            None
        }
    }
}

fn pointer(message: &Message, wrong: &mut Vec<Problem>) -> Option<String> {
    let text = message.first("DSC")?.field(1).text().trim().to_owned();
    if text.len() > LONGEST_POINTER {
        let why = "This is no continuation pointer of an answer from here.";
        wrong.push(Problem::error(ErrorCode::TooLong, Some(Place::field("DSC", 1, 1)), why));
        return None;
    }
    (!text.is_empty()).then_some(text)
}

fn hd(part: Part<'_>, place: Place) -> Option<Authority> {
    let [namespace, universal, kind] = [1, 2, 3].map(|n| short(&part.sub(n).text()));
    let any = !namespace.is_empty() || !universal.is_empty();
    any.then_some(Authority { namespace, universal, kind, place })
}

fn short(text: &str) -> String {
    text.trim().chars().take(LONGEST_TEXT).collect()
}

/// A value that is short enough.
fn value(part: Part<'_>, place: &Place, wrong: &mut Vec<Problem>) -> Option<String> {
    let text = part.text().trim().to_owned();
    if text.chars().count() > LONGEST_TEXT {
        let why = format!("A value that is searched by has at most {LONGEST_TEXT} characters.");
        wrong.push(Problem::error(ErrorCode::TooLong, Some(place.clone()), why));
        return None;
    }
    Some(text)
}

fn qpd_field(field: u32) -> Place {
    Place::field("QPD", 1, field)
}

fn missing(place: Place, what: &str) -> Problem {
    let text = format!("{}-{} is required: {what}.", place.segment, place.field);
    Problem::error(ErrorCode::RequiredField, Some(place), text)
}
