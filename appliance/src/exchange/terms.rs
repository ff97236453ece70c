//! What a message of the inbox can be found by, a year later, among a million others.
//!
//! Every text is folded as in searches of records: case and marks do not matter. A row has few terms: what its header
//! says, the numbers of its patient and orders, and the first words of what it tells.

use std::collections::BTreeSet;

use clinicvault_gateway::fhir::search::{fold::fold, words::split};
use clinicvault_gateway::hl7::{Message, Part, Segment};
use clinicvault_vault::{MAX_QUEUE_TERM, QueueTerm};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::row::Facts;

/// MSH-10.
pub const CONTROL_ID: u8 = 1;
/// MSH-9, such as `oru^r01`.
pub const KIND: u8 = 2;
/// MSH-3 and MSH-4, and the channel.
pub const SENDER: u8 = 3;
/// The peer's address without the port.
pub const PEER: u8 = 4;
/// Numbers of the patient, the visit, the order, the specimen, the appointment, the document.
pub const NUMBER: u8 = 5;
/// A word of what it says.
pub const WORD: u8 = 6;
/// The day of the clinic on which it came, `20260314`.
pub const DAY: u8 = 7;
/// Logical id of the patient it was applied to.
pub const PATIENT: u8 = 8;
/// Fields that a word typed by a person is looked for in.
pub const TYPED: [u8; 6] = [CONTROL_ID, KIND, SENDER, PEER, NUMBER, WORD];

/// Most words of a message. Its first ones are its names and what was ordered or found.
const MOST_WORDS: usize = 60;
/// Most numbers of a message.
const MOST_NUMBERS: usize = 24;
/// Longest part of a field that is read for words, characters.
const LONGEST: usize = 300;

/// Longest part of a text that is no message, characters.
const MOST_PLAIN: usize = 4_000;

/// Where numbers stand: segment and field, the first component of each repetition.
const NUMBERS: [(&str, &[usize]); 10] = [
    ("PID", &[2, 3, 4, 18]),
    ("MRG", &[1, 4]),
    ("PV1", &[19]),
    ("ORC", &[2, 3]),
    ("OBR", &[2, 3]),
    ("SPM", &[2]),
    ("SCH", &[1, 2]),
    ("TXA", &[12]),
    ("RXA", &[15]),
    ("QPD", &[2]),
];
/// Where words are looked for first.
const FIRST: [(&str, &[usize]); 6] =
    [("PID", &[5, 9, 11]), ("MRG", &[7]), ("OBR", &[4]), ("OBX", &[3]), ("TXA", &[2, 5]), ("SCH", &[7])];

/// What was received, as far as it can be read.
#[derive(Debug, Clone, Copy)]
pub enum Content<'m> {
    /// A message of HL7 v2.
    Message(&'m Message),
    /// Text of another form: an analyser's records, a print-out, what could not be read.
    Text(&'m str),
}

/// The terms of a row that came `at`, in a clinic of this `zone`.
pub fn of(facts: &Facts, at: Timestamp, zone: &TimeZone, content: Content<'_>) -> Vec<QueueTerm> {
    let mut out = BTreeSet::new();
    put(&mut out, CONTROL_ID, &facts.control_id);
    put(&mut out, KIND, &facts.kind);
    facts.channel.split('|').for_each(|name| put(&mut out, SENDER, name));
    put(&mut out, SENDER, &facts.sender);
    put(&mut out, SENDER, &facts.through);
    put(&mut out, PEER, facts.peer.rsplit_once(':').map_or(facts.peer.as_str(), |(address, _)| address));
    put(&mut out, DAY, &day(zone.to_datetime(at).date()));
    put(&mut out, PATIENT, facts.patient.as_deref().unwrap_or_default());
    match content {
        Content::Message(message) => {
            numbers(message, &mut out);
            words(message, &mut out);
        }
        Content::Text(text) => plain(text, &mut out),
    }
    out.into_iter().collect()
}

/// A day as it stands in a term.
pub fn day(date: jiff::civil::Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

/// A value as it stands in a term; empty when nothing of it can be looked for.
pub fn value(text: &str) -> String {
    let mut folded = fold(text);
    while folded.len() > MAX_QUEUE_TERM {
        folded.pop();
    }
    folded
}

fn put(out: &mut BTreeSet<QueueTerm>, field: u8, text: &str) {
    let value = value(text).into_bytes();
    if !value.is_empty() {
        out.insert(QueueTerm { field, value });
    }
}

fn numbers(message: &Message, out: &mut BTreeSet<QueueTerm>) {
    let most = out.len() + MOST_NUMBERS;
    for (name, fields) in NUMBERS {
        for segment in message.all(name) {
            for part in fields.iter().flat_map(|field| segment.field(*field).repeats()) {
                if out.len() < most {
                    put(out, NUMBER, &part.component(1).text());
                }
            }
        }
    }
}

/// Runs of letters and digits: with a digit, and long enough to name something, they are numbers.
fn plain(text: &str, out: &mut BTreeSet<QueueTerm>) {
    let head: String = text.chars().take(MOST_PLAIN).collect();
    let most = out.len() + MOST_WORDS + MOST_NUMBERS;
    for word in split(&fold(&head)).filter(|word| is_word(word) || word.len() > 3) {
        if out.len() < most {
            let named = word.len() > 3 && word.chars().any(|c| c.is_ascii_digit());
            put(out, if named { NUMBER } else { WORD }, word);
        }
    }
}

/// Amounts and times are not what anybody remembers a message by.
fn is_word(word: &str) -> bool {
    word.chars().nth(1).is_some() && word.chars().any(char::is_alphabetic)
}

fn words(message: &Message, out: &mut BTreeSet<QueueTerm>) {
    let most = out.len() + MOST_WORDS;
    let mut take = |part: Part<'_>| {
        let text: String = part.text().chars().take(LONGEST).collect();
        for word in split(&fold(&text)) {
            if is_word(word) && out.len() < most {
                put(out, WORD, word);
            }
        }
    };
    for (name, fields) in FIRST {
        for segment in message.all(name) {
            fields.iter().for_each(|field| leaves(segment.field(*field), &mut take));
        }
    }
    for segment in message.segments().filter(is_told) {
        segment.fields().for_each(|(_, field)| leaves(field, &mut take));
    }
}

/// Segments that tell something. A header does not, and a document inside a result is not read.
fn is_told(segment: &Segment<'_>) -> bool {
    let document = segment.is("OBX") && matches!(segment.field(2).text().as_ref(), "ED" | "RP");
    !document && !segment.is("MSH")
}

fn leaves(field: Part<'_>, take: &mut impl FnMut(Part<'_>)) {
    for part in field.repeats().flat_map(|repeat| repeat.components()).flat_map(|component| component.subs())
    {
        take(part);
    }
}
